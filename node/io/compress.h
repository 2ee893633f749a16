// zstd, level 1: for batches and checkpoint parts that are large enough to gain by it (a third to a tenth of
// the bytes, at some hundred megabytes a second).
#pragma once

#include <optional>

#include "lib/base/bytes.h"

namespace anabranch::io {

inline constexpr std::size_t compress_from_bytes = 1024;

// Nothing when it would not get smaller.
std::optional<Bytes> compress(BytesView bytes);
// Nothing when it is damaged or would be larger than `bytes_max`.
std::optional<Bytes> decompress(BytesView bytes, std::size_t bytes_max);

}  // namespace anabranch::io
