// What every report shows, in the order in which it shows it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "confluence/check.h"

namespace anabranch::confluence {

const char* name_of(catalog::Merge merge);  // as design has it: immutable columns are registers
const char* name_of(catalog::InvariantKind kind);
const char* name_of(Verdict verdict);

// "bank.sql:12:5"; the file alone when the line is not known.
std::string place_text(const Place& place);

// One conflict of two transactions on one invariant: the pair says it twice, a report tells it once.
struct ToldConflict {
    const Pair* pair = nullptr;
    const Conflict* conflict = nullptr;
};
std::vector<ToldConflict> conflicts_of(const Report& report, Verdict verdict);
// "withdraw and transfer", "withdraw and another withdraw".
std::string who(const Report& report, const ToldConflict& told);
// "They conflict only when account = payer."; empty when they always may.
std::string when(const Report& report, const ToldConflict& told);
// All repairs of the pairs that a told conflict stands for, each once.
std::vector<Repair> repairs_of(const Report& report, const ToldConflict& told);

// The verdict of a transaction on an invariant; confluent when the report was restricted and does not say.
const Pair* find_pair(const Report& report, std::uint32_t transaction, std::uint32_t invariant);

// A schema without declared transactions: which of its constraints would need coordination if several
// replicas accepted inserts, updates and deletes of single rows.
struct ToldNeed {
    std::uint32_t invariant = 0;
    bool proved = true;   // a history breaks it; else it is only not proved safe
    std::string anomaly;  // "two replicas can each accept a row with the same key"
    std::vector<Repair> repairs;
};
std::vector<ToldNeed> coordination_needs(const Report& report);
// What was assumed, and how many constraints need coordination.
std::string assumed_text();
std::string needs_text(const Report& report, std::size_t needs);

// What a large report leaves out: the invariants, transactions and columns that nothing is to be said about.
// Small ones are shown whole.
struct Shown {
    std::vector<std::uint32_t> invariants, transactions;
    std::size_t invariants_left_out = 0;    // kept by all transactions
    std::size_t transactions_left_out = 0;  // conflict with nobody
    bool all_columns = true;                // else only those that are more than a register by itself
    bool says(const catalog::Table& table, std::uint32_t column) const;
    bool lists(const catalog::PlannedTransaction& planned) const;
};
Shown shown_of(const Report& report);
std::string left_out_text(std::size_t invariants);
// What free and ordered mean, for whoever sees the words for the first time; empty when nothing is ordered.
std::string meaning_text(const Report& report);

// "bank.sql: 6 transactions, 9 invariants".
std::string counts_text(const Report& report);
// "3 free, 2 ordered, 1 read only".
std::string routes_text(const Report& report);
std::string route_meaning(catalog::Route route);
// Why it waits or is skipped; that a free one conflicts with nobody need not be said.
std::vector<std::string> reasons_of(const catalog::PlannedTransaction& planned);
// "register together with low, high" for a column of a group of several.
std::string merge_text(const catalog::Table& table, std::uint32_t column);

// A share as people read it: "20.0 %", "<0.1 %".
std::string percent(double part);
// What part of a workload waits, and how often calls meet: a title, and rows of a number and what it counts.
struct ToldShare {
    struct Row {
        std::string number, text;
    };
    std::string title;
    std::vector<Row> routes;
    std::string skew;  // empty without one
    std::vector<Row> meetings;
};
ToldShare tell_share(const Report& report);  // report.share must be present

}  // namespace anabranch::confluence
