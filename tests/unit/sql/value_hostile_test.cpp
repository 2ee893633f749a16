// Bytes from a peer or a client may say anything: nothing here may crash, hang or read outside its input.
#include <catch2/catch.hpp>
#include <limits>

#include "lib/sql/builtin.h"
#include "lib/sql/evaluate.h"
#include "lib/sql/key.h"
#include "lib/sql/value.h"
#include "tests/support/property.h"

namespace anabranch::sql {
namespace {

std::vector<Type> all_types() {
    std::vector<Type> out;
    for (int id = 0; id <= static_cast<int>(TypeId::record); ++id) {
        out.push_back({static_cast<TypeId>(id)});
        out.push_back({static_cast<TypeId>(id), true});
    }
    return out;
}

std::string random_bytes(Random& random) {
    constexpr std::string_view likely = "0123456789-+.eE:,[](){}\"\\' \tTZNaInfyPYMDHSx";
    std::string out;
    const auto size = random.below(random.chance(0.1) ? 200 : 20);
    const bool binary = random.chance(0.4);
    for (std::uint64_t i = 0; i < size; ++i) {
        out += binary ? static_cast<char>(random.below(random.chance(0.5) ? 4 : 256))
                      : likely[random.below(likely.size())];
    }
    return out;
}

Datum random_datum(Random& random, Type type, const std::string& bytes) {
    if (random.chance(0.05)) return {};
    switch (storage_of(type)) {
        case Storage::integer:
            return Datum::integer(random.chance(0.5) ? static_cast<std::int64_t>(random.next())
                                                     : random.between(-3, 40));
        case Storage::floating: {
            constexpr double values[] = {0,
                                         -0.0,
                                         1,
                                         -1.5,
                                         1e308,
                                         -1e308,
                                         5e-324,
                                         1e18,
                                         std::numeric_limits<double>::infinity(),
                                         -std::numeric_limits<double>::infinity(),
                                         std::numeric_limits<double>::quiet_NaN()};
            return Datum::floating(values[random.below(std::size(values))]);
        }
        case Storage::bytes:
            return Datum::bytes(bytes);
    }
    return {};
}

TEST_CASE("any text is read or refused, for every type") {
    Arena arena;
    test::for_seeds(40, [&](Random& random) {
        for (const Type type : all_types()) {
            for (int i = 0; i < 20; ++i) {
                arena.reset();
                const std::string text = random_bytes(random);
                const auto value = parse_text(type, text, arena);
                if (!value) {
                    REQUIRE(value.error().sqlstate.size() == 5);
                    continue;
                }
                std::string printed;
                print_text(type, *value, printed);
                std::string key;
                encode_key_part(key, type, *value);
                // What is printed reads back as an equal value.
                const auto again = parse_text(type, printed, arena);
                CAPTURE(type_name(type), text, printed);
                if (type.id == TypeId::void_) continue;
                REQUIRE(again);
                REQUIRE(compare(type, *value, *again) == 0);
            }
        }
    });
}

TEST_CASE("any bytes are read or refused in binary, for every type") {
    Arena arena;
    test::for_seeds(40, [&](Random& random) {
        for (const Type type : all_types()) {
            for (int i = 0; i < 20; ++i) {
                arena.reset();
                const auto value = parse_binary(type, random_bytes(random), arena);
                if (!value) continue;
                std::string out;
                print_text(type, *value, out);
                print_binary(type, *value, out);
            }
        }
    });
}

TEST_CASE("ill-formed stored bytes print, compare and key as some value") {
    Arena arena;
    test::for_seeds(40, [&](Random& random) {
        for (const Type type : all_types()) {
            for (int i = 0; i < 10; ++i) {
                arena.reset();
                const std::string one = random_bytes(random);
                const std::string two = random_bytes(random);
                const Datum a = random_datum(random, type, one);
                const Datum b = random_datum(random, type, two);
                if (a.is_null() || b.is_null()) continue;
                std::string out;
                print_text(type, a, out);
                print_binary(type, a, out);
                encode_key_part(out, type, a);
                const int forth = compare(type, a, b);
                const int back = compare(type, b, a);
                REQUIRE((forth < 0) == (back > 0));
                const auto all = all_types();
                (void)cast(type, all[random.below(all.size())], a, arena);
            }
        }
    });
}

TEST_CASE("every function can be looked up on any types; what has no meaning is unsupported") {
    test::for_seeds(30, [&](Random& random) {
        const auto types = all_types();
        for (int func = 0; func <= static_cast<int>(Func::uninterpreted); ++func) {
            for (int i = 0; i < 6; ++i) {
                std::vector<Type> args(random.below(9));
                for (Type& type : args) type = types[random.below(types.size())];
                const Builtin found =
                    Builtin::of(static_cast<Func>(func), args, types[random.below(types.size())]);
                REQUIRE(found.kernel() != nullptr);
            }
        }
        CHECK_FALSE(Builtin::of(Func::uninterpreted, {}, types[0]).supported());
    });
}

// Every named function on arguments of its own types.
TEST_CASE("no function crashes on hostile values of the types it takes") {
    Arena arena;
    test::for_seeds(30, [&](Random& random) {
        EvalContext context(arena, {}, &random);
        std::vector<std::string_view> names = function_names();
        for (const std::string_view op : {"+",   "-",  "*",  "/",  "%",   "^",  "||", "~~", "~",  "->",
                                          "->>", "#>", "@>", "&&", "-|-", "<<", "=",  "<",  "#-", "?"}) {
            names.push_back(op);
        }
        const auto types = all_types();
        for (const std::string_view name : names) {
            for (int i = 0; i < 12; ++i) {
                arena.reset();
                const std::size_t count = random.below(5);
                std::vector<Type> given(count);
                for (Type& type : given)
                    type = random.chance(0.5) ? Type{TypeId::unknown} : types[random.below(types.size())];
                const bool is_operator = !((name[0] >= 'a' && name[0] <= 'z') || name[0] == '_');
                Resolution found;
                if (is_operator) {
                    if (count != 2) continue;
                    found = resolve_operator(name, given[0], given[1]);
                } else {
                    found = resolve_function(name, given);
                }
                if (found.match != Match::found) continue;
                std::vector<std::string> bytes(count);
                std::vector<Datum> values;
                for (std::size_t n = 0; n < count; ++n) {
                    bytes[n] = random_bytes(random);
                    const Type type = found.resolved.args[n];
                    const auto parsed = parse_text(type, bytes[n], arena);
                    values.push_back(parsed && random.chance(0.5) ? *parsed
                                                                  : random_datum(random, type, bytes[n]));
                }
                CAPTURE(name, bytes);
                const Datum value = Builtin::of(found.resolved.func, found.resolved.args,
                                                found.resolved.result)(context, values.data());
                if (context.failed) {
                    context.take_error();
                } else if (!value.is_null()) {
                    std::string out;
                    print_text(found.resolved.result, value, out);
                }
            }
        }
    });
}

TEST_CASE("deeply nested JSON and arrays are refused, not followed") {
    Arena arena;
    const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
    CHECK(parse_text({TypeId::jsonb}, deep, arena).error().sqlstate == "54001");
    const std::string braces = std::string(100'000, '{') + std::string(100'000, '}');
    CHECK(parse_text({TypeId::int4, true}, braces, arena).error().sqlstate == "54000");
}

TEST_CASE("huge results are refused before memory is") {
    Arena arena;
    EvalContext context(arena);
    const Type types[] = {{TypeId::text}, {TypeId::int4}};
    const Datum args[] = {Datum::bytes("0123456789"), Datum::integer(2147483647)};
    const auto repeated = evaluate(context, Func::repeat, args, types, {TypeId::text});
    REQUIRE_FALSE(repeated);
    CHECK(repeated.error().sqlstate == "54000");
    CHECK(evaluate(context, Func::lpad, args, types, {TypeId::text}).error().sqlstate == "54000");
    const Type numbers[] = {{TypeId::numeric}, {TypeId::numeric}};
    const Datum powers[] = {Datum::bytes("9"), Datum::bytes("2000000000")};
    CHECK(evaluate(context, Func::power, powers, numbers, {TypeId::numeric}).error().sqlstate == "22003");
}

TEST_CASE("a pattern that makes backtracking matchers explode is matched in linear time") {
    Arena arena;
    EvalContext context(arena);
    const std::string text(5000, 'a');
    const Type types[] = {{TypeId::text}, {TypeId::text}};
    const Datum regex[] = {Datum::bytes(text), Datum::bytes("^(a+)+$b")};
    CHECK_FALSE(evaluate(context, Func::regex_match, regex, types, {TypeId::bool_})->as_bool());
    const Datum like[] = {Datum::bytes(text), Datum::bytes("%a%a%a%a%a%a%a%a%a%b")};
    CHECK_FALSE(evaluate(context, Func::like, like, types, {TypeId::bool_})->as_bool());
    const Datum look_ahead[] = {Datum::bytes(text), Datum::bytes("a(?=b)")};
    CHECK(evaluate(context, Func::regex_match, look_ahead, types, {TypeId::bool_}).error().sqlstate ==
          "0A000");
}

}  // namespace
}  // namespace anabranch::sql
