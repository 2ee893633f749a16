// Assertions that compare sums: `WHERE w_ytd <> (SELECT sum(d_ytd) ...)`, `HAVING sum(amount) > 100`.
//
// The state before a transaction satisfies the assertion, so for a row (or group) that was there before, the
// difference L - R of `L <> R` was 0, and of `L > R` at most 0. It still is if it has not changed (for `>`:
// not grown), and how much a sum has changed follows from the rows that the transaction has changed: what was
// added less what was removed. Over a join of R1 ... Rn that is the sum over i of
//     R1 before, ..., Ri added less removed, ..., Rn as it is.
// So most transactions are found innocent without adding a sum up; for the others the assertion is asked as
// it stands, which decides and words the error. Sums are of exact numbers only.
//
// Whatever may have made L or R unknown before (NULL, no such row, no such group) counts as suspicious, and
// so does an error on the way.
#pragma once

#include <optional>

#include "lib/exec/assertion_shape.h"

namespace anabranch::exec {

class Balance {
  public:
    // None: the query is none that compares sums, or not one whose sums can be followed.
    static std::optional<Balance> of(const catalog::Schema& schema, sql::QueryPtr query);

    // Whether the query is about groups of one table (or about one group: the whole table).
    bool of_groups() const { return query_->grouped; }
    // Not empty if a row that `tied`, the query with further conditions in its WHERE, may have become a
    // violation. Of rows of one table only.
    sql::QueryPtr suspicious_rows(const sql::Query& tied) const;
    // The same for the groups of touched rows.
    sql::QueryPtr suspicious_groups() const;

  private:
    struct Term {
        bool minus = false;
        bool sum = false;  // else an expression that is computed before and after
        sql::ExprPtr expr;
    };
    Balance(const catalog::Schema& schema, sql::QueryPtr query)
        : schema_(schema), query_(std::move(query)), joins_(joins_of(*query_)) {}
    bool find();
    bool over_one_table() const;
    bool take(const sql::ExprPtr& condition);
    bool add(const sql::ExprPtr& e, bool minus);
    bool add_parts(const sql::Call& call, sql::Type type, bool minus);
    bool is_sum(const sql::ExprPtr& e) const;
    bool is_narrow(const sql::ExprPtr& e) const;
    bool holds_sum(const sql::ExprPtr& e) const;
    bool can_be_read_before(const sql::ExprPtr& e) const;
    bool can_follow(const sql::Query& subquery, bool extreme) const;
    bool is_sum_of_rows(const sql::ExprPtr& e, bool null_is_zero) const;
    sql::ExprPtr existed(TableId table, const sql::ExprPtr& condition) const;
    sql::ExprPtr not_all_empty() const;
    sql::ExprPtr unmoved(const std::vector<Term>& changes) const;
    std::vector<sql::ExprPtr> reached_columns() const;
    void change_of_row_sum(const Term& term, std::vector<Term>& out) const;
    void change_of_group_sum(const Term& term, std::vector<Term>& out) const;
    sql::ExprPtr of_group(const sql::ExprPtr& target, const sql::Rel& rel) const;
    sql::ExprPtr group_expr(const sql::ExprPtr& e, const sql::Rel& rel) const;
    std::vector<sql::ExprPtr> group_conditions(std::uint32_t level) const;

    const catalog::Schema& schema_;
    sql::QueryPtr query_;
    Joins joins_;
    std::optional<TableId> table_;      // the rel; none: a condition on sums alone
    sql::ExprPtr compared_;             // the conjunct
    sql::Func compare_{};               // ne, lt, le, gt, ge
    std::vector<sql::ExprPtr> others_;  // the other conjuncts of WHERE
    std::vector<Term> terms_;           // L - R
};

}  // namespace anabranch::exec
