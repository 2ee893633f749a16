#include "confluence/access.h"

#include <variant>

#include "confluence/walk.h"

namespace anabranch::confluence {

using catalog::Invariant;
using catalog::Schema;
using catalog::Transaction;

namespace {

class Collector : public Walker {
  public:
    Access access;

  protected:
    void on_column(TableId table, std::uint32_t column) override {
        access.tables[table].reads.insert(column);
    }
    void on_rows(TableId table) override { access.tables[table].rows_read = true; }
    void on_insert(const sql::Insert& insert) override {
        TableUse& use = access.tables[insert.table];
        use.inserts = true;
        if (insert.on_conflict.action != sql::ConflictAction::none) use.upserts = true;
        for (const auto& assignment : insert.on_conflict.assignments)
            use.writes.insert(assignment.column.value);
    }
    void on_update(const sql::Update& update) override {
        TableUse& use = access.tables[update.table];
        use.rows_read = true;
        for (const auto& assignment : update.assignments) use.writes.insert(assignment.column.value);
    }
    void on_delete(const sql::Delete& remove) override {
        TableUse& use = access.tables[remove.table];
        use.rows_read = true;
        use.deletes = true;
    }
};

bool key_changes(const catalog::Table& table, const std::set<std::uint32_t>& columns) {
    for (ColumnId c : table.keys[0].columns) {
        if (columns.contains(c.value)) return true;
    }
    return false;
}

bool any_of(const std::vector<ColumnId>& list, const std::set<std::uint32_t>& columns) {
    for (ColumnId c : list) {
        if (columns.contains(c.value)) return true;
    }
    return false;
}

// Columns of a table that an expression over its row reads.
std::set<std::uint32_t> columns_of(TableId table, const std::vector<sql::ExprPtr>& expressions) {
    Collector collector;
    for (const auto& e : expressions) collector.over_row(table, e);
    return collector.access.tables[table].reads;
}

std::set<std::uint32_t> key_reads(const Schema& schema, TableId id, std::uint32_t index) {
    const catalog::UniqueKey& key = schema.table(id).keys[index];
    std::vector<sql::ExprPtr> expressions = key.expressions;
    if (key.predicate) expressions.push_back(key.predicate);
    std::set<std::uint32_t> reads = columns_of(id, expressions);
    for (ColumnId c : key.columns) reads.insert(c.value);
    return reads;
}

std::set<std::uint32_t> exclusion_reads(const Schema& schema, TableId id, std::uint32_t index) {
    const catalog::Exclusion& exclusion = schema.table(id).exclusions[index];
    std::vector<sql::ExprPtr> expressions;
    for (const auto& part : exclusion.parts) expressions.push_back(part.expression);
    if (exclusion.predicate) expressions.push_back(exclusion.predicate);
    return columns_of(id, expressions);
}

// Columns that a CASCADE or SET NULL below `table` derives, and rows that come and go with it.
void derive(const Schema& schema, Touches& touches, TableId parent, bool vanish, bool appear,
            std::set<TableId>& seen) {
    if (!seen.insert(parent).second) return;
    for (const catalog::Table& child : schema.tables) {
        for (const catalog::ForeignKey& fk : child.foreign_keys) {
            if (fk.parent != parent) continue;
            if (fk.on_delete == catalog::OnDelete::cascade) {
                Touch& touch = touches[child.id];
                touch.vanish |= vanish;
                touch.appear |= appear;
                touch.merges |= appear;
                derive(schema, touches, child.id, vanish, appear, seen);
            } else if (fk.on_delete == catalog::OnDelete::set_null ||
                       fk.on_delete == catalog::OnDelete::set_default) {
                Touch& touch = touches[child.id];
                for (ColumnId c : fk.set_columns.empty() ? fk.columns : fk.set_columns) {
                    touch.columns.insert(c.value);
                    touch.derived.insert(c.value);
                }
            }
        }
    }
}

}  // namespace

bool has_guard(const sql::Query& query) {
    class Guards : public Walker {
      public:
        bool found = false;

      protected:
        void on_node(const sql::Expr& e) override {
            found |= std::holds_alternative<sql::DomainCheck>(e.node);
        }
    } guards;
    guards.query(query);
    return guards.found;
}

bool Access::writes_any() const {
    for (const auto& [table, use] : tables) {
        if (use.writes_any()) return true;
    }
    return false;
}

Access access_of(const Transaction& transaction) {
    Collector collector;
    for (const auto& statement : transaction.body) collector.statement(*statement);
    return collector.access;
}

Access access_of(const Schema& schema, const Invariant& invariant) {
    Access access;
    TableUse& use = access.tables[invariant.table];
    use.rows_read = true;
    struct Visit {
        const Schema& schema;
        const Invariant& invariant;
        Access& access;
        TableUse& use;
        const catalog::Table& table() const { return schema.table(invariant.table); }
        void operator()(const catalog::NotNullInvariant& i) { use.reads.insert(i.column.value); }
        void operator()(const catalog::CheckInvariant& i) {
            for (ColumnId c : table().checks[i.index].columns) use.reads.insert(c.value);
        }
        void operator()(const catalog::KeyInvariant& i) {
            use.reads.merge(key_reads(schema, invariant.table, i.index));
        }
        void operator()(const catalog::ForeignKeyInvariant& i) {
            const catalog::ForeignKey& fk = table().foreign_keys[i.index];
            for (ColumnId c : fk.columns) use.reads.insert(c.value);
            TableUse& parent = access.tables[fk.parent];
            parent.rows_read = true;
            for (ColumnId c : fk.parent_columns) parent.reads.insert(c.value);
        }
        void operator()(const catalog::ExcludeInvariant& i) {
            use.reads.merge(exclusion_reads(schema, invariant.table, i.index));
        }
        void operator()(const catalog::AssertionInvariant& i) {
            Collector collector;
            collector.query(*i.violations);
            for (TableId id : i.tables) collector.access.tables[id].rows_read = true;
            access = std::move(collector.access);
        }
        void operator()(const catalog::LostUpdateInvariant& i) { use.reads.insert(i.column.value); }
    };
    std::visit(Visit{schema, invariant, access, use}, invariant.what);
    return access;
}

void add_touches(Touches& all, const Touches& touches) {
    for (const auto& [table, touch] : touches) {
        Touch& sum = all[table];
        sum.appear |= touch.appear;
        sum.vanish |= touch.vanish;
        sum.merges |= touch.merges;
        sum.columns.insert(touch.columns.begin(), touch.columns.end());
        sum.derived.insert(touch.derived.begin(), touch.derived.end());
    }
}

Touches derived_touches(const Schema& schema, TableId table, bool vanish, bool appear) {
    Touches touches;
    std::set<TableId> seen;
    derive(schema, touches, table, vanish, appear, seen);
    return touches;
}

Touches touches_of(const Schema& schema, const Access& access) {
    Touches touches;
    for (const auto& [id, use] : access.tables) {
        if (!use.writes_any()) continue;
        const catalog::Table& table = schema.table(id);
        Touch& touch = touches[id];
        touch.columns.insert(use.writes.begin(), use.writes.end());
        const bool moves = key_changes(table, use.writes);
        touch.appear |= use.inserts || moves;
        touch.vanish |= use.deletes || moves;
        touch.merges |= use.inserts && table.identity == catalog::RowIdentity::per_key;
    }
    const Touches own = touches;
    for (const auto& [id, touch] : own) {
        if (touch.vanish || (touch.appear && touch.merges)) {
            std::set<TableId> seen;
            derive(schema, touches, id, touch.vanish, touch.appear && touch.merges, seen);
        }
    }
    // A generated column changes with the columns it is computed from.
    for (auto& [id, touch] : touches) {
        const catalog::Table& table = schema.table(id);
        for (std::uint32_t c = 0; c < table.columns.size(); ++c) {
            if (!table.columns[c].generated) continue;
            for (std::uint32_t source : columns_of(id, {table.columns[c].generated})) {
                if (touch.columns.contains(source)) touch.columns.insert(c);
            }
        }
    }
    return touches;
}

namespace {

bool intersects(const std::set<std::uint32_t>& a, const std::set<std::uint32_t>& b) {
    for (std::uint32_t x : a) {
        if (b.contains(x)) return true;
    }
    return false;
}

const Touch* touch_on(const Touches& touches, TableId table) {
    const auto found = touches.find(table);
    return found == touches.end() ? nullptr : &found->second;
}

// Conditions on one row: it must be written, and not only by its own insert.
bool row_condition_together(const Touch* a, const Touch* b, const std::set<std::uint32_t>& reads) {
    if (a == nullptr || b == nullptr) return false;
    const auto changes = [&](const Touch& t) {
        return intersects(t.columns, reads) || (t.appear && t.merges);
    };
    const auto derives = [&](const Touch& t) { return intersects(t.derived, reads); };
    if (changes(*a) && changes(*b)) return true;
    return (a->appear && derives(*b)) || (b->appear && derives(*a));
}

bool touches_key(const Touch* t, const std::set<std::uint32_t>& reads) {
    return t != nullptr && (t->appear || intersects(t->columns, reads));
}

struct ForeignKeyTouch {
    bool child = false, parent = false;
};
ForeignKeyTouch foreign_key_touch(const catalog::ForeignKey& fk, TableId child_id, const Touches& touches) {
    ForeignKeyTouch out;
    if (const Touch* child = touch_on(touches, child_id))
        out.child = child->appear || any_of(fk.columns, child->columns);
    if (const Touch* parent = touch_on(touches, fk.parent))
        out.parent = parent->vanish || any_of(fk.parent_columns, parent->columns);
    return out;
}

bool derived_by_merge(const catalog::ForeignKey& fk) {
    return fk.on_delete == catalog::OnDelete::cascade || fk.on_delete == catalog::OnDelete::set_null;
}

bool writes_group(const Schema& schema, const Invariant& invariant, ColumnId column, const Touches& touches) {
    const Touch* touch = touch_on(touches, invariant.table);
    if (touch == nullptr) return false;
    const catalog::Table& table = schema.table(invariant.table);
    const std::uint32_t group = table.columns[column.value].policy.group;
    for (std::uint32_t c : touch->columns) {
        const catalog::ColumnPolicy& policy = table.columns[c].policy;
        const bool grouped =
            policy.merge == catalog::Merge::register_ || policy.merge == catalog::Merge::immutable;
        if (!touch->derived.contains(c) && grouped && policy.group == group) return true;
    }
    return false;
}

bool touches_what_is_read(const Access& reads, const Touches& touches) {
    for (const auto& [id, touch] : touches) {
        const auto found = reads.tables.find(id);
        if (found == reads.tables.end()) continue;
        if (touch.appear || touch.vanish || intersects(touch.columns, found->second.reads)) return true;
    }
    return false;
}

}  // namespace

bool may_hurt(const Schema& schema, const Invariant& invariant, const Touches& touches) {
    return may_break_together(schema, invariant, touches, touches) ||
           (invariant.kind != catalog::InvariantKind::lost_update &&
            touches_what_is_read(access_of(schema, invariant), touches));
}

bool may_break_together(const Schema& schema, const Invariant& invariant, const Touches& first,
                        const Touches& second) {
    const Touch* a = touch_on(first, invariant.table);
    const Touch* b = touch_on(second, invariant.table);
    struct Visit {
        const Schema& schema;
        const Invariant& invariant;
        const Touches& first;
        const Touches& second;
        const Touch* a;
        const Touch* b;
        const catalog::Table& table() const { return schema.table(invariant.table); }
        bool operator()(const catalog::NotNullInvariant& i) {
            // Every value written was checked where it was written; only a derived NULL is not a write.
            const bool derived = (a != nullptr && a->derived.contains(i.column.value)) ||
                                 (b != nullptr && b->derived.contains(i.column.value));
            return derived && row_condition_together(a, b, {i.column.value});
        }
        bool operator()(const catalog::CheckInvariant& i) {
            std::set<std::uint32_t> reads;
            for (ColumnId c : table().checks[i.index].columns) reads.insert(c.value);
            return row_condition_together(a, b, reads);
        }
        bool operator()(const catalog::KeyInvariant& i) {
            const std::set<std::uint32_t> reads = key_reads(schema, invariant.table, i.index);
            return touches_key(a, reads) && touches_key(b, reads);
        }
        bool operator()(const catalog::ForeignKeyInvariant& i) {
            const catalog::ForeignKey& fk = table().foreign_keys[i.index];
            const ForeignKeyTouch x = foreign_key_touch(fk, invariant.table, first);
            const ForeignKeyTouch y = foreign_key_touch(fk, invariant.table, second);
            if (derived_by_merge(fk)) {
                // Deleting a parent is answered by the merge; changing a parent's key is not.
                const Touch* p = touch_on(first, fk.parent);
                const Touch* q = touch_on(second, fk.parent);
                const bool key_moves = (p != nullptr && any_of(fk.parent_columns, p->columns)) ||
                                       (q != nullptr && any_of(fk.parent_columns, q->columns));
                if (!key_moves) return false;
            }
            return (x.child && y.parent) || (x.parent && y.child) || (x.parent && y.parent);
        }
        bool operator()(const catalog::ExcludeInvariant& i) {
            const std::set<std::uint32_t> reads = exclusion_reads(schema, invariant.table, i.index);
            return touches_key(a, reads) && touches_key(b, reads);
        }
        bool operator()(const catalog::AssertionInvariant&) {
            const Access reads = access_of(schema, invariant);
            return touches_what_is_read(reads, first) && touches_what_is_read(reads, second);
        }
        bool operator()(const catalog::LostUpdateInvariant& i) {
            return writes_group(schema, invariant, i.column, first) &&
                   writes_group(schema, invariant, i.column, second);
        }
    };
    return std::visit(Visit{schema, invariant, first, second, a, b}, invariant.what);
}

std::set<std::uint32_t> deciding_columns(const Schema& schema, const Transaction& transaction,
                                         std::size_t statement, TableId table, std::uint32_t group) {
    Collector collector;
    for (std::size_t i = 0; i < statement; ++i) {
        const auto* query = std::get_if<sql::QueryPtr>(&transaction.body[i]->body);
        if (query != nullptr && has_guard(**query)) collector.query(**query);
    }
    sql::Statement copy = *transaction.body[statement];
    const auto in_group = [&](const sql::Assignment& assignment) {
        const catalog::ColumnPolicy& policy = schema.table(table).columns[assignment.column.value].policy;
        const bool grouped =
            policy.merge == catalog::Merge::register_ || policy.merge == catalog::Merge::immutable;
        return grouped && policy.group == group;
    };
    if (auto* update = std::get_if<sql::Update>(&copy.body); update != nullptr && update->table == table) {
        std::erase_if(update->assignments, [&](const sql::Assignment& x) { return !in_group(x); });
        update->returning.clear();
    }
    if (auto* insert = std::get_if<sql::Insert>(&copy.body); insert != nullptr && insert->table == table) {
        std::erase_if(insert->on_conflict.assignments,
                      [&](const sql::Assignment& x) { return !in_group(x); });
        insert->returning.clear();
    }
    collector.statement(copy);
    return collector.access.tables[table].reads;
}

bool depends_on_group(const Schema& schema, const Transaction& transaction, std::size_t statement,
                      TableId table, std::uint32_t group) {
    const catalog::Table& t = schema.table(table);
    std::set<std::uint32_t> fixed;  // columns that no write changes: reading them loses nothing
    for (ColumnId c : t.keys[0].columns) fixed.insert(c.value);
    for (std::uint32_t c : deciding_columns(schema, transaction, statement, table, group)) {
        const catalog::ColumnPolicy& policy = t.columns[c].policy;
        const bool immutable = policy.merge == catalog::Merge::immutable;
        const bool grouped = policy.merge == catalog::Merge::register_ || immutable;
        if (immutable && t.identity == catalog::RowIdentity::per_insert) continue;
        if (grouped && policy.group == group && !fixed.contains(c)) return true;
    }
    return false;
}

namespace {

class Assignments : public Walker {
  public:
    Assignments(const Schema& schema, TableId table, std::uint32_t group)
        : schema_(schema), table_(table), group_(group) {}
    std::vector<std::set<std::uint32_t>> found;  // per UPDATE, the columns of the group

  protected:
    void on_insert(const sql::Insert& insert) override { note(insert.table, insert.on_conflict.assignments); }
    void on_update(const sql::Update& update) override { note(update.table, update.assignments); }

  private:
    void note(TableId table, const std::vector<sql::Assignment>& assignments) {
        if (table != table_) return;
        std::set<std::uint32_t> columns;
        for (const auto& a : assignments) {
            const catalog::ColumnPolicy& policy = schema_.table(table).columns[a.column.value].policy;
            const bool grouped =
                policy.merge == catalog::Merge::register_ || policy.merge == catalog::Merge::immutable;
            if (grouped && policy.group == group_) columns.insert(a.column.value);
        }
        if (!columns.empty()) found.push_back(std::move(columns));
    }
    const Schema& schema_;
    TableId table_;
    std::uint32_t group_;
};

}  // namespace

GroupUse use_of_group(const Schema& schema, const Transaction& transaction, TableId table,
                      std::uint32_t group) {
    GroupUse use;
    std::size_t changing = 0;
    for (const catalog::Column& column : schema.table(table).columns) {
        if (column.policy.merge == catalog::Merge::register_ && column.policy.group == group) ++changing;
    }
    for (std::size_t i = 0; i < transaction.body.size(); ++i) {
        Assignments assignments(schema, table, group);
        assignments.statement(*transaction.body[i]);
        for (const auto& columns : assignments.found) {
            use.updates = true;
            use.columns.insert(columns.begin(), columns.end());
            const bool part = columns.size() < changing;
            if (!transaction.allow_lost_update &&
                (part || depends_on_group(schema, transaction, i, table, group)))
                use.promises = true;
        }
    }
    return use;
}

}  // namespace anabranch::confluence
