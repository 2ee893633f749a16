#include "confluence/escrow.h"

#include <algorithm>

#include "confluence/smt/pair.h"
#include "confluence/walk.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::confluence {

namespace {

using smt::LinearBound;

bool add_linear(const sql::Expr& e, std::int64_t factor, LinearBound& out) {
    if (const auto* cast = std::get_if<sql::Cast>(&e.node))
        return sql::is_integer(e.type) && add_linear(*cast->arg, factor, out);
    if (const auto* c = std::get_if<sql::Const>(&e.node)) {
        if (c->null || !sql::is_integer(e.type)) return false;
        out.constant += factor * c->integer;
        return true;
    }
    if (const auto* ref = std::get_if<sql::ColumnRef>(&e.node)) {
        if (ref->level != 0 || ref->rel != 0 || !sql::is_integer(e.type)) return false;
        out.terms.emplace_back(factor, ref->column);
        return true;
    }
    const auto* call = std::get_if<sql::Call>(&e.node);
    if (call == nullptr) return false;
    switch (call->func) {
        case sql::Func::add:
            return add_linear(*call->args[0], factor, out) && add_linear(*call->args[1], factor, out);
        case sql::Func::sub:
            return add_linear(*call->args[0], factor, out) && add_linear(*call->args[1], -factor, out);
        case sql::Func::neg:
            return add_linear(*call->args[0], -factor, out);
        default:
            return false;
    }
}

std::optional<LinearBound> bound_of(TableId table, const sql::Expr& e) {
    const auto* call = std::get_if<sql::Call>(&e.node);
    if (call == nullptr || call->args.size() != 2) return std::nullopt;
    std::int64_t sign = 0;
    std::int64_t slack = 0;
    switch (call->func) {
        case sql::Func::ge:
            sign = 1;
            break;
        case sql::Func::gt:
            sign = 1, slack = -1;
            break;
        case sql::Func::le:
            sign = -1;
            break;
        case sql::Func::lt:
            sign = -1, slack = -1;
            break;
        default:
            return std::nullopt;
    }
    LinearBound bound{table, {}, slack};
    if (!add_linear(*call->args[0], sign, bound) || !add_linear(*call->args[1], -sign, bound))
        return std::nullopt;
    return bound;
}

// Rights can be counted over counters, beside columns that never change.
bool countable(const smt::Analysis& analysis, const LinearBound& bound) {
    const catalog::Table& table = analysis.schema().table(bound.table);
    if (table.identity == catalog::RowIdentity::per_key && table.deletes) return false;
    bool counts = false;
    for (const auto& [factor, column] : bound.terms) {
        const catalog::Column& c = table.columns[column];
        if (!c.not_null) return false;
        if (c.policy.merge == catalog::Merge::counter) {
            counts = true;
        } else if (c.policy.merge != catalog::Merge::immutable) {
            return false;
        }
    }
    return counts;
}

class IntegerConstants : public Walker {
  public:
    std::set<std::int64_t> values{1};

  protected:
    void on_node(const sql::Expr& e) override {
        const auto* c = std::get_if<sql::Const>(&e.node);
        if (c != nullptr && !c->null && sql::is_integer(e.type) && c->integer > 0) values.insert(c->integer);
    }
};

std::optional<EscrowCost> cost_of(const smt::Analysis& analysis, std::uint32_t transaction,
                                  std::uint32_t invariant, const std::vector<LinearBound>& bounds) {
    const catalog::Transaction& t = analysis.schema().transactions[transaction];
    smt::Pair pair(analysis, transaction, transaction, {invariant});
    smt::Dropped dropped;
    for (const Touches& touches : analysis.touches) {
        const smt::Dropped met = pair.met_by(smt::Side::first, touches);
        dropped.insert(met.begin(), met.end());
    }
    const auto within = [&](const smt::Cost& cost) {
        return std::all_of(bounds.begin(), bounds.end(), [&](const LinearBound& b) {
            return pair.lowers(b, cost, dropped) == smt::Answer::no;
        });
    };
    if (within({})) return EscrowCost{transaction, true, "0"};
    IntegerConstants constants;
    for (const auto& statement : t.body) constants.statement(*statement);
    for (std::int64_t value : constants.values) {
        if (within({std::nullopt, value})) return EscrowCost{transaction, false, std::to_string(value)};
    }
    for (std::uint32_t p = 0; p < t.parameters.size(); ++p) {
        if (sql::is_integer(t.parameters[p].type) && within({p, 0}))
            return EscrowCost{transaction, false, t.parameters[p].name};
    }
    return std::nullopt;
}

}  // namespace

std::optional<EscrowCertificate> certify_escrow(const smt::Analysis& shared, std::uint32_t invariant) {
    const catalog::Invariant& what = shared.schema().invariants[invariant];
    const auto* check = std::get_if<catalog::CheckInvariant>(&what.what);
    if (check == nullptr) return std::nullopt;
    EscrowCertificate out;
    for (const sql::ExprPtr& part :
         conjuncts(shared.schema().table(what.table).checks[check->index].condition)) {
        const auto bound = bound_of(what.table, *part);
        if (!bound || !countable(shared, *bound)) return std::nullopt;
        out.bounds.push_back(*bound);
    }
    smt::Analysis analysis(shared.schema_ptr(), &shared);
    analysis.rlimit = shared.rlimit;
    analysis.read_signs = shared.read_signs;
    analysis.unassumed = invariant;
    for (std::uint32_t t = 0; t < analysis.schema().transactions.size(); ++t) {
        const auto touch = analysis.touches[t].find(what.table);
        if (touch == analysis.touches[t].end() || touch->second.columns.empty()) continue;
        auto cost = cost_of(analysis, t, invariant, out.bounds);
        if (!cost) return std::nullopt;
        out.costs.push_back(std::move(*cost));
    }
    return out;
}

}  // namespace anabranch::confluence
