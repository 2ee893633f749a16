#include "lib/sql/lowering.h"

namespace anabranch::sql {
namespace {

// The last two parts of a name; a third one would be a database.
ast::QualifiedName two_parts(Lowering& l, const std::vector<std::string>& parts, Span span) {
    ast::QualifiedName out;
    out.span = span;
    if (parts.size() > 2) {
        std::string all = parts[0];
        for (std::size_t i = 1; i < parts.size(); ++i) all += "." + parts[i];
        l.fail(span, sqlstate::feature_not_supported,
               "cross-database references are not implemented: \"" + all + "\"");
    }
    if (!parts.empty()) out.name = parts.back();
    if (parts.size() > 1) out.schema = parts[parts.size() - 2];
    return out;
}

}  // namespace

std::string lower_string(ParseNode wrapped) {
    return std::string(wrapped.body().text("sval"));
}

std::vector<std::string> lower_strings(ParseNode list) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (list[i].kind() == "String") out.push_back(lower_string(list[i]));
    }
    return out;
}

ast::QualifiedName lower_name(Lowering& l, ParseNode list, Span span) {
    if (list.size() == 1) {
        ast::QualifiedName out;
        out.span = span;
        out.name = lower_string(list[0]);
        return out;
    }
    ast::QualifiedName out = two_parts(l, lower_strings(list), span);
    if (out.schema == "pg_catalog") out.schema.clear();
    return out;
}

ast::QualifiedName lower_relation_name(Lowering& l, ParseNode range_var) {
    ast::QualifiedName out;
    out.span = l.span(range_var);
    out.name = range_var.text("relname");
    out.schema = range_var.text("schemaname");
    if (range_var.has("catalogname")) {
        l.fail(out.span, sqlstate::feature_not_supported,
               "cross-database references are not implemented: \"" +
                   std::string(range_var.text("catalogname")) + "." + out.describe() + "\"");
    }
    return out;
}

ast::TypeName lower_type(Lowering& l, ParseNode node) {
    ast::TypeName out;
    out.span = l.span(node);
    out.name = lower_name(l, node.get("names"), out.span);
    out.set_of = node.flag("setof");
    out.of_column = node.flag("pct_type");
    out.array_dimensions = static_cast<std::uint32_t>(node.get("arrayBounds").size());
    const ParseNode modifiers = node.get("typmods");
    for (std::size_t i = 0; i < modifiers.size(); ++i) {
        const ParseNode constant = modifiers[i].body();
        if (modifiers[i].kind() == "A_Const" && constant.has("ival")) {
            out.modifiers.push_back(static_cast<std::int32_t>(l.integer(constant.get("ival"), constant)));
        } else if (modifiers[i].kind() == "A_Const" && constant.has("sval")) {
            out.word_modifiers.emplace_back(constant.get("sval").text("sval"));
        } else if (modifiers[i].kind() == "ColumnRef" && constant.get("fields").size() == 1) {
            out.word_modifiers.push_back(lower_string(constant.get("fields")[0]));
        } else {
            l.fail(out.span, sqlstate::syntax_error,
                   "type modifiers must be simple constants or identifiers");
        }
    }
    return out;
}

ast::QualifiedName lower_collation(Lowering& l, ParseNode clause) {
    return clause ? lower_name(l, clause.get("collname"), l.span(clause)) : ast::QualifiedName{};
}

ast::Option lower_option(Lowering& l, ParseNode def_elem) {
    ast::Option out;
    out.name = def_elem.text("defname");
    const ParseNode argument = def_elem.get("arg");
    const auto add = [&](ParseNode value) {
        const std::string_view kind = value.kind();
        if (kind == "String") {
            out.values.push_back(lower_string(value));
        } else if (kind == "Integer") {
            out.values.push_back(std::to_string(l.integer(value.body(), def_elem)));
        } else if (kind == "Float") {
            out.values.emplace_back(value.body().text("fval"));
        } else if (kind == "Boolean") {
            out.values.emplace_back(value.body().flag("boolval") ? "true" : "false");
        } else if (kind == "A_Star") {
            out.values.emplace_back("*");
        } else if (kind == "TypeName") {
            out.values.push_back(lower_type(l, value.body()).name.describe());
        }
    };
    if (argument.kind() == "List") {
        const ParseNode items = argument.body().get("items");
        for (std::size_t i = 0; i < items.size(); ++i) add(items[i]);
    } else if (argument) {
        add(argument);
    }
    return out;
}

std::string lower_object_word(std::string_view type) {
    if (type == "OBJECT_MATVIEW") return "MATERIALIZED VIEW";
    if (type == "OBJECT_TABCONSTRAINT" || type == "OBJECT_DOMCONSTRAINT") return "CONSTRAINT";
    if (type.starts_with("OBJECT_")) type.remove_prefix(7);
    std::string out(type);
    for (char& c : out) c = c == '_' ? ' ' : c;
    return out;
}

}  // namespace anabranch::sql
