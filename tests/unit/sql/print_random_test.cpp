// Random expressions: whatever tree the parser can make, printing puts parentheses where PostgreSQL's grammar
// needs them.
#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "lib/sql/parse.h"
#include "lib/sql/print.h"
#include "tests/support/property.h"

using namespace anabranch;
using namespace anabranch::sql;
using ast::Expr;

namespace {

Expr made(Expr::Node node) {
    Expr out;
    out.node = std::move(node);
    return out;
}

ast::QualifiedName named(std::string name) {
    ast::QualifiedName out;
    out.name = std::move(name);
    return out;
}

// Makes only trees that the parser makes: a sign before a number belongs to the number, and AND does not
// begin with an AND.
class Generator {
  public:
    explicit Generator(Random& random) : random_(random) {}

    Expr any(int depth) {
        if (depth == 0) return leaf();
        switch (random_.below(18)) {
            case 0:
                return leaf();
            case 1:
                return unary(depth);
            case 2:
            case 3:
            case 4:
                return binary(depth);
            case 5:
            case 6:
                return logical(depth);
            case 7:
                return made(ast::Not{any(depth - 1)});
            case 8:
                return made(
                    ast::IsTest{static_cast<ast::TestKind>(random_.below(4)), coin(), any(depth - 1)});
            case 9:
                return made(ast::DistinctFrom{coin(), any(depth - 1), any(depth - 1)});
            case 10:
                return made(ast::Between{coin(), coin(), any(depth - 1), any(depth - 1), any(depth - 1)});
            case 11:
                return made(ast::InList{coin(), any(depth - 1), list(depth, 1)});
            case 12:
                return made(ast::QuantifiedArray{named(coin() ? "=" : "<"), ast::Quantifier::Any,
                                                 any(depth - 1), made(ast::Array{list(depth, 0)})});
            case 13:
                return made(ast::Cast{any(depth - 1), type()});
            case 14:
                return made(ast::Collate{any(depth - 1), named("C")});
            case 15:
                return choice(depth);
            case 16:
                return call(depth);
            default:
                return indexed(depth);
        }
    }

  private:
    bool coin() { return random_.below(2) == 0; }

    Expr leaf() {
        switch (random_.below(7)) {
            case 0:
                return made(ast::Literal{static_cast<std::int64_t>(random_.below(7)) - 3});
            case 1:
                return made(ast::Literal{std::string("it's")});
            case 2:
                return made(ast::Literal{ast::Null{}});
            case 3:
                return made(ast::Literal{ast::Number{coin() ? "1.5" : "-1.5"}});
            case 4:
                return made(ast::Parameter{1});
            case 5:
                return made(ast::Literal{coin()});
            default:
                return made(ast::ColumnRef{coin() ? std::vector<std::string>{"a"}
                                                  : std::vector<std::string>{"t", "Odd"}});
        }
    }

    static bool is_number(const Expr& expr) {
        const auto* literal = std::get_if<ast::Literal>(&expr.node);
        return literal != nullptr && (std::holds_alternative<std::int64_t>(literal->value) ||
                                      std::holds_alternative<ast::Number>(literal->value));
    }

    Expr unary(int depth) {
        static const std::vector<std::string> ops = {"-", "+", "~", "@"};
        const std::string op = ops[random_.below(ops.size())];
        Expr operand = any(depth - 1);
        if (op == "-" && is_number(operand)) return operand;
        return made(ast::UnaryOp{named(op), std::move(operand)});
    }

    Expr binary(int depth) {
        static const std::vector<std::string> ops = {"+",  "-", "*", "/",  "%",  "^",  "||",
                                                     "->", "=", "<", "<=", "<>", "~~", "@>"};
        return made(ast::BinaryOp{named(ops[random_.below(ops.size())]), any(depth - 1), any(depth - 1)});
    }

    Expr logical(int depth) {
        const auto kind = coin() ? ast::LogicalKind::And : ast::LogicalKind::Or;
        std::vector<Expr> operands = list(depth, 2);
        while (const auto* first = std::get_if<ast::Logical>(&operands[0].node)) {
            if (first->kind != kind) break;
            operands[0] = leaf();
        }
        return made(ast::Logical{kind, std::move(operands)});
    }

    std::vector<Expr> list(int depth, std::uint64_t least) {
        std::vector<Expr> out;
        for (std::uint64_t count = least + random_.below(2); count > 0; --count)
            out.push_back(any(depth - 1));
        return out;
    }

    ast::TypeName type() {
        ast::TypeName out;
        static const std::vector<std::string> names = {"int4", "text", "numeric", "timestamp", "char", "Odd"};
        out.name = named(names[random_.below(names.size())]);
        out.array_dimensions = static_cast<std::uint32_t>(random_.below(2));
        return out;
    }

    Expr choice(int depth) {
        ast::Case out;
        if (coin()) out.operand = any(depth - 1);
        out.whens.push_back({any(depth - 1), any(depth - 1)});
        if (coin()) out.otherwise = any(depth - 1);
        return made(std::move(out));
    }

    Expr call(int depth) {
        ast::FunctionCall out;
        static const std::vector<std::string> names = {"f", "coalesce", "position", "Odd"};
        out.name = named(names[random_.below(names.size())]);
        for (Expr& value : list(depth, 1)) {
            ast::Argument argument;
            argument.value = std::move(value);
            out.arguments.push_back(std::move(argument));
        }
        return made(std::move(out));
    }

    Expr indexed(int depth) {
        if (coin()) return made(ast::FieldAccess{any(depth - 1), "f"});
        ast::Subscript out;
        out.array = any(depth - 1);
        out.upper = any(depth - 1);
        out.slice = coin();
        if (out.slice) out.lower = any(depth - 1);
        return made(std::move(out));
    }

    Random& random_;
};

}  // namespace

TEST_CASE("Random expressions survive printing") {
    test::for_seeds(2000, [](Random& random) {
        const Expr expr = Generator(random).any(static_cast<int>(1 + random.below(4)));
        const std::string text = print(expr);
        CAPTURE(text);
        const auto statements = parse_statements("SELECT " + text, {.capped = false});
        if (!statements) {
            CAPTURE(statements.error().message);
            REQUIRE(statements.has_value());
        }
        const Expr& again =
            std::get<ast::Select>(std::get<ast::Query>(statements->at(0).node).body).items.at(0).expr;
        CAPTURE(print(again));
        const bool equal = again == expr;
        REQUIRE(equal);
    });
}
