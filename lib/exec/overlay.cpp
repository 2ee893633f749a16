#include "lib/exec/overlay.h"

#include <new>

#include "lib/base/bytes.h"

namespace anabranch::exec {

Overlay::Overlay(const SchemaPlans& plans, Arena& arena)
    : plans_(plans), arena_(arena), by_table_(plans.tables.size()) {}

void Overlay::reset() {
    for (Touched* row : rows_) {
        TableRows& table = by_table_[row->table.value];
        if (table.rows.empty()) continue;
        table.rows.clear();
        table.recent.clear();
        table.images.clear();
        table.trees.clear();
    }
    rows_.clear();
    hashed_.clear();
    saved_.clear();
    statement_ = 0;
    mark_ = 0;
    marked_rows_ = 0;
}

void Overlay::mark() {
    forget_recent();
    ++mark_;
    marked_rows_ = rows_.size();
    saved_.clear();
}

void Overlay::undo() {
    forget_recent();
    for (auto& [row, before] : saved_) *row = before;
    saved_.clear();
    while (rows_.size() > marked_rows_) forget_newest();
    ++mark_;
}

void Overlay::forget_recent() {
    for (const auto& [row, before] : saved_) by_table_[row->table.value].recent.clear();
    for (std::size_t i = marked_rows_; i < rows_.size(); ++i) by_table_[rows_[i]->table.value].recent.clear();
}

// Its images may still be listed: without `now`, `seen` and `before` they are nobody's. With a table's last
// row they go, too, since reset() looks only at tables that have rows.
void Overlay::forget_newest() {
    Touched& row = *rows_.back();
    row.now = row.seen = row.before = {};
    if (!hashed_.empty()) {
        // The newest entry of a chain is its last one, so that it leaves no hole.
        const std::size_t mask = hashed_.size() - 1;
        std::size_t i = row.hash & mask;
        while (hashed_[i] != rows_.size()) i = (i + 1) & mask;
        hashed_[i] = 0;
    }
    TableRows& table = by_table_[row.table.value];
    table.rows.pop_back();
    rows_.pop_back();
    if (!table.rows.empty()) return;
    table.images.clear();
    table.trees.clear();
}

void Overlay::save(Touched& row) {
    saved_.emplace_back(&row, row);
    row.saved_at = mark_;
    row.before = row.now;
    by_table_[row.table.value].recent.push_back(&row);
    const auto copy = [&](std::uint64_t*& set) {
        if (set == nullptr) return;
        const std::uint64_t* const before = set;
        set = bits(row.table);
        std::memcpy(set, before, bytes_of_bits(row.table));
    };
    copy(row.written);
    copy(row.additive);
}

Touched* Overlay::find(TableId table, std::string_view key) const {
    if (hashed_.empty()) {
        for (Touched* row : by_table_[table.value].rows)
            if (row->key == key) return row;
        return nullptr;
    }
    const std::uint64_t hash = hash64(key, table.value);
    const std::size_t mask = hashed_.size() - 1;
    for (std::size_t i = hash & mask; hashed_[i] != 0; i = (i + 1) & mask) {
        Touched* row = rows_[hashed_[i] - 1];
        if (row->hash == hash && row->table == table && row->key == key) return row;
    }
    return nullptr;
}

void Overlay::grow() {
    if (rows_.size() <= few || rows_.size() * 2 <= hashed_.size()) return;
    hashed_.assign(hashed_.empty() ? 4 * few : hashed_.size() * 2, 0);
    const std::size_t mask = hashed_.size() - 1;
    for (std::uint32_t n = 0; n + 1 < rows_.size(); ++n) {
        rows_[n]->hash = hash64(rows_[n]->key, rows_[n]->table.value);
        std::size_t i = rows_[n]->hash & mask;
        while (hashed_[i] != 0) i = (i + 1) & mask;
        hashed_[i] = n + 1;
    }
}

Touched& Overlay::touch(TableId table, std::string_view key, RowView base) {
    if (Touched* known = find(table, key)) {
        if (known->saved_at != mark_) save(*known);
        return *known;
    }
    Touched& row = *new (arena_.allocate(sizeof(Touched))) Touched();
    row.saved_at = mark_;
    row.table = table;
    row.key = arena_.copy(key);
    row.base = row.before = row.now = base;
    rows_.push_back(&row);
    by_table_[table.value].rows.push_back(&row);
    by_table_[table.value].recent.push_back(&row);
    grow();
    if (!hashed_.empty()) {
        row.hash = hash64(key, table.value);
        const std::size_t mask = hashed_.size() - 1;
        std::size_t i = row.hash & mask;
        while (hashed_[i] != 0) i = (i + 1) & mask;
        hashed_[i] = static_cast<std::uint32_t>(rows_.size());
    }
    return row;
}

void Overlay::change(Touched& row, RowView now) {
    if (row.changed_by != statement_) {
        row.seen = row.now;
        row.changed_by = statement_;
    }
    row.now = now;
    if (!now) return;
    TableRows& table = by_table_[row.table.value];
    table.images.push_back({&row, now.data()});
    if (!table.trees.empty()) indexer_->index(row.table, table.images.back());
}

std::size_t Overlay::bytes_of_bits(TableId table) const {
    return (plans_.table(table).layout.size() + 63) / 64 * 8;
}

std::uint64_t* Overlay::bits(TableId table) {
    const std::size_t bytes = bytes_of_bits(table);
    auto* out = reinterpret_cast<std::uint64_t*>(arena_.allocate(bytes));
    std::memset(out, 0, bytes);
    return out;
}

}  // namespace anabranch::exec
