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
    void guard(std::uint32_t transaction, std::uint32_t invariant, std::vector<Repair>& out);
    void amount_guards(std::uint32_t transaction, std::uint32_t invariant,
                       const std::set<std::uint32_t>& parameters, std::vector<Repair>& out);
    void choice_guards(std::uint32_t transaction, std::uint32_t invariant,
                       const std::set<std::uint32_t>& parameters, std::vector<Repair>& out);
    std::string guard_text(const std::string& condition) const;
    void split(std::uint32_t transaction, std::vector<Repair>& out);
    std::optional<Repair> split_of(std::uint32_t transaction) const;
    bool verified(const Candidate& candidate, std::uint32_t transaction, std::uint32_t invariant);
    const std::set<EdgeKey>& edges_after(const Candidate& candidate, std::uint32_t invariant);

    using Change = std::function<void(catalog::Schema&)>;
    struct Question {
        std::set<std::uint32_t> transactions, invariants;  // pairs that these are part of; empty: all
        Classifier::Baseline baseline;
    };
    std::set<EdgeKey> edges_of(smt::Analysis& changed, Question question) const;
    // Whether in a changed schema the transactions asked about have no conflict but those that are not asked
    // about, and can run.
    bool frees(const Change& change, Question question) const;
    std::string line(Span at) const;
    std::string place(Span at) const;

    const smt::Analysis& analysis_;
    const catalog::Schema& schema_;
    const std::vector<Edge>& edges_;
    Classifier::Baseline baseline() const { return {{}, {}, inferred_, signs_}; }
    const bool inferred_, signs_;  // bounds, or signs, were found for the schema: they may help its variants
    std::set<EdgeKey> known_;
    // One change may repair several transactions: it is analysed once, and so is one CHECK.
    std::map<std::string, std::set<EdgeKey>> after_;
    std::map<std::uint32_t, std::optional<EscrowCertificate>> certificates_;
    std::map<std::uint32_t, std::optional<Repair>> splits_;
    std::map<std::string, bool> guarded_;
};

}  // namespace anabranch::confluence
