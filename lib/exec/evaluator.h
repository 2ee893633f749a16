// Evaluates compiled expressions over the slots, registers and parameters of one run. A failure stays in the
// EvalContext (the first one wins) and the value is NULL: callers look at `context.failed` once per row.
//
// Not thread-safe; one per running transaction and program.
#pragma once

#include "lib/exec/program.h"

namespace anabranch::exec {

// Runs the queries inside expressions: the seam between expressions and relations.
class SubqueryRunner {
  public:
    virtual ~SubqueryRunner() = default;
    virtual sql::Datum subquery(const SubqueryPlan& plan) = 0;
};

class Evaluator {
  public:
    explicit Evaluator(sql::EvalContext& eval_context) : context(eval_context) {}

    sql::Datum eval(ExprId id);
    // Not NULL and true: WHERE, ON, HAVING, FILTER.
    bool truth(ExprId id) {
        const sql::Datum value = eval(id);
        return !value.is_null() && value.as_bool() && !context.failed;
    }
    // Not false: CHECK constraints.
    bool holds(ExprId id) {
        const sql::Datum value = eval(id);
        return value.is_null() || value.as_bool();
    }

    sql::EvalContext& context;
    const Program* program = nullptr;
    const sql::Datum* parameters = nullptr;
    Slot* slots = nullptr;
    sql::Datum* registers = nullptr;
    SubqueryRunner* subqueries = nullptr;

  private:
    sql::Datum column(const Node& node) const;
    sql::Datum call(const Node& node);
    sql::Datum compare(const Node& node);
    sql::Datum arithmetic(const Node& node);
    sql::Datum logic(const Node& node);
    sql::Datum test(const Node& node);
    sql::Datum choose(const Node& node);
    sql::Datum domain(const Node& node);
};

// The error of an integer result that does not fit `bytes`: "integer out of range".
Error integer_out_of_range(unsigned bytes);

}  // namespace anabranch::exec
