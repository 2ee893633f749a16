// Settings of one client session: timeouts, those that the engine accepts without acting on them (drivers
// set them and read them back), and those that are announced by ParameterStatus. What a transaction sets is
// undone with it. Settings named anabranch.* belong to the replica (node/replica/sessions.h) and are not.
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
    // A name as it is kept: any case means the same setting.
    static std::string key(std::string_view name);
    // A value as it is kept and shown. Error 42704 for a name PostgreSQL does not know, 22023 for a value
    // that would change meaning (client_encoding other than UTF8). A name with a dot is a custom setting.
    static Result<std::string> checked(std::string_view name, std::string_view value);
    // Same errors.
    Result<void> set(std::string_view name, std::string_view value);
    // The same until the transaction ends; without one it has no effect.
    Result<void> set_local(std::string_view name, std::string_view value);
    void reset(std::string_view name);
    void reset_all();

    // Between these two, changes are kept only if it commits. Of savepoints the last one of a name counts.
    void begin_transaction() { in_transaction_ = true; }
    void end_transaction(bool committed);
    void savepoint(const std::string& name);
    void release(const std::string& name);
    void roll_back_to(const std::string& name);

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
    // Of these, what has changed since this was asked last.
    std::vector<std::pair<std::string, std::string>> take_announcements();
    std::vector<std::pair<std::string, std::string>> all() const;
    std::vector<std::pair<std::string, std::string>> changed() const;  // those that a new session has not

  private:
    using Values = std::map<std::string, std::string, std::less<>>;
    struct Savepoint {
        std::string name;
        bool changed;  // something was set before it; else what it goes back to is the begin
        Values values, kept;
    };
    void change(const std::string& name, std::optional<std::string> value, bool local);
    std::vector<Savepoint>::iterator find_savepoint(const std::string& name);
    void note_values();

    Values values_, defaults_;
    bool in_transaction_ = false;
    bool changed_ = false;  // in this transaction; then:
    Values before_, kept_;  // at its begin; what its commit leaves, without what is local
    std::vector<Savepoint> savepoints_;
    std::map<std::string, std::string> announced_;
    bool unannounced_ = false;  // perhaps
    // As values_ has them: they are looked at with every message.
    Timeouts timeouts_;
    bool read_only_ = false, iso_intervals_ = false;
    std::shared_ptr<const sql::TimeZone> zone_;
};

}  // namespace anabranch::session
