#include "lib/sql/lowering.h"

namespace anabranch::sql {
namespace {

using ast::Query;
using ast::TableRef;

ast::Alias lower_alias(ParseNode alias) {
    return {std::string(alias.text("aliasname")), lower_strings(alias.get("colnames"))};
}

std::vector<ast::ColumnDefinition> lower_column_definitions(Lowering& l, ParseNode list) {
    std::vector<ast::ColumnDefinition> out;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const ParseNode node = list[i].body();
        if (!node) continue;
        ast::ColumnDefinition column;
        column.span = l.span(node);
        column.name = node.text("colname");
        column.type = lower_type(l, node.get("typeName"));
        column.collation = lower_collation(l, node.get("collClause"));
        out.push_back(std::move(column));
    }
    return out;
}

ast::FunctionRef lower_function_ref(Lowering& l, ParseNode node) {
    ast::FunctionRef out;
    out.lateral = node.flag("lateral");
    out.rows_from = node.flag("is_rowsfrom");
    out.ordinality = node.flag("ordinality");
    const ParseNode functions = node.get("functions");
    for (std::size_t i = 0; i < functions.size(); ++i) {
        const ParseNode pair = functions[i].body().get("items");
        out.functions.push_back(
            {lower_expr(l, pair[0]), lower_column_definitions(l, pair[1].body().get("items"))});
    }
    out.alias = lower_alias(node.get("alias"));
    out.columns = lower_column_definitions(l, node.get("coldeflist"));
    return out;
}

ast::Join lower_join(Lowering& l, ParseNode node) {
    ast::Join out;
    const std::string_view kind = node.text("jointype");
    out.natural = node.flag("isNatural");
    out.left = lower_table_ref(l, node.get("larg"));
    out.right = lower_table_ref(l, node.get("rarg"));
    out.using_columns = lower_strings(node.get("usingClause"));
    out.using_alias = node.get("join_using_alias").text("aliasname");
    out.on = lower_optional_expr(l, node.get("quals"));
    out.alias = lower_alias(node.get("alias"));
    out.kind = kind == "JOIN_LEFT"    ? ast::JoinKind::Left
               : kind == "JOIN_RIGHT" ? ast::JoinKind::Right
               : kind == "JOIN_FULL"  ? ast::JoinKind::Full
                                      : ast::JoinKind::Inner;
    if (out.kind == ast::JoinKind::Inner && !out.natural && !out.on && out.using_columns.empty())
        out.kind = ast::JoinKind::Cross;
    return out;
}

}  // namespace

TableRef lower_table_ref(Lowering& l, ParseNode wrapped) {
    TableRef out;
    const ParseNode node = wrapped.body();
    const std::string_view kind = wrapped.kind();
    const Lowering::Level level(l, out.span);
    if (!level.ok) return out;
    if (kind == "RangeVar") {
        ast::TableName table = lower_table_name(l, node);
        out.span = table.span;
        out.node = std::move(table);
    } else if (kind == "RangeSubselect") {
        ast::SubqueryRef subquery;
        subquery.lateral = node.flag("lateral");
        subquery.query = lower_wrapped_query(l, node.get("subquery"), {});
        subquery.alias = lower_alias(node.get("alias"));
        out.span = subquery.query->span;
        out.node = std::move(subquery);
    } else if (kind == "RangeFunction") {
        ast::FunctionRef function = lower_function_ref(l, node);
        if (!function.functions.empty()) out.span = function.functions.front().call.span;
        out.node = std::move(function);
    } else if (kind == "JoinExpr") {
        ast::Join join = lower_join(l, node);
        out.span = join.left->span;
        out.node = std::move(join);
    } else {
        out.span = l.span(node);
        out.node = ast::Unsupported{kind == "RangeTableSample" ? "TABLESAMPLE"
                                    : kind == "RangeTableFunc" ? "XMLTABLE"
                                                               : std::string(kind)};
    }
    return out;
}

namespace {

ast::Select lower_select(Lowering& l, ParseNode node) {
    ast::Select out;
    if (const ParseNode distinct = node.get("distinctClause"); distinct.size() > 0) {
        out.distinct_on = lower_exprs(l, distinct);
        out.distinct = out.distinct_on.empty() ? ast::DistinctKind::Distinct : ast::DistinctKind::On;
    }
    out.items = lower_select_items(l, node.get("targetList"));
    out.from = lower_table_refs(l, node.get("fromClause"));
    out.where = lower_optional_expr(l, node.get("whereClause"));
    out.group_distinct = node.flag("groupDistinct");
    out.group_by = lower_exprs(l, node.get("groupClause"));
    out.having = lower_optional_expr(l, node.get("havingClause"));
    const ParseNode windows = node.get("windowClause");
    for (std::size_t i = 0; i < windows.size(); ++i)
        out.windows.push_back(lower_window(l, windows[i].body()));
    return out;
}

ast::Values lower_values(Lowering& l, ParseNode rows) {
    ast::Values out;
    for (std::size_t i = 0; i < rows.size(); ++i)
        out.rows.push_back(lower_exprs(l, rows[i].body().get("items")));
    return out;
}

ast::SetOperation lower_set_operation(Lowering& l, ParseNode node, Span span) {
    ast::SetOperation out;
    const std::string_view op = node.text("op");
    out.op = op == "SETOP_UNION"       ? ast::SetOperator::Union
             : op == "SETOP_INTERSECT" ? ast::SetOperator::Intersect
                                       : ast::SetOperator::Except;
    out.all = node.flag("all");
    out.left = lower_query(l, node.get("larg"), span);
    out.right = lower_query(l, node.get("rarg"), {});
    return out;
}

std::vector<ast::Locking> lower_locking(Lowering& l, ParseNode list) {
    std::vector<ast::Locking> out;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const ParseNode node = list[i].body();
        ast::Locking locking;
        const std::string_view strength = node.text("strength");
        locking.strength = strength == "LCS_FORUPDATE"        ? "UPDATE"
                           : strength == "LCS_FORNOKEYUPDATE" ? "NO KEY UPDATE"
                           : strength == "LCS_FORSHARE"       ? "SHARE"
                                                              : "KEY SHARE";
        const ParseNode tables = node.get("lockedRels");
        for (std::size_t t = 0; t < tables.size(); ++t)
            locking.tables.push_back(lower_relation_name(l, tables[t].body()));
        const std::string_view wait = node.text("waitPolicy");
        locking.wait = wait == "LockWaitSkip" ? "SKIP LOCKED" : wait == "LockWaitError" ? "NOWAIT" : "";
        out.push_back(std::move(locking));
    }
    return out;
}

// The parts of lower_query are functions of their own because it recurses through the first: a chain of
// UNIONs needs a small frame.
void lower_body(Lowering& l, ParseNode node, Query& out) {
    if (node.has("larg")) {
        out.body = lower_set_operation(l, node, out.span);
    } else if (const ParseNode rows = node.get("valuesLists"); rows.size() > 0) {
        out.body = lower_values(l, rows);
    } else {
        out.body = lower_select(l, node);
    }
}

void lower_rest(Lowering& l, ParseNode node, Query& out) {
    out.with = lower_with(l, node.get("withClause"));
    out.order_by = lower_sort_keys(l, node.get("sortClause"));
    const ParseNode limit = node.get("limitCount");
    // LIMIT ALL and LIMIT NULL are no limit.
    if (!(limit.kind() == "A_Const" && limit.body().flag("isnull")))
        out.limit = lower_optional_expr(l, limit);
    out.offset = lower_optional_expr(l, node.get("limitOffset"));
    out.with_ties = node.text("limitOption") == "LIMIT_OPTION_WITH_TIES";
    out.locking = lower_locking(l, node.get("lockingClause"));
    if (const ParseNode into = node.get("intoClause")) out.into = lower_table_name(l, into.get("rel"));
}

// A query has no place in PostgreSQL's tree: the first thing in it that has one stands in.
Span first_place(const Query& query) {
    if (const auto* select = std::get_if<ast::Select>(&query.body)) {
        if (!select->items.empty()) return select->items.front().span;
        if (!select->from.empty()) return select->from.front().span;
    }
    if (const auto* values = std::get_if<ast::Values>(&query.body)) {
        if (!values->rows.empty() && !values->rows.front().empty()) return values->rows.front().front().span;
    }
    if (const auto* set = std::get_if<ast::SetOperation>(&query.body)) return set->left->span;
    return {};
}

}  // namespace

ast::TableName lower_table_name(Lowering& l, ParseNode node) {
    ast::TableName out;
    out.name = lower_relation_name(l, node);
    out.span = out.name.span;
    out.only = !node.flag("inh");
    out.alias = lower_alias(node.get("alias"));
    return out;
}

std::vector<TableRef> lower_table_refs(Lowering& l, ParseNode list) {
    std::vector<TableRef> out;
    out.reserve(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) out.push_back(lower_table_ref(l, list[i]));
    return out;
}

std::vector<ast::SelectItem> lower_select_items(Lowering& l, ParseNode list) {
    std::vector<ast::SelectItem> out;
    out.reserve(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
        const ParseNode node = list[i].body();
        ast::SelectItem item;
        item.span = l.span(node);
        item.expr = lower_expr(l, node.get("val"));
        item.alias = node.text("name");
        out.push_back(std::move(item));
    }
    return out;
}

ast::With lower_with(Lowering& l, ParseNode clause) {
    ast::With out;
    out.recursive = clause.flag("recursive");
    const ParseNode tables = clause.get("ctes");
    for (std::size_t i = 0; i < tables.size(); ++i) {
        const ParseNode node = tables[i].body();
        ast::CommonTable table;
        table.span = l.span(node);
        table.name = node.text("ctename");
        table.columns = lower_strings(node.get("aliascolnames"));
        const std::string_view materialized = node.text("ctematerialized");
        table.materialized = materialized == "CTEMaterializeAlways"  ? ast::Materialized::Always
                             : materialized == "CTEMaterializeNever" ? ast::Materialized::Never
                                                                     : ast::Materialized::Default;
        table.statement = lower_statement(l, node.get("ctequery"), table.span);
        table.search_or_cycle = node.has("search_clause") || node.has("cycle_clause");
        out.tables.push_back(std::move(table));
    }
    return out;
}

Query lower_query(Lowering& l, ParseNode node, Span span) {
    Query out;
    out.span = span;
    const Lowering::Level level(l, span);
    if (!level.ok) return out;
    lower_body(l, node, out);
    lower_rest(l, node, out);
    if (!out.span.known) out.span = first_place(out);
    return out;
}

Query lower_wrapped_query(Lowering& l, ParseNode wrapped, Span span) {
    if (wrapped.kind() != "SelectStmt") l.fail(span, sqlstate::syntax_error, "a query is expected here");
    return lower_query(l, wrapped.body(), span);
}

}  // namespace anabranch::sql
