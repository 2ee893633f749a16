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
        if (i % Database::Impl::rows_ahead == 0) base_.impl_->prefetch(delta, i);
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
    struct Own {
        std::string key;
        exec::RowView row;
    };
    std::vector<Own> own;
    const Table &table = base_.impl_->table(id), &ahead = ahead_->impl_->table(id);
    ahead.visit_shown(index, low, high, reverse, [&](const StoredRow& row) {
        if (copies.contains(row.key())) own.push_back({ahead.entry_key(index, row), row.view(ahead.shape())});
        return true;
    });
    auto next = own.begin();
    bool wanted = true;
    std::string key;
    table.visit_shown(index, low, high, reverse, [&](const StoredRow& row) {
        if (copies.contains(row.key())) return true;
        if (next != own.end()) key = table.entry_key(index, row);
        for (; wanted && next != own.end() && (reverse ? next->key > key : next->key < key); ++next)
            wanted = visit(next->row);
        return wanted = wanted && visit(row.view(table.shape()));
    });
    for (; wanted && next != own.end(); ++next) wanted = visit(next->row);
}

std::size_t PendingState::row_count(TableId table) const {
    return base_.row_count(table);
}

void PendingState::duplicate_claims(TableId id, exec::RowVisitor visit) const {
    const auto& copies = copies_[id.value];
    bool wanted = true;
    base_.impl_->table(id).visit_contested([&](const StoredRow& row) {
        const bool own = !copies.empty() && copies.contains(row.key());
        return own || (wanted = visit(row.view(base_.impl_->table(id).shape())));
    });
    if (copies.empty() || !wanted) return;
    ahead_->impl_->table(id).visit_contested([&](const StoredRow& row) {
        return !copies.contains(row.key()) || visit(row.view(ahead_->impl_->table(id).shape()));
    });
}

}  // namespace anabranch::crdt
