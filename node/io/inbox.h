// What has come in on a link, and the messages in it: one read may bring several, or a part of one.
//
//     [u32 size, its highest bit: the body is compressed][body]
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "lib/base/bytes.h"

namespace anabranch::io {

class Inbox {
  public:
    static constexpr std::size_t header_bytes = 4;
    static constexpr std::uint32_t compressed_bit = 0x80000000;

    // Where the next read goes: at least what is known to be missing, or some.
    std::span<char> room();
    void got(std::size_t size) { end_ += size; }

    struct Frame {
        BytesView body;  // until room() is asked for
        bool compressed = false;
    };
    // The next one, if it is whole. The caller looks at size() first: it may be anything.
    std::optional<std::size_t> size() const;  // of the next one's body, once its header is there
    std::optional<Frame> take();
    BytesView unread() const { return BytesView(buffer_).substr(begin_, end_ - begin_); }

  private:
    std::uint32_t word() const;
    Bytes buffer_;
    std::size_t begin_ = 0, end_ = 0;  // of what has not been taken
};

}  // namespace anabranch::io
