// EXPLAIN: plans as indented lines, one per node.
#include "lib/exec/compiled.h"
#include "lib/exec/engine.h"

namespace anabranch::exec {

namespace {

class Printer {
  public:
    explicit Printer(const Compiled& compiled) : compiled_(compiled), plans_(*compiled.plans) {}

    void statement(const StatementPlan& plan) {
        if (plan.query != nullptr) query(*plan.query, 0);
        if (plan.write != nullptr) write(*plan.write, 0);
    }
    void ctes() {
        for (const auto& cte : compiled_.program.ctes) {
            line(0, "CTE " + cte->name + (cte->recursive ? " (recursive)" : ""));
            if (cte->query != nullptr) query(*cte->query, 1);
            if (cte->again != nullptr) query(*cte->again, 1);
            if (cte->write != nullptr) write(*cte->write, 1);
        }
    }
    void subqueries() {
        for (const SubqueryPlan& plan : compiled_.program.subqueries) {
            line(0, std::string("Subquery") + (plan.correlated ? " per row"
                                               : plan.hashed   ? " once, hashed"
                                                               : " once"));
            query(*plan.query, 1);
        }
    }
    std::string text;

  private:
    void line(std::size_t depth, const std::string& what) {
        text += std::string(2 * depth, ' ') + what + '\n';
    }
    static std::string count(std::size_t n, const char* one, const char* many) {
        return std::to_string(n) + " " + (n == 1 ? one : many);
    }

    void query(const QueryPlan& plan, std::size_t depth) {
        if (plan.limit != no_expr || plan.offset != no_expr) line(depth++, "Limit");
        if (!plan.order.empty() && !plan.ordered)
            line(depth++, "Sort by " + count(plan.order.size(), "key", "keys"));
        if (plan.distinct || !plan.distinct_on.empty()) line(depth++, "Distinct");
        switch (plan.kind) {
            case QueryPlan::Kind::values:
                return line(depth, "Values: " + count(plan.values.size(), "row", "rows"));
            case QueryPlan::Kind::set:
                line(depth, set_name(plan.set_op));
                query(*plan.left, depth + 1);
                return query(*plan.right, depth + 1);
            case QueryPlan::Kind::select:
                break;
        }
        if (!plan.windows.empty())
            line(depth++, "Window: " + count(plan.windows.size(), "function", "functions"));
        if (plan.first_row_decides)
            line(depth++, "First row");
        else if (plan.grouped)
            line(depth++, plan.group_by.empty() ? "Aggregate"
                                                : "Group by " + count(plan.group_by.size(), "key", "keys"));
        group(plan.from, depth);
    }
    static std::string set_name(sql::SetOp op) {
        switch (op) {
            case sql::SetOp::union_:
                return "Union";
            case sql::SetOp::union_all:
                return "Union all";
            case sql::SetOp::intersect:
                return "Intersect";
            case sql::SetOp::intersect_all:
                return "Intersect all";
            case sql::SetOp::except:
                return "Except";
            case sql::SetOp::except_all:
                return "Except all";
            case sql::SetOp::none:
                break;
        }
        return {};
    }
    void write(const WritePlan& plan, std::size_t depth) {
        const std::string table = plans_.table(plan.table).table->display();
        switch (plan.kind) {
            case WritePlan::Kind::insert: {
                std::string what = "Insert into " + table;
                if (plan.on_conflict == sql::ConflictAction::nothing) what += ", on conflict nothing";
                if (plan.on_conflict == sql::ConflictAction::update) what += ", on conflict update";
                line(depth, what);
                if (plan.source != nullptr) query(*plan.source, depth + 1);
                return;
            }
            case WritePlan::Kind::update:
                line(depth, "Update " + table);
                break;
            case WritePlan::Kind::delete_:
                line(depth, "Delete from " + table);
                break;
        }
        group(plan.from, depth + 1);
    }
    void group(const Group& plan, std::size_t depth) {
        if (plan.steps.empty()) line(depth, plan.first.empty() ? "One row" : "One row, filtered");
        if (!plan.first.empty() && !plan.steps.empty()) line(depth++, "Condition once");
        for (const Step& step : plan.steps) {
            const std::string filter = step.filters.empty() ? "" : ", filtered";
            switch (step.kind) {
                case Step::Kind::leaf:
                    leaf(step.leaf, depth, filter);
                    break;
                case Step::Kind::outer:
                    line(depth, "Outer join" + filter);
                    group(*step.right, depth + 1);
                    break;
                case Step::Kind::full:
                    line(depth, "Full join" + filter);
                    group(*step.left, depth + 1);
                    group(*step.right, depth + 1);
                    break;
            }
            ++depth;  // the next step runs once for each row of this one
        }
    }
    void leaf(const Leaf& plan, std::size_t depth, std::string filter) {
        if (!plan.filters.empty()) filter = ", filtered";
        std::string how;
        if (plan.mode == Leaf::Mode::hashed) how = "Hash join with ";
        if (plan.mode == Leaf::Mode::stored) how = "Kept rows of ";
        switch (plan.source) {
            case Leaf::Source::table:
                return line(depth, how + access(plan) + filter);
            case Leaf::Source::virtual_table:
                return line(depth, how + "System view " + plan.name + filter);
            case Leaf::Source::cte:
                return line(depth, how + "CTE " + compiled_.program.ctes[plan.cte]->name + filter);
            case Leaf::Source::function:
                return line(depth, how + "Function " + plan.name + filter);
            case Leaf::Source::derived:
                line(depth, how + "Subquery " + plan.name + filter);
                return query(*plan.derived, depth + 1);
        }
    }
    std::string access(const Leaf& plan) const {
        const Access& a = plan.access;
        switch (a.kind) {
            case Access::Kind::full:
                return std::string("Scan ") + plan.name + (a.reverse ? " backwards" : "");
            case Access::Kind::point:
                return "Primary key lookup " + plan.name;
            case Access::Kind::touched:
            case Access::Kind::removed:
            case Access::Kind::added:
                return plan.name;
            case Access::Kind::index:
                break;
        }
        const IndexPlan& index = plans_.table(a.table).indexes[a.index.value];
        std::string out =
            std::string(a.unique ? "Unique lookup " : "Index scan ") + plan.name + " using " + index.name;
        if (!a.equal.empty()) out += ", " + count(a.equal.size(), "part", "parts") + " equal";
        if (!a.any.empty() || a.any_array != no_expr) out += ", any of several values";
        if (a.low != no_expr || a.high != no_expr) out += ", range";
        if (a.reverse) out += ", backwards";
        return out;
    }

    const Compiled& compiled_;
    const SchemaPlans& plans_;
};

}  // namespace

std::string explain(const Compiled& compiled) {
    Printer printer(compiled);
    for (const StatementPlan& plan : compiled.statements) printer.statement(plan);
    printer.ctes();
    printer.subqueries();
    return std::move(printer.text);
}

}  // namespace anabranch::exec
