#include "confluence/check.h"

#include <algorithm>
#include <map>
#include <set>

#include "confluence/classify.h"
#include "confluence/planning.h"
#include "confluence/repair.h"
#include "confluence/rules.h"
#include "confluence/search.h"
#include "confluence/vacuity.h"

namespace anabranch::confluence {

namespace {

// Of a schema with very many pairs: for so many conflicts a witness is sought, up to so many pairs are listed
// where the transaction cannot touch the invariant, and so many transactions at most are searched for breaks
// together.
constexpr std::size_t large_witnesses_max = 40, listed_max = 250'000, contested_max = 100;

class Checker {
  public:
    Checker(catalog::SchemaPtr schema, const Options& options)
        : schema_(std::move(schema)),
          options_(options),
          analysis_(schema_),
          classifier_(analysis_, options.progress) {
        analysis_.rlimit = static_cast<std::uint32_t>(std::min<std::uint64_t>(options.rlimit, UINT32_MAX));
    }

    Result<Report> run() {
        const std::int64_t start = now();
        report_.schema = schema_;
        report_.warnings = schema_->warnings;
        TRY_VOID(restrict());
        classifier_.clock = options_.clock_micros;
        const bool starts = World(schema_, 1).start().has_value();
        if (options_.witnesses && starts)
            classifier_.seek_witnesses = [&](std::vector<Edge>& edges) { seek_early(edges); };
        classifier_.run();
        if (failure_) return fail(std::move(*failure_));
        if (options_.witnesses && starts) TRY_VOID(seek_witnesses());
        list_pairs();
        if (options_.repairs && !classifier_.large()) offer_repairs();
        if (classifier_.large()) warn_of_size();
        report_.plan = make_plan(analysis_, classifier_);
        if (options_.witnesses && starts) TRY_VOID(contest());
        report_.vacuous = find_vacuous(analysis_, seen_to_commit());
        report_.millis = static_cast<double>(now() - start) / 1000;
        return std::move(report_);
    }

  private:
    std::int64_t now() const { return options_.clock_micros ? options_.clock_micros() : 0; }

    // Transactions that commit in a story of the solver's or in a history of the search.
    std::set<std::uint32_t> seen_to_commit() const {
        std::set<std::uint32_t> out;
        if (search_) out = search_->counts().committed;
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

    // What the solver's models suggest, per edge.
    Seeds seeds_of(const Edge& edge) const {
        Seeds seeds;
        seeds.values.resize(schema_->transactions.size());
        for (const SuggestedCall& call : edge.calls) add_values(seeds, call);
        seeds.apart = edge.calls;
        for (std::uint32_t t = 0; t < schema_->transactions.size(); ++t) {
            if (analysis_.access[t].writes_any()) seeds.builders.push_back(t);
        }
        const auto useful = [&](std::uint32_t t) {
            const auto& reads = analysis_.invariant_reads[edge.invariant].tables;
            return std::any_of(
                analysis_.touches[t].begin(), analysis_.touches[t].end(), [&](const auto& entry) {
                    const auto wants = [&](std::uint32_t u) {
                        return analysis_.access[u].tables.contains(entry.first);
                    };
                    return reads.contains(entry.first) || wants(edge.first) || wants(edge.second);
                });
        };
        if (classifier_.large()) std::erase_if(seeds.builders, [&](std::uint32_t t) { return !useful(t); });
        std::stable_sort(seeds.builders.begin(), seeds.builders.end(),
                         [&](std::uint32_t a, std::uint32_t b) { return useful(a) && !useful(b); });
        return seeds;
    }

    static void add_values(Seeds& seeds, const SuggestedCall& call) {
        auto& lists = seeds.values[call.transaction];
        lists.resize(std::max(lists.size(), call.arguments.size()));
        for (std::size_t i = 0; i < call.arguments.size(); ++i) {
            auto& list = lists[i];
            if (!call.arguments[i].empty() &&
                std::find(list.begin(), list.end(), call.arguments[i]) == list.end())
                list.push_back(call.arguments[i]);
        }
    }

    // Where searches found nothing the next ones will hardly: they get a part of the effort, then a small
    // one.
    SearchLimits effort() const {
        constexpr SearchLimits half{3, 3, 2, 8'000, 24, 12, 128}, less{3, 3, 2, 2'000, 8, 8, 64};
        if (classifier_.large() || in_vain_.size() > 1) return less;
        return in_vain_.empty() ? SearchLimits{} : half;
    }

    Result<bool> seek_witness(const Edge& edge) {
        if (!search_) search_ = std::make_unique<Search>(schema_);
        const std::int64_t start = now();
        const SearchLimits limits = effort();
        TRY(auto found,
            search_->find_witness(edge.invariant, edge.first, edge.second, seeds_of(edge), limits));
        classifier_.micros[{edge.first, edge.second}] += now() - start;
        if (found)
            witnesses_.emplace(key_of(edge), std::move(*found));
        else
            in_vain_[key_of(edge)] = limits.histories_max;
        return witnesses_.contains(key_of(edge));
    }

    // Stories first: where one comes true nothing is left to be proved.
    void seek_early(std::vector<Edge>& edges) {
        for (Edge& edge : edges) {
            if (!edge.story) continue;
            auto found = seek_witness(edge);
            if (!found) {
                failure_ = std::move(found).error();
                return;
            }
            edge.witnessed = *found;
        }
    }

    Result<void> seek_witnesses() {
        std::set<EdgeKey> left;
        for (const Edge& edge : classifier_.edges()) left.insert(key_of(edge));
        // What was proved since then is no reason to be tired.
        std::erase_if(in_vain_, [&](const auto& entry) { return !left.contains(entry.first); });
        std::size_t number = 0;
        for (const Edge& edge : classifier_.edges()) {
            if (classifier_.large() && ++number > large_witnesses_max) break;
            const auto sought = in_vain_.find(key_of(edge));
            const bool enough = sought != in_vain_.end() && sought->second >= effort().histories_max;
            if (!edge.witnessed && !enough) TRY_VOID(seek_witness(edge));
        }
        return {};
    }

    // What was left out because there is so much.
    void warn_of_size() {
        const auto& edges = classifier_.edges();
        std::string text = "the schema is large: bounds and repairs are not sought, and facts are not traded";
        if (options_.witnesses && edges.size() > large_witnesses_max)
            text += "; witnesses are sought for the first " + std::to_string(large_witnesses_max) + " of " +
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
        const auto witness = witnesses_.find(key_of(edge));
        if (witness != witnesses_.end()) conflict.witness = witness->second;
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
        if (!search_) search_ = std::make_unique<Search>(schema_);
        Seeds seeds;
        seeds.values.resize(count);
        for (const Edge& edge : classifier_.edges()) {
            for (const SuggestedCall& call : edge.calls) add_values(seeds, call);
        }
        for (std::uint32_t t = 0; t < count; ++t) {
            if (analysis_.access[t].writes_any()) seeds.builders.push_back(t);
        }
        TRY(const auto breaks, search_->find_breaks(apart, seeds));
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
    std::unique_ptr<Search> search_;
    std::set<std::uint32_t> only_transactions_, only_invariants_;
    std::map<EdgeKey, Witness> witnesses_;
    std::map<EdgeKey, std::uint64_t> in_vain_;  // sought among so many histories, and not found
    std::optional<Error> failure_;              // of a search while the edges were classified
    Report report_;
};

}  // namespace

Result<Report> check(catalog::SchemaPtr schema, const Options& options) {
    Checker checker(std::move(schema), options);
    return checker.run();
}

}  // namespace anabranch::confluence
