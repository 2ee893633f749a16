// Time zones by name: those of the IANA database as the machine has it (Debian's tzdata), read by Abseil,
// which knows their rules for all years to come; and fixed offsets. The machines of a cluster may have
// different releases of it: what a zone makes of a time is computed once, where a transaction runs, and
// travels as a value.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace anabranch::sql {

class TimeZone {
  public:
    // "Europe/Berlin" in any case, "UTC", "EST", "+02" (which is west of Greenwich, as POSIX has it). 22023.
    static Result<TimeZone> find(std::string_view name);
    // What TimeZone is set to, which is read otherwise: hours alone are east of Greenwich, and "CET" is not
    // an abbreviation but the zone of that name, with its summer time. 22023.
    static Result<TimeZone> of_setting(std::string_view value);
    static TimeZone at_offset(std::int64_t seconds_east) { return TimeZone(seconds_east); }

    bool is_named() const { return named_ != nullptr; }  // its offset depends on the time
    // What of_setting() knows it by: as the database spells it, or as POSIX does, "<+02>-02".
    std::string name() const;
    std::int64_t offset_at(std::int64_t micros) const;       // seconds east of Greenwich
    std::string abbreviation_at(std::int64_t micros) const;  // "CEST", "+02"

    // Microseconds, as in a timestamptz, to those on a clock there, as in a timestamp, and back. Where clocks
    // are put forward, the time that none of them shows is taken as before; where they are put back, the one
    // that they show twice is the second. Neither takes infinity; what leaves the type is left to the caller.
    std::int64_t to_local(std::int64_t micros) const;
    std::int64_t to_utc(std::int64_t local) const;

  private:
    struct Named;
    static std::shared_ptr<const Named> named(std::string_view name);  // null: none of that name
    explicit TimeZone(std::int64_t offset_seconds) : offset_(offset_seconds) {}
    explicit TimeZone(std::shared_ptr<const Named> named) : named_(std::move(named)) {}

    std::int64_t offset_ = 0;             // seconds east of Greenwich
    std::shared_ptr<const Named> named_;  // null: offset_
};

// A statement on its way to where it is bound, here or on another node: behind its text, and a NUL, which no
// statement has, the name of its session's time zone; nothing where that is UTC.
std::string with_zone(std::string_view text, std::string_view zone);
struct TextInZone {
    std::string_view text, zone;  // empty: UTC
};
TextInZone split_zone(std::string_view text);

}  // namespace anabranch::sql
