#include <array>

#include "lib/sql/grouping_names.h"
#include "lib/sql/print.h"
#include "lib/sql/printing.h"

namespace anabranch::sql {
namespace {

using ast::Expr;

// How tightly PostgreSQL's grammar binds, loosest first.
enum Level : int {
    any = 0,
    or_level,
    and_level,
    not_level,
    is_level,
    comparison_level,
    between_level,
    operator_level,
    additive_level,
    multiplicative_level,
    power_level,
    collate_level,
    sign_level,
    cast_level,
    atom_level,
};

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> all) {
    for (const std::string_view one : all) {
        if (one == name) return true;
    }
    return false;
}

int level_of(const ast::QualifiedName& op) {
    if (!op.schema.empty()) return operator_level;
    if (is_one_of(op.name, {"<", ">", "=", "<=", ">=", "<>"})) return comparison_level;
    if (is_one_of(op.name, {"+", "-"})) return additive_level;
    if (is_one_of(op.name, {"*", "/", "%"})) return multiplicative_level;
    return op.name == "^" ? power_level : operator_level;
}

struct LevelOf {
    int operator()(const ast::Literal& node) const {
        const auto* integer = std::get_if<std::int64_t>(&node.value);
        const auto* number = std::get_if<ast::Number>(&node.value);
        const bool negative =
            (integer != nullptr && *integer < 0) || (number != nullptr && number->text.starts_with('-'));
        return negative ? sign_level : atom_level;
    }
    int operator()(const ast::UnaryOp& node) const {
        return node.op.schema.empty() && is_one_of(node.op.name, {"+", "-"}) ? sign_level : operator_level;
    }
    int operator()(const ast::BinaryOp& node) const { return level_of(node.op); }
    int operator()(const ast::Logical& node) const {
        return node.kind == ast::LogicalKind::And ? and_level : or_level;
    }
    int operator()(const ast::Not&) const { return not_level; }
    int operator()(const ast::IsTest&) const { return is_level; }
    int operator()(const ast::DistinctFrom&) const { return is_level; }
    int operator()(const ast::Between&) const { return between_level; }
    int operator()(const ast::InList&) const { return between_level; }
    int operator()(const ast::QuantifiedQuery&) const { return comparison_level; }
    int operator()(const ast::QuantifiedArray&) const { return comparison_level; }
    int operator()(const ast::Cast&) const { return cast_level; }
    int operator()(const ast::Collate&) const { return collate_level; }
    template <typename T>
    int operator()(const T&) const {
        return atom_level;
    }
};

class ExprPrinter {
  public:
    explicit ExprPrinter(Printer& p) : p_(p) {}

    void operator()(const ast::Literal& node) const { std::visit(*this, node.value); }
    void operator()(const ast::Null&) const { p_.raw("NULL"); }
    void operator()(bool value) const { p_.raw(value ? "true" : "false"); }
    void operator()(std::int64_t value) const { p_.raw(std::to_string(value)); }
    void operator()(const ast::Number& value) const { p_.raw(value.text); }
    void operator()(const std::string& value) const { p_.literal(value); }
    void operator()(const ast::BitString& value) const {
        p_.raw(value.text.substr(0, 1));
        p_.literal(value.text.substr(value.text.empty() ? 0 : 1));
    }
    void operator()(const ast::Parameter& node) const { p_.raw("$" + std::to_string(node.number)); }
    void operator()(const ast::ColumnRef& node) const { path(node.parts); }
    void operator()(const ast::Star& node) const {
        path(node.parts);
        p_.raw(node.parts.empty() ? "*" : ".*");
    }
    void operator()(const ast::FieldAccess& node) const {
        base(node.row, false);
        p_.raw(node.field.empty() ? ".*" : "." + quote_identifier(node.field));
    }
    void operator()(const ast::Subscript& node) const {
        base(node.array, true);
        p_.raw("[");
        if (node.lower) p_.expr(*node.lower);
        if (node.slice) p_.raw(":");
        if (node.upper) p_.expr(*node.upper);
        p_.raw("]");
    }
    void operator()(const ast::UnaryOp& node) const {
        op(node.op);
        p_.raw(" ");
        // ~ a || b is (~ a) || b, but signs bind tighter than any infix operator.
        const int level = LevelOf()(node);
        const bool stacked = std::holds_alternative<ast::UnaryOp>(node.operand->node);
        p_.operand(*node.operand, level == sign_level || stacked ? level : level + 1);
    }
    void operator()(const ast::BinaryOp& node) const {
        const int level = level_of(node.op);
        // Comparisons do not associate, the others associate to the left.
        p_.operand(*node.left, level == comparison_level ? level + 1 : level);
        p_.raw(" ");
        op(node.op);
        p_.raw(" ");
        p_.operand(*node.right, level + 1);
    }
    void operator()(const ast::Logical& node) const {
        const bool conjunction = node.kind == ast::LogicalKind::And;
        p_.separated(node.operands, conjunction ? " AND " : " OR ",
                     [&](const Expr& one) { p_.operand(one, (conjunction ? and_level : or_level) + 1); });
    }
    void operator()(const ast::Not& node) const {
        p_.raw("NOT ");
        p_.operand(*node.operand, not_level);
    }
    void operator()(const ast::IsTest& node) const {
        static constexpr std::array<std::string_view, 4> words = {"NULL", "TRUE", "FALSE", "UNKNOWN"};
        p_.operand(*node.operand, is_level + 1);
        p_.raw(node.negated ? " IS NOT " : " IS ");
        p_.raw(words[static_cast<std::size_t>(node.kind)]);
    }
    void operator()(const ast::DistinctFrom& node) const {
        p_.operand(*node.left, is_level + 1);
        p_.raw(node.negated ? " IS NOT DISTINCT FROM " : " IS DISTINCT FROM ");
        p_.operand(*node.right, is_level + 1);
    }
    void operator()(const ast::Between& node) const {
        p_.operand(*node.operand, between_level + 1);
        p_.raw(node.negated ? " NOT BETWEEN " : " BETWEEN ");
        if (node.symmetric) p_.raw("SYMMETRIC ");
        p_.operand(*node.low, sign_level);  // the grammar allows little here
        p_.raw(" AND ");
        p_.operand(*node.high, operator_level);
    }
    void operator()(const ast::InList& node) const {
        p_.operand(*node.operand, between_level + 1);
        p_.raw(node.negated ? " NOT IN (" : " IN (");
        p_.exprs(node.items);
        p_.raw(")");
    }
    void operator()(const ast::QuantifiedQuery& node) const {
        const bool in =
            node.quantifier == ast::Quantifier::Any && node.op.schema.empty() && node.op.name == "=";
        p_.operand(*node.operand, operator_level + 1);
        p_.raw(" ");
        if (in) {
            p_.raw("IN (");
        } else {
            op(node.op);
            p_.raw(node.quantifier == ast::Quantifier::Any ? " ANY (" : " ALL (");
        }
        p_.query(*node.query);
        p_.raw(")");
    }
    void operator()(const ast::QuantifiedArray& node) const {
        p_.operand(*node.operand, operator_level + 1);
        p_.raw(" ");
        op(node.op);
        p_.raw(node.quantifier == ast::Quantifier::Any ? " ANY (" : " ALL (");
        p_.expr(*node.array);
        p_.raw(")");
    }
    void operator()(const ast::Subquery& node) const {
        static constexpr std::array<std::string_view, 3> words = {"(", "EXISTS (", "ARRAY("};
        p_.raw(words[static_cast<std::size_t>(node.kind)]);
        p_.query(*node.query);
        p_.raw(")");
    }
    void operator()(const ast::Case& node) const {
        p_.raw("CASE ");
        if (node.operand) {
            p_.expr(*node.operand);
            p_.raw(" ");
        }
        for (const ast::CaseWhen& when : node.whens) {
            p_.raw("WHEN ");
            p_.expr(when.when);
            p_.raw(" THEN ");
            p_.expr(when.then);
            p_.raw(" ");
        }
        if (node.otherwise) {
            p_.raw("ELSE ");
            p_.expr(*node.otherwise);
            p_.raw(" ");
        }
        p_.raw("END");
    }
    void operator()(const ast::Cast& node) const {
        p_.operand(*node.operand, cast_level);
        p_.raw("::");
        p_.type(node.type);
    }
    void operator()(const ast::Collate& node) const {
        p_.operand(*node.operand, collate_level);
        p_.raw(" COLLATE ");
        p_.name(node.collation);
    }
    void operator()(const ast::Row& node) const {
        p_.raw("ROW(");
        p_.exprs(node.items);
        p_.raw(")");
    }
    void operator()(const ast::Array& node) const {
        p_.raw("ARRAY[");
        p_.exprs(node.items);
        p_.raw("]");
    }
    void operator()(const ast::FunctionCall& node) const { p_.call(node); }
    void operator()(const ast::DefaultValue&) const { p_.raw("DEFAULT"); }
    void operator()(const ast::Unsupported& node) const { p_.raw("/* " + node.what + " */ NULL"); }

  private:
    void path(const std::vector<std::string>& parts) const {
        p_.separated(parts, ".", [&](const std::string& part) { p_.name(part); });
    }
    void op(const ast::QualifiedName& name) const {
        if (name.schema.empty()) return p_.raw(name.name);
        p_.raw("OPERATOR(" + quote_identifier(name.schema) + "." + name.name + ")");
    }
    // What is indexed, or whose field is taken. A bare column can only be indexed: column.field would be a
    // table's column.
    void base(const ast::Box<Expr>& inner, bool indexed) const {
        if (!inner) return;
        const Expr& expr = *inner;
        const auto* subquery = std::get_if<ast::Subquery>(&expr.node);
        const bool bare = std::holds_alternative<ast::Subscript>(expr.node) ||
                          std::holds_alternative<ast::FieldAccess>(expr.node) ||
                          (indexed && std::holds_alternative<ast::ColumnRef>(expr.node)) ||
                          (subquery != nullptr && subquery->kind == ast::SubqueryKind::Scalar);
        if (!bare) p_.raw("(");
        p_.expr(expr);
        if (!bare) p_.raw(")");
    }

    Printer& p_;
};

void frame_bound(Printer& p, const ast::FrameBound& bound) {
    static constexpr std::array<std::string_view, 5> words = {
        "UNBOUNDED PRECEDING", " PRECEDING", "CURRENT ROW", " FOLLOWING", "UNBOUNDED FOLLOWING"};
    if (bound.distance) p.operand(*bound.distance, atom_level);
    p.raw(words[static_cast<std::size_t>(bound.kind)]);
}

// Calls without parentheses, or with a precision in them.
bool is_value_function(const ast::FunctionCall& call) {
    if (!call.name.schema.empty() || call.arguments.size() > 1) return false;
    if (!call.arguments.empty()) {
        const auto* literal = std::get_if<ast::Literal>(&call.arguments.front().value.node);
        if (literal == nullptr || !std::holds_alternative<std::int64_t>(literal->value)) return false;
        return is_one_of(call.name.name,
                         {"current_time", "current_timestamp", "localtime", "localtimestamp"});
    }
    return is_one_of(call.name.name, {"current_date", "current_time", "current_timestamp", "localtime",
                                      "localtimestamp", "current_role", "current_user", "user",
                                      "session_user", "current_catalog", "current_schema"});
}

bool is_special_call(const ast::FunctionCall& call) {
    return call.name.schema.empty() &&
           is_one_of(call.name.name, {"coalesce", "greatest", "least", "nullif", "grouping"});
}

}  // namespace

void Printer::expr(const Expr& expr) {
    std::visit(ExprPrinter(*this), expr.node);
}

void Printer::operand(const Expr& inner, int level) {
    const bool loose = std::visit(LevelOf(), inner.node) < level;
    if (loose) raw("(");
    expr(inner);
    if (loose) raw(")");
}

void Printer::tight(const Expr& inner) {
    operand(inner, sign_level);
}

void Printer::exprs(const std::vector<Expr>& list) {
    separated(list, ", ", [&](const Expr& one) { expr(one); });
}

void Printer::call(const ast::FunctionCall& call) {
    if (is_value_function(call)) {
        raw(call.name.name);
        if (!call.arguments.empty()) {
            raw("(");
            expr(call.arguments.front().value);
            raw(")");
        }
        return;
    }
    if (call.name.name.starts_with(grouping_prefix)) {
        raw(std::string_view(call.name.name).substr(grouping_prefix.size()));
    } else if (is_special_call(call)) {
        raw(call.name.name);
    } else {
        name(call.name);
    }
    raw("(");
    if (call.distinct) raw("DISTINCT ");
    if (call.star) raw("*");
    separated(call.arguments, ", ", [&](const ast::Argument& argument) {
        if (argument.variadic) raw("VARIADIC ");
        if (!argument.name.empty()) raw(quote_identifier(argument.name) + " => ");
        expr(argument.value);
    });
    if (call.within_group) raw(") WITHIN GROUP (");
    sort_keys(call.within_group ? "ORDER BY " : " ORDER BY ", call.order_by);
    raw(")");
    if (call.filter) {
        raw(" FILTER (WHERE ");
        expr(*call.filter);
        raw(")");
    }
    if (!call.over) return;
    raw(" OVER ");
    if (!call.over->name.empty()) return name(call.over->name);
    raw("(");
    window(*call.over);
    raw(")");
}

void Printer::window(const ast::WindowSpec& window) {
    if (!window.base.empty()) raw(quote_identifier(window.base) + " ");
    if (!window.partition_by.empty()) {
        raw("PARTITION BY ");
        exprs(window.partition_by);
        raw(" ");
    }
    sort_keys("ORDER BY ", window.order_by);
    if (!window.frame) return;
    static constexpr std::array<std::string_view, 3> modes = {" RANGE", " ROWS", " GROUPS"};
    static constexpr std::array<std::string_view, 4> exclusions = {"", " EXCLUDE CURRENT ROW",
                                                                   " EXCLUDE GROUP", " EXCLUDE TIES"};
    raw(modes[static_cast<std::size_t>(window.frame->mode)]);
    raw(" BETWEEN ");
    frame_bound(*this, window.frame->start);
    raw(" AND ");
    frame_bound(*this, window.frame->end);
    raw(exclusions[static_cast<std::size_t>(window.frame->exclusion)]);
}

void Printer::sort_order(ast::SortDirection direction, ast::NullsOrder nulls) {
    static constexpr std::array<std::string_view, 3> directions = {"", " ASC", " DESC"};
    static constexpr std::array<std::string_view, 3> orders = {"", " NULLS FIRST", " NULLS LAST"};
    raw(directions[static_cast<std::size_t>(direction)]);
    raw(orders[static_cast<std::size_t>(nulls)]);
}

void Printer::sort_keys(std::string_view before, const std::vector<ast::SortKey>& keys) {
    if (keys.empty()) return;
    raw(before);
    separated(keys, ", ", [&](const ast::SortKey& key) {
        expr(key.expr);
        if (key.using_op) {
            raw(" USING ");
            raw(key.using_op->schema.empty()
                    ? key.using_op->name
                    : "OPERATOR(" + quote_identifier(key.using_op->schema) + "." + key.using_op->name + ")");
        }
        sort_order(key.direction, key.nulls);
    });
}

}  // namespace anabranch::sql
