// Running bound statements. compile() turns the IR into a plan once; run() executes it on a Store, collecting
// writes in an overlay that later statements of the same transaction see. Constraints are checked with
// PostgreSQL's timing: at the end of each statement, or at finish() when INITIALLY DEFERRED. A failed
// statement leaves the transaction unusable (as in PostgreSQL without savepoints).
//
// Nothing here knows a clock or entropy: both come in through Origin. Not thread-safe; compiled plans are
// immutable and shareable.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/function_ref.h"
#include "lib/base/random.h"
#include "lib/base/time.h"
#include "lib/catalog/schema.h"
#include "lib/exec/store.h"
#include "lib/sql/datum.h"

namespace anabranch::exec {

// Values fixed at the origin of a transaction.
class Origin {
  public:
    virtual ~Origin() = default;
    virtual Instant now() const = 0;  // transaction time; the same for the whole transaction
    virtual Random& random() = 0;
    // The next identity value of a column, unique over all replicas (replica-prefixed). Never reused, also
    // after a restart.
    virtual std::int64_t next_identity(TableId table, ColumnId column) = 0;
};

// Contents of virtual tables (pg_catalog.*, information_schema.*, anabranch.*), by Names' number.
class VirtualTables {
  public:
    virtual ~VirtualTables() = default;
    virtual void rows(std::uint32_t virtual_table,
                      FunctionRef<bool(std::span<const sql::Datum>)> visit) const = 0;
    // current_setting(), SHOW: empty optional when unknown.
    virtual std::optional<std::string> setting(std::string_view name) const = 0;
    // set_config(): the value as it is kept; error as of SET. It does nothing where a statement is not run
    // for a session of this node.
    virtual Result<std::string> configure(std::string_view /*name*/, std::string_view value,
                                          bool /*local*/) const {
        return std::string(value);
    }
    // All that setting() answers now, for a statement that is run later or at another node; never empty where
    // there is a session. And setting() as it was then.
    virtual std::string kept() const { return {}; }
    virtual std::optional<std::string> kept(std::string_view /*then*/, std::string_view name) const {
        return setting(name);
    }
};

// Result rows of one statement or call. Column values are borrowed for the duration of the call.
class RowSink {
  public:
    virtual ~RowSink() = default;
    virtual bool row(std::span<const sql::Datum> values) = 0;  // false: no more rows wanted
};

// A compiled statement or a compiled transaction body. Immutable.
class Compiled;
using CompiledPtr = std::shared_ptr<const Compiled>;
CompiledPtr compile(catalog::SchemaPtr schema, sql::StatementPtr statement);
// The whole body of a declared transaction: parameter domains are checked first, the last statement that
// yields rows gives the result.
CompiledPtr compile(catalog::SchemaPtr schema, const catalog::Transaction& transaction);
// Expressions without columns (the arguments of a CALL) as a statement of one row.
CompiledPtr compile(catalog::SchemaPtr schema, const std::vector<sql::ExprPtr>& expressions);
// Whether it may ask for VirtualTables::setting(), itself or in a default or a check.
bool asks_session(const Compiled& compiled);
std::string explain(const Compiled& compiled);  // one line per plan node, for EXPLAIN

struct StatementResult {
    std::uint64_t rows = 0;  // rows inserted, updated, deleted or selected
    enum class Kind : std::uint8_t { select, insert, update, delete_, merge, call } kind = Kind::select;
};

struct Upcoming {
    const Compiled* compiled = nullptr;
    std::span<const sql::Datum> parameters;
};

// One transaction at one replica: any number of statements, then finish(). The object may be reused after
// reset(): its arena and overlay keep their memory.
//
// Or several transactions with one effect: each ends with keep() or undo(), the next sees what was kept
// before it, and finish() yields what all of them did. The store must not change meanwhile.
class TransactionRun {
  public:
    TransactionRun(catalog::SchemaPtr schema, const Store& store, Origin& origin,
                   const VirtualTables* virtual_tables = nullptr);
    ~TransactionRun();
    TransactionRun(const TransactionRun&) = delete;
    TransactionRun& operator=(const TransactionRun&) = delete;

    // Runs to its end. On error the whole transaction is void.
    Result<StatementResult> run(const Compiled& compiled, std::span<const sql::Datum> parameters,
                                RowSink* sink);
    // A hint, ahead of several calls that will be run one after the other: what they will look up is asked
    // for now, all at once.
    void expect(std::span<const Upcoming> calls);
    // Checks what is deferred to commit (INITIALLY DEFERRED constraints, assertions) and yields the effect.
    // Valid until reset() or destruction.
    Result<const WriteSet*> finish();
    void reset();
    // Ends one of several transactions: checks what is deferred to its commit. On error it is undone.
    Result<void> keep();
    void undo();  // back to the last keep(); a failed statement is forgiven
    std::size_t rows_touched() const;
    // Polled now and then by long statements; true stops them with 57014.
    void set_cancelled(const bool* flag);
    Arena& arena();

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

// Every invariant of the schema evaluated on a whole state: the oracle of witnesses, simulator and tests.
// Lost updates are not states and are not reported here. At most `rows_max` rows per invariant are described
// ("accounts(id=1, balance=-60)").
struct Violation {
    std::uint32_t invariant = 0;  // index into Schema::invariants
    std::vector<std::string> rows;
};
std::vector<Violation> find_violations(const catalog::Schema& schema, const Store& store,
                                       std::size_t rows_max = 5);

}  // namespace anabranch::exec
