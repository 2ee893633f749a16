// Numbers and definitions of catalog objects.
#include <algorithm>
#include <set>

#include "lib/catalog/system_oids.h"
#include "lib/catalog/system_rows.h"
#include "lib/catalog/system_tables.h"
#include "lib/sql/print.h"
#include "lib/sql/value.h"

namespace anabranch::catalog {

namespace {

std::string qualified(const std::string& schema, const std::string& name) {
    return schema == "public" || schema == "pg_catalog" || schema.empty()
               ? sql::quote_identifier(name)
               : sql::quote_identifier(schema) + "." + sql::quote_identifier(name);
}

const char* action_of(OnDelete action) {
    switch (action) {
        case OnDelete::no_action:
            return nullptr;
        case OnDelete::restrict_:
            return "RESTRICT";
        case OnDelete::cascade:
            return "CASCADE";
        case OnDelete::set_null:
            return "SET NULL";
        case OnDelete::set_default:
            return "SET DEFAULT";
    }
    return nullptr;
}

std::string deferral(bool deferrable, bool initially) {
    return deferrable ? initially ? " DEFERRABLE INITIALLY DEFERRED" : " DEFERRABLE" : "";
}

std::string foreign_key_text(const Schema& schema, const Table& t, const ForeignKey& f) {
    const Table& parent = schema.table(f.parent);
    std::string out = "FOREIGN KEY " + t.column_list(f.columns) + " REFERENCES " +
                      qualified(parent.schema, parent.name) + parent.column_list(f.parent_columns);
    if (f.match_full) out += " MATCH FULL";
    if (const char* update = action_of(f.on_update)) out += std::string(" ON UPDATE ") + update;
    if (const char* remove = action_of(f.on_delete)) out += std::string(" ON DELETE ") + remove;
    return out + deferral(f.deferrable, f.initially_deferred);
}

std::string parameters_text(const Transaction& t) {
    std::string out;
    for (const Parameter& p : t.parameters) {
        if (!out.empty()) out += ", ";
        if (p.mode == Parameter::Mode::out) out += "OUT ";
        if (p.mode == Parameter::Mode::inout) out += "INOUT ";
        if (!p.name.empty()) out += sql::quote_identifier(p.name) + " ";
        out += p.domain ? p.domain->name : sql::type_name(p.type);
    }
    return out;
}

std::string result_text(const Transaction& t) {
    if (t.columns.empty()) return "void";
    if (t.columns.size() == 1 && !t.returns_set) return sql::type_name(t.columns[0].type);
    std::string out;
    for (const sql::OutputColumn& c : t.columns)
        out += (out.empty() ? "" : ", ") + c.name + " " + sql::type_name(c.type);
    return t.returns_set ? "TABLE(" + out + ")" : "record";
}

bool in_range(std::int64_t oid, std::int64_t first, std::size_t count) {
    return oid >= first && oid < first + static_cast<std::int64_t>(count);
}

// Splits s.n; an unqualified name belongs to public, then pg_catalog.
std::pair<std::string, std::string> parts_of(std::string_view name) {
    const std::size_t dot = name.find('.');
    std::string schema(dot == std::string_view::npos ? "" : name.substr(0, dot)),
        rest(dot == std::string_view::npos ? name : name.substr(dot + 1));
    for (std::string* part : {&schema, &rest})
        if (part->size() > 1 && part->front() == '"' && part->back() == '"')
            *part = part->substr(1, part->size() - 2);
    return {schema, rest};
}

}  // namespace

OidMap::OidMap(const Schema& schema) {
    std::set<std::string> names{"anabranch"};
    const auto add = [&](const std::string& name) {
        if (!name.empty() && name != "public" && name != "pg_catalog" && name != "information_schema")
            names.insert(name);
    };
    for (const Table& t : schema.tables) {
        add(t.schema);
        for (std::uint32_t k = 0; k < t.keys.size(); ++k) {
            if (k == 0 && t.hidden_key()) continue;
            indexes.push_back({&t, k, std::nullopt, t.keys[k].name});
            constraints.push_back({&t, k == 0 ? 'p' : 'u', k, t.keys[k].name});
        }
        for (std::uint32_t i = 0; i < t.indexes.size(); ++i)
            indexes.push_back({&t, std::nullopt, i, t.indexes[i].name});
        for (std::uint32_t i = 0; i < t.checks.size(); ++i)
            if (!t.checks[i].name.ends_with(")")) constraints.push_back({&t, 'c', i, t.checks[i].name});
        for (std::uint32_t i = 0; i < t.foreign_keys.size(); ++i)
            constraints.push_back({&t, 'f', i, t.foreign_keys[i].name});
        for (std::uint32_t i = 0; i < t.exclusions.size(); ++i)
            constraints.push_back({&t, 'x', i, t.exclusions[i].name});
        for (std::uint32_t c = 0; c < t.columns.size(); ++c)
            if (t.columns[c].default_value && !t.columns[c].hidden) defaults.push_back({&t, c});
    }
    for (const Transaction& t : schema.transactions) add(t.schema);
    for (const View& v : schema.views) views.push_back({v.schema, v.name, v.query, {}});
    for (const Invariant& i : schema.invariants)
        if (const auto* a = std::get_if<AssertionInvariant>(&i.what))
            views.push_back({"assertion", i.name.substr(i.name.find('.') + 1), a->violations, i.text});
    for (const ViewOf& v : views) add(v.schema);
    for (const auto& d : schema.domains) add(d->schema);
    schemas.assign(names.begin(), names.end());
}

std::int64_t OidMap::schema_oid(const std::string& name) const {
    if (name == "public" || name.empty()) return oid::public_;
    if (name == "pg_catalog") return oid::pg_catalog;
    if (name == "information_schema") return oid::information_schema;
    const auto at = std::find(schemas.begin(), schemas.end(), name);
    return oid::other_schema + (at - schemas.begin());
}

std::int64_t OidMap::index_oid(const Table& table, std::uint32_t key) const {
    for (std::size_t i = 0; i < indexes.size(); ++i)
        if (indexes[i].table == &table && indexes[i].key == key)
            return oid::index + static_cast<std::int64_t>(i);
    return 0;
}

std::string constraint_text(const Schema& schema, const OidMap::Constraint& c) {
    const Table& t = *c.table;
    switch (c.type) {
        case 'c':
            return t.checks[c.number].text;
        case 'f':
            return foreign_key_text(schema, t, t.foreign_keys[c.number]);
        case 'x':
            return "EXCLUDE " + t.column_list(t.exclusions[c.number].columns);
        default: {
            const UniqueKey& k = t.keys[c.number];
            return (c.type == 'p' ? "PRIMARY KEY " : "UNIQUE ") +
                   std::string(k.nulls_not_distinct ? "NULLS NOT DISTINCT " : "") + t.column_list(k.columns) +
                   deferral(k.deferrable, k.initially_deferred);
        }
    }
}

std::string index_text(const Schema&, const OidMap::Index& i) {
    const Table& t = *i.table;
    const std::vector<ColumnId>& columns = i.key ? t.keys[*i.key].columns : t.indexes[*i.secondary].columns;
    const bool partial =
        i.key ? t.keys[*i.key].predicate != nullptr : t.indexes[*i.secondary].predicate != nullptr;
    return std::string("CREATE ") + (i.key ? "UNIQUE " : "") + "INDEX " + sql::quote_identifier(i.name) +
           " ON " + sql::quote_identifier(t.schema) + "." + sql::quote_identifier(t.name) + " USING btree " +
           t.column_list(columns) + (partial ? " WHERE ..." : "");
}

std::optional<std::string> catalog_text(const Schema& schema, sql::Func func,
                                        std::span<const sql::Datum> args) {
    if (args.empty() || args[0].is_null()) return {};
    const OidMap map(schema);
    const std::int64_t number = args[0].is_bytes() ? 0 : args[0].as_integer();
    const auto at = [&](std::int64_t first) { return static_cast<std::size_t>(number - first); };
    switch (func) {
        case sql::Func::pg_get_constraintdef:
            if (in_range(number, oid::constraint, map.constraints.size()))
                return constraint_text(schema, map.constraints[at(oid::constraint)]);
            return {};
        case sql::Func::pg_get_indexdef: {
            if (!in_range(number, oid::index, map.indexes.size())) return {};
            const OidMap::Index& i = map.indexes[at(oid::index)];
            const std::int64_t part = args.size() > 1 && !args[1].is_null() ? args[1].as_integer() : 0;
            if (part == 0) return index_text(schema, i);
            const std::vector<ColumnId>& columns =
                i.key ? i.table->keys[*i.key].columns : i.table->indexes[*i.secondary].columns;
            if (part < 1 || static_cast<std::size_t>(part) > columns.size()) return {};
            return i.table->columns[columns[static_cast<std::size_t>(part - 1)].value].name;
        }
        case sql::Func::pg_get_viewdef:
            if (in_range(number, oid::view, map.views.size())) return map.views[at(oid::view)].text;
            return {};
        case sql::Func::pg_get_function_arguments:
        case sql::Func::pg_get_function_identity_arguments:
            if (in_range(number, oid::routine, schema.transactions.size()))
                return parameters_text(schema.transactions[at(oid::routine)]);
            return {};
        case sql::Func::pg_get_function_result:
            if (in_range(number, oid::routine, schema.transactions.size()) &&
                !schema.transactions[at(oid::routine)].is_procedure)
                return result_text(schema.transactions[at(oid::routine)]);
            return {};
        case sql::Func::pg_get_functiondef: {
            if (!in_range(number, oid::routine, schema.transactions.size())) return {};
            const Span span = schema.transactions[at(oid::routine)].span;
            return schema.text.substr(std::min<std::size_t>(span.offset, schema.text.size()), span.size);
        }
        case sql::Func::pg_get_expr:  // the text is what pg_attrdef.adbin holds
            return args[0].is_bytes() ? std::optional<std::string>(args[0].as_bytes()) : std::nullopt;
        case sql::Func::pg_get_userbyid:
            return "anabranch";
        default:
            return {};
    }
}

std::int64_t object_oid(const Schema& schema, sql::TypeId kind, std::string_view name) {
    const auto [where, what] = parts_of(name);
    const OidMap map(schema);
    const auto visible = [&, &where = where](const std::string& s) {
        return where.empty() ? s == "public" || s.empty() : s == where;
    };
    if (kind == sql::TypeId::regproc) {
        for (std::size_t i = 0; i < schema.transactions.size(); ++i)
            if (schema.transactions[i].name == what && visible(schema.transactions[i].schema))
                return oid::routine + static_cast<std::int64_t>(i);
        return what == "array_in" && (where.empty() || where == "pg_catalog") ? oid::array_in : -1;
    }
    if (kind != sql::TypeId::regclass) return -1;
    if (const Table* t = schema.find_table(where, what)) return oid::table + t->id.value;
    for (std::size_t i = 0; i < map.views.size(); ++i)
        if (map.views[i].name == what && visible(map.views[i].schema))
            return oid::view + static_cast<std::int64_t>(i);
    for (std::size_t i = 0; i < map.indexes.size(); ++i)
        if (map.indexes[i].name == what && visible(map.indexes[i].table->schema))
            return oid::index + static_cast<std::int64_t>(i);
    if (const auto system = find_system_table(where.empty() ? "pg_catalog" : where, what))
        return oid::system_table + *system;
    return -1;
}

std::string object_display(const Schema& schema, sql::TypeId kind, std::int64_t number) {
    const auto at = [&](std::int64_t first) { return static_cast<std::size_t>(number - first); };
    if (kind == sql::TypeId::regproc && number == oid::array_in) return "array_in";
    if (kind == sql::TypeId::regproc)
        return in_range(number, oid::routine, schema.transactions.size())
                   ? schema.transactions[at(oid::routine)].display()
                   : std::string();
    if (kind != sql::TypeId::regclass) return {};
    if (in_range(number, oid::table, schema.tables.size()))
        return qualified(schema.tables[at(oid::table)].schema, schema.tables[at(oid::table)].name);
    if (in_range(number, oid::system_table, system_tables().size())) {
        const SystemTable& t = system_tables()[at(oid::system_table)];
        return qualified(std::string(t.schema), std::string(t.name));
    }
    const OidMap map(schema);
    if (in_range(number, oid::view, map.views.size()))
        return qualified(map.views[at(oid::view)].schema, map.views[at(oid::view)].name);
    if (in_range(number, oid::index, map.indexes.size()))
        return qualified(map.indexes[at(oid::index)].table->schema, map.indexes[at(oid::index)].name);
    return {};
}

}  // namespace anabranch::catalog
