#include "node/session/copying.h"

#include "lib/sql/builtin.h"
#include "lib/sql/names.h"
#include "lib/sql/print.h"

namespace anabranch::session {

namespace ast = sql::ast;
using pgwire::CopyFormat;
using pgwire::CopyKind;

namespace {

Result<char> one_character(const ast::Option& option) {
    if (option.values.size() != 1 || option.values[0].size() != 1)
        return fail(sqlstate::feature_not_supported,
                    "COPY " + option.name + " must be a single one-byte character");
    return option.values[0][0];
}

bool is_true(const ast::Option& option) {
    if (option.values.empty()) return true;
    const auto& value = option.values[0];
    return value == "true" || value == "on" || value == "1" || value == "match" || value == "t";
}

Result<void> read_option(const ast::Option& option, CopyFormat& format, bool& null_given,
                         bool& delimiter_given) {
    const std::string value = option.values.empty() ? std::string() : option.values[0];
    if (option.name == "format") {
        if (value == "csv")
            format.kind = CopyKind::csv;
        else if (value == "binary")
            format.kind = CopyKind::binary;
        else if (value != "text")
            return fail("22023", "COPY format \"" + value + "\" not recognized");
    } else if (option.name == "header") {
        format.header = is_true(option);
        format.header_match = !option.values.empty() && option.values[0] == "match";
    } else if (option.name == "delimiter") {
        TRY(format.delimiter, one_character(option));
        delimiter_given = true;
    } else if (option.name == "null") {
        format.null = value;
        null_given = true;
    } else if (option.name == "quote") {
        TRY(format.quote, one_character(option));
    } else if (option.name == "escape") {
        TRY(format.escape, one_character(option));
    } else if (option.name == "encoding") {
        if (value != "utf8" && value != "UTF8" && value != "utf-8" && value != "UTF-8")
            return fail(sqlstate::feature_not_supported, "COPY speaks UTF8 only");
    } else if (option.name != "freeze") {
        return fail(sqlstate::feature_not_supported, "COPY option \"" + option.name + "\" is not supported");
    }
    return {};
}

Result<CopyFormat> format_of(const ast::Copy& copy) {
    CopyFormat format;
    format.from = copy.from;
    bool null_given = false, delimiter_given = false, escape_given = false;
    for (const auto& option : copy.options) {
        TRY_VOID(read_option(option, format, null_given, delimiter_given));
        escape_given = escape_given || option.name == "escape";
    }
    if (!escape_given) format.escape = format.quote;
    if (format.kind == CopyKind::csv) {
        if (!delimiter_given) format.delimiter = ',';
        if (!null_given) format.null.clear();
    }
    return format;
}

std::string comma(std::string text) {
    return text.empty() ? text : std::move(text) + ", ";
}

// INSERT INTO t (a, b) SELECT c1, c2::integer[] FROM unnest($1::bigint[], $2::text[]) AS copied(c1, c2):
// there are no arrays of arrays, so a column of them comes as text.
std::string insert_of(const std::string& table, const CopyFormat& format, bool overriding,
                      const sql::EnumLabels* labels) {
    std::string names, arrays, aliases, items;
    std::size_t number = 0;
    for (const auto& column : format.columns) {
        const std::string index = std::to_string(++number);
        const auto type = sql::without_modifier(column.type);
        names = comma(std::move(names)) + sql::quote_identifier(column.name);
        arrays = comma(std::move(arrays)) + "$" + index +
                 "::" + (type.array ? "text" : sql::type_name(type, labels)) + "[]";
        aliases = comma(std::move(aliases)) + "c" + index;
        items = comma(std::move(items)) + "c" + index;
        if (type.array) items += "::" + sql::type_name(type, labels);
    }
    return "INSERT INTO " + table + " (" + names + ")" + (overriding ? " OVERRIDING SYSTEM VALUE" : "") +
           " SELECT " + items + " FROM unnest(" + arrays + ") AS copied(" + aliases + ")";
}

}  // namespace

Result<CopyPlan> plan_copy(const catalog::Schema& schema, const ast::Copy& copy,
                           const sql::EnumLabels* labels) {
    if (copy.program || !copy.file.empty())
        return fail(
            Error::make(sqlstate::feature_not_supported, "COPY reads and writes no files of the server")
                .with_hint("Use COPY ... FROM STDIN or TO STDOUT; psql's \\copy does."));
    if (copy.where) return fail(sqlstate::feature_not_supported, "COPY ... WHERE is not supported");
    CopyPlan out;
    TRY(out.format, format_of(copy));
    if (!copy.table) {
        out.statement = sql::print(*copy.query);
        return out;
    }
    const auto& name = copy.table->name;
    const auto* relation = schema.names().relation(name.schema, name.name);
    if (relation == nullptr)
        return fail(Error::make("42P01", "relation \"" + name.describe() + "\" does not exist")
                        .with_span(copy.table->span));
    if (copy.from && relation->kind != sql::Relation::Kind::table)
        return fail(
            Error::make("42809", "cannot copy to view \"" + name.name + "\"").with_span(copy.table->span));
    bool overriding = false;
    const auto add = [&](const sql::RelationColumn& column) {
        out.format.columns.push_back({column.name, column.type, {}, 0});
        overriding = overriding || column.identity_always;
    };
    for (const auto& wanted : copy.columns) {
        const std::size_t before = out.format.columns.size();
        for (const auto& column : relation->columns)
            if (column.name == wanted) add(column);
        if (out.format.columns.size() == before)
            return fail("42703",
                        "column \"" + wanted + "\" of relation \"" + name.name + "\" does not exist");
    }
    if (copy.columns.empty())
        for (const auto& column : relation->columns)
            if (!column.hidden && !column.generated) add(column);
    out.format.table = name.name;
    if (out.format.columns.empty()) return fail(sqlstate::feature_not_supported, "COPY needs a column");
    std::string table = name.schema.empty() ? "" : sql::quote_identifier(name.schema) + ".";
    table += sql::quote_identifier(name.name);
    if (copy.from) {
        out.statement = insert_of(table, out.format, overriding, labels);
        return out;
    }
    std::string names;
    for (const auto& column : out.format.columns)
        names = comma(std::move(names)) + sql::quote_identifier(column.name);
    out.statement = "SELECT " + names + " FROM " + table;
    return out;
}

}  // namespace anabranch::session
