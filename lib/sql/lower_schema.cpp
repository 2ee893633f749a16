#include <algorithm>
#include <iterator>

#include "lib/sql/lowering.h"

namespace anabranch::sql {
namespace {

using Lowered = ast::Statement::Node;

std::vector<ast::ColumnDefinition> lower_attributes(Lowering& l, ParseNode list) {
    std::vector<ast::ColumnDefinition> out;
    for (std::size_t i = 0; i < list.size(); ++i) {
        ast::ColumnDef column = lower_column(l, list[i].body());
        ast::ColumnDefinition attribute;
        attribute.span = column.span;
        attribute.name = std::move(column.name);
        attribute.type = std::move(column.type);
        attribute.collation = std::move(column.collation);
        out.push_back(std::move(attribute));
    }
    return out;
}

Lowered create_domain(Lowering& l, ParseNode node, Span span) {
    ast::CreateDomain out;
    out.name = lower_name(l, node.get("domainname"), span);
    out.type = lower_type(l, node.get("typeName"));
    out.collation = lower_collation(l, node.get("collClause"));
    out.constraints = lower_constraints(l, node.get("constraints"));
    return out;
}

Lowered alter_domain(Lowering& l, ParseNode node, Span span) {
    ast::AlterDomain out;
    out.name = lower_name(l, node.get("typeName"), span);
    const std::string_view kind = node.text("subtype");
    if (kind == "T") {
        out.sets_default = true;
        out.default_value = lower_optional_expr(l, node.get("def"));
    }
    if (kind == "N") out.not_null = false;
    if (kind == "O") out.not_null = true;
    if (kind == "C") out.add = lower_constraint(l, node.get("def").body());
    if (kind == "X") {
        out.drop_constraint = node.text("name");
        out.if_exists = node.flag("missing_ok");
    }
    if (kind == "V") out.validate = node.text("name");
    return out;
}

Lowered create_enum(Lowering& l, ParseNode node, Span span) {
    return ast::CreateEnum{lower_name(l, node.get("typeName"), span), lower_strings(node.get("vals"))};
}

Lowered alter_enum(Lowering& l, ParseNode node, Span span) {
    ast::AlterEnum out;
    out.name = lower_name(l, node.get("typeName"), span);
    out.label = node.text("newVal");
    out.old_label = node.text("oldVal");
    out.neighbor = node.text("newValNeighbor");
    out.after = out.neighbor.empty() || node.flag("newValIsAfter");
    out.if_not_exists = node.flag("skipIfNewValExists");
    return out;
}

Lowered create_composite(Lowering& l, ParseNode node, Span) {
    return ast::CreateComposite{lower_relation_name(l, node.get("typevar")),
                                lower_attributes(l, node.get("coldeflist"))};
}

Lowered create_view(Lowering& l, ParseNode node, Span) {
    ast::CreateView out;
    out.name = lower_relation_name(l, node.get("view"));
    out.columns = lower_strings(node.get("aliases"));
    out.query = lower_wrapped_query(l, node.get("query"), {});
    out.replace = node.flag("replace");
    out.temporary = node.get("view").text("relpersistence") == "t";
    const std::string_view check = node.text("withCheckOption");
    out.check_option = check == "LOCAL_CHECK_OPTION" || check == "CASCADED_CHECK_OPTION";
    return out;
}

Lowered create_schema(Lowering& l, ParseNode node, Span span) {
    ast::CreateSchema out;
    out.name = node.text("schemaname");
    out.if_not_exists = node.flag("if_not_exists");
    const ParseNode elements = node.get("schemaElts");
    const StatementRange* range = l.input().range;
    const bool known = range != nullptr && range->parts.size() == elements.size();
    for (std::size_t i = 0; i < elements.size(); ++i) {
        out.elements.push_back(lower_statement(l, elements[i], known ? l.span(range->parts[i]) : span));
    }
    return out;
}

// ---- routines

ast::RoutineParameter lower_parameter(Lowering& l, ParseNode node) {
    ast::RoutineParameter out;
    out.name = node.text("name");
    out.type = lower_type(l, node.get("argType"));
    out.span = l.span_before(node.get("argType"), out.name);
    const std::string_view mode = node.text("mode");
    out.mode = mode == "FUNC_PARAM_OUT"        ? ast::ParameterMode::Out
               : mode == "FUNC_PARAM_INOUT"    ? ast::ParameterMode::InOut
               : mode == "FUNC_PARAM_VARIADIC" ? ast::ParameterMode::Variadic
               : mode == "FUNC_PARAM_TABLE"    ? ast::ParameterMode::Table
                                               : ast::ParameterMode::In;
    out.default_value = lower_optional_expr(l, node.get("defexpr"));
    return out;
}

ast::RoutineSetting lower_setting(Lowering& l, ParseNode def_elem) {
    ast::RoutineSetting out;
    out.span = l.span(def_elem);
    const ParseNode set = def_elem.get("arg").body();
    out.name = set.text("name");
    out.values = lower_exprs(l, set.get("args"));
    return out;
}

std::string lower_case(std::string text) {
    for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return text;
}

// What the options of one CREATE FUNCTION leave behind besides the routine's fields.
struct BodyText {
    bool given = false;
    bool language_given = false;
    std::string text;
};

BodyText lower_routine_options(Lowering& l, ParseNode options, ast::CreateRoutine& out) {
    BodyText body;
    for (std::size_t i = 0; i < options.size(); ++i) {
        const ParseNode option = options[i].body();
        const std::string_view name = option.text("defname");
        const ParseNode argument = option.get("arg");
        if (name == "language") {
            body.language_given = true;
            out.language = lower_case(lower_string(argument));
        } else if (name == "volatility") {
            const std::string volatility = lower_string(argument);
            out.volatility = volatility == "stable"      ? ast::Volatility::Stable
                             : volatility == "immutable" ? ast::Volatility::Immutable
                                                         : ast::Volatility::Volatile;
        } else if (name == "strict") {
            out.strict = argument.body().flag("boolval");
        } else if (name == "security") {
            out.security_definer = argument.body().flag("boolval");
        } else if (name == "set") {
            out.settings.push_back(lower_setting(l, option));
        } else if (name == "as") {
            body.given = true;
            body.text = lower_string(argument.body().get("items")[0]);
        }
    }
    return body;
}

// RETURN in BEGIN ATOMIC is a SELECT of one value.
ast::Statement lower_return(Lowering& l, ParseNode node, Span span) {
    ast::SelectItem item;
    item.expr = lower_expr(l, node.get("returnval"));
    item.span = item.expr.span;
    ast::Select select;
    select.items.push_back(std::move(item));
    ast::Query query;
    query.span = span;
    query.body = std::move(select);
    ast::Statement out;
    out.span = span;
    out.node = std::move(query);
    return out;
}

ast::SqlBody lower_atomic_body(Lowering& l, ParseNode lists, Span span) {
    ast::SqlBody out;
    std::vector<ParseNode> statements;
    for (std::size_t i = 0; i < lists.size(); ++i) {
        const ParseNode items = lists[i].body().get("items");
        for (std::size_t s = 0; s < items.size(); ++s) {
            if (!items[s].kind().empty()) statements.push_back(items[s]);
        }
    }
    const StatementRange* range = l.input().range;
    const bool known = range != nullptr && range->parts.size() == statements.size();
    for (std::size_t i = 0; i < statements.size(); ++i) {
        const Span place = known ? l.span(range->parts[i]) : span;
        const ParseNode one = statements[i];
        out.statements.push_back(one.kind() == "ReturnStmt" ? lower_return(l, one.body(), place)
                                                            : lower_statement(l, one, place));
    }
    return out;
}

void lower_routine_body(Lowering& l, ParseNode body, BodyText text, Span span, ast::CreateRoutine& out) {
    const auto invalid = [&](std::string message, std::string hint) {
        l.fail(Error::make("42P13", std::move(message))
                   .with_hint(std::move(hint))
                   .with_span(out.name.span.known ? out.name.span : span));
    };
    if (body.kind().empty()) {
        if (!text.given) {
            return invalid("no function body specified",
                           "Write BEGIN ATOMIC ... END, RETURN expression, or AS $$...$$ LANGUAGE sql.");
        }
        if (!text.language_given)
            return invalid("no language specified", "Write LANGUAGE sql after the body.");
        // The text of an SQL body is read later, by routine_body.h.
        out.body = ast::Skipped{out.language, std::move(text.text)};
        return;
    }
    if (text.given)
        return invalid("duplicate function body specified", "Keep either AS or the SQL-standard body.");
    if (out.language != "sql")
        return invalid("inline SQL function body only valid for language SQL",
                       "Write LANGUAGE sql or leave it out.");
    if (body.kind() == "ReturnStmt") {
        out.body = ast::ReturnBody{lower_expr(l, body.body().get("returnval"))};
    } else {
        out.body = lower_atomic_body(l, body.body().get("items"), span);
    }
}

// A routine's name has no place in PostgreSQL's tree: it is the first word after PROCEDURE or FUNCTION.
Span name_place(Lowering& l, Span span) {
    const LowerInput& input = l.input();
    if (input.tokens == nullptr || input.range == nullptr || input.everywhere.known) return span;
    for (std::size_t i = input.range->first_token; i + 1 < input.range->last_token; ++i) {
        const Token& token = (*input.tokens)[i];
        if (token.kind != TokenKind::Keyword) continue;
        const std::string word =
            lower_case(input.text->substr(token.begin - input.offset, token.end - token.begin));
        if (word == "procedure" || word == "function") return l.span_of((*input.tokens)[i + 1]);
    }
    return span;
}

Lowered create_routine(Lowering& l, ParseNode node, Span span) {
    ast::CreateRoutine out;
    out.kind = node.flag("is_procedure") ? ast::RoutineKind::Procedure : ast::RoutineKind::Function;
    out.name = lower_name(l, node.get("funcname"), name_place(l, span));
    out.replace = node.flag("replace");
    const ParseNode parameters = node.get("parameters");
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        out.parameters.push_back(lower_parameter(l, parameters[i].body()));
        out.returns_table = out.returns_table || out.parameters.back().mode == ast::ParameterMode::Table;
    }
    // For RETURNS TABLE the grammar makes up a result type, which says nothing new.
    if (const ParseNode type = node.get("returnType"); type && !out.returns_table)
        out.returns = lower_type(l, type);
    BodyText text = lower_routine_options(l, node.get("options"), out);
    lower_routine_body(l, node.get("sql_body"), std::move(text), span, out);
    return out;
}

// ---- DROP and RENAME

// The parts of an object's name, whatever kind of node it is.
std::vector<std::string> object_parts(ParseNode object) {
    const std::string_view kind = object.kind();
    if (kind == "List") return lower_strings(object.body().get("items"));
    if (kind == "String") return {lower_string(object)};
    if (kind == "TypeName") return lower_strings(object.body().get("names"));
    if (kind == "ObjectWithArgs") return lower_strings(object.body().get("objname"));
    return {};
}

ast::QualifiedName name_of(const std::vector<std::string>& parts, std::size_t count, Span span) {
    ast::QualifiedName out;
    out.span = span;
    if (count > 0) out.name = parts[count - 1];
    if (count > 1) out.schema = parts[count - 2];
    return out;
}

// Objects that are not even recognised when they are made (operators, casts, collations, ...) are ignored
// when they go.
bool is_known_object(std::string_view word) {
    static constexpr std::string_view known[] = {
        "TABLE", "COLUMN",  "CONSTRAINT", "TYPE",      "ATTRIBUTE",     "DOMAIN",
        "VIEW",  "INDEX",   "SEQUENCE",   "SCHEMA",    "FOREIGN TABLE", "FUNCTION",
        "RULE",  "TRIGGER", "POLICY",     "PROCEDURE", "ROUTINE",       "MATERIALIZED VIEW"};
    return std::find(std::begin(known), std::end(known), word) != std::end(known);
}

Lowered drop(Lowering&, ParseNode node, Span span) {
    ast::Drop out;
    out.object = lower_object_word(node.text("removeType"));
    if (!is_known_object(out.object)) return ast::Ignored{"DROP " + out.object};
    out.if_exists = node.flag("missing_ok");
    out.cascade = node.text("behavior") == "DROP_CASCADE";
    const bool of_table = out.object == "TRIGGER" || out.object == "RULE" || out.object == "POLICY";
    const ParseNode objects = node.get("objects");
    for (std::size_t i = 0; i < objects.size(); ++i) {
        const std::vector<std::string> parts = object_parts(objects[i]);
        if (of_table && !parts.empty()) {
            out.of_table = name_of(parts, parts.size() - 1, span);
            ast::QualifiedName name;
            name.span = span;
            name.name = parts.back();
            out.names.push_back(std::move(name));
        } else {
            out.names.push_back(name_of(parts, parts.size(), span));
        }
    }
    return out;
}

ast::QualifiedName renamed_object(Lowering& l, ParseNode node, Span span) {
    if (const ParseNode relation = node.get("relation")) return lower_relation_name(l, relation);
    const std::vector<std::string> parts = object_parts(node.get("object"));
    return name_of(parts, parts.size(), span);
}

Lowered rename(Lowering& l, ParseNode node, Span span) {
    ast::Rename out;
    const std::string_view type = node.text("renameType");
    out.object = lower_object_word(type);
    if (!is_known_object(out.object)) return ast::Ignored{"ALTER " + out.object};
    out.name = renamed_object(l, node, span);
    out.member = node.text("subname");
    if (type == "OBJECT_SCHEMA") {
        out.name.name = std::move(out.member);
        out.member.clear();
    }
    if (type == "OBJECT_DOMCONSTRAINT") out.object = "DOMAIN CONSTRAINT";
    out.new_name = node.text("newname");
    out.if_exists = node.flag("missing_ok");
    return out;
}

Lowered comment(Lowering&, ParseNode node, Span span) {
    static constexpr std::string_view described[] = {"TABLE",      "COLUMN",    "VIEW",     "INDEX",
                                                     "CONSTRAINT", "PROCEDURE", "FUNCTION", "ROUTINE",
                                                     "TYPE",       "DOMAIN",    "SCHEMA"};
    ast::Comment out;
    out.object = lower_object_word(node.text("objtype"));
    if (std::find(std::begin(described), std::end(described), out.object) == std::end(described))
        return ast::Ignored{"COMMENT ON " + out.object};
    std::vector<std::string> parts = object_parts(node.get("object"));
    if ((out.object == "COLUMN" || out.object == "CONSTRAINT") && !parts.empty()) {
        out.member = std::move(parts.back());
        parts.pop_back();
    }
    out.name = name_of(parts, parts.size(), span);
    if (node.has("comment")) out.text = node.text("comment");
    return out;
}

Lowered set_schema(Lowering& l, ParseNode node, Span span) {
    ast::Rename out;
    out.object = lower_object_word(node.text("objectType"));
    if (!is_known_object(out.object)) return ast::Ignored{"ALTER " + out.object};
    out.name = renamed_object(l, node, span);
    out.new_name = node.text("newschema");
    out.set_schema = true;
    out.if_exists = node.flag("missing_ok");
    return out;
}

}  // namespace

StatementLowering find_schema_lowering(std::string_view kind) {
    struct Entry {
        std::string_view kind;
        StatementLowering lower;
    };
    static constexpr Entry entries[] = {
        {"CreateFunctionStmt", create_routine},
        {"ViewStmt", create_view},
        {"CreateDomainStmt", create_domain},
        {"AlterDomainStmt", alter_domain},
        {"CreateEnumStmt", create_enum},
        {"AlterEnumStmt", alter_enum},
        {"CompositeTypeStmt", create_composite},
        {"CreateSchemaStmt", create_schema},
        {"DropStmt", drop},
        {"RenameStmt", rename},
        {"CommentStmt", comment},
        {"AlterObjectSchemaStmt", set_schema},
    };
    for (const Entry& entry : entries) {
        if (entry.kind == kind) return entry.lower;
    }
    return nullptr;
}

}  // namespace anabranch::sql
