// A stronger guard: a condition on the parameters alone, checked where the call runs, under which the
// conflict is gone. An amount that is never negative; a value that the invariant does not mind. Parameters
// are fixed by the caller, so that such a condition holds wherever the effect arrives.
#include <algorithm>

#include "confluence/repair.h"
#include "confluence/walk.h"
#include "lib/exec/schema_plans.h"
#include "lib/sql/bind_walk.h"
#include "lib/sql/value.h"

namespace anabranch::confluence {

using catalog::InvariantKind;

namespace {

constexpr std::size_t values_max = 3;  // of one parameter that are tried

// How the parameters of a transaction get into columns that an invariant reads.
class Written : public Walker {
  public:
    Written(const catalog::Schema& schema, const Access& reads) : schema_(schema), reads_(reads) {}
    std::set<std::uint32_t> amounts;  // added to a counter
    std::set<std::uint32_t> values;   // assigned as they are

  protected:
    void on_update(const sql::Update& update) override { assignments(update.table, update.assignments); }
    void on_insert(const sql::Insert& insert) override {
        assignments(insert.table, insert.on_conflict.assignments);
        if (!insert.source) return;
        for (std::size_t i = 0; i < insert.columns.size(); ++i) {
            for (const auto& row : insert.source->values) assigned(insert.table, insert.columns[i], row[i]);
            if (i < insert.source->targets.size())
                assigned(insert.table, insert.columns[i], insert.source->targets[i]);
        }
    }

  private:
    bool read(TableId table, ColumnId column) const {
        const auto found = reads_.tables.find(table);
        return found != reads_.tables.end() && found->second.reads.contains(column.value);
    }
    void assigned(TableId table, ColumnId column, const sql::ExprPtr& value) {
        // A key says which row it is, not what is true of it.
        const auto& key = schema_.table(table).keys[0].columns;
        if (!read(table, column) || std::find(key.begin(), key.end(), column) != key.end()) return;
        if (const auto* param = std::get_if<sql::Param>(&sql::uncast(value)->node))
            values.insert(param->index);
    }
    void assignments(TableId table, const std::vector<sql::Assignment>& list) {
        for (const sql::Assignment& a : list) {
            assigned(table, a.column, a.value);
            const auto& policy = schema_.table(table).columns[a.column.value].policy;
            if (!read(table, a.column) || policy.merge != catalog::Merge::counter) continue;
            UsedParameters parameters;
            parameters.over_row(table, a.value);
            amounts.merge(parameters.used);
        }
    }
    const catalog::Schema& schema_;
    const Access& reads_;
};

bool textual(const sql::Type& type) {
    return type.id == sql::TypeId::text || type.id == sql::TypeId::varchar || type.id == sql::TypeId::bpchar;
}

bool same_kind(const sql::Type& a, const sql::Type& b) {
    if (a.array || b.array) return false;
    const bool label = a.id == sql::TypeId::enum_ && b.id == a.id && a.detail == b.detail;
    return label || (textual(a) && textual(b));
}

// The constants of one type that an invariant names.
class NamedValues : public Walker {
  public:
    explicit NamedValues(const sql::Type& type) : type_(type) {}
    std::vector<sql::ExprPtr> found;

    void of(const catalog::Schema& schema, const catalog::Invariant& invariant) {
        const catalog::Table& table = schema.table(invariant.table);
        if (const auto* check = std::get_if<catalog::CheckInvariant>(&invariant.what))
            over_row(table.id, table.checks[check->index].condition);
        if (const auto* key = std::get_if<catalog::KeyInvariant>(&invariant.what))
            if (table.keys[key->index].predicate) over_row(table.id, table.keys[key->index].predicate);
        if (const auto* exclude = std::get_if<catalog::ExcludeInvariant>(&invariant.what))
            if (table.exclusions[exclude->index].predicate)
                over_row(table.id, table.exclusions[exclude->index].predicate);
        if (const auto* assertion = std::get_if<catalog::AssertionInvariant>(&invariant.what))
            query(*assertion->violations);
    }

  protected:
    void on_node(const sql::Expr& e) override {
        const auto* c = std::get_if<sql::Const>(&e.node);
        if (c == nullptr || c->null || !same_kind(e.type, type_) || found.size() == values_max) return;
        const bool known = std::any_of(found.begin(), found.end(), [&](const sql::ExprPtr& other) {
            const auto& o = std::get<sql::Const>(other->node);
            return o.integer == c->integer && o.bytes == c->bytes;
        });
        if (!known) found.push_back(std::make_shared<sql::Expr>(e));
    }

  private:
    sql::Type type_;
};

struct Condition {
    sql::ExprPtr holds;
    std::string text;
};

sql::ExprPtr boolean(sql::Call call) {
    return std::make_shared<sql::Expr>(sql::Expr{{sql::TypeId::bool_}, {}, std::move(call)});
}

sql::ExprPtr parameter(const catalog::Parameter& p) {
    return std::make_shared<sql::Expr>(sql::Expr{p.type, {}, sql::Param{p.index}});
}

Condition never_negative(const catalog::Parameter& p) {
    sql::Const zero;
    zero.null = false;
    auto value = std::make_shared<sql::Expr>(sql::Expr{{sql::TypeId::int8}, {}, zero});
    return {boolean({sql::Func::ge, {parameter(p), std::move(value)}}), p.name + " >= 0"};
}

// What the parameter may be, so that the invariant does not mind.
std::vector<Condition> choices(const catalog::Schema& schema, const catalog::Invariant& invariant,
                               const catalog::Parameter& p) {
    std::vector<Condition> out;
    if (p.type.id == sql::TypeId::bool_ && !p.type.array) {
        const auto holds = parameter(p);
        out.push_back({holds, p.name + " = true"});
        out.push_back(
            {std::make_shared<sql::Expr>(sql::Expr{p.type, {}, sql::Logic{sql::LogicOp::not_, {holds}}}),
             p.name + " = false"});
        return out;
    }
    NamedValues named(p.type);
    named.of(schema, invariant);
    for (const sql::ExprPtr& value : named.found) {
        const auto& c = std::get<sql::Const>(value->node);
        const bool bytes = sql::storage_of(value->type) == sql::Storage::bytes;
        const std::string text = sql::print_literal(
            textual(value->type) ? sql::Type{sql::TypeId::text} : value->type,
            bytes ? sql::Datum::bytes(c.bytes) : sql::Datum::integer(c.integer), &exec::plans_of(schema));
        out.push_back({boolean({sql::Func::eq, {parameter(p), value}}), p.name + " = " + text});
        out.push_back({boolean({sql::Func::ne, {parameter(p), value}}), p.name + " <> " + text});
    }
    return out;
}

// SELECT (condition)::holds
sql::StatementPtr guard_of(const sql::ExprPtr& condition) {
    auto domain = std::make_shared<sql::Domain>();
    domain->name = "holds";
    domain->base = {sql::TypeId::bool_};
    domain->not_null = domain->is_guard = true;
    auto query = std::make_shared<sql::Query>();
    query->targets.push_back(std::make_shared<sql::Expr>(
        sql::Expr{domain->base, {}, sql::DomainCheck{condition, std::move(domain)}}));
    query->columns.push_back({"holds", {sql::TypeId::bool_}, {}, 0});
    auto statement = std::make_shared<sql::Statement>();
    statement->columns = query->columns;
    statement->body = sql::QueryPtr(std::move(query));
    return statement;
}

catalog::Transaction with_guard(catalog::Transaction transaction, const Condition& condition) {
    transaction.body.insert(transaction.body.begin(), guard_of(condition.holds));
    return transaction;
}

const catalog::Parameter* parameter_of(const catalog::Transaction& transaction, std::uint32_t index) {
    for (const catalog::Parameter& p : transaction.parameters)
        if (p.index == index && p.mode != catalog::Parameter::Mode::out) return &p;
    return nullptr;
}

}  // namespace

// An amount that is never negative only moves a sum away from the bound.
void Repairer::amount_guards(std::uint32_t transaction, std::uint32_t invariant,
                             const std::set<std::uint32_t>& parameters, std::vector<Repair>& out) {
    const catalog::Transaction& t = schema_.transactions[transaction];
    for (const std::uint32_t index : parameters) {
        const catalog::Parameter* p = parameter_of(t, index);
        const bool bounded = p != nullptr && p->domain && !p->domain->checks.empty();
        if (p == nullptr || bounded || !sql::is_integer(p->type)) continue;
        const Condition condition = never_negative(*p);
        const auto change = [&](catalog::Schema& s) {
            s.transactions[transaction] = with_guard(t, condition);
        };
        if (!frees(change, {{transaction}, {invariant}, baseline()})) continue;
        out.push_back({"guard", place(t.body[0]->span) + "begin " + t.name + " with " +
                                    guard_text(condition.text) + ": calls whose " + p->name +
                                    " is negative are then refused, and " + t.name + " cannot break " +
                                    schema_.invariants[invariant].name + " with any other call"});
    }
}

// One value of a parameter may be harmless where others are not: calls with it can have a procedure of their
// own.
void Repairer::choice_guards(std::uint32_t transaction, std::uint32_t invariant,
                             const std::set<std::uint32_t>& parameters, std::vector<Repair>& out) {
    const catalog::Transaction& t = schema_.transactions[transaction];
    const auto number = static_cast<std::uint32_t>(schema_.transactions.size());
    for (const std::uint32_t index : parameters) {
        const catalog::Parameter* p = parameter_of(t, index);
        if (p == nullptr) continue;
        for (const Condition& condition : choices(schema_, schema_.invariants[invariant], *p)) {
            const auto change = [&](catalog::Schema& s) {
                s.transactions.push_back(with_guard(t, condition));
                s.transactions.back().name += "_apart";
            };
            const std::string name = std::to_string(transaction) + " if " + condition.text;
            auto known = guarded_.find(name);
            if (known == guarded_.end())
                known = guarded_.emplace(name, frees(change, {{number}, {}, baseline()})).first;
            if (!known->second) continue;
            out.push_back(
                {"guard",
                 place(t.body[0]->span) + "calls of " + t.name + " with " + condition.text +
                     " conflict with nobody: give them a procedure of their own, which begins with " +
                     guard_text(condition.text)});
        }
    }
}

std::string Repairer::guard_text(const std::string& condition) const {
    const std::string select = "SELECT (" + condition + ")::";
    for (const auto& domain : schema_.domains)
        if (domain->is_guard) return select + domain->name;
    return select + "holds (CREATE DOMAIN holds AS boolean NOT NULL CHECK (VALUE))";
}

void Repairer::guard(std::uint32_t transaction, std::uint32_t invariant, std::vector<Repair>& out) {
    const InvariantKind kind = schema_.invariants[invariant].kind;
    if (schema_.assumed_transactions || kind == InvariantKind::lost_update || kind == InvariantKind::not_null)
        return;
    Written written(schema_, analysis_.invariant_reads[invariant]);
    for (const auto& statement : schema_.transactions[transaction].body) written.statement(*statement);
    amount_guards(transaction, invariant, written.amounts, out);
    choice_guards(transaction, invariant, written.values, out);
}

}  // namespace anabranch::confluence
