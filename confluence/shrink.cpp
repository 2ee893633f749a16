#include "confluence/shrink.h"

#include <algorithm>
#include <map>
#include <set>

#include "confluence/wording.h"

namespace anabranch::confluence {

namespace {

CallStep step_of(const catalog::Schema& schema, std::uint32_t replica, const SearchCall& call) {
    CallStep out;
    out.replica = replica;
    out.transaction = schema.transactions[call.transaction].display();
    for (const auto& value : call.values) out.arguments.push_back({value.text});
    out.names = call.names;
    return out;
}

template <typename Visit>
void for_calls(Trial& trial, Visit&& visit) {
    for (auto& call : trial.prefix) visit(call);
    for (auto& apart : trial.apart) visit(apart.call);
}

std::size_t replica_count(const Trial& trial) {
    std::set<std::uint32_t> replicas;
    for (const auto& apart : trial.apart) replicas.insert(apart.replica);
    return replicas.size();
}

}  // namespace

History Trial::history(const catalog::Schema& schema) const {
    History out;
    out.replicas = 2;
    for (const auto& call : prefix) out.steps.emplace_back(step_of(schema, 0, call));
    if (!prefix.empty()) out.steps.emplace_back(DeliverAllStep{});
    for (const auto& each : apart) {
        out.steps.emplace_back(step_of(schema, each.replica, each.call));
        out.replicas = std::max(out.replicas, each.replica + 1);
    }
    out.steps.emplace_back(DeliverAllStep{});
    return out;
}

bool Trial::involves(std::uint32_t first, std::uint32_t second) const {
    for (const auto& a : apart)
        for (const auto& b : apart)
            if (a.replica != b.replica && a.call.transaction == first && b.call.transaction == second)
                return true;
    return false;
}

bool Shrinker::breaks(const Trial& trial) const {
    const History history = trial.history(engine_.schema());
    World world(engine_, history.replicas, true);
    if (!world.start()) return false;
    for (const auto& step : history.steps)
        if (world.apply(step).refused) return false;
    for (const auto& violation : world.violations(0))
        if (engine_.schema().invariants[violation.invariant].name == invariant_) return true;
    for (const auto& lost : world.lost())
        if (lost.invariant == invariant_) return true;
    return false;
}

std::optional<Trial> Shrinker::shrink(Trial trial) const {
    renumber(trial);
    if (!breaks(trial)) return std::nullopt;
    for (int round = 0; round < 4; ++round) {
        bool changed = false;
        while (drop_apart(trial) || hoist(trial) || drop_prefix(trial)) changed = true;
        changed = by_replica(trial) || changed;
        changed = simplify(trial) || changed;
        if (!changed) break;
    }
    tell_apart(trial);
    forget_names(trial);
    return trial;
}

bool Shrinker::drop_apart(Trial& trial) const {
    for (std::size_t i = 0; i < trial.apart.size(); ++i) {
        Trial smaller = trial;
        smaller.apart.erase(smaller.apart.begin() + static_cast<std::ptrdiff_t>(i));
        if (replica_count(smaller) < 2) continue;
        renumber(smaller);
        if (!breaks(smaller)) continue;
        trial = std::move(smaller);
        return true;
    }
    return false;
}

// The first call of a replica may as well belong to what everybody knows.
bool Shrinker::hoist(Trial& trial) const {
    std::set<std::uint32_t> seen;
    for (std::size_t i = 0; i < trial.apart.size(); ++i) {
        if (!seen.insert(trial.apart[i].replica).second) continue;
        Trial other = trial;
        other.prefix.push_back(other.apart[i].call);
        other.apart.erase(other.apart.begin() + static_cast<std::ptrdiff_t>(i));
        if (replica_count(other) < 2) continue;
        renumber(other);
        if (!breaks(other)) continue;
        trial = std::move(other);
        return true;
    }
    return false;
}

bool Shrinker::drop_prefix(Trial& trial) const {
    for (std::size_t i = trial.prefix.size(); i-- > 0;) {
        Trial smaller = trial;
        smaller.prefix.erase(smaller.prefix.begin() + static_cast<std::ptrdiff_t>(i));
        if (!breaks(smaller)) continue;
        trial = std::move(smaller);
        return true;
    }
    return false;
}

bool Shrinker::by_replica(Trial& trial) const {
    Trial sorted = trial;
    const auto earlier = [](const Trial::Apart& a, const Trial::Apart& b) { return a.replica < b.replica; };
    if (std::is_sorted(trial.apart.begin(), trial.apart.end(), earlier)) return false;
    std::stable_sort(sorted.apart.begin(), sorted.apart.end(), earlier);
    if (!breaks(sorted)) {
        // Then let the one that writes first be a.
        sorted = trial;
        renumber(sorted);
        const bool same = std::equal(sorted.apart.begin(), sorted.apart.end(), trial.apart.begin(),
                                     [](const auto& a, const auto& b) { return a.replica == b.replica; });
        if (same || !breaks(sorted)) return false;
    }
    trial = std::move(sorted);
    return true;
}

bool Shrinker::simplify(Trial& trial) const {
    bool changed = false;
    struct Place {
        std::uint32_t transaction = 0;
        std::size_t parameter = 0;
        CallValue value;
    };
    std::map<std::string, Place> literals;
    for_calls(trial, [&](SearchCall& call) {
        for (std::size_t i = 0; i < call.values.size(); ++i)
            if (!call.values[i].text.starts_with('$'))
                literals.try_emplace(call.values[i].text, Place{call.transaction, i, call.values[i]});
    });
    for (const auto& [text, place] : literals)
        changed = simplify_literal(trial, place.transaction, place.parameter, place.value) || changed;
    return simplify_places(trial) || changed;
}

// One argument at a time: two things may have had one value by chance.
bool Shrinker::simplify_places(Trial& trial) const {
    bool changed = false;
    const std::size_t calls = trial.prefix.size() + trial.apart.size();
    const auto at = [](Trial& in, std::size_t i) -> SearchCall& {
        return i < in.prefix.size() ? in.prefix[i] : in.apart[i - in.prefix.size()].call;
    };
    for (std::size_t i = 0; i < calls; ++i)
        for (std::size_t p = 0; p < at(trial, i).values.size(); ++p) {
            const auto& call = at(trial, i);
            const auto candidates = values_.simpler(call.transaction, p, call.values[p].text);
            if (candidates.empty()) continue;
            Trial other = trial;
            at(other, i).values[p] = candidates.front();
            if (!breaks(other)) continue;
            trial = std::move(other);
            changed = true;
        }
    return changed;
}

// A lost update is easier to believe when the two writes differ.
void Shrinker::tell_apart(Trial& trial) const {
    if (!is_lost_update(invariant_) || trial.apart.size() != 2) return;
    const auto same = [](const CallValue& a, const CallValue& b) { return a.text == b.text; };
    const auto& first = trial.apart[0].call;
    const auto& second = trial.apart[1].call;
    if (first.transaction != second.transaction ||
        !std::equal(first.values.begin(), first.values.end(), second.values.begin(), second.values.end(),
                    same))
        return;
    for (std::size_t p = second.values.size(); p-- > 0;)
        for (const auto& candidate : values_.others(second.transaction, p, second.values[p].text)) {
            Trial other = trial;
            other.apart[1].call.values[p] = candidate;
            if (!breaks(other)) continue;
            trial = std::move(other);
            return;
        }
}

// Everywhere at once: equal arguments are mostly one thing.
bool Shrinker::simplify_literal(Trial& trial, std::uint32_t transaction, std::size_t parameter,
                                const CallValue& value) const {
    for (const auto& candidate : values_.simpler(transaction, parameter, value.text)) {
        Trial other = trial;
        bool fits = true;
        for_calls(other, [&](SearchCall& call) {
            for (std::size_t i = 0; i < call.values.size(); ++i) {
                if (call.values[i].text != value.text) continue;
                const auto again = engine_.literal(values_.type(call.transaction, i), candidate.text);
                fits = fits && again.has_value();
                if (again) call.values[i] = {candidate.text, *again};
            }
        });
        if (!fits || !breaks(other)) continue;
        trial = std::move(other);
        return true;
    }
    return false;
}

// Replicas in the order in which they come, without gaps.
void Shrinker::renumber(Trial& trial) {
    std::map<std::uint32_t, std::uint32_t> numbers;
    for (auto& apart : trial.apart) {
        const auto next = static_cast<std::uint32_t>(numbers.size());
        apart.replica = numbers.try_emplace(apart.replica, next).first->second;
    }
}

// Only keys that a later call uses keep a name.
void Shrinker::forget_names(Trial& trial) const {
    std::set<std::string> used;
    for_calls(trial, [&](SearchCall& call) {
        for (const auto& value : call.values)
            if (value.text.starts_with('$')) used.insert(value.text);
    });
    for_calls(trial, [&](SearchCall& call) {
        while (!call.names.empty() && !used.contains(call.names.back())) call.names.pop_back();
    });
}

}  // namespace anabranch::confluence
