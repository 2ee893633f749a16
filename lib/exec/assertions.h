// Assertions at the end of a transaction: only those that read something that was written, and where their
// shape allows only about the touched rows (assertion_parts.h).
#pragma once

#include "lib/exec/executor.h"

namespace anabranch::exec {

class Assertions {
  public:
    Assertions(const SchemaPlans& plans, MergedView& view, Overlay& overlay, sql::EvalContext& context);
    // False: one is violated, with the reason in the context.
    bool check();

  private:
    bool touched(const AssertionPlan& assertion, TableId table) const;
    bool empty(const AssertionPlan& assertion, const StatementPlan& query);
    bool suspicious(const AssertionPlan& assertion, const AssertionPlan::Part& part);
    bool check(const AssertionPlan& assertion);

    const SchemaPlans& plans_;
    Overlay& overlay_;
    sql::EvalContext& context_;
    Executor executor_;
};

// "(account=1, total=-60)": a row of an assertion's query.
std::string violating_row(const AssertionPlan& assertion, const sql::Datum* row, const SchemaPlans& plans);

}  // namespace anabranch::exec
