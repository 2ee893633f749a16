#include "lib/exec/row_text.h"

#include <algorithm>

#include "lib/sql/parse.h"
#include "lib/sql/print.h"
#include "lib/sql/value.h"

namespace anabranch::exec {

using sql::Datum;

namespace {

void append_value(std::string& out, sql::Type type, Datum value, const SchemaPlans& plans, const char* null) {
    if (value.is_null())
        out += null;
    else
        sql::print_text(type, value, out, &plans);
}

// An expression as PostgreSQL shows it in a key: in parentheses unless it looks like a function.
std::string shown(const sql::ast::Expr& e) {
    const std::string text = sql::print(e);
    return std::holds_alternative<sql::ast::FunctionCall>(e.node) ? text : "(" + text + ")";
}

// The elements of a CREATE INDEX as its statement has them; none when it cannot be found.
std::vector<std::string> index_elements(Span statement, const catalog::Schema& schema) {
    std::vector<std::string> out;
    if (!statement.known || std::size_t{statement.offset} + statement.size > schema.text.size()) return out;
    const auto parsed = sql::parse_statements(schema.text.substr(statement.offset, statement.size), {false});
    if (!parsed || parsed->size() != 1) return out;
    const auto* index = std::get_if<sql::ast::CreateIndex>(&parsed->front().node);
    if (index == nullptr) return out;
    for (const sql::ast::IndexElement& e : index->elements) out.push_back(e.expr ? shown(*e.expr) : e.column);
    return out;
}

}  // namespace

std::string failing_row(const TablePlan& table, RowView row, const SchemaPlans& plans) {
    constexpr std::size_t longest = 64;
    std::string out = "Failing row contains (";
    bool first = true;
    for (std::uint32_t c = 0; c < table.table->columns.size(); ++c) {
        const catalog::Column& column = table.table->columns[c];
        if (column.hidden) continue;
        if (!first) out += ", ";
        first = false;
        std::string value;
        append_value(value, column.type, row.get(c), plans, "null");
        if (value.size() > longest) {
            std::size_t cut = longest;
            while (cut > 0 && (static_cast<unsigned char>(value[cut]) & 0xc0) == 0x80)
                --cut;  // whole characters
            value = value.substr(0, cut) + "...";
        }
        out += value;
    }
    return out + ").";
}

std::string key_text(const std::vector<std::string>& names, const std::vector<sql::Type>& types,
                     const std::vector<Datum>& values, const SchemaPlans& plans) {
    std::string left = "Key (", right = ")=(";
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i > 0) {
            left += ", ";
            right += ", ";
        }
        left += names[i];
        append_value(right, types[i], values[i], plans, "null");
    }
    return left + right + ")";
}

std::string key_text(const TablePlan& table, const IndexPlan& index, RowView row, KeyReader& keys,
                     const SchemaPlans& plans) {
    std::vector<std::string> names;
    std::vector<sql::Type> types;
    std::vector<Datum> values;
    std::vector<std::string> elements;
    if (index.key != nullptr && !index.key->expressions.empty())
        elements = index_elements(index.key->span, plans.schema());
    for (std::size_t i = 0; i < index.parts.size(); ++i) {
        const KeyPart& part = index.parts[i];
        if (part.expression == no_expr)
            names.push_back(table.table->columns[part.column].name);
        else if (elements.size() == index.parts.size())
            names.push_back(elements[i]);
        else
            names.push_back(expression_text(table, part.source, plans.schema()));
        types.push_back(part.type);
        values.push_back(keys.part(part, row));
    }
    return key_text(names, types, values, plans);
}

std::string key_text(const TablePlan& table, const std::vector<std::uint32_t>& columns, RowView row,
                     const SchemaPlans& plans) {
    std::vector<std::string> names;
    std::vector<sql::Type> types;
    std::vector<Datum> values;
    for (const std::uint32_t c : columns) {
        names.push_back(table.table->columns[c].name);
        types.push_back(table.table->columns[c].type);
        values.push_back(row.get(c));
    }
    return key_text(names, types, values, plans);
}

std::string expression_text(const TablePlan& table, const sql::ExprPtr& e, const catalog::Schema& schema) {
    if (const auto* ref = std::get_if<sql::ColumnRef>(&e->node))
        return table.table->columns[ref->column].name;
    if (e->span.known && e->span.size > 0 && std::size_t{e->span.offset} + e->span.size <= schema.text.size())
        return schema.text.substr(e->span.offset, e->span.size);
    return "expression";
}

std::string describe_row(const TablePlan& table, const std::vector<std::uint32_t>& columns, RowView row,
                         const SchemaPlans& plans) {
    std::vector<std::uint32_t> all;
    for (const KeyPart& part : table.primary().parts)
        if (!table.table->columns[part.column].hidden) all.push_back(part.column);
    for (const std::uint32_t c : columns)
        if (std::find(all.begin(), all.end(), c) == all.end()) all.push_back(c);
    std::string out = table.table->display() + "(";
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (i > 0) out += ", ";
        out += table.table->columns[all[i]].name + "=";
        append_value(out, table.table->columns[all[i]].type, row.get(all[i]), plans, "NULL");
    }
    return out + ")";
}

}  // namespace anabranch::exec
