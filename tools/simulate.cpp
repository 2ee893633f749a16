#include "node/sim/world.h"

#include <unistd.h>

#include <charconv>
#include <cstdio>

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

struct Totals {
    std::uint64_t seeds = 0, events = 0, calls = 0, committed = 0, refused = 0, unavailable = 0, crashes = 0,
                  partitions = 0, messages = 0;
    std::int64_t simulated_micros = 0, worst_micros = 0;
    void add(const sim::Outcome& o) {
        ++seeds;
        events += o.events;
        calls += o.calls;
        committed += o.committed;
        refused += o.refused;
        unavailable += o.unavailable;
        crashes += o.crashes;
        partitions += o.partitions;
        messages += o.messages;
        simulated_micros += o.simulated.micros;
        worst_micros = std::max(worst_micros, o.converged_after.micros);
    }
    void print(std::uint32_t replicas, std::int64_t micros) const {
        std::printf("%llu seeds, %u replicas: every invariant held at every replica at every step\n",
                    static_cast<unsigned long long>(seeds), replicas);
        std::printf("  %llu calls: %llu committed, %llu refused by their own checks, %llu unavailable\n",
                    static_cast<unsigned long long>(calls), static_cast<unsigned long long>(committed),
                    static_cast<unsigned long long>(refused), static_cast<unsigned long long>(unavailable));
        std::printf("  %llu crashes, %llu partitions, %llu messages, %llu events\n",
                    static_cast<unsigned long long>(crashes), static_cast<unsigned long long>(partitions),
                    static_cast<unsigned long long>(messages), static_cast<unsigned long long>(events));
        std::printf(
            "  %.1f simulated hours of the cluster in %.1f s; slowest convergence after the last fault %.2f "
            "s\n",
            static_cast<double>(simulated_micros) / 3.6e9, static_cast<double>(micros) / 1e6,
            static_cast<double>(worst_micros) / 1e6);
    }
};

int failed(const SimulateArguments& a, std::uint64_t seed, const sim::Outcome& outcome) {
    std::string files;
    for (const auto& file : a.schema) files += " " + file;
    std::printf("seed %llu failed: %s\n", static_cast<unsigned long long>(seed), outcome.problem.c_str());
    std::printf("  replay it with: anabranch simulate%s --replicas %u --seeds %llu --verbose\n",
                files.c_str(), a.replicas, static_cast<unsigned long long>(seed));
    return 1;
}

}  // namespace

int simulate(const SimulateArguments& arguments) {
    const auto seeds = parse_seeds(arguments.seeds);
    if (!seeds) return explain(seeds.error()), 2;
    const auto schema = load_schema(arguments.schema, false);
    if (schema == nullptr) return 1;
    confluence::Options check_options;
    check_options.repairs = false;
    const auto report = confluence::check(schema, check_options);
    if (!report) return explain(report.error());
    const auto started = monotonic_micros();
    Totals totals;
    for (std::uint64_t seed = seeds->first; seed <= seeds->second; ++seed) {
        sim::Options options;
        options.seed = seed;
        options.replicas = arguments.replicas;
        options.verbose = arguments.verbose;
        const auto outcome = sim::simulate(schema, report->plan, options);
        for (const auto& line : outcome.trace) std::printf("%s\n", line.c_str());
        totals.add(outcome);
        if (!outcome.ok) return failed(arguments, seed, outcome);
        if (is_terminal(STDERR_FILENO))
            std::fprintf(stderr, "\rseed %llu of %llu ", static_cast<unsigned long long>(seed),
                         static_cast<unsigned long long>(seeds->second));
    }
    if (is_terminal(STDERR_FILENO)) std::fprintf(stderr, "\r%40s\r", "");
    totals.print(arguments.replicas, monotonic_micros() - started);
    return 0;
}

}  // namespace anabranch::tools
