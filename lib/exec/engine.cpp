#include "lib/exec/engine.h"

#include <optional>
#include <utility>

#include "lib/catalog/system_rows.h"
#include "lib/exec/assertions.h"
#include "lib/exec/compiled.h"
#include "lib/exec/fold.h"
#include "lib/exec/key_batch.h"
#include "lib/exec/writer.h"

namespace anabranch::exec {

using sql::Datum;

namespace {

// The session's settings, as built-in functions ask for them.
class Session final : public sql::SessionInfo {
  public:
    Session(const catalog::Schema& schema, const VirtualTables* tables) : schema_(schema), tables_(tables) {}
    std::optional<std::string> setting(std::string_view name) const override {
        return tables_ == nullptr ? std::nullopt : tables_->setting(name);
    }
    Result<std::string> configure(std::string_view name, std::string_view value, bool local) const override {
        if (tables_ == nullptr) return std::string(value);
        return tables_->configure(name, value, local);
    }
    std::optional<std::string> describe(sql::Func func, std::span<const Datum> args) const override {
        return catalog::catalog_text(schema_, func, args);
    }

  private:
    const catalog::Schema& schema_;
    const VirtualTables* tables_;
};

}  // namespace

class TransactionRun::Impl {
  public:
    Impl(catalog::SchemaPtr s, const Store& store, Origin& from, const VirtualTables* virtual_tables)
        : schema(std::move(s)),
          plans(plans_of(*schema)),
          origin(from),
          session(*schema, virtual_tables),
          context(arena),
          keys(plans, context),
          overlay(plans, arena),
          view(plans, store, overlay, keys),
          executor(plans, view, overlay, context),
          writer(plans, view, overlay, keys, executor, origin),
          assertions(plans, view, overlay, context) {
        context.labels = &plans;
        context.session = &session;
        executor.set_writer(&writer);
        executor.set_virtual_tables(virtual_tables);
    }

    void reset() {
        overlay.reset();
        writer.rows().reset();
        writes.rows.clear();
        if (context.failed) context.take_error();
        arena.reset();
        begun = broken = false;
    }
    bool check_deferred() {
        begin();
        overlay.begin_statement();
        return writer.rows().constraints().end_of_transaction() && assertions.check();
    }
    void undo() {
        overlay.undo();
        writer.rows().reset();
        if (context.failed) context.take_error();
        begun = broken = false;
    }
    void begin() {
        if (begun) return;
        begun = true;
        context.now = origin.now();
        context.random = &origin.random();
    }
    Result<StatementResult> run(const Compiled& compiled, std::span<const Datum> parameters, RowSink* sink);
    bool statement(const Compiled& compiled, std::size_t number, RowSink* sink, StatementResult& result);
    bool carry_out(const Compiled& compiled, std::size_t number, RowSink* sink, StatementResult& result);
    bool answer(const Compiled& compiled, const StatementPlan& plan, RowSink* sink, std::uint64_t& rows);
    std::uint64_t rows_of(const StatementPlan& plan, RowEmitter emit);
    std::unexpected<Error> broke() {
        broken = true;
        return fail(context.take_error());
    }

    catalog::SchemaPtr schema;
    const SchemaPlans& plans;
    Origin& origin;
    Session session;
    Arena arena;
    sql::EvalContext context;
    KeyReader keys;
    Overlay overlay;
    MergedView view;
    Executor executor;
    Writer writer;
    Assertions assertions;
    WriteSet writes;
    KeyBatch upcoming;
    bool begun = false, broken = false;
};

std::uint64_t TransactionRun::Impl::rows_of(const StatementPlan& plan, RowEmitter emit) {
    if (plan.write != nullptr) {
        const std::uint64_t written = writer.write(*plan.write, emit);
        return plan.write->merge ? writer.merged() : written;
    }
    std::uint64_t rows = 0;
    executor.query(*plan.query, [&](const Datum* row) {
        ++rows;
        return emit(row);
    });
    return rows;
}

// Runs the statement that gives a call its answer.
bool TransactionRun::Impl::answer(const Compiled& compiled, const StatementPlan& plan, RowSink* sink,
                                  std::uint64_t& rows) {
    using Answer = Compiled::Answer;
    const bool first_only = compiled.answer == Answer::one || compiled.answer == Answer::one_or_null;
    bool wanted = true;
    std::uint64_t seen = 0;
    rows = rows_of(plan, [&](const Datum* row) {
        if (sink != nullptr && wanted && (!first_only || seen == 0))
            wanted = sink->row({row, compiled.width});
        ++seen;
        if (plan.write != nullptr) return true;  // it runs to its end, wanted or not
        return wanted && !first_only;
    });
    if (context.failed) return false;
    if (!first_only) return true;
    rows = 1;
    if (seen > 0) return true;
    if (compiled.answer == Answer::one) {
        context.fail(sqlstate::internal_error, "procedure returned null record");
        return false;
    }
    const std::vector<Datum> nulls(compiled.width);
    if (sink != nullptr) sink->row(nulls);
    return true;
}

bool TransactionRun::Impl::statement(const Compiled& compiled, std::size_t number, RowSink* sink,
                                     StatementResult& result) {
    if (carry_out(compiled, number, sink, result)) return true;
    writer.rows().constraints().blame_earliest();
    return false;
}

bool TransactionRun::Impl::carry_out(const Compiled& compiled, std::size_t number, RowSink* sink,
                                     StatementResult& result) {
    const StatementPlan& plan = compiled.statements[number];
    overlay.begin_statement();
    writer.begin_statement();
    executor.begin(plan);
    for (const std::uint32_t cte : plan.modifying) {
        executor.run_cte(cte);
        if (context.failed) return false;
    }
    const bool answers = compiled.call ? number == compiled.answers : true;
    if (answers) {
        if (!answer(compiled, plan, sink, result.rows)) return false;
    } else {
        rows_of(plan, [](const Datum*) { return true; });
    }
    return !context.failed && writer.rows().constraints().end_of_statement() && !context.failed;
}

Result<StatementResult> TransactionRun::Impl::run(const Compiled& compiled, std::span<const Datum> parameters,
                                                  RowSink* sink) {
    if (broken) {
        return fail(sqlstate::in_failed_transaction,
                    "current transaction is aborted, commands ignored until end of transaction block");
    }
    begin();
    executor.bind(compiled.program, parameters.data());
    for (const ExprId check : compiled.parameter_checks) {
        executor.eval(check);
        if (context.failed) return broke();
    }
    StatementResult result;
    for (std::size_t i = 0; i < compiled.statements.size(); ++i)
        if (!statement(compiled, i, sink, result)) return broke();
    using Kind = StatementResult::Kind;
    if (compiled.call) {
        result.kind = Kind::call;
    } else if (const auto& write = compiled.statements.front().write; write != nullptr) {
        result.kind = write->merge                             ? Kind::merge
                      : write->kind == WritePlan::Kind::insert ? Kind::insert
                      : write->kind == WritePlan::Kind::update ? Kind::update
                                                               : Kind::delete_;
    }
    return result;
}

TransactionRun::TransactionRun(catalog::SchemaPtr schema, const Store& store, Origin& origin,
                               const VirtualTables* virtual_tables)
    : impl_(std::make_unique<Impl>(std::move(schema), store, origin, virtual_tables)) {}
TransactionRun::~TransactionRun() = default;

Result<StatementResult> TransactionRun::run(const Compiled& compiled, std::span<const Datum> parameters,
                                            RowSink* sink) {
    return impl_->run(compiled, parameters, sink);
}

void TransactionRun::expect(std::span<const Upcoming> calls) {
    KeyBatch& keys = impl_->upcoming;
    std::optional<TableId> table;
    const auto add = [&](const Program& program, const FixedPoint& point, std::span<const Datum> parameters) {
        if (table != point.table || keys.size() == KeyBatch::at_once) {
            if (table) keys.expect(impl_->view.store(), *table);
            keys.clear();
            table = point.table;
        }
        for (std::size_t i = 0; i < point.key.size(); ++i) {
            const Node& node = program.nodes[point.key[i]];
            append_key(keys.text(), point.types[i],
                       node.op == Op::param ? parameters[node.column] : node.constant);
        }
        keys.end_key();
    };
    // The first rows of all calls, then the second: calls of one kind look into one table after the other.
    bool more = true;
    for (std::size_t n = 0; std::exchange(more, false); ++n) {
        for (const Upcoming& call : calls) {
            const Program& program = call.compiled->program;
            if (n >= program.points.size()) continue;
            more = true;
            add(program, program.points[n], call.parameters);
        }
    }
    if (table) keys.expect(impl_->view.store(), *table);
    keys.clear();
}

Result<const WriteSet*> TransactionRun::finish() {
    Impl& run = *impl_;
    if (run.broken) {
        return fail(sqlstate::in_failed_transaction,
                    "current transaction is aborted, commands ignored until end of transaction block");
    }
    if (!run.check_deferred()) return run.broke();
    fold(run.plans, run.overlay, run.arena, run.writes);
    return &run.writes;
}

void TransactionRun::reset() {
    impl_->reset();
}

Result<void> TransactionRun::keep() {
    Impl& run = *impl_;
    if (run.broken || !run.check_deferred()) {
        Error error = run.broken
                          ? Error::make(sqlstate::in_failed_transaction, "current transaction is aborted")
                          : run.context.take_error();
        run.undo();
        return fail(std::move(error));
    }
    run.overlay.mark();
    run.begun = false;
    return {};
}

void TransactionRun::undo() {
    impl_->undo();
}

std::size_t TransactionRun::rows_touched() const {
    return impl_->overlay.rows().size();
}

void TransactionRun::set_cancelled(const bool* flag) {
    impl_->executor.set_cancelled(flag);
}

Arena& TransactionRun::arena() {
    return impl_->arena;
}

}  // namespace anabranch::exec
