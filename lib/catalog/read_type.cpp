// Domains and enums.
#include <algorithm>

#include "lib/catalog/draft.h"

namespace anabranch::catalog {

namespace {

std::string choose_check_name(const DraftDomain& d) {
    for (int pass = 0;; ++pass) {
        std::string name = object_name(d.name, "", pass == 0 ? "check" : "check" + std::to_string(pass));
        if (std::none_of(d.checks.begin(), d.checks.end(), [&](const auto& c) { return c.name == name; }))
            return name;
    }
}

void add_domain_constraint(const ast::Constraint& c, DraftDomain& d, Reporter& reporter) {
    if (std::holds_alternative<ast::NotNull>(c.node)) {
        d.not_null = true;
    } else if (const auto* check = std::get_if<ast::Check>(&c.node)) {
        d.checks.push_back({c.name.empty() ? choose_check_name(d) : c.name, check->condition});
    } else if (const auto* value = std::get_if<ast::Default>(&c.node)) {
        d.default_value = value->value;
    } else if (!std::holds_alternative<ast::Nullable>(c.node)) {
        reporter.error(Error::make(sqlstate::syntax_error, "this constraint is not possible for domains")
                           .with_span(c.span));
    }
}

bool type_exists(const Draft& draft, const std::string& schema, const std::string& name) {
    const ast::QualifiedName full{{}, schema, name};
    return draft.find_domain(full) || draft.find_enum(full);
}

}  // namespace

void create_domain(const ast::CreateDomain& create, Span at, Draft& draft, Reporter& reporter) {
    DraftDomain d;
    d.schema = draft.target_schema(create.name);
    d.name = create.name.name;
    d.path = draft.path;
    d.span = at;
    if (type_exists(draft, d.schema, d.name))
        return reporter.error(
            Error::make(sqlstate::duplicate_object, "type \"" + d.name + "\" already exists").with_span(at));
    Result<DraftType> base = draft.resolve_type(create.type, reporter);
    if (!base) return reporter.error(std::move(base.error()));
    d.base = *base;
    for (const ast::Constraint& c : create.constraints) add_domain_constraint(c, d, reporter);
    draft.domains.push_back(std::move(d));
}

void alter_domain(const ast::AlterDomain& alter, Span at, Draft& draft, Reporter& reporter) {
    const auto found = draft.find_domain(alter.name);
    if (!found)
        return reporter.error(
            Error::make(sqlstate::undefined_object, "type \"" + alter.name.describe() + "\" does not exist")
                .with_span(at));
    DraftDomain& d = draft.domains[*found];
    if (alter.add) add_domain_constraint(*alter.add, d, reporter);
    if (!alter.drop_constraint.empty()) {
        const auto gone =
            std::erase_if(d.checks, [&](const auto& c) { return c.name == alter.drop_constraint; });
        if (gone == 0 && !alter.if_exists)
            reporter.error(Error::make(sqlstate::undefined_object, "constraint \"" + alter.drop_constraint +
                                                                       "\" of domain \"" + d.name +
                                                                       "\" does not exist")
                               .with_span(at));
    }
    if (alter.not_null) d.not_null = *alter.not_null;
    if (alter.sets_default) {
        d.default_value.reset();
        if (alter.default_value) d.default_value = *alter.default_value;
    }
}

void create_enum(const ast::CreateEnum& create, Span at, Draft& draft, Reporter& reporter) {
    const std::string schema = draft.target_schema(create.name);
    if (type_exists(draft, schema, create.name.name))
        return reporter.error(
            Error::make(sqlstate::duplicate_object, "type \"" + create.name.name + "\" already exists")
                .with_span(at));
    draft.enums.push_back({schema, create.name.name, create.labels, false});
}

void alter_enum(const ast::AlterEnum& alter, Span at, Draft& draft, Reporter& reporter) {
    const auto found = draft.find_enum(alter.name);
    if (!found)
        return reporter.error(
            Error::make(sqlstate::undefined_object, "type \"" + alter.name.describe() + "\" does not exist")
                .with_span(at));
    std::vector<std::string>& labels = draft.enums[*found].labels;
    if (!alter.old_label.empty()) {
        std::replace(labels.begin(), labels.end(), alter.old_label, alter.label);
        return;
    }
    if (std::find(labels.begin(), labels.end(), alter.label) != labels.end()) {
        if (!alter.if_not_exists)
            reporter.error(
                Error::make(sqlstate::duplicate_object, "enum label \"" + alter.label + "\" already exists")
                    .with_span(at));
        return;
    }
    auto where =
        alter.neighbor.empty() ? labels.end() : std::find(labels.begin(), labels.end(), alter.neighbor);
    if (!alter.neighbor.empty() && where == labels.end())
        return reporter.error(
            Error::make("22023", "\"" + alter.neighbor + "\" is not an existing enum label").with_span(at));
    if (!alter.neighbor.empty() && alter.after) ++where;
    labels.insert(where, alter.label);
}

}  // namespace anabranch::catalog
