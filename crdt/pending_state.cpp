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
    auto& copies = copies_[table.value];
    const auto found = copies.find(key);
    if (found == copies.end() || std::exchange(found->second.stale, true)) return;
    stale_.emplace_back(table, found->first);
}

// What the base has got, joined into what the copy has, is what the row would be with both.
void PendingState::follow() {
    if (ahead_ == nullptr) return;
    if (ahead_->forgotten() < base_.forgotten()) ahead_->impl_->forget(base_.forgotten());
    for (const auto& [table, key] : stale_) {
        const auto found = copies_[table.value].find(key);
        if (found == copies_[table.value].end() || !found->second.stale) continue;
        found->second.stale = false;
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
        if (i % Database::Impl::rows_ahead == 0) base_.impl_->prefetch(delta.rows, i);
        const RowDelta& row = delta.rows[i];
        auto& copies = copies_[row.table.value];
        auto found = copies.find(row.key);
        if (found == copies.end()) {
            ahead_->replace_row(row.table, row.key, base_);
            found = copies.try_emplace(row.key).first;
        }
        found->second.newest = delta.dot.seq;
    }
    CHECK(ahead_->merge(delta) == Database::Merged::applied);
    deltas_.push_back(given);
    return true;
}

void PendingState::drop_oldest() {
    const auto oldest = std::move(deltas_.front());
    const Delta& delta = *oldest;
    deltas_.pop_front();
    for (const RowDelta& row : delta.rows) {
        auto& copies = copies_[row.table.value];
        const auto found = copies.find(row.key);
        if (found == copies.end() || found->second.newest != delta.dot.seq) continue;
        copies.erase(found);
        ++left_behind_;
    }
    if (!deltas_.empty()) return;
    stale_.clear();
    base_.set_watch(nullptr);
}

void PendingState::clear() {
    deltas_.clear();
    stale_.clear();
    for (auto& copies : copies_) copies.clear();
    ahead_.reset();  // it holds what has never been
    base_.set_watch(nullptr);
}

// ---- reading ----

exec::RowView PendingState::find(TableId table, std::string_view primary_key) const {
    const auto& copies = copies_[table.value];
    return copies.empty() || !copies.contains(primary_key) ? base_.find(table, primary_key)
                                                           : ahead_->find(table, primary_key);
}

void PendingState::scan(TableId table, exec::RowVisitor visit) const {
    scan_index(table, exec::IndexId::key(0), {}, {}, false, visit);
}

void PendingState::scan_index(TableId id, exec::IndexId index, std::string_view low, std::string_view high,
                              bool reverse, exec::RowVisitor visit) const {
    const auto& copies = copies_[id.value];
    if (copies.empty()) return base_.scan_index(id, index, low, high, reverse, visit);
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
    const auto& copies = copies_[id.value];
    bool wanted = true;
    base_.impl_->visit_contested(id, [&](const Table& in, const StoredRow& row) {
        const bool own = !copies.empty() && copies.contains(row.key());
        return own || (wanted = visit(row.view(in.shape())));
    });
    if (copies.empty() || !wanted) return;
    ahead_->impl_->table(id).visit_contested([&](const StoredRow& row) {
        return !copies.contains(row.key()) || visit(row.view(ahead_->impl_->table(id).shape()));
    });
}

}  // namespace anabranch::crdt
