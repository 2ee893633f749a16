#include "lib/catalog/names.h"

#include "lib/base/check.h"
#include "lib/catalog/system_tables.h"

namespace anabranch::catalog {

CatalogNames::CatalogNames() {
    for (std::uint32_t i = 0; i < system_tables().size(); ++i) {
        sql::Relation r = system_relation(i);
        const Key key{r.schema, r.name};
        relations_.push_back(std::move(r));
        by_name_[key] = &relations_.back();
    }
}

sql::Relation& CatalogNames::add(sql::Relation relation) {
    const Key key{relation.schema, relation.name};
    relations_.push_back(std::move(relation));
    sql::Relation& added = relations_.back();
    by_name_[key] = &added;
    if (added.kind == sql::Relation::Kind::table) {
        CHECK(added.table.value == tables_.size());
        tables_.push_back(&added);
    }
    return added;
}

void CatalogNames::add_domain(std::shared_ptr<const sql::Domain> domain) {
    const Key key{domain->schema, domain->name};
    domains_[key] = std::move(domain);
}

void CatalogNames::add_text_type(const std::string& name) {
    text_types_.insert(name);
}

void CatalogNames::add_enum(EnumType type) {
    enums_.push_back(std::move(type));
}

void CatalogNames::add_routine(sql::RoutineSignature routine) {
    const Key key{routine.schema, routine.name};
    routines_[key].push_back(std::move(routine));
}

const sql::Relation* CatalogNames::relation(std::string_view schema, std::string_view name) const {
    if (schema.empty()) {
        if (const sql::Relation* r = relation("public", name)) return r;
        return relation("pg_catalog", name);
    }
    const auto found = by_name_.find({std::string(schema), std::string(name)});
    return found == by_name_.end() ? nullptr : found->second;
}

const sql::Relation* CatalogNames::table(TableId id) const {
    return id.value < tables_.size() ? tables_[id.value] : nullptr;
}
sql::Relation* CatalogNames::mutable_table(TableId id) {
    return id.value < tables_.size() ? tables_[id.value] : nullptr;
}

std::optional<sql::ResolvedType> CatalogNames::type(std::string_view schema, std::string_view name) const {
    if (schema.empty()) return type("public", name);
    if (const auto d = domains_.find({std::string(schema), std::string(name)}); d != domains_.end())
        return sql::ResolvedType{d->second->base, d->second};
    for (std::uint32_t i = 0; i < enums_.size(); ++i)
        if (enums_[i].schema == schema && enums_[i].name == name)
            return sql::ResolvedType{{sql::TypeId::enum_, false, -1, i}, nullptr};
    if (text_types_.contains(std::string(name))) return sql::ResolvedType{{sql::TypeId::text}, nullptr};
    return {};
}

std::vector<std::string> CatalogNames::enum_labels(std::uint32_t enum_index) const {
    return enum_index < enums_.size() ? enums_[enum_index].labels : std::vector<std::string>{};
}
std::string CatalogNames::enum_name(std::uint32_t enum_index) const {
    return enum_index < enums_.size() ? enums_[enum_index].name : "enum";
}

std::vector<sql::RoutineSignature> CatalogNames::routines(std::string_view schema,
                                                          std::string_view name) const {
    const auto found = routines_.find({std::string(schema.empty() ? "public" : schema), std::string(name)});
    return found == routines_.end() ? std::vector<sql::RoutineSignature>{} : found->second;
}

std::vector<std::string> CatalogNames::relation_names() const {
    std::vector<std::string> out;
    for (const auto& [key, r] : by_name_)
        if (r->kind != sql::Relation::Kind::virtual_table)
            out.push_back(key.first == "public" ? key.second : key.first + "." + key.second);
    return out;
}

}  // namespace anabranch::catalog
