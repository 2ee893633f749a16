// Values in binary form, names of types, literals, order and keys. What text input, output and casts answer
// is in function_cases.txt.
#include "lib/sql/value.h"

#include <catch2/catch.hpp>
#include <limits>

#include "lib/base/bytes.h"
#include "lib/sql/array.h"
#include "lib/sql/builtin.h"
#include "lib/sql/key.h"
#include "lib/sql/numeric.h"
#include "lib/sql/record.h"
#include "tests/support/property.h"

namespace anabranch::sql {
namespace {

Type type_named(std::string name) {
    const bool array = name.ends_with("[]");
    if (array) name.resize(name.size() - 2);
    Type type = builtin_type(name).value();
    type.array = array;
    return type;
}

std::string text_of(Type type, Datum value) {
    std::string out;
    print_text(type, value, out);
    return out;
}

std::string from_hex(std::string_view digits) {
    std::string out;
    for (std::size_t i = 0; i < digits.size(); i += 2)
        out += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
    return out;
}

struct Sent {
    const char* type;
    const char* text;
    const char* bytes;  // what PostgreSQL's send function gives, in hex
};
// tidy: table
const Sent sent[] = {
    {"int2", "-2", "fffe"},
    {"int4", "5", "00000005"},
    {"int8", "-9223372036854775808", "8000000000000000"},
    {"float4", "1.5", "3fc00000"},
    {"float8", "-0.1", "bfb999999999999a"},
    {"numeric", "0", "0000000000000000"},
    {"numeric", "-12.50", "0002000040000002000c1388"},
    {"numeric", "10000", "00010001000000000001"},
    {"numeric", "0.0001", "0001ffff000000040001"},
    {"numeric", "123456789.987654321", "0006000200000009000109291a852694153803e8"},
    {"numeric", "NaN", "00000000c0000000"},
    {"numeric", "-Infinity", "00000000f0000020"},
    {"numeric", "0.00", "0000000000000002"},
    {"bool", "t", "01"},
    {"text", "é", "c3a9"},
    {"uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc999c0b4ef8bb6d6bb9bd380a11"},
    {"bytea", "\\x00ff", "00ff"},
    {"date", "2020-02-29", "00001cc4"},
    {"date", "infinity", "7fffffff"},
    {"time", "12:34:56.7", "0000000a8be4ca60"},
    {"timestamp", "2020-01-01 00:00:00", "00023e0786c26000"},
    {"timestamp", "-infinity", "8000000000000000"},
    {"timestamptz", "2019-12-31 23:00:00+00", "00023e06b02ebc00"},
    {"interval", "1 mon -2 days +03:00:00", "0000000283baec00fffffffe00000001"},
    {"jsonb", "{\"a\": 1}", "017b2261223a20317d"},
    {"json", "[1]", "5b315d"},
    {"oid", "4294967295", "ffffffff"},
    {"int4[]", "{1,NULL,3}",
     "00000001000000010000001700000003000000010000000400000001ffffffff0000000400000003"},
    {"int4[]", "{}", "000000000000000000000017"},
    {"int4[]", "[0:1][1:2]={{1,2},{3,4}}",
     "0000000200000000000000170000000200000000000000020000000100000004000000010000000400000002000000040000000"
     "30000000400000004"},
    {"text[]", "{a,\"\"}", "0000000100000000000000190000000200000001000000016100000000"},
    {"int4range", "[1,5)", "0200000004000000010000000400000005"},
    {"int4range", "empty", "01"},
    {"int4range", "(,)", "18"},
    {"numrange", "[1.5,2)", "020000000c0002000000000001000113880000000a00010000000000000002"},
    {"char", "a", "61"},
};

TEST_CASE("values travel in PostgreSQL's binary format and come back") {
    Arena arena;
    for (const Sent& s : sent) {
        CAPTURE(s.type, s.text);
        const Type type = type_named(s.type);
        const auto value = parse_text(type, s.text, arena);
        REQUIRE(value);
        std::string bytes;
        print_binary(type, *value, bytes);
        CHECK(hex(bytes) == s.bytes);
        const auto back = parse_binary(type, from_hex(s.bytes), arena);
        REQUIRE(back);
        CHECK(text_of(type, *back) == s.text);
        CHECK(identical(*back, *value));
    }
}

TEST_CASE("a binary value cut short or grown by a byte is refused") {
    Arena arena;
    for (const Sent& s : sent) {
        const std::string bytes = from_hex(s.bytes);
        const Type type = type_named(s.type);
        const bool free_size = type.id == TypeId::text || type.id == TypeId::bytea ||
                               type.id == TypeId::json || type.id == TypeId::jsonb;
        if (free_size && !type.array) continue;
        CAPTURE(s.type, s.text);
        if (!bytes.empty()) CHECK_FALSE(parse_binary(type, bytes.substr(0, bytes.size() - 1), arena));
        CHECK_FALSE(parse_binary(type, bytes + '\0', arena));
    }
}

TEST_CASE("types have PostgreSQL's names and numbers") {
    CHECK(type_name({TypeId::varchar, false, 24}) == "character varying(20)");
    CHECK(type_name({TypeId::bpchar, false, 8}) == "character(4)");
    CHECK(type_name({TypeId::bpchar}) == "bpchar");
    CHECK(type_name({TypeId::numeric, false, numeric_typmod(10, 2)}) == "numeric(10,2)");
    CHECK(type_name({TypeId::numeric, false, numeric_typmod(3, -2)}) == "numeric(3,-2)");
    CHECK(type_name({TypeId::timestamptz, false, 3}) == "timestamp(3) with time zone");
    CHECK(type_name({TypeId::int4, true}) == "integer[]");
    CHECK(oid_of({TypeId::int8}) == 20);
    CHECK(oid_of({TypeId::text, true}) == 1009);
    CHECK(oid_of({TypeId::enum_, false, -1, 3}) == 16390);
    CHECK(size_of({TypeId::uuid}) == 16);
    CHECK(size_of({TypeId::text}) == -1);
    for (int id = 1; id <= static_cast<int>(TypeId::record); ++id) {
        const Type type{static_cast<TypeId>(id)};
        if (type.id == TypeId::void_) continue;
        CHECK(type_of_oid(oid_of(type)) == type);
        CHECK(type_of_oid(oid_of({type.id, true})) == Type{type.id, true});
    }
}

struct Moods : EnumLabels {
    const std::string* label(std::uint32_t, std::int64_t ordinal) const override {
        static const std::string labels[] = {"sad", "ok", "happy day"};
        return ordinal >= 0 && ordinal < 3 ? &labels[ordinal] : nullptr;
    }
    std::int64_t ordinal(std::uint32_t, std::string_view wanted) const override {
        for (std::int64_t i = 0; i < 3; ++i) {
            if (*label(0, i) == wanted) return i;
        }
        return -1;
    }
    std::string enum_name(std::uint32_t) const override { return "mood"; }
};

TEST_CASE("enum values are read and printed by their labels, in arrays too") {
    const Moods moods;
    Arena arena;
    const Type mood{TypeId::enum_};
    const Type many{TypeId::enum_, true};
    CHECK(parse_text(mood, "ok", arena, &moods)->as_integer() == 1);
    const auto unknown = parse_text(mood, "angry", arena, &moods);
    REQUIRE_FALSE(unknown);
    CHECK(unknown.error().sqlstate == "22P02");
    CHECK(unknown.error().message == "invalid input value for enum mood: \"angry\"");
    const auto list = parse_text(many, "{ok,\"happy day\"}", arena, &moods);
    REQUIRE(list);
    std::string out;
    print_text(many, *list, out, &moods);
    CHECK(out == "{ok,\"happy day\"}");
    CHECK(print_literal(mood, Datum::integer(2), &moods) == "'happy day'::mood");
    CHECK(text_of(mood, Datum::integer(2)) == "2");
}

TEST_CASE("literals read back as the same value") {
    CHECK(print_literal({TypeId::text}, Datum::bytes("it's")) == "'it''s'");
    CHECK(print_literal({TypeId::int4}, Datum::integer(-12)) == "-12");
    CHECK(print_literal({TypeId::bool_}, Datum::boolean(true)) == "TRUE");
    CHECK(print_literal({TypeId::date}, Datum::integer(0)) == "'2000-01-01'::date");
    CHECK(print_literal({TypeId::numeric}, Datum::bytes("1.50")) == "1.50");
    CHECK(print_literal({TypeId::numeric}, Datum::bytes("NaN")) == "'NaN'::numeric");
    CHECK(print_literal({TypeId::uuid}, Datum::null()) == "NULL");
}

TEST_CASE("an assignment refuses text that a cast would cut") {
    Arena arena;
    const Type narrow{TypeId::varchar, false, 3 + 4};
    CHECK(cast({TypeId::text}, narrow, Datum::bytes("abcdef"), arena)->as_bytes() == "abc");
    const auto refused = cast({TypeId::text}, narrow, Datum::bytes("abcdef"), arena, nullptr, true);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().sqlstate == "22001");
    CHECK(refused.error().message == "value too long for type character varying(3)");
    CHECK(cast({TypeId::text}, narrow, Datum::bytes("abc   "), arena, nullptr, true)->as_bytes() == "abc");
}

TEST_CASE("text with a NUL or ill-formed UTF-8 is refused") {
    Arena arena;
    CHECK(parse_text({TypeId::text}, std::string_view("a\0b", 3), arena).error().sqlstate == "22021");
    CHECK(parse_text({TypeId::text}, "\xff", arena).error().sqlstate == "22021");
    CHECK(parse_text({TypeId::jsonb}, "\"\xc3\"", arena).error().sqlstate == "22021");
}

// ---- Keys ----

// Ascending in SQL's order; equal ones share a line.
const std::vector<std::pair<const char*, std::vector<std::vector<const char*>>>> ordered = {
    {"int8", {{"-9223372036854775808"}, {"-1"}, {"0"}, {"1"}, {"9223372036854775807"}}},
    {"bool", {{"f"}, {"t"}}},
    {"float8", {{"-Infinity"}, {"-1e300"}, {"-0.5"}, {"0", "-0"}, {"1e-300"}, {"2"}, {"Infinity"}, {"NaN"}}},
    {"numeric",
     {{"-Infinity"},
      {"-1e30"},
      {"-10.5"},
      {"-10"},
      {"-9.99", "-9.9900"},
      {"-0.001"},
      {"0", "0.00"},
      {"0.0001"},
      {"0.001"},
      {"0.01"},
      {"0.1", "0.10"},
      {"1", "1.0", "1.000"},
      {"1.0001"},
      {"1.01"},
      {"9"},
      {"10"},
      {"10.5"},
      {"100"},
      {"123456789012345678901234567890"},
      {"Infinity"},
      {"NaN"}}},
    {"text", {{""}, {"A"}, {"a"}, {"a "}, {"aa"}, {"ab"}, {"b"}, {"é"}}},
    {"bpchar", {{"a", "a ", "a   "}, {"a b"}, {"ab"}}},
    {"bytea", {{"\\x"}, {"\\x00"}, {"\\x0000"}, {"\\x0001"}, {"\\x00ff"}, {"\\x01"}, {"\\xff"}, {"\\xff00"}}},
    {"uuid",
     {{"00000000-0000-0000-0000-000000000000"},
      {"00000000-0000-0000-0000-000000000100"},
      {"ff000000-0000-0000-0000-000000000000"}}},
    {"date", {{"-infinity"}, {"0044-03-15 BC"}, {"2020-01-01"}, {"infinity"}}},
    {"timestamp", {{"-infinity"}, {"1999-12-31 23:59:59.999999"}, {"2000-01-01"}, {"infinity"}}},
    {"interval",
     {{"-1 mon"},
      {"-1 day"},
      {"0"},
      {"1 day", "24:00:00"},
      {"29 days 24:00", "1 mon", "30 days"},
      {"1 year"}}},
    {"int4[]", {{"{}"}, {"{1}"}, {"{1,1}"}, {"{1,2}"}, {"{1,2,0}"}, {"{1,NULL}"}, {"{2}"}, {"{NULL}"}}},
    {"text[]", {{"{}"}, {"{\"\"}"}, {"{a}"}, {"{a,b}"}, {"{b}"}}},
    {"int4range",
     {{"empty"}, {"(,1)"}, {"(,5)"}, {"(,)"}, {"[1,3)", "[1,2]"}, {"[1,5)"}, {"[1,)"}, {"[2,3)"}}},
    {"numrange", {{"empty"}, {"[1,2)"}, {"[1,2]"}, {"[1,3)"}, {"(1,2)"}, {"(1,2]"}}},
    {"jsonb",
     {{"[]"},
      {"null"},
      {"\"\""},
      {"\"a\""},
      {"\"b\""},
      {"-1"},
      {"1", "1.0"},
      {"2"},
      {"false"},
      {"true"},
      {"[1]"},
      {"[[]]"},
      {"[1, 2]"},
      {"{}"},
      {"{\"a\": 1}"},
      {"{\"b\": 1}"},
      {"{\"a\": 1, \"b\": 2}"}}},
};

std::string key_of(Type type, Datum value) {
    std::string out;
    encode_key_part(out, type, value);
    return out;
}

TEST_CASE("keys order values as SQL does, and equal values share one key") {
    for (const auto& [name, classes] : ordered) {
        Arena arena;
        const Type type = type_named(name);
        struct Entry {
            const char* text;
            std::size_t rank;
            Datum value;
        };
        std::vector<Entry> entries;
        for (std::size_t rank = 0; rank < classes.size(); ++rank) {
            for (const char* text : classes[rank])
                entries.push_back({text, rank, parse_text(type, text, arena).value()});
        }
        for (const Entry& a : entries) {
            CHECK(key_of(type, a.value) < key_of(type, Datum::null()));
            for (const Entry& b : entries) {
                CAPTURE(name, a.text, b.text);
                const int expected = a.rank < b.rank ? -1 : (a.rank > b.rank ? 1 : 0);
                const int by_key = key_of(type, a.value).compare(key_of(type, b.value));
                const int by_value = compare(type, a.value, b.value);
                CHECK((by_key < 0 ? -1 : (by_key > 0 ? 1 : 0)) == expected);
                CHECK((by_value < 0 ? -1 : (by_value > 0 ? 1 : 0)) == expected);
            }
        }
    }
}

TEST_CASE("parts of a key are told apart: (a, bc) is not (ab, c)") {
    const Type text{TypeId::text};
    std::string left;
    std::string right;
    encode_key_part(left, text, Datum::bytes("a"));
    encode_key_part(left, text, Datum::bytes("bc"));
    encode_key_part(right, text, Datum::bytes("ab"));
    encode_key_part(right, text, Datum::bytes("c"));
    CHECK(left < right);
    CHECK_FALSE(right.starts_with(key_of(text, Datum::bytes("a"))));
}

TEST_CASE("the successor of a prefix is above all keys that start with it") {
    CHECK(key_successor("ab") == "ac");
    CHECK(key_successor(std::string("a\xff", 2)) == "b");
    CHECK(key_successor(std::string("\xff\xff", 2)).empty());
}

TEST_CASE("random numbers have keys in numeric order") {
    test::for_seeds(20, [](Random& random) {
        std::vector<std::string> numbers;
        for (int i = 0; i < 60; ++i) {
            std::string digits = (random.chance(0.5) ? "-" : "") +
                                 std::to_string(random.below(random.chance(0.5) ? 1000 : 1'000'000'000));
            if (random.chance(0.6)) digits += "." + std::to_string(random.below(10000));
            if (random.chance(0.2)) digits += "e" + std::to_string(random.between(-30, 30));
            numbers.push_back(numeric_parse(digits).value());
        }
        for (const std::string& a : numbers) {
            for (const std::string& b : numbers) {
                CAPTURE(a, b);
                const int by_value = numeric_compare(a, b);
                const int by_key = key_of({TypeId::numeric}, Datum::bytes(a))
                                       .compare(key_of({TypeId::numeric}, Datum::bytes(b)));
                REQUIRE((by_key < 0) == (by_value < 0));
                REQUIRE((by_key == 0) == (by_value == 0));
            }
        }
    });
}

TEST_CASE("numeric arithmetic keeps the laws of exact numbers") {
    test::for_seeds(20, [](Random& random) {
        const auto number = [&] {
            std::string digits = random.chance(0.5) ? "-" : "";
            const auto length = 1 + random.below(30);
            for (std::uint64_t i = 0; i < length; ++i) digits += static_cast<char>('0' + random.below(10));
            if (random.chance(0.5)) digits += "." + std::to_string(random.below(1'000'000));
            return numeric_parse(digits).value();
        };
        for (int i = 0; i < 50; ++i) {
            const std::string a = number();
            const std::string b = number();
            const std::string c = number();
            CAPTURE(a, b, c);
            const auto add = [](const std::string& x, const std::string& y) {
                return numeric_binary(NumericOp::add, x, y).value();
            };
            const auto mul = [](const std::string& x, const std::string& y) {
                return numeric_binary(NumericOp::mul, x, y).value();
            };
            REQUIRE(numeric_compare(add(add(a, b), c), add(a, add(b, c))) == 0);
            REQUIRE(numeric_compare(mul(a, add(b, c)), add(mul(a, b), mul(a, c))) == 0);
            REQUIRE(numeric_binary(NumericOp::sub, add(a, b), b).value().starts_with(a));
            if (numeric_sign(b) == 0) continue;
            const std::string rest = numeric_binary(NumericOp::mod, a, b).value();
            REQUIRE(numeric_compare(numeric_abs(rest), numeric_abs(b)) < 0);
            std::string bytes;
            numeric_print_binary(a, bytes);
            REQUIRE(numeric_parse_binary(bytes).value() == a);
        }
    });
}

}  // namespace
}  // namespace anabranch::sql
