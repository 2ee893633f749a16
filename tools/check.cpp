#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <sys/ioctl.h>

#include "tools/commands.h"
#include "tools/load.h"

namespace anabranch::tools {

namespace {

constexpr unsigned threads_max = 4;

std::size_t terminal_width() {
    struct winsize size {};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40) return size.ws_col;
    return 100;
}

// A line that is rewritten, on a terminal and only when it takes longer than a second.
class Progress {
  public:
    void show(std::size_t done, std::size_t total, const std::string& what) {
        if (!is_terminal(STDERR_FILENO) || monotonic_micros() - started_ < 1'000'000) return;
        if (monotonic_micros() - shown_ < 100'000 && done < total) return;
        shown_ = monotonic_micros();
        constexpr std::size_t width = 30;
        const std::size_t filled = total == 0 ? width : done * width / total;
        std::fprintf(stderr, "\r[%s%s] %zu of %zu pairs  %-40.40s", std::string(filled, '#').c_str(),
                     std::string(width - filled, ' ').c_str(), done, total, what.c_str());
    }
    ~Progress() {
        if (shown_ != 0) std::fprintf(stderr, "\r%*s\r", 110, "");
    }

  private:
    const std::int64_t started_ = monotonic_micros();
    std::int64_t shown_ = 0;
};

bool denied(const confluence::Report& report, const std::vector<std::string>& deny) {
    const auto has = [&](const char* word) {
        return std::find(deny.begin(), deny.end(), word) != deny.end();
    };
    const bool ordered = std::any_of(report.plan.transactions.begin(), report.plan.transactions.end(),
                                     [](const auto& t) { return t.route == catalog::Route::ordered; });
    const bool unknown = std::any_of(report.pairs.begin(), report.pairs.end(), [](const auto& pair) {
        return pair.verdict == confluence::Verdict::unknown;
    });
    return (has("ordered") && ordered) || (has("unknown") && unknown);
}

int write(const std::string& path, const std::string& text) {
    if (path.empty()) {
        std::fwrite(text.data(), 1, text.size(), stdout);
        return std::fflush(stdout) == 0 ? 0 : 1;
    }
    std::ofstream out(path, std::ios::binary);
    out << text;
    if (out.flush()) return 0;
    return explain(Error::make(sqlstate::io_error, "cannot write " + path));
}

}  // namespace

int check(const CheckArguments& arguments) {
    const auto schema = load_schema(arguments.files, true);
    if (schema == nullptr) return 1;
    std::optional<confluence::Mix> mix;
    if (arguments.mix) {
        auto read = confluence::parse_mix(*schema, *arguments.mix);
        if (!read) return explain(read.error()), 2;
        mix = std::move(*read);
    }
    confluence::Options options;
    options.only_transaction = arguments.transaction;
    options.only_invariant = arguments.invariant;
    options.repairs = arguments.repairs;
    options.clock_micros = monotonic_micros;
    options.threads = std::clamp(std::thread::hardware_concurrency(), 1U, threads_max);
    Result<confluence::Report> report = fail(Error{});
    {
        Progress progress;
        options.progress = [&](std::size_t done, std::size_t total, const std::string& what) {
            progress.show(done, total, what);
        };
        report = confluence::check(schema, options);
    }
    if (!report) {
        const bool usage =
            report.error().sqlstate == sqlstate::undefined_object;  // --transaction, --invariant
        return explain(report.error()), usage ? 2 : 1;
    }
    if (mix) {
        std::optional<confluence::Skew> skew;
        if (arguments.skew) skew = {*arguments.skew, arguments.keys};
        report->share = confluence::share_of(*report, *mix, skew);
    }
    std::string text;
    if (arguments.format == "json")
        text = confluence::to_json(*report);
    else if (arguments.format == "html")
        text = confluence::to_html(*report);
    else
        text = confluence::to_text(*report, terminal_width(),
                                   arguments.colour == "always" ||
                                       (arguments.colour == "auto" && arguments.out.empty() &&
                                        is_terminal(STDOUT_FILENO) && std::getenv("NO_COLOR") == nullptr));
    if (const int status = write(arguments.out, text); status != 0) return status;
    return denied(*report, arguments.deny) ? 3 : 0;
}

}  // namespace anabranch::tools
