// A compiled statement or transaction body: one program, the plans of its statements, and what a call answers
// with.
#pragma once

#include <string>
#include <vector>

#include "lib/exec/engine.h"
#include "lib/exec/plan.h"
#include "lib/exec/schema_plans.h"

namespace anabranch::exec {

class Compiled {
  public:
    // How a call treats the rows of its last statement.
    enum class Answer : std::uint8_t {
        rows,         // as they come: a plain statement, or a function that returns a set
        one_or_null,  // a function: the first row, or one of NULLs
        one,          // a procedure with OUT parameters: the first row; none is an error
        none,         // a procedure or function without a result
    };
    catalog::SchemaPtr schema;
    const SchemaPlans* plans = nullptr;
    Program program;
    std::vector<StatementPlan> statements;
    std::vector<ExprId> parameter_checks;  // domains of parameters
    bool call = false;
    Answer answer = Answer::rows;
    std::uint32_t width = 0;  // of the answer
    std::size_t answers = 0;  // statement that gives it; statements.size(): none
};

}  // namespace anabranch::exec
