// Every case of function_cases.txt: a call, a cast or an input, and what PostgreSQL 15 answers. The file is
// filled in by function_cases.py. One case per line, tab-separated: name, arguments as type:text, answer. The
// answer is =text, \N for NULL, or !SQLSTATE message. The name `::` is a cast to the type in the last
// argument; an argument of type `input` is an untyped literal. \\ \n \t stand for themselves, \N is NULL.
#include <catch2/catch.hpp>
#include <charconv>
#include <optional>

#include "lib/sql/builtin.h"
#include "lib/sql/evaluate.h"
#include "lib/sql/numeric.h"
#include "lib/sql/value.h"
#include "tests/support/files.h"
#include "tests/support/property.h"

namespace anabranch::sql {
namespace {

std::vector<std::string> split(const std::string& line, char by) {
    std::vector<std::string> out(1);
    for (const char c : line) {
        if (c == by) {
            out.emplace_back();
        } else {
            out.back() += c;
        }
    }
    return out;
}

std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char next = i + 1 < text.size() ? text[i + 1] : ' ';
        if (text[i] == '\\' && (next == '\\' || next == 'n' || next == 't')) {
            out += next == 'n' ? '\n' : next == 't' ? '\t' : '\\';
            ++i;
        } else {
            out += text[i];
        }
    }
    return out;
}

// numeric(5,2), varchar(3)[], int4
Type read_type(std::string text) {
    Type type;
    const bool array = text.size() > 2 && text.substr(text.size() - 2) == "[]";
    if (array) text.resize(text.size() - 2);
    std::vector<int> modifiers;
    if (const auto open = text.find('('); open != std::string::npos) {
        for (const std::string& n : split(text.substr(open + 1, text.size() - open - 2), ','))
            modifiers.push_back(std::stoi(n));
        text.resize(open);
    }
    type = builtin_type(text).value();
    type.array = array;
    if (modifiers.size() == 2) type.modifier = numeric_typmod(modifiers[0], modifiers[1]);
    if (modifiers.size() == 1)
        type.modifier =
            type.id == TypeId::varchar || type.id == TypeId::bpchar ? modifiers[0] + 4 : modifiers[0];
    return type;
}

struct Argument {
    Type type;
    Datum value;
};

class Cases {
  public:
    // The answer in the file's form.
    std::string answer(const std::vector<std::string>& parts) {
        arena_.reset();
        Result<Argument> out = parts[0] == "::" ? convert(parts) : call(parts);
        if (!out) return "!" + out.error().sqlstate + " " + out.error().message;
        if (out->value.is_null()) return "\\N";
        std::string text;
        print_text(out->type, out->value, text);
        return "=" + text;
    }

  private:
    Result<Argument> read(const std::string& text) {
        const auto colon = text.find(':');
        const std::string type = text.substr(0, colon);
        const std::string value = text.substr(colon + 1);
        if (type == "similar") {
            const Type types[] = {{TypeId::text}};
            const std::string pattern = unescape(value);
            const Datum args[] = {Datum::bytes(pattern)};
            TRY(const Datum regex, evaluate(context_, Func::similar_to_escape, args, types, {TypeId::text}));
            return Argument{{TypeId::text}, regex};
        }
        Argument out{read_type(type), {}};
        if (value == "\\N") return out;
        // 'text'::type is an explicit cast: it cuts where input fails.
        const bool limited = out.type.modifier >= 0;
        Type plain = out.type;
        plain.modifier = -1;
        TRY(out.value, parse_text(plain, unescape(value), arena_));
        if (limited) {
            TRY(out.value, cast(plain, out.type, out.value, arena_));
        }
        return out;
    }

    Result<Argument> convert(const std::vector<std::string>& parts) {
        const Type to = read_type(parts[2]);
        if (parts[1].starts_with("input:")) {
            Type plain = to;
            plain.modifier = -1;
            TRY(Datum value, parse_text(plain, unescape(parts[1].substr(6)), arena_));
            if (to.modifier >= 0) {
                TRY(value, cast(plain, to, value, arena_));
            }
            return Argument{to, value};
        }
        TRY(const Argument from, read(parts[1]));
        const Datum value = Builtin::cast(from.type, to)(context_, &from.value);
        if (context_.failed) return std::unexpected(context_.take_error());
        return Argument{to, value};
    }

    Result<Argument> call(const std::vector<std::string>& parts) {
        std::vector<Type> types;
        std::vector<Datum> values;
        for (std::size_t i = 1; i + 1 < parts.size(); ++i) {
            TRY(const Argument argument, read(parts[i]));
            types.push_back(argument.type);
            values.push_back(argument.value);
        }
        const bool is_operator = !(parts[0][0] >= 'a' && parts[0][0] <= 'z');
        const Resolution found = !is_operator        ? resolve_function(parts[0], types)
                                 : types.size() == 2 ? resolve_operator(parts[0], types[0], types[1])
                                                     : resolve_operator(parts[0], std::nullopt, types[0]);
        if (found.match != Match::found) return fail("42883", "function does not exist");
        for (std::size_t i = 0; i < types.size(); ++i) {
            values[i] = Builtin::cast(types[i], found.resolved.args[i], true)(context_, &values[i]);
        }
        const Builtin builtin = Builtin::of(found.resolved.func, found.resolved.args, found.resolved.result);
        const Datum value = builtin(context_, values.data());
        if (context_.failed) return std::unexpected(context_.take_error());
        return Argument{found.resolved.result, value};
    }

    Arena arena_;
    Random random_{1};
    EvalContext context_{arena_, {}, &random_};
};

TEST_CASE("built-ins, casts and inputs answer as PostgreSQL 15 does") {
    Cases cases;
    const char* path = std::getenv("ANABRANCH_FUNCTION_CASES");
    const std::string text =
        test::read_file(path != nullptr ? path : test::source_path("tests/unit/sql/function_cases.txt"));
    std::size_t wrong = 0;
    for (const std::string& line : split(text, '\n')) {
        if (line.empty() || line[0] == '#') continue;
        const std::vector<std::string> parts = split(line, '\t');
        const std::string expected = parts.back() == "\\N" ? parts.back() : unescape(parts.back());
        const std::string answer = cases.answer(parts);
        if (answer == expected) continue;
        ++wrong;
        UNSCOPED_INFO(line << "\n    ours: " << answer);
    }
    CHECK(wrong == 0);
}

}  // namespace
}  // namespace anabranch::sql
