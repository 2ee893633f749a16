#include "confluence/planning.h"

#include <algorithm>
#include <optional>
#include <set>

namespace anabranch::confluence {

catalog::Plan make_plan(const smt::Analysis& analysis, const Classifier& classifier) {
    const catalog::Schema& schema = analysis.schema();
    catalog::Plan plan;
    plan.schema_hash = schema.hash;
    for (std::uint32_t t = 0; t < schema.transactions.size(); ++t) {
        const catalog::Transaction& transaction = schema.transactions[t];
        catalog::PlannedTransaction planned;
        planned.name = transaction.display();
        // The order may be kept per key only by parameters that every conflict of the transaction needs.
        std::optional<std::set<std::uint32_t>> scope;
        for (const Edge& edge : classifier.edges()) {
            if (edge.first != t && edge.second != t) continue;
            std::set<std::uint32_t> own;
            for (const smt::Distinct& d : edge.scope) own.insert(edge.first == t ? d.first : d.second);
            if (!scope) {
                scope = own;
            } else {
                std::erase_if(*scope, [&](std::uint32_t p) { return !own.contains(p); });
            }
            const std::uint32_t partner = edge.first == t ? edge.second : edge.first;
            planned.reasons.push_back(
                "conflicts with " +
                (partner == t ? std::string("itself") : schema.transactions[partner].name) + " on " +
                schema.invariants[edge.invariant].name);
        }
        if (transaction.skipped) {
            planned.route = catalog::Route::skipped;
            planned.reasons.push_back("not analysed: " + *transaction.skipped);
        } else if (scope) {
            planned.route = catalog::Route::ordered;
            for (std::uint32_t p : *scope) planned.scope.push_back(transaction.parameters[p].name);
        } else if (!analysis.access[t].writes_any()) {
            planned.route = catalog::Route::read_only;
            planned.reasons.push_back("writes nothing");
        } else {
            planned.route = catalog::Route::free;
            planned.reasons.push_back("conflicts with nobody");
        }
        std::sort(planned.reasons.begin(), planned.reasons.end());
        planned.reasons.erase(std::unique(planned.reasons.begin(), planned.reasons.end()),
                              planned.reasons.end());
        plan.transactions.push_back(std::move(planned));
    }
    plan.assumptions = {
        "delivery is causal and a delta is applied whole or not at all",
        "a call commits only if its own result satisfies every invariant",
        "timestamps of a replica are greater than all it has seen",
        "identity values, gen_random_uuid() and merge.fresh parameters differ from every key ever made in "
        "their table",
        "ordered transactions run one after another on a state that holds all earlier ones",
        "nothing but the declared transactions, and statements checked against them, writes",
    };
    for (const std::string& bound : classifier.inferred())
        plan.assumptions.push_back("every reachable state has " + bound + " (proved by induction)");
    return plan;
}

}  // namespace anabranch::confluence
