#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <optional>
#include <vector>

#include "confluence/check.h"
#include "tools/commands.h"
#include "tools/figure.h"
#include "tools/large_schema.h"
#include "tools/load.h"

// How long the checker takes on two cores. Beside the time that passes stands the CPU time of both: on a
// machine that does other work it says what the time would be without. A pair is solved on one core: its time
// is CPU time.
namespace anabranch::tools {

namespace {

constexpr std::size_t cores = 2;

std::int64_t micros_of(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return time.tv_sec * 1'000'000 + time.tv_nsec / 1000;
}
std::int64_t thread_micros() {
    return micros_of(CLOCK_THREAD_CPUTIME_ID);
}

struct Spent {
    double passed = 0, cpu = 0;  // seconds
};
class Watch {
  public:
    Spent spent() const {
        const auto seconds = [](std::int64_t micros) { return static_cast<double>(micros) / 1e6; };
        return {seconds(micros_of(CLOCK_MONOTONIC) - passed_),
                seconds(micros_of(CLOCK_PROCESS_CPUTIME_ID) - cpu_)};
    }

  private:
    std::int64_t passed_ = micros_of(CLOCK_MONOTONIC), cpu_ = micros_of(CLOCK_PROCESS_CPUTIME_ID);
};

struct Checked {
    Spent spent;
    std::vector<double> pairs;  // milliseconds of those that a solver was asked about
};

Result<Checked> check_schema(const std::vector<std::string>& files,
                             const std::vector<catalog::ScriptFile>& behind) {
    const Watch watch;
    const auto schema = load_schema(files, true, behind);
    if (schema == nullptr) return fail(sqlstate::io_error, "there is no schema to check");
    confluence::Options options;
    options.clock_micros = thread_micros;
    options.threads = cores;
    TRY(const auto report, confluence::check(schema, options));
    const std::string text = confluence::to_text(report, 100, false);
    Checked out;
    out.spent = watch.spent();
    for (const auto& pair : report.pairs)
        if (pair.millis > 0) out.pairs.push_back(pair.millis);
    return out;
}

// The whole program on one file, from its start to its end.
Result<Spent> run_program(const std::string& program, const std::string& file) {
    const Watch watch;
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
    return Spent{watch.spent().passed, seconds(usage.ru_utime) + seconds(usage.ru_stime)};
}

void line(const std::string& what, double cpu, std::optional<double> passed, double bar) {
    const bool small = bar < 1;
    const double unit = small ? 1e3 : 1;
    const auto number = [&](double seconds) {
        char text[32];
        std::snprintf(text, sizeof text, "%.*f %s", small ? 1 : 2, seconds * unit, small ? "ms" : "s ");
        return std::string(text);
    };
    std::printf("  %-62s %10s %10s %10s %6.2f\n", what.c_str(), number(cpu).c_str(),
                passed ? number(*passed).c_str() : "", number(bar).c_str(), passed.value_or(cpu) / bar);
    std::fflush(stdout);
}
void line(const std::string& what, const Spent& spent, double bar) {
    line(what, spent.cpu, spent.passed, bar);
}

}  // namespace

int bench_check(const BenchArguments& arguments, const std::string& program) {
    std::printf("  %-62s %10s %10s %10s %6s\n", "time of the checker on two cores", "CPU", "passed", "bar",
                "ratio");
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
    line("a pair that the solver was asked about, median of " + count, quantile(pairs, 0.5) / 1e3, {}, 0.02);
    line("a pair that the solver was asked about, 95th percentile", quantile(pairs, 0.95) / 1e3, {}, 0.2);
    const auto bank = run_program(program, example_file(program, "bank"));
    if (!bank) return explain(bank.error());
    line("bank.sql, from the start of the program to its end", *bank, 0.3);
    if (!arguments.quick) line("tpcc.sql: 9 tables, 5 transactions, 11 assertions", last.spent, 5);
    const LargeSchema large = large_schema(arguments.quick ? 8 : arguments.tables);
    const auto checked = check_schema({}, {{"generated.sql", large.text}});
    if (!checked) return explain(checked.error());
    line("generated: " + std::to_string(large.tables) + " tables, " + std::to_string(large.checks) +
             " CHECKs, " + std::to_string(large.foreign_keys) + " foreign keys",
         checked->spent, 30);
    return 0;
}

int print_schema(const BenchArguments& arguments) {
    const std::string text = large_schema(arguments.tables).text;
    std::fwrite(text.data(), 1, text.size(), stdout);
    return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace anabranch::tools
