#include "lib/exec/row.h"

#include <algorithm>

#include "lib/base/check.h"

namespace anabranch::exec {

namespace {

constexpr std::uint64_t slot_of(std::size_t offset, std::size_t size) {
    return static_cast<std::uint64_t>(offset) << 32 | static_cast<std::uint64_t>(size);
}

}  // namespace

RowLayout RowLayout::of(const catalog::Table& table) {
    RowLayout layout;
    layout.storage.reserve(table.columns.size());
    for (const auto& column : table.columns) layout.storage.push_back(sql::storage_of(column.type));
    for (std::uint32_t c = 0; c < layout.storage.size(); ++c)
        if (layout.storage[c] == sql::Storage::bytes) layout.variable.push_back(c);
    layout.bitmap_bytes = static_cast<std::uint32_t>((table.columns.size() + 63) / 64 * 8);
    layout.fixed_bytes = layout.bitmap_bytes + static_cast<std::uint32_t>(8 * table.columns.size());
    return layout;
}

std::size_t packed_size(const RowLayout& layout, std::span<const sql::Datum> values) {
    std::size_t size = layout.fixed_bytes;
    for (std::size_t i = 0; i < layout.storage.size(); ++i) {
        if (layout.storage[i] == sql::Storage::bytes && !values[i].is_null())
            size += values[i].as_bytes().size();
    }
    return size;
}

void pack(const RowLayout& layout, std::span<const sql::Datum> values, char* out) {
    std::memset(out, 0, layout.fixed_bytes);
    std::size_t tail = layout.fixed_bytes;
    for (std::size_t i = 0; i < layout.storage.size(); ++i) {
        const sql::Datum value = values[i];
        if (value.is_null()) {
            out[i >> 3] = static_cast<char>(static_cast<unsigned char>(out[i >> 3]) | 1u << (i & 7));
            continue;
        }
        std::uint64_t slot = 0;
        switch (layout.storage[i]) {
            case sql::Storage::integer:
                slot = static_cast<std::uint64_t>(value.as_integer());
                break;
            case sql::Storage::floating: {
                const double v = value.as_floating();
                std::memcpy(&slot, &v, 8);
                break;
            }
            case sql::Storage::bytes: {
                const std::string_view bytes = value.as_bytes();
                if (!bytes.empty()) std::memcpy(out + tail, bytes.data(), bytes.size());
                slot = slot_of(tail, bytes.size());
                tail += bytes.size();
                break;
            }
        }
        std::memcpy(out + layout.bitmap_bytes + 8 * i, &slot, 8);
    }
}

void set_fixed(const RowLayout& layout, char* row, std::uint32_t column, sql::Datum value) {
    char& bits = row[column >> 3];
    const unsigned mask = 1u << (column & 7);
    std::uint64_t slot = 0;
    if (value.is_null()) {
        bits = static_cast<char>(static_cast<unsigned char>(bits) | mask);
    } else {
        bits = static_cast<char>(static_cast<unsigned char>(bits) & ~mask);
        if (layout.storage[column] == sql::Storage::floating) {
            const double v = value.as_floating();
            std::memcpy(&slot, &v, 8);
        } else {
            CHECK(layout.storage[column] == sql::Storage::integer);
            slot = static_cast<std::uint64_t>(value.as_integer());
        }
    }
    std::memcpy(row + layout.bitmap_bytes + 8 * static_cast<std::size_t>(column), &slot, 8);
}

std::size_t image_size(const RowLayout& layout, RowView row) {
    std::size_t size = layout.fixed_bytes;
    for (const std::uint32_t c : layout.variable) {
        if (static_cast<unsigned char>(row.data()[c >> 3]) >> (c & 7) & 1) continue;
        std::uint64_t slot;
        std::memcpy(&slot, row.data() + layout.bitmap_bytes + 8 * static_cast<std::size_t>(c), 8);
        size = std::max(size, static_cast<std::size_t>((slot >> 32) + (slot & 0xffffffff)));
    }
    return size;
}

void copy_row(const RowLayout& layout, RowView row, std::size_t size, char* out) {
    std::memcpy(out, row.data(), size);
    if (row.nulled() == 0) return;
    std::uint64_t nulls;  // the first 64 columns, bit per column
    std::memcpy(&nulls, out, 8);
    nulls |= layout.size() < 64 ? row.nulled() & ((std::uint64_t{1} << layout.size()) - 1) : row.nulled();
    std::memcpy(out, &nulls, 8);
}

}  // namespace anabranch::exec
