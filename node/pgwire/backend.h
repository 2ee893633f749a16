// What a wire session asks of the node behind it. node/io implements it over node/replica; tests implement it
// over nothing at all.
//
// Sans-IO and single-threaded. A call either completes at once, or completes at once but may be shown to the
// client only when a durability ticket is reached, or later by Session::complete(). A session keeps the order
// of its answers; it goes on with the next message of a pipeline unless a completion is `later`, and of
// statements that may_overlap() even then.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/exec/engine.h"
#include "lib/sql/datum.h"
#include "lib/sql/ir.h"
#include "lib/sql/type.h"
#include "lib/sql/value.h"

namespace anabranch::pgwire {

struct CopyFormat;  // copy.h

// A statement made ready: opaque to the session except for what the protocol shows. Shared by sessions,
// cached by text in the backend.
class Prepared {
  public:
    virtual ~Prepared() = default;
    virtual const std::vector<sql::Type>& parameter_types() const = 0;
    virtual const std::vector<sql::OutputColumn>& columns() const = 0;  // empty: no rows (NoData)
    enum class Kind : std::uint8_t {
        empty,  // nothing but blanks and comments
        query,  // rows or DML or CALL: execute()
        begin,
        commit,
        rollback,
        savepoint,
        set,
        show,
        other  // utility statements that execute() carries out: SET, SHOW, RESET, DISCARD, DEALLOCATE, LISTEN
               // ...
    };
    virtual Kind kind() const = 0;
    // COPY: the session moves the data in this format. Null otherwise. Of COPY FROM, execute() takes one
    // array per column as parameters, and is called once all data have come.
    virtual const CopyFormat* copy() const { return nullptr; }
    // Outside a block it may be handed over before another such statement has completed: the backend keeps
    // their order, and none has rows.
    virtual bool may_overlap() const { return false; }
};
using PreparedPtr = std::shared_ptr<const Prepared>;

// How a command ended: the tag of CommandComplete ("SELECT 3", "INSERT 0 1", "CALL", "SET").
struct Outcome {
    std::string tag;
    struct Warning {
        std::string_view code;  // a literal
        std::string text;
    };
    std::vector<Warning> warnings;
    std::vector<std::pair<std::string, std::string>>
        parameter_status;  // changed settings to report (application_name ...)
    // A statement prepared by the protocol that is to be forgotten, if there is one of this name; empty: all.
    std::optional<std::string> deallocated = {};
};

enum class When : std::uint8_t { now, durable, later };
struct Completion {
    When when = When::now;
    std::uint64_t ticket = 0;             // for `durable`: shown once Session::durable(ticket' >= ticket)
    Result<Outcome> outcome = Outcome{};  // meaningless for `later`
};

enum class BlockState : char { idle = 'I', in_block = 'T', failed = 'E' };

class Backend {
  public:
    virtual ~Backend() = default;
    // Start-up: refused users and databases, authentication method. `settings` are the client's start-up
    // options.
    virtual Result<void> connect(const std::string& user, const std::string& database,
                                 const std::vector<std::pair<std::string, std::string>>& settings) = 0;
    // ParameterStatus values to announce.
    virtual std::vector<std::pair<std::string, std::string>> announced() const = 0;
    // One statement (a simple Query is split by split()). `types` may be shorter than the parameters; unknown
    // = infer.
    virtual Result<PreparedPtr> prepare(std::string_view text, std::span<const sql::Type> types) = 0;
    // The statements of one simple Query message, as (offset, size) ranges; an error is a syntax error of the
    // whole message.
    virtual Result<std::vector<std::pair<std::uint32_t, std::uint32_t>>> split(std::string_view text) = 0;
    // Runs it. Rows go to `sink` during this call, or, for `later`, before complete(number). `implicit`: part
    // of a multi-statement simple Query or of an extended batch outside a block; the work becomes one
    // transaction that ends with end_implicit().
    virtual Completion execute(std::uint64_t number, const Prepared& prepared,
                               std::span<const sql::Datum> parameters, exec::RowSink& sink,
                               bool implicit) = 0;
    // At Sync, or at the end of a simple Query: commits (or, after an error, rolls back) what ran as implicit
    // transaction.
    virtual Completion end_implicit(std::uint64_t number, bool failed) = 0;
    virtual BlockState block_state() const = 0;
    // The columns of a cursor that DECLARE has opened: Describe and Close of portals know those names too.
    virtual const std::vector<sql::OutputColumn>* cursor(std::string_view) const { return nullptr; }
    virtual void cancel_running() = 0;  // CancelRequest, or the client vanished
    virtual const sql::EnumLabels* enum_labels() const = 0;
};

}  // namespace anabranch::pgwire
