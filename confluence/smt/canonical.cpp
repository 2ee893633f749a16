#include <bit>
#include <variant>

#include "confluence/smt/eval_query.h"
#include "confluence/walk.h"

namespace anabranch::confluence::smt {

using namespace sql;

namespace {

class Printer {
  public:
    Printer(Evaluator& evaluator, const Env& env, std::uint64_t local, Canonical& out)
        : evaluator_(evaluator), env_(env), local_(local), out_(out) {}

    bool print(const Expr& e) {
        bool subquery = false;
        const std::uint64_t rels = rels_of(e, &subquery);
        if ((rels & local_) == 0) {
            out_.text += '?';
            out_.args.push_back(evaluator_.expression(e, env_));
            return true;
        }
        if (subquery) return false;
        return std::visit([&](const auto& node) { return this->node(node); }, e.node);
    }

  private:
    bool list(const std::vector<ExprPtr>& list) {
        for (const ExprPtr& e : list) {
            if (!print(*e)) return false;
            out_.text += ',';
        }
        return true;
    }
    bool named(const std::string& name, const std::vector<ExprPtr>& args) {
        out_.text += name + '(';
        const bool ok = list(args);
        out_.text += ')';
        return ok;
    }
    bool node(const ColumnRef& ref) {
        if (ref.level != 0) return false;
        const std::uint64_t before = (std::uint64_t{1} << (ref.rel < 63 ? ref.rel : 63)) - 1;
        out_.text += "r" + std::to_string(std::popcount(local_ & before)) + "." + std::to_string(ref.column);
        out_.columns.insert({ref.rel, ref.column});
        return true;
    }
    bool node(const sql::Call& call) {
        // Equality reads the same from both sides: the rest's own column first.
        if (call.func == Func::eq && call.args.size() == 2) {
            const bool left = (rels_of(*call.args[0]) & local_) != 0;
            return named("f0", left ? call.args : std::vector<ExprPtr>{call.args[1], call.args[0]});
        }
        return named("f" + std::to_string(static_cast<int>(call.func)), call.args);
    }
    bool node(const Cast& cast) { return named("cast", {cast.arg}); }
    bool node(const Case& choice) {
        out_.text += "case(";
        for (const auto& branch : choice.branches) {
            if (!print(*branch.condition)) return false;
            out_.text += ':';
            if (!print(*branch.result)) return false;
            out_.text += ',';
        }
        if (choice.otherwise && !print(*choice.otherwise)) return false;
        out_.text += ')';
        return true;
    }
    bool node(const Logic& logic) {
        return named(logic.op == LogicOp::and_ ? "and" : logic.op == LogicOp::or_ ? "or" : "not", logic.args);
    }
    bool node(const Test& test) {
        return named("test" + std::to_string(static_cast<int>(test.op)), {test.arg});
    }
    bool node(const ArrayCompare& compare) {
        return named((compare.all ? "all" : "any") + std::to_string(static_cast<int>(compare.compare)),
                     {compare.left, compare.array});
    }
    bool node(const ArrayOf& array) { return named("array", array.items); }
    bool node(const RowOf& row) { return named("row", row.items); }
    bool node(const DomainCheck& check) { return print(*check.arg); }
    template <typename Other>
    bool node(const Other&) {
        return false;
    }

    Evaluator& evaluator_;
    const Env& env_;
    std::uint64_t local_;
    Canonical& out_;
};

}  // namespace

bool canonical(Evaluator& evaluator, const Expr& e, const Env& env, std::uint64_t local, Canonical& out) {
    return Printer(evaluator, env, local, out).print(e);
}

}  // namespace anabranch::confluence::smt
