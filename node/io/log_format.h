// The bytes of a log segment: see log.h. Internal to node/io.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "lib/base/bytes.h"

namespace anabranch::io::log_format {

inline constexpr std::string_view magic = "ANABLOG1";
inline constexpr std::uint32_t version = 2;  // 2: records of a state say what its rows may show
inline constexpr std::size_t segment_header_bytes = 32;
inline constexpr std::size_t frame_header_bytes = 32;
inline constexpr std::size_t record_bytes_max = std::size_t{1} << 30;

enum class FrameKind : std::uint32_t {
    record = 0,
    mark = 1,  // carries no record: all before its lsn is durable; the next record takes its place
};

struct FrameHeader {
    std::uint32_t size = 0;
    FrameKind kind = FrameKind::record;
    std::uint64_t lsn = 0;
    std::uint64_t durable = 0;
};

void put_frame(Bytes& out, const FrameHeader& header, BytesView record);
Bytes mark(std::uint64_t next_lsn);
// A whole frame at the start of `in`, or nothing.
std::optional<std::pair<FrameHeader, BytesView>> whole_frame(BytesView in);

Bytes segment_header(std::uint64_t first_lsn);
std::string segment_path(const std::string& directory, std::uint64_t first_lsn);
std::uint64_t first_lsn_of(const std::string& path);  // 0: not a segment's name

}  // namespace anabranch::io::log_format
