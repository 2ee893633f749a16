#include "crdt/partial_merge.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "crdt/cell.h"
#include "lib/base/check.h"
#include "lib/sql/key.h"

namespace anabranch::crdt {

namespace {

void add(Database::Digest& to, const Database::Digest& more) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += more[i];
}
void subtract(Database::Digest& from, const Database::Digest& less) {
    for (std::size_t i = 0; i < from.size(); ++i) from[i] -= less[i];
}

}  // namespace

PartialMerge::PartialMerge(Database::Impl& db, const Delta& head, const DeltaRows& rows)
    : db_(db),
      head_(head),
      rows_(rows),
      before_(db.schema, db.keys),
      covered_(db.shapes.size()),
      excess_(db.shapes.size()) {
    db_.note_hlc(head_.stamp.hlc);
    before_.forgotten = db.forgotten;
}

PartialMerge::~PartialMerge() = default;

// ---- the delta itself ----

void PartialMerge::cover(Table& table, std::string_view key) {
    if (covers(table.shape().id, key)) return;
    covered_[table.shape().id.value].insert(keys_.emplace_back(key));
    if (table.newest(key) != nullptr) before_.table(table.shape().id).copy(key, table);
}

void PartialMerge::changes(Table& table, const StoredRow& row) {
    cover(table, row.key());
}

bool PartialMerge::slice(std::size_t rows_max) {
    // What watches the database is told at the end: until then it is to see the copies.
    Database::Watch* const watch = std::exchange(db_.watch, nullptr);
    db_.tables.each([&](const Table& table) { subtract(excess_[table.shape().id.value], table.digest()); });
    while (rows_.left() > 0 && rows_max > 0) {
        batch_.clear();
        while (rows_.left() > 0 && batch_.size() < std::min(rows_max, Database::Impl::rows_ahead))
            CHECK(rows_.next(batch_.emplace_back()));
        rows_max -= batch_.size();
        db_.prefetch(batch_, 0);
        for (const RowDelta& row : batch_) {
            cover(db_.table(row.table), row.key);
            db_.apply(row, head_, db_.sink != nullptr);
        }
    }
    db_.visibility.settle(this);
    db_.tables.each([&](const Table& table) { add(excess_[table.shape().id.value], table.digest()); });
    db_.watch = watch;
    return rows_.left() == 0;
}

void PartialMerge::tell(Database::Watch& watch) const {
    for (std::uint32_t table = 0; table < covered_.size(); ++table)
        for (const std::string_view key : covered_[table]) watch.changed({table}, key);
}

// ---- other deltas ----

bool PartialMerge::apart(const Delta& delta) {
    if (delta.forget.until != 0) return false;
    if (!covers_linked()) return true;
    return std::none_of(delta.rows.begin(), delta.rows.end(), [&](const RowDelta& row) {
        return db_.shapes[row.table.value].linked() && hangs_on_covered(row);
    });
}

bool PartialMerge::covers_linked() const {
    return std::any_of(covered_.begin(), covered_.end(), [&](const Keys& keys) {
        return !keys.empty() && db_.shapes[static_cast<std::size_t>(&keys - covered_.data())].linked();
    });
}

// Whether what a delta does to a row could show other rows, or this one, otherwise among the copies.
bool PartialMerge::hangs_on_covered(const RowDelta& row) {
    const TableShape& shape = db_.shapes[row.table.value];
    if (covers(row.table, row.key)) return true;
    if (may_hide_others(row, shape)) return true;
    return std::any_of(row.references.begin(), row.references.end(),
                       [&](const auto& reference) { return parent_covered(row, reference); });
}

// A key that is new to all has no children yet: they are made on top of it.
bool PartialMerge::may_hide_others(const RowDelta& row, const TableShape& shape) const {
    const bool moves =
        row.add || row.remove || std::any_of(row.groups.begin(), row.groups.end(), [&](const auto& group) {
            return !shape.groups[group.group].references.empty();
        });
    if (!moves || db_.table(row.table).newest(row.key) == nullptr) return false;
    const auto& dependents = shape.dependents;
    return has_children(shape, row.key) ||  // or had, when what they refer to was changed
           std::any_of(dependents.begin(), dependents.end(),
                       [&](const TableShape::Dependent& dependent) { return covers(dependent.child); });
}

bool PartialMerge::has_children(const TableShape& shape, std::string_view key) const {
    bool any = false;
    for (const TableShape::Dependent& dependent : shape.dependents) {
        const Table* child = db_.filled(dependent.child);
        if (child != nullptr) {
            child->visit_children(dependent.derived, key, [&](StoredRow*) {
                any = true;
                return false;
            });
        }
    }
    return any;
}

bool PartialMerge::parent_covered(const RowDelta& row, const RowDelta::Reference& reference) {
    const TableShape& shape = db_.shapes[row.table.value];
    const auto derived = std::find_if(shape.derived.begin(), shape.derived.end(),
                                      [&](const auto& d) { return d.foreign_key == reference.foreign_key; });
    CHECK(derived != shape.derived.end());
    if (!reference.key.empty()) return covers(derived->parent, reference.key);
    const auto group = std::find_if(row.groups.begin(), row.groups.end(),
                                    [&](const auto& g) { return g.group == derived->group; });
    CHECK(group != row.groups.end());
    const auto& columns = shape.groups[group->group].columns;
    key_.clear();
    for (const std::uint32_t c : derived->columns) {
        const auto at = std::lower_bound(columns.begin(), columns.end(), c) - columns.begin();
        sql::encode_key_part(key_, shape.type(c), to_datum(group->values[static_cast<std::size_t>(at)]));
    }
    return covers(derived->parent, key_);
}

void PartialMerge::apply(const RowDelta& row, const Delta& delta, bool report_losses) {
    Table& table = db_.table(row.table);
    Table& copies = before_.table(row.table);
    Database::Digest& excess = excess_[row.table.value];
    subtract(excess, table.digest());
    db_.apply(row, delta, report_losses);
    add(excess, table.digest());
    add(excess, copies.digest());
    before_.apply(row, delta, false);
    subtract(excess, copies.digest());
}

// ---- memory ----

std::size_t PartialMerge::memory() const {
    std::size_t total = 0;
    before_.tables.each([&](const Table& table) { total += table.memory(); });
    for (const Keys& keys : covered_) total += 2 * keys.size() * sizeof(std::string_view);
    return total + keys_.size() * sizeof(std::string);
}

bool PartialMerge::wither(std::size_t rows) {
    for (std::size_t gone = 0; !keys_.empty() && gone < rows; ++gone) keys_.pop_back();
    bool left = !keys_.empty();
    before_.tables.each([&](Table& table) { left = table.wither(rows) || left; });
    return left;
}

}  // namespace anabranch::crdt
