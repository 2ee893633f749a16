// The rows of a table by the hash of their keys. A slot is a pointer and a byte of the hash; seven of them,
// with a count of the rows that found no room in their line, are one line of the cache: a row is two misses
// away, an absent one is one.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "crdt/packed_row.h"

namespace anabranch::crdt {

class RowSet {
  public:
    StoredRow* find(std::string_view key, std::uint64_t hash) const;
    void insert(StoredRow* row);  // whose key is not there
    bool erase(StoredRow* row);
    void reserve(std::size_t rows);

    // Ahead of a find(), for several keys at once: first the lines on their way, then the rows.
    void prefetch_line(std::uint64_t hash) const;
    void prefetch_row(std::uint64_t hash) const;

    std::size_t size() const { return size_; }
    std::size_t memory() const { return count_ * sizeof(Line); }
    template <typename Visit>  // void(StoredRow*)
    void each(Visit&& visit) const {
        for (std::size_t at = 0; at < count_; ++at) {
            for (unsigned slot = 0; slot < slots; ++slot)
                if (lines_[at].tag(slot) != 0) visit(lines_[at].rows[slot]);
        }
    }

  private:
    static constexpr unsigned slots = 7;
    static constexpr std::size_t full = 6;  // rows for each line, over all lines
    struct alignas(64) Line {
        // A byte for each slot, 0 where it is empty; then how many rows have passed this line by, 255 for
        // that many or more, which is not counted down any more.
        std::uint64_t bytes = 0;
        StoredRow* rows[slots];

        std::uint8_t tag(unsigned slot) const { return static_cast<std::uint8_t>(bytes >> 8 * slot); }
        unsigned passed() const { return tag(slots); }
        void set(unsigned slot, std::uint8_t to) {
            bytes = (bytes & ~(std::uint64_t{0xff} << 8 * slot)) | std::uint64_t{to} << 8 * slot;
        }
        // The top bit of each slot's byte that is `tag`.
        std::uint64_t matches(std::uint8_t tag) const {
            constexpr std::uint64_t ones = 0x0101010101010101, lows = ones * 0x7f, tops = (ones << 7) >> 8;
            const std::uint64_t differs = bytes ^ ones * tag;
            return ~(((differs & lows) + lows) | differs) & tops;
        }
        void pass() {
            if (passed() != 255) set(slots, static_cast<std::uint8_t>(passed() + 1));
        }
        void unpass() {
            if (passed() != 255) set(slots, static_cast<std::uint8_t>(passed() - 1));
        }
    };
    // The top bits of a hash choose the line, the low ones are the tag.
    static std::uint8_t tag_of(std::uint64_t hash) {
        const auto low = static_cast<std::uint8_t>(hash);
        return low == 0 ? 1 : low;
    }
    std::size_t home(std::uint64_t hash) const { return hash >> 32 >> shift_; }
    std::size_t after(std::size_t at) const { return (at + 1) & (count_ - 1); }
    void put(StoredRow* row);
    void spread(std::size_t lines);

    std::unique_ptr<Line[]> lines_;
    std::size_t count_ = 0;  // of lines: a power of two, or none
    std::size_t size_ = 0;
    unsigned shift_ = 32;
};

}  // namespace anabranch::crdt
