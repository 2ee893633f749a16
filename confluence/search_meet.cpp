#include "confluence/search_meet.h"

#include <algorithm>

#include "lib/base/bytes.h"
#include "lib/exec/violations.h"

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

Meeting::Meeting(Engine& engine, const LostUpdates& lost, std::optional<std::uint32_t> only)
    : engine_(engine), lost_(lost), only_(only) {
    connect();
    find_near();
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
    for (std::uint32_t i = 0; i < schema.invariants.size(); ++i) {
        if (!counts(i)) continue;
        const auto& invariant = schema.invariants[i];
        const auto tables = members(schema, invariant);
        for (const auto a : tables)
            for (const auto b : tables)
                if (a != b || invariant.kind != InvariantKind::foreign_key) direct[a.value][b.value] = true;
        if (tables.empty()) local[invariant.table.value] = true;
        // A reference to the table itself: the row that goes and the row that arrives are of one table.
        if (invariant.kind == InvariantKind::foreign_key && tables[0] == tables[1])
            direct[tables[0].value][tables[0].value] = true;
    }
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

// Which invariants a change of a table's rows may break.
void Meeting::find_near() {
    const auto& schema = engine_.schema();
    std::vector<std::vector<std::uint32_t>> reading(schema.tables.size());
    lossy_.assign(schema.tables.size(), false);
    for (std::uint32_t i = 0; i < schema.invariants.size(); ++i) {
        if (!counts(i)) continue;
        const auto& invariant = schema.invariants[i];
        if (invariant.kind == InvariantKind::lost_update) {
            losses_.emplace(invariant.name, i);
            lossy_[invariant.table.value] = true;
            continue;
        }
        auto tables = members(schema, invariant);
        if (tables.empty()) tables.push_back(invariant.table);
        for (const auto table : tables) reading[table.value].push_back(i);
    }
    for (const auto& table : schema.tables) {
        std::vector<std::uint32_t> all;
        for (const auto reached : affected(table.id))
            all.insert(all.end(), reading[reached.value].begin(), reading[reached.value].end());
        std::sort(all.begin(), all.end());
        all.erase(std::unique(all.begin(), all.end()), all.end());
        near_.push_back(std::move(all));
    }
}

bool Meeting::matters(const crdt::Delta& a, const crdt::Delta& b) const {
    for (const auto& x : a.rows)
        for (const auto& y : b.rows)
            if (connected_[x.table.value][y.table.value]) return true;
    return share_row_near(a, b);
}

bool Meeting::share_row_near(const crdt::Delta& a, const crdt::Delta& b) const {
    for (const auto& x : a.rows)
        for (const auto& y : b.rows)
            if (x.table == y.table && x.key == y.key &&
                (lossy_[x.table.value] || !near_[x.table.value].empty()))
                return true;
    return false;
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

// Invariants that may be broken by what the effects write: no other one can have become so by joining them.
std::vector<std::uint32_t> Meeting::near(std::span<const Effect* const> effects) const {
    std::vector<std::uint32_t> out;
    for (const auto* effect : effects)
        for (const auto& row : effect->delta.rows)
            out.insert(out.end(), near_[row.table.value].begin(), near_[row.table.value].end());
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

bool Meeting::may_lose(std::span<const Effect* const> effects) const {
    return std::any_of(effects.begin(), effects.end(), [&](const Effect* effect) {
        return std::any_of(effect->delta.rows.begin(), effect->delta.rows.end(),
                           [&](const auto& row) { return lossy_[row.table.value]; });
    });
}

std::vector<std::uint32_t> Meeting::broken(const SearchSpace& space, const SearchState& state,
                                           std::span<const Effect* const> effects) const {
    std::vector<std::uint32_t> out;
    if (const auto asked = near(effects); !asked.empty())
        out = exec::violated(engine_.schema(), *space.join(state, effects), asked);
    if (!may_lose(effects)) return out;
    std::vector<LostUpdates::Written> deltas;
    for (const auto* effect : effects) deltas.push_back({&effect->delta, effect->call.transaction});
    for (const auto& lost : lost_.find(deltas))
        if (const auto found = losses_.find(lost.invariant); found != losses_.end())
            out.push_back(found->second);
    return out;
}

}  // namespace anabranch::confluence
