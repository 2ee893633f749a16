#include "crdt/pending_state.h"

#include <algorithm>

#include "crdt/database_impl.h"
#include "lib/base/check.h"

namespace anabranch::crdt {

namespace {

// Rows that are no copies any more are thrown away with the database that holds them, when nothing is
// pending; it must come to that before there are too many.
constexpr std::size_t left_behind_few = 1000, left_behind_max = 200'000;

}  // namespace

PendingState::PendingState(catalog::SchemaPtr schema, Database& base)
    : schema_(std::move(schema)), base_(base), copies_(schema_->tables.size()) {}

PendingState::~PendingState() {
    base_.set_watch(nullptr);
}

VersionVector PendingState::version() const {
    VersionVector out = base_.version();
    for (const auto& delta : deltas_)
        if (!out.contains(delta->dot)) out.set(delta->dot.origin, delta->dot.seq);
    return out;
}

// ---- following the base ----

void PendingState::changed(TableId table, std::string_view key) {
    auto& copies = copies_[table.value].by_key;
    const auto found = copies.find(key);
    if (found == copies.end() || !found->second.made || std::exchange(found->second.stale, true)) return;
    stale_.emplace_back(table, found->first);
}

// What the base has got, joined into what the copy has, is what the row would be with both.
void PendingState::follow() {
    if (ahead_ == nullptr) return;
    if (ahead_->forgotten() < base_.forgotten()) ahead_->impl_->forget(base_.forgotten());
    for (const auto& [table, key] : stale_) {
        auto& copies = copies_[table.value].by_key;
        const auto found = copies.find(key);
        if (found == copies.end() || !std::exchange(found->second.stale, false)) continue;
        ahead_->join_row(table, key, base_);
    }
    stale_.clear();
    ahead_->set_version(base_.version());
}

void PendingState::begin() {
    if (ahead_ == nullptr || left_behind_ > left_behind_few || ahead_->forgotten() != base_.forgotten()) {
        ahead_ = std::make_unique<Database>(schema_);
        ahead_->set_forgotten(base_.forgotten());
        left_behind_ = 0;
    }
    base_.set_watch(this);
}

bool PendingState::add(const std::shared_ptr<const Delta>& given) {
    const Delta& delta = *given;
    const bool linked = std::any_of(delta.rows.begin(), delta.rows.end(), [&](const RowDelta& row) {
        return base_.impl_->shapes[row.table.value].linked();
    });
    if (linked || delta.forget.until != 0 || left_behind_ > left_behind_max) return false;
    if (deltas_.empty()) begin();
    follow();
    for (std::size_t i = 0; i < delta.rows.size(); ++i) {
        const RowDelta& row = delta.rows[i];
        Copies& copies = copies_[row.table.value];
        auto [found, fresh] = copies.by_key.try_emplace(row.key);
        copies.to_make += fresh ? 1 : 0;
        found->second.changes.push_back({&delta, i});
        if (found->second.made) apply(found->second.changes.back());
    }
    ahead_->impl_->version.set(delta.dot.origin, delta.dot.seq);
    deltas_.push_back(given);
    return true;
}

void PendingState::drop_oldest() {
    const auto oldest = std::move(deltas_.front());
    const Delta& delta = *oldest;
    deltas_.pop_front();
    for (const RowDelta& row : delta.rows) {
        Copies& copies = copies_[row.table.value];
        const auto found = copies.by_key.find(row.key);
        auto& changes = found->second.changes;
        changes.erase(changes.begin());
        if (!changes.empty()) continue;
        if (found->second.made)
            ++left_behind_;
        else
            --copies.to_make;
        copies.by_key.erase(found);
    }
    if (!deltas_.empty()) return;
    stale_.clear();
    base_.set_watch(nullptr);
}

void PendingState::clear() {
    deltas_.clear();
    stale_.clear();
    for (auto& copies : copies_) copies = {};
    ahead_.reset();  // it holds what has never been
    base_.set_watch(nullptr);
}

// ---- making copies ----

void PendingState::apply(const Change& change) const {
    ahead_->impl_->apply(change.delta->rows[change.row], *change.delta, false);
    ahead_->impl_->visibility.settle();
}

// A delta that the base has merged already is in its row, and may have been overtaken there.
void PendingState::make(Copies& copies, std::string_view key, Copy& copy) const {
    if (std::exchange(copy.made, true)) return;
    --copies.to_make;
    const TableId table = copy.changes.front().delta->rows[copy.changes.front().row].table;
    ahead_->replace_row(table, key, base_);
    for (const Change& change : copy.changes)
        if (!base_.version().contains(change.delta->dot)) apply(change);
}

bool PendingState::copied(TableId table, std::string_view key) const {
    Copies& copies = copies_[table.value];
    if (copies.by_key.empty()) return false;
    const auto found = copies.by_key.find(key);
    if (found == copies.by_key.end()) return false;
    make(copies, key, found->second);
    return true;
}

bool PendingState::some_copied(TableId table) const {
    Copies& copies = copies_[table.value];
    if (copies.to_make > 0)
        for (auto& [key, copy] : copies.by_key) make(copies, key, copy);
    return !copies.by_key.empty();
}

// ---- reading ----

exec::RowView PendingState::find(TableId table, std::string_view primary_key) const {
    return copied(table, primary_key) ? ahead_->find(table, primary_key) : base_.find(table, primary_key);
}

void PendingState::scan(TableId table, exec::RowVisitor visit) const {
    scan_index(table, exec::IndexId::key(0), {}, {}, false, visit);
}

void PendingState::scan_index(TableId id, exec::IndexId index, std::string_view low, std::string_view high,
                              bool reverse, exec::RowVisitor visit) const {
    if (!some_copied(id)) return base_.scan_index(id, index, low, high, reverse, visit);
    const Copies& copies = copies_[id.value];
    const Database::Impl& base = *base_.impl_;
    const IndexRange range{index, low, high, reverse};
    visit_overlaid([&](RowFound found) { base.visit_shown(id, range, found); }, ahead_->impl_->table(id),
                   [&](std::string_view key) { return copies.contains(key); }, range,
                   [&](const Table& in, const StoredRow& row) { return visit(row.view(in.shape())); });
}

std::size_t PendingState::row_count(TableId table) const {
    return base_.row_count(table);
}

void PendingState::duplicate_claims(TableId id, exec::RowVisitor visit) const {
    const bool some = some_copied(id);
    const Copies& copies = copies_[id.value];
    bool wanted = true;
    base_.impl_->visit_contested(id, [&](const Table& in, const StoredRow& row) {
        const bool own = some && copies.contains(row.key());
        return own || (wanted = visit(row.view(in.shape())));
    });
    if (!some || !wanted) return;
    ahead_->impl_->table(id).visit_contested([&](const StoredRow& row) {
        return !copies.contains(row.key()) || visit(row.view(ahead_->impl_->table(id).shape()));
    });
}

}  // namespace anabranch::crdt
