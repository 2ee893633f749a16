// Expressions as the executor runs them: one flat array of nodes per compiled statement, kernels resolved,
// every column reference bound to a numbered slot. Nothing is looked up by name at run time and nothing but a
// kernel pointer is called per node.
//
// Slots. Every rel of every scope of a statement has one slot of its own, so that a reference needs no scope
// level: an inner query simply reads the slots that the outer one has filled. A slot holds a packed row
// (stored tables) or an array of values (everything else). Registers hold what is computed beside rows:
// aggregates of the current group, window results, VALUE of a domain, output tuples.
//
// Immutable after compilation.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/arena.h"
#include "lib/exec/row.h"
#include "lib/sql/datum.h"
#include "lib/sql/evaluate.h"
#include "lib/sql/ir.h"

namespace anabranch::exec {

using ExprId = std::uint32_t;
inline constexpr ExprId no_expr = ~ExprId{0};

enum class Op : std::uint8_t {
    // Read off what is there, up to `value`.
    constant,
    param,       // column = index
    reg,         // column = register
    column_int,  // packed row in a slot, by storage
    column_float,
    column_bytes,
    value,  // a column of an unpacked row
    call,   // kernel over evaluated arguments
    int_eq,
    int_ne,
    int_lt,
    int_le,
    int_gt,
    int_ge,  // both arguments in integer storage
    int_add,
    int_sub,
    int_mul,  // aux = bytes of the result type
    and_,
    or_,
    not_,
    is_null,
    is_not_null,
    is_true,
    is_not_true,
    is_false,
    is_not_false,
    is_unknown,
    is_not_unknown,
    case_,         // condition, result, ..., [otherwise]
    coalesce,      // evaluates no further than the first value
    subquery,      // payload = Program::subqueries
    domain_check,  // payload = Program::domains; one argument
    fail,          // payload = Program::errors: what cannot run, met only if it is reached
};

struct Node {
    Op op{};
    std::uint8_t aux = 0;
    std::uint16_t count = 0;  // arguments: Program::arguments[first .. first + count)
    std::uint32_t first = 0;
    std::uint32_t slot = 0;
    std::uint32_t column = 0;
    std::uint32_t payload = 0;
    sql::Datum constant;
    sql::Kernel kernel = nullptr;
    const sql::CallSite* site = nullptr;
    sql::Type type;
};

struct QueryPlan;
struct CtePlan;

struct SubqueryPlan {
    sql::SubqueryKind kind{};
    std::shared_ptr<const QueryPlan> query;
    std::uint32_t state = 0;  // NodeState: the answer, or the rows, when they do not depend on outer rows
    bool correlated = false;
    std::vector<ExprId> left;     // any / all
    std::vector<ExprId> compare;  // over registers: left values, then the row's
    std::uint32_t left_register = 0;
    std::uint32_t row_register = 0;
    bool hashed = false;  // uncorrelated = ANY: the rows' keys are kept in a hash table
    std::vector<sql::Type> row_types;
    sql::Type result;  // array: the array type
};

struct DomainPlan {
    std::shared_ptr<const sql::Domain> domain;
    std::uint32_t reg = 0;           // VALUE
    std::vector<ExprId> conditions;  // one per check
};

// A row that is looked up by a key of parameters and constants: it is known before the program runs.
struct FixedPoint {
    TableId table;
    std::vector<ExprId> key;
    std::vector<sql::Type> types;
};

struct Program {
    Program() = default;
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    std::vector<Node> nodes;
    std::vector<ExprId> arguments;
    std::vector<std::unique_ptr<const sql::Builtin>> builtins;
    std::vector<SubqueryPlan> subqueries;
    std::vector<DomainPlan> domains;
    std::vector<std::shared_ptr<CtePlan>> ctes;
    std::vector<Error> errors;
    std::vector<FixedPoint> points;
    Arena memory;  // bytes of constants
    std::uint32_t slots = 0;
    std::uint32_t registers = 0;
    std::uint32_t states = 0;
    bool asks_session = false;  // a call does

    std::span<const ExprId> args(const Node& node) const {
        return {arguments.data() + node.first, node.count};
    }
};

// What a slot holds while a plan runs. No row at all (the absent side of an outer join) reads as NULLs.
struct Slot {
    RowView row;
    const sql::Datum* values = nullptr;
};

}  // namespace anabranch::exec
