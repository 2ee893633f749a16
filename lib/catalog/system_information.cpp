// information_schema.
#include <utility>

#include "lib/catalog/system_row.h"

namespace anabranch::catalog {

namespace {

using sql::Type;
using sql::TypeId;

std::string data_type(Type t) {
    if (t.array) return "ARRAY";
    if (t.id == TypeId::enum_) return "USER-DEFINED";
    if (t.id == TypeId::bpchar) return "character";
    return sql::type_name(sql::without_modifier(t));
}

class Information {
  public:
    Information(const Schema& schema, const SystemTable& table, RowVisitor visit)
        : schema_(schema), map_(OidMap::of(schema)), row_(table, arena_), visit_(visit) {}

    void schemata() {
        for (const char* name : {"pg_catalog", "public", "information_schema"})
            if (!row_.text("catalog_name", user_name)
                     .text("schema_name", name)
                     .text("schema_owner", user_name)
                     .emit(visit_))
                return;
        for (const std::string& name : map_.schemas)
            if (!row_.text("catalog_name", user_name)
                     .text("schema_name", name)
                     .text("schema_owner", user_name)
                     .emit(visit_))
                return;
    }
    void tables() {
        const auto one = [&](std::string_view schema, std::string_view name, const char* kind) {
            of_table(schema, name).text("table_type", kind);
            return row_.text("is_insertable_into", kind[0] == 'B' ? "YES" : "NO")
                .text("is_typed", "NO")
                .emit(visit_);
        };
        for (const Table& t : schema_.tables)
            if (!one(t.schema, t.name, "BASE TABLE")) return;
        for (const OidMap::ViewOf& v : map_.views)
            if (!one(v.schema, v.name, "VIEW")) return;
    }
    void views() {
        for (const OidMap::ViewOf& v : map_.views) {
            of_table(v.schema, v.name).text("view_definition", v.text);
            if (!row_.text("check_option", "NONE").text("is_updatable", "NO").emit(visit_)) return;
        }
    }
    void columns() {
        const auto one = [&](std::string_view schema, std::string_view table, std::int64_t position,
                             std::string_view name, Type type, bool nullable) {
            of_table(schema, table).text("column_name", name);
            row_.number("ordinal_position", position)
                .text("is_nullable", nullable ? "YES" : "NO")
                .text("data_type", data_type(type));
            of_type(type);
            row_.null("character_maximum_length")
                .null("numeric_precision")
                .null("numeric_scale")
                .null("datetime_precision");
            const bool sized = (type.id == TypeId::varchar || type.id == TypeId::bpchar) && type.modifier > 4;
            if (sized) row_.number("character_maximum_length", type.modifier - 4);
        };
        for (const Table& t : schema_.tables)
            for (std::uint32_t c = 0; c < t.columns.size(); ++c) {
                const Column& column = t.columns[c];
                if (column.hidden) continue;
                one(t.schema, t.name, c + 1, column.name, column.type, !column.not_null);
                row_.text("is_identity", column.identity == Identity::none ? "NO" : "YES")
                    .text("is_generated", column.generated ? "ALWAYS" : "NEVER");
                if (column.generated)
                    row_.text("generation_expression", column.text);
                else if (column.default_value)
                    row_.text("column_default", default_text(schema_, column));
                if (column.domain)
                    row_.text("domain_catalog", user_name)
                        .text("domain_schema", column.domain->schema)
                        .text("domain_name", column.domain->name);
                if (!row_.text("is_updatable", "YES").emit(visit_)) return;
            }
        for (const OidMap::ViewOf& v : map_.views)
            for (std::size_t c = 0; c < v.query->columns.size(); ++c) {
                one(v.schema, v.name, static_cast<std::int64_t>(c + 1), v.query->columns[c].name,
                    v.query->columns[c].type, true);
                if (!row_.text("is_updatable", "NO").emit(visit_)) return;
            }
    }
    void table_constraints() {
        for (const OidMap::Constraint& c : map_.constraints) {
            if (c.type == 'x') continue;
            constraint(c);
            of_table(c.table->schema, c.table->name);
            row_.text("constraint_type", c.type == 'p'   ? "PRIMARY KEY"
                                         : c.type == 'u' ? "UNIQUE"
                                         : c.type == 'f' ? "FOREIGN KEY"
                                                         : "CHECK");
            row_.text("is_deferrable", "NO").text("initially_deferred", "NO").text("enforced", "YES");
            if (!row_.emit(visit_)) return;
        }
    }
    void key_column_usage() {
        for (const OidMap::Constraint& c : map_.constraints) {
            if (c.type == 'c' || c.type == 'x') continue;
            std::int64_t position = 0;
            for (const ColumnId column : columns_of(c)) {
                constraint(c);
                of_table(c.table->schema, c.table->name);
                row_.text("column_name", c.table->columns[column.value].name)
                    .number("ordinal_position", ++position);
                if (c.type == 'f')
                    row_.number("position_in_unique_constraint", position);
                else
                    row_.null("position_in_unique_constraint");
                if (!row_.emit(visit_)) return;
            }
        }
    }
    // Whose columns a constraint speaks about: of a foreign key the referenced ones.
    void constraint_column_usage() {
        for (const OidMap::Constraint& c : map_.constraints) {
            if (c.type == 'x') continue;
            const ForeignKey* foreign = c.type == 'f' ? &c.table->foreign_keys[c.number] : nullptr;
            const Table& table = foreign != nullptr ? schema_.table(foreign->parent) : *c.table;
            for (const ColumnId column : foreign != nullptr ? foreign->parent_columns : columns_of(c)) {
                constraint(c);
                of_table(table.schema, table.name);
                if (!row_.text("column_name", table.columns[column.value].name).emit(visit_)) return;
            }
        }
    }
    void referential_constraints() {
        for (const OidMap::Constraint& c : map_.constraints) {
            if (c.type != 'f') continue;
            const ForeignKey& f = c.table->foreign_keys[c.number];
            const Table& parent = schema_.table(f.parent);
            constraint(c);
            row_.text("unique_constraint_catalog", user_name)
                .text("unique_constraint_schema", parent.schema)
                .text("unique_constraint_name", parent.keys[f.parent_key].name);
            row_.text("match_option", f.match_full ? "FULL" : "NONE")
                .text("update_rule", rule(f.on_update))
                .text("delete_rule", rule(f.on_delete));
            if (!row_.emit(visit_)) return;
        }
    }
    void check_constraints() {
        for (const OidMap::Constraint& c : map_.constraints) {
            if (c.type != 'c') continue;
            constraint(c);
            std::string text = constraint_text(schema_, c);
            if (text.starts_with("CHECK ")) text.erase(0, 6);
            if (!row_.text("check_clause", text).emit(visit_)) return;
        }
    }
    void domains() {
        for (const auto& d : schema_.domains) {
            row_.text("domain_catalog", user_name)
                .text("domain_schema", d->schema)
                .text("domain_name", d->name)
                .text("data_type", data_type(d->base));
            of_type(d->base).text("dtd_identifier", "1");
            if (!row_.emit(visit_)) return;
        }
    }
    void routines() {
        for (std::size_t i = 0; i < schema_.transactions.size(); ++i) {
            const Transaction& t = schema_.transactions[i];
            specific(i);
            row_.text("routine_catalog", user_name)
                .text("routine_schema", t.schema)
                .text("routine_name", t.name);
            if (!row_.text("routine_type", t.is_procedure ? "PROCEDURE" : "FUNCTION")
                     .text("external_language", "SQL")
                     .emit(visit_))
                return;
        }
    }
    void parameters() {
        constexpr const char* modes[] = {"IN", "OUT", "INOUT", "IN"};
        for (std::size_t i = 0; i < schema_.transactions.size(); ++i) {
            std::int64_t position = 0;
            for (const Parameter& p : schema_.transactions[i].parameters) {
                specific(i);
                row_.number("ordinal_position", ++position)
                    .text("parameter_mode", modes[static_cast<std::size_t>(p.mode)])
                    .text("is_result", "NO")
                    .text("as_locator", "NO")
                    .text("data_type", data_type(p.type));
                if (!p.name.empty()) row_.text("parameter_name", p.name);
                of_type(p.type).text("dtd_identifier", std::to_string(position));
                if (!row_.emit(visit_)) return;
            }
        }
    }

  private:
    Row& of_table(std::string_view schema, std::string_view name) {
        return row_.text("table_catalog", user_name).text("table_schema", schema).text("table_name", name);
    }
    Row& of_type(Type type) {
        return row_.text("udt_catalog", user_name)
            .text("udt_schema", "pg_catalog")
            .text("udt_name", internal_name(schema_, type));
    }
    void constraint(const OidMap::Constraint& c) {
        row_.text("constraint_catalog", user_name)
            .text("constraint_schema", c.table->schema)
            .text("constraint_name", c.name);
    }
    // Routines of one name are told apart by their number.
    void specific(std::size_t number) {
        const Transaction& t = schema_.transactions[number];
        row_.text("specific_catalog", user_name)
            .text("specific_schema", t.schema)
            .text("specific_name",
                  t.name + "_" + std::to_string(oid::routine + static_cast<std::int64_t>(number)));
    }
    static const char* rule(OnDelete action) {
        constexpr const char* names[] = {"NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"};
        return names[static_cast<std::size_t>(action)];
    }

    const Schema& schema_;
    const OidMap& map_;
    Arena arena_;
    Row row_;
    RowVisitor visit_;
};

constexpr std::pair<std::string_view, void (Information::*)()> information_tables[] = {
    {"schemata", &Information::schemata},
    {"tables", &Information::tables},
    {"views", &Information::views},
    {"columns", &Information::columns},
    {"table_constraints", &Information::table_constraints},
    {"key_column_usage", &Information::key_column_usage},
    {"constraint_column_usage", &Information::constraint_column_usage},
    {"referential_constraints", &Information::referential_constraints},
    {"check_constraints", &Information::check_constraints},
    {"domains", &Information::domains},
    {"routines", &Information::routines},
    {"parameters", &Information::parameters},
};

}  // namespace

void information_rows(const Schema& schema, const SystemTable& table, RowVisitor visit) {
    Information information(schema, table, visit);
    for (const auto& [name, fill] : information_tables)
        if (name == table.name) (information.*fill)();
}

}  // namespace anabranch::catalog
