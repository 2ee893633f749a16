// A stored row as packed bytes: what the executor reads and the tables keep. One allocation per row, fixed
// slots for fixed-size columns.
//
//   [null bitmap: one bit per column, rounded up to 8 bytes][one 8-byte slot per column][bytes of
//   variable-size columns]
//
// A slot holds an int64, a double, or (offset from the row's start << 32 | size) of the column's bytes. The
// row's total size is kept by its owner.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "lib/base/arena.h"
#include "lib/catalog/schema.h"
#include "lib/sql/datum.h"

namespace anabranch::exec {

// Computed once per table.
struct RowLayout {
    std::vector<sql::Storage> storage;  // per column
    std::uint32_t bitmap_bytes = 0;
    std::uint32_t fixed_bytes = 0;        // bitmap + slots
    std::vector<std::uint32_t> variable;  // columns whose bytes are in the tail
    static RowLayout of(const catalog::Table& table);
    std::size_t size() const { return storage.size(); }
};

// A borrowed row. `nulled` marks columns that read as NULL although stored: references that ON DELETE SET
// NULL has ended (bit = column; only the first 64 columns may be such references, which the catalog
// enforces).
class RowView {
  public:
    RowView() = default;
    RowView(const char* data, const RowLayout* layout, std::uint64_t nulled = 0)
        : data_(data), layout_(layout), nulled_(nulled) {}
    explicit operator bool() const { return data_ != nullptr; }
    sql::Datum get(std::uint32_t column) const {
        if (static_cast<unsigned char>(data_[column >> 3]) >> (column & 7) & 1) return {};
        if (nulled_ != 0 && column < 64 && (nulled_ >> column & 1)) return {};
        std::uint64_t slot;
        std::memcpy(&slot, data_ + layout_->bitmap_bytes + 8 * static_cast<std::size_t>(column), 8);
        switch (layout_->storage[column]) {
            case sql::Storage::integer:
                return sql::Datum::integer(static_cast<std::int64_t>(slot));
            case sql::Storage::floating: {
                double v;
                std::memcpy(&v, &slot, 8);
                return sql::Datum::floating(v);
            }
            case sql::Storage::bytes:
                return sql::Datum::bytes({data_ + (slot >> 32), static_cast<std::size_t>(slot & 0xffffffff)});
        }
        return {};
    }
    const char* data() const { return data_; }
    const RowLayout* layout() const { return layout_; }
    std::uint64_t nulled() const { return nulled_; }

  private:
    const char* data_ = nullptr;
    const RowLayout* layout_ = nullptr;
    std::uint64_t nulled_ = 0;
};

std::size_t packed_size(const RowLayout& layout, std::span<const sql::Datum> values);
// Writes packed_size() bytes to `out`.
void pack(const RowLayout& layout, std::span<const sql::Datum> values, char* out);
// Overwrites one fixed-size column in place (counters): the row must be owned by the caller.
void set_fixed(const RowLayout& layout, char* row, std::uint32_t column, sql::Datum value);
// Bytes of a packed row, tail included.
std::size_t image_size(const RowLayout& layout, RowView row);
// Copies image_size() bytes of a row to `out`; what the view shows as NULL is NULL in the copy.
void copy_row(const RowLayout& layout, RowView row, std::size_t size, char* out);

}  // namespace anabranch::exec
