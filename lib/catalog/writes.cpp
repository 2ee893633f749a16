#include "lib/catalog/writes.h"

#include <algorithm>

#include "lib/sql/bind_walk.h"

namespace anabranch::catalog {

namespace {

using sql::ExprPtr;
using sql::Func;

// Without what only changes the representation: domain checks and casts between integers or without a change
// of type.
const ExprPtr& bare(const ExprPtr& e) {
    if (const auto* d = std::get_if<sql::DomainCheck>(&e->node)) return bare(d->arg);
    if (const auto* c = std::get_if<sql::Cast>(&e->node))
        if (sql::is_integer(c->arg->type) && sql::is_integer(e->type)) return bare(c->arg);
    return e;
}

class Classifier {
  public:
    Classifier(const Transaction& t, ColumnId column, bool not_null)
        : transaction_(t), column_(column), not_null_(not_null) {}

    ColumnWrite classify(const ExprPtr& value, const ExprPtr& where) const {
        ColumnWrite out;
        out.span = value->span;
        out.transaction = transaction_.display();
        if (is_self(value)) {
            out.form = WriteForm::keep;
        } else if (is_sum(value)) {
            out.form = WriteForm::add;
            out.subtracts = subtracts(value);
            out.never_lowers = grows(value);
        } else if (is_choice(value, Func::greatest)) {
            out.form = WriteForm::raise;
            out.never_lowers = true;
        } else if (is_choice(value, Func::least)) {
            out.form = WriteForm::lower;
            out.never_raises = true;
        } else if (where) {
            out.never_lowers = guarded(value, where, Func::lt, Func::le, Func::gt, Func::ge);
            out.never_raises = guarded(value, where, Func::gt, Func::ge, Func::lt, Func::le);
        }
        return out;
    }

  private:
    bool is_self(const ExprPtr& e) const {
        const auto* ref = std::get_if<sql::ColumnRef>(&bare(e)->node);
        return ref != nullptr && ref->level == 0 && ref->rel == 0 && ref->column == column_.value;
    }
    // Every arm of a CASE, which must not fall through to NULL.
    template <typename Test>
    static bool every_arm(const sql::Case& c, const Test& test) {
        return c.otherwise && test(c.otherwise) &&
               std::all_of(c.branches.begin(), c.branches.end(),
                           [&](const auto& b) { return test(b.result); });
    }
    bool is_sum(const ExprPtr& given) const {
        const ExprPtr& e = bare(given);
        if (is_self(e)) return true;
        if (const auto* c = std::get_if<sql::Case>(&e->node))
            return every_arm(*c, [&](const ExprPtr& arm) { return is_sum(arm); });
        const auto* call = std::get_if<sql::Call>(&e->node);
        if (call == nullptr || !sql::is_integer(e->type)) return false;
        if (call->func == Func::coalesce) return not_null_ && is_self(call->args[0]);
        if (call->args.size() != 2) return false;
        if (call->func == Func::add) return is_sum(call->args[0]) || is_sum(call->args[1]);
        return call->func == Func::sub && is_sum(call->args[0]);
    }
    bool subtracts(const ExprPtr& given) const {
        bool found = false;
        sql::walk(given, [&](const ExprPtr& e, std::uint32_t) {
            const auto* call = std::get_if<sql::Call>(&e->node);
            found |= call != nullptr && call->func == Func::sub && is_sum(call->args[0]);
            return true;
        });
        return found;
    }
    // VALUE > n or VALUE >= n with n >= 0 in a parameter's domain, or a constant that is not negative.
    bool not_negative(const ExprPtr& given) const {
        const ExprPtr& e = bare(given);
        if (const auto* c = std::get_if<sql::Const>(&e->node))
            return !c->null && sql::is_integer(e->type) && c->integer >= 0;
        const auto* p = std::get_if<sql::Param>(&e->node);
        if (p == nullptr) return false;
        for (const Parameter& parameter : transaction_.parameters) {
            if (parameter.index != p->index || !parameter.domain) continue;
            for (const sql::Domain::Check& check : parameter.domain->checks) {
                const auto* call = std::get_if<sql::Call>(&check.condition->node);
                if (call == nullptr || (call->func != Func::gt && call->func != Func::ge)) continue;
                if (std::holds_alternative<sql::DomainValue>(bare(call->args[0])->node) &&
                    not_negative(call->args[1]))
                    return true;
            }
        }
        return false;
    }
    bool grows(const ExprPtr& given) const {
        const ExprPtr& e = bare(given);
        if (is_self(e)) return true;
        if (const auto* c = std::get_if<sql::Case>(&e->node))
            return every_arm(*c, [&](const ExprPtr& arm) { return grows(arm); });
        const auto* call = std::get_if<sql::Call>(&e->node);
        if (call == nullptr || call->func != Func::add) return false;
        return (grows(call->args[0]) && not_negative(call->args[1])) ||
               (grows(call->args[1]) && not_negative(call->args[0]));
    }
    bool is_choice(const ExprPtr& given, Func func) const {
        const ExprPtr& e = bare(given);
        if (const auto* c = std::get_if<sql::Case>(&e->node))
            return every_arm(*c, [&](const ExprPtr& arm) { return is_self(arm) || is_choice(arm, func); });
        const auto* call = std::get_if<sql::Call>(&e->node);
        if (call == nullptr || call->func != func) return false;
        return std::any_of(call->args.begin(), call->args.end(),
                           [&](const ExprPtr& arg) { return is_self(arg) || is_choice(arg, func); });
    }
    // A conjunct c < e (or e > c) of WHERE where e is what is assigned.
    bool guarded(const ExprPtr& value, const ExprPtr& where, Func lt, Func le, Func gt, Func ge) const {
        if (const auto* logic = std::get_if<sql::Logic>(&where->node))
            return logic->op == sql::LogicOp::and_ &&
                   std::any_of(logic->args.begin(), logic->args.end(),
                               [&](const ExprPtr& e) { return guarded(value, e, lt, le, gt, ge); });
        const auto* call = std::get_if<sql::Call>(&where->node);
        if (call == nullptr || call->args.size() != 2) return false;
        const auto pair = [&](const ExprPtr& self, const ExprPtr& other) {
            return is_self(self) && sql::same(bare(other), bare(value));
        };
        if (call->func == lt || call->func == le) return pair(call->args[0], call->args[1]);
        if (call->func == gt || call->func == ge) return pair(call->args[1], call->args[0]);
        return false;
    }

    const Transaction& transaction_;
    ColumnId column_;
    bool not_null_;
};

class Collector {
  public:
    explicit Collector(const Schema& schema) : schema_(schema), out_(schema.tables.size()) {
        for (std::size_t i = 0; i < out_.size(); ++i) out_[i].columns.resize(schema.tables[i].columns.size());
    }
    void transaction(const Transaction& t) {
        for (const sql::StatementPtr& s : t.body) statement(*s, t);
    }
    std::vector<TableWrites> take() { return std::move(out_); }

  private:
    void statement(const sql::Statement& s, const Transaction& t) {
        for (const sql::Cte& cte : s.ctes) statement(*cte.statement, t);
        if (const auto* q = std::get_if<sql::QueryPtr>(&s.body)) {
            for (const sql::Cte& cte : (*q)->ctes) statement(*cte.statement, t);
        } else if (const auto* i = std::get_if<sql::Insert>(&s.body)) {
            insert(*i, t);
        } else if (const auto* u = std::get_if<sql::Update>(&s.body)) {
            assignments(u->table, u->assignments, u->where, t);
        } else if (const auto* d = std::get_if<sql::Delete>(&s.body)) {
            out_[d->table.value].deletes = true;
        }
    }
    void assignments(TableId table, const std::vector<sql::Assignment>& list, const ExprPtr& where,
                     const Transaction& t) {
        TableWrites& writes = out_[table.value];
        const Table& meta = schema_.table(table);
        for (const sql::Assignment& a : list) {
            const Classifier classifier(t, a.column, meta.columns[a.column.value].not_null);
            writes.columns[a.column.value].updates.push_back(classifier.classify(a.value, where));
            const auto& key = meta.keys[0].columns;
            if (std::find(key.begin(), key.end(), a.column) != key.end() &&
                writes.columns[a.column.value].updates.back().form != WriteForm::keep)
                writes.key_updated = true;
        }
    }
    void insert(const sql::Insert& i, const Transaction& t) {
        TableWrites& writes = out_[i.table.value];
        if (i.source)
            for (const sql::Cte& cte : i.source->ctes) statement(*cte.statement, t);
        if (i.on_conflict.action != sql::ConflictAction::none) {
            if (!i.on_conflict.key || *i.on_conflict.key == 0) writes.identified_by_key = true;
            for (const ColumnId c : i.columns) writes.columns[c.value].upserted = true;
            assignments(i.table, i.on_conflict.assignments, i.on_conflict.where, t);
        }
        if (!i.source) return;
        for (std::size_t n = 0; n < i.columns.size() && n < i.source->targets.size(); ++n)
            if (reads_column(i.source->targets[n], *i.source, i.table, i.columns[n]))
                writes.columns[i.columns[n].value].insert_reads = true;
    }
    // Does an output of the query depend on that column of the table, directly or through subqueries of it?
    static bool reads_column(const ExprPtr& e, const sql::Query& q, TableId table, ColumnId column) {
        bool found = false;
        sql::walk(e, [&](const ExprPtr& part, std::uint32_t depth) {
            if (const auto* ref = std::get_if<sql::ColumnRef>(&part->node);
                ref != nullptr && ref->level == depth && ref->rel < q.rels.size()) {
                const sql::OutputColumn& c = q.rels[ref->rel].columns[ref->column];
                found |= c.table == table && c.column == column.value;
            }
            if (const auto* s = std::get_if<sql::Subquery>(&part->node))
                for (const ExprPtr& target : s->query->targets)
                    found |= reads_column(target, *s->query, table, column);
            return !found;
        });
        return found;
    }

    const Schema& schema_;
    std::vector<TableWrites> out_;
};

}  // namespace

std::vector<TableWrites> collect_writes(const Schema& schema) {
    Collector collector(schema);
    for (const Transaction& t : schema.transactions)
        if (!t.skipped && !t.read_only) collector.transaction(t);
    return collector.take();
}

}  // namespace anabranch::catalog
