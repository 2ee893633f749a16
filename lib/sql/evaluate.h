// Built-in operators and functions at run time. A call is resolved once, when an expression is compiled, to a
// Builtin: a plain function pointer chosen by function and types. Running it costs one indirect call.
//
// - Arguments and results are Datums; bytes results are in the context's arena or borrowed from an argument.
// - NULL in gives NULL out, except: is_distinct, is_not_distinct, coalesce, greatest, least, nullif, concat,
//   concat_ws, format, quote_nullable, the array constructors and appenders, jsonb_build_*, range_make, and
//   whatever takes no argument.
// - A failure is kept in the context, the first one wins, and the call returns NULL: an evaluator tests
//   `failed` once per expression or row, not once per operator.
// - The binder makes argument types equal where an operator needs that (integers of different widths may
// mix); the result type decides overflow.
// - What the engine does not know yet resolves to a call that fails with 0A000 and says so.
//
// Not thread-safe: a context belongs to one running transaction.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/random.h"
#include "lib/base/time.h"
#include "lib/sql/datum.h"
#include "lib/sql/function.h"
#include "lib/sql/session_labels.h"
#include "lib/sql/type.h"
#include "lib/sql/value.h"

namespace anabranch::sql {

class RegexCache;  // evaluate_pattern.cpp

// What setting() is asked for by pg_database_size().
inline constexpr std::string_view database_bytes = "database_bytes";

// What built-ins ask of the session and the catalog.
class SessionInfo {
  public:
    virtual ~SessionInfo() = default;
    // current_setting, current_user ("user"), current_database ("database"), search_path ...; empty: unknown.
    virtual std::optional<std::string> setting(std::string_view name) const = 0;
    // set_config(): the value as it is kept; error as of SET. Where no session is, nothing happens.
    virtual Result<std::string> configure(std::string_view /*name*/, std::string_view value,
                                          bool /*local*/) const {
        return std::string(value);
    }
    // pg_get_constraintdef and its like, obj_description, ...; empty: NULL.
    virtual std::optional<std::string> describe(Func, std::span<const Datum>) const { return {}; }
};

// What every call may use. `now` is the transaction's time, also for clock_timestamp(): a transaction has
// one.
struct EvalContext {
    explicit EvalContext(Arena& memory, Instant transaction_time = {}, Random* numbers = nullptr);
    ~EvalContext();
    EvalContext(const EvalContext&) = delete;
    EvalContext& operator=(const EvalContext&) = delete;

    // Records the first failure; returns NULL, so that a kernel can end with `return context.fail(...)`.
    [[gnu::cold]] Datum fail(std::string_view sqlstate, std::string message);
    [[gnu::cold]] Datum fail(Error reason);
    // The failure, once; the context is then usable again.
    Error take_error();

    Arena& arena;
    Instant now;
    Random* random;
    const EnumLabels* labels = nullptr;
    const SessionInfo* session = nullptr;
    bool failed = false;
    Error error;                          // meaningful while `failed`
    std::string scratch;                  // for building text before it goes to the arena
    std::unique_ptr<RegexCache> regexes;  // made on first use
};

// For what a function does while this lives.
class InZone {
  public:
    InZone(EvalContext& context, const TimeZone* zone)
        : context_(context), before_(context.labels), labels_(before_, zone, false) {
        if (zone != nullptr) context_.labels = &labels_;
    }
    ~InZone() { context_.labels = before_; }
    InZone(const InZone&) = delete;
    InZone& operator=(const InZone&) = delete;

  private:
    EvalContext& context_;
    const EnumLabels* before_;
    SessionLabels labels_;
};

class Builtin;

// What a kernel knows about its call besides the values.
struct CallSite {
    Func func{};
    bool flag = false;  // cast: implicit; array comparison: ALL
    Type result;
    std::vector<Type> args;
    std::shared_ptr<const Builtin> inner;    // array comparison: of the elements
    std::vector<std::string> names{};        // row: of its fields
    std::shared_ptr<const TimeZone> zone{};  // in_zone: of the inner one
};

using Kernel = Datum (*)(EvalContext& context, const CallSite& site, const Datum* args);

class Builtin {
  public:
    static Builtin of(Func func, std::span<const Type> args, Type result);
    static Builtin cast(Type from, Type to, bool implicit = false);
    // left op ANY|ALL (array); arguments are (left, array), SQL's three-valued answer.
    static Builtin array_compare(Func compare, bool all, Type left, Type array);
    // ARRAY[...] of items of the element type, or of arrays of one shape, which become its rows.
    static Builtin array_of(std::span<const Type> items, Type result);
    // ROW(...): a self-describing record (record.h).
    // Without names the fields are f1, f2, ...
    static Builtin row_of(std::span<const Type> items, std::vector<std::string> names);
    // The same where a session's zone is another than UTC.
    static Builtin in_zone(Builtin inner, std::shared_ptr<const TimeZone> zone);

    Datum operator()(EvalContext& context, const Datum* args) const { return kernel_(context, site_, args); }
    bool supported() const;
    Kernel kernel() const { return kernel_; }
    const CallSite& site() const { return site_; }

  private:
    Builtin(Kernel run, CallSite site) : kernel_(run), site_(std::move(site)) {}
    Kernel kernel_;
    CallSite site_;
};

// One call, for callers that evaluate an expression once.
Result<Datum> evaluate(EvalContext& context, Func func, std::span<const Datum> args,
                       std::span<const Type> types, Type result);

}  // namespace anabranch::sql
