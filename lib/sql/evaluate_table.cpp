#include "lib/sql/evaluate_table.h"

#include "lib/sql/array.h"
#include "lib/sql/builtin.h"
#include "lib/sql/datetime.h"
#include "lib/sql/evaluate_internal.h"
#include "lib/sql/evaluate_regex.h"
#include "lib/sql/json_value.h"
#include "lib/sql/numeric.h"
#include "lib/sql/value_internal.h"

namespace anabranch::sql {
namespace {

struct Run {
    EvalContext& context;
    TableFunc func;
    std::span<const Type> types;
    std::span<const Datum> args;
    std::span<const TableColumn> columns;
    FunctionRef<bool(std::span<const Datum>)> visit;
    SessionLabels labels;

    bool one(Datum value) const { return visit({&value, 1}); }
};

// unnest(a), or unnest(a, b, ...) whose shorter arrays are filled with NULLs.
void unnest(const Run& run) {
    std::vector<ArrayReader> readers;
    for (std::size_t i = 0; i < run.args.size(); ++i) {
        readers.emplace_back(run.types[i],
                             run.args[i].is_null() ? std::string_view() : run.args[i].as_bytes());
    }
    std::vector<Datum> row(readers.size());
    for (;;) {
        bool any = false;
        for (std::size_t i = 0; i < readers.size(); ++i) {
            any = any || !readers[i].done();
            row[i] = readers[i].done() ? Datum() : readers[i].next();
        }
        if (!any || !run.visit(row)) return;
    }
}

void expand_array(const Run& run) {
    ArrayReader reader(run.types[0], run.args[0].as_bytes());
    for (std::int64_t n = 1; !reader.done(); ++n) {
        const Datum row[] = {reader.next(), Datum::integer(n)};
        if (!run.visit(row)) return;
    }
}

void subscripts(const Run& run) {
    const ArrayReader reader(run.types[0], run.args[0].as_bytes());
    const std::int64_t number = run.args[1].as_integer();
    if (number < 1 || number > static_cast<std::int64_t>(reader.dimensions().size())) return;
    const ArrayDimension d = reader.dimensions()[static_cast<std::size_t>(number - 1)];
    for (std::int64_t i = 0; i < d.size; ++i) {
        if (!run.one(Datum::integer(d.lower + i))) return;
    }
}

// ---- generate_series ----

constexpr const char* zero_step = "step size cannot equal zero";

void integer_series(const Run& run) {
    std::int64_t at = run.args[0].as_integer();
    const std::int64_t end = run.args[1].as_integer();
    const std::int64_t step = run.args.size() > 2 ? run.args[2].as_integer() : 1;
    if (step == 0) {
        run.context.fail("22023", zero_step);
        return;
    }
    while (step > 0 ? at <= end : at >= end) {
        if (!run.one(Datum::integer(at))) return;
        if (__builtin_add_overflow(at, step, &at)) return;
    }
}

void numeric_series(const Run& run) {
    const std::string_view step = run.args.size() > 2 ? run.args[2].as_bytes() : "1";
    for (std::size_t i = 0; i < run.args.size(); ++i) {
        if (run.args[i].as_bytes().find_first_of("NI") == std::string_view::npos) continue;
        constexpr std::string_view names[] = {"start value", "stop value", "step size"};
        const bool nan = numeric_is_nan(run.args[i].as_bytes());
        run.context.fail("22023", std::string(names[i]) + " cannot be " + (nan ? "NaN" : "infinity"));
        return;
    }
    const int direction = numeric_sign(step);
    if (direction == 0) {
        run.context.fail("22023", zero_step);
        return;
    }
    std::string at(run.args[0].as_bytes());
    while (numeric_compare(at, run.args[1].as_bytes()) * direction <= 0) {
        if (!run.one(make_bytes(run.context, at))) return;
        Result<std::string> next = numeric_binary(NumericOp::add, at, step);
        if (!next) {
            run.context.fail(std::move(next).error());
            return;
        }
        at = std::move(*next);
    }
}

void timestamp_series(const Run& run) {
    const Interval step = read_interval(run.args[2].as_bytes());
    const TimeZone* zone = run.types[0].id == TypeId::timestamptz ? run.labels.zone() : nullptr;
    const __int128 direction = interval_span(step);
    if (direction == 0) {
        run.context.fail("22023", zero_step);
        return;
    }
    std::int64_t at = run.args[0].as_integer();
    const std::int64_t end = run.args[1].as_integer();
    while (direction > 0 ? at <= end : at >= end) {
        if (!run.one(Datum::integer(at))) return;
        const Result<std::int64_t> next = add_interval(at, step, zone);
        if (!next) {
            run.context.fail(next.error());
            return;
        }
        // A step whose months and days cancel out, or an infinite start, would never end.
        if (direction > 0 ? *next <= at : *next >= at) return;
        at = *next;
    }
}

void series(const Run& run) {
    if (is_integer(run.types[0])) return integer_series(run);
    if (run.types[0].id == TypeId::numeric) return numeric_series(run);
    timestamp_series(run);
}

// ---- JSON ----

std::optional<JsonValue> document(const Run& run) {
    Result<JsonValue> value = parse_json(run.args[0].as_bytes(), run.types[0].id == TypeId::jsonb);
    if (value) return std::move(*value);
    run.context.fail(std::move(value).error());
    return {};
}

Datum shown(const Run& run, const JsonValue& value, bool text) {
    if (!text) return json_datum(value, run.context.arena);
    if (value.kind == JsonValue::Kind::null) return {};
    if (value.kind == JsonValue::Kind::string) return make_bytes(run.context, value.text);
    return json_datum(value, run.context.arena);
}

void elements(const Run& run, bool text) {
    const auto value = document(run);
    if (!value) return;
    if (value->kind != JsonValue::Kind::array) {
        run.context.fail("22023", value->scalar() ? "cannot extract elements from a scalar"
                                                  : "cannot extract elements from an object");
        return;
    }
    for (const JsonValue& item : value->items) {
        if (!run.one(shown(run, item, text))) return;
    }
}

void each(const Run& run, bool text) {
    const auto value = document(run);
    if (!value) return;
    if (value->kind != JsonValue::Kind::object) {
        run.context.fail("22023", std::string("cannot call ") + (text ? "jsonb_each_text" : "jsonb_each") +
                                      " on a non-object");
        return;
    }
    for (const auto& [key, item] : value->fields) {
        const Datum row[] = {make_bytes(run.context, key), shown(run, item, text)};
        if (!run.visit(row)) return;
    }
}

void object_keys(const Run& run) {
    const auto value = document(run);
    if (!value) return;
    if (value->kind != JsonValue::Kind::object) {
        run.context.fail("22023", std::string("cannot call jsonb_object_keys on ") +
                                      (value->scalar() ? "a scalar" : "an array"));
        return;
    }
    for (const auto& [key, item] : value->fields) {
        if (!run.one(make_bytes(run.context, key))) return;
    }
}

Result<Datum> column_value(const Run& run, const JsonValue& value, Type type);

// A JSON array as an SQL array: nested ones give dimensions, which must be alike.
Result<void> collect(const Run& run, const JsonValue& value, Type element, std::size_t depth,
                     std::vector<ArrayDimension>& shape, std::vector<Datum>& out) {
    const auto size = static_cast<std::int32_t>(value.items.size());
    if (depth == shape.size()) {
        if (depth == ArrayReader::dimensions_max || !out.empty())
            return fail(sqlstate::invalid_text_representation, "malformed JSON array");
        shape.push_back({size, 1});
    }
    if (shape[depth].size != size) {
        return std::unexpected(
            Error::make(sqlstate::invalid_text_representation, "malformed JSON array")
                .with_detail("Multidimensional arrays must have sub-arrays with matching dimensions."));
    }
    for (const JsonValue& item : value.items) {
        const bool nested =
            item.kind == JsonValue::Kind::array && element.id != TypeId::jsonb && element.id != TypeId::json;
        if (nested) {
            TRY_VOID(collect(run, item, element, depth + 1, shape, out));
            continue;
        }
        if (depth + 1 != shape.size())
            return fail(sqlstate::invalid_text_representation, "malformed JSON array");
        TRY(const Datum value_of, column_value(run, item, element));
        out.push_back(value_of);
    }
    return {};
}

Result<Datum> column_value(const Run& run, const JsonValue& value, Type type) {
    EvalContext& c = run.context;
    if (!type.array && (type.id == TypeId::json || type.id == TypeId::jsonb))
        return json_datum(value, c.arena);
    if (value.kind == JsonValue::Kind::null) return Datum();
    if (type.array && value.kind == JsonValue::Kind::array) {
        std::vector<ArrayDimension> shape;
        std::vector<Datum> items;
        TRY_VOID(collect(run, value, element_of(type), 0, shape, items));
        std::string out;
        write_array(type, shape, items, out);
        return Datum::bytes(c.arena.copy(out));
    }
    std::string text;
    if (value.kind == JsonValue::Kind::string) {
        text = value.text;
    } else {
        print_json(value, text);
    }
    return parse_text(type, text, c.arena, &run.labels);
}

void to_recordset(const Run& run) {
    const auto value = document(run);
    if (!value) return;
    if (value->kind != JsonValue::Kind::array) {
        run.context.fail("22023", "cannot call jsonb_to_recordset on " +
                                      std::string(value->scalar() ? "a scalar" : "an object"));
        return;
    }
    std::vector<Datum> row(run.columns.size());
    for (const JsonValue& item : value->items) {
        if (item.kind != JsonValue::Kind::object) {
            run.context.fail("22023", "argument of jsonb_to_recordset must be an array of objects");
            return;
        }
        for (std::size_t i = 0; i < row.size(); ++i) {
            const JsonValue* field = item.find(run.columns[i].name);
            row[i] = {};
            if (field == nullptr || (field->kind == JsonValue::Kind::null)) continue;
            Result<Datum> column = column_value(run, *field, run.columns[i].type);
            if (!column) {
                run.context.fail(std::move(column).error());
                return;
            }
            row[i] = *column;
        }
        if (!run.visit(row)) return;
    }
}

// ---- Text ----

void text_parts(const Run& run) {
    if (run.args[0].is_null()) return;
    for (const std::string_view part : split_text(run.args[0].as_bytes(), run.args[1])) {
        const bool is_null = run.args.size() > 2 && !run.args[2].is_null() && part == run.args[2].as_bytes();
        if (!run.one(is_null ? Datum() : Datum::bytes(part))) return;
    }
}

const Regex* regex_of(const Run& run, RegexFlags& flags) {
    if (run.args.size() > 2) {
        Result<RegexFlags> given = regex_flags(run.args[2].as_bytes());
        if (!given) {
            run.context.fail(std::move(given).error());
            return nullptr;
        }
        flags = *given;
    }
    return compiled_regex(run.context, run.args[1].as_bytes(), flags.options);
}
// Never without a place: matches are told by where they are.
std::string_view searched(const Run& run) {
    return run.args[0].as_bytes().empty() ? std::string_view("") : run.args[0].as_bytes();
}

void regexp_parts(const Run& run) {
    RegexFlags flags;
    const Regex* regex = regex_of(run, flags);
    if (regex == nullptr) return;
    if (flags.global) {
        run.context.fail("22023", "regexp_split_to_table() does not support the \"global\" option");
        return;
    }
    for (const std::string_view part : regex_split(*regex, searched(run)))
        if (!run.one(Datum::bytes(part))) return;
}

void regexp_rows(const Run& run) {
    RegexFlags flags;
    const Regex* regex = regex_of(run, flags);
    if (regex == nullptr) return;
    for (const RegexGroups& groups : regex_matches(*regex, searched(run), flags.global)) {
        std::vector<Datum> parts;
        for (std::size_t i = groups.size() > 1 ? 1 : 0; i < groups.size(); ++i) {
            parts.push_back(groups[i].data() == nullptr ? Datum() : Datum::bytes(groups[i]));
        }
        std::string out;
        write_array({TypeId::text, true}, parts, out);
        if (!run.one(make_bytes(run.context, out))) return;
    }
}

}  // namespace

// tidy: table
void run_table_function(EvalContext& context, TableFunc func, std::span<const Type> types,
                        std::span<const Datum> args, std::span<const TableColumn> columns,
                        FunctionRef<bool(std::span<const Datum>)> visit, const TimeZone* zone) {
    const Run run{context, func, types, args, columns, visit, {context.labels, zone, false}};
    const bool takes_null = func == TableFunc::unnest || func == TableFunc::string_to_table;
    for (const Datum& arg : args) {
        if (arg.is_null() && !takes_null) return;
    }
    switch (func) {
        case TableFunc::unnest:
            return unnest(run);
        case TableFunc::generate_series:
            return series(run);
        case TableFunc::generate_subscripts:
            return subscripts(run);
        case TableFunc::expandarray:
            return expand_array(run);
        case TableFunc::jsonb_to_recordset:
            return to_recordset(run);
        case TableFunc::jsonb_array_elements:
            return elements(run, false);
        case TableFunc::jsonb_array_elements_text:
            return elements(run, true);
        case TableFunc::jsonb_each:
            return each(run, false);
        case TableFunc::jsonb_each_text:
            return each(run, true);
        case TableFunc::jsonb_object_keys:
            return object_keys(run);
        case TableFunc::string_to_table:
            return text_parts(run);
        case TableFunc::regexp_split_to_table:
            return regexp_parts(run);
        case TableFunc::regexp_matches:
            return regexp_rows(run);
        case TableFunc::pg_partition_ancestors:  // the parts of a table are one table here
            return;
    }
}

}  // namespace anabranch::sql
