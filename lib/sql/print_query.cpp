#include <array>

#include "lib/sql/print.h"
#include "lib/sql/printing.h"

namespace anabranch::sql {
namespace {

using ast::Query;

class FromPrinter {
  public:
    explicit FromPrinter(Printer& p) : p_(p) {}

    void operator()(const ast::TableName& node) const { p_.table(node); }

    void operator()(const ast::SubqueryRef& node) const {
        if (node.lateral) p_.raw("LATERAL ");
        p_.raw("(");
        p_.query(*node.query);
        p_.raw(")");
        p_.alias(node.alias);
    }

    void operator()(const ast::FunctionRef& node) const {
        if (node.lateral) p_.raw("LATERAL ");
        if (node.rows_from) p_.raw("ROWS FROM (");
        p_.separated(node.functions, ", ", [&](const ast::FunctionSource& function) {
            call(function.call);
            if (function.columns.empty()) return;
            p_.raw(" AS ");
            definitions(function.columns);
        });
        if (node.rows_from) p_.raw(")");
        if (node.ordinality) p_.raw(" WITH ORDINALITY");
        if (node.columns.empty()) return p_.alias(node.alias);
        p_.raw(" AS ");
        if (!node.alias.name.empty()) p_.name(node.alias.name);
        definitions(node.columns);
    }

    void operator()(const ast::Join& node) const {
        static constexpr std::array<std::string_view, 5> words = {"JOIN ", "LEFT JOIN ", "RIGHT JOIN ",
                                                                  "FULL JOIN ", "CROSS JOIN "};
        const bool named = !node.alias.name.empty();
        if (named) p_.raw("(");
        std::visit(*this, node.left->node);
        p_.raw(node.natural ? " NATURAL " : " ");
        p_.raw(words[static_cast<std::size_t>(node.kind)]);
        const auto* right = std::get_if<ast::Join>(&node.right->node);
        const bool nested = right != nullptr && right->alias.name.empty();
        if (nested) p_.raw("(");
        std::visit(*this, node.right->node);
        if (nested) p_.raw(")");
        if (!node.using_columns.empty()) {
            p_.raw(" USING");
            p_.in_parentheses(node.using_columns);
            if (!node.using_alias.empty()) p_.raw(" AS " + quote_identifier(node.using_alias));
        }
        if (node.on) {
            p_.raw(" ON ");
            p_.expr(*node.on);
        }
        if (named) p_.raw(")");
        p_.alias(node.alias);
    }

    void operator()(const ast::Unsupported& node) const { p_.raw("/* " + node.what + " */ unsupported"); }

  private:
    // A cast in FROM must be spelled as a call.
    void call(const ast::Expr& expr) const {
        const auto* cast = std::get_if<ast::Cast>(&expr.node);
        if (cast == nullptr) return p_.expr(expr);
        p_.raw("CAST(");
        p_.expr(*cast->operand);
        p_.raw(" AS ");
        p_.type(cast->type);
        p_.raw(")");
    }

    void definitions(const std::vector<ast::ColumnDefinition>& columns) const {
        p_.raw("(");
        p_.separated(columns, ", ", [&](const ast::ColumnDefinition& column) {
            p_.name(column.name);
            p_.raw(" ");
            p_.type(column.type);
            p_.collation(column.collation);
        });
        p_.raw(")");
    }

    Printer& p_;
};

class BodyPrinter {
  public:
    explicit BodyPrinter(Printer& p, const Query& query) : p_(p), query_(query) {}

    void operator()(const ast::Select& node) const {
        p_.raw("SELECT");
        if (node.distinct == ast::DistinctKind::Distinct) p_.raw(" DISTINCT");
        if (node.distinct == ast::DistinctKind::On) {
            p_.raw(" DISTINCT ON (");
            p_.exprs(node.distinct_on);
            p_.raw(")");
        }
        if (!node.items.empty()) p_.raw(" ");
        p_.select_items(node.items);
        if (query_.into) {
            p_.raw(" INTO ");
            p_.table(*query_.into);
        }
        if (!node.from.empty()) {
            p_.raw(" FROM ");
            p_.tables(node.from);
        }
        p_.where(node.where);
        if (!node.group_by.empty()) {
            p_.raw(node.group_distinct ? " GROUP BY DISTINCT " : " GROUP BY ");
            p_.exprs(node.group_by);
        }
        if (node.having) {
            p_.raw(" HAVING ");
            p_.expr(*node.having);
        }
        if (node.windows.empty()) return;
        p_.raw(" WINDOW ");
        p_.separated(node.windows, ", ", [&](const ast::WindowSpec& window) {
            p_.raw(quote_identifier(window.name) + " AS (");
            p_.window(window);
            p_.raw(")");
        });
    }

    void operator()(const ast::Values& node) const {
        p_.raw("VALUES ");
        p_.separated(node.rows, ", ", [&](const std::vector<ast::Expr>& row) {
            p_.raw("(");
            p_.exprs(row);
            p_.raw(")");
        });
    }

    void operator()(const ast::SetOperation& node) const {
        static constexpr std::array<std::string_view, 3> words = {" UNION ", " INTERSECT ", " EXCEPT "};
        side(*node.left);
        p_.raw(words[static_cast<std::size_t>(node.op)]);
        if (node.all) p_.raw("ALL ");
        side(*node.right);
    }

  private:
    void side(const Query& query) const {
        const bool bare = !std::holds_alternative<ast::SetOperation>(query.body) &&
                          query.with.tables.empty() && query.order_by.empty() && !query.limit &&
                          !query.offset && query.locking.empty();
        if (!bare) p_.raw("(");
        p_.query(query);
        if (!bare) p_.raw(")");
    }

    Printer& p_;
    const Query& query_;
};

void locking(Printer& p, const ast::Locking& node) {
    p.raw(" FOR " + node.strength);
    if (!node.tables.empty()) {
        p.raw(" OF ");
        p.names(node.tables);
    }
    if (!node.wait.empty()) p.raw(" " + node.wait);
}

void target(Printer& p, const ast::Target& target) {
    p.name(target.column);
    for (const ast::Expr& step : target.path) p.expr(step);
}

void on_conflict(Printer& p, const ast::OnConflict& node) {
    p.raw(" ON CONFLICT");
    if (!node.elements.empty()) {
        p.raw(" ");
        p.index_elements(node.elements);
        p.where(node.elements_where);
    }
    if (!node.constraint.empty()) p.raw(" ON CONSTRAINT " + quote_identifier(node.constraint));
    if (!node.update) return p.raw(" DO NOTHING");
    p.raw(" DO UPDATE SET ");
    p.assignments(node.assignments);
    p.where(node.where);
}

}  // namespace

void Printer::with(const ast::With& with) {
    if (with.tables.empty()) return;
    raw(with.recursive ? "WITH RECURSIVE " : "WITH ");
    separated(with.tables, ", ", [&](const ast::CommonTable& table) {
        static constexpr std::array<std::string_view, 3> words = {" AS (", " AS MATERIALIZED (",
                                                                  " AS NOT MATERIALIZED ("};
        name(table.name);
        in_parentheses(table.columns);
        raw(words[static_cast<std::size_t>(table.materialized)]);
        statement(*table.statement);
        raw(")");
    });
    raw(" ");
}

void Printer::query(const Query& query) {
    with(query.with);
    std::visit(BodyPrinter(*this, query), query.body);
    sort_keys(" ORDER BY ", query.order_by);
    if (query.offset) {
        raw(" OFFSET ");
        expr(*query.offset);
    }
    if (query.limit && query.with_ties) {
        raw(" FETCH FIRST (");
        expr(*query.limit);
        raw(") ROWS WITH TIES");
    } else if (query.limit) {
        raw(" LIMIT ");
        expr(*query.limit);
    }
    for (const ast::Locking& one : query.locking) locking(*this, one);
}

void Printer::alias(const ast::Alias& alias) {
    if (alias.name.empty()) return;
    raw(" AS " + quote_identifier(alias.name));
    in_parentheses(alias.columns);
}

void Printer::table(const ast::TableName& table) {
    if (table.only) raw("ONLY ");
    name(table.name);
    alias(table.alias);
}

void Printer::tables(const std::vector<ast::TableRef>& list) {
    separated(list, ", ", [&](const ast::TableRef& table) { std::visit(FromPrinter(*this), table.node); });
}

void Printer::select_items(const std::vector<ast::SelectItem>& items) {
    separated(items, ", ", [&](const ast::SelectItem& item) {
        expr(item.expr);
        if (!item.alias.empty()) raw(" AS " + quote_identifier(item.alias));
    });
}

void Printer::where(const ast::Box<ast::Expr>& condition) {
    if (!condition) return;
    raw(" WHERE ");
    expr(*condition);
}

void Printer::index_element(const ast::IndexElement& element) {
    if (element.expr) {
        raw("(");
        expr(*element.expr);
        raw(")");
    } else {
        name(element.column);
    }
    collation(element.collation);
    if (!element.operator_class.name.empty()) {
        raw(" ");
        name(element.operator_class);
    }
    sort_order(element.direction, element.nulls);
}

void Printer::index_elements(const std::vector<ast::IndexElement>& elements) {
    raw("(");
    separated(elements, ", ", [&](const ast::IndexElement& element) { index_element(element); });
    raw(")");
}

void Printer::assignments(const std::vector<ast::Assignment>& list) {
    separated(list, ", ", [&](const ast::Assignment& assignment) {
        const bool row = assignment.targets.size() > 1;
        if (row) raw("(");
        separated(assignment.targets, ", ", [&](const ast::Target& one) { target(*this, one); });
        raw(row ? ") = " : " = ");
        expr(assignment.value);
    });
}

void Printer::returning(const std::vector<ast::SelectItem>& items) {
    if (items.empty()) return;
    raw(" RETURNING ");
    select_items(items);
}

namespace {

void overriding(Printer& p, ast::Overriding how) {
    static constexpr std::array<std::string_view, 3> words = {"", " OVERRIDING USER VALUE",
                                                              " OVERRIDING SYSTEM VALUE"};
    p.raw(words[static_cast<std::size_t>(how)]);
}

void insertion(Printer& p, const ast::MergeWhen& when) {
    p.raw("INSERT");
    if (!when.columns.empty()) {
        p.raw(" (");
        p.separated(when.columns, ", ", [&](const ast::Target& one) { target(p, one); });
        p.raw(")");
    }
    overriding(p, when.overriding);
    if (when.values.empty()) return p.raw(" DEFAULT VALUES");
    p.raw(" VALUES (");
    p.exprs(when.values);
    p.raw(")");
}

void merge_when(Printer& p, const ast::MergeWhen& when) {
    p.raw(when.matched ? " WHEN MATCHED" : " WHEN NOT MATCHED");
    if (when.condition) {
        p.raw(" AND ");
        p.expr(*when.condition);
    }
    p.raw(" THEN ");
    switch (when.action) {
        case ast::MergeAction::Nothing:
            return p.raw("DO NOTHING");
        case ast::MergeAction::Delete:
            return p.raw("DELETE");
        case ast::MergeAction::Insert:
            return insertion(p, when);
        case ast::MergeAction::Update:
            p.raw("UPDATE SET ");
            p.assignments(when.assignments);
    }
}

}  // namespace

void Printer::operator()(const ast::Insert& node) {
    with(node.with);
    raw("INSERT INTO ");
    table(node.table);
    if (!node.columns.empty()) {
        raw(" (");
        separated(node.columns, ", ", [&](const ast::Target& one) { target(*this, one); });
        raw(")");
    }
    overriding(*this, node.overriding);
    raw(" ");
    if (node.source) {
        query(*node.source);
    } else {
        raw("DEFAULT VALUES");
    }
    if (node.on_conflict) on_conflict(*this, *node.on_conflict);
    returning(node.returning);
}

void Printer::operator()(const ast::Update& node) {
    with(node.with);
    raw("UPDATE ");
    table(node.table);
    raw(" SET ");
    assignments(node.assignments);
    if (!node.from.empty()) {
        raw(" FROM ");
        tables(node.from);
    }
    where(node.where);
    returning(node.returning);
}

void Printer::operator()(const ast::Delete& node) {
    with(node.with);
    raw("DELETE FROM ");
    table(node.table);
    if (!node.using_tables.empty()) {
        raw(" USING ");
        tables(node.using_tables);
    }
    where(node.where);
    returning(node.returning);
}

void Printer::operator()(const ast::Merge& node) {
    with(node.with);
    raw("MERGE INTO ");
    table(node.table);
    raw(" USING ");
    tables({*node.source});
    raw(" ON ");
    expr(node.on);
    for (const ast::MergeWhen& when : node.whens) merge_when(*this, when);
}

void Printer::operator()(const ast::Call& node) {
    raw("CALL ");
    name(node.call.name);
    raw("(");
    separated(node.call.arguments, ", ", [&](const ast::Argument& argument) {
        if (argument.variadic) raw("VARIADIC ");
        if (!argument.name.empty()) raw(quote_identifier(argument.name) + " => ");
        expr(argument.value);
    });
    raw(")");
}

}  // namespace anabranch::sql
