#include "node/session/settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace anabranch::session {

namespace {

struct Known {
    const char* name;
    const char* value;
    bool announced = false;
    bool fixed = false;           // only this value (in any case) is accepted
    const char* shown = nullptr;  // the name as it is announced
    const char* also = nullptr;   // one more value that is accepted
    bool is_timeout() const { return std::string_view(name).ends_with("_timeout"); }
};

// tidy: table
constexpr std::array known{
    Known{"application_name", "", true},
    Known{"bytea_output", "hex"},
    Known{"check_function_bodies", "on"},
    Known{"client_encoding", "UTF8", true, true},
    Known{"client_min_messages", "notice"},
    Known{"datestyle", "ISO, MDY", true, true, "DateStyle"},
    Known{"default_transaction_isolation", "read committed"},
    Known{"default_transaction_read_only", "off", true},
    Known{"extra_float_digits", "1"},
    Known{"idle_in_transaction_session_timeout", "0"},
    Known{"idle_session_timeout", "0"},
    Known{"in_hot_standby", "off", true, true},
    Known{"integer_datetimes", "on", true, true},
    Known{"intervalstyle", "postgres", true, true, "IntervalStyle", "iso_8601"},
    Known{"is_superuser", "off", true, true},
    Known{"jit", "off"},
    Known{"lock_timeout", "0"},
    Known{"max_identifier_length", "63", false, true},
    Known{"max_index_keys", "32", false, true},
    Known{"role", "none"},
    Known{"row_security", "on"},
    Known{"search_path", "\"$user\", public"},
    Known{"server_encoding", "UTF8", true, true},
    Known{"server_version", "15.18 (anabranch 0.1.0)", true, true},
    Known{"server_version_num", "150018", false, true},
    Known{"session_authorization", "", true},
    Known{"standard_conforming_strings", "on", true, true},
    Known{"statement_timeout", "0"},
    Known{"synchronous_commit", "on"},
    Known{"timezone", "UTC", true, false, "TimeZone"},
    Known{"transaction_isolation", "read committed"},
    Known{"transaction_read_only", "off"},
    Known{"xmloption", "content"},
};

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return out;
}

const Known* find(std::string_view lower_name) {
    for (const auto& entry : known)
        if (entry.name == lower_name) return &entry;
    return nullptr;
}

// What counts as the same value: utf-8 is UTF8; "ISO" alone leaves the order of DateStyle as it is.
std::string canonical(std::string_view name, std::string_view value) {
    std::string text = lower(value);
    if (name == "client_encoding") {
        std::erase(text, '-');
        std::erase(text, '\'');  // asyncpg sends it quoted
        return text == "unicode" ? "utf8" : text;
    }
    if (name == "datestyle") {
        std::erase(text, ' ');
        return text == "iso" ? "iso,mdy" : text;
    }
    return text;
}

bool is_utc(std::string_view zone) {
    constexpr std::string_view names[] = {"UTC",           "UCT",       "Etc/UTC", "Etc/UCT",
                                          "Etc/Universal", "Universal", "Zulu",    "Etc/Zulu"};
    return std::find(std::begin(names), std::end(names), zone) != std::end(names);
}

constexpr std::pair<std::string_view, std::int64_t> units[] = {
    {"us", 1},           {"ms", 1000},         {"s", 1'000'000},
    {"min", 60'000'000}, {"h", 3'600'000'000}, {"d", 86'400'000'000}};

// "500", "1.5s", "2 min": a number without unit is milliseconds.
std::optional<Duration> parse_timeout(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    double number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc() || !std::isfinite(number)) return {};
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    double scale = text.empty() ? 1000 : 0;
    for (const auto& [unit, micros] : units)
        if (text == unit) scale = static_cast<double>(micros);
    if (scale == 0 || std::fabs(number * scale) > 1e17) return {};
    return Duration{static_cast<std::int64_t>(std::rint(number * scale / 1000)) * 1000};
}

// As SHOW prints it: in the largest unit that needs no fraction.
std::string timeout_text(Duration timeout) {
    if (timeout.micros == 0) return "0";
    for (std::size_t i = std::size(units); i-- > 0;)
        if (timeout.micros % units[i].second == 0)
            return std::to_string(timeout.micros / units[i].second) + std::string(units[i].first);
    return std::to_string(timeout.micros) + "us";
}

Result<Duration> checked_timeout(std::string_view name, std::string_view value) {
    const auto timeout = parse_timeout(value);
    if (!timeout)
        return fail(Error::make("22023", "invalid value for parameter \"" + std::string(name) + "\": \"" +
                                             std::string(value) + "\"")
                        .with_hint("Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", "
                                   "\"h\", and \"d\"."));
    const std::int64_t millis = timeout->micros / 1000;
    if (millis < 0 || millis > INT32_MAX)
        return fail(Error::make("22023", std::to_string(millis) +
                                             " ms is outside the valid range for parameter \"" +
                                             std::string(name) + "\" (0 ms .. 2147483647 ms)"));
    return *timeout;
}

}  // namespace

std::string Settings::key(std::string_view name) {
    return lower(name);
}

Settings::Settings() {
    reset_all();
}

void Settings::reset_all() {
    for (const auto& [name, value] : Values(values_))
        if (find(name) == nullptr && !defaults_.contains(name)) change(name, {}, false);
    for (const auto& entry : known)
        if (!defaults_.contains(entry.name)) change(entry.name, entry.value, false);
    for (const auto& [name, value] : defaults_) change(name, value, false);
    note_values();
}

// ---- what a transaction has set ----

void Settings::change(const std::string& name, std::optional<std::string> value, bool local) {
    if (in_transaction_ && !changed_) {
        before_ = kept_ = values_;
        changed_ = true;
    }
    const auto put = [&](Values& values) {
        if (value)
            values[name] = *value;
        else
            values.erase(name);
    };
    put(values_);
    if (changed_ && !local) put(kept_);
    unannounced_ = true;
}

void Settings::end_transaction(bool committed) {
    in_transaction_ = false;
    savepoints_.clear();
    if (!std::exchange(changed_, false)) return;
    values_ = std::move(committed ? kept_ : before_);
    unannounced_ = true;
    note_values();
}

void Settings::savepoint(const std::string& name) {
    savepoints_.push_back({name, changed_, {}, {}});
    if (!changed_) return;
    savepoints_.back().values = values_;
    savepoints_.back().kept = kept_;
}

std::vector<Settings::Savepoint>::iterator Settings::find_savepoint(const std::string& name) {
    auto at = savepoints_.end();
    while (at != savepoints_.begin())
        if ((--at)->name == name) return at;
    return savepoints_.end();
}

void Settings::release(const std::string& name) {
    savepoints_.erase(find_savepoint(name), savepoints_.end());
}

void Settings::roll_back_to(const std::string& name) {
    const auto at = find_savepoint(name);
    if (at == savepoints_.end()) return;
    savepoints_.erase(at + 1, savepoints_.end());
    if (!changed_) return;
    if (at->changed) {
        values_ = at->values;
        kept_ = at->kept;
    } else {
        values_ = before_;
        changed_ = false;
    }
    unannounced_ = true;
    note_values();
}

// ---- values ----

Result<void> Settings::set_default(std::string_view name, std::string_view value) {
    TRY_VOID(set(name, value));
    const std::string key = lower(name);
    defaults_[key] = values_[key];
    return {};
}

void Settings::note_values() {
    iso_intervals_ = values_.find("intervalstyle")->second == "iso_8601";
    const std::string read_only = lower(values_.find("default_transaction_read_only")->second);
    read_only_ = read_only == "on" || read_only == "true" || read_only == "yes" || read_only == "1";
    const std::string& zone = values_.find("timezone")->second;
    if (is_utc(zone))
        zone_ = nullptr;
    else if (zone_ == nullptr || zone_->name() != zone)
        zone_ = std::make_shared<const sql::TimeZone>(*sql::TimeZone::of_setting(zone));
    const auto timeout = [this](std::string_view name) {
        return parse_timeout(values_.find(name)->second).value_or(Duration{});
    };
    timeouts_ = {timeout("statement_timeout"), timeout("idle_session_timeout"),
                 timeout("idle_in_transaction_session_timeout")};
}

Result<std::string> Settings::checked(std::string_view given, std::string_view value) {
    const std::string name = lower(given);
    const Known* entry = find(name);
    if (entry == nullptr) {
        if (name.find('.') == std::string::npos)
            return fail("42704", "unrecognized configuration parameter \"" + std::string(given) + "\"");
        return std::string(value);
    }
    if (entry->fixed) {
        for (const char* known_value : {entry->value, entry->also})
            if (known_value != nullptr && canonical(name, value) == canonical(name, known_value))
                return known_value;
        return fail(Error::make("22023", "invalid value for parameter \"" + std::string(given) + "\": \"" +
                                             std::string(value) + "\"")
                        .with_detail("This server speaks " + std::string(entry->value) +
                                     (entry->also != nullptr ? std::string(" and ") + entry->also : "") +
                                     " only."));
    }
    if (entry->is_timeout()) {
        TRY(const Duration timeout, checked_timeout(given, value));
        return timeout_text(timeout);
    }
    if (name != "timezone") return std::string(value);
    TRY(const sql::TimeZone zone, sql::TimeZone::of_setting(value));
    return zone.name();
}

Result<void> Settings::set(std::string_view given, std::string_view value) {
    TRY(auto wanted, checked(given, value));
    change(lower(given), std::move(wanted), false);
    note_values();
    return {};
}

Result<void> Settings::set_local(std::string_view given, std::string_view value) {
    TRY(auto wanted, checked(given, value));
    if (!in_transaction_) return {};
    change(lower(given), std::move(wanted), true);
    note_values();
    return {};
}

void Settings::reset(std::string_view given) {
    const std::string name = lower(given);
    const Known* entry = find(name);
    if (const auto own = defaults_.find(name); own != defaults_.end())
        change(name, own->second, false);
    else
        change(name, entry == nullptr ? std::nullopt : std::optional<std::string>(entry->value), false);
    note_values();
}

std::optional<std::string> Settings::get(std::string_view name) const {
    const auto found = values_.find(lower(name));
    if (found == values_.end()) return {};
    return found->second;
}

std::vector<std::pair<std::string, std::string>> Settings::announcement() const {
    std::vector<std::pair<std::string, std::string>> out;
    for (const auto& entry : known)
        if (entry.announced)
            out.emplace_back(entry.shown != nullptr ? entry.shown : entry.name,
                             values_.find(entry.name)->second);
    return out;
}

std::vector<std::pair<std::string, std::string>> Settings::take_announcements() {
    if (!std::exchange(unannounced_, false)) return {};
    auto out = announcement();
    std::erase_if(out, [&](const auto& one) {
        auto& told = announced_[one.first];
        return std::exchange(told, one.second) == one.second;
    });
    return out;
}

std::vector<std::pair<std::string, std::string>> Settings::all() const {
    return {values_.begin(), values_.end()};
}

std::vector<std::pair<std::string, std::string>> Settings::changed() const {
    static const Settings fresh;
    std::vector<std::pair<std::string, std::string>> out;
    for (const auto& entry : values_)
        if (fresh.get(entry.first) != entry.second) out.push_back(entry);
    return out;
}

}  // namespace anabranch::session
