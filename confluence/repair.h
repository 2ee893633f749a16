// Repairs: changes of the schema after which a conflict is gone. Each is tried on a copy of the schema and
// analysed again before it is offered; one that moves the conflict elsewhere, or makes a new one, is not a
// repair.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "confluence/check.h"
#include "confluence/classify.h"
#include "confluence/escrow.h"

namespace anabranch::confluence {

class Repairer {
  public:
    Repairer(const smt::Analysis& analysis, const Classifier& classifier);
    // For one transaction and invariant in conflict.
    std::vector<Repair> repairs(std::uint32_t transaction, std::uint32_t invariant);

    struct Candidate {
        std::string kind, text;
        std::string change;  // names what apply() does, whichever transaction it is offered for
        std::function<void(catalog::Schema&)> apply;
    };

  private:
    void cascade(std::uint32_t invariant, std::vector<Candidate>& out) const;
    void key(std::uint32_t transaction, std::uint32_t invariant, std::vector<Candidate>& out) const;
    void group(std::uint32_t invariant, std::vector<Candidate>& out) const;
    void merge_max(std::uint32_t transaction, std::uint32_t invariant, std::vector<Candidate>& out) const;
    void escrow(std::uint32_t transaction, std::uint32_t invariant, std::vector<Repair>& out);
    bool verified(const Candidate& candidate, std::uint32_t transaction, std::uint32_t invariant);
    const std::set<EdgeKey>& edges_after(const Candidate& candidate, std::uint32_t invariant);
    std::string place(Span at) const;

    const smt::Analysis& analysis_;
    const catalog::Schema& schema_;
    const std::vector<Edge>& edges_;
    const bool inferred_;  // bounds helped the schema as it is: they may help its variants
    std::set<EdgeKey> known_;
    // One change may repair several transactions: it is analysed once, and so is one CHECK.
    std::map<std::string, std::set<EdgeKey>> after_;
    std::map<std::uint32_t, std::optional<EscrowCertificate>> certificates_;
};

}  // namespace anabranch::confluence
