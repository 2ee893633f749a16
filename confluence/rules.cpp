#include "confluence/rules.h"

#include <algorithm>

namespace anabranch::confluence {

using catalog::InvariantKind;

namespace {

// Words for what a kind of invariant needs to break, when nobody can supply it.
Rule nobody(const catalog::Invariant& invariant) {
    switch (invariant.kind) {
        case InvariantKind::not_null:
            return {"checked where written",
                    "every value is checked where it is written, and no merge makes a NULL", false};
        case InvariantKind::check:
            return {"one writer of a row",
                    "no other call can change the columns it reads in the same row at the same time", false};
        case InvariantKind::primary_key:
        case InvariantKind::unique:
            return {"keys are not added",
                    "a second row with the same key would have to be inserted or renamed by another call",
                    false};
        case InvariantKind::foreign_key:
            return {
                "parents stay or are answered",
                "no call adds a reference while another removes what it points to, or the merge answers it",
                false};
        case InvariantKind::exclude:
            return {"rows are not added", "a second overlapping row would have to come from another call",
                    false};
        case InvariantKind::assertion:
            return {"one writer", "no other call changes what the assertion reads", false};
        case InvariantKind::lost_update:
            return {"blind or alone", "no two calls update it, or none of them relies on what it held",
                    false};
    }
    return {};
}

}  // namespace

bool may_touch(const smt::Analysis& analysis, std::uint32_t transaction, std::uint32_t invariant) {
    for (const auto& [table, touch] : analysis.touches[transaction]) {
        const auto reads = analysis.invariant_reads[invariant].tables.find(table);
        if (reads == analysis.invariant_reads[invariant].tables.end()) continue;
        if (touch.appear || touch.vanish) return true;
        for (std::uint32_t c : touch.columns) {
            if (reads->second.reads.contains(c)) return true;
        }
    }
    return false;
}

Rule rule_of(const smt::Analysis& analysis, const Classifier& classifier, std::uint32_t transaction,
             std::uint32_t invariant) {
    const catalog::Schema& schema = analysis.schema();
    const catalog::Transaction& t = schema.transactions[transaction];
    if (!analysis.access[transaction].writes_any()) return {"reads only", t.name + " writes nothing", false};
    if (!may_touch(analysis, transaction, invariant))
        return {"cannot touch",
                t.name + " changes nothing that " + schema.invariants[invariant].name + " reads", false};
    const auto strongest = classifier.proof(transaction, invariant);
    if (!strongest) return nobody(schema.invariants[invariant]);
    switch (strongest->by) {
        case Proof::By::diamond:
            return {"diamond (z3)",
                    "whatever valid state two calls merge into, the merge is valid if each alone is", true};
        case Proof::By::stable_facts:
            return {"diamond with stable facts (z3)",
                    "the merge is valid by facts of the calls' origins that no concurrent call can falsify",
                    true};
        case Proof::By::bounds: {
            std::string bounds;
            for (const std::string& text : classifier.inferred())
                bounds += (bounds.empty() ? "" : ", ") + text;
            if (classifier.permanent_rows_used())
                bounds += std::string(bounds.empty() ? "" : ", ") + "the rows of the start that never go";
            return {"diamond with inferred bounds (z3)",
                    "the merge is valid in every state that can be reached: " + bounds, true};
        }
    }
    return {};
}

std::string why(const catalog::Schema& schema, const Edge& edge, std::uint32_t transaction, bool witnessed) {
    const std::string own = schema.transactions[transaction].name;
    const std::uint32_t partner = edge.first == transaction ? edge.second : edge.first;
    const std::string other = partner == transaction ? "another " + own : schema.transactions[partner].name;
    const catalog::Invariant& invariant = schema.invariants[edge.invariant];
    std::string text;
    if (invariant.kind == InvariantKind::lost_update) {
        text = own + " and " + other + " write " + invariant.text +
               " of one row, and one of them relies on the value it read";
    } else {
        text =
            own + " and " + other + " each keep " + invariant.name + " where they run, and break it together";
    }
    if (witnessed) return text + ".";
    if (edge.inexact)
        return text + ": not refuted, since something in it is not modelled exactly; no witness was found.";
    if (edge.story)
        return "The solver sees how " + text + ", but no history from the real start was found that does it.";
    return "Not proved, and no witness was found: " + text + ".";
}

}  // namespace anabranch::confluence
