#include "lib/catalog/system_rows.h"

#include <algorithm>

#include "lib/catalog/system_row.h"
#include "lib/sql/keywords.h"
#include "lib/sql/print.h"

namespace anabranch::catalog {

using sql::Datum;
using sql::Type;
using sql::TypeId;

std::vector<ColumnId> columns_of(const OidMap::Constraint& c) {
    switch (c.type) {
        case 'c':
            return c.table->checks[c.number].columns;
        case 'f':
            return c.table->foreign_keys[c.number].columns;
        case 'x':
            return c.table->exclusions[c.number].columns;
        default:
            return c.table->keys[c.number].columns;
    }
}

std::vector<std::int64_t> one_based(const std::vector<ColumnId>& columns) {
    std::vector<std::int64_t> out;
    for (const ColumnId c : columns) out.push_back(c.value + 1);
    return out;
}

std::string internal_name(const Schema& schema, Type t) {
    if (t.array) return "_" + internal_name(schema, sql::element_of(t));
    if (t.id == TypeId::enum_) return t.detail < schema.enums.size() ? schema.enums[t.detail].name : "enum";
    return std::string(sql::builtin_type_name(t));
}

namespace {

std::size_t visible_columns(const Table& t) {
    return static_cast<std::size_t>(
        std::count_if(t.columns.begin(), t.columns.end(), [](const Column& c) { return !c.hidden; }));
}

char delete_letter(OnDelete action) {
    switch (action) {
        case OnDelete::no_action:
            return 'a';
        case OnDelete::restrict_:
            return 'r';
        case OnDelete::cascade:
            return 'c';
        case OnDelete::set_null:
            return 'n';
        case OnDelete::set_default:
            return 'd';
    }
    return 'a';
}

// The types that catalogs list: PostgreSQL's own that the engine has, then enums and domains.
std::vector<Type> listed_types() {
    std::vector<Type> out;
    for (auto id = static_cast<int>(TypeId::void_); id <= static_cast<int>(TypeId::record); ++id) {
        const Type t{static_cast<TypeId>(id)};
        if (t.id == TypeId::enum_) continue;
        out.push_back(t);
        if (t.id != TypeId::void_ && t.id != TypeId::record) out.push_back(sql::array_of_type(t));
    }
    return out;
}

class Catalog {
  public:
    Catalog(const Schema& schema, const SystemTable& table, RowVisitor visit)
        : schema_(schema), map_(OidMap::of(schema)), row_(table, arena_), visit_(visit) {}

    void pg_namespace() {
        const auto one = [&](std::string_view name) {
            row_.number("oid", map_.schema_oid(std::string(name)))
                .text("nspname", name)
                .number("nspowner", oid::owner);
            return row_.emit(visit_);
        };
        if (!one("pg_catalog") || !one("public") || !one("information_schema")) return;
        for (const std::string& name : map_.schemas)
            if (!one(name)) return;
    }

    void pg_class() {
        for (const Table& t : schema_.tables) {
            relation(table_oid(t), t.name, t.schema, 'r', visible_columns(t))
                .flag("relhasindex", true)
                .flag("relhastriggers", refers_or_is_referred_to(t))  // as PostgreSQL's foreign keys make it
                .number("relam", oid::heap);
            row_.number("relchecks", static_cast<std::int64_t>(t.checks.size())).real("reltuples", -1);
            if (!row_.emit(visit_)) return;
        }
        for (std::size_t i = 0; i < map_.views.size(); ++i) {
            relation(oid::view + static_cast<std::int64_t>(i), map_.views[i].name, map_.views[i].schema, 'v',
                     map_.views[i].query->columns.size());
            if (!row_.flag("relhasrules", true).emit(visit_)) return;
        }
        for (std::size_t i = 0; i < map_.indexes.size(); ++i) {
            const OidMap::Index& x = map_.indexes[i];
            relation(oid::index + static_cast<std::int64_t>(i), x.name, x.table->schema, 'i',
                     text_of(x).parts.size());
            if (!row_.number("relam", x.exclusion ? oid::gist : oid::btree).emit(visit_)) return;
        }
        for (std::size_t i = 0; i < map_.sequences.size(); ++i) {
            relation(oid::sequence + static_cast<std::int64_t>(i), map_.sequences[i].name,
                     map_.sequences[i].table->schema, 'S', 3);
            if (!row_.emit(visit_)) return;
        }
        for (std::size_t i = 0; i < system_tables().size(); ++i) {
            const SystemTable& t = system_tables()[i];
            relation(oid::system_table + static_cast<std::int64_t>(i), t.name, std::string(t.schema),
                     t.schema == "pg_catalog" ? 'r' : 'v', t.columns.size());
            if (!row_.emit(visit_)) return;
        }
    }

    void pg_attribute() {
        for (const Table& t : schema_.tables) {
            std::int64_t number = 0;
            for (const Column& c : t.columns) {
                ++number;
                if (c.hidden) continue;
                attribute(table_oid(t), number, c.name, c.type).flag("attnotnull", c.not_null);
                if (c.domain) row_.number("atttypid", domain_oid(*c.domain)).number("atttypmod", -1);
                row_.flag("atthasdef", c.default_value != nullptr || c.generated != nullptr);
                row_.letter("attidentity", c.identity == Identity::always       ? 'a'
                                           : c.identity == Identity::by_default ? 'd'
                                                                                : '\0');
                row_.letter("attgenerated", c.generated ? 's' : '\0');
                if (!row_.emit(visit_)) return;
            }
        }
        for (std::size_t v = 0; v < map_.views.size(); ++v) {
            std::int64_t number = 0;
            for (const sql::OutputColumn& c : map_.views[v].query->columns) {
                attribute(oid::view + static_cast<std::int64_t>(v), ++number, c.name, c.type);
                if (!row_.emit(visit_)) return;
            }
        }
        for (std::size_t i = 0; i < map_.indexes.size(); ++i) {
            std::int64_t number = 0;
            for (const IndexText::Part& p : text_of(map_.indexes[i]).parts) {
                attribute(oid::index + static_cast<std::int64_t>(i), ++number, p.name, p.type);
                if (!row_.emit(visit_)) return;
            }
        }
        for (std::size_t i = 0; i < map_.sequences.size(); ++i) {
            std::int64_t number = 0;
            for (const auto& [name, id] : {std::pair{"last_value", TypeId::int8},
                                           {"log_cnt", TypeId::int8},
                                           {"is_called", TypeId::bool_}}) {
                attribute(oid::sequence + static_cast<std::int64_t>(i), ++number, name, {id})
                    .flag("attnotnull", true);
                if (!row_.emit(visit_)) return;
            }
        }
        for (std::size_t i = 0; i < system_tables().size(); ++i) {
            std::int64_t number = 0;
            for (const SystemColumn& c : system_tables()[i].columns) {
                attribute(oid::system_table + static_cast<std::int64_t>(i), ++number, c.name, c.type);
                if (!row_.emit(visit_)) return;
            }
        }
    }

    void pg_attrdef() {
        for (std::size_t i = 0; i < map_.defaults.size(); ++i) {
            const OidMap::Default& d = map_.defaults[i];
            row_.number("oid", oid::column_default + static_cast<std::int64_t>(i))
                .number("adrelid", table_oid(*d.table))
                .number("adnum", d.column + 1);
            row_.text("adbin", default_text(schema_, d.table->columns[d.column]));
            if (!row_.emit(visit_)) return;
        }
    }

    void pg_type() {
        for (const Type t : listed_types()) {
            const bool array = t.array;
            type(type_oid(t), internal_name(schema_, t), oid::pg_catalog, array ? 'A' : sql::category_of(t),
                 sql::size_of(t));
            if (array)
                row_.number("typelem", type_oid(sql::element_of(t))).number("typinput", oid::array_in);
            else if (t.id != TypeId::void_ && t.id != TypeId::record)
                row_.number("typarray", type_oid(sql::array_of_type(t)));
            row_.letter("typtype", sql::is_range(t)                                  ? 'r'
                                   : t.id == TypeId::void_ || t.id == TypeId::record ? 'p'
                                                                                     : 'b');
            if (!row_.flag("typispreferred", !array && sql::is_preferred(t)).emit(visit_)) return;
        }
        for (std::uint32_t i = 0; i < schema_.enums.size(); ++i) {
            const Type t{TypeId::enum_, false, -1, i};
            type(type_oid(t), schema_.enums[i].name, map_.schema_oid(schema_.enums[i].schema), 'E', 4)
                .letter("typtype", 'e');
            if (!row_.number("typarray", type_oid(sql::array_of_type(t))).emit(visit_)) return;
            type(type_oid(sql::array_of_type(t)), "_" + schema_.enums[i].name,
                 map_.schema_oid(schema_.enums[i].schema), 'A', -1)
                .letter("typtype", 'b');
            if (!row_.number("typelem", type_oid(t)).number("typinput", oid::array_in).emit(visit_)) return;
        }
        for (std::size_t i = 0; i < schema_.domains.size(); ++i) {
            const sql::Domain& d = *schema_.domains[i];
            type(oid::domain + static_cast<std::int64_t>(i), d.name, map_.schema_oid(d.schema),
                 sql::category_of(d.base), sql::size_of(d.base));
            row_.letter("typtype", 'd')
                .number("typbasetype", type_oid(d.base))
                .flag("typnotnull", d.not_null)
                .number("typtypmod", d.base.modifier);
            if (!row_.emit(visit_)) return;
        }
    }

    void pg_enum() {
        for (std::uint32_t i = 0; i < schema_.enums.size(); ++i) {
            double order = 0;
            for (const std::string& label : schema_.enums[i].labels) {
                row_.number("oid", 700000 + i * 1000 + static_cast<std::int64_t>(order))
                    .number("enumtypid", type_oid({TypeId::enum_, false, -1, i}));
                order += 1;
                if (!row_.real("enumsortorder", order).text("enumlabel", label).emit(visit_)) return;
            }
        }
    }

    void pg_description() {
        for (const auto& d : map_.descriptions) {
            row_.number("objoid", d.object).number("classoid", d.catalog).number("objsubid", d.sub);
            if (!row_.text("description", d.text).emit(visit_)) return;
        }
    }

    void pg_range() {
        for (const TypeId id : {TypeId::int4range, TypeId::int8range, TypeId::numrange, TypeId::tsrange,
                                TypeId::tstzrange, TypeId::daterange}) {
            row_.number("rngtypid", type_oid({id})).number("rngsubtype", type_oid(sql::range_element({id})));
            if (!row_.emit(visit_)) return;
        }
    }

    void pg_index() {
        for (std::size_t i = 0; i < map_.indexes.size(); ++i) {
            const OidMap::Index& x = map_.indexes[i];
            const IndexText text = text_of(x);
            const auto width = static_cast<std::int64_t>(text.parts.size());
            row_.number("indexrelid", oid::index + static_cast<std::int64_t>(i))
                .number("indrelid", table_oid(*x.table));
            row_.number("indnatts", width).number("indnkeyatts", width);
            row_.flag("indisunique", x.key.has_value())
                .flag("indisprimary", x.key == 0u)
                .flag("indisexclusion", x.exclusion.has_value())
                .flag("indimmediate", true)
                .flag("indisvalid", true);
            row_.flag("indisready", true).flag("indislive", true);
            row_.flag("indnullsnotdistinct", x.key && x.table->keys[*x.key].nulls_not_distinct);
            std::vector<std::int64_t> numbers, options;
            std::string expressions;
            for (const IndexText::Part& p : text.parts) {
                const auto column = x.table->find(p.name);
                const bool plain = column && p.text == sql::quote_identifier(p.name);
                numbers.push_back(plain ? column->value + 1 : 0);
                options.push_back((p.descending ? 1 : 0) + (p.nulls_first ? 2 : 0));
                if (!plain) expressions += (expressions.empty() ? "" : ", ") + p.text;
            }
            row_.numbers("indkey", numbers, 0).numbers("indoption", options, 0);
            if (!expressions.empty()) row_.text("indexprs", expressions);
            if (!text.predicate.empty()) row_.text("indpred", text.predicate);
            if (!row_.emit(visit_)) return;
        }
    }

    void pg_constraint() {
        for (std::size_t i = 0; i < map_.constraints.size(); ++i) {
            const OidMap::Constraint& c = map_.constraints[i];
            row_.number("oid", oid::constraint + static_cast<std::int64_t>(i))
                .text("conname", c.name)
                .letter("contype", c.type);
            row_.number("connamespace", map_.schema_oid(c.table->schema))
                .number("conrelid", table_oid(*c.table))
                .flag("convalidated", true);
            row_.flag("conislocal", true)
                .flag("connoinherit", true)
                .letter("confupdtype", ' ')
                .letter("confdeltype", ' ')
                .letter("confmatchtype", ' ');
            row_.numbers("conkey", one_based(columns_of(c)));
            if (c.type == 'x') row_.number("conindid", map_.index_oid(*c.table, c.number, true));
            if (c.type == 'p' || c.type == 'u') {
                row_.number("conindid", map_.index_oid(*c.table, c.number));
                row_.flag("condeferrable", c.table->keys[c.number].deferrable)
                    .flag("condeferred", c.table->keys[c.number].initially_deferred);
            }
            if (c.type == 'f') {
                const ForeignKey& f = c.table->foreign_keys[c.number];
                const Table& parent = schema_.table(f.parent);
                row_.number("confrelid", table_oid(parent)).numbers("confkey", one_based(f.parent_columns));
                row_.number("conindid", map_.index_oid(parent, f.parent_key));
                row_.letter("confupdtype", delete_letter(f.on_update))
                    .letter("confdeltype", delete_letter(f.on_delete));
                row_.letter("confmatchtype", f.match_full ? 'f' : 's')
                    .flag("condeferrable", f.deferrable)
                    .flag("condeferred", f.initially_deferred);
            }
            if (!row_.emit(visit_)) return;
        }
        for (std::size_t i = 0; i < map_.domain_checks.size(); ++i) {
            const OidMap::DomainCheck& c = map_.domain_checks[i];
            row_.number("oid", oid::domain_check + static_cast<std::int64_t>(i))
                .text("conname", c.check->name)
                .letter("contype", 'c');
            row_.number("connamespace", map_.schema_oid(schema_.domains[c.domain]->schema))
                .number("contypid", oid::domain + static_cast<std::int64_t>(c.domain))
                .flag("convalidated", true);
            if (!row_.emit(visit_)) return;
        }
    }

    void pg_proc() {
        for (std::size_t i = 0; i < schema_.transactions.size(); ++i) {
            const Transaction& t = schema_.transactions[i];
            std::vector<std::int64_t> types, all_types;
            std::vector<std::string> modes, names;
            bool plain = true, named = false;
            const auto argument = [&](char mode, const std::string& name, std::int64_t type) {
                if (mode == 'i' || mode == 'b') types.push_back(type);
                all_types.push_back(type);
                modes.emplace_back(1, mode);
                names.push_back(name);
                plain = plain && mode == 'i';
                named = named || !name.empty();
            };
            for (const Parameter& p : t.parameters)
                argument(p.mode == Parameter::Mode::out     ? 'o'
                         : p.mode == Parameter::Mode::inout ? 'b'
                                                            : 'i',
                         p.name, p.domain ? domain_oid(*p.domain) : type_oid(p.type));
            if (t.returns_set && t.columns.size() > 1)  // TABLE (...)
                for (const sql::OutputColumn& c : t.columns) argument('t', c.name, type_oid(c.type));
            row_.number("oid", oid::routine + static_cast<std::int64_t>(i))
                .text("proname", t.name)
                .number("pronamespace", map_.schema_oid(t.schema));
            row_.number("proowner", oid::owner)
                .number("prolang", 14)
                .letter("prokind", t.is_procedure ? 'p' : 'f')
                .flag("proretset", t.returns_set);
            row_.letter("provolatile", t.volatility == Volatility::volatile_ ? 'v'
                                       : t.volatility == Volatility::stable  ? 's'
                                                                             : 'i');
            row_.letter("proparallel", 'u')
                .number("pronargs", static_cast<std::int64_t>(types.size()))
                .numbers("proargtypes", types, 0)
                .text("prosrc", "");
            row_.number("prorettype", t.columns.size() == 1
                                          ? type_oid(t.columns[0].type)
                                          : type_oid({t.columns.empty() ? TypeId::void_ : TypeId::record}));
            if (!plain) row_.numbers("proallargtypes", all_types).texts("proargmodes", modes);
            if (named) row_.texts("proargnames", names);
            if (!row_.emit(visit_)) return;
        }
    }

    void pg_get_keywords() {
        for (const sql::Keyword& k : sql::keywords()) {
            row_.text("word", k.word).letter("catcode", k.category).flag("barelabel", k.bare_label);
            row_.text("catdesc", sql::category_text(k));
            if (!row_.text("baredesc", k.bare_label ? "can be bare label" : "requires AS").emit(visit_))
                return;
        }
    }

    void pg_database() {
        row_.number("oid", oid::database)
            .text("datname", user_name)
            .number("datdba", oid::owner)
            .number("encoding", 6)
            .letter("datlocprovider", 'c');
        row_.flag("datallowconn", true)
            .number("datconnlimit", -1)
            .text("datcollate", "C")
            .text("datctype", "C")
            .number("dattablespace", 1663);
        row_.emit(visit_);
    }
    void pg_am() {
        for (const auto& [number, name, kind] :
             {std::tuple{oid::heap, "heap", 't'}, {oid::btree, "btree", 'i'}, {oid::gist, "gist", 'i'}})
            if (!row_.number("oid", number).text("amname", name).letter("amtype", kind).emit(visit_)) return;
    }
    void role(std::string_view name_column, std::string_view prefix) {
        const std::string p(prefix);
        row_.text(name_column, user_name).flag(p + "super", true);
        if (prefix == "rol") {
            row_.number("oid", oid::owner)
                .flag("rolinherit", true)
                .flag("rolcreaterole", true)
                .flag("rolcreatedb", true)
                .flag("rolcanlogin", true);
            row_.number("rolconnlimit", -1);
        } else {
            row_.number("usesysid", oid::owner).flag("usecreatedb", true);
        }
        row_.emit(visit_);
    }
    void pg_language() {
        row_.number("oid", 14)
            .text("lanname", "sql")
            .number("lanowner", oid::owner)
            .flag("lanpltrusted", true)
            .emit(visit_);
    }
    void pg_collation() {
        for (const auto& [number, name, provider] :
             {std::tuple{100, "default", 'd'}, {950, "C", 'c'}, {951, "POSIX", 'c'}}) {
            row_.number("oid", number)
                .text("collname", name)
                .number("collnamespace", oid::pg_catalog)
                .number("collowner", oid::owner)
                .letter("collprovider", provider)
                .flag("collisdeterministic", true);
            row_.number("collencoding", -1).null("colliculocale").null("collversion");
            for (const char* column : {"collcollate", "collctype"})
                provider == 'd' ? row_.null(column) : row_.text(column, name);
            if (!row_.emit(visit_)) return;
        }
    }
    void pg_tablespace() {
        row_.number("oid", 1663).text("spcname", "pg_default").number("spcowner", oid::owner).emit(visit_);
    }

    void pg_tables() {
        for (const Table& t : schema_.tables) {
            row_.text("schemaname", t.schema)
                .text("tablename", t.name)
                .text("tableowner", user_name)
                .null("tablespace")
                .flag("hasindexes", true);
            if (!row_.emit(visit_)) return;
        }
    }
    void pg_views() {
        for (const OidMap::ViewOf& v : map_.views)
            if (!row_.text("schemaname", v.schema)
                     .text("viewname", v.name)
                     .text("viewowner", user_name)
                     .text("definition", v.text)
                     .emit(visit_))
                return;
    }
    void pg_indexes() {
        for (const OidMap::Index& i : map_.indexes) {
            row_.text("schemaname", i.table->schema)
                .text("tablename", i.table->name)
                .text("indexname", i.name)
                .null("tablespace");
            if (!row_.text("indexdef", index_text(i)).emit(visit_)) return;
        }
    }

  private:
    bool refers_or_is_referred_to(const Table& t) const {
        return !t.foreign_keys.empty() ||
               std::any_of(schema_.tables.begin(), schema_.tables.end(), [&](const Table& child) {
                   return std::any_of(child.foreign_keys.begin(), child.foreign_keys.end(),
                                      [&](const ForeignKey& f) { return f.parent == t.id; });
               });
    }
    std::int64_t domain_oid(const sql::Domain& domain) const {
        for (std::size_t i = 0; i < schema_.domains.size(); ++i)
            if (schema_.domains[i].get() == &domain) return oid::domain + static_cast<std::int64_t>(i);
        return type_oid(domain.base);
    }
    Row& relation(std::int64_t number, std::string_view name, const std::string& schema, char kind,
                  std::size_t columns) {
        row_.number("oid", number)
            .text("relname", name)
            .number("relnamespace", map_.schema_oid(schema))
            .letter("relkind", kind);
        row_.number("relowner", oid::owner)
            .letter("relpersistence", 'p')
            .number("relnatts", static_cast<std::int64_t>(columns));
        return row_.letter("relreplident", 'd').flag("relispopulated", true).number("relfilenode", number);
    }
    Row& attribute(std::int64_t relation_oid, std::int64_t number, std::string_view name, Type t) {
        row_.number("attrelid", relation_oid)
            .number("attnum", number)
            .text("attname", name)
            .number("atttypid", type_oid(t));
        row_.number("atttypmod", t.modifier)
            .number("attlen", sql::size_of(t))
            .number("attstattarget", -1)
            .flag("attislocal", true);
        return row_.letter("attidentity", '\0')
            .letter("attgenerated", '\0')
            .letter("attstorage", t.id == TypeId::numeric && !t.array ? 'm'
                                  : sql::size_of(t) < 0               ? 'x'
                                                                      : 'p')
            .letter("attalign", 'i')
            .number("attndims", t.array ? 1 : 0);
    }
    Row& type(std::int64_t number, std::string_view name, std::int64_t schema, char category,
              std::int64_t size) {
        row_.number("oid", number)
            .text("typname", name)
            .number("typnamespace", schema)
            .number("typowner", oid::owner)
            .number("typlen", size);
        row_.letter("typcategory", category)
            .flag("typisdefined", true)
            .letter("typdelim", ',')
            .number("typtypmod", -1);
        return row_.letter("typalign", 'i')
            .letter("typstorage", size < 0 ? 'x' : 'p')
            .flag("typbyval", size > 0 && size <= 8);
    }
    const Schema& schema_;
    const OidMap& map_;
    Arena arena_;
    Row row_;
    RowVisitor visit_;
};

using Fill = void (Catalog::*)();
struct Entry {
    std::string_view schema, name;
    Fill fill;
};
constexpr Entry entries[] = {
    {"pg_catalog", "pg_namespace", &Catalog::pg_namespace},
    {"pg_catalog", "pg_class", &Catalog::pg_class},
    {"pg_catalog", "pg_attribute", &Catalog::pg_attribute},
    {"pg_catalog", "pg_attrdef", &Catalog::pg_attrdef},
    {"pg_catalog", "pg_type", &Catalog::pg_type},
    {"pg_catalog", "pg_enum", &Catalog::pg_enum},
    {"pg_catalog", "pg_description", &Catalog::pg_description},
    {"pg_catalog", "pg_range", &Catalog::pg_range},
    {"pg_catalog", "pg_index", &Catalog::pg_index},
    {"pg_catalog", "pg_constraint", &Catalog::pg_constraint},
    {"pg_catalog", "pg_proc", &Catalog::pg_proc},
    {"pg_catalog", "pg_database", &Catalog::pg_database},
    {"pg_catalog", "pg_get_keywords", &Catalog::pg_get_keywords},
    {"pg_catalog", "pg_am", &Catalog::pg_am},
    {"pg_catalog", "pg_language", &Catalog::pg_language},
    {"pg_catalog", "pg_collation", &Catalog::pg_collation},
    {"pg_catalog", "pg_tablespace", &Catalog::pg_tablespace},
    {"pg_catalog", "pg_tables", &Catalog::pg_tables},
    {"pg_catalog", "pg_views", &Catalog::pg_views},
    {"pg_catalog", "pg_indexes", &Catalog::pg_indexes},
};

}  // namespace

bool catalog_rows(const Schema& schema, std::uint32_t virtual_table, RowVisitor visit) {
    if (virtual_table >= system_tables().size()) return false;
    const SystemTable& table = system_tables()[virtual_table];
    if (table.schema == "anabranch" || table.name == "pg_settings" || table.name == "pg_stat_activity")
        return false;
    if (table.schema == "information_schema") {
        information_rows(schema, table, visit);
        return true;
    }
    if (sequence_rows(schema, table, visit)) return true;
    Catalog catalog(schema, table, visit);
    if (table.name == "pg_roles" || table.name == "pg_authid")
        catalog.role("rolname", "rol");
    else if (table.name == "pg_user")
        catalog.role("usename", "use");
    for (const Entry& e : entries)
        if (e.schema == table.schema && e.name == table.name) (catalog.*e.fill)();
    return true;
}

}  // namespace anabranch::catalog
