#include <algorithm>
#include <map>
#include <utility>

#include "confluence/engine.h"
#include "confluence/history.h"
#include "confluence/lost.h"
#include "confluence/wording.h"
#include "crdt/hlc.h"
#include "lib/base/check.h"
#include "lib/exec/schema_plans.h"

namespace anabranch::confluence {

namespace {

constexpr std::int64_t call_micros = 1000;  // between two calls of a history

struct RowsText final : exec::RowSink {
    RowsText(const Engine& engine_in, const std::vector<sql::OutputColumn>& columns_in)
        : engine(engine_in), columns(columns_in) {}
    bool row(std::span<const sql::Datum> values) override {
        if (++count > 5) return true;
        if (!text.empty()) text += "; ";
        for (std::size_t i = 0; i < values.size() && i < columns.size(); ++i)
            text +=
                (i > 0 ? ", " : "") + columns[i].name + "=" + engine.shown_text(columns[i].type, values[i]);
        return true;
    }
    const Engine& engine;
    const std::vector<sql::OutputColumn>& columns;
    std::string text;
    std::size_t count = 0;
};

struct Values final : exec::RowSink {
    explicit Values(Arena& arena_in) : arena(arena_in) {}
    bool row(std::span<const sql::Datum> row) override {
        for (const auto& value : row)
            values.push_back(value.is_bytes() ? sql::Datum::bytes(arena.copy(value.as_bytes())) : value);
        return true;
    }
    Arena& arena;
    std::vector<sql::Datum> values;
};

}  // namespace

class World::Impl {
  public:
    Impl(catalog::SchemaPtr schema, std::uint32_t count)
        : owned(std::make_unique<Engine>(std::move(schema))), engine(*owned), lost(engine.schema()) {
        populate(count);
    }
    Impl(Engine& engine_in, std::uint32_t count, bool silent_in)
        : engine(engine_in), lost(engine.schema()), silent(silent_in) {
        populate(count);
    }

    struct Replica {
        Replica(const Engine& engine, std::uint32_t index)
            : id(replica_id(index)), database(engine.new_database()), origin(engine.schema(), index) {}
        ReplicaId id;
        std::unique_ptr<crdt::Database> database;
        crdt::HybridClock clock;
        ReplicaOrigin origin;
        std::uint64_t seq = 0;
        std::vector<std::size_t> known;  // deltas in the order of merging, as indexes into `deltas`
    };

    void populate(std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; ++i) replicas.emplace_back(engine, i);
    }

    Result<void> start() {
        TRY(const auto* initial, engine.initial());
        if (initial == nullptr) return {};
        deltas.push_back({*initial, UINT32_MAX});
        for (auto& replica : replicas) merge(replica, 0);
        return {};
    }

    StepOutcome apply(const Step& step) {
        if (const auto* call = std::get_if<CallStep>(&step)) return apply(*call);
        if (const auto* delivery = std::get_if<DeliverStep>(&step)) {
            deliver(delivery->source, delivery->target);
            return {};
        }
        for (std::uint32_t source = 0; source < replicas.size(); ++source) deliver(source, 0);
        for (std::uint32_t target = 0; target < replicas.size(); ++target) deliver(0, target);
        return {};
    }

    StepOutcome apply(const CallStep& call) {
        Replica& replica = replicas[call.replica];
        StepOutcome outcome;
        // Each call is a little later than the last one anywhere, unless the history says otherwise.
        time = {time.micros + call_micros};
        replica.origin.time = {time.micros + 1000 * call.clock_millis};
        auto done = run(replica, call, outcome);
        if (!done) {
            outcome.refused = true;
            outcome.error = done.error().sqlstate + ": " + done.error().message;
        }
        return outcome;
    }

    Result<void> run(Replica& replica, const CallStep& call, StepOutcome& outcome) {
        std::uint32_t transaction = UINT32_MAX;
        std::vector<sql::Datum> values;
        bool plain = false;
        TRY(const auto* body, body_of(call, transaction, values, plain));
        std::vector<sql::OutputColumn> columns;
        if (!plain) {
            TRY(const auto* prepared, prepare(call));
            if (prepared->bound.call) transaction = prepared->bound.call->transaction;
            if (prepared->arguments != nullptr) {
                Values sink(arena);
                engine.begin(*replica.database, replica.origin);
                TRY_VOID(engine.run(*prepared->arguments, {}, &sink));
                values = std::move(sink.values);
            }
            body = prepared->body.get();
            if (!silent) columns = prepared->bound.columns;
        } else if (!silent) {
            columns = engine.schema().transactions[transaction].columns;
        }
        engine.begin(*replica.database, replica.origin);
        RowsText rows(engine, columns);
        TRY_VOID(engine.run(*body, values, silent ? nullptr : &rows));
        TRY(const auto* writes, engine.finish());
        outcome.result = rows.text;
        if (writes->empty()) return {};
        bind_names(*writes, call);
        if (!silent) describe(replica, *writes, outcome);
        auto delta = replica.database->make_delta(*writes, {replica.id, ++replica.seq},
                                                  {replica.clock.tick(replica.origin.time), replica.id});
        deltas.push_back({std::move(delta), transaction});
        merge(replica, deltas.size() - 1);
        return {};
    }

    // The quick way: a declared transaction, and a literal or a name for each of its parameters. `plain` is
    // false, and the result null, for any other call.
    Result<const exec::Compiled*> body_of(const CallStep& call, std::uint32_t& index,
                                          std::vector<sql::Datum>& values, bool& plain) {
        const auto& schema = engine.schema();
        const auto* transaction =
            call.transaction.empty() ? nullptr : schema.find_transaction(call.transaction);
        if (transaction == nullptr) return nullptr;
        std::size_t given = 0;
        for (const auto& parameter : transaction->parameters) {
            using Mode = catalog::Parameter::Mode;
            if (parameter.mode == Mode::variadic) return nullptr;
            if (parameter.mode == Mode::out) {
                values.emplace_back();
                continue;
            }
            if (given == call.arguments.size()) return nullptr;
            TRY(const auto value, value_of(parameter, call.arguments[given++].text));
            values.push_back(value);
        }
        if (given < call.arguments.size()) return nullptr;
        index = static_cast<std::uint32_t>(transaction - schema.transactions.data());
        plain = true;
        return engine.body_of(index);
    }

    Result<sql::Datum> value_of(const catalog::Parameter& parameter, const std::string& text) {
        if (!text.starts_with('$')) return engine.literal(parameter.type, text);
        TRY(const auto* named, find_name(text));
        if (named->type == parameter.type) return named->value;
        return engine.literal(parameter.type, engine.literal_text(named->type, named->value));
    }

    struct Named {
        sql::Type type;
        sql::Datum value;
    };
    Result<const Named*> find_name(const std::string& name) const {
        const auto found = names.find(name);
        if (found != names.end()) return &found->second;
        return fail(
            Error::make(sqlstate::undefined_object, "nothing is called " + name + " here")
                .with_hint("name a generated key where it is made: call a open_account() as " + name));
    }

    Result<const PreparedText*> prepare(const CallStep& call) {
        if (call.transaction.empty()) return engine.prepare(call.statement);
        const auto* transaction = engine.schema().find_transaction(call.transaction);
        if (transaction == nullptr)
            return fail(sqlstate::undefined_function, "no transaction is called " + call.transaction);
        std::vector<std::string> list;
        std::size_t given = 0;
        for (const auto& parameter : transaction->parameters) {
            if (parameter.mode == catalog::Parameter::Mode::out) {
                if (transaction->is_procedure) list.emplace_back("NULL");
                continue;
            }
            const std::size_t last =
                parameter.mode == catalog::Parameter::Mode::variadic ? call.arguments.size() : given + 1;
            for (; given < last && given < call.arguments.size(); ++given) {
                std::string text = call.arguments[given].text;
                if (text.starts_with('$')) {
                    TRY(const auto* named, find_name(text));
                    text = engine.literal_text(named->type, named->value);
                }
                list.push_back(std::move(text));
            }
        }
        if (given < call.arguments.size())
            return fail(sqlstate::undefined_function, call.transaction + " takes " + std::to_string(given) +
                                                          " arguments, not " +
                                                          std::to_string(call.arguments.size()));
        const std::string name = transaction->display() + "(" + join(list, ", ") + ")";
        return engine.prepare(transaction->is_procedure ? "CALL " + name : "SELECT * FROM " + name);
    }

    // Names for system-made keys of inserted rows, in the order of insertion.
    void bind_names(const exec::WriteSet& writes, const CallStep& call) {
        std::size_t next = 0;
        for (const auto& write : writes.rows) {
            if (next == call.names.size()) return;
            if (!write.created || write.row == nullptr) continue;
            const auto& table = engine.schema().table(write.table);
            const auto column = generated_key(table);
            if (!column) continue;
            const exec::RowView row(write.row, &exec::plans_of(engine.schema()).table(write.table).layout);
            sql::Datum value = row.get(*column);
            if (value.is_bytes()) value = sql::Datum::bytes(arena.copy(value.as_bytes()));
            const auto& name = call.names[next++];
            names.insert_or_assign(name, Named{table.columns[*column].type, value});
            shown_names.insert_or_assign(engine.shown_text(table.columns[*column].type, value), name);
        }
    }

    // ---- Stories ----

    std::string show(const catalog::Table& table, std::uint32_t column, sql::Datum value) const {
        std::string text = engine.shown_text(table.columns[column].type, value);
        const auto named = shown_names.find(text);
        if (named != shown_names.end() && table.columns[column].type.id == sql::TypeId::uuid)
            return named->second;
        return text;
    }
    std::string row_text(const catalog::Table& table, exec::RowView row, bool key_only) const {
        std::string list;
        for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
            const auto& key = table.keys[0].columns;
            if (table.columns[i].hidden) continue;
            if (key_only && std::find(key.begin(), key.end(), ColumnId{i}) == key.end()) continue;
            list += (list.empty() ? "" : ", ") + table.columns[i].name + "=" + show(table, i, row.get(i));
        }
        return table.display() + "(" + list + ")";
    }
    void describe(const Replica& replica, const exec::WriteSet& writes, StepOutcome& outcome) const {
        for (const auto& write : writes.rows) {
            const auto& table = engine.schema().table(write.table);
            const auto before = replica.database->find(write.table, write.key);
            if (write.row == nullptr) {
                if (before) outcome.wrote.push_back("delete " + row_text(table, before, true));
                continue;
            }
            const exec::RowView after(write.row, &exec::plans_of(engine.schema()).table(write.table).layout);
            if (!before || write.created) {
                outcome.wrote.push_back("insert " + row_text(table, after, false));
                continue;
            }
            std::string changes;
            for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
                if (table.columns[i].hidden || identical(before.get(i), after.get(i))) continue;
                changes += (changes.empty() ? " " : ", ") + table.columns[i].name + " " +
                           show(table, i, before.get(i)) + " -> " + show(table, i, after.get(i));
            }
            outcome.wrote.push_back(row_text(table, after, true) + ":" +
                                    (changes.empty() ? " unchanged" : changes));
        }
    }

    // ---- Merging ----

    void merge(Replica& replica, std::size_t index) {
        const auto& delta = deltas[index].delta;
        CHECK(replica.database->merge(delta) == crdt::Database::Merged::applied);
        if (delta.stamp.hlc > replica.clock.last()) replica.clock.restore(delta.stamp.hlc);
        replica.known.push_back(index);
    }
    void deliver(std::uint32_t source, std::uint32_t target) {
        if (source == target) return;
        Replica& to = replicas[target];
        for (const auto index : replicas[source].known)
            if (!to.database->version().contains(deltas[index].delta.dot)) merge(to, index);
    }

    std::unique_ptr<Engine> owned;
    Engine& engine;
    LostUpdates lost;
    bool silent = false;
    std::vector<Replica> replicas;
    std::vector<WrittenDelta> deltas;
    std::map<std::string, Named> names;
    std::map<std::string, std::string> shown_names;
    Arena arena;
    Instant time = first_moment;
};

World::World(catalog::SchemaPtr schema, std::uint32_t replicas)
    : impl_(std::make_unique<Impl>(std::move(schema), replicas)) {}
World::World(Engine& engine, std::uint32_t replicas, bool silent)
    : impl_(std::make_unique<Impl>(engine, replicas, silent)) {}
World::~World() = default;
Result<void> World::start() {
    return impl_->start();
}
StepOutcome World::apply(const Step& step) {
    return impl_->apply(step);
}
const crdt::Database& World::state(std::uint32_t replica) const {
    return *impl_->replicas[replica].database;
}
std::vector<exec::Violation> World::violations(std::uint32_t replica) const {
    return exec::find_violations(impl_->engine.schema(), *impl_->replicas[replica].database);
}
std::vector<Lost> World::lost() const {
    return impl_->lost.find(impl_->deltas);
}

std::optional<std::uint32_t> generated_key(const catalog::Table& table) {
    for (const auto column : table.keys[0].columns) {
        const auto& definition = table.columns[column.value];
        if (definition.hidden) continue;
        if (definition.identity != catalog::Identity::none) return column.value;
        if (definition.default_value == nullptr) continue;
        const auto* call = std::get_if<sql::Call>(&definition.default_value->node);
        if (call != nullptr && call->func == sql::Func::gen_random_uuid) return column.value;
    }
    return {};
}

Result<Replayed> replay(const catalog::SchemaPtr& schema, const History& history) {
    Engine engine(schema);
    return replay(engine, history);
}

Result<Replayed> replay(Engine& engine, const History& history, bool silent) {
    World world(engine, history.replicas, silent);
    TRY_VOID(world.start());
    Replayed out;
    for (std::size_t i = 0; i < history.steps.size(); ++i) {
        out.steps.push_back(world.apply(history.steps[i]));
        // A call is checked where it runs: only a delivery can bring a violation about.
        if (std::holds_alternative<CallStep>(history.steps[i]) || out.violated_step >= 0) continue;
        for (std::uint32_t replica = 0; out.violated_step < 0 && replica < history.replicas; ++replica)
            if (!world.violations(replica).empty()) {
                out.violated_step = static_cast<std::int32_t>(i);
                out.violated_replica = replica;
            }
    }
    for (std::uint32_t replica = 0; replica < history.replicas; ++replica)
        out.violations.push_back(world.violations(replica));
    out.lost = world.lost();
    return out;
}

}  // namespace anabranch::confluence
