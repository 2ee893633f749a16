// Aggregates, table functions, and what built-ins do beyond one call: NULLs, failures, the context.
#include <catch2/catch.hpp>

#include "lib/sql/array.h"
#include "lib/sql/builtin.h"
#include "lib/sql/evaluate.h"
#include "lib/sql/evaluate_aggregate.h"
#include "lib/sql/evaluate_table.h"
#include "lib/sql/record.h"

namespace anabranch::sql::function_test {
namespace {

constexpr Type int4{TypeId::int4};
constexpr Type int8{TypeId::int8};
constexpr Type text{TypeId::text};
constexpr Type boolean{TypeId::bool_};

class Fixture {
  public:
    Datum read(Type type, const char* value) {
        return value == nullptr ? Datum() : parse_text(type, value, arena).value();
    }
    std::string show(Type type, Datum value) {
        if (context.failed) return "!" + context.take_error().message;
        if (value.is_null()) return "NULL";
        std::string out;
        print_text(type, value, out);
        return out;
    }
    // The aggregate over one column of values.
    std::string aggregate(const char* name, Type type, const std::vector<const char*>& values) {
        const auto found = resolve_aggregate(name, std::vector{type}).value();
        Accumulator sum(found.func, found.args, found.result);
        for (const char* value : values) {
            const Datum datum = read(type, value);
            sum.add(context, &datum);
        }
        return show(found.result, sum.finish(context));
    }
    std::string rows(TableFunc func, const std::vector<Type>& types, const std::vector<const char*>& values,
                     const std::vector<TableColumn>& columns) {
        std::vector<Datum> args;
        for (std::size_t i = 0; i < types.size(); ++i) args.push_back(read(types[i], values[i]));
        std::string out;
        bool first = true;
        run_table_function(context, func, types, args, columns, [&](std::span<const Datum> row) {
            if (!first) out += "; ";
            first = false;
            for (std::size_t i = 0; i < row.size(); ++i) {
                if (i > 0) out += "|";
                out += show(columns[i].type, row[i]);
            }
            return out.size() < 200;
        });
        return context.failed ? "!" + context.take_error().message : out;
    }

    Arena arena;
    Random random{7};
    EvalContext context{arena, instant_2020(), &random};

  private:
    static Instant instant_2020() { return {1'577'934'245'000'000}; }  // 2020-01-02 03:04:05
};

TEST_CASE_METHOD(Fixture, "sums and averages have PostgreSQL's types and digits") {
    CHECK(aggregate("sum", int4, {"2147483647", "2147483647"}) == "4294967294");
    CHECK(aggregate("sum", int8, {"1", "2", "9223372036854775807"}) == "9223372036854775810");
    CHECK(aggregate("avg", int8, {"1", "2", "9223372036854775807"}) == "3074457345618258603");
    CHECK(aggregate("avg", int4, {"1", "2", "2"}) == "1.6666666666666667");
    CHECK(aggregate("sum", {TypeId::numeric}, {"1.5", "2.25", "3"}) == "6.75");
    CHECK(aggregate("avg", {TypeId::numeric}, {"1.5", "2.25", "3"}) == "2.2500000000000000");
    CHECK(aggregate("sum", {TypeId::numeric}, {"Infinity", "-Infinity"}) == "NaN");
    CHECK(aggregate("avg", {TypeId::float8}, {"0.1", "0.2", "0.3"}) == "0.20000000000000004");
    CHECK(aggregate("sum", {TypeId::float4}, {"0.1", "0.2", "0.3"}) == "0.6");
    CHECK(aggregate("sum", {TypeId::interval}, {"1 day", "2 mons", "03:00"}) == "2 mons 1 day 03:00:00");
    CHECK(aggregate("avg", {TypeId::interval}, {"1 day", "2 mons", "03:00"}) == "20 days 09:00:00");
    CHECK(aggregate("sum", {TypeId::float8}, {"1e308", "1e308"}) == "!value out of range: overflow");
}

TEST_CASE_METHOD(Fixture, "aggregates skip NULLs and are NULL over nothing, but for count and lists") {
    CHECK(aggregate("count", int4, {"1", nullptr, "3"}) == "2");
    CHECK(aggregate("count", int4, {}) == "0");
    for (const char* name : {"sum", "min", "max", "avg"}) {
        CAPTURE(name);
        CHECK(aggregate(name, int4, {}) == "NULL");
        CHECK(aggregate(name, int4, {nullptr, nullptr}) == "NULL");
    }
    CHECK(aggregate("min", text, {"b", nullptr, "a"}) == "a");
    CHECK(aggregate("max", {TypeId::numeric}, {"1.0", "NaN", "2"}) == "NaN");
    CHECK(aggregate("bool_and", boolean, {"t", nullptr, "f"}) == "f");
    CHECK(aggregate("bool_or", boolean, {"f", nullptr}) == "f");
    CHECK(aggregate("bit_and", int4, {"7", "5"}) == "5");
    CHECK(aggregate("array_agg", int4, {"1", nullptr, "3"}) == "{1,NULL,3}");
    CHECK(aggregate("array_agg", int4, {}) == "NULL");
    CHECK(aggregate("json_agg", int4, {"1", nullptr, "2"}) == "[1, null, 2]");
    CHECK(aggregate("jsonb_agg", text, {"a\"b"}) == "[\"a\\\"b\"]");
}

TEST_CASE_METHOD(Fixture, "count(*) counts rows; string_agg joins; array_agg of arrays gains a dimension") {
    Accumulator count(AggregateFunc::count, {}, int8);
    const Datum nothing;
    count.add(context, &nothing);
    count.add(context, nullptr);
    CHECK(count.finish(context).as_integer() == 2);

    const Type pair[] = {text, text};
    Accumulator joined(AggregateFunc::string_agg, pair, text);
    for (const char* part : {"a", "b", "c"}) {
        const Datum row[] = {Datum::bytes(part), Datum::bytes(", ")};
        joined.add(context, row);
    }
    const Datum skipped[] = {Datum(), Datum::bytes(", ")};
    joined.add(context, skipped);
    CHECK(joined.finish(context).as_bytes() == "a, b, c");

    const Type row_type{TypeId::int4, true};
    Accumulator matrix(AggregateFunc::array_agg, {&row_type, 1}, row_type);
    for (const char* row : {"{1,2}", "{2,3}"}) {
        const Datum value = read(row_type, row);
        matrix.add(context, &value);
    }
    CHECK(show(row_type, matrix.finish(context)) == "{{1,2},{2,3}}");
}

TEST_CASE_METHOD(Fixture, "json aggregates write as PostgreSQL writes") {
    const Type pair[] = {text, int4};
    Accumulator json(AggregateFunc::jsonb_object_agg, pair, {TypeId::json});
    Accumulator jsonb(AggregateFunc::jsonb_object_agg, pair, {TypeId::jsonb});
    const std::pair<const char*, std::int64_t> rows_of[] = {{"b", 1}, {"a", 2}};
    for (const auto& [key, value] : rows_of) {
        const Datum row[] = {Datum::bytes(key), Datum::integer(value)};
        json.add(context, row);
        jsonb.add(context, row);
    }
    CHECK(json.finish(context).as_bytes() == "{ \"b\" : 1, \"a\" : 2 }");
    CHECK(jsonb.finish(context).as_bytes() == "{\"a\": 2, \"b\": 1}");

    const RecordField fields[] = {{"x", int4, Datum::integer(1)}, {"y", text, Datum()}};
    std::string record;
    write_record(fields, record);
    const Type record_type{TypeId::record};
    Accumulator list(AggregateFunc::json_agg, {&record_type, 1}, {TypeId::json});
    const Datum value = Datum::bytes(record);
    list.add(context, &value);
    list.add(context, &value);
    CHECK(list.finish(context).as_bytes() == "[{\"x\":1,\"y\":null}, \n {\"x\":1,\"y\":null}]");
}

TEST_CASE_METHOD(Fixture, "unnest zips arrays and fills the shorter with NULLs") {
    const std::vector<Type> types = {{TypeId::int4, true}, {TypeId::text, true}};
    CHECK(rows(TableFunc::unnest, types, {"{1,2,3}", "{a,b}"}, {{"a", int4}, {"b", text}}) ==
          "1|a; 2|b; 3|NULL");
    CHECK(rows(TableFunc::unnest, {{TypeId::int4, true}}, {"{{1,2},{3,4}}"}, {{"a", int4}}) == "1; 2; 3; 4");
    CHECK(rows(TableFunc::unnest, {{TypeId::int4, true}}, {nullptr}, {{"a", int4}}).empty());
}

TEST_CASE_METHOD(Fixture, "generate_series counts up, down and through dates, and ends at the edges") {
    const auto series = [&](Type type, std::vector<const char*> values, Type step) {
        std::vector<Type> types = {type, type};
        if (values.size() == 3) types.push_back(step);
        return rows(TableFunc::generate_series, types, values, {{"n", type}});
    };
    CHECK(series(int4, {"1", "4"}, int4) == "1; 2; 3; 4");
    CHECK(series(int4, {"5", "1", "-2"}, int4) == "5; 3; 1");
    CHECK(series(int4, {"1", "3", "0"}, int4) == "!step size cannot equal zero");
    CHECK(series(int8, {"9223372036854775806", "9223372036854775807"}, int8) ==
          "9223372036854775806; 9223372036854775807");
    CHECK(series({TypeId::numeric}, {"1", "2", "0.5"}, {TypeId::numeric}) == "1; 1.5; 2.0");
    CHECK(series({TypeId::timestamp}, {"2020-01-31", "2020-04-01", "1 mon"}, {TypeId::interval}) ==
          "2020-01-31 00:00:00; 2020-02-29 00:00:00; 2020-03-29 00:00:00");
    CHECK(series(int4, {"1", "1000000000"}, int4).size() < 220);
}

TEST_CASE_METHOD(Fixture, "JSON documents become rows") {
    const Type jsonb{TypeId::jsonb};
    CHECK(rows(TableFunc::jsonb_to_recordset, {jsonb},
               {R"([{"sku":"a","q":2},{"sku":null,"q":"7","z":1},{"tags":["x","y"]}])"},
               {{"sku", text}, {"q", int4}, {"tags", {TypeId::text, true}}}) ==
          "a|2|NULL; NULL|7|NULL; NULL|NULL|{x,y}");
    CHECK(rows(TableFunc::jsonb_to_recordset, {jsonb}, {R"([{"q":"x"}])"}, {{"q", int4}}) ==
          "!invalid input syntax for type integer: \"x\"");
    CHECK(rows(TableFunc::jsonb_to_recordset, {jsonb}, {R"({"q":1})"}, {{"q", int4}}) ==
          "!cannot call jsonb_to_recordset on an object");
    CHECK(rows(TableFunc::jsonb_array_elements, {jsonb}, {R"([1,"a",null,{"b":2}])"}, {{"value", jsonb}}) ==
          "1; \"a\"; null; {\"b\": 2}");
    CHECK(rows(TableFunc::jsonb_array_elements_text, {jsonb}, {R"([1,"a",null])"}, {{"value", text}}) ==
          "1; a; NULL");
    CHECK(rows(TableFunc::jsonb_array_elements, {jsonb}, {"1"}, {{"value", jsonb}}) ==
          "!cannot extract elements from a scalar");
    CHECK(rows(TableFunc::jsonb_each, {jsonb}, {R"({"b":1,"a":"x"})"}, {{"key", text}, {"value", jsonb}}) ==
          "a|\"x\"; b|1");
    CHECK(rows(TableFunc::jsonb_each_text, {jsonb}, {R"({"a":"x"})"}, {{"key", text}, {"value", text}}) ==
          "a|x");
    CHECK(rows(TableFunc::jsonb_object_keys, {jsonb}, {R"({"b":1,"a":2})"}, {{"k", text}}) == "a; b");
}

TEST_CASE_METHOD(Fixture, "texts and arrays become rows") {
    CHECK(rows(TableFunc::regexp_split_to_table, {text, text}, {"hello world x", " "}, {{"p", text}}) ==
          "hello; world; x");
    CHECK(rows(TableFunc::regexp_split_to_table, {text, text}, {"abc", ""}, {{"p", text}}) == "a; b; c");
    CHECK(rows(TableFunc::regexp_split_to_table, {text, text}, {" a b ", "\\s*"}, {{"p", text}}) ==
          "; a; b; ");
    CHECK(rows(TableFunc::string_to_table, {text, text}, {"a,b", ","}, {{"p", text}}) == "a; b");
    CHECK(rows(TableFunc::regexp_matches, {text, text, text}, {"a1b2", "([a-z])([0-9])", "g"},
               {{"m", {TypeId::text, true}}}) == "{a,1}; {b,2}");
    CHECK(rows(TableFunc::generate_subscripts, {{TypeId::int4, true}, int4}, {"[0:2]={7,8,9}", "1"},
               {{"i", int4}}) == "0; 1; 2");
    CHECK(rows(TableFunc::expandarray, {{TypeId::int4, true}}, {"{7,8}"}, {{"x", int4}, {"n", int4}}) ==
          "7|1; 8|2");
}

TEST_CASE_METHOD(Fixture, "the first failure stays until it is taken") {
    const Type types[] = {int4, int4};
    const Datum zero[] = {Datum::integer(1), Datum::integer(0)};
    const Datum wide[] = {Datum::integer(INT32_MAX), Datum::integer(1)};
    const Builtin divide = Builtin::of(Func::div, types, int4);
    const Builtin add = Builtin::of(Func::add, types, int4);
    CHECK(divide(context, zero).is_null());
    CHECK(add(context, wide).is_null());
    REQUIRE(context.failed);
    const Error error = context.take_error();
    CHECK(error.sqlstate == "22012");
    CHECK(error.message == "division by zero");
    CHECK_FALSE(context.failed);
    CHECK(evaluate(context, Func::add, wide, types, int4).error().message == "integer out of range");
}

TEST_CASE_METHOD(Fixture, "x op ANY and ALL follow three-valued logic") {
    const Type array{TypeId::int4, true};
    const auto ask = [&](bool all, Func compare, Datum left, const char* right) {
        const Datum args[] = {left, read(array, right)};
        return show(boolean, Builtin::array_compare(compare, all, int4, array)(context, args));
    };
    CHECK(ask(false, Func::eq, Datum::integer(2), "{1,2}") == "t");
    CHECK(ask(false, Func::eq, Datum::integer(3), "{1,NULL}") == "NULL");
    CHECK(ask(false, Func::eq, Datum::integer(1), "{1,NULL}") == "t");
    CHECK(ask(false, Func::eq, Datum::integer(3), "{}") == "f");
    CHECK(ask(true, Func::gt, Datum::integer(3), "{}") == "t");
    CHECK(ask(true, Func::gt, Datum::integer(3), "{1,2}") == "t");
    CHECK(ask(true, Func::gt, Datum::integer(3), "{1,NULL}") == "NULL");
    CHECK(ask(true, Func::gt, Datum::integer(3), "{5,NULL}") == "f");
    CHECK(ask(false, Func::eq, Datum::integer(3), nullptr) == "NULL");
}

TEST_CASE_METHOD(Fixture, "choices among NULLs: coalesce, greatest, least, nullif, is distinct") {
    const Type types[] = {int4, int4, int4};
    const auto ask = [&](Func func, std::vector<Datum> args, Type result) {
        return show(result,
                    Builtin::of(func, std::span(types).first(args.size()), result)(context, args.data()));
    };
    const Datum null;
    const Datum one = Datum::integer(1);
    const Datum two = Datum::integer(2);
    CHECK(ask(Func::coalesce, {null, two, one}, int4) == "2");
    CHECK(ask(Func::greatest, {one, null, two}, int4) == "2");
    CHECK(ask(Func::least, {null, two, one}, int4) == "1");
    CHECK(ask(Func::least, {null, null}, int4) == "NULL");
    CHECK(ask(Func::nullif, {one, one}, int4) == "NULL");
    CHECK(ask(Func::nullif, {one, null}, int4) == "1");
    CHECK(ask(Func::is_distinct, {null, null}, boolean) == "f");
    CHECK(ask(Func::is_distinct, {one, null}, boolean) == "t");
    CHECK(ask(Func::is_not_distinct, {one, one}, boolean) == "t");
    CHECK(ask(Func::eq, {one, null}, boolean) == "NULL");
}

TEST_CASE_METHOD(Fixture, "time and random numbers come from the context alone") {
    CHECK(show({TypeId::timestamptz}, Builtin::of(Func::now, {}, {TypeId::timestamptz})(context, nullptr)) ==
          "2020-01-02 03:04:05+00");
    CHECK(show({TypeId::date}, Builtin::of(Func::current_date, {}, {TypeId::date})(context, nullptr)) ==
          "2020-01-02");
    const Builtin uuid = Builtin::of(Func::gen_random_uuid, {}, {TypeId::uuid});
    const std::string first = show({TypeId::uuid}, uuid(context, nullptr));
    const std::string second = show({TypeId::uuid}, uuid(context, nullptr));
    CHECK(first != second);
    CHECK(first[14] == '4');
    CHECK(std::string_view("89ab").find(first[19]) != std::string_view::npos);
    Random same(7);
    EvalContext again(arena, {}, &same);
    CHECK(show({TypeId::uuid}, uuid(again, nullptr)) == first);
    const Datum chance = Builtin::of(Func::random, {}, {TypeId::float8})(context, nullptr);
    CHECK(chance.as_floating() >= 0);
    CHECK(chance.as_floating() < 1);
}

TEST_CASE_METHOD(Fixture, "ARRAY and ROW build values of their parts") {
    const Type array{TypeId::int4, true};
    const Type items[] = {int4, int4};
    const Datum numbers[] = {Datum::integer(1), Datum()};
    CHECK(show(array, Builtin::array_of(items, array)(context, numbers)) == "{1,NULL}");
    const Type rows_of[] = {array, array};
    const Datum matrix[] = {read(array, "{1,2}"), read(array, "{3,4}")};
    CHECK(show(array, Builtin::array_of(rows_of, array)(context, matrix)) == "{{1,2},{3,4}}");
    const Datum ragged[] = {read(array, "{1,2}"), read(array, "{3}")};
    CHECK(show(array, Builtin::array_of(rows_of, array)(context, ragged)) ==
          "!multidimensional arrays must have array expressions with matching dimensions");
    const Type fields[] = {int4, text, text};
    const Datum row[] = {Datum::integer(1), Datum::bytes("a b"), Datum()};
    CHECK(show({TypeId::record}, Builtin::row_of(fields, {})(context, row)) == "(1,\"a b\",)");
}

TEST_CASE_METHOD(Fixture, "elements and slices of arrays") {
    const Type array{TypeId::int4, true};
    const auto at = [&](const char* value, std::vector<std::int64_t> subscripts) {
        std::vector<Type> types = {array};
        std::vector<Datum> args = {read(array, value)};
        for (const std::int64_t n : subscripts) {
            types.push_back(int4);
            args.push_back(Datum::integer(n));
        }
        return show(int4, Builtin::of(Func::array_element, types, int4)(context, args.data()));
    };
    CHECK(at("{7,8,9}", {2}) == "8");
    CHECK(at("{7,8,9}", {0}) == "NULL");
    CHECK(at("[0:2]={7,8,9}", {0}) == "7");
    CHECK(at("{{1,2},{3,4}}", {2, 1}) == "3");
    CHECK(at("{{1,2},{3,4}}", {2}) == "NULL");
    const Type types[] = {array, int4, int4};
    const Datum slice[] = {read(array, "{7,8,9}"), Datum::integer(2), Datum()};
    CHECK(show(array, Builtin::of(Func::array_slice, types, array)(context, slice)) == "{8,9}");
}

TEST_CASE_METHOD(Fixture, "a function the engine cannot run says so when it is run, not before") {
    const Type types[] = {text, int4};
    const Builtin unknown = Builtin::of(Func::uninterpreted, types, int4);
    CHECK_FALSE(unknown.supported());
    const Datum args[] = {Datum::bytes("f"), Datum::integer(1)};
    CHECK(unknown(context, args).is_null());
    CHECK(context.take_error().sqlstate == "0A000");
}

}  // namespace
}  // namespace anabranch::sql::function_test
