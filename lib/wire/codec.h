// Peer messages to bytes and back. The only file that knows Cap'n Proto.
#pragma once

#include "lib/base/error.h"
#include "lib/wire/messages.h"

namespace anabranch::wire {

inline constexpr std::size_t message_bytes_max = 64 * 1024 * 1024;

// Without the frame's length prefix.
Bytes encode(const Message& message);
// Hostile input: any malformed, oversized or unsorted content is an Error 08P01 that says what is wrong.
// Never throws, never reads outside `bytes`.
Result<Message> decode(BytesView bytes);

}  // namespace anabranch::wire
