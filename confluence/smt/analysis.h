// What all pairs of one schema share: touches, constants, inferred bounds, budget. Built once, then read
// only, but for the lane: its solver and the patience that is left.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "confluence/access.h"
#include "lib/catalog/schema.h"

namespace anabranch::confluence::smt {

class Constants;
struct SolverContext;

// A bound on one column of every visible row, or its constants.
struct Bound {
    TableId table;
    std::uint32_t column = 0;
    enum class Op : std::uint8_t { at_least, at_most, one_of } op = Op::at_least;
    std::int64_t bound = 0;
    std::vector<sql::Const> values;  // one_of
    std::string text;                // "x >= 0"
};

// A row that is in every state, with these values in columns that never change.
struct PermanentRow {
    TableId table;
    std::vector<std::pair<std::uint32_t, sql::Const>> cells;
};

// "What statement so-and-so read is never negative": by the name of the value within its call.
struct ReadSign {
    std::string value;
    bool at_least_zero = false, at_most_zero = false;
};

// How much of the budget a pair of transactions still gets: one that has run out of it once will again, and
// its next questions get a small part of it. Counts answers, never time, so that verdicts are reproducible.
class Patience {
  public:
    static constexpr std::uint32_t share = 6;
    std::uint32_t limit(std::uint32_t first, std::uint32_t second, std::uint32_t whole) const {
        return undecided_.contains({first, second}) ? std::max(1U, whole / share) : whole;  // 0: no limit
    }
    bool ended(std::uint32_t first, std::uint32_t second) const {
        return undecided_.contains({first, second});
    }
    void undecided(std::uint32_t first, std::uint32_t second) { ++undecided_[{first, second}]; }
    void add(const Patience& other) {
        for (const auto& [pair, count] : other.undecided_) undecided_[pair] += count;
    }
    bool exhausted(std::uint32_t first, std::uint32_t second) const {
        const auto found = undecided_.find({first, second});
        return found != undecided_.end() && found->second >= undecided_max;
    }

  private:
    static constexpr std::uint32_t undecided_max = 4;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> undecided_;
};

// What the questions share that are asked one after another. Lanes share nothing that changes, so that
// several can be asked at the same time. A lane outlives the pairs that are asked in it.
struct Lane {
    std::shared_ptr<SolverContext> context;
    Patience patience;
    void open();  // makes the context, unless there is one
};

class Analysis {
  public:
    // `lender` shares its solver context: for variants of one schema, analysed one after another.
    explicit Analysis(catalog::SchemaPtr schema, const Analysis* lender = nullptr);
    ~Analysis();

    const catalog::Schema& schema() const { return *schema_; }
    const catalog::SchemaPtr& schema_ptr() const { return schema_; }
    const Constants& constants() const { return *constants_; }
    SolverContext& context() const { return *lane_.context; }
    // Of all that is asked one after another.
    Lane& lane() const { return lane_; }
    // Per transaction; empty touches for skipped and read-only ones.
    std::vector<Access> access;
    std::vector<Touches> touches;
    Touches touched;                         // by anybody: the union of all touches
    std::vector<Access> invariant_reads;     // per invariant
    std::vector<std::uint32_t> rows_needed;  // per transaction: rows that a call hits or reads one by one
    std::vector<std::map<TableId, std::uint32_t>> violation_rows;  // per invariant: rows_of_violation()
    std::set<TableId>
        claimed;  // a transaction makes rows of it by a plain INSERT (the rows of the start are known to all)
    std::vector<Bound> bounds;  // candidates; which are proved is the caller's knowledge
    std::vector<PermanentRow> permanent;
    std::map<std::uint32_t, std::vector<ReadSign>> read_signs;  // per transaction
    bool use_permanent = false;
    std::optional<std::uint32_t>
        unassumed;  // an invariant that is asked about and may not be assumed of any state
    std::uint32_t rlimit = 8'000'000;
    std::uint32_t extra_slots = 0;  // tests: adding slots changes no verdict

  private:
    catalog::SchemaPtr schema_;
    std::unique_ptr<Constants> constants_;
    mutable Lane lane_;
};

}  // namespace anabranch::confluence::smt
