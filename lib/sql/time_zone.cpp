#include "lib/sql/time_zone.h"

#include <absl/time/civil_time.h>
#include <absl/time/time.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "lib/sql/datetime.h"

namespace anabranch::sql {

struct TimeZone::Named {
    absl::TimeZone zone;
    std::string name;
};

namespace {

constexpr std::int64_t unix_seconds = unix_epoch_days * 86'400;  // from 1970 to 2000

struct Parts {
    std::int64_t seconds, micros;  // since 1970; of the second
};
Parts parts_of(std::int64_t micros) {
    std::int64_t seconds = micros / micros_per_second, rest = micros % micros_per_second;
    if (rest < 0) --seconds, rest += micros_per_second;
    return {seconds + unix_seconds, rest};
}
std::int64_t join(std::int64_t seconds, std::int64_t micros) {
    return (seconds - unix_seconds) * micros_per_second + micros;
}

char upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}
char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

// It becomes the name of a file, below the folder of zones.
bool is_zone_name(std::string_view name) {
    const auto allowed = [](char c) {
        return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '/' || c == '_' ||
               c == '-' || c == '+';
    };
    constexpr std::size_t longest = 64;
    return !name.empty() && name.size() <= longest && name.front() != '/' &&
           std::all_of(name.begin(), name.end(), allowed);
}

// The ways in which names of the database are written: America/New_York, EST5EDT, US/Pacific, Etc/GMT+5.
std::array<std::string, 4> spellings(std::string_view name) {
    std::array<std::string, 4> out;
    out.fill(std::string(name));
    auto& [given, words, capitals, mixed] = out;
    bool first = true, in_region = true;
    for (std::size_t i = 0; i < name.size(); ++i) {
        words[i] = first ? upper(name[i]) : lower(name[i]);
        capitals[i] = upper(name[i]);
        first = name[i] == '/' || name[i] == '_' || name[i] == '-';
        in_region = in_region && name[i] != '/';
        mixed[i] = words[i];
        if (in_region) mixed[i] = capitals[i];
    }
    if (mixed.starts_with("ETC/")) mixed = "Etc/" + capitals.substr(4);
    return out;
}

// +02, -05:30
std::string offset_text(std::int64_t seconds) {
    std::string out(1, seconds < 0 ? '-' : '+');
    print_offset(seconds < 0 ? -seconds : seconds, out);
    return out;
}

// What POSIX calls a zone of its own: a name in brackets, and how far it is west.
std::string_view without_label(std::string_view name) {
    const auto end = name.find('>');
    return name.starts_with('<') && end != std::string_view::npos ? name.substr(end + 1) : name;
}

}  // namespace

std::shared_ptr<const TimeZone::Named> TimeZone::named(std::string_view name) {
    if (!is_zone_name(name)) return nullptr;
    for (const auto& spelling : spellings(name)) {
        absl::TimeZone zone;
        if (absl::LoadTimeZone(spelling, &zone)) return std::make_shared<Named>(Named{zone, spelling});
    }
    return nullptr;
}

Result<TimeZone> TimeZone::find(std::string_view name) {
    if (const auto offset = zone_offset(name)) return TimeZone(*offset);
    if (auto found = named(name)) return TimeZone(std::move(found));
    return fail("22023", "time zone \"" + std::string(name) + "\" not recognized");
}

Result<TimeZone> TimeZone::of_setting(std::string_view value) {
    const std::string shown = "\"" + std::string(value) + "\"";
    Error wrong = Error::make("22023", "invalid value for parameter \"TimeZone\": " + shown);
    double hours = 0;
    const bool sign = value.starts_with('+');
    const auto [end, problem] = std::from_chars(value.data() + sign, value.data() + value.size(), hours);
    if (problem == std::errc() && end == value.data() + value.size()) {
        constexpr double hours_max = 168;  // as in PostgreSQL
        if (std::fabs(hours) < hours_max) return TimeZone(static_cast<std::int64_t>(hours * 3600));
        return fail(std::move(wrong).with_detail("UTC timezone offset is out of range."));
    }
    if (auto found = named(value)) return TimeZone(std::move(found));
    const auto offset = without_label(value);
    if (offset.starts_with('+') || offset.starts_with('-'))
        if (const auto seconds = zone_offset(offset)) return TimeZone(*seconds);
    return fail(std::move(wrong));
}

std::string TimeZone::name() const {
    if (named_ != nullptr) return named_->name;
    const std::string west = offset_ == 0 ? "-00" : offset_text(-offset_);
    return "<" + offset_text(offset_) + ">" + west;
}

std::int64_t TimeZone::offset_at(std::int64_t micros) const {
    if (named_ == nullptr) return offset_;
    return named_->zone.At(absl::FromUnixSeconds(parts_of(micros).seconds)).offset;
}

std::string TimeZone::abbreviation_at(std::int64_t micros) const {
    if (named_ == nullptr) return offset_ == 0 ? "UTC" : offset_text(offset_);
    return named_->zone.At(absl::FromUnixSeconds(parts_of(micros).seconds)).zone_abbr;
}

std::int64_t TimeZone::to_local(std::int64_t micros) const {
    return micros + offset_at(micros) * micros_per_second;
}

std::int64_t TimeZone::to_utc(std::int64_t local) const {
    if (named_ == nullptr) return local - offset_ * micros_per_second;
    const auto [seconds, rest] = parts_of(local);
    const auto there = named_->zone.At(absl::CivilSecond() + seconds);
    using Kind = absl::TimeZone::TimeInfo;
    return join(absl::ToUnixSeconds(there.kind == Kind::REPEATED ? there.post : there.pre), rest);
}

std::string with_zone(std::string_view text, std::string_view zone) {
    std::string out(text);
    if (!zone.empty()) out.append(1, '\0').append(zone);
    return out;
}

TextInZone split_zone(std::string_view text) {
    const auto end = text.find('\0');
    if (end == std::string_view::npos) return {text, {}};
    return {text.substr(0, end), text.substr(end + 1)};
}

}  // namespace anabranch::sql
