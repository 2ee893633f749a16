#include "node/io/report.h"

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

namespace anabranch::io {

std::string report_line(bool json, const std::string& node, replica::Notice::Level level,
                        const std::string& text, Instant now) {
    static constexpr const char* names[] = {"info", "warning", "alarm"};
    static constexpr const char* loud[] = {"info", "warning", "ALARM"};
    if (!json) return "anabranch node " + node + ": " + loud[static_cast<int>(level)] + ": " + text;
    const std::time_t seconds = now.micros / 1'000'000;
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    char time[64];
    const auto size = std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &utc);
    std::snprintf(time + size, sizeof time - size, ".%06dZ", static_cast<int>(now.micros % 1'000'000));
    nlohmann::ordered_json line;
    line["time"] = time;
    line["level"] = names[static_cast<int>(level)];
    line["node"] = node;
    line["message"] = text;
    return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void Reporter::report(replica::Notice::Level level, const std::string& text, Instant now) {
    // The same complaint every few milliseconds helps nobody.
    if (level < least_ || (text == last_ && now - last_at_ < seconds(10))) return;
    last_ = text;
    last_at_ = now;
    std::fprintf(stderr, "%s\n", report_line(json_, name_, level, text, now).c_str());
    std::fflush(stderr);
}

}  // namespace anabranch::io
