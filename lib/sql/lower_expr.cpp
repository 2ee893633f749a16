#include <algorithm>
#include <charconv>

#include "lib/sql/grouping_names.h"
#include "lib/sql/lowering.h"

namespace anabranch::sql {
namespace {

using ast::Box;
using ast::Expr;
using LoweredExpr = Expr::Node;

ast::QualifiedName plain(std::string_view name, Span span) {
    ast::QualifiedName out;
    out.name = name;
    out.span = span;
    return out;
}

ast::Argument argument(Expr value) {
    ast::Argument out;
    out.value = std::move(value);
    return out;
}

// A fval is whatever the scanner does not fit into 32 bits: an integer if it is one of 64 bits.
ast::Literal number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem == std::errc() && end == text.data() + text.size()) return {value};
    return {ast::Number{std::string(text)}};
}

LoweredExpr constant(Lowering& l, ParseNode node) {
    if (const ParseNode value = node.get("ival")) return ast::Literal{l.integer(value, node)};
    if (const ParseNode value = node.get("sval")) return ast::Literal{std::string(value.text("sval"))};
    if (const ParseNode value = node.get("fval")) return number(value.text("fval"));
    if (const ParseNode value = node.get("boolval")) return ast::Literal{value.flag("boolval")};
    if (const ParseNode value = node.get("bsval"))
        return ast::Literal{ast::BitString{std::string(value.text("bsval"))}};
    return ast::Literal{ast::Null{}};
}

LoweredExpr column(Lowering&, ParseNode node) {
    const ParseNode fields = node.get("fields");
    std::vector<std::string> parts = lower_strings(fields);
    if (fields.size() > 0 && fields[fields.size() - 1].kind() == "A_Star") return ast::Star{std::move(parts)};
    return ast::ColumnRef{std::move(parts)};
}

LoweredExpr parameter(Lowering&, ParseNode node) {
    return ast::Parameter{static_cast<std::int32_t>(node.integer("number"))};
}

LoweredExpr between(Lowering& l, ParseNode node, bool negated, bool symmetric) {
    const ParseNode bounds = node.get("rexpr").body().get("items");
    return ast::Between{negated, symmetric, lower_expr(l, node.get("lexpr")), lower_expr(l, bounds[0]),
                        lower_expr(l, bounds[1])};
}

LoweredExpr infix(Lowering& l, ParseNode node) {
    ast::QualifiedName op = lower_name(l, node.get("name"), l.span(node));
    if (!node.has("lexpr")) return ast::UnaryOp{std::move(op), lower_expr(l, node.get("rexpr"))};
    return ast::BinaryOp{std::move(op), lower_expr(l, node.get("lexpr")), lower_expr(l, node.get("rexpr"))};
}

LoweredExpr operation(Lowering& l, ParseNode node) {
    const std::string_view kind = node.text("kind");
    if (kind == "AEXPR_OP" || kind == "AEXPR_LIKE" || kind == "AEXPR_ILIKE" || kind == "AEXPR_SIMILAR")
        return infix(l, node);
    if (kind == "AEXPR_IN") {
        ast::InList out;
        out.negated = lower_string(node.get("name")[0]) == "<>";
        out.operand = lower_expr(l, node.get("lexpr"));
        out.items = lower_exprs(l, node.get("rexpr").body().get("items"));
        return out;
    }
    if (kind == "AEXPR_BETWEEN") return between(l, node, false, false);
    if (kind == "AEXPR_NOT_BETWEEN") return between(l, node, true, false);
    if (kind == "AEXPR_BETWEEN_SYM") return between(l, node, false, true);
    if (kind == "AEXPR_NOT_BETWEEN_SYM") return between(l, node, true, true);
    Expr left = lower_expr(l, node.get("lexpr"));
    Expr right = lower_expr(l, node.get("rexpr"));
    if (kind == "AEXPR_DISTINCT") return ast::DistinctFrom{false, std::move(left), std::move(right)};
    if (kind == "AEXPR_NOT_DISTINCT") return ast::DistinctFrom{true, std::move(left), std::move(right)};
    if (kind == "AEXPR_NULLIF") {
        ast::FunctionCall out;
        out.name = plain("nullif", l.span(node));
        out.arguments = {argument(std::move(left)), argument(std::move(right))};
        return out;
    }
    const auto quantifier = kind == "AEXPR_OP_ANY" ? ast::Quantifier::Any : ast::Quantifier::All;
    return ast::QuantifiedArray{lower_name(l, node.get("name"), l.span(node)), quantifier, std::move(left),
                                std::move(right)};
}

LoweredExpr logical(Lowering& l, ParseNode node) {
    const std::string_view op = node.text("boolop");
    if (op == "NOT_EXPR") return ast::Not{lower_expr(l, node.get("args")[0])};
    return ast::Logical{op == "AND_EXPR" ? ast::LogicalKind::And : ast::LogicalKind::Or,
                        lower_exprs(l, node.get("args"))};
}

LoweredExpr null_test(Lowering& l, ParseNode node) {
    return ast::IsTest{ast::TestKind::Null, node.text("nulltesttype") == "IS_NOT_NULL",
                       lower_expr(l, node.get("arg"))};
}

LoweredExpr boolean_test(Lowering& l, ParseNode node) {
    const std::string_view type = node.text("booltesttype");
    const bool negated = type.starts_with("IS_NOT_");
    const auto kind = type.ends_with("TRUE")    ? ast::TestKind::True
                      : type.ends_with("FALSE") ? ast::TestKind::False
                                                : ast::TestKind::Unknown;
    return ast::IsTest{kind, negated, lower_expr(l, node.get("arg"))};
}

LoweredExpr sublink(Lowering& l, ParseNode node) {
    const Span span = l.span(node);
    const std::string_view type = node.text("subLinkType");
    Box<ast::Query> query = lower_wrapped_query(l, node.get("subselect"), span);
    if (type == "EXISTS_SUBLINK") return ast::Subquery{ast::SubqueryKind::Exists, std::move(query)};
    if (type == "ARRAY_SUBLINK") return ast::Subquery{ast::SubqueryKind::Array, std::move(query)};
    if (type == "EXPR_SUBLINK") return ast::Subquery{ast::SubqueryKind::Scalar, std::move(query)};
    ast::QuantifiedQuery out;
    out.op = node.has("operName") ? lower_name(l, node.get("operName"), span) : plain("=", span);
    out.quantifier = type == "ALL_SUBLINK" ? ast::Quantifier::All : ast::Quantifier::Any;
    out.operand = lower_expr(l, node.get("testexpr"));
    out.query = std::move(query);
    return out;
}

LoweredExpr choice(Lowering& l, ParseNode node) {
    ast::Case out;
    out.operand = lower_optional_expr(l, node.get("arg"));
    const ParseNode whens = node.get("args");
    for (std::size_t i = 0; i < whens.size(); ++i) {
        const ParseNode when = whens[i].body();
        out.whens.push_back({lower_expr(l, when.get("expr")), lower_expr(l, when.get("result"))});
    }
    out.otherwise = lower_optional_expr(l, node.get("defresult"));
    return out;
}

LoweredExpr cast(Lowering& l, ParseNode node) {
    return ast::Cast{lower_expr(l, node.get("arg")), lower_type(l, node.get("typeName"))};
}

LoweredExpr collate(Lowering& l, ParseNode node) {
    return ast::Collate{lower_expr(l, node.get("arg")), lower_collation(l, node)};
}

LoweredExpr row(Lowering& l, ParseNode node) {
    return ast::Row{lower_exprs(l, node.get("args"))};
}
LoweredExpr array(Lowering& l, ParseNode node) {
    return ast::Array{lower_exprs(l, node.get("elements"))};
}
LoweredExpr default_value(Lowering&, ParseNode) {
    return ast::DefaultValue{};
}

LoweredExpr indirection(Lowering& l, ParseNode node) {
    const ParseNode path = node.get("indirection");
    const Lowering::Level levels(l, l.span(node.get("arg").body()), path.size());
    if (!levels.ok) return ast::DefaultValue{};
    Expr inner = lower_expr(l, node.get("arg"));
    for (Expr& step : lower_path(l, path)) {
        const Span span = inner.span;
        if (auto* subscript = std::get_if<ast::Subscript>(&step.node)) subscript->array = std::move(inner);
        if (auto* field = std::get_if<ast::FieldAccess>(&step.node)) field->row = std::move(inner);
        inner = std::move(step);
        if (!inner.span.known) inner.span = span;
    }
    return std::move(inner.node);
}

LoweredExpr named_call(Lowering& l, ParseNode node, std::string_view name) {
    ast::FunctionCall out;
    out.name = plain(name, l.span(node));
    for (Expr& value : lower_exprs(l, node.get("args"))) out.arguments.push_back(argument(std::move(value)));
    return out;
}

LoweredExpr coalesce(Lowering& l, ParseNode node) {
    return named_call(l, node, "coalesce");
}

LoweredExpr min_max(Lowering& l, ParseNode node) {
    return named_call(l, node, node.text("op") == "IS_LEAST" ? "least" : "greatest");
}

// SVFOP_CURRENT_TIMESTAMP_N -> current_timestamp(n)
LoweredExpr value_function(Lowering& l, ParseNode node) {
    std::string name(node.text("op").substr(std::min<std::size_t>(6, node.text("op").size())));
    const bool precise = name.ends_with("_N");
    if (precise) name.resize(name.size() - 2);
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    ast::FunctionCall out;
    out.name = plain(name, l.span(node));
    if (precise) {
        Expr precision;
        precision.span = out.name.span;
        precision.node = ast::Literal{node.integer("typmod")};
        out.arguments.push_back(argument(std::move(precision)));
    }
    return out;
}

LoweredExpr call(Lowering& l, ParseNode node) {
    return lower_call(l, node);
}

LoweredExpr call_of(Lowering& l, ParseNode node, std::string_view name, const char* list) {
    ast::FunctionCall out;
    out.name = plain(name, l.span(node));
    for (Expr& value : lower_exprs(l, node.get(list))) out.arguments.push_back(argument(std::move(value)));
    return out;
}

LoweredExpr grouping_set(Lowering& l, ParseNode node) {
    const std::string_view kind = node.text("kind");
    return call_of(l, node,
                   kind == "GROUPING_SET_ROLLUP"  ? grouping_rollup
                   : kind == "GROUPING_SET_CUBE"  ? grouping_cube
                   : kind == "GROUPING_SET_EMPTY" ? grouping_empty
                                                  : grouping_sets,
                   "content");
}

LoweredExpr grouping(Lowering& l, ParseNode node) {
    return call_of(l, node, "grouping", "args");
}
LoweredExpr xml(Lowering&, ParseNode) {
    return ast::Unsupported{"XML"};
}
LoweredExpr current_of(Lowering&, ParseNode) {
    return ast::Unsupported{"WHERE CURRENT OF"};
}

struct Entry {
    std::string_view kind;
    LoweredExpr (*lower)(Lowering&, ParseNode);
};

// The common ones first: the list is searched in order.
constexpr Entry entries[] = {
    {"ColumnRef", column},
    {"A_Const", constant},
    {"A_Expr", operation},
    {"FuncCall", call},
    {"ParamRef", parameter},
    {"TypeCast", cast},
    {"BoolExpr", logical},
    {"NullTest", null_test},
    {"SubLink", sublink},
    {"CaseExpr", choice},
    {"CoalesceExpr", coalesce},
    {"RowExpr", row},
    {"SetToDefault", default_value},
    {"BooleanTest", boolean_test},
    {"MinMaxExpr", min_max},
    {"SQLValueFunction", value_function},
    {"A_ArrayExpr", array},
    {"A_Indirection", indirection},
    {"CollateClause", collate},
    {"GroupingSet", grouping_set},
    {"GroupingFunc", grouping},
    {"XmlExpr", xml},
    {"XmlSerialize", xml},
    {"CurrentOfExpr", current_of},
};

ast::FrameBound frame_bound(Lowering& l, std::int64_t bits, ParseNode offset, bool start) {
    // Bits of PostgreSQL's frameOptions: the start's, each followed by the end's.
    const auto has = [&](std::int64_t bit) { return (bits & (start ? bit : bit << 1)) != 0; };
    using Kind = ast::FrameBoundKind;
    if (has(0x20)) return {Kind::UnboundedPreceding, {}};
    if (has(0x80)) return {Kind::UnboundedFollowing, {}};
    if (has(0x800)) return {Kind::Preceding, lower_optional_expr(l, offset)};
    if (has(0x2000)) return {Kind::Following, lower_optional_expr(l, offset)};
    return {Kind::CurrentRow, {}};
}

}  // namespace

Expr lower_expr(Lowering& l, ParseNode wrapped) {
    Expr out;
    const ParseNode node = wrapped.body();
    out.span = l.span(node);
    const Lowering::Level level(l, out.span);
    if (!level.ok) return out;
    const std::string_view kind = wrapped.kind();
    for (const Entry& entry : entries) {
        if (entry.kind != kind) continue;
        out.node = entry.lower(l, node);
        if (kind == "A_Indirection") {
            // It has no place of its own; what it indexes has.
            out.span = l.span(node.get("arg").body());
        }
        return out;
    }
    out.node = ast::Unsupported{std::string(kind)};
    return out;
}

Box<Expr> lower_optional_expr(Lowering& l, ParseNode wrapped) {
    if (wrapped.kind().empty()) return {};
    return lower_expr(l, wrapped);
}

std::vector<Expr> lower_exprs(Lowering& l, ParseNode list) {
    std::vector<Expr> out;
    out.reserve(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (!list[i].kind().empty()) out.push_back(lower_expr(l, list[i]));
    }
    return out;
}

std::vector<Expr> lower_path(Lowering& l, ParseNode list) {
    std::vector<Expr> out;
    for (std::size_t i = 0; i < list.size(); ++i) {
        Expr step;
        const ParseNode node = list[i].body();
        if (list[i].kind() == "A_Indices") {
            ast::Subscript subscript;
            subscript.slice = node.flag("is_slice");
            subscript.lower = lower_optional_expr(l, node.get("lidx"));
            subscript.upper = lower_optional_expr(l, node.get("uidx"));
            if (subscript.upper) step.span = subscript.upper->span;
            step.node = std::move(subscript);
        } else {
            step.node = ast::FieldAccess{{}, lower_string(list[i])};
        }
        out.push_back(std::move(step));
    }
    return out;
}

ast::SortDirection lower_direction(std::string_view name) {
    if (name == "SORTBY_ASC") return ast::SortDirection::Ascending;
    if (name == "SORTBY_DESC") return ast::SortDirection::Descending;
    return ast::SortDirection::Default;
}

ast::NullsOrder lower_nulls(std::string_view name) {
    if (name == "SORTBY_NULLS_FIRST") return ast::NullsOrder::First;
    if (name == "SORTBY_NULLS_LAST") return ast::NullsOrder::Last;
    return ast::NullsOrder::Default;
}

std::vector<ast::SortKey> lower_sort_keys(Lowering& l, ParseNode list) {
    std::vector<ast::SortKey> out;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const ParseNode node = list[i].body();
        ast::SortKey key;
        key.expr = lower_expr(l, node.get("node"));
        key.span = key.expr.span;
        key.direction = lower_direction(node.text("sortby_dir"));
        key.nulls = lower_nulls(node.text("sortby_nulls"));
        if (node.get("useOp").size() > 0) key.using_op = lower_name(l, node.get("useOp"), l.span(node));
        out.push_back(std::move(key));
    }
    return out;
}

ast::WindowSpec lower_window(Lowering& l, ParseNode node) {
    ast::WindowSpec out;
    out.span = l.span(node);
    out.name = node.text("name");
    out.base = node.text("refname");
    out.partition_by = lower_exprs(l, node.get("partitionClause"));
    out.order_by = lower_sort_keys(l, node.get("orderClause"));
    const std::int64_t bits = node.integer("frameOptions");
    if ((bits & 0x1) == 0) return out;
    ast::WindowFrame frame;
    frame.mode = (bits & 0x4) != 0   ? ast::FrameMode::Rows
                 : (bits & 0x8) != 0 ? ast::FrameMode::Groups
                                     : ast::FrameMode::Range;
    frame.start = frame_bound(l, bits, node.get("startOffset"), true);
    frame.end = frame_bound(l, bits, node.get("endOffset"), false);
    frame.exclusion = (bits & 0x8000) != 0    ? ast::FrameExclusion::CurrentRow
                      : (bits & 0x10000) != 0 ? ast::FrameExclusion::Group
                      : (bits & 0x20000) != 0 ? ast::FrameExclusion::Ties
                                              : ast::FrameExclusion::None;
    out.frame = std::move(frame);
    return out;
}

ast::FunctionCall lower_call(Lowering& l, ParseNode node) {
    ast::FunctionCall out;
    out.name = lower_name(l, node.get("funcname"), l.span(node));
    const ParseNode arguments = node.get("args");
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        ast::Argument one;
        if (arguments[i].kind() == "NamedArgExpr") {
            one.name = arguments[i].body().text("name");
            one.value = lower_expr(l, arguments[i].body().get("arg"));
        } else {
            one.value = lower_expr(l, arguments[i]);
        }
        one.variadic = i + 1 == arguments.size() && node.flag("func_variadic");
        out.arguments.push_back(std::move(one));
    }
    out.star = node.flag("agg_star");
    out.distinct = node.flag("agg_distinct");
    out.order_by = lower_sort_keys(l, node.get("agg_order"));
    out.within_group = node.flag("agg_within_group");
    out.filter = lower_optional_expr(l, node.get("agg_filter"));
    if (const ParseNode over = node.get("over")) out.over = lower_window(l, over);
    return out;
}

}  // namespace anabranch::sql
