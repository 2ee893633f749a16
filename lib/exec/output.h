// The end of a query: DISTINCT, ORDER BY, OFFSET, LIMIT over its output rows, as they come or after sorting.
#pragma once

#include <vector>

#include "lib/exec/executor.h"

namespace anabranch::exec {

class Output {
  public:
    Output(Executor& executor, const QueryPlan& plan, RowEmitter emit);

    // Evaluates LIMIT and OFFSET; false when nothing can come of the query.
    bool begin();
    // Takes the row that the query's targets make of the current slots.
    bool from_targets();
    // Takes a ready row (VALUES, set operations).
    bool from_row(const sql::Datum* row);
    // Sorts and hands on what was held back. False: the receiver wants no more, or something failed.
    bool finish();

  private:
    bool take(const sql::Datum* row);
    bool pass(const sql::Datum* row);
    bool hold(const sql::Datum* row);
    bool new_key(const sql::Datum* row);
    bool new_distinct_on();
    bool limit(ExprId id, const char* word, const char* code, std::int64_t& out);
    void prune(std::size_t keep);
    bool sorted_before(const sql::Datum* a, const sql::Datum* b) const;

    Executor& executor_;
    const QueryPlan& plan_;
    RowEmitter emit_;
    bool sorts_;
    bool stopped_ = false;  // by the receiver
    std::size_t width_;     // of a held row: targets, sort keys, key of DISTINCT ON
    std::vector<const sql::Datum*> held_;
    std::int64_t left_ = -1;  // rows LIMIT still lets through; -1: any number
    std::int64_t skip_ = 0;
    std::size_t keep_ = 0;  // rows of the sorted result that can matter; 0: all
};

}  // namespace anabranch::exec
