#include "confluence/seek.h"

#include <algorithm>

#include "confluence/lanes.h"

namespace anabranch::confluence {

namespace {

constexpr SearchLimits brief{3, 3, 2, 500, 16, 12, 128};

void add_values(Seeds& seeds, const SuggestedCall& call) {
    auto& lists = seeds.values[call.transaction];
    lists.resize(std::max(lists.size(), call.arguments.size()));
    for (std::size_t i = 0; i < call.arguments.size(); ++i) {
        auto& list = lists[i];
        if (!call.arguments[i].empty() &&
            std::find(list.begin(), list.end(), call.arguments[i]) == list.end())
            list.push_back(call.arguments[i]);
    }
}

}  // namespace

Seeker::Seeker(const smt::Analysis& analysis, Classifier& classifier, const Options& options)
    : analysis_(analysis), schema_(analysis.schema()), classifier_(classifier), options_(options) {}

// Every transaction that writes may build a state, with what the solver's models suggest for these edges.
Seeds Seeker::seeds_of(std::span<const Edge> edges) const {
    Seeds seeds;
    seeds.values.resize(schema_.transactions.size());
    for (const Edge& edge : edges)
        for (const SuggestedCall& call : edge.calls) add_values(seeds, call);
    for (std::uint32_t t = 0; t < schema_.transactions.size(); ++t)
        if (analysis_.access[t].writes_any()) seeds.builders.push_back(t);
    return seeds;
}

Seeds Seeker::seeds_of(const Edge& edge) const {
    Seeds seeds = seeds_of({&edge, 1});
    seeds.apart = edge.calls;
    const auto& reads = analysis_.invariant_reads[edge.invariant].tables;
    const auto useful = [&](std::uint32_t t) {
        return std::any_of(analysis_.touches[t].begin(), analysis_.touches[t].end(), [&](const auto& entry) {
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

Search& Seeker::search(std::size_t lane) {
    if (!searches_[lane]) searches_[lane] = std::make_unique<Search>(analysis_.schema_ptr());
    return *searches_[lane];
}

// Where searches found nothing the next ones will hardly: they get a part of the effort, then a small one.
SearchLimits Seeker::effort() const {
    constexpr SearchLimits whole{3, 3, 2, 6'000, 48, 16, 256}, half{3, 3, 2, 3'000, 24, 12, 128},
        less{3, 3, 2, 1'500, 8, 8, 64};
    if (classifier_.large()) return less;
    const auto tired = std::count_if(in_vain_.begin(), in_vain_.end(),
                                     [](const auto& entry) { return entry.second > brief.histories_max; });
    return tired == 0 ? whole : tired == 1 ? half : less;
}

void Seeker::seek(const std::vector<Edge*>& edges, const std::function<SearchLimits()>& limits) {
    for (std::size_t first = 0; first < edges.size() && !failure_; first += at_a_time) {
        const SearchLimits now_limits = limits();
        std::array<Found, at_a_time> found;
        std::array<std::int64_t, at_a_time> micros{};
        const std::size_t count = std::min(at_a_time, edges.size() - first);
        for (std::size_t lane = 0; lane < count; ++lane) search(lane);
        run_lanes(count, options_.threads, [&](std::size_t lane) {
            const Edge& edge = *edges[first + lane];
            const std::int64_t start = now();
            found[lane] = search(lane).find_witness(edge.invariant, edge.first, edge.second, seeds_of(edge),
                                                    now_limits);
            micros[lane] = now() - start;
        });
        for (std::size_t lane = 0; lane < count; ++lane) {
            Edge& edge = *edges[first + lane];
            classifier_.micros[{edge.first, edge.second}] += micros[lane];
            if (!*found[lane]) {
                if (!failure_) failure_ = std::move(*found[lane]).error();
            } else if (auto& witness = **found[lane]) {
                edge.witnessed = true;
                witnesses_.emplace(key_of(edge), std::move(*witness));
            } else {
                in_vain_[key_of(edge)] = now_limits.histories_max;
            }
        }
    }
}

void Seeker::early(std::vector<Edge>& edges) {
    std::vector<Edge*> stories;
    for (Edge& edge : edges)
        if (edge.story) stories.push_back(&edge);
    seek(stories, [] { return brief; });
}

Result<void> Seeker::late() {
    std::vector<Edge> left = classifier_.edges();
    // What was proved since then is no reason to be tired.
    std::set<EdgeKey> keys;
    for (const Edge& edge : left) keys.insert(key_of(edge));
    std::erase_if(in_vain_, [&](const auto& entry) { return !keys.contains(entry.first); });
    std::vector<Edge*> wanted;
    for (Edge& edge : left)
        if (!edge.witnessed) wanted.push_back(&edge);
    if (classifier_.large()) wanted.resize(std::min(wanted.size(), large_max));
    seek(wanted, [&] { return effort(); });
    if (failure_) return fail(std::move(*failure_));
    return {};
}

const Witness* Seeker::witness(const Edge& edge) const {
    const auto found = witnesses_.find(key_of(edge));
    return found == witnesses_.end() ? nullptr : &found->second;
}

Result<std::vector<Broken>> Seeker::breaks(const std::vector<std::vector<bool>>& apart) {
    return search(0).find_breaks(apart, seeds_of(classifier_.edges()));
}

std::set<std::uint32_t> Seeker::committed() const {
    std::set<std::uint32_t> out;
    for (const auto& search : searches_)
        if (search) out.insert(search->counts().committed.begin(), search->counts().committed.end());
    return out;
}

}  // namespace anabranch::confluence
