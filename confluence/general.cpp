#include "confluence/general.h"

#include <algorithm>

#include "lib/catalog/load.h"
#include "lib/exec/schema_plans.h"
#include "lib/sql/ast.h"
#include "lib/sql/builtin.h"
#include "lib/sql/parse.h"
#include "lib/sql/print.h"
#include "lib/sql/time_zone.h"
#include "lib/sql/value.h"

namespace anabranch::confluence {

namespace {

namespace ast = sql::ast;

// Each row of a VALUES list is a term of its own in every obligation.
constexpr std::size_t rows_proved_max = 8;

// Numbers and strings, also cast ones; NULL and booleans select a different behaviour and stay.
bool is_constant(const ast::Expr& expr) {
    if (const auto* cast = std::get_if<ast::Cast>(&expr.node)) return is_constant(*cast->operand);
    const auto* literal = std::get_if<ast::Literal>(&expr.node);
    return literal != nullptr && !std::holds_alternative<ast::Null>(literal->value) &&
           !std::holds_alternative<bool>(literal->value);
}
bool is_null(const ast::Expr& expr) {
    const auto* literal = std::get_if<ast::Literal>(&expr.node);
    return literal != nullptr && std::holds_alternative<ast::Null>(literal->value);
}

// Puts parameters in the place of constants.
class Replacer {
  public:
    explicit Replacer(std::size_t parameters) : next_(parameters) {}
    std::size_t count() const { return next_; }

    void value(ast::Expr& expr) {
        if (auto* cast = std::get_if<ast::Cast>(&expr.node)) return value(*cast->operand);
        if (!is_constant(expr)) return;
        expr.node = ast::Parameter{static_cast<std::int32_t>(++next_)};
    }
    // What is assigned, also a column and an amount: balance + 5.
    void assigned(ast::Expr& expr) {
        auto* sum = std::get_if<ast::BinaryOp>(&expr.node);
        if (sum == nullptr) return value(expr);
        assigned(*sum->left);
        assigned(*sum->right);
    }
    // Of comparisons, at the top of a WHERE: elsewhere a constant may be what a proof needs.
    void condition(ast::Expr& expr) {
        if (auto* logical = std::get_if<ast::Logical>(&expr.node)) {
            for (auto& operand : logical->operands) condition(operand);
        } else if (auto* negation = std::get_if<ast::Not>(&expr.node)) {
            condition(*negation->operand);
        } else if (auto* comparison = std::get_if<ast::BinaryOp>(&expr.node)) {
            if (std::holds_alternative<ast::ColumnRef>(comparison->left->node)) value(*comparison->right);
            if (std::holds_alternative<ast::ColumnRef>(comparison->right->node)) value(*comparison->left);
        } else if (auto* between = std::get_if<ast::Between>(&expr.node)) {
            value(*between->low);
            value(*between->high);
        } else if (auto* list = std::get_if<ast::InList>(&expr.node)) {
            for (auto& item : list->items) value(item);
        }
    }

  private:
    std::size_t next_;
};

std::string comma(std::string text) {
    return text.empty() ? text : std::move(text) + ", ";
}

// The columns that the rows of an INSERT are for; fewer when that is not plain.
std::vector<const sql::RelationColumn*> columns_of(const catalog::Schema& schema, const ast::Insert& insert,
                                                   std::size_t width) {
    std::vector<const sql::RelationColumn*> out;
    const auto* relation = schema.names().relation(insert.table.name.schema, insert.table.name.name);
    if (relation == nullptr) return out;
    const auto take = [&](const sql::RelationColumn& column) {
        if (!column.type.array && column.domain == nullptr) out.push_back(&column);
    };
    for (const auto& target : insert.columns)
        for (const auto& column : relation->columns)
            if (target.path.empty() && column.name == target.column) take(column);
    if (insert.columns.empty())
        for (const auto& column : relation->columns)
            if (!column.hidden && out.size() < width) take(column);
    return out;
}

// INSERT INTO t (...) SELECT * FROM unnest($1::a[], $2::b[]): any number of rows.
std::optional<GeneralStatement> many_rows(const catalog::Schema& schema, const ast::Insert& insert,
                                          const ast::Values& values,
                                          const std::vector<sql::Type>& parameter_types) {
    const std::size_t width = values.rows[0].size();
    const auto columns = columns_of(schema, insert, width);
    if (columns.size() != width || !parameter_types.empty()) return {};
    for (const auto& row : values.rows)
        for (const auto& item : row)
            if (!is_constant(item) && !is_null(item)) return {};
    const auto& enums = exec::plans_of(schema);
    GeneralStatement out;
    std::string arrays;
    for (std::size_t i = 0; i < width; ++i) {
        const auto type = sql::without_modifier(columns[i]->type);
        arrays = comma(std::move(arrays)) + "$" + std::to_string(i + 1) +
                 "::" + sql::type_name(type, &enums) + "[]";
        out.parameter_types.push_back(sql::array_of_type(type));
    }
    auto parsed = sql::parse_statements("SELECT * FROM unnest(" + arrays + ")");
    if (!parsed || parsed->size() != 1) return {};
    ast::Statement general;
    ast::Insert any = insert;
    any.source = std::get<ast::Query>((*parsed)[0].node);
    general.node = std::move(any);
    out.text = sql::print(general);
    out.decides = values.rows.size() > rows_proved_max;
    return out;
}

void replace(ast::Statement& statement, Replacer& replacer) {
    if (auto* insert = std::get_if<ast::Insert>(&statement.node)) {
        if (!insert->source) return;
        if (auto* values = std::get_if<ast::Values>(&insert->source->body))
            for (auto& row : values->rows)
                for (auto& item : row) replacer.value(item);
    } else if (auto* update = std::get_if<ast::Update>(&statement.node)) {
        for (auto& assignment : update->assignments) replacer.assigned(assignment.value);
        if (update->where) replacer.condition(*update->where);
    } else if (auto* removal = std::get_if<ast::Delete>(&statement.node)) {
        if (removal->where) replacer.condition(*removal->where);
    }
}

}  // namespace

std::optional<GeneralStatement> general_form(const catalog::Schema& schema, const std::string& statement,
                                             const std::vector<sql::Type>& parameter_types) {
    const auto [text, zone] = sql::split_zone(statement);
    auto parsed = sql::parse_statements(std::string(text));
    if (!parsed || parsed->size() != 1) return {};
    auto& tree = (*parsed)[0];
    if (const auto* insert = std::get_if<ast::Insert>(&tree.node); insert != nullptr && insert->source)
        if (const auto* values = std::get_if<ast::Values>(&insert->source->body);
            values != nullptr && values->rows.size() > 1)
            return many_rows(schema, *insert, *values, parameter_types);
    Replacer replacer(parameter_types.size());
    replace(tree, replacer);
    if (replacer.count() == parameter_types.size()) return {};
    GeneralStatement out{sql::with_zone(sql::print(tree), zone), parameter_types, false};
    out.parameter_types.resize(replacer.count());
    const auto bound = catalog::bind_text(schema, out.text, out.parameter_types);
    if (!bound || bound->parameter_types.size() != replacer.count()) return {};
    out.parameter_types = bound->parameter_types;
    return out;
}

}  // namespace anabranch::confluence
