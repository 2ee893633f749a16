// SQL expressions and queries as solver terms over a symbolic state.
//
// A query over stored tables ranges over slots, and over "the rest" through uninterpreted functions of the
// pattern that the rows must match and of the values that come from outside the pattern, so that equal
// sub-queries with equal outer values speak of the same rows. The rest is the same in two states unless a
// set-oriented statement between them can change it as seen through that pattern; then it is another
// function.
//
// What has no encoding (recursion, windows, table functions ...) is a fresh unknown: the caller sees `opaque`
// set. A fresh unknown only ever adds models, so a proof stays a proof.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "confluence/smt/state.h"
#include "confluence/smt/term.h"
#include "lib/sql/ir.h"

namespace anabranch::confluence::smt {

// One row that an expression may refer to.
struct RowRef {
    const std::vector<Val>* cells = nullptr;
    std::optional<TableId> table;  // of a stored row: reading it is recorded
    bool opaque = false;           // nobody knows what is in it
    bool rest = false;             // a row of the rest: must not be read, only matched by pattern
};

struct Group;  // rows that aggregates range over

struct Env {
    const Env* outer = nullptr;
    std::vector<RowRef> rows;
    const std::vector<sql::Cte>* ctes = nullptr;
    const Group* group = nullptr;
    const Val* domain_value = nullptr;
};

// A condition that a call's success depends on, met while evaluating (domain checks, guards).
struct Requirement {
    z3::expr condition;
};

// Values of one call that no state determines: parameters, now(), random values.
class CallValues {
  public:
    virtual ~CallValues() = default;
    virtual Val parameter(std::uint32_t index, sql::Type type) = 0;
    // One value per call site (and per row, where `site` says so).
    virtual Val generated(const sql::Expr& expression, const std::string& site) = 0;
};

// Keys pinned in the rest: `exists` of the rest says that a row with these key values is there.
struct RestKey {
    TableId table;
    std::uint32_t key = 0;
    std::vector<Val> values;
    z3::expr exists;
};

class Evaluator {
  public:
    Evaluator(Universe& universe, CallValues* values)
        : universe_(universe), terms_(universe.terms()), values_(values) {}

    // Settings of the next evaluations.
    const State* state = nullptr;
    Reads* reads = nullptr;
    std::vector<Requirement>* requirements = nullptr;
    std::string site;         // names generated values
    bool slots_only = false;  // positive EXISTS are witnessed in slots (S has room for the witnesses of what
                              // is assumed of it)
    // When set: rows of the rest that were looked up by a unique key. Such a row may be given a slot, if
    // there is one to spare.
    std::vector<z3::expr>* pinned_reads = nullptr;
    bool opaque = false;  // set when something had no encoding

    Val expression(const sql::ExprPtr& e, const Env& env) { return expression(*e, env); }
    Val expression(const sql::Expr& e, const Env& env);
    z3::expr condition(const sql::ExprPtr& e, const Env& env) {
        return e ? expression(*e, env).value : terms_.yes();
    }

    RowRef stored_row(TableId table, std::uint32_t slot);

    // A result row that a query surely has when `present`; rows that lie in the rest altogether are left out.
    struct Tuple {
        z3::expr present;
        std::vector<Val> values;
    };
    std::vector<Tuple> tuples(const sql::Query& query, const Env* env);
    z3::expr exists(const sql::Query& query, const Env* env);
    // A boolean operator on two values.
    Val operate(sql::Func func, const Val& a, const Val& b);

    // What was assumed of the rest so far; the solver's owner ties it to the slots.
    const std::vector<RestKey>& rest_keys() const { return *rest_keys_; }
    void share_rest_keys(std::vector<RestKey>* keys) { rest_keys_ = keys; }

    Terms& terms() { return terms_; }
    Universe& universe() { return universe_; }

    // Binds a rel to each row it may have: slots of a table, tuples of a derived table; `opaque` ones once.
    struct Candidate {
        RowRef row;
        z3::expr present;
        std::shared_ptr<std::vector<Val>> owned;
    };
    std::vector<Candidate> candidates(const sql::Rel& rel, const Env& env);
    Val unknown(const std::string& name, sql::Type type);

  private:
    friend class QueryEncoder;
    Val call(const sql::Call& call, const sql::Expr& e, const Env& env);
    Val strict_call(sql::Func func, const sql::Expr& e, const sql::Call& call, const std::vector<Val>& args);
    Val compare(sql::Func func, const Val& a, const Val& b);
    Val arithmetic(sql::Func func, const sql::Expr& e, const sql::Call& call, const std::vector<Val>& args);
    Val choice(sql::Func func, const sql::Expr& e, const std::vector<Val>& args);
    Val uninterpreted(const std::string& name, sql::Type type, const std::vector<Val>& args);
    Val cast(const sql::Cast& cast, const sql::Expr& e, const Env& env);
    Val logic(const sql::Logic& logic, const Env& env);
    Val test(const sql::Test& test, const Env& env);
    Val array_compare(const sql::ArrayCompare& compare, const Env& env);
    Val column(const sql::ColumnRef& ref, const sql::Expr& e, const Env& env);
    Val case_of(const sql::Case& choice, const sql::Expr& e, const Env& env);
    Val domain_check(const sql::DomainCheck& check, const Env& env);
    Val subquery(const sql::Subquery& subquery, const sql::Expr& e, const Env& env);
    Val aggregate(const sql::Aggregate& aggregate, const sql::Expr& e, const Env& env);

    Universe& universe_;
    Terms& terms_;
    CallValues* values_;
    std::vector<RestKey> own_rest_keys_;
    std::vector<RestKey>* rest_keys_ = &own_rest_keys_;
    std::deque<std::vector<Val>> kept_;  // rows made up here, alive as long as the evaluator
    int polarity_ = 1;                   // 1: a true value helps the whole to be true; 0: unknown
    std::uint32_t depth_ = 0;
    std::vector<const sql::Query*>
        expanding_;  // CTEs and derived tables being read: a reference back to one is recursion
};

}  // namespace anabranch::confluence::smt
