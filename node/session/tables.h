// The engine's virtual tables as this node fills them: anabranch.* from the replica, pg_catalog.* from the
// schema, settings from the session that is running.
#pragma once

#include <optional>
#include <string>

#include "lib/catalog/system_tables.h"
#include "lib/exec/engine.h"
#include "node/replica/replica.h"
#include "node/session/settings.h"

namespace anabranch::session {

class Tables final : public exec::VirtualTables {
  public:
    explicit Tables(catalog::SchemaPtr schema) : schema_(std::move(schema)) {}
    void attach(const replica::Replica* replica) { replica_ = replica; }
    // The session on whose behalf statements run until leave().
    void enter(std::uint64_t session, Settings* settings, const std::string* user,
               const std::string* database, Instant now) {
        session_ = session;
        settings_ = settings;
        user_ = user;
        database_ = database;
        now_ = now;
        arena_.reset();
    }
    void leave() {
        session_ = 0;
        settings_ = nullptr;
        user_ = database_ = nullptr;
    }
    void rows(std::uint32_t virtual_table,
              FunctionRef<bool(std::span<const sql::Datum>)> visit) const override;
    std::optional<std::string> setting(std::string_view name) const override;
    Result<std::string> configure(std::string_view name, std::string_view value, bool local) const override;
    std::string kept() const override;
    std::optional<std::string> kept(std::string_view then, std::string_view name) const override;

  private:
    void settings(const catalog::SystemTable& table,
                  FunctionRef<bool(std::span<const sql::Datum>)> visit) const;
    void schema_rows(std::uint32_t virtual_table, FunctionRef<bool(std::span<const sql::Datum>)> visit) const;

    catalog::SchemaPtr schema_;
    const replica::Replica* replica_ = nullptr;
    std::uint64_t session_ = 0;
    Settings* settings_ = nullptr;
    const std::string *user_ = nullptr, *database_ = nullptr;
    Instant now_;
    // Values of the rows shown must outlive the visit: the executor keeps them until the statement ends.
    mutable Arena arena_;
};

}  // namespace anabranch::session
