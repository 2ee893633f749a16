// A witness for each conflict: which edges are searched, with what effort, in which order.
//
// Nearly every witness is found among the first hundred histories, and where searches found nothing the next
// ones hardly will. So every story gets a short search first, before anything is inferred for it: where one
// comes true nothing is left to be proved. What is left in the end gets a long one, the first edges most of
// it.
//
// Two searches at a time, each with an engine of its own, when there are two threads. What they find does not
// depend on that.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "confluence/classify.h"
#include "confluence/search.h"

namespace anabranch::confluence {

class Seeker {
  public:
    // Of a schema with very many pairs: for so many conflicts a witness is sought.
    static constexpr std::size_t large_max = 40;
    Seeker(const smt::Analysis& analysis, Classifier& classifier, const Options& options);
    // Stories of edges that were just found; sets `witnessed`.
    void early(std::vector<Edge>& edges);
    // All others that are left.
    Result<void> late();
    const Witness* witness(const Edge& edge) const;
    // Histories against all pairs that may run apart, from what the edges' models suggest.
    Result<std::vector<Broken>> breaks(const std::vector<std::vector<bool>>& apart);
    // Transactions of which some call was accepted.
    std::set<std::uint32_t> committed() const;

  private:
    static constexpr std::size_t at_a_time = 2;
    using Found = std::optional<Result<std::optional<Witness>>>;
    Seeds seeds_of(std::span<const Edge> edges) const;
    Seeds seeds_of(const Edge& edge) const;
    Search& search(std::size_t lane);
    SearchLimits effort() const;
    void seek(const std::vector<Edge*>& edges, const std::function<SearchLimits()>& limits);
    std::int64_t now() const { return options_.clock_micros ? options_.clock_micros() : 0; }

    const smt::Analysis& analysis_;
    const catalog::Schema& schema_;
    Classifier& classifier_;
    const Options& options_;
    std::array<std::unique_ptr<Search>, at_a_time> searches_;
    std::map<EdgeKey, Witness> witnesses_;
    std::map<EdgeKey, std::uint64_t> in_vain_;  // sought among so many histories, and not found
    std::optional<Error> failure_;
};

}  // namespace anabranch::confluence
