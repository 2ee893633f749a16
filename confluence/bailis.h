// Table 2 of Bailis et al. 2015 (papers/bailis2015.md): kinds of invariants by kinds of operations, each cell
// as a small schema that the checker decides. Below some rows stand variants: what looks like the same cell
// and has another answer, or has the same answer for a reason that the row does not tell.
#pragma once

#include <span>
#include <string>

#include "confluence/check.h"

namespace anabranch::confluence {

struct TableCell {
    const char* number;     // "8"; "8a" is a variant of row 8
    const char* invariant;  // in the paper's words
    const char* operation;
    bool paper = false;  // does the paper's row say that no coordination is needed?
    bool ours = false;   // what the checker must say
    const char* about;   // the name of the invariant that is asked about; "" = all of the schema
    const char* remark;  // why a variant differs; what a row leaves open
    const char* schema;
    bool variant() const { return std::string(number).find_first_not_of("0123456789") != std::string::npos; }
};
std::span<const TableCell> bailis_table();

struct DecidedCell {
    Verdict verdict = Verdict::unknown;  // not_confluent if any pair is, unknown if any is and none conflicts
    std::string because;                 // the rule of the proof, or who conflicts with whom
    Report report;
};
Result<DecidedCell> decide(const TableCell& cell);

}  // namespace anabranch::confluence
