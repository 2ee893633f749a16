#include "confluence/search_meet.h"

#include <algorithm>

#include "lib/base/bytes.h"

namespace anabranch::confluence {

namespace {

using catalog::InvariantKind;

bool derives(const catalog::ForeignKey& key) {
    return key.on_delete == catalog::OnDelete::cascade || key.on_delete == catalog::OnDelete::set_null ||
           key.on_delete == catalog::OnDelete::set_default;
}

// Tables whose rows one violation of the invariant can consist of, where that is more than one row.
std::vector<TableId> members(const catalog::Schema& schema, const catalog::Invariant& invariant) {
    switch (invariant.kind) {
        case InvariantKind::not_null:
        case InvariantKind::check:
        case InvariantKind::lost_update:
            return {};
        case InvariantKind::primary_key:
        case InvariantKind::unique:
        case InvariantKind::exclude:
            return {invariant.table};
        case InvariantKind::foreign_key: {
            const auto& key = std::get<catalog::ForeignKeyInvariant>(invariant.what);
            return {invariant.table, schema.table(invariant.table).foreign_keys[key.index].parent};
        }
        case InvariantKind::assertion:
            return std::get<catalog::AssertionInvariant>(invariant.what).tables;
    }
    return {};
}

}  // namespace

Meeting::Meeting(Engine& engine) : engine_(engine), lost_(engine.schema()) {
    connect();
}

// The table, and those whose rows its rows hide or change by being deleted.
std::vector<TableId> Meeting::affected(TableId table) const {
    const auto& schema = engine_.schema();
    std::vector<TableId> out{table};
    for (std::size_t i = 0; i < out.size(); ++i)
        for (const auto& child : schema.tables)
            for (const auto& key : child.foreign_keys)
                if (key.parent == out[i] && derives(key) &&
                    std::find(out.begin(), out.end(), child.id) == out.end())
                    out.push_back(child.id);
    return out;
}

void Meeting::connect() {
    const auto& schema = engine_.schema();
    const std::size_t count = schema.tables.size();
    std::vector<std::vector<bool>> direct(count, std::vector<bool>(count));
    std::vector<bool> local(count);
    for (const auto& invariant : schema.invariants) {
        const auto tables = members(schema, invariant);
        for (const auto a : tables)
            for (const auto b : tables)
                if (a != b || invariant.kind != InvariantKind::foreign_key) direct[a.value][b.value] = true;
        if (tables.empty()) local[invariant.table.value] = true;
    }
    // A reference to the table itself: the row that goes and the row that arrives are of one table.
    for (const auto& table : schema.tables)
        for (const auto& key : table.foreign_keys)
            if (key.parent == table.id) direct[table.id.value][table.id.value] = true;
    std::vector<std::vector<TableId>> reach;
    for (const auto& table : schema.tables) reach.push_back(affected(table.id));
    connected_.assign(count, std::vector<bool>(count));
    related_.resize(count);
    for (std::size_t a = 0; a < count; ++a)
        for (std::size_t b = 0; b < count; ++b) {
            bool meet = false;
            for (const auto x : reach[a])
                for (const auto y : reach[b]) {
                    if (direct[x.value][y.value]) meet = true;
                    if (x == y && (x.value != a || y.value != b) && local[x.value]) meet = true;
                }
            connected_[a][b] = meet;
        }
    for (std::size_t a = 0; a < count; ++a)
        for (std::size_t b = 0; b < count; ++b)
            if (a == b || connected_[a][b] || connected_[b][a])
                related_[a].push_back(static_cast<std::uint32_t>(b));
}

bool Meeting::matters(const crdt::Delta& a, const crdt::Delta& b) const {
    for (const auto& x : a.rows)
        for (const auto& y : b.rows)
            if (connected_[x.table.value][y.table.value]) return true;
    return share_row(a, b);
}

bool Meeting::share_row(const crdt::Delta& a, const crdt::Delta& b) {
    for (const auto& x : a.rows)
        for (const auto& y : b.rows)
            if (x.table == y.table && x.key == y.key) return true;
    return false;
}

bool Meeting::ordered(const crdt::Delta& a, const crdt::Delta& b) {
    for (const auto& x : a.rows)
        for (const auto& y : b.rows) {
            if (x.table != y.table || x.key != y.key) continue;
            if ((x.add || x.remove) && (y.add || y.remove)) return true;
            for (const auto& g : x.groups)
                for (const auto& h : y.groups)
                    if (g.group == h.group) return true;
            for (const auto& c : x.counters)
                for (const auto& d : y.counters)
                    if (c.column == d.column && c.has_initial && d.has_initial) return true;
        }
    return false;
}

std::uint64_t Meeting::context(const SearchState& state, const Effect& a, const Effect& b) const {
    std::vector<bool> tables(state.digests.size());
    for (const auto* effect : {&a, &b})
        for (const auto& row : effect->delta.rows)
            for (const auto related : related_[row.table.value]) tables[related] = true;
    Bytes bytes;
    ByteWriter out(bytes);
    out.u64(a.content);
    out.u64(b.content);
    out.u8(a.delta.stamp < b.delta.stamp ? 1 : 0);
    out.varint(a.call.transaction);
    out.varint(b.call.transaction);
    for (std::size_t i = 0; i < tables.size(); ++i)
        if (tables[i]) out.u64(state.digests[i]);
    return hash64(bytes);
}

std::vector<std::uint32_t> Meeting::broken(const SearchSpace& space, const SearchState& state,
                                           std::span<const Effect* const> effects) const {
    const auto& schema = engine_.schema();
    std::vector<std::uint32_t> out;
    const auto database = space.join(state, effects);
    for (const auto& violation : exec::find_violations(schema, *database, 1))
        out.push_back(violation.invariant);
    std::vector<LostUpdates::Written> deltas;
    for (const auto* effect : effects) deltas.push_back({&effect->delta, effect->call.transaction});
    for (const auto& lost : lost_.find(deltas))
        for (std::uint32_t i = 0; i < schema.invariants.size(); ++i)
            if (schema.invariants[i].name == lost.invariant) out.push_back(i);
    return out;
}

}  // namespace anabranch::confluence
