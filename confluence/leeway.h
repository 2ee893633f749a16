// What statements that nobody declared may write beside the declared transactions. A proof that two of those
// may run apart uses facts that nobody falsifies: "the parent that was read stays", "this column is never
// lowered". Each ad-hoc statement may be harmless alone and two of them not, so what they may write is
// settled once for all of them and not one by one: the proofs are made again with everybody free to write
// whatever is within the leeway, and a statement that keeps within it can be judged without knowing the
// others.
//
// A property of the schema and its plan: every replica finds the same. Worked out on demand, the tables that
// transactions connect at once. Not thread-safe.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "confluence/smt/analysis.h"
#include "lib/catalog/plan.h"

namespace anabranch::confluence {

// Every write to every table.
Touches all_touches(const catalog::Schema& schema);
// The invariants that two transactions of the analysis may break together, by what they touch.
std::vector<std::uint32_t> obligations_of(const smt::Analysis& analysis, std::uint32_t first,
                                          std::uint32_t second);
// Whether the two keep all of these invariants when they run apart while others write anything of `others`.
bool keep_together(smt::Analysis& analysis, std::uint32_t first, std::uint32_t second,
                   const std::vector<std::uint32_t>& invariants, const Touches& others);

class Leeway {
  public:
    // Both outlive this.
    Leeway(const catalog::SchemaPtr& schema, const catalog::Plan& plan);

    // What may be written in a table; worked out for it and for all that transactions connect it with.
    const Touch& in(TableId table);
    // What anybody writes when all keep within the leeway. Exact for the tables that were asked for, more
    // than that elsewhere.
    Touches writes_of_all() const;
    // Transactions whose proofs leave less than everything in this table, for people; empty: none.
    std::string who_needs(TableId table) const;
    const smt::Analysis& analysis() const { return analysis_; }

  private:
    using PairKey = std::pair<std::uint32_t, std::uint32_t>;
    bool is_ordered(std::uint32_t transaction) const;
    std::set<TableId> connected(std::set<TableId> tables) const;
    std::set<TableId> relevant(PairKey key, const std::vector<std::uint32_t>& invariants) const;
    Touches with_declared(Touches touches) const;
    void settle(PairKey key);
    bool holds(PairKey key, const std::vector<std::uint32_t>& invariants, const Touches& others);
    Touches without_parents_going(const std::set<TableId>& tables) const;
    void grow(PairKey key, const std::vector<std::uint32_t>& invariants, TableId table, Touches& others);
    void narrow(PairKey key, const Touches& to);

    const catalog::Schema& schema_;
    const catalog::Plan& plan_;
    smt::Analysis analysis_;
    Touches declared_, everything_, leeway_;
    std::set<TableId> settled_;
    std::map<TableId, std::set<std::uint32_t>> needed_by_;
    std::size_t tries_ = 0;  // for the pair that is being settled
};

}  // namespace anabranch::confluence
