#include "lib/sql/lowering.h"

namespace anabranch::sql {
namespace {

using Lowered = ast::Statement::Node;

ast::Target lower_target(Lowering& l, ParseNode node) {
    ast::Target out;
    out.span = l.span(node);
    out.column = node.text("name");
    out.path = lower_path(l, node.get("indirection"));
    return out;
}

// The assignments of `(a, b) = source`, whose targets are list[at .. at + columns).
void lower_row_assignment(Lowering& l, ParseNode list, std::size_t at, std::size_t columns,
                          std::vector<ast::Assignment>& out) {
    const ParseNode source = list[at].body().get("val").body().get("source");
    const Span span = l.span(list[at].body());
    if (source.kind() == "RowExpr") {
        const ParseNode items = source.body().get("args");
        if (items.size() != columns) {
            l.fail(l.span(source.body()), sqlstate::syntax_error,
                   "number of columns does not match number of values");
            return;
        }
        for (std::size_t i = 0; i < columns; ++i) {
            ast::Assignment one;
            one.targets.push_back(lower_target(l, list[at + i].body()));
            one.span = one.targets.front().span;
            one.value = lower_expr(l, items[i]);
            out.push_back(std::move(one));
        }
        return;
    }
    if (source.kind() != "SubLink" || source.body().text("subLinkType") != "EXPR_SUBLINK") {
        l.fail(span, sqlstate::feature_not_supported,
               "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression");
        return;
    }
    ast::Assignment all;
    all.span = span;
    for (std::size_t i = 0; i < columns; ++i) all.targets.push_back(lower_target(l, list[at + i].body()));
    all.value = lower_expr(l, source);
    out.push_back(std::move(all));
}

std::vector<ast::Assignment> lower_assignments(Lowering& l, ParseNode list) {
    std::vector<ast::Assignment> out;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const ParseNode node = list[i].body();
        const ParseNode value = node.get("val");
        if (value.kind() == "MultiAssignRef") {
            const auto columns = static_cast<std::size_t>(value.body().integer("ncolumns"));
            if (columns == 0 || columns > list.size() - i) return out;
            lower_row_assignment(l, list, i, columns, out);
            i += columns - 1;
            continue;
        }
        ast::Assignment one;
        one.span = l.span(node);
        one.targets.push_back(lower_target(l, node));
        one.value = lower_expr(l, value);
        out.push_back(std::move(one));
    }
    return out;
}

ast::OnConflict lower_on_conflict(Lowering& l, ParseNode node) {
    ast::OnConflict out;
    out.span = l.span(node);
    const ParseNode target = node.get("infer");
    const ParseNode elements = target.get("indexElems");
    for (std::size_t i = 0; i < elements.size(); ++i)
        out.elements.push_back(lower_index_element(l, elements[i]));
    out.elements_where = lower_optional_expr(l, target.get("whereClause"));
    out.constraint = target.text("conname");
    out.update = node.text("action") == "ONCONFLICT_UPDATE";
    out.assignments = lower_assignments(l, node.get("targetList"));
    out.where = lower_optional_expr(l, node.get("whereClause"));
    return out;
}

ast::Overriding lower_overriding(std::string_view word) {
    return word == "OVERRIDING_USER_VALUE"     ? ast::Overriding::User
           : word == "OVERRIDING_SYSTEM_VALUE" ? ast::Overriding::System
                                               : ast::Overriding::None;
}

std::vector<ast::Target> lower_targets(Lowering& l, ParseNode list) {
    std::vector<ast::Target> out;
    for (std::size_t i = 0; i < list.size(); ++i) out.push_back(lower_target(l, list[i].body()));
    return out;
}

Lowered insert(Lowering& l, ParseNode node, Span) {
    ast::Insert out;
    out.with = lower_with(l, node.get("withClause"));
    out.table = lower_table_name(l, node.get("relation"));
    out.columns = lower_targets(l, node.get("cols"));
    out.overriding = lower_overriding(node.text("override"));
    if (const ParseNode source = node.get("selectStmt")) out.source = lower_wrapped_query(l, source, {});
    if (const ParseNode conflict = node.get("onConflictClause"))
        out.on_conflict = lower_on_conflict(l, conflict);
    out.returning = lower_select_items(l, node.get("returningList"));
    return out;
}

Lowered update(Lowering& l, ParseNode node, Span) {
    ast::Update out;
    out.with = lower_with(l, node.get("withClause"));
    out.table = lower_table_name(l, node.get("relation"));
    out.assignments = lower_assignments(l, node.get("targetList"));
    out.from = lower_table_refs(l, node.get("fromClause"));
    out.where = lower_optional_expr(l, node.get("whereClause"));
    out.returning = lower_select_items(l, node.get("returningList"));
    return out;
}

Lowered remove(Lowering& l, ParseNode node, Span) {
    ast::Delete out;
    out.with = lower_with(l, node.get("withClause"));
    out.table = lower_table_name(l, node.get("relation"));
    out.using_tables = lower_table_refs(l, node.get("usingClause"));
    out.where = lower_optional_expr(l, node.get("whereClause"));
    out.returning = lower_select_items(l, node.get("returningList"));
    return out;
}

ast::MergeWhen lower_when(Lowering& l, ParseNode node) {
    ast::MergeWhen out;
    out.matched = node.flag("matched");
    out.condition = lower_optional_expr(l, node.get("condition"));
    const std::string_view command = node.text("commandType");
    if (command == "CMD_UPDATE") {
        out.action = ast::MergeAction::Update;
        out.assignments = lower_assignments(l, node.get("targetList"));
        if (!out.assignments.empty()) out.span = out.assignments.front().span;
    } else if (command == "CMD_DELETE") {
        out.action = ast::MergeAction::Delete;
    } else if (command == "CMD_INSERT") {
        out.action = ast::MergeAction::Insert;
        out.columns = lower_targets(l, node.get("targetList"));
        out.overriding = lower_overriding(node.text("override"));
        out.values = lower_exprs(l, node.get("values"));
        if (!out.values.empty()) out.span = out.values.front().span;
    }
    if (!out.span.known && out.condition) out.span = out.condition->span;
    return out;
}

Lowered merge(Lowering& l, ParseNode node, Span) {
    ast::Merge out;
    out.with = lower_with(l, node.get("withClause"));
    out.table = lower_table_name(l, node.get("relation"));
    out.source = lower_table_ref(l, node.get("sourceRelation"));
    out.on = lower_expr(l, node.get("joinCondition"));
    const ParseNode whens = node.get("mergeWhenClauses");
    for (std::size_t i = 0; i < whens.size(); ++i) out.whens.push_back(lower_when(l, whens[i].body()));
    return out;
}

Lowered call(Lowering& l, ParseNode node, Span) {
    return ast::Call{lower_call(l, node.get("funccall"))};
}

}  // namespace

ast::IndexElement lower_index_element(Lowering& l, ParseNode wrapped) {
    const ParseNode node = wrapped.body();
    ast::IndexElement out;
    out.column = node.text("name");
    out.expr = lower_optional_expr(l, node.get("expr"));
    if (out.expr) out.span = out.expr->span;
    out.collation = lower_name(l, node.get("collation"), {});
    out.operator_class = lower_name(l, node.get("opclass"), {});
    out.direction = lower_direction(node.text("ordering"));
    out.nulls = lower_nulls(node.text("nulls_ordering"));
    return out;
}

StatementLowering find_change_lowering(std::string_view kind) {
    if (kind == "InsertStmt") return insert;
    if (kind == "UpdateStmt") return update;
    if (kind == "DeleteStmt") return remove;
    if (kind == "MergeStmt") return merge;
    if (kind == "CallStmt") return call;
    return nullptr;
}

}  // namespace anabranch::sql
