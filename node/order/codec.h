// Bytes of the order's values, for links and for the log. One flat format: LEB128 varints, ids as 8 bytes,
// lists and payloads with their length in front. Integrity (length, checksum) is the carrier's business;
// decoders refuse what is not well formed and never overrun.
#pragma once

#include "node/order/message.h"
#include "node/order/types.h"

namespace anabranch::order {

Bytes encode(const Message& message);
Result<Message> decode_message(BytesView bytes);

// Parts, for records. The getters latch reader.failed().
void put(ByteWriter& writer, const Dots& dots);
void put(ByteWriter& writer, const Entry& entry);
void put(ByteWriter& writer, const Snapshot& snapshot);
Dots get_dots(ByteReader& reader);
Entry get_entry(ByteReader& reader);
Snapshot get_snapshot(ByteReader& reader);

}  // namespace anabranch::order
