// Histories: what clients do at replicas and what is delivered when. A witness is a history that ends in a
// violated invariant; the bounded search enumerates histories; `anabranch replay` runs one from a file. All
// run on the real executor and the real CRDT state (World), and are written in the scenario language
// (lib/scenario), so that anyone can repeat them.
//
// Replicas are a, b, c ... Each starts from the empty database plus the schema's own INSERTs, executed once
// and known to all.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "crdt/database.h"
#include "lib/base/error.h"
#include "lib/catalog/schema.h"
#include "lib/exec/engine.h"

namespace anabranch::confluence {

// An argument as SQL text ('ann', 12, NULL), or a name bound to what an earlier call generated or returned
// ($k): a witness must be able to use the key that the system made.
struct Argument {
    std::string text;
    friend bool operator==(const Argument&, const Argument&) = default;
};
struct CallStep {
    std::uint32_t replica = 0;        // 0 = a
    std::string transaction;          // declared name; empty: `statement` is run ad hoc
    std::vector<Argument> arguments;  // IN parameters in order
    std::string statement;
    // Names for generated values of rows this call inserts, in order of insertion: identity or
    // gen_random_uuid() key columns.
    std::vector<std::string> names;
    // Milliseconds to add to the replica's clock before the call: decides who writes last. May be negative
    // (clocks differ).
    std::int64_t clock_millis = 0;
    friend bool operator==(const CallStep&, const CallStep&) = default;
};
struct DeliverStep {  // everything `source` holds that `target` lacks, in causal order
    std::uint32_t source = 0, target = 0;
    friend bool operator==(const DeliverStep&, const DeliverStep&) = default;
};
struct DeliverAllStep {  // every replica ends with everything
    friend bool operator==(const DeliverAllStep&, const DeliverAllStep&) = default;
};
using Step = std::variant<CallStep, DeliverStep, DeliverAllStep>;

struct History {
    std::uint32_t replicas = 2;
    std::vector<Step> steps;
    friend bool operator==(const History&, const History&) = default;
};

// What happened at one step.
struct StepOutcome {
    bool refused = false;            // a call failed at its origin
    std::string error;               // its SQLSTATE and message when refused
    std::vector<std::string> wrote;  // "accounts(id=1): balance 100 -> 20", for the story
    std::string result;              // rows returned, one line
};
struct Lost {  // an acknowledged write that the merge threw away although its transaction depended on what it
               // read
    std::string invariant;  // lost_update(table.column)
    std::string text;
};
struct Replayed {
    std::vector<StepOutcome> steps;
    std::vector<std::vector<exec::Violation>> violations;  // per replica, at the end
    std::vector<Lost> lost;
    // After which step and at which replica the first violation appeared; -1 when none.
    std::int32_t violated_step = -1;
    std::uint32_t violated_replica = 0;
};

class Engine;  // engine.h

// Replicas of one schema in memory. Every world runs the same history in the same way: generated keys and
// dates included.
class World {
  public:
    World(catalog::SchemaPtr schema, std::uint32_t replicas);
    // Shares an engine with other worlds (not owned). A silent world leaves out what a story needs:
    // StepOutcome::wrote and result.
    World(Engine& engine, std::uint32_t replicas, bool silent = false);
    ~World();
    Result<void> start();  // runs the schema's INSERTs; error when they violate an invariant (vacuity)
    StepOutcome apply(const Step& step);
    const crdt::Database& state(std::uint32_t replica) const;
    std::vector<exec::Violation> violations(std::uint32_t replica) const;
    std::vector<Lost> lost() const;  // over all calls so far, delivered or not

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

// The key column of a table that the system fills: identity or gen_random_uuid(). What `names` in a CallStep
// stand for.
std::optional<std::uint32_t> generated_key(const catalog::Table& table);

Result<Replayed> replay(const catalog::SchemaPtr& schema, const History& history);
Result<Replayed> replay(Engine& engine, const History& history, bool silent = false);

// The scenario text of a history and back. `invariant` is the violated invariant's name; the text ends in
// `expect a violated NAME` (the replica at which it shows) or `expect lost NAME`.
std::string to_scenario(const catalog::Schema& schema, const History& history, std::uint32_t replica,
                        const std::string& invariant);
struct ParsedScenario {
    std::string schema_file;  // from the `schema FILE` line, may be empty
    History history;
    std::vector<std::string> expected;  // names of invariants expected to be violated or lost
};
Result<ParsedScenario> from_scenario(const std::string& name, const std::string& text);
// Runs a scenario and prints it: the story, what every replica holds in the end, and whether what the
// scenario expects came true.
struct PrintedReplay {
    std::string text;
    bool met = true;  // nothing expected: true
};
Result<PrintedReplay> replay_text(const catalog::SchemaPtr& schema, const ParsedScenario& scenario,
                                  std::size_t width = 100);
// Two columns, replica by replica, ending in the violated rows: one string a line.
std::vector<std::string> tell(const catalog::Schema& schema, const History& history, const Replayed& replayed,
                              std::size_t width = 100);

}  // namespace anabranch::confluence
