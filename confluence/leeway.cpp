#include "confluence/leeway.h"

#include <algorithm>

#include "confluence/smt/pair.h"

namespace anabranch::confluence {

using smt::Side;

namespace {

// One pair is proved again so many times at most to find out what it can do without.
constexpr std::size_t tries_max = 40;

std::set<TableId> tables_of(const Access& access) {
    std::set<TableId> out;
    for (const auto& [table, use] : access.tables) out.insert(table);
    return out;
}

bool overlap(const std::set<TableId>& a, const std::set<TableId>& b) {
    return std::any_of(a.begin(), a.end(), [&](TableId table) { return b.contains(table); });
}

std::set<std::uint32_t> common(const std::set<std::uint32_t>& a, const std::set<std::uint32_t>& b) {
    std::set<std::uint32_t> out;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(out, out.end()));
    return out;
}

}  // namespace

Touches all_touches(const catalog::Schema& schema) {
    Touches out;
    for (const catalog::Table& table : schema.tables) {
        Touch& touch = out[table.id];
        touch.appear = touch.vanish = true;
        touch.merges = table.identity == catalog::RowIdentity::per_key;
        for (std::uint32_t c = 0; c < table.columns.size(); ++c) touch.columns.insert(c);
    }
    for (const catalog::Table& table : schema.tables) {
        for (const auto& [id, derived] : derived_touches(schema, table.id, true, true))
            out[id].derived.insert(derived.derived.begin(), derived.derived.end());
    }
    return out;
}

std::vector<std::uint32_t> obligations_of(const smt::Analysis& analysis, std::uint32_t first,
                                          std::uint32_t second) {
    std::vector<std::uint32_t> out;
    const auto& invariants = analysis.schema().invariants;
    for (std::uint32_t i = 0; i < invariants.size(); ++i)
        if (may_break_together(analysis.schema(), invariants[i], analysis.touches[first],
                               analysis.touches[second]))
            out.push_back(i);
    return out;
}

bool keep_together(smt::Analysis& analysis, std::uint32_t first, std::uint32_t second,
                   const std::vector<std::uint32_t>& invariants, const Touches& others) {
    if (invariants.empty()) return true;
    analysis.touched = others;
    analysis.claimed.clear();
    for (const auto& [table, touch] : others)
        if (touch.appear && touch.merges) analysis.claimed.insert(table);
    smt::Pair pair(analysis, first, second, invariants);
    const smt::Dropped of_first = pair.met_by(Side::first, others);
    const smt::Dropped of_second = pair.met_by(Side::second, others);
    return std::all_of(invariants.begin(), invariants.end(), [&](std::uint32_t invariant) {
        return pair.settle(invariant, of_first, of_second, smt::Expect::proof).proved;
    });
}

Leeway::Leeway(const catalog::SchemaPtr& schema, const catalog::Plan& plan)
    : schema_(*schema),
      plan_(plan),
      analysis_(schema),
      declared_(analysis_.touched),
      everything_(all_touches(schema_)),
      leeway_(everything_) {}

bool Leeway::is_ordered(std::uint32_t transaction) const {
    return plan_.transactions[transaction].route == catalog::Route::ordered;
}

const Touch& Leeway::in(TableId table) {
    if (!settled_.contains(table)) {
        const std::set<TableId> near = connected({table});
        const auto count = static_cast<std::uint32_t>(schema_.transactions.size());
        for (std::uint32_t a = 0; a < count; ++a) {
            if (!overlap(tables_of(analysis_.access[a]), near)) continue;
            for (std::uint32_t b = a; b < count; ++b)
                if (!(is_ordered(a) && is_ordered(b))) settle({a, b});
        }
        settled_.insert(near.begin(), near.end());
    }
    return leeway_[table];
}

Touches Leeway::with_declared(Touches touches) const {
    add_touches(touches, declared_);
    return touches;
}

Touches Leeway::writes_of_all() const {
    return with_declared(leeway_);
}

std::string Leeway::who_needs(TableId table) const {
    std::string out;
    const auto found = needed_by_.find(table);
    if (found == needed_by_.end()) return out;
    for (const std::uint32_t t : found->second)
        out += (out.empty() ? "" : ", ") + schema_.transactions[t].display();
    return out;
}

// Tables that one of these reaches over transactions that use both, and over references.
std::set<TableId> Leeway::connected(std::set<TableId> tables) const {
    std::vector<std::set<TableId>> links;
    for (const Access& access : analysis_.access) links.push_back(tables_of(access));
    for (const Access& access : analysis_.invariant_reads) links.push_back(tables_of(access));
    for (bool changed = true; changed;) {
        changed = false;
        for (const auto& link : links) {
            if (!overlap(link, tables)) continue;
            for (const TableId table : link) changed |= tables.insert(table).second;
        }
    }
    return tables;
}

// Tables that facts of the pair are about.
std::set<TableId> Leeway::relevant(PairKey key, const std::vector<std::uint32_t>& invariants) const {
    std::set<TableId> out = tables_of(analysis_.access[key.first]);
    out.merge(tables_of(analysis_.access[key.second]));
    for (const std::uint32_t i : invariants) out.merge(tables_of(analysis_.invariant_reads[i]));
    const std::set<TableId> own = out;
    for (const Access& reads : analysis_.invariant_reads)
        if (overlap(tables_of(reads), own)) out.merge(tables_of(reads));
    return out;
}

bool Leeway::holds(PairKey key, const std::vector<std::uint32_t>& invariants, const Touches& others) {
    return keep_together(analysis_, key.first, key.second, invariants, others);
}

Touches Leeway::without_parents_going(const std::set<TableId>& tables) const {
    Touches out = everything_;
    for (const TableId child : tables) {
        for (const catalog::ForeignKey& fk : schema_.table(child).foreign_keys) {
            out[fk.parent].vanish = false;
            for (const ColumnId c : fk.parent_columns) out[fk.parent].columns.erase(c.value);
        }
    }
    return with_declared(std::move(out));
}

// Gives back what the proof can do without, in one table.
void Leeway::grow(PairKey key, const std::vector<std::uint32_t>& invariants, TableId table, Touches& others) {
    const Touch& all = everything_[table];
    const auto attempt = [&](auto&& change) {
        if (tries_ >= tries_max) return false;
        ++tries_;
        const Touch before = others[table];
        change(others[table]);
        if (holds(key, invariants, others)) return true;
        others[table] = before;
        return false;
    };
    if (attempt([&](Touch& touch) { touch = all; })) return;
    attempt([&](Touch& touch) {
        touch.appear = all.appear;
        touch.merges = all.merges;
    });
    attempt([&](Touch& touch) { touch.vanish = all.vanish; });
    const auto add_column = [&](Touch& touch, std::uint32_t c) {
        touch.columns.insert(c);
        if (all.derived.contains(c)) touch.derived.insert(c);
    };
    if (attempt([&](Touch& touch) {
            for (const std::uint32_t c : all.columns) add_column(touch, c);
        }))
        return;
    for (const std::uint32_t c : all.columns)
        if (!others[table].columns.contains(c)) attempt([&](Touch& touch) { add_column(touch, c); });
}

void Leeway::narrow(PairKey key, const Touches& to) {
    for (auto& [table, left] : leeway_) {
        const auto found = to.find(table);
        const Touch touch = found == to.end() ? Touch{} : found->second;
        const Touch& all = everything_[table];
        if (touch.appear == all.appear && touch.vanish == all.vanish && touch.columns == all.columns &&
            touch.derived == all.derived)
            continue;
        left.appear = left.appear && touch.appear;
        left.merges = left.merges && touch.merges;
        left.vanish = left.vanish && touch.vanish;
        left.columns = common(left.columns, touch.columns);
        left.derived = common(left.derived, touch.derived);
        needed_by_[table].insert({key.first, key.second});
    }
}

void Leeway::settle(PairKey key) {
    const auto invariants = obligations_of(analysis_, key.first, key.second);
    if (invariants.empty() || holds(key, invariants, everything_)) return;
    const std::set<TableId> tables = relevant(key, invariants);
    // Mostly all that is needed is that a parent which was seen does not go.
    if (const Touches others = without_parents_going(tables); holds(key, invariants, others))
        return narrow(key, others);
    Touches others = everything_;
    for (const TableId table : tables) others.erase(table);
    others = with_declared(std::move(others));
    if (holds(key, invariants, others)) {
        tries_ = 0;
        for (const TableId table : tables) grow(key, invariants, table, others);
        return narrow(key, others);
    }
    // The proof needed more than this asks: facts that the other transactions were shown to keep. Nobody else
    // may write where these are.
    others = everything_;
    for (const TableId table : connected(tables)) others.erase(table);
    narrow(key, others);
}

}  // namespace anabranch::confluence
