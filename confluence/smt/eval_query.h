// Internal to eval_*.cpp: the rows that match a condition, in slots and in the rest.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "confluence/smt/eval.h"

namespace anabranch::confluence::smt {

// A comparison that is not part of the query's own text: left side from outside, right side over the query's
// rels.
struct ExtraCondition {
    enum class Want : std::uint8_t { is_true, is_false, is_null } want = Want::is_true;
    sql::Func compare{};
    const Val* left = nullptr;
    const sql::Expr* right = nullptr;
};

// One way to match: each rel is a slot (or a tuple), or, when `rest`, at least one of them is a row of the
// rest.
struct Match {
    z3::expr present;
    Env env;
    bool rest = false;
    std::string pattern;  // names the functions that speak of these rest rows
    std::vector<Val> args;
    std::string whole;  // the pattern without its version (what set-oriented statements did to it)
    std::vector<std::shared_ptr<std::vector<Val>>> owned;
};

struct Group {
    std::vector<Match> matches;
};

// The text of an expression over rows of the rest, its other parts replaced by arguments. Empty when it has
// none (a sub-query inside).
struct Canonical {
    std::string text;
    std::vector<Val> args;
    std::set<std::pair<std::uint32_t, std::uint32_t>> columns;  // (rel, column) of the rest that are read
};
bool canonical(Evaluator& evaluator, const sql::Expr& e, const Env& env, std::uint64_t local, Canonical& out);

class QueryEncoder {
  public:
    QueryEncoder(Evaluator& evaluator, const sql::Query& query, const Env* outer);

    // Inner joins only, no grouping, no set operation: what can be matched row by row.
    bool plain() const;
    // All matches; with_rest: those in the rest too. False when the rest cannot be described (the caller must
    // assume anything).
    bool matches(bool with_rest, const std::vector<ExtraCondition>& extra, std::vector<Match>& out);
    // The value of a target (or of HAVING) as the single row of a scalar sub-query has it.
    Val scalar(const sql::Expr& target);
    z3::expr exists(const std::vector<ExtraCondition>& extra);
    std::vector<Evaluator::Tuple> tuples();
    // Whether some row of the rest matches.
    z3::expr rest_exists(const Match& match);
    Env base() const;

  private:
    struct Condition {
        const sql::Expr* e = nullptr;
        std::uint64_t rels = 0;
        bool subquery = false;
    };
    struct Pattern;
    void collect(const sql::FromItem& item);
    bool bind(std::size_t rel, Env& env, const z3::expr& present, std::uint64_t rest, bool with_rest,
              const std::vector<ExtraCondition>& extra, std::vector<std::shared_ptr<std::vector<Val>>>& owned,
              std::vector<Match>& out);
    bool finish(Env& env, const z3::expr& present, std::uint64_t rest,
                const std::vector<ExtraCondition>& extra,
                std::vector<std::shared_ptr<std::vector<Val>>>& owned, std::vector<Match>& out);
    z3::expr extra_holds(const ExtraCondition& extra, const Env& env);
    void describe(Match& match, const Env& env, std::uint64_t rest,
                  const std::vector<const sql::Expr*>& conditions, const std::vector<ExtraCondition>& extra);
    bool canonical_parts(const Env& env, std::uint64_t rest, const std::vector<const sql::Expr*>& conditions,
                         const std::vector<ExtraCondition>& extra, std::vector<Canonical>& parts);
    void pin_keys(const Match& match, std::uint64_t rest, const std::vector<Canonical>& parts);
    std::string version(TableId table, const std::set<std::uint32_t>& columns,
                        std::vector<std::string>* without_deletes);
    bool pins_one_row() const;
    Val rest_value(const Match& match, const sql::Expr& e);
    z3::expr any_partner(const sql::FromItem& item, const sql::ExprPtr& condition, Env& env);
    bool rest_partner(const sql::FromItem& item, const sql::ExprPtr& condition, const Env& env,
                      std::vector<z3::expr>& ways);
    bool grouped_partner(const sql::FromItem& item, const sql::Query& derived, const sql::ExprPtr& condition,
                         const Env& env, std::vector<z3::expr>& ways);
    std::vector<Evaluator::Tuple> grouped_tuples();
    std::vector<Evaluator::Tuple> plain_tuples();
    void join(const sql::FromItem& item, Env& env, const z3::expr& present,
              const std::function<void(Env&, const z3::expr&)>& then);

    Evaluator& ev_;
    Terms& terms_;
    const sql::Query& query_;
    const Env* outer_;
    std::vector<Condition> conditions_;
    bool outer_joins_ = false;
};

}  // namespace anabranch::confluence::smt
