// Chooses how the rows of one stored table are found, from the conditions that can be tested when its turn
// comes.
//
// A condition serves an index when it compares a key part with something that does not depend on the row
// itself: equality, one of several values, or a range. A partial index serves when its predicate is among the
// conditions.
#pragma once

#include <optional>
#include <vector>

#include "lib/exec/builder.h"

namespace anabranch::exec {

class AccessChooser {
  public:
    // `usable`: conditions on the table in `slot` that need no unfilled slot but that one.
    AccessChooser(Builder& builder, TableId table, std::uint32_t slot, const std::vector<ExprId>& usable);

    struct Choice {
        Access access;
        std::vector<ExprId> served;  // conditions that the access itself guarantees
        int rank = 0;                // greater is better; 0: nothing serves
    };
    Choice choose();

    // Equalities with other rels, for a hash join when no index serves.
    std::vector<Builder::Equality> hashable() const;

    // Whether `index` holds every row that the conditions let pass.
    bool covers(const IndexPlan& index);
    ExprId part_node(const KeyPart& part);
    // The value that `part` is fixed to by an equality; no_expr if none.
    ExprId fixed_to(ExprId part) const;

  private:
    enum class Shape : std::uint8_t {
        equal,
        any_array,
        any_list,
        less,
        less_equal,
        greater,
        greater_equal,
        is_null,
        not_null
    };
    struct Term {
        ExprId condition = no_expr;
        Shape shape{};
        ExprId part = no_expr;  // the side that reads the row
        ExprId value = no_expr;
        std::vector<ExprId> list;
        sql::Type type;  // of the comparison
    };
    void classify(ExprId condition);
    bool comparison(ExprId condition);
    bool alternatives(ExprId condition);
    bool of_row(ExprId id) const { return builder_.reads(id).has(slot_); }
    bool matches(const Term& term, ExprId part, const KeyPart& key) const;
    const Term* find(ExprId part, const KeyPart& key, Shape shape) const;
    Choice try_index(const IndexPlan& index);
    void try_range(ExprId part, const KeyPart& key, Choice& choice) const;
    bool implied(ExprId predicate) const;
    bool droppable(ExprId part) const;

    Builder& builder_;
    const TablePlan& table_;
    std::uint32_t slot_;
    std::vector<ExprId> conditions_;
    std::vector<Term> terms_;
};

}  // namespace anabranch::exec
