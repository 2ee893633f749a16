// SQL cursors of one client session: DECLARE runs the query and keeps its rows; FETCH and MOVE walk them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/exec/engine.h"
#include "lib/sql/ast.h"

namespace anabranch::session {

class Cursors {
  public:
    // Where the rows of a new cursor go. Error 42P03 if the name is taken.
    Result<exec::RowSink*> open(const std::string& name, std::vector<sql::OutputColumn> columns, bool hold,
                                bool forward_only);
    // Null when there is none of that name.
    const std::vector<sql::OutputColumn>* columns(std::string_view name) const;
    // How many rows went to `sink` (null: MOVE). Errors 34000, 55000.
    Result<std::size_t> fetch(const sql::ast::Fetch& what, exec::RowSink* sink);
    Result<void> close(const std::string& name);  // empty: all
    void discard(const std::string& name) { cursors_.erase(name); }
    void end_transaction(bool committed);  // those without HOLD close; after a rollback all that it made

  private:
    struct Cursor final : exec::RowSink {
        bool row(std::span<const sql::Datum> values) override;
        std::size_t rows() const { return columns.empty() ? 0 : cells.size() / columns.size(); }
        std::size_t step(std::size_t to, exec::RowSink* sink);
        std::vector<sql::OutputColumn> columns;
        Arena arena;
        std::vector<sql::Datum> cells;
        std::size_t position = 0;  // 0: before the first row; rows() + 1: after the last
        bool hold = false, forward_only = false;
        bool fresh = true;  // made by the transaction that is open
    };
    std::map<std::string, std::unique_ptr<Cursor>, std::less<>> cursors_;
};

}  // namespace anabranch::session
