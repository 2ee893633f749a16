// The checker's front door: a schema in, a Report out. See README.md in this folder for the method and its
// proof.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "confluence/history.h"
#include "confluence/share.h"
#include "lib/catalog/plan.h"
#include "lib/catalog/schema.h"

namespace anabranch::confluence {

enum class Verdict : std::uint8_t { confluent, not_confluent, unknown };

struct Witness {
    History history;
    Replayed replayed;  // on the real executor, before it was accepted
    std::string scenario;
    std::vector<std::string> story;
};

// (transaction, with) may break the invariant when they run apart.
struct Conflict {
    std::uint32_t with = 0;  // index into Schema::transactions; may be the transaction itself
    struct Key {             // own parameter = the other's parameter, both by index into their parameters
        std::uint32_t own = 0, other = 0;
    };
    std::vector<Key> scope;          // all must be equal for the conflict to arise; empty = always possible
    std::optional<Witness> witness;  // present iff not_confluent
    std::string why;                 // one sentence
};

struct Repair {
    std::string kind;  // escrow, generated_key, cascade, group, on_conflict, merge_max, guard, split
    std::string text;  // what to change, with the exact line
};

struct Pair {
    std::uint32_t transaction = 0, invariant = 0;
    Verdict verdict = Verdict::unknown;
    std::string rule;    // "cannot touch", "monotone counter", "diamond proved (z3)", ...
    std::string reason;  // for people
    double millis = 0;
    std::vector<Conflict> conflicts;
    std::vector<Repair> repairs;
};

struct Vacuous {
    std::string subject;  // an invariant or a transaction
    std::string text;
};

struct Report {
    catalog::SchemaPtr schema;
    std::vector<Pair> pairs;  // every (transaction, invariant), by transaction then invariant
    catalog::Plan plan;
    std::vector<Vacuous> vacuous;
    std::vector<catalog::Warning> warnings;  // the schema's and the analysis's
    std::optional<Share> share;              // of a workload, when one was given (share.h)
    double millis = 0;
};

struct Options {
    std::string only_transaction, only_invariant;  // empty: all
    bool repairs = true;
    bool witnesses =
        true;  // find, replay and shrink one per conflict; without: not_confluent verdicts become unknown
    std::uint32_t search_depth =
        3;  // calls per history in the bounded search that confluent verdicts must survive
    std::uint64_t rlimit = 8'000'000;  // Z3's resource limit per query: reproducible, unlike a time limit
    // Called as pairs are decided; may be empty.
    std::function<void(std::size_t done, std::size_t total, const std::string& what)> progress;
    // At a time, at most; the report does not depend on it. `progress` is called by one at a time.
    std::size_t threads = 1;
    // Clock readings come from outside (this library is pure): microseconds, monotone; with several threads
    // each reads its own. May be empty: all millis are 0.
    std::function<std::int64_t()> clock_micros;
};

// Engines that disagree about a verdict are our bug: an Error XX000 with both arguments, never a report.
Result<Report> check(catalog::SchemaPtr schema, const Options& options = {});

// Reports (report*.cpp).
std::string to_text(const Report& report, std::size_t width, bool colour);
std::string to_json(const Report& report);  // design's contract
std::string to_html(const Report& report);  // one self-contained page

}  // namespace anabranch::confluence
