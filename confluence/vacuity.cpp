#include "confluence/vacuity.h"

#include "confluence/access.h"
#include "confluence/history.h"
#include "confluence/initial.h"
#include "confluence/smt/pair.h"
#include "confluence/smt/single.h"
#include "confluence/wording.h"

namespace anabranch::confluence {

namespace {

using catalog::InvariantKind;

bool worth_asking(InvariantKind kind) {
    return kind == InvariantKind::check || kind == InvariantKind::assertion;
}

// Tables that transactions look into and nothing ever fills: mostly a procedure that was forgotten. No
// history from the real start then shows what the transactions that use them can do.
void find_always_empty(const smt::Analysis& analysis, std::vector<Vacuous>& out) {
    const catalog::Schema& schema = analysis.schema();
    for (const catalog::Transaction& transaction : schema.transactions)
        if (transaction.skipped) return;  // who knows what it inserts
    for (const auto& [table, rows] : initial_rows(schema)) {
        if (!rows.exact || !rows.rows.empty()) continue;
        std::vector<std::string> users;
        bool filled = false;
        for (std::uint32_t t = 0; t < schema.transactions.size(); ++t) {
            const auto& tables = analysis.access[t].tables;
            const auto use = tables.find(table);
            if (use == tables.end()) continue;
            filled |= use->second.inserts;
            users.push_back(schema.transactions[t].name);
        }
        if (!filled && !users.empty())
            out.push_back({schema.table(table).name,
                           "no transaction inserts into it, and the schema does not either: " +
                               join(users, ", ") + " will find it empty"});
    }
}

}  // namespace

std::vector<Vacuous> find_vacuous(const smt::Analysis& analysis, const std::set<std::uint32_t>& committed) {
    std::vector<Vacuous> out;
    const catalog::Schema& schema = analysis.schema();
    for (std::uint32_t i = 0; i < schema.invariants.size(); ++i) {
        const catalog::Invariant& invariant = schema.invariants[i];
        if (!worth_asking(invariant.kind) || smt::can_hold(analysis, i)) continue;
        const bool row = invariant.kind == InvariantKind::check;
        out.push_back(
            {invariant.name, row ? "no row without NULLs can satisfy it"
                                 : "it is violated as soon as there is a row in each table that it reads"});
    }
    if (!schema.assumed_transactions) {
        for (std::uint32_t t = 0; t < schema.transactions.size(); ++t) {
            const catalog::Transaction& transaction = schema.transactions[t];
            if (transaction.skipped || !analysis.access[t].writes_any() || committed.contains(t)) continue;
            smt::Pair pair(analysis, t, t, {});
            if (pair.commits() == smt::Answer::no) {
                out.push_back({transaction.display(),
                               "it can never commit: its guards and the invariants leave no state and no "
                               "arguments with which it succeeds"});
            }
        }
        find_always_empty(analysis, out);
    }
    World world(analysis.schema_ptr(), 1);
    if (const auto started = world.start(); !started) {
        const std::string& name = started.error().constraint;
        out.push_back({name.empty() ? std::string("initial rows") : name,
                       "the rows that the schema inserts fail: " + started.error().message});
    }
    return out;
}

}  // namespace anabranch::confluence
