// Settings of one client session: timeouts, those that the engine accepts without acting on them (drivers set
// them and read them back), and those that are announced by ParameterStatus. Settings named anabranch.*
// belong to the replica (node/replica/sessions.h).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/time.h"
#include "lib/sql/time_zone.h"

namespace anabranch::session {

class Settings {
  public:
    Settings();
    // Error 42704 for a name PostgreSQL does not know, 22023 for a value that would change meaning
    // (client_encoding other than UTF8). A name with a dot is a custom setting and is kept.
    Result<void> set(std::string_view name, std::string_view value);
    void reset(std::string_view name);
    void reset_all();
    std::optional<std::string> get(std::string_view name) const;
    struct Timeouts {  // zero: none
        Duration statement, idle_session, idle_in_transaction;
    };
    const Timeouts& timeouts() const { return timeouts_; }
    bool read_only() const { return read_only_; }  // default_transaction_read_only
    bool iso_intervals() const { return iso_intervals_; }
    // Null: UTC, under whatever name.
    const std::shared_ptr<const sql::TimeZone>& zone() const { return zone_; }
    // What RESET goes back to, and what a session begins with; same errors as set().
    Result<void> set_default(std::string_view name, std::string_view value);
    // Name, as PostgreSQL spells it, and value of those whose changes are reported to the client.
    std::vector<std::pair<std::string, std::string>> announcement() const;
    std::vector<std::pair<std::string, std::string>> announcement_of(std::string_view name) const;
    std::vector<std::pair<std::string, std::string>> all() const;

  private:
    void note_values();

    std::map<std::string, std::string, std::less<>> values_, defaults_;
    // As values_ has them: they are looked at with every message.
    Timeouts timeouts_;
    bool read_only_ = false, iso_intervals_ = false;
    std::shared_ptr<const sql::TimeZone> zone_;
};

}  // namespace anabranch::session
