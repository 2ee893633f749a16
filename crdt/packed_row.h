// A row as it is stored: a cell that never moves, with the key, and one block of bytes that holds the image
// the executor reads and the metadata that merging needs. The block lies behind the key, where whoever has
// found the row finds it in the cache, until it grows out of its room there.
//
//   block  [image: exec/row.h, current values, counters summed][meta]
//   meta   [head][deleted_at, per_key tables][initial value per counter][their NULL bits][parent per derived
//   foreign key]
//          [dots][stamps that differ from the base stamp][counter totals][parents' keys that columns do not
//          spell]
//
// Most rows were written by one commit: its stamp is the base, and only registers written since have stamps
// of their own. The base is the least stamp of the row, so that equal states have equal bytes, whatever way
// they came about: digests hash the block as it is.
#pragma once

#include <cstdint>
#include <string_view>

#include "crdt/row_state.h"
#include "crdt/table_shape.h"
#include "lib/base/bytes.h"
#include "lib/exec/row.h"

namespace anabranch::crdt {

struct StoredRow {
    char* block = nullptr;
    StoredRow* older =
        nullptr;  // per_insert tables: the next live insert of the same key, by descending incarnation
    std::uint64_t hash = 0;        // of the key
    std::uint64_t nulled = 0;      // see exec::RowView
    std::uint32_t image_size = 0;  // a multiple of 8, like meta_size
    std::uint32_t meta_size = 0;
    std::uint32_t capacity = 0;
    std::uint32_t key_size = 0;
    std::uint32_t room = 0;  // for a block, behind the key
    bool first = true;       // of the live inserts of its key
    bool alive = false;
    bool hidden = false;  // alive, but a parent is gone
    bool marked = false;  // for the duration of one visibility.h pass
    bool shown = false;   // what the executor sees of its key, and what the indexes hold

    bool visible() const { return alive && !hidden; }
    std::string_view key() const { return {reinterpret_cast<const char*>(this + 1), key_size}; }
    std::string_view bytes() const { return {block, std::size_t{image_size} + meta_size}; }
    exec::RowView view(const TableShape& shape) const { return {block, &shape.layout, nulled}; }
    std::size_t memory() const {
        return sizeof(StoredRow) + key_room(key_size) + room + (has_own_block() ? capacity : 0);
    }
    bool has_own_block() const { return block != nullptr && (room == 0 || block != inside()); }
    char* inside() const {
        return const_cast<char*>(reinterpret_cast<const char*>(this + 1)) + key_room(key_size);
    }
    static std::size_t key_room(std::size_t key_size) { return (key_size + 7) / 8 * 8; }

    static StoredRow* make(std::string_view key, std::uint64_t hash, std::size_t room);
    static void destroy(StoredRow* row);
};

inline constexpr std::size_t total_bytes = 32;  // of one origin in one counter

// A block in the making, and memory to make it with.
struct PackBuffer {
    Bytes bytes;
    std::uint32_t image_size = 0;
    bool alive = false;
    std::vector<sql::Datum> values;
};

void unpack(const StoredRow& row, const TableShape& shape, RowState& out);
// Bytes that claim to be a block: whether they are one that unpack() can read; and unpacks them.
bool well_formed(std::string_view block, std::uint32_t image_size, const TableShape& shape);
void unpack(std::string_view block, std::uint32_t image_size, const TableShape& shape, RowState& out);
void pack(const RowState& state, const TableShape& shape, PackBuffer& out);
// Makes the buffer the row's block. Apart from pack(), since a state borrows from the block it was unpacked
// from.
void install(const PackBuffer& buffer, StoredRow& row);

// Single questions to a packed row.
Stamp incarnation_of(const StoredRow& row);
Stamp deleted_at_of(const StoredRow& row, const TableShape& shape);
ParentReference reference_of(const StoredRow& row, const TableShape& shape, std::uint32_t derived);
Existence existence_of(const StoredRow& row, const TableShape& shape);
bool contested(const StoredRow& row, const TableShape& shape);
CounterTotal total_of(const StoredRow& row, const TableShape& shape, std::uint32_t counter, ReplicaId origin);
// Raises an origin's total in place. False if the row does not hold one of that origin yet: nothing was
// changed.
bool raise_total(StoredRow& row, const TableShape& shape, std::uint32_t counter, const CounterTotal& to);
bool has_total(const StoredRow& row, const TableShape& shape, std::uint32_t counter, ReplicaId origin);

}  // namespace anabranch::crdt
