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

// "bank.sql: 6 transactions, 9 invariants".
std::string counts_text(const Report& report);
// "3 free, 2 ordered, 1 read only".
std::string routes_text(const Report& report);
std::string route_meaning(catalog::Route route);
// "register together with low, high" for a column of a group of several.
std::string merge_text(const catalog::Table& table, std::uint32_t column);

}  // namespace anabranch::confluence
