#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <vector>

#include "confluence/check.h"
#include "tools/commands.h"
#include "tools/large_schema.h"
#include "tools/load.h"

// How long the checker takes, in CPU time, so that other work on the machine does not count.
namespace anabranch::tools {

namespace {

std::int64_t cpu_micros() {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * 1'000'000 + time.tv_nsec / 1000;
}

struct Checked {
    double seconds = 0;
    std::vector<double> pairs;  // milliseconds of those that a solver was asked about
};

Result<Checked> check_schema(const std::vector<std::string>& files,
                             const std::vector<catalog::ScriptFile>& behind) {
    const std::int64_t start = cpu_micros();
    const auto schema = load_schema(files, true, behind);
    if (schema == nullptr) return fail(sqlstate::io_error, "there is no schema to check");
    confluence::Options options;
    options.clock_micros = cpu_micros;
    TRY(const auto report, confluence::check(schema, options));
    const std::string text = confluence::to_text(report, 100, false);
    Checked out;
    out.seconds = static_cast<double>(cpu_micros() - start) / 1e6;
    for (const auto& pair : report.pairs)
        if (pair.millis > 0) out.pairs.push_back(pair.millis);
    return out;
}

// The whole program on one file, from its start to its end.
Result<double> run_program(const std::string& program, const std::string& file) {
    const pid_t child = ::fork();
    if (child < 0) return fail(sqlstate::io_error, "cannot start " + program);
    if (child == 0) {
        if (std::freopen("/dev/null", "w", stdout) == nullptr) ::_exit(1);
        ::execl(program.c_str(), program.c_str(), "check", file.c_str(), nullptr);
        ::_exit(1);
    }
    int status = 0;
    rusage usage{};
    if (::wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fail(sqlstate::io_error, program + " check " + file + " failed");
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void line(const std::string& what, double seconds, double bar) {
    if (bar < 1 && seconds < 1)
        std::printf("  %-68s %8.1f ms %8.0f ms %6.2f\n", what.c_str(), seconds * 1e3, bar * 1e3,
                    seconds / bar);
    else
        std::printf("  %-68s %8.2f s  %8.1f s  %6.2f\n", what.c_str(), seconds, bar, seconds / bar);
    std::fflush(stdout);
}

double quantile(std::vector<double> sorted, double share) {
    if (sorted.empty()) return 0;
    std::sort(sorted.begin(), sorted.end());
    return sorted[std::min(sorted.size() - 1,
                           static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

}  // namespace

int bench_check(const BenchArguments& arguments, const std::string& program) {
    std::printf("  %-68s %11s %11s %6s\n", "CPU time of the checker", "measured", "bar", "ratio");
    std::vector<double> pairs;
    Checked last;
    const std::vector<const char*> few{"bank", "user_names"};
    const std::vector<const char*> all{"bank",     "check_and_set", "meeting_rooms", "orders",
                                       "payments", "user_names",    "tpcc"};
    for (const char* name : arguments.quick ? few : all) {
        auto checked = check_schema({example_file(program, name)}, {});
        if (!checked) return explain(checked.error());
        pairs.insert(pairs.end(), checked->pairs.begin(), checked->pairs.end());
        last = std::move(*checked);
    }
    const std::string count = std::to_string(pairs.size());
    line("a pair that the solver was asked about, median of " + count, quantile(pairs, 0.5) / 1e3, 0.02);
    line("a pair that the solver was asked about, 95th percentile", quantile(pairs, 0.95) / 1e3, 0.2);
    const auto bank = run_program(program, example_file(program, "bank"));
    if (!bank) return explain(bank.error());
    line("bank.sql, from the start of the program to its end", *bank, 0.3);
    if (!arguments.quick) line("tpcc.sql: 9 tables, 5 transactions, 11 assertions", last.seconds, 5);
    const LargeSchema large = large_schema(arguments.quick ? 8 : arguments.tables);
    const auto checked = check_schema({}, {{"generated.sql", large.text}});
    if (!checked) return explain(checked.error());
    line("generated: " + std::to_string(large.tables) + " tables, " + std::to_string(large.checks) +
             " CHECKs, " + std::to_string(large.foreign_keys) + " foreign keys",
         checked->seconds, 30);
    return 0;
}

int print_schema(const BenchArguments& arguments) {
    const std::string text = large_schema(arguments.tables).text;
    std::fwrite(text.data(), 1, text.size(), stdout);
    return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace anabranch::tools
