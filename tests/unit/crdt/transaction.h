// A stand-in for the executor: one transaction's writes on a store, folded per row as lib/exec/store.h asks.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crdt/cell.h"
#include "crdt/database.h"
#include "lib/base/arena.h"
#include "lib/base/check.h"
#include "lib/exec/row.h"
#include "lib/exec/store.h"
#include "lib/sql/key.h"

namespace anabranch::crdt::test {

using Values = std::vector<CellValue>;

inline CellValue number(std::int64_t value) {
    CellValue out;
    out.kind = CellValue::Kind::integer;
    out.integer = value;
    return out;
}
inline CellValue text(std::string value) {
    CellValue out;
    out.kind = CellValue::Kind::bytes;
    out.bytes = std::move(value);
    return out;
}
inline CellValue null() {
    return {};
}

inline std::string key_of(const catalog::Table& table, const Values& values, std::size_t key = 0) {
    std::string out;
    for (const ColumnId c : table.keys[key].columns)
        sql::encode_key_part(out, table.columns[c.value].type, to_datum(values[c.value]));
    return out;
}
inline std::string key_of(std::int64_t id) {
    std::string out;
    sql::encode_key_part(out, sql::Type{sql::TypeId::int8}, sql::Datum::integer(id));
    return out;
}
inline Values values_of(const catalog::Table& table, exec::RowView row) {
    Values out;
    for (std::uint32_t c = 0; c < table.columns.size(); ++c) out.push_back(to_cell(row.get(c)));
    return out;
}

class Transaction {
  public:
    using Op = exec::RowWrite::Op;
    explicit Transaction(const Database& db) : Transaction(db, db.schema()) {}
    Transaction(const exec::Store& store, const catalog::Schema& schema) : db_(store), schema_(schema) {}

    catalog::RowIdentity db_identity(std::uint32_t table) const { return schema_.tables[table].identity; }
    std::optional<Values> find(std::uint32_t table, const std::string& key) const {
        const auto at = rows_.find({table, key});
        if (at != rows_.end()) return at->second.values;
        const exec::RowView row = db_.find({table}, key);
        if (!row) return std::nullopt;
        return values_of(schema_.tables[table], row);
    }
    // False where a row of the key is visible.
    bool insert(std::uint32_t table, Values values) {
        const std::string key = key_of(schema_.tables[table], values);
        if (find(table, key)) return false;
        Row& row = touch(table, key);
        row.inserted = row.created = row.claims = true;
        row.values = std::move(values);
        row.ops.clear();
        return true;
    }
    // INSERT .. ON CONFLICT DO UPDATE SET counters c = c + new c, registers = new ones, extremes joined.
    void upsert(std::uint32_t table, Values values) {
        const catalog::Table& t = schema_.tables[table];
        const std::string key = key_of(t, values);
        const bool exists = find(table, key).has_value();
        Row& row = touch(table, key);
        row.inserted = true;
        if (!exists) {
            row.created = true;
            row.values = values;
            row.ops.clear();
        }
        for (std::uint32_t c = 0; c < t.columns.size(); ++c) {
            switch (t.columns[c].policy.merge) {
                case catalog::Merge::counter:
                    if (exists) {
                        add(table, key, c, values[c].integer);
                    } else {
                        row.ops[c] = {Op::add, values[c].integer};
                    }
                    break;
                default:
                    if (exists && t.keys[0].columns[0].value != c) set(table, key, c, values[c]);
            }
        }
    }
    void set(std::uint32_t table, const std::string& key, std::uint32_t column, CellValue value) {
        Row& row = touch(table, key);
        CellValue& held = (*row.values)[column];
        switch (schema_.tables[table].columns[column].policy.merge) {
            case catalog::Merge::max:
                row.ops[column].op = Op::raise;
                break;
            case catalog::Merge::min:
                row.ops[column].op = Op::lower;
                break;
            default:
                row.ops[column].op = Op::assign;
        }
        const bool raise = row.ops[column].op == Op::raise, lower = row.ops[column].op == Op::lower;
        if ((raise || lower) && held.kind == CellValue::Kind::integer) {
            value.integer =
                raise ? std::max(value.integer, held.integer) : std::min(value.integer, held.integer);
        }
        held = value;
    }
    void add(std::uint32_t table, const std::string& key, std::uint32_t column, std::int64_t amount) {
        Row& row = touch(table, key);
        ColumnOp& op = row.ops[column];
        if (row.created && op.op != Op::add) op.op = Op::initial;
        if (!row.created) op.op = Op::add;
        op.amount += amount;
        if ((*row.values)[column].kind != CellValue::Kind::null) (*row.values)[column].integer += amount;
    }
    void erase(std::uint32_t table, const std::string& key) {
        Row& row = touch(table, key);
        row.deleted = true;
        row.inserted = row.created = row.claims = false;
        row.values.reset();
        row.ops.clear();
    }
    // Valid until the next call.
    const exec::WriteSet& writes() {
        set_.rows.clear();
        arena_.reset();
        ops_.clear();
        for (const Id& id : order_) {
            const Row& row = rows_.at(id);
            exec::RowWrite write;
            write.table = {id.first};
            write.key = id.second;
            write.inserted = row.inserted;
            write.claims = row.claims;
            write.created = row.created;
            write.deleted = row.deleted;
            if (row.values) image(schema_.tables[id.first], *row.values, write);
            auto& ops = ops_.emplace_back(std::make_unique<std::vector<exec::RowWrite::ColumnWrite>>());
            for (const auto& [column, op] : row.ops) ops->push_back({column, op.op, op.amount});
            write.columns = *ops;
            set_.rows.push_back(write);
        }
        return set_;
    }

  private:
    using Id = std::pair<std::uint32_t, std::string>;
    struct ColumnOp {
        Op op = Op::assign;
        std::int64_t amount = 0;
    };
    struct Row {
        bool inserted = false, claims = false, created = false, deleted = false;
        std::optional<Values> values;
        std::map<std::uint32_t, ColumnOp> ops;
    };
    Row& touch(std::uint32_t table, const std::string& key) {
        const auto [at, fresh] = rows_.try_emplace({table, key});
        if (fresh) {
            order_.push_back(at->first);
            if (const exec::RowView row = db_.find({table}, key))
                at->second.values = values_of(schema_.tables[table], row);
        }
        return at->second;
    }
    void image(const catalog::Table& table, const Values& values, exec::RowWrite& write) {
        const exec::RowLayout layout = exec::RowLayout::of(table);
        std::vector<sql::Datum> datums;
        for (const CellValue& value : values) datums.push_back(to_datum(value));
        const std::size_t size = exec::packed_size(layout, datums);
        char* at = arena_.allocate(size);
        exec::pack(layout, datums, at);
        write.row = at;
        write.row_size = static_cast<std::uint32_t>(size);
    }

    const exec::Store& db_;
    const catalog::Schema& schema_;
    std::map<Id, Row> rows_;
    std::vector<Id> order_;
    exec::WriteSet set_;
    Arena arena_;
    std::vector<std::unique_ptr<std::vector<exec::RowWrite::ColumnWrite>>> ops_;
};

}  // namespace anabranch::crdt::test
