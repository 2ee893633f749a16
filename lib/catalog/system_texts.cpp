// Numbers and definitions of catalog objects.
#include <algorithm>
#include <set>

#include "lib/base/function_ref.h"
#include "lib/catalog/draft.h"
#include "lib/catalog/system_oids.h"
#include "lib/catalog/system_rows.h"
#include "lib/catalog/system_tables.h"
#include "lib/sql/builtin.h"
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

std::string parameters_text(const Schema& schema, const Transaction& t) {
    std::string out;
    for (const Parameter& p : t.parameters) {
        if (!out.empty()) out += ", ";
        if (p.mode == Parameter::Mode::in && t.is_procedure) out += "IN ";
        if (p.mode == Parameter::Mode::out) out += "OUT ";
        if (p.mode == Parameter::Mode::inout) out += "INOUT ";
        if (!p.name.empty()) out += sql::quote_identifier(p.name) + " ";
        out += type_text(schema, p.type, p.domain.get());
    }
    return out;
}

std::string result_text(const Schema& schema, const Transaction& t) {
    if (t.columns.empty()) return "void";
    const std::string set = t.returns_set ? "SETOF " : "";
    const bool out_parameters = std::any_of(t.parameters.begin(), t.parameters.end(), [](const Parameter& p) {
        return p.mode == Parameter::Mode::out || p.mode == Parameter::Mode::inout;
    });
    const bool of_one_type = t.columns.size() == 1 && (out_parameters || t.columns[0].name == t.name);
    if (of_one_type || (t.columns.size() == 1 && !t.returns_set))
        return set + type_text(schema, t.columns[0].type);
    if (out_parameters) return set + "record";
    std::string out;
    for (const sql::OutputColumn& c : t.columns)
        out += (out.empty() ? "" : ", ") + sql::quote_identifier(c.name) + " " + type_text(schema, c.type);
    return t.returns_set ? "TABLE(" + out + ")" : "record";
}

// As \\sf and \\ef of psql ask for it.
std::string routine_text(const Schema& schema, const Transaction& t) {
    std::string out = std::string("CREATE OR REPLACE ") + (t.is_procedure ? "PROCEDURE " : "FUNCTION ") +
                      sql::quote_identifier(t.schema) + "." + sql::quote_identifier(t.name) + "(" +
                      parameters_text(schema, t) + ")\n";
    if (!t.is_procedure) out += " RETURNS " + result_text(schema, t) + "\n";
    out += " LANGUAGE sql\n";
    if (t.volatility == Volatility::stable) out += " STABLE\n";
    if (t.volatility == Volatility::immutable) out += " IMMUTABLE\n";
    for (const auto& [name, value] : t.hints)
        out += " SET anabranch." + name + " TO " + sql::quote_literal(value) + "\n";
    return out + t.text + "\n";
}

std::string part_text(const IndexText::Part& part) {
    std::string out = part.text;
    if (part.descending) out += part.nulls_first ? " DESC" : " DESC NULLS LAST";
    return !part.descending && part.nulls_first ? out + " NULLS FIRST" : out;
}

// Whether a search path of `public` finds what lives in a schema.
bool on_search_path(std::string_view schema) {
    return schema.empty() || schema == "public" || schema == "pg_catalog";
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
            indexes.push_back({&t, k, std::nullopt, std::nullopt, t.keys[k].name});
            if (!t.keys[k].index) constraints.push_back({&t, k == 0 ? 'p' : 'u', k, t.keys[k].name});
        }
        for (std::uint32_t i = 0; i < t.indexes.size(); ++i)
            indexes.push_back({&t, std::nullopt, i, std::nullopt, t.indexes[i].name});
        for (std::uint32_t i = 0; i < t.checks.size(); ++i)
            if (!t.checks[i].name.ends_with(")")) constraints.push_back({&t, 'c', i, t.checks[i].name});
        for (std::uint32_t i = 0; i < t.foreign_keys.size(); ++i)
            constraints.push_back({&t, 'f', i, t.foreign_keys[i].name});
        for (std::uint32_t i = 0; i < t.exclusions.size(); ++i) {
            indexes.push_back({&t, std::nullopt, std::nullopt, i, t.exclusions[i].name});
            constraints.push_back({&t, 'x', i, t.exclusions[i].name});
        }
        for (std::uint32_t c = 0; c < t.columns.size(); ++c)
            if (t.columns[c].identity != Identity::none)
                sequences.push_back({&t, c, object_name(t.name, t.columns[c].name, "seq")});
        for (std::uint32_t c = 0; c < t.columns.size(); ++c)
            if ((t.columns[c].default_value || t.columns[c].generated) && !t.columns[c].hidden)
                defaults.push_back({&t, c});
    }
    for (const Transaction& t : schema.transactions) add(t.schema);
    for (const View& v : schema.views) views.push_back({v.schema, v.name, v.query, v.text});
    for (const Invariant& i : schema.invariants)
        if (const auto* a = std::get_if<AssertionInvariant>(&i.what))
            views.push_back({"assertion", i.name.substr(i.name.find('.') + 1), a->violations, i.text});
    for (const ViewOf& v : views) add(v.schema);
    for (std::size_t d = 0; d < schema.domains.size(); ++d) {
        add(schema.domains[d]->schema);
        for (const sql::Domain::Check& check : schema.domains[d]->checks)
            domain_checks.push_back({d, &check});
    }
    schemas.assign(names.begin(), names.end());
    describe(schema);
}

const OidMap& OidMap::of(const Schema& schema) {
    const void* kept = schema.objects.get();
    if (kept == nullptr) kept = schema.objects.set(std::make_shared<const OidMap>(schema));
    return *static_cast<const OidMap*>(kept);
}

std::int64_t OidMap::schema_oid(const std::string& name) const {
    if (name == "public" || name.empty()) return oid::public_;
    if (name == "pg_catalog") return oid::pg_catalog;
    if (name == "information_schema") return oid::information_schema;
    const auto at = std::find(schemas.begin(), schemas.end(), name);
    return oid::other_schema + (at - schemas.begin());
}

std::int64_t OidMap::index_oid(const Table& table, std::uint32_t number, bool exclusion) const {
    for (std::size_t i = 0; i < indexes.size(); ++i)
        if (indexes[i].table == &table && (exclusion ? indexes[i].exclusion : indexes[i].key) == number)
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
            return t.exclusions[c.number].text +
                   deferral(t.exclusions[c.number].deferrable, t.exclusions[c.number].initially_deferred);
        default: {
            const UniqueKey& k = t.keys[c.number];
            return (c.type == 'p' ? "PRIMARY KEY " : "UNIQUE ") +
                   std::string(k.nulls_not_distinct ? "NULLS NOT DISTINCT " : "") + t.column_list(k.columns) +
                   deferral(k.deferrable, k.initially_deferred);
        }
    }
}

IndexText text_of(const OidMap::Index& i) {
    const Table& t = *i.table;
    if (i.secondary) return t.indexes[*i.secondary].text;
    if (i.key && t.keys[*i.key].index) return *t.keys[*i.key].index;
    if (i.exclusion) return t.exclusions[*i.exclusion].index;
    IndexText out;
    for (const ColumnId c : t.keys[*i.key].columns) {
        const Column& column = t.columns[c.value];
        out.parts.push_back({sql::quote_identifier(column.name), column.name, column.type, false, false});
    }
    return out;
}

std::string index_text(const OidMap::Index& i) {
    const IndexText text = text_of(i);
    std::string parts;
    for (const IndexText::Part& p : text.parts) parts += (parts.empty() ? "" : ", ") + part_text(p);
    return std::string("CREATE ") + (i.key ? "UNIQUE " : "") + "INDEX " + sql::quote_identifier(i.name) +
           " ON " + sql::quote_identifier(i.table->schema) + "." + sql::quote_identifier(i.table->name) +
           " USING " + (i.exclusion ? "gist" : "btree") + " (" + parts + ")" +
           (i.key && i.table->keys[*i.key].nulls_not_distinct ? " NULLS NOT DISTINCT" : "") +
           (text.predicate.empty() ? "" : " WHERE " + text.predicate);
}

std::string type_text(const Schema& schema, sql::Type type, const sql::Domain* domain) {
    if (domain != nullptr) return qualified(domain->schema, domain->name);
    if (type.id != sql::TypeId::enum_ || type.detail >= schema.enums.size()) return sql::type_name(type);
    return qualified(schema.enums[type.detail].schema, schema.enums[type.detail].name) +
           (type.array ? "[]" : "");
}

std::string default_text(const Schema& schema, const Column& column) {
    const std::string& text = column.text;
    const bool quoted = text.size() > 1 && text.front() == '\'' && text.back() == '\'';
    return quoted ? text + "::" + type_text(schema, sql::without_modifier(column.type)) : text;
}

namespace {

using Text = std::optional<std::string>;

Text text_of_routine(const Schema& schema, sql::Func func, const Transaction& t) {
    switch (func) {
        case sql::Func::pg_get_function_arguments:
        case sql::Func::pg_get_function_identity_arguments:
            return parameters_text(schema, t);
        case sql::Func::pg_get_function_result:
            return t.is_procedure ? Text() : result_text(schema, t);
        case sql::Func::pg_get_function_sqlbody:
            return t.text.empty() ? Text() : t.text;
        default:
            return routine_text(schema, t);
    }
}

Text text_of_index(const OidMap::Index& i, std::int64_t part) {
    if (part == 0) return index_text(i);
    const IndexText text = text_of(i);
    if (part < 1 || static_cast<std::size_t>(part) > text.parts.size()) return {};
    return text.parts[static_cast<std::size_t>(part - 1)].text;
}

Text text_of_type(const Schema& schema, std::int64_t number, std::int64_t modifier) {
    if (in_range(number, oid::domain, schema.domains.size()))
        return type_text(schema, {}, schema.domains[static_cast<std::size_t>(number - oid::domain)].get());
    sql::Type type = sql::type_of_oid(static_cast<std::uint32_t>(number));
    if (type.id != sql::TypeId::enum_) return {};
    type.modifier = static_cast<std::int32_t>(modifier);
    return type_text(schema, type);
}

// pg_get_serial_sequence('s.t', 'c'). The table's name is an identifier, the column's is not.
Text sequence_of(const Schema& schema, const OidMap& map, std::string_view table, std::string_view column) {
    const auto [where, what] = parts_of(table);
    const Table* t = schema.find_table(where, what);
    for (const OidMap::Sequence& s : map.sequences)
        if (s.table == t && t->columns[s.column].name == column)
            return sql::quote_identifier(t->schema) + "." + sql::quote_identifier(s.name);
    return {};
}

// Whether an unqualified name finds a relation.
bool visible(const Schema& schema, const OidMap& map, std::int64_t number) {
    const auto at = [&](std::int64_t first) { return static_cast<std::size_t>(number - first); };
    if (in_range(number, oid::table, schema.tables.size()))
        return on_search_path(schema.tables[at(oid::table)].schema);
    if (in_range(number, oid::view, map.views.size())) return on_search_path(map.views[at(oid::view)].schema);
    if (in_range(number, oid::index, map.indexes.size()))
        return on_search_path(map.indexes[at(oid::index)].table->schema);
    if (in_range(number, oid::sequence, map.sequences.size()))
        return on_search_path(map.sequences[at(oid::sequence)].table->schema);
    if (in_range(number, oid::system_table, system_tables().size()))
        return on_search_path(system_tables()[at(oid::system_table)].schema);
    return true;
}

}  // namespace

// tidy: table
std::optional<std::string> catalog_text(const Schema& schema, sql::Func func,
                                        std::span<const sql::Datum> args) {
    if (args.empty() || args[0].is_null()) return {};
    const OidMap& map = OidMap::of(schema);
    const std::int64_t number = args[0].is_bytes() ? 0 : args[0].as_integer();
    const auto at = [&](std::int64_t first) { return static_cast<std::size_t>(number - first); };
    const auto second = [&](std::int64_t otherwise) {
        return args.size() > 1 && !args[1].is_null() ? args[1].as_integer() : otherwise;
    };
    switch (func) {
        case sql::Func::pg_get_constraintdef:
            if (in_range(number, oid::domain_check, map.domain_checks.size()))
                return "CHECK (" + map.domain_checks[at(oid::domain_check)].check->text + ")";
            if (!in_range(number, oid::constraint, map.constraints.size())) return {};
            return constraint_text(schema, map.constraints[at(oid::constraint)]);
        case sql::Func::pg_get_indexdef:
            if (!in_range(number, oid::index, map.indexes.size())) return {};
            return text_of_index(map.indexes[at(oid::index)], second(0));
        case sql::Func::pg_get_viewdef:
            if (!in_range(number, oid::view, map.views.size())) return {};
            return " " + map.views[at(oid::view)].text + ";";
        case sql::Func::pg_get_function_arguments:
        case sql::Func::pg_get_function_identity_arguments:
        case sql::Func::pg_get_function_result:
        case sql::Func::pg_get_function_sqlbody:
        case sql::Func::pg_get_functiondef:
            if (!in_range(number, oid::routine, schema.transactions.size())) return {};
            return text_of_routine(schema, func, schema.transactions[at(oid::routine)]);
        case sql::Func::format_type:
            return text_of_type(schema, number, second(-1));
        case sql::Func::pg_table_is_visible:
            return visible(schema, map, number) ? "t" : "f";
        case sql::Func::pg_get_expr:  // the text is what pg_attrdef.adbin holds
            return args[0].is_bytes() ? std::optional<std::string>(args[0].as_bytes()) : std::nullopt;
        case sql::Func::obj_description:
            return map.description(
                number, args.size() > 1 && args[1].is_bytes() ? args[1].as_bytes() : std::string_view(), 0);
        case sql::Func::col_description:
            return map.description(number, "pg_class", static_cast<std::int32_t>(second(0)));
        case sql::Func::shobj_description:  // of a text: pg_get_serial_sequence
            if (!args[0].is_bytes() || args.size() < 2 || args[1].is_null()) return {};
            return sequence_of(schema, map, args[0].as_bytes(), args[1].as_bytes());
        case sql::Func::pg_get_userbyid:
            return "anabranch";
        default:
            return {};
    }
}

namespace {
// Of an enum, its array, or a domain; -1: none has this name.
std::int64_t own_type_oid(const Schema& schema, std::string_view name,
                          FunctionRef<bool(const std::string&)> visible) {
    const bool array = name.ends_with("[]");
    if (array) name.remove_suffix(2);
    for (std::uint32_t i = 0; i < schema.enums.size(); ++i)
        if (schema.enums[i].name == name && visible(schema.enums[i].schema))
            return sql::oid_of(sql::Type{sql::TypeId::enum_, array, -1, i});
    for (std::size_t i = 0; i < schema.domains.size() && !array; ++i)
        if (schema.domains[i]->name == name) return oid::domain + static_cast<std::int64_t>(i);
    return -1;
}
}  // namespace

std::int64_t object_oid(const Schema& schema, sql::TypeId kind, std::string_view name) {
    const auto [where, what] = parts_of(name);
    const OidMap& map = OidMap::of(schema);
    const auto visible = [&, &where = where](const std::string& s) {
        return where.empty() ? s == "public" || s.empty() : s == where;
    };
    if (kind == sql::TypeId::regproc) {
        for (std::size_t i = 0; i < schema.transactions.size(); ++i)
            if (schema.transactions[i].name == what && visible(schema.transactions[i].schema))
                return oid::routine + static_cast<std::int64_t>(i);
        return what == "array_in" && (where.empty() || where == "pg_catalog") ? oid::array_in : -1;
    }
    if (kind == sql::TypeId::regtype) return own_type_oid(schema, what, visible);
    if (kind != sql::TypeId::regclass) return -1;
    if (const Table* t = schema.find_table(where, what)) return oid::table + t->id.value;
    for (std::size_t i = 0; i < map.views.size(); ++i)
        if (map.views[i].name == what && visible(map.views[i].schema))
            return oid::view + static_cast<std::int64_t>(i);
    for (std::size_t i = 0; i < map.indexes.size(); ++i)
        if (map.indexes[i].name == what && visible(map.indexes[i].table->schema))
            return oid::index + static_cast<std::int64_t>(i);
    for (std::size_t i = 0; i < map.sequences.size(); ++i)
        if (map.sequences[i].name == what && visible(map.sequences[i].table->schema))
            return oid::sequence + static_cast<std::int64_t>(i);
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
    if (kind == sql::TypeId::regtype)
        return in_range(number, oid::domain, schema.domains.size()) ? schema.domains[at(oid::domain)]->name
                                                                    : std::string();
    if (kind != sql::TypeId::regclass) return {};
    if (in_range(number, oid::table, schema.tables.size()))
        return qualified(schema.tables[at(oid::table)].schema, schema.tables[at(oid::table)].name);
    if (in_range(number, oid::system_table, system_tables().size())) {
        const SystemTable& t = system_tables()[at(oid::system_table)];
        return qualified(std::string(t.schema), std::string(t.name));
    }
    const OidMap& map = OidMap::of(schema);
    if (in_range(number, oid::view, map.views.size()))
        return qualified(map.views[at(oid::view)].schema, map.views[at(oid::view)].name);
    if (in_range(number, oid::index, map.indexes.size()))
        return qualified(map.indexes[at(oid::index)].table->schema, map.indexes[at(oid::index)].name);
    if (in_range(number, oid::sequence, map.sequences.size()))
        return qualified(map.sequences[at(oid::sequence)].table->schema,
                         map.sequences[at(oid::sequence)].name);
    return {};
}

}  // namespace anabranch::catalog
