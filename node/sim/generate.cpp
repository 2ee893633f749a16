// From a seed to a script: which faults a run has, and when.
#include <algorithm>

#include "lib/base/random.h"
#include "node/sim/world.h"

namespace anabranch::sim {

namespace {

using Kind = Event::Kind;

constexpr Duration operator+(Duration a, Duration b) {
    return {a.micros + b.micros};
}

class Generator {
  public:
    explicit Generator(const Options& options) : options_(options), random_(options.seed) {
        script_.seed = options.seed;
        script_.replicas = options.replicas;
        script_.clients = 4 * options.replicas;
        script_.load = options.load;
        script_.settle_max = options.settle_max;
        script_.planted = options.planted;
        script_.conditions.forget = options.forget;
    }

    Script make() {
        conditions(random_.fork("conditions"));
        const auto& f = options_.faults;
        Random chosen = random_.fork("faults");
        const auto pick = [&](bool allowed, double chance) { return chosen.chance(chance) && allowed; };
        const bool cuts = pick(f.partitions, 0.7), stops = pick(f.crashes, 0.7);
        const bool losses = pick(f.directories, 0.4), jumps = pick(f.clocks, 0.6);
        const bool trouble = pick(f.disks, 0.4), flips = pick(f.corruption, 0.3),
                   outages = pick(f.power, 0.3);
        const bool decay = pick(f.rot, 0.3);
        const bool changes = pick(f.members, 0.5);
        if (changes) script_.spares = 2;
        calls(random_.fork("calls"), {}, script_.load);
        if (cuts) partitions(random_.fork("partitions"));
        if (stops) crashes(random_.fork("crashes"), false);
        if (losses) crashes(random_.fork("directories"), true);
        if (jumps) clocks(random_.fork("clocks"));
        if (trouble) disks(random_.fork("disks"));
        if (flips) corruption(random_.fork("corruption"));
        if (outages) power_failures(random_.fork("power"));
        if (decay) rot(random_.fork("rot"));
        if (changes) members(random_.fork("members"));
        script_.conditions.quorum = random_.fork("quorum").chance(0.5);
        script_.conditions.memory = random_.fork("memory").chance(0.5);
        script_.conditions.tentative = random_.fork("tentative").chance(0.5);
        if (random_.fork("catch-up").chance(0.5)) {
            script_.catch_up_max = seconds(20);
            calls(random_.fork("calls meanwhile"), script_.load, script_.load + script_.catch_up_max);
        }
        std::stable_sort(script_.events.begin(), script_.events.end(),
                         [](const Event& a, const Event& b) { return a.at < b.at; });
        return std::move(script_);
    }

  private:
    void add(Duration at, Kind kind, std::uint32_t node = 0, std::uint32_t other = 0, Duration amount = {}) {
        if (at < script_.load) script_.events.push_back({at, kind, node, other, amount, {}});
    }
    std::uint32_t some_node(Random& random) const {
        return static_cast<std::uint32_t>(random.below(options_.replicas));
    }
    // One that may have to join first.
    std::uint32_t any_node(Random& random) const {
        return static_cast<std::uint32_t>(random.below(options_.replicas + script_.spares));
    }
    // Calls `act(at)` now and then; it returns when it may be called again at the earliest.
    template <typename Act>
    void now_and_then(Random& random, std::int64_t millis_min, std::int64_t millis_max, Act act) {
        Duration at = millis(random.between(millis_min / 4, millis_max));
        while (at < script_.load) {
            act(at);
            at.micros += millis(random.between(millis_min, millis_max)).micros;
        }
    }

    void conditions(Random random) {
        const auto& f = options_.faults;
        auto& c = script_.conditions;
        const auto pick = [&](bool allowed) { return random.chance(0.7) && allowed; };
        if (pick(f.delay)) c.delay_max = millis(20), c.sync_max = millis(5);
        if (pick(f.loss)) c.loss = 0.03;
        if (pick(f.duplication)) c.duplication = 0.03;
        c.reordering = pick(f.reordering);
        constexpr std::uint64_t kept[] = {1000, 5000, 64 << 20};
        c.kept_bytes = kept[random.below(3)];
        c.checkpoint_bytes = random.chance(0.7) ? 2000 : 10'000;
        c.slice_bytes = random.chance(0.7) ? 200 : 2000;
        c.batch_bytes = random.chance(0.5) ? 400 : 256 * 1024;
        c.pace = random.chance(0.5) ? micros(1) : millis(1);
        c.checkpoint_entries = random.chance(0.5) ? 256 : 0;
        constexpr std::uint64_t large[] = {0, 120, 64 << 10};
        c.large_bytes = large[random.below(3)];
        if (pick(f.delay)) c.slice_pause = millis(random.between(1, 20));
        if (pick(f.delay)) c.patience_max = millis(5);
    }

    void calls(Random random, Duration at, Duration end) {
        std::vector<std::uint32_t> homes;
        for (std::uint32_t i = 0; i < script_.clients; ++i) homes.push_back(i % options_.replicas);
        const auto gap_max = std::max<std::int64_t>(2 * options_.call_interval.micros, 2);
        while ((at.micros += random.between(1, gap_max)) < end.micros) {
            const auto client = static_cast<std::uint32_t>(random.below(script_.clients));
            if (random.chance(0.03)) homes[client] = any_node(random);
            script_.events.push_back({at, Kind::call, homes[client], client, {}, {}});
        }
    }

    void partitions(Random random) {
        const auto n = options_.replicas + script_.spares;
        const auto cut = [&](Duration at, const std::vector<bool>& side, bool one_way, bool broken) {
            for (std::uint32_t a = 0; a < n; ++a)
                for (std::uint32_t b = 0; b < n; ++b)
                    if (side[a] != side[b] && (!one_way || side[a])) {
                        add(at, Kind::cut, a, b);
                        if (broken && (a < b || one_way)) add(at + millis(400), Kind::down, a, b);
                    }
        };
        const auto mend = [&](Duration at) {
            add(at, Kind::mend);
            for (std::uint32_t a = 0; a < n; ++a)
                for (std::uint32_t b = a + 1; b < n; ++b) add(at + millis(50), Kind::up, a, b);
        };
        now_and_then(random, 500, 6000, [&](Duration at) {
            mend(at);
            if (random.chance(0.25)) return;
            std::vector<bool> side(n);
            for (std::uint32_t i = 0; i < n; ++i) side[i] = random.chance(0.5);
            side[any_node(random)] = true;
            side[any_node(random)] = false;
            const bool one_way = random.chance(0.3), broken = random.chance(0.4);
            const std::uint64_t times = random.chance(0.2) ? 6 : 1;  // flapping
            for (std::uint64_t i = 0; i < times; ++i) {
                if (i > 0) mend(at + millis(static_cast<std::int64_t>(i * 200 - 80)));
                cut(at + millis(static_cast<std::int64_t>(i * 200 + 1)), side, one_way, broken && times == 1);
            }
        });
    }

    void crashes(Random random, bool lose) {
        now_and_then(random, lose ? 3000 : 500, lose ? 12'000 : 6000, [&](Duration at) {
            const auto node = lose ? some_node(random) : any_node(random);
            add(at, lose ? Kind::lose : Kind::crash, node);
            add(at + millis(random.between(100, lose ? 6000 : 3000)), Kind::boot, node);
        });
    }

    void clocks(Random random) {
        for (std::uint32_t i = 0; i < options_.replicas; ++i)
            add({}, Kind::clock, i, 0, millis(random.between(-2000, 2000)));
        now_and_then(random, 2000, 10'000, [&](Duration at) {
            const Duration jump = random.chance(0.2) ? seconds(-3600) : millis(random.between(-5000, 5000));
            add(at, Kind::clock, some_node(random), 0, jump);
        });
    }

    void disks(Random random) {
        now_and_then(random, 1500, 8000, [&](Duration at) {
            const auto node = some_node(random);
            const Duration end = at + millis(random.between(100, 3000));
            if (random.chance(0.5)) {
                add(at, Kind::full, node);
                add(end, Kind::room, node);
            } else {
                add(at, Kind::slow, node, 0, millis(random.between(20, 1500)));
                add(end, Kind::slow, node);
            }
        });
    }

    // All stop at one instant, while their disks are so busy that much is not durable yet; they come back one
    // by one. What one of them acknowledged too early, no other remembers for it.
    void power_failures(Random random) {
        now_and_then(random, 2000, 8000, [&](Duration at) {
            const Duration off = at + millis(random.between(50, 800));
            for (std::uint32_t i = 0; i < options_.replicas + script_.spares; ++i) {
                add(at, Kind::slow, i, 0, millis(random.between(20, 500)));
                add(off, Kind::crash, i);
                add(off, Kind::slow, i);
                add(off + millis(random.between(100, 3000)), Kind::boot, i);
            }
        });
    }

    void rot(Random random) {
        now_and_then(random, 1500, 6000, [&](Duration at) {
            const auto node = some_node(random);
            const Duration off = at + millis(random.between(1, 1500));
            add(at, Kind::rot, node);
            add(off, Kind::crash, node);
            add(off + millis(random.between(100, 2000)), Kind::boot, node);
        });
    }

    // Whether a change is made when it is asked for depends on what the nodes can do then: `in` is a guess.
    void members(Random random) {
        std::vector<bool> in(options_.replicas + script_.spares);
        std::fill_n(in.begin(), options_.replicas, true);
        now_and_then(random, 300, 2500, [&](Duration at) {
            const auto one = [&](bool member) {
                std::vector<std::uint32_t> which;
                for (std::uint32_t i = 0; i < in.size(); ++i)
                    if (in[i] == member) which.push_back(i);
                return which.empty() ? any_node(random) : which[random.below(which.size())];
            };
            const std::uint64_t kind = random.below(10);
            const bool adds = kind < 4, removes = !adds && kind < 8;
            const auto asked = one(true);
            const auto subject = random.chance(0.1) ? any_node(random) : one(!adds);
            std::string request = adds       ? (random.chance(0.8) ? "add " : "learner ") + node_name(subject)
                                  : removes  ? "remove " + node_name(subject)
                                  : kind < 9 ? "transfer " + node_name(subject)
                                             : "step-down";
            if (adds || removes) in[subject] = adds;
            if (adds && subject >= options_.replicas) add(at, Kind::join, subject, one(true));
            const Duration begin = at + millis(random.between(0, 800));
            add(begin, Kind::change, asked);
            if (begin < script_.load) script_.events.back().text = std::move(request);
        });
    }

    void corruption(Random random) {
        now_and_then(random, 300, 4000, [&](Duration at) {
            const auto from = some_node(random);
            add(at, Kind::corrupt, from,
                static_cast<std::uint32_t>((from + 1 + random.below(options_.replicas - 1)) %
                                           options_.replicas));
        });
    }

    const Options& options_;
    Random random_;
    Script script_;
};

}  // namespace

Script make_script(const Options& options) {
    return Generator(options).make();
}

Outcome simulate(const catalog::SchemaPtr& schema, const catalog::Plan& plan, const Options& options) {
    return run(schema, plan, make_script(options), options.verbose);
}

}  // namespace anabranch::sim
