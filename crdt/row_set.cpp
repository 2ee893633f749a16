#include "crdt/row_set.h"

#include <bit>
#include <utility>

#include "lib/base/check.h"

namespace anabranch::crdt {

namespace {

unsigned slot_of(std::uint64_t matches) {
    return static_cast<unsigned>(std::countr_zero(matches)) / 8;
}

}  // namespace

StoredRow* RowSet::find(std::string_view key, std::uint64_t hash) const {
    const std::uint8_t tag = tag_of(hash);
    std::size_t at = home(hash);
    for (std::size_t left = count_; left != 0; --left, at = after(at)) {
        const Line& line = lines_[at];
        for (std::uint64_t m = line.matches(tag); m != 0; m &= m - 1) {
            StoredRow* const row = line.rows[slot_of(m)];
            if (row->hash == hash && row->key() == key) return row;
        }
        if (line.passed() == 0) break;
    }
    return nullptr;
}

void RowSet::prefetch_line(std::uint64_t hash) const {
    if (count_ != 0) __builtin_prefetch(&lines_[home(hash)]);
}

void RowSet::prefetch_row(std::uint64_t hash) const {
    constexpr std::size_t likely_bytes = 256;  // of a row: its head, key and block
    if (count_ == 0) return;
    const Line& line = lines_[home(hash)];
    const std::uint64_t matches = line.matches(tag_of(hash));
    if (matches == 0) return;
    const auto* row = reinterpret_cast<const char*>(line.rows[slot_of(matches)]);
    for (std::size_t at = 0; at < likely_bytes; at += sizeof(Line)) __builtin_prefetch(row + at);
}

void RowSet::put(StoredRow* row) {
    for (std::size_t at = home(row->hash);; at = after(at)) {
        Line& line = lines_[at];
        if (const std::uint64_t empty = line.matches(0); empty != 0) {
            const unsigned slot = slot_of(empty);
            line.set(slot, tag_of(row->hash));
            line.rows[slot] = row;
            return;
        }
        line.pass();
    }
}

void RowSet::insert(StoredRow* row) {
    if (size_ == count_ * full) spread(count_ == 0 ? 1 : count_ * 2);
    put(row);
    ++size_;
}

bool RowSet::erase(StoredRow* row) {
    const std::uint8_t tag = tag_of(row->hash);
    std::size_t at = home(row->hash);
    for (std::size_t left = count_; left != 0; --left, at = after(at)) {
        Line& line = lines_[at];
        for (std::uint64_t m = line.matches(tag); m != 0; m &= m - 1) {
            const unsigned slot = slot_of(m);
            if (line.rows[slot] != row) continue;
            line.set(slot, 0);
            for (std::size_t by = home(row->hash); by != at; by = after(by)) lines_[by].unpass();
            --size_;
            return true;
        }
        if (line.passed() == 0) break;
    }
    return false;
}

void RowSet::reserve(std::size_t rows) {
    const std::size_t lines = std::bit_ceil((rows + full - 1) / full);
    if (lines > count_) spread(lines);
}

void RowSet::spread(std::size_t lines) {
    CHECK(std::has_single_bit(lines) && lines < std::uint64_t{1} << 32);
    const std::unique_ptr<Line[]> before = std::move(lines_);
    const std::size_t before_count = std::exchange(count_, lines);
    lines_ = std::make_unique<Line[]>(lines);
    shift_ = 32 - static_cast<unsigned>(std::countr_zero(lines));
    constexpr std::size_t ahead = 4;
    for (std::size_t at = 0; at < before_count + ahead; ++at) {
        for (unsigned slot = 0; at < before_count && slot < slots; ++slot)
            if (before[at].tag(slot) != 0) __builtin_prefetch(&before[at].rows[slot]->hash);
        for (unsigned slot = 0; at >= ahead && slot < slots; ++slot)
            if (before[at - ahead].tag(slot) != 0) put(before[at - ahead].rows[slot]);
    }
}

}  // namespace anabranch::crdt
