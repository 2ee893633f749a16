#include "confluence/check.h"

#include <algorithm>
#include <map>
#include <set>

#include "confluence/classify.h"
#include "confluence/lanes.h"
#include "confluence/planning.h"
#include "confluence/repair.h"
#include "confluence/rules.h"
#include "confluence/seek.h"
#include "confluence/vacuity.h"

namespace anabranch::confluence {

namespace {

// Of a schema with very many pairs: up to so many pairs are listed where the transaction cannot touch the
// invariant, and so many transactions at most are searched for breaks together.
constexpr std::size_t listed_max = 250'000, contested_max = 100;

class Checker {
  public:
    Checker(catalog::SchemaPtr schema, const Options& options)
        : schema_(std::move(schema)),
          options_(options),
          analysis_(schema_),
          classifier_(analysis_, options.progress),
          seeker_(analysis_, classifier_, options) {
        analysis_.rlimit = static_cast<std::uint32_t>(std::min<std::uint64_t>(options.rlimit, UINT32_MAX));
    }

    Result<Report> run() {
        const std::int64_t start = now();
        report_.schema = schema_;
        report_.warnings = schema_->warnings;
        TRY_VOID(restrict());
        classifier_.clock = options_.clock_micros;
        const bool starts = World(schema_, 1).start().has_value();
        classifier_.threads = options_.threads;
        if (options_.witnesses && starts)
            classifier_.seek_witnesses = [&](std::vector<Edge>& edges) { seeker_.early(edges); };
        classifier_.run();
        if (options_.witnesses && starts) TRY_VOID(seeker_.late());
        list_pairs();
        Result<void> contested;
        run_lanes(2, options_.threads, [&](std::size_t lane) {
            if (lane == 0 && options_.repairs && !classifier_.large()) offer_repairs();
            if (lane == 1 && options_.witnesses && starts) contested = contest();
        });
        TRY_VOID(std::move(contested));
        if (classifier_.large()) warn_of_size();
        report_.plan = make_plan(analysis_, classifier_);
        report_.vacuous = find_vacuous(analysis_, seen_to_commit());
        report_.millis = static_cast<double>(now() - start) / 1000;
        return std::move(report_);
    }

  private:
    std::int64_t now() const { return options_.clock_micros ? options_.clock_micros() : 0; }

    // Transactions that commit in a story of the solver's or in a history of the search.
    std::set<std::uint32_t> seen_to_commit() const {
        std::set<std::uint32_t> out = seeker_.committed();
        for (const Edge& edge : classifier_.edges()) {
            if (edge.story) out.insert({edge.first, edge.second});
        }
        return out;
    }

    Result<void> restrict() {
        std::set<std::uint32_t> transactions, invariants;
        for (std::uint32_t i = 0; i < schema_->transactions.size(); ++i) {
            const auto& t = schema_->transactions[i];
            if (t.name == options_.only_transaction || t.display() == options_.only_transaction)
                transactions.insert(i);
        }
        for (std::uint32_t i = 0; i < schema_->invariants.size(); ++i) {
            if (schema_->invariants[i].name == options_.only_invariant) invariants.insert(i);
        }
        if (!options_.only_transaction.empty() && transactions.empty()) {
            return fail(Error::make(sqlstate::undefined_object,
                                    "there is no transaction \"" + options_.only_transaction + "\"")
                            .with_hint("The report without --transaction lists all of them."));
        }
        if (!options_.only_invariant.empty() && invariants.empty()) {
            return fail(Error::make(sqlstate::undefined_object,
                                    "there is no invariant \"" + options_.only_invariant + "\"")
                            .with_hint("The report without --invariant lists all of them."));
        }
        only_transactions_ = transactions;
        only_invariants_ = invariants;
        classifier_.only(transactions, invariants);
        return {};
    }

    // What was left out because there is so much.
    void warn_of_size() {
        const auto& edges = classifier_.edges();
        std::string text = "the schema is large: bounds and repairs are not sought, and facts are not traded";
        if (options_.witnesses && edges.size() > Seeker::large_max)
            text += "; witnesses are sought for the first " + std::to_string(Seeker::large_max) + " of " +
                    std::to_string(edges.size()) + " conflicts, the others are not proved either way";
        if (few_listed())
            text += "; pairs in which the transaction cannot touch the invariant are not listed";
        if (schema_->transactions.size() > contested_max) text += "; proofs were not contested by a search";
        report_.warnings.push_back({{}, text + ". --transaction or --invariant asks for all of one."});
    }
    bool few_listed() const { return schema_->transactions.size() * schema_->invariants.size() > listed_max; }

    Conflict conflict_of(const Edge& edge, std::uint32_t transaction) const {
        Conflict conflict;
        const bool forward = edge.first == transaction;
        conflict.with = forward ? edge.second : edge.first;
        for (const smt::Distinct& d : edge.scope) {
            conflict.scope.push_back(forward ? Conflict::Key{d.first, d.second}
                                             : Conflict::Key{d.second, d.first});
        }
        if (const Witness* witness = seeker_.witness(edge)) conflict.witness = *witness;
        conflict.why = why(*schema_, edge, transaction, conflict.witness.has_value());
        return conflict;
    }

    void list_pairs() {
        std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<const Edge*>> edges;
        for (const Edge& edge : classifier_.edges()) {
            edges[{edge.first, edge.invariant}].push_back(&edge);
            if (edge.first != edge.second) edges[{edge.second, edge.invariant}].push_back(&edge);
        }
        for (std::uint32_t t = 0; t < schema_->transactions.size(); ++t) {
            if (schema_->transactions[t].skipped) continue;
            if (!only_transactions_.empty() && !only_transactions_.contains(t)) continue;
            std::int64_t micros = 0;
            for (const auto& [pair, spent] : classifier_.micros) {
                if (pair.first == t || pair.second == t) micros += spent;
            }
            std::size_t asked = 0;
            for (std::uint32_t i = 0; i < schema_->invariants.size(); ++i) {
                if (!only_invariants_.empty() && !only_invariants_.contains(i)) continue;
                Pair pair;
                pair.transaction = t;
                pair.invariant = i;
                const auto found = edges.find({t, i});
                if (found == edges.end()) {
                    if (few_listed() && !may_touch(analysis_, t, i)) continue;
                    pair.verdict = Verdict::confluent;
                    const Rule rule = rule_of(analysis_, classifier_, t, i);
                    pair.rule = rule.name;
                    pair.reason = rule.reason;
                    if (rule.solver) ++asked;
                } else {
                    for (const Edge* edge : found->second) pair.conflicts.push_back(conflict_of(*edge, t));
                    const bool witnessed =
                        std::any_of(pair.conflicts.begin(), pair.conflicts.end(),
                                    [](const Conflict& c) { return c.witness.has_value(); });
                    pair.verdict = witnessed ? Verdict::not_confluent : Verdict::unknown;
                    pair.rule = witnessed ? "witness replayed" : "no proof and no witness";
                    pair.reason = pair.conflicts.front().why;
                    ++asked;
                }
                report_.pairs.push_back(std::move(pair));
            }
            // Time is measured per pair of transactions; it is shared out among the invariants that were
            // asked about.
            for (auto pair = report_.pairs.rbegin(); pair != report_.pairs.rend() && pair->transaction == t;
                 ++pair) {
                const bool solved = pair->verdict != Verdict::confluent ||
                                    rule_of(analysis_, classifier_, t, pair->invariant).solver;
                if (solved && asked > 0)
                    pair->millis = static_cast<double>(micros) / 1000 / static_cast<double>(asked);
            }
        }
    }

    void offer_repairs() {
        Repairer repairer(analysis_, classifier_);
        for (Pair& pair : report_.pairs) {
            if (!pair.conflicts.empty()) pair.repairs = repairer.repairs(pair.transaction, pair.invariant);
        }
    }

    // Every confluent verdict must survive a search of the real engine.
    Result<void> contest() {
        const std::size_t count = schema_->transactions.size();
        std::vector<std::vector<bool>> apart(count, std::vector<bool>(count, false));
        std::set<EdgeKey> known;
        std::set<std::pair<std::uint32_t, std::uint32_t>> conflicting;
        for (const Edge& edge : classifier_.edges()) {
            known.insert(key_of(edge));
            conflicting.insert({edge.first, edge.second});
        }
        bool any = false;
        for (std::uint32_t a = 0; a < count; ++a) {
            for (std::uint32_t b = 0; b < count; ++b) {
                const bool writes = analysis_.access[a].writes_any() && analysis_.access[b].writes_any();
                apart[a][b] = writes && classifier_.apart(a, b) && !conflicting.contains(std::minmax(a, b));
                any |= apart[a][b];
            }
        }
        if (!any || !only_transactions_.empty() || !only_invariants_.empty()) return {};
        if (classifier_.large() && count > contested_max) return {};
        TRY(const auto breaks, seeker_.breaks(apart));
        for (const Broken& broken : breaks) {
            const auto& invariant = schema_->invariants[broken.invariant];
            const std::string first = schema_->transactions[broken.first].name;
            const std::string second = schema_->transactions[broken.second].name;
            const Rule rule = rule_of(analysis_, classifier_, broken.first, broken.invariant);
            return fail(Error::make(sqlstate::internal_error, "two engines contest a verdict: " + first +
                                                                  " and " + second + " on " + invariant.name)
                            .with_detail("The analysis says confluent (" + rule.name + ": " + rule.reason +
                                         "), the search has a history:\n" + broken.witness.scenario)
                            .with_hint("This is a defect of anabranch; nothing was decided. Please report "
                                       "the schema and this text."));
        }
        return {};
    }

    catalog::SchemaPtr schema_;
    const Options& options_;
    smt::Analysis analysis_;
    Classifier classifier_;
    Seeker seeker_;
    std::set<std::uint32_t> only_transactions_, only_invariants_;
    Report report_;
};

}  // namespace

Result<Report> check(catalog::SchemaPtr schema, const Options& options) {
    Checker checker(std::move(schema), options);
    return checker.run();
}

}  // namespace anabranch::confluence
