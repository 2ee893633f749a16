#include "lib/catalog/finish.h"
#include "lib/sql/print.h"

namespace anabranch::catalog {

void Finisher::types() {
    for (const std::string& name : draft_.text_types) names_->add_text_type(name);
    for (const DraftEnum& e : draft_.enums) {
        names_->add_enum({e.schema, e.dropped ? std::string() : e.name, e.labels});
        schema_->enums.push_back({e.schema, e.name, e.labels});
    }
    for (const DraftDomain& d : draft_.domains) {
        domains_.push_back(domain(d));
        if (d.dropped) continue;
        names_->add_domain(domains_.back());
        schema_->domains.push_back(domains_.back());
    }
}

std::shared_ptr<sql::Domain> Finisher::domain(const DraftDomain& d) {
    auto out = std::make_shared<sql::Domain>();
    out->schema = d.schema;
    out->name = d.name;
    out->base = d.base.type;
    out->not_null = d.not_null;
    if (d.base.domain) {  // a domain over a domain has its conditions too
        const sql::Domain& below = *domains_[*d.base.domain];
        out->not_null |= below.not_null;
        out->checks = below.checks;
        out->is_guard = below.is_guard;
    }
    domain_checks(d, *out);
    return out;
}

void Finisher::domain_checks(const DraftDomain& d, sql::Domain& out) {
    for (const DraftDomain::Check& check : d.checks) {
        sql::BindContext c = context(d.path);
        c.uninterpreted = true;
        Result<sql::ExprPtr> condition = sql::bind_domain_check(check.condition, out.base, c);
        if (!condition) {
            warn_or_fail(std::move(condition.error()), "check " + check.name + " of domain " + d.name,
                         "it is not checked");
            continue;
        }
        const bool is_value = std::holds_alternative<sql::DomainValue>((*condition)->node);
        out.is_guard |= is_value && out.base.id == sql::TypeId::bool_;
        out.checks.push_back({check.name, std::move(*condition), sql::print(check.condition)});
    }
}

}  // namespace anabranch::catalog
