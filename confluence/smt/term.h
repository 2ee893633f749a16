// Solver terms for SQL values. A value is a pair (is it NULL, what is it otherwise); conditions follow SQL's
// three-valued logic. Integers are mathematical integers, numeric and floating values are reals, everything
// else (text, uuid, ranges, json ...) is an integer code whose order is that of its bytes among the constants
// of the schema. What has no exact counterpart is an uninterpreted function: any meaning, but the same for
// the same arguments.
//
// Every simplification here folds constants only, so that equal inputs give identical terms (Z3 shares them):
// two evaluations of one fact that read nothing different are the same term.
//
// Names are unique within one Terms; several share a context. solve.cpp catches Z3's exceptions.
#pragma once

#include <z3++.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/sql/ir.h"

namespace anabranch::confluence::smt {

enum class Kind : std::uint8_t { boolean, integer, real };
Kind kind_of(sql::Type type);

// How a value came to be: a system-made or merge.fresh one equals no value ever stored in the same column
// (weak axiom), and nothing more is known.
enum class Mark : std::uint8_t { none, generated };

// Booleans are kept so that `value` implies not `null`: `value` alone is IS TRUE.
struct Val {
    z3::expr null;
    z3::expr value;
    Kind kind = Kind::integer;
    Mark mark = Mark::none;
};

// Codes of all byte constants of one schema, ascending: shared by every pair of a run.
class Constants {
  public:
    void add(std::string_view bytes) { codes_.emplace(bytes, 0); }
    void seal();
    std::int64_t code(
        std::string_view bytes) const;  // of a constant not added: one past the greatest, by hash
    const std::string* text(std::int64_t code) const;  // null when the code is nobody's
    const std::map<std::string, std::int64_t, std::less<>>& all() const { return codes_; }

  private:
    std::map<std::string, std::int64_t, std::less<>> codes_;
    std::map<std::int64_t, std::string> texts_;
};

// Making a Z3 context costs more than most questions asked in it, so the pairs of a run share one.
struct SolverContext {
    z3::context z3;
};

class Terms {
  public:
    Terms(const Constants& constants, SolverContext& context)
        : constants_(constants),
          context_(context.z3),
          true_(context_.bool_val(true)),
          false_(context_.bool_val(false)) {}
    Terms(const Terms&) = delete;
    Terms& operator=(const Terms&) = delete;

    z3::context& context() { return context_; }
    const Constants& constants() const { return constants_; }

    z3::expr yes() const { return true_; }
    z3::expr no() const { return false_; }
    z3::expr integer(std::int64_t value) { return context_.int_val(value); }

    z3::expr and_(const z3::expr& a, const z3::expr& b);
    z3::expr or_(const z3::expr& a, const z3::expr& b);
    z3::expr and_(const std::vector<z3::expr>& list);
    z3::expr or_(const std::vector<z3::expr>& list);
    z3::expr not_(const z3::expr& a);
    z3::expr implies(const z3::expr& a, const z3::expr& b) { return or_(not_(a), b); }
    z3::expr equal(const z3::expr& a, const z3::expr& b);
    z3::expr ite(const z3::expr& condition, const z3::expr& yes, const z3::expr& no);

    // Variables; `name` is made unique.
    z3::expr boolean(const std::string& name);
    z3::expr variable(const std::string& name, Kind kind);
    Val unknown(const std::string& name, sql::Type type, bool nullable = true);

    Val null(sql::Type type);
    Val value(z3::expr value, Kind kind) { return {false_, std::move(value), kind, Mark::none}; }
    Val boolean_value(const z3::expr& value) { return {false_, value, Kind::boolean, Mark::none}; }
    Val constant(const sql::Const& constant, sql::Type type);
    Val choose(const z3::expr& condition, const Val& yes, const Val& no);

    // For booleans: IS TRUE, IS NOT FALSE (what a CHECK asks), IS FALSE.
    z3::expr is_true(const Val& v) { return v.value; }
    z3::expr not_false(const Val& v) { return or_(v.null, v.value); }
    z3::expr is_false(const Val& v) { return not_(not_false(v)); }
    // A boolean from its two defining conditions (mutually exclusive); neither means NULL.
    Val three_valued(const z3::expr& when_true, const z3::expr& when_false);
    // Equal and both present; and IS NOT DISTINCT FROM.
    z3::expr equal_values(const Val& a, const Val& b);
    z3::expr same(const Val& a, const Val& b);

    // An uninterpreted function of values (NULLs told apart) or of plain terms.
    z3::expr function(const std::string& name, const std::vector<z3::expr>& args, Kind result);
    z3::expr function(const std::string& name, const std::vector<Val>& args, Kind result);

    // Facts that hold whatever the model is (of uninterpreted functions); asserted once by the solver's
    // owner.
    void axiom(const z3::expr& fact) {
        if (!fact.is_true()) axioms_.push_back(fact);
    }
    const std::vector<z3::expr>& axioms() const { return axioms_; }

    z3::sort sort(Kind kind);
    z3::expr zero(Kind kind);
    z3::expr to_kind(const z3::expr& value, Kind from, Kind to);

  private:
    const Constants& constants_;
    z3::context& context_;
    z3::expr true_, false_;
    std::map<std::string, unsigned> names_;
    std::vector<z3::expr> axioms_;
};

}  // namespace anabranch::confluence::smt
