#include "lib/sql/bind_describe.h"
#include "lib/base/overload.h"

#include "lib/sql/builtin.h"
#include "lib/sql/builtin_table.h"
#include "lib/sql/value.h"

namespace anabranch::sql {

namespace {

std::string listed(const std::vector<ExprPtr>& items, const char* between = ", ") {
    std::string out;
    for (const ExprPtr& e : items) out += (out.empty() ? "" : between) + describe(e);
    return out;
}

std::string constant(Type type, const Const& c) {
    if (c.null) return "NULL";
    switch (storage_of(type)) {
        case Storage::integer:
            return type.id == TypeId::enum_ ? "#" + std::to_string(c.integer)
                                            : print_literal(type, Datum::integer(c.integer));
        case Storage::floating:
            return print_literal(type, Datum::floating(c.floating));
        case Storage::bytes:
            return type.id == TypeId::unknown ? "'" + c.bytes + "'?"
                                              : print_literal(type, Datum::bytes(c.bytes));
    }
    return "?";
}

std::string text_of(TestOp op) {
    switch (op) {
        case TestOp::is_null:
            return " IS NULL";
        case TestOp::is_not_null:
            return " IS NOT NULL";
        case TestOp::is_true:
            return " IS TRUE";
        case TestOp::is_not_true:
            return " IS NOT TRUE";
        case TestOp::is_false:
            return " IS FALSE";
        case TestOp::is_not_false:
            return " IS NOT FALSE";
        case TestOp::is_unknown:
            return " IS UNKNOWN";
        case TestOp::is_not_unknown:
            return " IS NOT UNKNOWN";
    }
    return "?";
}

std::string call_text(const Call& c) {
    const std::string name(name_of(c.func));
    const bool symbol = !name.empty() && !std::isalpha(static_cast<unsigned char>(name[0])) && name[0] != '_';
    if (symbol && c.args.size() == 2)
        return "(" + describe(c.args[0]) + " " + name + " " + describe(c.args[1]) + ")";
    if (symbol && c.args.size() == 1) return "(" + name + describe(c.args[0]) + ")";
    return name + "(" + listed(c.args) + ")";
}

std::string aggregate_text(const Aggregate& a) {
    std::string name = "?";
    for (const AggregateRow& row : aggregate_rows())
        if (row.func == a.func) {
            name = row.name;
            break;
        }
    const bool within = is_within_group(a.func);
    std::string out =
        name + "(" + (a.distinct ? "DISTINCT " : "") + (a.star ? "*" : listed(within ? a.direct : a.args));
    if (within) out += ") WITHIN GROUP (";
    for (const Aggregate::Order& o : a.order)
        out += " ORDER BY " + describe(o.key) + (o.descending ? " DESC" : "");
    out += ")";
    if (a.filter) out += " FILTER " + describe(a.filter);
    return out;
}

std::string subquery_text(const Subquery& s) {
    switch (s.kind) {
        case SubqueryKind::scalar:
            return "(" + describe(s.query) + ")";
        case SubqueryKind::exists:
            return "EXISTS(" + describe(s.query) + ")";
        case SubqueryKind::array:
            return "ARRAY(" + describe(s.query) + ")";
        case SubqueryKind::any:
        case SubqueryKind::all:
            break;
    }
    std::string compare;
    for (const Func f : s.compare) compare += std::string(name_of(f));
    return "(" + listed(s.left) + " " + compare + (s.kind == SubqueryKind::any ? " ANY (" : " ALL (") +
           describe(s.query) + "))";
}

std::string window_text(const Window& w) {
    std::string out = "window";
    for (const WindowRow& row : window_rows())
        if (row.func == w.func) out = row.name;
    out = w.aggregate ? aggregate_text(*w.aggregate) : out + "(" + listed(w.args) + ")";
    out += " OVER (" + listed(w.partition);
    for (const Aggregate::Order& o : w.order)
        out += " ORDER BY " + describe(o.key) + (o.descending ? " DESC" : "");
    const FrameBound &start = w.frame.start, &end = w.frame.end;
    if (w.frame.mode != FrameMode::range || w.frame.exclusion != FrameExclusion::none ||
        start.kind != FrameBound::Kind::unbounded_preceding || end.kind != FrameBound::Kind::current_row) {
        constexpr const char* modes[] = {" RANGE ", " ROWS ", " GROUPS "};
        constexpr const char* kinds[] = {"UNBOUNDED PRECEDING", "PRECEDING", "CURRENT ROW", "FOLLOWING",
                                         "UNBOUNDED FOLLOWING"};
        const auto text = [&](const FrameBound& b) {
            return (b.offset ? describe(b.offset) + " " : "") + kinds[static_cast<std::size_t>(b.kind)];
        };
        out += modes[static_cast<std::size_t>(w.frame.mode)] + text(start) + " TO " + text(end);
    }
    return out + ")";
}

std::string case_text(const Case& c) {
    std::string out = "CASE";
    for (const Case::Branch& b : c.branches)
        out += " WHEN " + describe(b.condition) + " THEN " + describe(b.result);
    if (c.otherwise) out += " ELSE " + describe(c.otherwise);
    return out + " END";
}

std::string rel_text(const Rel& rel) {
    std::string out = std::visit(
        Overload{
            [](const TableRel& t) { return "t" + std::to_string(t.table.value); },
            [](const VirtualRel& v) { return "v" + std::to_string(v.virtual_table); },
            [](const DerivedRel& d) { return (d.lateral ? "LATERAL (" : "(") + describe(d.query) + ")"; },
            [](const CteRel& c) { return "cte " + std::to_string(c.level) + "." + std::to_string(c.index); },
            [](const FunctionRel& f) {
                std::string text;
                for (const FunctionRel::Source& s : f.sources) {
                    for (const TableFunctionRow& row : table_function_rows())
                        if (row.func == s.func) {
                            text += (text.empty() ? "" : ", ") + std::string(row.name);
                            break;
                        }
                    text += "(" + listed(s.args) + ")";
                }
                return text + (f.ordinality ? " WITH ORDINALITY" : "");
            }},
        rel.source);
    return out + " " + rel.alias;
}

std::string from_text(const FromItem& item, const std::vector<Rel>& rels) {
    if (!item.join) return rel_text(rels[item.rel]);
    constexpr const char* words[] = {" JOIN ", " LEFT JOIN ", " RIGHT JOIN ", " FULL JOIN "};
    std::string out = "(" + from_text(item.join->left, rels) +
                      words[static_cast<std::size_t>(item.join->kind)] + from_text(item.join->right, rels);
    if (item.join->condition) out += " ON " + describe(item.join->condition);
    return out + ")";
}

std::string from_list(const std::vector<FromItem>& items, const std::vector<Rel>& rels, const char* word) {
    std::string out;
    for (const FromItem& item : items) out += (out.empty() ? word : ", ") + from_text(item, rels);
    return out;
}

std::string with_text(const std::vector<Cte>& ctes) {
    std::string out;
    for (const Cte& c : ctes)
        out += (out.empty() ? "WITH " : ", ") + std::string(c.recursive ? "RECURSIVE " : "") + c.name +
               " AS (" + describe(*c.statement) + ")";
    return out.empty() ? out : out + " ";
}

std::string assignments_text(const std::vector<Assignment>& list) {
    std::string out;
    for (const Assignment& a : list)
        out += (out.empty() ? "" : ", ") + std::to_string(a.column.value) + " = " + describe(a.value);
    return out;
}

std::string returning_text(const std::vector<ExprPtr>& list) {
    return list.empty() ? std::string() : " RETURNING " + listed(list);
}

std::string insert_text(const Insert& i) {
    std::string out = "INSERT t" + std::to_string(i.table.value) + " (";
    for (std::size_t n = 0; n < i.columns.size(); ++n)
        out += (n == 0 ? "" : ", ") + std::to_string(i.columns[n].value);
    out += ") " + (i.source ? describe(i.source) : std::string("DEFAULT VALUES"));
    if (i.on_conflict.action == ConflictAction::none) return out + returning_text(i.returning);
    out += " ON CONFLICT " +
           (i.on_conflict.key ? "key " + std::to_string(*i.on_conflict.key) : std::string("any"));
    if (i.on_conflict.action == ConflictAction::nothing)
        return out + " NOTHING" + returning_text(i.returning);
    out += " SET " + assignments_text(i.on_conflict.assignments);
    if (i.on_conflict.where) out += " WHERE " + describe(i.on_conflict.where);
    return out + returning_text(i.returning);
}

std::string values_text(const Query& q) {
    std::string out = "VALUES ";
    for (std::size_t i = 0; i < q.values.size(); ++i)
        out += (i == 0 ? "(" : ", (") + listed(q.values[i]) + ")";
    return out;
}

std::string select_text(const Query& q) {
    std::string out = "SELECT ";
    if (q.distinct) out += "DISTINCT ";
    if (!q.distinct_on.empty()) out += "DISTINCT ON (" + listed(q.distinct_on) + ") ";
    out += listed(q.targets) + from_list(q.from, q.rels, " FROM ");
    if (q.where) out += " WHERE " + describe(q.where);
    if (!q.group_by.empty()) out += " GROUP BY " + listed(q.group_by);
    if (q.having) out += " HAVING " + describe(q.having);
    return out;
}

}  // namespace

std::string_view name_of(Func func) {
    switch (func) {
        case Func::eq:
            return "=";
        case Func::ne:
            return "<>";
        case Func::lt:
            return "<";
        case Func::le:
            return "<=";
        case Func::gt:
            return ">";
        case Func::ge:
            return ">=";
        case Func::is_distinct:
            return "is_distinct";
        case Func::is_not_distinct:
            return "is_not_distinct";
        case Func::coalesce:
            return "coalesce";
        case Func::nullif:
            return "nullif";
        case Func::greatest:
            return "greatest";
        case Func::least:
            return "least";
        case Func::array_element:
            return "array_element";
        case Func::array_slice:
            return "array_slice";
        case Func::uninterpreted:
            return "uninterpreted";
        default:
            break;
    }
    for (const OperatorRow& row : operator_rows())
        if (row.func == func) return row.name;
    for (const auto rows : {function_rows(), session_function_rows()})
        for (const FunctionRow& row : rows)
            if (row.func == func) return row.name;
    return "?";
}

std::string describe(const ExprPtr& expr) {
    if (!expr) return "-";
    return std::visit(
        Overload{[&](const Const& n) { return constant(expr->type, n); },
                 [](const Param& n) { return "$" + std::to_string(n.index + 1); },
                 [](const ColumnRef& n) {
                     return std::to_string(n.level) + "." + std::to_string(n.rel) + "." +
                            std::to_string(n.column);
                 },
                 [](const Call& n) { return call_text(n); },
                 [&](const Cast& n) {
                     const std::string type = type_name(expr->type);
                     return n.implicit ? describe(n.arg) + "::" + type
                                       : "CAST(" + describe(n.arg) + " AS " + type + ")";
                 },
                 [](const Case& n) { return case_text(n); },
                 [](const Logic& n) {
                     if (n.op == LogicOp::not_) return "NOT " + describe(n.args[0]);
                     return "(" + listed(n.args, n.op == LogicOp::and_ ? " AND " : " OR ") + ")";
                 },
                 [](const Test& n) { return describe(n.arg) + text_of(n.op); },
                 [](const ArrayCompare& n) {
                     return "(" + describe(n.left) + " " + std::string(name_of(n.compare)) +
                            (n.all ? " ALL " : " ANY ") + describe(n.array) + ")";
                 },
                 [](const ArrayOf& n) { return "ARRAY[" + listed(n.items) + "]"; },
                 [](const RowOf& n) { return "ROW(" + listed(n.items) + ")"; },
                 [](const Subquery& n) { return subquery_text(n); },
                 [](const Aggregate& n) { return aggregate_text(n); },
                 [](const Window& n) { return window_text(n); },
                 [](const DomainValue&) { return std::string("VALUE"); },
                 [](const DomainCheck& n) { return n.domain->name + "!(" + describe(n.arg) + ")"; }},
        expr->node);
}

std::string describe(const QueryPtr& query) {
    const Query& q = *query;
    std::string out = with_text(q.ctes);
    if (q.set_op != SetOp::none) {
        constexpr const char* words[] = {
            "", " UNION ", " UNION ALL ", " INTERSECT ", " INTERSECT ALL ", " EXCEPT ", " EXCEPT ALL "};
        out += "(" + describe(q.left) + words[static_cast<std::size_t>(q.set_op)] + describe(q.right) + ")";
    } else {
        out += q.values.empty() ? select_text(q) : values_text(q);
    }
    for (std::size_t i = 0; i < q.order_by.size(); ++i)
        out += (i == 0 ? " ORDER BY " : ", ") + describe(q.order_by[i].key) +
               (q.order_by[i].descending ? " DESC" : "");
    if (q.limit) out += " LIMIT " + describe(q.limit);
    if (q.offset) out += " OFFSET " + describe(q.offset);
    return out;
}

std::string describe(const Statement& statement) {
    return with_text(statement.ctes) +
           std::visit(Overload{[](const QueryPtr& q) { return describe(q); },
                               [](const Insert& i) { return insert_text(i); },
                               [](const Update& u) {
                                   std::string out = "UPDATE t" + std::to_string(u.table.value) + " SET " +
                                                     assignments_text(u.assignments);
                                   out += from_list(u.from, u.rels, " FROM ");
                                   if (u.where) out += " WHERE " + describe(u.where);
                                   return out + returning_text(u.returning);
                               },
                               [](const Delete& d) {
                                   std::string out = "DELETE t" + std::to_string(d.table.value) +
                                                     from_list(d.from, d.rels, " USING ");
                                   if (d.where) out += " WHERE " + describe(d.where);
                                   return out + returning_text(d.returning);
                               }},
                      statement.body);
}

}  // namespace anabranch::sql
