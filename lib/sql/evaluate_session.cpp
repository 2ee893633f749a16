// Functions about the session and the catalog: answered by SessionInfo, or by constants that keep client
// programs content.
#include <charconv>

#include "lib/sql/array.h"
#include "lib/sql/evaluate_internal.h"
#include "lib/sql/numeric.h"

namespace anabranch::sql {
namespace {

std::string setting_or(const EvalContext& c, std::string_view name, std::string_view otherwise) {
    if (c.session != nullptr) {
        if (auto value = c.session->setting(name)) return *value;
    }
    return std::string(otherwise);
}

Datum current_user(EvalContext& c, const CallSite&, const Datum*) {
    return make_bytes(c, setting_or(c, "user", "anabranch"));
}
Datum current_database(EvalContext& c, const CallSite&, const Datum*) {
    return make_bytes(c, setting_or(c, "database", "anabranch"));
}
Datum current_schema(EvalContext&, const CallSite&, const Datum*) {
    return Datum::bytes("public");
}
Datum current_schemas(EvalContext& c, const CallSite& site, const Datum* args) {
    const Datum names[] = {Datum::bytes("pg_catalog"), Datum::bytes("public")};
    std::string out;
    write_array(site.result, std::span(names).subspan(args[0].as_bool() ? 0 : 1), out);
    return make_bytes(c, out);
}
Datum version(EvalContext& c, const CallSite&, const Datum*) {
    return make_bytes(c, "PostgreSQL " + setting_or(c, "server_version", "15.0") + " (anabranch)");
}

Datum type_of_argument(EvalContext&, const CallSite& site, const Datum*) {
    return Datum::integer(oid_of(site.args[0]));
}
// The oid behind a name, NULL when there is none.
template <TypeId Kind>
Datum find_object(EvalContext& c, const CallSite&, const Datum* args) {
    Arena scratch;
    const Result<Datum> found = parse_text({Kind}, args[0].as_bytes(), scratch, c.labels);
    return found ? *found : Datum();
}

// Labels of an enum from one value to another; NULL stands for the first or the last.
Datum enum_part(EvalContext& c, const CallSite& site, Datum from, Datum to) {
    if (c.labels == nullptr) return {};
    std::vector<Datum> values;
    for (std::int64_t i = from.is_null() ? 0 : from.as_integer();
         (to.is_null() || i <= to.as_integer()) && c.labels->label(site.args[0].detail, i) != nullptr; ++i)
        values.push_back(Datum::integer(i));
    std::string out;
    write_array(site.result, values, out);
    return make_bytes(c, out);
}
Datum enum_range(EvalContext& c, const CallSite& site, const Datum* args) {
    return site.args.size() == 1 ? enum_part(c, site, {}, {}) : enum_part(c, site, args[0], args[1]);
}
Datum enum_first(EvalContext&, const CallSite&, const Datum*) {
    return Datum::integer(0);
}
Datum enum_last(EvalContext& c, const CallSite& site, const Datum*) {
    if (c.labels == nullptr) return {};
    std::int64_t last = 0;
    while (c.labels->label(site.args[0].detail, last + 1) != nullptr) ++last;
    return Datum::integer(last);
}

// A number the session knows as text; 0 when it does not.
Datum number(EvalContext& c, std::string_view name) {
    const std::string text = setting_or(c, name, "0");
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return Datum::integer(value);
}
Datum backend_pid(EvalContext& c, const CallSite&, const Datum*) {
    return number(c, "backend_pid");
}
Datum txid(EvalContext& c, const CallSite&, const Datum*) {
    return number(c, "txid");
}

Datum current_setting(EvalContext& c, const CallSite& site, const Datum* args) {
    const std::string_view name = args[0].as_bytes();
    if (c.session != nullptr) {
        if (auto value = c.session->setting(name)) return make_bytes(c, *value);
    }
    if (site.args.size() > 1 && args[1].as_bool()) return {};
    return c.fail(sqlstate::undefined_object,
                  "unrecognized configuration parameter \"" + std::string(name) + "\"");
}
// The new value, as it is kept.
Datum set_config(EvalContext& c, const CallSite&, const Datum* args) {
    if (args[0].is_null()) return c.fail("22004", "SET requires parameter name");
    const std::string_view value = args[1].is_null() ? std::string_view() : args[1].as_bytes();
    if (c.session == nullptr) return make_bytes(c, value);
    const bool local = !args[2].is_null() && args[2].as_bool();
    const auto kept = c.session->configure(args[0].as_bytes(), value, local);
    return kept ? make_bytes(c, *kept) : c.fail(kept.error());
}

std::optional<std::string> described(EvalContext& c, const CallSite& site, const Datum* args) {
    if (c.session == nullptr) return {};
    return c.session->describe(site.func, {args, site.args.size()});
}

Datum format_type(EvalContext& c, const CallSite& site, const Datum* args) {
    if (args[0].is_null()) return {};
    if (const auto text = described(c, site, args)) return make_bytes(c, *text);  // an enum or a domain
    const std::int64_t oid = args[0].as_integer();
    Type type = type_of_oid(static_cast<std::uint32_t>(oid));
    if (type.id == TypeId::unknown && oid != oid_of(type)) return Datum::bytes(oid == 0 ? "-" : "???");
    type.modifier = args[1].is_null() ? -1 : static_cast<std::int32_t>(args[1].as_integer());
    return make_bytes(c, type_name(type, c.labels));
}

template <bool Answer>
Datum always(EvalContext&, const CallSite&, const Datum*) {
    return Datum::boolean(Answer);
}
Datum encoding_name(EvalContext&, const CallSite&, const Datum* args) {
    return Datum::bytes(args[0].as_integer() == 6 ? "UTF8" : "");
}
Datum encoding_number(EvalContext&, const CallSite&, const Datum* args) {
    return Datum::integer(args[0].as_bytes() == "UTF8" || args[0].as_bytes() == "utf8" ? 6 : -1);
}

Datum database_encoding(EvalContext&, const CallSite&, const Datum*) {
    return Datum::bytes("UTF8");
}

// There is one database, under whatever name.
Datum database_size(EvalContext& c, const CallSite&, const Datum*) {
    std::int64_t bytes = 0;
    const std::string text =
        c.session == nullptr ? std::string() : c.session->setting(database_bytes).value_or("");
    std::from_chars(text.data(), text.data() + text.size(), bytes);
    return Datum::integer(bytes);
}

// pg_size_pretty: the unit changes from 10 kB, 10 MB, ... on, rounding half up.
Datum size_pretty(EvalContext& c, const CallSite& site, const Datum* args) {
    Result<std::int64_t> bytes =
        site.args[0].id == TypeId::numeric
            ? numeric_to_integer(numeric_trunc(args[0].as_bytes(), 0), INT64_MIN, INT64_MAX, "bigint")
            : Result<std::int64_t>(args[0].as_integer());
    if (!bytes) return c.fail(bytes.error());
    constexpr std::string_view units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    __int128 size = *bytes;
    const auto magnitude = [&] { return size < 0 ? -size : size; };
    std::size_t unit = 0;
    // Kept doubled while halving units, to round at the end.
    if (magnitude() >= 10 * 1024) {
        size = size / 512;
        for (unit = 1; unit < 5 && magnitude() >= 20 * 1024 - 1; ++unit) size /= 1024;
        size = (size + (size < 0 ? -1 : 1)) / 2;
    }
    return make_bytes(c, numeric_from_wide(size) + " " + std::string(units[unit]));
}

Datum describe(EvalContext& c, const CallSite& site, const Datum* args) {
    const auto text = described(c, site, args);
    return text ? make_bytes(c, *text) : Datum();
}
Datum table_is_visible(EvalContext& c, const CallSite& site, const Datum* args) {
    return Datum::boolean(described(c, site, args).value_or("t") == "t");
}
Datum no_location(EvalContext&, const CallSite&, const Datum*) {
    return Datum::bytes("");
}
Datum describe_size(EvalContext& c, const CallSite& site, const Datum* args) {
    const Datum text = describe(c, site, args);
    std::int64_t value = 0;
    if (!text.is_null())
        std::from_chars(text.as_bytes().data(), text.as_bytes().data() + text.as_bytes().size(), value);
    return Datum::integer(value);
}

}  // namespace

// tidy: table
Kernel session_kernel(Func func, std::span<const Type> args, Type) {
    const std::size_t n = args.size();
    switch (func) {
        case Func::current_user:
        case Func::pg_get_userbyid:
            return current_user;
        case Func::current_database:
            return current_database;
        case Func::current_schema:
            return current_schema;
        case Func::current_schemas:
            return strict_call<current_schemas, 1>;
        case Func::version:
            return version;
        case Func::pg_backend_pid:
            return backend_pid;
        case Func::txid_current:
            return txid;
        case Func::current_setting:
            return strict<current_setting>(n);
        case Func::set_config:
            return set_config;
        case Func::format_type:
            return format_type;
        case Func::pg_table_is_visible:
            return strict_call<table_is_visible, 1>;
        case Func::pg_tablespace_location:
            return strict_call<no_location, 1>;
        case Func::pg_operator_is_visible:
        case Func::pg_type_is_visible:
        case Func::pg_function_is_visible:
        case Func::has_table_privilege:
        case Func::has_schema_privilege:
            return strict<always<true>>(n);
        case Func::pg_is_in_recovery:
        case Func::pg_relation_is_publishable:
            return strict<always<false>>(n);
        case Func::pg_encoding_to_char:
            return strict_call<encoding_name, 1>;
        case Func::pg_char_to_encoding:
            return strict_call<encoding_number, 1>;
        case Func::pg_typeof:
            return type_of_argument;
        case Func::to_regclass:
            return strict_call<find_object<TypeId::regclass>, 1>;
        case Func::to_regtype:
            return strict_call<find_object<TypeId::regtype>, 1>;
        case Func::enum_range:
            return enum_range;
        case Func::enum_first:
            return enum_first;
        case Func::enum_last:
            return enum_last;
        case Func::pg_size_pretty:
            return strict_call<size_pretty, 1>;
        case Func::getdatabaseencoding:
            return database_encoding;
        case Func::pg_database_size:
            return strict_call<database_size, 1>;
        case Func::pg_relation_size:
        case Func::pg_total_relation_size:
        case Func::pg_table_size:
            return strict<describe_size>(n);
        case Func::pg_get_expr:
        case Func::pg_get_constraintdef:
        case Func::pg_get_indexdef:
        case Func::pg_get_viewdef:
        case Func::pg_get_functiondef:
        case Func::pg_get_function_result:
        case Func::pg_get_function_sqlbody:
        case Func::pg_get_function_arguments:
        case Func::pg_get_function_identity_arguments:
        case Func::obj_description:
        case Func::col_description:
        case Func::shobj_description:
        case Func::pg_get_partkeydef:
        case Func::pg_get_statisticsobjdef_columns:
        case Func::pg_get_triggerdef:
        case Func::pg_get_ruledef:
            return strict<describe>(n);
        default:
            return nullptr;
    }
}

}  // namespace anabranch::sql
