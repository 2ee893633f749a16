// One replica's state as std::map of packed rows: a Store for tests of the executor, without merging. Every
// index is a map too, so a scan is exact and slow. apply() takes a finished transaction's WriteSet, and
// afterwards re-applies ON DELETE CASCADE and SET NULL as the merged state would.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/exec/index_keys.h"
#include "lib/exec/store.h"
#include "lib/sql/key.h"

namespace anabranch::test {

class MemoryStore final : public exec::Store {
  public:
    explicit MemoryStore(catalog::SchemaPtr schema) : schema_(std::move(schema)), index_keys_(schema_) {
        for (const catalog::Table& table : schema_->tables) {
            auto& state = tables_.emplace_back(std::make_unique<TableState>());
            state->layout = exec::RowLayout::of(table);
            state->indexes.resize(table.keys.size() + table.foreign_keys.size() + table.indexes.size());
        }
    }

    exec::RowView find(TableId table, std::string_view primary_key) const override {
        const TableState& state = *tables_[table.value];
        const auto at = state.rows.find(primary_key);
        return at == state.rows.end() ? exec::RowView() : exec::RowView(at->second.data(), &state.layout);
    }
    void expect(TableId, std::span<const std::string_view> keys) const override { expected += keys.size(); }
    mutable std::size_t expected = 0;  // keys that were told ahead
    void scan(TableId table, exec::RowVisitor visit) const override {
        const TableState& state = *tables_[table.value];
        for (const auto& [key, row] : state.rows)
            if (!visit(exec::RowView(row.data(), &state.layout))) return;
    }
    void scan_index(TableId table, exec::IndexId index, std::string_view low, std::string_view high,
                    bool reverse, exec::RowVisitor visit) const override {
        const auto& entries = tables_[table.value]->indexes[index.value];
        const auto first = entries.lower_bound({std::string(low), {}});
        const auto last = high.empty() ? entries.end() : entries.lower_bound({std::string(high), {}});
        if (reverse) {
            for (auto at = last; at != first;)
                if (!visit(find(table, (--at)->second))) return;
        } else {
            for (auto at = first; at != last; ++at)
                if (!visit(find(table, at->second))) return;
        }
    }
    std::size_t row_count(TableId table) const override { return tables_[table.value]->rows.size(); }
    void duplicate_claims(TableId, exec::RowVisitor) const override {}

    void apply(const exec::WriteSet& writes) {
        for (const exec::RowWrite& write : writes.rows)
            if (write.deleted) erase(write.table, std::string(write.key));
        for (const exec::RowWrite& write : writes.rows)
            if (write.row != nullptr) put(write.table, std::string(write.key), {write.row, write.row_size});
        derive();
    }
    // A row as given, without any check: states that only a merge could make.
    void put(TableId table, const std::string& key, std::string row) {
        remove(table, key);
        TableState& state = *tables_[table.value];
        state.rows[key] = std::move(row);
        index(table, key, true);
    }

  private:
    using Entries = std::map<std::pair<std::string, std::string>,
                             std::string>;  // (index key, primary key) -> primary key
    struct TableState {
        exec::RowLayout layout;
        std::map<std::string, std::string, std::less<>> rows;
        std::vector<Entries> indexes;
    };

    void index(TableId table, const std::string& key, bool add) {
        TableState& state = *tables_[table.value];
        const exec::RowView row = find(table, key);
        for (std::uint32_t i = 0; i < state.indexes.size(); ++i) {
            std::string index_key;
            if (!index_keys_.append(table, {i}, row, index_key)) continue;
            if (add)
                state.indexes[i].emplace(std::pair(index_key, key), key);
            else
                state.indexes[i].erase({index_key, key});
        }
    }
    void remove(TableId table, const std::string& key) {
        if (!find(table, key)) return;
        index(table, key, false);
        tables_[table.value]->rows.erase(key);
    }
    // A row goes, and takes along or sets free the rows that refer to it.
    void erase(TableId table, const std::string& key) {
        const exec::RowView row = find(table, key);
        if (!row) return;
        const std::string copy(row.data(), exec::image_size(tables_[table.value]->layout, row));
        remove(table, key);
        for (const catalog::Table& child : schema_->tables)
            for (const catalog::ForeignKey& reference : child.foreign_keys)
                if (reference.parent == table)
                    derive(child, reference, exec::RowView(copy.data(), &tables_[table.value]->layout));
    }
    static bool refers(const catalog::ForeignKey& reference, exec::RowView child, exec::RowView parent) {
        for (std::size_t i = 0; i < reference.columns.size(); ++i) {
            const sql::Datum value = child.get(reference.columns[i].value);
            if (value.is_null() || !identical(value, parent.get(reference.parent_columns[i].value)))
                return false;
        }
        return true;
    }
    bool has_parent(const catalog::ForeignKey& reference, exec::RowView child) const {
        bool found = false;
        scan(reference.parent, [&](exec::RowView parent) {
            found = refers(reference, child, parent);
            return !found;
        });
        return found;
    }
    static bool is_null(const catalog::ForeignKey& reference, exec::RowView child) {
        for (const ColumnId column : reference.columns)
            if (child.get(column.value).is_null()) return true;
        return false;
    }
    void settle(const catalog::Table& child, const catalog::ForeignKey& reference, const std::string& key) {
        if (reference.on_delete == catalog::OnDelete::cascade) return erase(child.id, key);
        if (reference.on_delete != catalog::OnDelete::set_null) return;
        const exec::RowView row = find(child.id, key);
        const exec::RowLayout& layout = tables_[child.id.value]->layout;
        std::vector<sql::Datum> values;
        for (std::uint32_t c = 0; c < layout.size(); ++c) values.push_back(row.get(c));
        for (const ColumnId c : reference.set_columns.empty() ? reference.columns : reference.set_columns)
            values[c.value] = {};
        std::string packed(exec::packed_size(layout, values), '\0');
        exec::pack(layout, values, packed.data());
        put(child.id, key, packed);
    }
    void derive(const catalog::Table& child, const catalog::ForeignKey& reference, exec::RowView parent) {
        std::vector<std::string> keys;
        for (const auto& [key, row] : tables_[child.id.value]->rows)
            if (refers(reference, exec::RowView(row.data(), &tables_[child.id.value]->layout), parent))
                keys.push_back(key);
        for (const std::string& key : keys) settle(child, reference, key);
    }
    // Rows written in the transaction that took their parent away.
    void derive() {
        for (const catalog::Table& child : schema_->tables)
            for (const catalog::ForeignKey& reference : child.foreign_keys) {
                const bool derives = reference.on_delete == catalog::OnDelete::cascade ||
                                     reference.on_delete == catalog::OnDelete::set_null;
                if (!derives) continue;
                std::vector<std::string> keys;
                for (const auto& [key, row] : tables_[child.id.value]->rows) {
                    const exec::RowView view(row.data(), &tables_[child.id.value]->layout);
                    if (!is_null(reference, view) && !has_parent(reference, view)) keys.push_back(key);
                }
                for (const std::string& key : keys) settle(child, reference, key);
            }
    }

    catalog::SchemaPtr schema_;
    exec::IndexKeys index_keys_;
    std::vector<std::unique_ptr<TableState>> tables_;
};

}  // namespace anabranch::test
