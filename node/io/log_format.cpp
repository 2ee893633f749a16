#include "node/io/log_format.h"

#include <filesystem>

#include "lib/base/hex.h"

namespace anabranch::io::log_format {

void put_frame(Bytes& out, const FrameHeader& header, BytesView record) {
    const std::size_t start = out.size();
    ByteWriter writer(out);
    writer.u32(header.size);
    writer.u32(static_cast<std::uint32_t>(header.kind));
    writer.u64(header.lsn);
    writer.u64(header.durable);
    const std::uint64_t sum = hash64(record, hash64(BytesView(out).substr(start)));
    writer.u64(sum);
    writer.raw(record);
}

Bytes mark(std::uint64_t next_lsn) {
    Bytes out;
    put_frame(out, {0, FrameKind::mark, next_lsn, next_lsn - 1}, {});
    return out;
}

std::optional<std::pair<FrameHeader, BytesView>> whole_frame(BytesView in) {
    if (in.size() < frame_header_bytes) return {};
    ByteReader reader(in);
    FrameHeader header;
    header.size = reader.u32();
    const std::uint32_t kind = reader.u32();
    header.kind = static_cast<FrameKind>(kind);
    header.lsn = reader.u64();
    header.durable = reader.u64();
    const std::uint64_t sum = reader.u64();
    if (kind > static_cast<std::uint32_t>(FrameKind::mark) || header.lsn == 0 ||
        header.size > record_bytes_max || in.size() - frame_header_bytes < header.size)
        return {};
    const BytesView record = in.substr(frame_header_bytes, header.size);
    if (hash64(record, hash64(in.substr(0, frame_header_bytes - 8))) != sum) return {};
    return std::pair{header, record};
}

Bytes segment_header(std::uint64_t first_lsn) {
    Bytes out(magic);
    ByteWriter writer(out);
    writer.u32(version);
    writer.u32(0);
    writer.u64(first_lsn);
    writer.u64(hash64(out));
    return out;
}

std::string segment_path(const std::string& directory, std::uint64_t first_lsn) {
    return directory + "/" + hex(first_lsn) + ".seg";
}

std::uint64_t first_lsn_of(const std::string& path) {
    return from_hex(std::filesystem::path(path).stem().string()).value_or(0);
}

}  // namespace anabranch::io::log_format
