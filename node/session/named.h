// Statements that a session has named by PREPARE, for EXECUTE and DEALLOCATE. The names of the extended
// protocol are others (node/pgwire); PostgreSQL keeps both in one place.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/catalog/schema.h"
#include "lib/exec/engine.h"
#include "lib/sql/ast.h"
#include "node/pgwire/backend.h"

namespace anabranch::session {

class NamedStatements {
  public:
    Result<void> add(const std::string& name, pgwire::PreparedPtr statement);  // 42P05: the name is taken
    Result<pgwire::PreparedPtr> find(const std::string& name) const;           // 26000: there is none
    void remove(const std::string& name);                                      // empty: all

  private:
    std::map<std::string, pgwire::PreparedPtr> statements_;
};

// The types that PREPARE declares.
Result<std::vector<sql::Type>> types_of(const sql::ast::Prepare& statement, const catalog::Schema& schema);
// A query whose one row are the arguments of EXECUTE, converted to these types; empty for none. 42601 when
// they are too many or too few.
Result<std::string> argument_query(const sql::ast::Execute& statement, const std::vector<sql::Type>& types,
                                   const sql::EnumLabels& enums);

// Keeps one row.
class OneRow final : public exec::RowSink {
  public:
    bool row(std::span<const sql::Datum> values) override;
    std::span<const sql::Datum> values() const { return values_; }

  private:
    Arena arena_;
    std::vector<sql::Datum> values_;
};

}  // namespace anabranch::session
