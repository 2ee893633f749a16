// sql::Names over a catalog: user relations, types and routines, and the system relations.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lib/catalog/schema.h"
#include "lib/sql/names.h"

namespace anabranch::catalog {

// Filled while a schema is made, then shared immutably.
class CatalogNames final : public sql::Names {
  public:
    CatalogNames();

    // A table or view; replaces one of the same name. Pointers handed out stay valid.
    sql::Relation& add(sql::Relation relation);
    void add_domain(std::shared_ptr<const sql::Domain> domain);
    void add_enum(EnumType type);
    void add_text_type(const std::string& name);  // not modelled: its values are text, in casts too
    void add_routine(sql::RoutineSignature routine);

    const sql::Relation* relation(std::string_view schema, std::string_view name) const override;
    const sql::Relation* table(TableId id) const override;
    sql::Relation* mutable_table(TableId id);
    std::optional<sql::ResolvedType> type(std::string_view schema, std::string_view name) const override;
    std::vector<std::string> enum_labels(std::uint32_t enum_index) const override;
    std::string enum_name(std::uint32_t enum_index) const override;
    std::vector<sql::RoutineSignature> routines(std::string_view schema,
                                                std::string_view name) const override;
    std::vector<std::string> relation_names() const override;

  private:
    using Key = std::pair<std::string, std::string>;
    std::deque<sql::Relation> relations_;
    std::map<Key, sql::Relation*> by_name_;
    std::vector<sql::Relation*> tables_;
    std::map<Key, std::shared_ptr<const sql::Domain>> domains_;
    std::vector<EnumType> enums_;
    std::set<std::string> text_types_;
    std::map<Key, std::vector<sql::RoutineSignature>> routines_;
};

}  // namespace anabranch::catalog
