#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "node/sim/history.h"
#include "node/sim/world.h"
#include "tools/commands.h"
#include "tools/load.h"

namespace anabranch::tools {

namespace {

Result<std::pair<std::uint64_t, std::uint64_t>> parse_seeds(const std::string& text) {
    const auto dots = text.find("..");
    const auto number = [](std::string_view part, std::uint64_t& out) {
        const auto [end, problem] = std::from_chars(part.data(), part.data() + part.size(), out);
        return problem == std::errc() && end == part.data() + part.size();
    };
    std::uint64_t first = 0, last = 0;
    const bool good = dots == std::string::npos ? number(text, first) && number(text, last)
                                                : number(std::string_view(text).substr(0, dots), first) &&
                                                      number(std::string_view(text).substr(dots + 2), last);
    if (!good || first > last)
        return fail(Error::make("22023", "--seeds " + text + " is neither a number nor a range")
                        .with_hint("For example --seeds 17 or --seeds 1..200."));
    return std::pair{first, last};
}

Result<sim::Faults> parse_faults(const std::vector<std::string>& names) {
    sim::Faults out;
    if (names.empty()) return out;
    const std::pair<const char*, bool*> known[] = {{"delay", &out.delay},
                                                   {"loss", &out.loss},
                                                   {"duplication", &out.duplication},
                                                   {"reordering", &out.reordering},
                                                   {"partitions", &out.partitions},
                                                   {"crashes", &out.crashes},
                                                   {"clocks", &out.clocks},
                                                   {"directories", &out.directories},
                                                   {"disks", &out.disks},
                                                   {"corruption", &out.corruption},
                                                   {"power", &out.power},
                                                   {"rot", &out.rot},
                                                   {"members", &out.members}};
    for (const auto& [name, flag] : known) *flag = false;
    for (const auto& wanted : names) {
        bool found = wanted == "none";
        for (const auto& [name, flag] : known)
            if (wanted == name) *flag = found = true;
        if (!found)
            return fail(Error::make("22023", "--faults " + wanted + " is not a fault")
                            .with_hint("anabranch simulate --help lists them."));
    }
    return out;
}

unsigned long long number(std::uint64_t n) {
    return n;
}

struct Totals {
    std::uint64_t seeds = 0;
    sim::Outcome sum;
    std::int64_t simulated_micros = 0, worst_micros = 0;
    void add(const sim::Outcome& o) {
        ++seeds;
        sum.events += o.events;
        sum.calls += o.calls;
        sum.committed += o.committed;
        sum.refused += o.refused;
        sum.unavailable += o.unavailable;
        sum.crashes += o.crashes;
        sum.partitions += o.partitions;
        sum.messages += o.messages;
        for (const auto& [name, count] : o.marks) sum.marks[name] += count;
        simulated_micros += o.simulated.micros;
        worst_micros = std::max(worst_micros, o.converged_after.micros);
    }
    void print(std::uint32_t replicas, std::int64_t micros) const {
        std::printf("%llu seeds, %u replicas: every invariant held at every replica at every step,\n",
                    number(seeds), replicas);
        std::printf("  nothing acknowledged was lost, nothing ran twice or out of order, all converged\n");
        std::printf("  %llu calls: %llu committed, %llu refused by their own checks, %llu unavailable\n",
                    number(sum.calls), number(sum.committed), number(sum.refused), number(sum.unavailable));
        std::printf("  %llu crashes, %llu cut links, %llu messages, %llu events\n", number(sum.crashes),
                    number(sum.partitions), number(sum.messages), number(sum.events));
        std::string rare;
        for (const auto& [name, count] : sum.marks)
            rare += (rare.empty() ? "" : ", ") + std::to_string(count) + " " + name;
        std::printf("  %s\n", rare.c_str());
        std::printf(
            "  %.1f simulated hours of the cluster in %.1f s; slowest convergence after the last "
            "fault %.2f s\n",
            static_cast<double>(simulated_micros) / 3.6e9, static_cast<double>(micros) / 1e6,
            static_cast<double>(worst_micros) / 1e6);
    }
};

// The schema under test with the simulator's tables, and its plan.
struct Subject {
    catalog::SchemaPtr schema;
    catalog::Plan plan;
};
std::optional<Subject> load(const std::vector<std::string>& files) {
    Subject out;
    out.schema = load_schema(files, false, {sim::history_tables()});
    if (out.schema == nullptr) return {};
    confluence::Options options;
    options.repairs = false;
    auto report = confluence::check(out.schema, options);
    if (!report) return explain(report.error()), std::nullopt;
    out.plan = std::move(report->plan);
    return out;
}

// Tells of the failure, and leaves a script that shows it in as few steps as possible.
int failed(const SimulateArguments& a, const Subject& subject, const sim::Outcome& outcome,
           const std::string& what) {
    std::printf("%s broke the rule \"%s\": %s\n", what.c_str(), outcome.rule.c_str(),
                outcome.problem.c_str());
    std::fflush(stdout);
    const auto until = monotonic_micros() + 30'000'000;
    auto script =
        sim::shrink(subject.schema, subject.plan, outcome, [&] { return monotonic_micros() < until; });
    script.schema = a.schema;
    const auto again = sim::run(subject.schema, subject.plan, script, true);
    std::printf("  in %zu events instead of %zu: %s\n", script.events.size(), outcome.script.events.size(),
                again.problem.c_str());
    const std::size_t shown = std::min<std::size_t>(again.trace.size(), 40);
    for (std::size_t i = again.trace.size() - shown; i < again.trace.size(); ++i)
        std::printf("    %s\n", again.trace[i].c_str());
    std::ofstream file(a.out, std::ios::binary);
    file << "# " << what << ": " << outcome.rule << ": " << again.problem << "\n" << sim::print(script);
    if (!file.flush()) return explain(Error::make("58030", "cannot write " + a.out));
    std::printf("  run it again with: anabranch simulate --replay %s --verbose\n", a.out.c_str());
    return 1;
}

int replay(SimulateArguments arguments) {
    std::ifstream in(arguments.replay, std::ios::binary);
    if (!in) return explain(Error::make("58030", "cannot read script " + arguments.replay)), 2;
    const auto script = sim::parse_script({std::istreambuf_iterator<char>(in), {}});
    if (!script) return explain(script.error()), 2;
    const auto subject = load(arguments.schema.empty() ? script->schema : arguments.schema);
    if (!subject) return 1;
    const auto started = monotonic_micros();
    const auto outcome = sim::run(subject->schema, subject->plan, *script, arguments.verbose);
    for (const auto& line : outcome.trace) std::printf("%s\n", line.c_str());
    if (!outcome.ok) {
        std::printf("the script broke the rule \"%s\": %s\n", outcome.rule.c_str(), outcome.problem.c_str());
        return 1;
    }
    Totals totals;
    totals.add(outcome);
    totals.print(script->replicas, monotonic_micros() - started);
    return 0;
}

}  // namespace

int simulate(const SimulateArguments& arguments) {
    if (!arguments.replay.empty()) return replay(arguments);
    const auto seeds = parse_seeds(arguments.seeds);
    if (!seeds) return explain(seeds.error()), 2;
    const auto faults = parse_faults(arguments.faults);
    if (!faults) return explain(faults.error()), 2;
    if (arguments.schema.empty())
        return explain(Error::make("22023", "simulate what? No schema file is given")
                           .with_hint("For example: anabranch simulate tools/examples/bank.sql")),
               2;
    const auto planted = sim::parse_planted(arguments.planted);
    if (!planted) return explain(planted.error()), 2;
    const auto subject = load(arguments.schema);
    if (!subject) return 1;
    const auto started = monotonic_micros();
    Totals totals;
    for (std::uint64_t seed = seeds->first; seed <= seeds->second; ++seed) {
        if (arguments.minutes > 0 &&
            static_cast<double>(monotonic_micros() - started) > arguments.minutes * 60e6)
            break;
        sim::Options options;
        options.seed = seed;
        options.replicas = arguments.replicas;
        options.load = {static_cast<std::int64_t>(arguments.load_seconds * 1e6)};
        options.faults = *faults;
        options.planted = *planted;
        options.verbose = arguments.verbose;
        const auto outcome = sim::simulate(subject->schema, subject->plan, options);
        for (const auto& line : outcome.trace) std::printf("%s\n", line.c_str());
        totals.add(outcome);
        if (!outcome.ok) return failed(arguments, *subject, outcome, "seed " + std::to_string(seed));
        if (is_terminal(STDERR_FILENO))
            std::fprintf(stderr, "\rseed %llu of %llu ", number(seed), number(seeds->second));
    }
    if (is_terminal(STDERR_FILENO)) std::fprintf(stderr, "\r%40s\r", "");
    totals.print(arguments.replicas, monotonic_micros() - started);
    return 0;
}

}  // namespace anabranch::tools
