#include "node/io/compress.h"

#include <zstd.h>

namespace anabranch::io {

namespace {

// Its tables are made once for each thread: most of what compressing a few kilobytes would cost.
struct Compressor {
    ZSTD_CCtx* context = ZSTD_createCCtx();
    ~Compressor() { ZSTD_freeCCtx(context); }
};

}  // namespace

std::optional<Bytes> compress(BytesView bytes) {
    thread_local const Compressor compressor;
    Bytes out(ZSTD_compressBound(bytes.size()), '\0');
    const std::size_t size =
        ZSTD_compressCCtx(compressor.context, out.data(), out.size(), bytes.data(), bytes.size(), 1);
    if (ZSTD_isError(size) != 0 || size >= bytes.size()) return {};
    out.resize(size);
    return out;
}

std::optional<Bytes> decompress(BytesView bytes, std::size_t bytes_max) {
    // One frame that says its size, as compress() makes it: nothing is reserved on the word of a peer beyond
    // the bound.
    const unsigned long long size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size > bytes_max) return {};
    Bytes out(static_cast<std::size_t>(size), '\0');
    const std::size_t done = ZSTD_decompress(out.data(), out.size(), bytes.data(), bytes.size());
    if (ZSTD_isError(done) != 0 || done != out.size()) return {};
    return out;
}

}  // namespace anabranch::io
