// Big-endian words of PostgreSQL's binary formats.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace anabranch::sql {

template <typename T>
void put_word(std::string& out, T value) {
    for (int shift = 8 * static_cast<int>(sizeof(T)) - 8; shift >= 0; shift -= 8) {
        out += static_cast<char>(static_cast<std::uint64_t>(value) >> shift & 0xff);
    }
}

// Overwrites what put_word wrote at `at`: for sizes known only afterwards.
inline void set_size(std::string& out, std::size_t at, std::size_t size) {
    for (std::size_t i = 0; i < 4; ++i) out[at + i] = static_cast<char>(size >> (24 - 8 * i) & 0xff);
}

// Bounded reader; latches failed() like base's ByteReader.
class WordReader {
  public:
    explicit WordReader(std::string_view in) : in_(in) {}
    bool failed() const { return failed_; }
    bool complete() const { return !failed_ && in_.empty(); }
    std::size_t left() const { return in_.size(); }
    template <typename T>
    T get() {
        const std::string_view bytes = raw(sizeof(T));
        std::uint64_t value = 0;
        for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
        return static_cast<T>(value);
    }
    std::string_view raw(std::size_t size) {
        if (size > in_.size()) {
            failed_ = true;
            in_ = {};
            return {};
        }
        const std::string_view out = in_.substr(0, size);
        in_.remove_prefix(size);
        return out;
    }

  private:
    std::string_view in_;
    bool failed_ = false;
};

}  // namespace anabranch::sql
