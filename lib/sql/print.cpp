#include "lib/sql/print.h"

#include <algorithm>
#include <iterator>

#include "lib/sql/printing.h"

namespace anabranch::sql {
namespace {

// PostgreSQL's keywords that cannot be used as any name without quotes: all but the unreserved ones. In
// order.
constexpr std::string_view keywords[] = {
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
};

bool needs_quotes(std::string_view name) {
    if (name.empty() || !((name[0] >= 'a' && name[0] <= 'z') || name[0] == '_')) return true;
    for (const char c : name) {
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) return true;
    }
    return std::binary_search(std::begin(keywords), std::end(keywords), name);
}

// Types whose names are keywords of the grammar, which knows them without quotes.
constexpr std::string_view keyword_types[] = {"numeric", "time", "timestamp", "varchar"};

// Field masks of intervals, as PostgreSQL packs them into the first modifier.
struct IntervalFields {
    std::int32_t mask;
    std::string_view words;
};
constexpr IntervalFields interval_fields[] = {
    {0x0004, "year"},
    {0x0002, "month"},
    {0x0008, "day"},
    {0x0400, "hour"},
    {0x0800, "minute"},
    {0x1000, "second"},
    {0x0006, "year to month"},
    {0x0408, "day to hour"},
    {0x0C08, "day to minute"},
    {0x1C08, "day to second"},
    {0x0C00, "hour to minute"},
    {0x1C00, "hour to second"},
    {0x1800, "minute to second"},
};

std::string interval_type(const std::vector<std::int32_t>& modifiers) {
    std::string out = "interval";
    for (const IntervalFields& fields : interval_fields) {
        if (fields.mask == modifiers[0]) out += " " + std::string(fields.words);
    }
    if (modifiers.size() > 1) out += "(" + std::to_string(modifiers[1]) + ")";
    return out;
}

}  // namespace

std::string quote_identifier(std::string_view name) {
    if (!needs_quotes(name)) return std::string(name);
    std::string out = "\"";
    for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
    return out + "\"";
}

std::string quote_literal(std::string_view text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
    return out + "'";
}

void Printer::name(std::string_view identifier) {
    raw(quote_identifier(identifier));
}

void Printer::name(const ast::QualifiedName& name) {
    if (!name.schema.empty()) raw(quote_identifier(name.schema) + ".");
    raw(quote_identifier(name.name));
}

void Printer::literal(std::string_view text) {
    raw(quote_literal(text));
}

void Printer::names(const std::vector<std::string>& list) {
    separated(list, ", ", [&](const std::string& one) { name(one); });
}

void Printer::names(const std::vector<ast::QualifiedName>& list) {
    separated(list, ", ", [&](const ast::QualifiedName& one) { name(one); });
}

void Printer::in_parentheses(const std::vector<std::string>& list) {
    if (list.empty()) return;
    raw(" (");
    names(list);
    raw(")");
}

void Printer::type(const ast::TypeName& type) {
    if (type.set_of) raw("SETOF ");
    const bool plain = type.name.schema.empty();
    if (plain && type.name.name == "interval" && !type.modifiers.empty()) {
        raw(interval_type(type.modifiers));
    } else {
        const bool known = plain && std::find(std::begin(keyword_types), std::end(keyword_types),
                                              type.name.name) != std::end(keyword_types);
        if (known) {
            raw(type.name.name);
        } else {
            name(type.name);
        }
        std::vector<std::string> modifiers;
        for (const std::string& word : type.word_modifiers) modifiers.push_back(quote_identifier(word));
        for (const std::int32_t number : type.modifiers) modifiers.push_back(std::to_string(number));
        if (!modifiers.empty()) {
            raw("(");
            separated(modifiers, ", ", [&](const std::string& one) { raw(one); });
            raw(")");
        }
    }
    if (type.of_column) raw("%TYPE");
    for (std::uint32_t i = 0; i < type.array_dimensions; ++i) raw("[]");
}

void Printer::statement(const ast::Statement& statement) {
    std::visit(*this, statement.node);
}

std::string print(const ast::Statement& statement) {
    Printer printer;
    printer.statement(statement);
    return printer.take();
}

std::string print(const ast::Query& query) {
    Printer printer;
    printer.query(query);
    return printer.take();
}

std::string print(const ast::Expr& expr) {
    Printer printer;
    printer.expr(expr);
    return printer.take();
}

std::string print(const ast::TypeName& type) {
    Printer printer;
    printer.type(type);
    return printer.take();
}

std::string print(const ast::Constraint& constraint) {
    Printer printer;
    printer.constraint(constraint);
    return printer.take();
}

}  // namespace anabranch::sql
