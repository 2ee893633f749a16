#include "confluence/share.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <string>

#include "confluence/check.h"
#include "confluence/wording.h"
#include "lib/base/random.h"
#include "lib/sql/bind.h"

namespace anabranch::confluence {

namespace {

constexpr std::uint32_t calls_at_once[] = {2, 10, 100};
constexpr std::size_t exact_max = std::size_t{1} << 20;    // combinations of own keys that are summed up
constexpr std::size_t samples_max = std::size_t{1} << 17;  // else this many are drawn
constexpr std::size_t alternatives_max = 10;  // scopes of two transactions; beyond, they are taken to meet

// ---- Reading a mix ----

std::optional<double> read_weight(std::string_view text) {
    if (text.ends_with('%')) text.remove_suffix(1);
    double value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
    if (!std::isfinite(value) || value < 0) return std::nullopt;
    return value;
}

Error bad_mix(std::string message, std::string hint) {
    return Error::make(sqlstate::syntax_error, "--mix: " + std::move(message)).with_hint(std::move(hint));
}

std::vector<std::string> names_of(const catalog::Schema& schema) {
    std::vector<std::string> out;
    for (const auto& transaction : schema.transactions)
        if (!transaction.skipped) out.push_back(transaction.display());
    return out;
}

Result<std::uint32_t> transaction_of(const catalog::Schema& schema, const std::string& name) {
    std::vector<std::uint32_t> found;
    for (std::uint32_t i = 0; i < schema.transactions.size(); ++i)
        if (schema.transactions[i].name == name || schema.transactions[i].display() == name)
            found.push_back(i);
    if (found.size() > 1)
        return fail(bad_mix("\"" + name + "\" names " + std::to_string(found.size()) + " transactions",
                            "Write it with its schema, as in public." + name +
                                "=1; of overloaded routines "
                                "the share cannot be told apart."));
    if (found.empty()) {
        const auto names = names_of(schema);
        const auto close = sql::closest_name(name, names);
        return fail(bad_mix(
            "there is no transaction \"" + name + "\"",
            (close.empty() ? "" : "Perhaps you meant " + close + ". ") +
                (names.empty() ? "The schema declares none." : "The schema has " + join_and(names) + ".")));
    }
    if (const auto& skipped = schema.transactions[found[0]].skipped)
        return fail(
            bad_mix("\"" + name + "\" cannot be called: " + *skipped,
                    "Leave it out of the mix, or write it as a procedure with BEGIN ATOMIC ... END."));
    return found[0];
}

// ---- How often calls meet ----

// The conflicts of two transactions: they meet if all equalities of any one of these hold.
struct Partner {
    double weight = 0;
    std::vector<std::set<std::pair<std::uint32_t, std::uint32_t>>> alternatives;  // (own, other) parameters
};

class Zipf {
  public:
    explicit Zipf(const Skew& skew) {
        double sum = 0;
        for (std::uint32_t k = 1; k <= skew.keys; ++k) {
            chances_.push_back(std::pow(static_cast<double>(k), -skew.theta));
            sum += chances_.back();
        }
        double below = 0;
        for (auto& chance : chances_) {
            chance /= sum;
            below += chance;
            sums_.push_back(below);
        }
    }
    double chance(std::size_t key) const { return chances_[key]; }
    std::size_t size() const { return chances_.size(); }
    std::size_t draw(Random& random) const {
        const double at = static_cast<double>(random.next() >> 11) * 0x1p-53;
        const auto found = std::upper_bound(sums_.begin(), sums_.end(), at);
        return std::min(static_cast<std::size_t>(found - sums_.begin()), size() - 1);
    }

  private:
    std::vector<double> chances_, sums_;
};

// One transaction among the calls of the mix.
class Meetings {
  public:
    Meetings(const Report& report, const Mix& mix, const Zipf& zipf, std::uint32_t transaction)
        : zipf_(zipf), partners_(mix.weights.size()) {
        for (const auto& pair : report.pairs) {
            if (pair.transaction != transaction) continue;
            for (const auto& conflict : pair.conflicts) {
                auto& partner = partners_[conflict.with];
                partner.weight = mix.weights[conflict.with];
                auto& scope = partner.alternatives.emplace_back();
                for (const auto& key : conflict.scope) scope.insert({key.own, key.other});
            }
        }
        std::set<std::uint32_t> own;
        for (auto& partner : partners_) {
            simplify(partner);
            for (const auto& scope : partner.alternatives)
                for (const auto& [mine, other] : scope) own.insert(mine);
        }
        own_.assign(own.begin(), own.end());
    }

    // The chance that a call of this transaction meets another one, for each number of calls at once.
    std::vector<double> chances() const {
        std::vector<double> out(std::size(calls_at_once));
        double combinations = 1;
        for (std::size_t i = 0; i < own_.size(); ++i) combinations *= static_cast<double>(zipf_.size());
        if (combinations <= static_cast<double>(exact_max))
            sum_up(out, static_cast<std::size_t>(combinations));
        else
            sample(out);
        return out;
    }

  private:
    // A scope that holds whenever another one does adds nothing.
    static void simplify(Partner& partner) {
        auto& all = partner.alternatives;
        std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
        std::vector<std::set<std::pair<std::uint32_t, std::uint32_t>>> kept;
        for (const auto& scope : all) {
            const bool implied = std::any_of(kept.begin(), kept.end(), [&](const auto& wider) {
                return std::includes(scope.begin(), scope.end(), wider.begin(), wider.end());
            });
            if (!implied) kept.push_back(scope);
        }
        all = std::move(kept);
        if (all.size() > alternatives_max) all.assign(1, {});
    }

    void sum_up(std::vector<double>& out, std::size_t combinations) const {
        std::vector<std::size_t> keys(own_.size());
        for (std::size_t number = 0; number < combinations; ++number) {
            double weight = 1;
            std::size_t rest = number;
            for (auto& key : keys) {
                key = rest % zipf_.size();
                rest /= zipf_.size();
                weight *= zipf_.chance(key);
            }
            add(out, weight, keys);
        }
    }
    void sample(std::vector<double>& out) const {
        Random random(1);
        std::vector<std::size_t> keys(own_.size());
        for (std::size_t i = 0; i < samples_max; ++i) {
            for (auto& key : keys) key = zipf_.draw(random);
            add(out, 1.0 / static_cast<double>(samples_max), keys);
        }
    }
    void add(std::vector<double>& out, double weight, const std::vector<std::size_t>& keys) const {
        const double alone = 1 - meets_one(keys);
        for (std::size_t i = 0; i < out.size(); ++i)
            out[i] += weight * (1 - std::pow(alone, static_cast<double>(calls_at_once[i] - 1)));
    }

    // The chance that one other call, drawn from the mix, meets a call with these own keys.
    double meets_one(const std::vector<std::size_t>& keys) const {
        double out = 0;
        for (const auto& partner : partners_)
            if (partner.weight > 0) out += partner.weight * holds_any(partner, keys);
        return std::min(out, 1.0);
    }
    // Inclusion and exclusion over the alternatives.
    double holds_any(const Partner& partner, const std::vector<std::size_t>& keys) const {
        double out = 0;
        const std::size_t subsets = std::size_t{1} << partner.alternatives.size();
        for (std::size_t subset = 1; subset < subsets; ++subset) {
            std::vector<std::pair<std::uint32_t, std::size_t>> other;  // parameter, the key it must have
            bool odd = false;
            for (std::size_t i = 0; i < partner.alternatives.size(); ++i) {
                if ((subset >> i & 1) == 0) continue;
                odd = !odd;
                for (const auto& [mine, its] : partner.alternatives[i])
                    other.emplace_back(its, key_of(mine, keys));
            }
            out += (odd ? 1 : -1) * all_have(std::move(other));
        }
        return std::clamp(out, 0.0, 1.0);
    }
    double all_have(std::vector<std::pair<std::uint32_t, std::size_t>> other) const {
        std::sort(other.begin(), other.end());
        other.erase(std::unique(other.begin(), other.end()), other.end());
        double out = 1;
        for (std::size_t i = 0; i < other.size(); ++i) {
            if (i > 0 && other[i].first == other[i - 1].first) return 0;  // it cannot have two
            out *= zipf_.chance(other[i].second);
        }
        return out;
    }
    std::size_t key_of(std::uint32_t parameter, const std::vector<std::size_t>& keys) const {
        const auto found = std::lower_bound(own_.begin(), own_.end(), parameter);
        return keys[static_cast<std::size_t>(found - own_.begin())];
    }

    const Zipf& zipf_;
    std::vector<Partner> partners_;   // by transaction
    std::vector<std::uint32_t> own_;  // parameters that some scope compares, sorted
};

}  // namespace

Result<Mix> parse_mix(const catalog::Schema& schema, std::string_view text) {
    constexpr const char* form = "Write NAME=WEIGHT, with commas between: withdraw=20,deposit=80.";
    Mix mix;
    mix.weights.resize(schema.transactions.size());
    std::set<std::uint32_t> known;
    const auto items = split_list(text);
    if (!items || items->empty()) return fail(bad_mix("cannot read \"" + std::string(text) + "\"", form));
    for (const auto& item : *items) {
        const auto sign = item.rfind('=');
        if (sign == std::string::npos || sign == 0)
            return fail(bad_mix("\"" + item + "\" has no weight", form));
        const std::string name = item.substr(0, sign);
        TRY(const auto transaction, transaction_of(schema, name));
        const auto weight = read_weight(std::string_view(item).substr(sign + 1));
        if (!weight)
            return fail(bad_mix("the weight of " + name + ", \"" + item.substr(sign + 1) +
                                    "\", is not a number of at least 0",
                                form));
        if (!known.insert(transaction).second)
            return fail(
                bad_mix(name + " is named twice", "Name each transaction once, with its whole weight."));
        mix.weights[transaction] = *weight;
    }
    double sum = 0;
    for (const double weight : mix.weights) sum += weight;
    if (!(sum > 0) || !std::isfinite(sum))
        return fail(bad_mix("the weights add up to " + std::string(sum > 0 ? "too much" : "nothing"),
                            "Only proportions count: 20 and 80 say the same as 1 and 4."));
    for (double& weight : mix.weights) weight /= sum;
    return mix;
}

Share share_of(const Report& report, const Mix& mix, const std::optional<Skew>& skew) {
    Share out;
    for (std::uint32_t t = 0; t < mix.weights.size(); ++t) {
        if (mix.weights[t] <= 0) continue;
        const auto route = report.plan.transactions[t].route;
        out.parts.push_back({t, mix.weights[t], route});
        switch (route) {
            case catalog::Route::free:
                out.free += mix.weights[t];
                break;
            case catalog::Route::escrow:
                out.escrow += mix.weights[t];
                break;
            case catalog::Route::read_only:
                out.read_only += mix.weights[t];
                break;
            case catalog::Route::ordered:
            case catalog::Route::skipped:
                out.ordered += mix.weights[t];
                break;
        }
    }
    if (!skew) return out;
    const Zipf zipf(*skew);
    Share::Contention contention{*skew, zipf.chance(0), {}};
    for (const auto calls : calls_at_once) contention.meetings.push_back({calls, 0});
    for (const auto& part : out.parts) {
        const auto chances = Meetings(report, mix, zipf, part.transaction).chances();
        for (std::size_t i = 0; i < chances.size(); ++i)
            contention.meetings[i].share += part.weight * chances[i];
    }
    out.contention = std::move(contention);
    return out;
}

}  // namespace anabranch::confluence
