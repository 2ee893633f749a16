#include "tools/figure.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "node/io/file.h"
#include "tools/temporary.h"

namespace anabranch::tools {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

void print(const Figure& figure) {
    std::printf("  %-62s %10.4g %-10s", figure.what.c_str(), figure.value, figure.unit.c_str());
    if (figure.aim != 0)
        std::printf(" aim %s %g: %s", figure.more_is_better ? "over" : "under", figure.aim,
                    (figure.value < figure.aim) != figure.more_is_better
                        ? "met"
                        : ("missed, " +
                           std::to_string(figure.more_is_better ? figure.aim / figure.value
                                                                : figure.value / figure.aim)
                               .substr(0, 4) +
                           " x")
                              .c_str());
    std::printf("\n");
    std::fflush(stdout);
}

double quantile(std::vector<double> values, double share) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    return values[std::min(values.size() - 1,
                           static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

Result<double> syncs_per_second(double seconds) {
    const std::string path = temporary_path("anabranch-sync-" + std::to_string(::getpid()));
    TRY(const auto file, io::open_file(path, O_RDWR | O_CREAT | O_TRUNC));
    ::unlink(path.c_str());
    const Bytes zeros(1 << 20, '\0'), record(128, 'x');
    TRY_VOID(io::write_at(file.get(), zeros, 0, path));
    TRY_VOID(io::sync_data(file.get(), path));
    std::uint64_t count = 0;
    const auto start = Clock::now();
    while (seconds_since(start) < seconds) {
        TRY_VOID(io::write_at(file.get(), record, (count * 128) % (zeros.size() - 128), path));
        TRY_VOID(io::sync_data(file.get(), path));
        ++count;
    }
    return static_cast<double>(count) / seconds_since(start);
}

}  // namespace anabranch::tools
