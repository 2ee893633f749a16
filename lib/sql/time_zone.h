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
    static TimeZone at_offset(std::int64_t seconds_east) { return TimeZone(seconds_east); }

    bool is_named() const { return named_ != nullptr; }  // its offset depends on the time

    // Microseconds, as in a timestamptz, to those on a clock there, as in a timestamp, and back. Where clocks
    // are put forward, the time that none of them shows is taken as before; where they are put back, the one
    // that they show twice is the second. Neither takes infinity; what leaves the type is left to the caller.
    std::int64_t to_local(std::int64_t micros) const;
    std::int64_t to_utc(std::int64_t local) const;

  private:
    struct Named;
    explicit TimeZone(std::int64_t offset_seconds) : offset_(offset_seconds) {}
    explicit TimeZone(std::shared_ptr<const Named> named) : named_(std::move(named)) {}

    std::int64_t offset_ = 0;             // seconds east of Greenwich
    std::shared_ptr<const Named> named_;  // null: offset_
};

}  // namespace anabranch::sql
