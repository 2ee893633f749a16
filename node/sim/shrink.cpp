#include <algorithm>

#include "node/sim/world.h"

namespace anabranch::sim {

namespace {

class Shrinker {
  public:
    Shrinker(const catalog::SchemaPtr& schema, const catalog::Plan& plan, const Outcome& failure,
             const std::function<bool()>& go_on)
        : schema_(schema), plan_(plan), rule_(failure.rule), best_(failure.script), go_on_(go_on) {
        // Convergence takes a few seconds or does not come.
        best_.settle_max = std::min(best_.settle_max, seconds(20));
    }

    Script make() {
        if (!fails(best_)) return best_;
        std::size_t before = 0;
        do {
            before = best_.events.size();
            drop_events();
            simplify();
        } while (best_.events.size() < before && go_on_());
        return best_;
    }

  private:
    // Keeps the candidate if it breaks the same rule.
    bool fails(const Script& candidate) {
        if (!go_on_()) return false;
        auto outcome = run(schema_, plan_, candidate);
        if (outcome.ok || outcome.rule != rule_) return false;
        outcome.script.load = std::min(candidate.load, millis(outcome.simulated.micros / 1000 + 1));
        best_ = std::move(outcome.script);
        return true;
    }

    // Delta debugging: ever smaller pieces, from the end, where less depends on them.
    void drop_events() {
        for (std::size_t size = std::max<std::size_t>(best_.events.size() / 2, 1);; size /= 2) {
            for (std::size_t end = best_.events.size(); end > 0 && go_on_();) {
                const std::size_t begin = end > size ? end - size : 0;
                Script candidate = best_;
                candidate.events.erase(candidate.events.begin() + static_cast<std::ptrdiff_t>(begin),
                                       candidate.events.begin() + static_cast<std::ptrdiff_t>(end));
                fails(candidate);
                end = std::min(begin, best_.events.size());
            }
            if (size <= 1) return;
        }
    }

    void simplify() {
        const Conditions usual;
        const auto attempt = [&](auto change) {
            Script candidate = best_;
            change(candidate.conditions);
            fails(candidate);
        };
        attempt([&](Conditions& c) { c.loss = 0; });
        attempt([&](Conditions& c) { c.duplication = 0; });
        attempt([&](Conditions& c) { c.reordering = false; });
        attempt([&](Conditions& c) { c.quorum = false; });
        attempt([&](Conditions& c) { c.memory = false; });
        attempt([&](Conditions& c) { c.delay_max = usual.delay_max; });
        attempt([&](Conditions& c) { c.sync_max = usual.sync_max; });
        attempt([&](Conditions& c) { c.kept_bytes = usual.kept_bytes; });
        attempt([&](Conditions& c) { c.checkpoint_bytes = 1 << 30; });
        attempt([&](Conditions& c) { c.batch_bytes = usual.batch_bytes; });
    }

    const catalog::SchemaPtr& schema_;
    const catalog::Plan& plan_;
    const std::string rule_;
    Script best_;
    const std::function<bool()>& go_on_;
};

}  // namespace

Script shrink(const catalog::SchemaPtr& schema, const catalog::Plan& plan, const Outcome& failure,
              const std::function<bool()>& go_on) {
    return Shrinker(schema, plan, failure, go_on).make();
}

}  // namespace anabranch::sim
