#include "node/io/inbox.h"

#include <algorithm>
#include <cstring>

namespace anabranch::io {

namespace {
constexpr std::size_t read_bytes = 64 * 1024;
constexpr std::size_t kept_bytes = 1024 * 1024;  // a buffer for larger messages is given back
}  // namespace

std::span<char> Inbox::room() {
    const std::size_t left = end_ - begin_;
    if (left == 0 && buffer_.size() > kept_bytes) buffer_ = {};
    if (left > 0 && begin_ > 0) std::memmove(buffer_.data(), buffer_.data() + begin_, left);
    begin_ = 0;
    end_ = left;
    const std::size_t wanted = std::max(left + read_bytes / 2, size().value_or(0) + header_bytes);
    if (buffer_.size() < wanted) buffer_.resize(std::max(wanted, read_bytes));
    return {buffer_.data() + end_, buffer_.size() - end_};
}

std::uint32_t Inbox::word() const {
    return ByteReader(unread()).u32();
}

std::optional<std::size_t> Inbox::size() const {
    if (end_ - begin_ < header_bytes) return {};
    return word() & ~compressed_bit;
}

std::optional<Inbox::Frame> Inbox::take() {
    const auto body = size();
    if (!body || end_ - begin_ < header_bytes + *body) return {};
    const Frame out{unread().substr(header_bytes, *body), (word() & compressed_bit) != 0};
    begin_ += header_bytes + *body;
    return out;
}

}  // namespace anabranch::io
