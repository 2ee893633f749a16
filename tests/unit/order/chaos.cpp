#include "tests/unit/order/chaos.h"

#include <algorithm>

namespace anabranch::order::test {

namespace {

class Nemesis {
  public:
    Nemesis(const Chaos& chaos, Cluster& cluster)
        : chaos_(chaos), cluster_(cluster), random_(cluster.random().fork("nemesis")) {}

    void begin() {
        for (const std::uint64_t id : chaos_.spares) cluster_.join(id);
        work();
        harm();
    }
    void stop() { stopped_ = true; }

  private:
    std::uint64_t any() {
        const auto ids = cluster_.ids();
        return ids[random_.below(ids.size())];
    }
    Duration around(Duration mean) { return {random_.between(1, 2 * mean.micros)}; }

    void work() {
        if (stopped_) return;
        for (const std::uint64_t id : cluster_.ids()) {
            if (!cluster_.up(id)) continue;
            if (random_.chance(0.3)) cluster_.make_delta(id);
            if (random_.chance(0.05)) cluster_.read(id);
            if (!cluster_.core(id).may_execute()) continue;
            Dots dependencies = cluster_.known(id);
            std::erase_if(dependencies, [&](const Dot&) { return random_.chance(0.4); });
            cluster_.propose(id, "call " + std::to_string(++calls_), dependencies);
        }
        cluster_.after(around(chaos_.propose_every), [this] { work(); });
    }

    void harm() {
        if (stopped_) return;
        const double weights[] = {chaos_.crashes,     chaos_.partitions, chaos_.transfers, chaos_.changes,
                                  chaos_.compactions, chaos_.slow_disks, chaos_.losses};
        double total = 0;
        for (const double weight : weights) total += weight;
        double pick = static_cast<double>(random_.below(1'000'000)) / 1e6 * total;
        std::size_t kind = 0;
        while (kind + 1 < std::size(weights) && pick >= weights[kind]) pick -= weights[kind++];
        switch (kind) {
            case 0:
                crash();
                break;
            case 1:
                partition();
                break;
            case 2:
                transfer();
                break;
            case 3:
                change();
                break;
            case 4:
                compact();
                break;
            case 5:
                slow_disk();
                break;
            default:
                lose();
                break;
        }
        cluster_.after(around(chaos_.fault_every), [this] { harm(); });
    }

    void crash() {
        const bool lead = random_.chance(0.5) && cluster_.primary() != 0;
        const std::uint64_t id = lead ? cluster_.primary() : any();
        cluster_.crash(id);
        cluster_.after(around(millis(60)), [this, id] { cluster_.restart(id); });
    }

    void lose() {
        const std::uint64_t id = any();
        if (cluster_.lose(id)) cluster_.after(around(millis(60)), [this, id] { cluster_.restart(id); });
    }

    void partition() {
        const auto ids = cluster_.ids();
        switch (random_.below(3)) {
            case 0:
                cluster_.isolate(any());
                break;
            case 1:
                cluster_.cut(any(), any());
                break;
            default: {
                std::vector<std::uint64_t> side;
                for (const std::uint64_t id : ids) {
                    if (random_.chance(0.5)) side.push_back(id);
                }
                cluster_.split(side);
            }
        }
        cluster_.after(around(millis(120)), [this] { cluster_.heal(); });
    }

    void transfer() {
        if (const std::uint64_t lead = cluster_.primary(); lead != 0) {
            cluster_.input(lead, Transfer{random_.chance(0.5) ? NOBODY : ReplicaId{any()}});
        }
    }

    void change() {
        const std::uint64_t lead = cluster_.primary();
        // One that has not caught up is made a voter by nobody (node/replica/member_changes.h).
        if (lead == 0 || !cluster_.all_remember()) return;
        ChangeMembers next;
        for (const std::uint64_t id : cluster_.ids()) {
            const auto part = random_.below(10);
            if (part < 6) next.voters.push_back({id});
            if (part == 6 || part == 7) next.learners.push_back({id});
        }
        cluster_.input(lead, std::move(next));
    }

    void compact() {
        const std::uint64_t id = any();
        const Index applied = cluster_.applied(id);
        cluster_.compact(id, applied - std::min<Index>(applied, random_.below(10)));
    }

    void slow_disk() {
        const std::uint64_t id = any();
        cluster_.slow_disk(id, millis(random_.between(5, 80)));
        cluster_.after(around(millis(200)), [this, id] { cluster_.slow_disk(id, {}); });
    }

    const Chaos& chaos_;
    Cluster& cluster_;
    Random random_;
    bool stopped_ = false;
    std::uint64_t calls_ = 0;
};

void recover(const Chaos& chaos, Cluster& cluster) {
    cluster.heal();
    cluster.world().loss = cluster.world().repeat = 0;
    cluster.world().crash_after_vote = cluster.world().crash_after_ack = 0;
    cluster.world().crash_after_commit = cluster.world().crash_after_election = 0;
    for (const std::uint64_t id : cluster.ids()) {
        cluster.restart(id);
        cluster.slow_disk(id, {});
    }
    cluster.run_for(millis(40));  // restarts that were already under way
    for (const std::uint64_t id : cluster.ids()) cluster.restart(id);
    const auto story = [&] {
        std::string out;
        for (const std::uint64_t id : cluster.ids())
            out += "\n  " + cluster.core(id).describe() + " state " + std::to_string(cluster.applied(id));
        return out;
    };
    bool proposed = false;
    const bool accepted = cluster.run_until(
        [&] {
            const std::uint64_t lead = cluster.primary();
            if (!proposed && lead != 0) proposed = cluster.propose(lead, "afterwards");
            return proposed;
        },
        chaos.recover_within);
    if (!accepted) violated("a healed cluster elects a primary that executes", story());
    if (!cluster.settle(chaos.recover_within)) violated("a healed cluster agrees in bounded time", story());
}

}  // namespace

Chaos::Chaos() {
    world.order = quick_options();
    world.order.append_entries_max = 8;
    world.order.inflight_max = 4;
    world.delay_min = micros(100);
    world.delay_max = millis(8);
    world.loss = 0.03;
    world.repeat = 0.03;
    world.disk_min = micros(100);
    world.disk_max = millis(4);
    world.crash_after_vote = 0.05;
    world.crash_after_ack = 0.001;
}

Outcome run(const Chaos& chaos, std::uint64_t seed) {
    Cluster cluster(seed, chaos.world, chaos.voters, chaos.learners);
    Nemesis nemesis(chaos, cluster);
    nemesis.begin();
    cluster.run_for(chaos.time);
    nemesis.stop();
    if (chaos.recovers) recover(chaos, cluster);
    Outcome out;
    out.elections = cluster.elections();
    out.commits = cluster.facts().all_committed().size();
    out.messages = cluster.messages();
    out.reads = static_cast<std::uint64_t>(std::count_if(cluster.reads_done.begin(), cluster.reads_done.end(),
                                                         [](const auto& read) { return read.second; }));
    out.seen = cluster.seen;
    out.unseed = cluster.random().next();
    return out;
}

void storm_of_figure_8(const Options& options, std::uint64_t seed) {
    World world = Chaos().world;
    world.order = options;
    world.order.append_entries_max = 1;  // an old entry must arrive before the new epoch's own
    world.order.inflight_max = 1;
    world.check_promises = false;
    world.loss = world.repeat = world.crash_after_vote = world.crash_after_ack = 0;
    Cluster cluster(seed, world, {1, 2, 3, 4, 5});
    Random random = cluster.random().fork("storm");
    const auto other_than = [&](std::uint64_t id) { return (id + random.below(4)) % 5 + 1; };
    for (int round = 0; round < 6; ++round) {
        cluster.run_until(
            [&] { return cluster.primary() != 0 && cluster.core(cluster.primary()).may_execute(); },
            seconds(1));
        const std::uint64_t first = cluster.primary();
        if (first == 0) continue;
        cluster.split({first, other_than(first)});
        const std::uint64_t entries = 1 + random.below(4);
        for (std::uint64_t i = 0; i < entries; ++i) cluster.propose(first, "call " + std::to_string(round));
        const Epoch epoch = cluster.core(first).epoch();
        cluster.run_until(
            [&] {
                return cluster.primary() != first && cluster.primary() != 0 &&
                       cluster.core(cluster.primary()).epoch() > epoch;
            },
            seconds(1));
        const std::uint64_t second = cluster.primary();
        if (second != 0) cluster.isolate(second);
        cluster.run_for(micros(random.between(0, 6000)));  // its first entry is written, but not sent
        if (second != 0) cluster.crash(second);
        cluster.heal();
        cluster.run_until(
            [&] { return cluster.primary() != 0 && cluster.core(cluster.primary()).epoch() > epoch + 1; },
            seconds(1));
        const std::uint64_t third = cluster.primary();
        cluster.run_for(micros(random.between(0, 25'000)));
        if (third != 0) cluster.crash(third);
        if (second != 0) cluster.restart(second);
        cluster.run_for(millis(random.between(100, 300)));
        for (const std::uint64_t id : cluster.ids()) cluster.restart(id);
    }
}

std::pair<std::uint64_t, std::string> first_violation(const std::function<void(std::uint64_t)>& history,
                                                      std::uint64_t seeds) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        try {
            history(seed);
        } catch (const Violation& violation) {
            return {seed, violation.what()};
        }
    }
    return {0, ""};
}

}  // namespace anabranch::order::test
