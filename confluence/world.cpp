#include <algorithm>
#include <map>

#include "confluence/access.h"
#include "confluence/history.h"
#include "confluence/lost.h"
#include "crdt/hlc.h"
#include "lib/base/check.h"
#include "lib/catalog/load.h"
#include "lib/exec/schema_plans.h"
#include "lib/sql/value.h"

namespace anabranch::confluence {

namespace {

// 2026-01-01, so that now() in a witness is a date people recognise.
constexpr Instant epoch{1'767'225'600'000'000};
constexpr std::int64_t identity_stride = 256;

struct WorldOrigin final : exec::Origin {
    WorldOrigin(std::uint32_t replica, std::uint64_t seed) : slot(replica), generator(seed) {}
    Instant now() const override { return time; }
    Random& random() override { return generator; }
    std::int64_t next_identity(TableId table, ColumnId column) override {
        return ++newest[{table, column}] * identity_stride + slot;
    }
    std::int64_t slot;
    Random generator;
    Instant time = epoch;
    std::map<std::pair<TableId, ColumnId>, std::int64_t> newest;
};

struct LastRow final : exec::RowSink {
    LastRow(const std::vector<sql::OutputColumn>& columns_in, const sql::EnumLabels* labels_in)
        : columns(columns_in), labels(labels_in) {}
    bool row(std::span<const sql::Datum> values) override {
        if (++count > 5) return true;
        if (!text.empty()) text += "; ";
        for (std::size_t i = 0; i < values.size() && i < columns.size(); ++i) {
            if (i > 0) text += ", ";
            text += columns[i].name + "=" +
                    (values[i].is_null() ? "NULL" : sql::print_literal(columns[i].type, values[i], labels));
        }
        return true;
    }
    const std::vector<sql::OutputColumn>& columns;
    const sql::EnumLabels* labels;
    std::string text;
    std::size_t count = 0;
};

std::string show(const catalog::Schema& schema, TableId table, std::uint32_t column, sql::Datum value) {
    if (value.is_null()) return "NULL";
    return sql::print_literal(schema.table(table).columns[column].type, value, &exec::plans_of(schema));
}

std::string key_text(const catalog::Schema& schema, const catalog::Table& table, exec::RowView row) {
    std::string out = table.display() + "(";
    bool first = true;
    for (const auto column : table.keys[0].columns) {
        if (table.columns[column.value].hidden) continue;
        if (!std::exchange(first, false)) out += ", ";
        out += table.columns[column.value].name + "=" +
               show(schema, table.id, column.value, row.get(column.value));
    }
    return out + ")";
}

std::string whole_row(const catalog::Schema& schema, const catalog::Table& table, exec::RowView row) {
    std::string out = table.display() + "(";
    bool first = true;
    for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
        if (table.columns[i].hidden) continue;
        if (!std::exchange(first, false)) out += ", ";
        out += table.columns[i].name + "=" + show(schema, table.id, i, row.get(i));
    }
    return out + ")";
}

std::string literal(const sql::Type& type, std::string_view text) {
    // A bare word that is no number, keyword or quoted text is taken as text: scenario files may say
    // deposit(ann, 5).
    (void)type;
    return std::string(text);
}

}  // namespace

class World::Impl {
  public:
    Impl(catalog::SchemaPtr schema_in, std::uint32_t count) : schema(std::move(schema_in)), lost(*schema) {
        for (std::uint32_t i = 0; i < count; ++i) replicas.push_back(std::make_unique<Replica>(schema, i));
    }

    struct Replica {
        Replica(const catalog::SchemaPtr& schema, std::uint32_t index)
            : id{index + 2},
              database(schema),
              origin(index, schema->hash + index),
              run(schema, database, origin) {}
        ReplicaId id;
        crdt::Database database;
        crdt::HybridClock clock;
        WorldOrigin origin;
        exec::TransactionRun run;
        std::uint64_t seq = 0;
        std::vector<std::size_t> known;  // deltas in the order of merging, as indexes into `deltas`
    };

    Result<void> start() {
        if (schema->initial.empty()) return {};
        Replica& first = *replicas[0];
        WorldOrigin origin(static_cast<std::uint32_t>(identity_stride - 1), schema->hash);
        exec::TransactionRun run(schema, first.database, origin);
        for (const auto& statement : schema->initial)
            TRY_VOID(run.run(*exec::compile(schema, statement), {}, nullptr));
        TRY(const auto* writes, run.finish());
        if (writes->empty()) return {};
        auto delta = first.database.make_delta(*writes, {ReplicaId{1}, 1}, {1, ReplicaId{1}});
        add(std::move(delta), UINT32_MAX);
        for (auto& replica : replicas) merge(*replica, deltas.size() - 1);
        return {};
    }

    StepOutcome apply(const Step& step) {
        if (const auto* call = std::get_if<CallStep>(&step)) return apply(*call);
        if (const auto* delivery = std::get_if<DeliverStep>(&step))
            deliver(delivery->source, delivery->target);
        else
            for (int round = 0; round < 2; ++round)
                for (std::uint32_t source = 0; source < replicas.size(); ++source)
                    for (std::uint32_t target = 0; target < replicas.size(); ++target)
                        deliver(source, target);
        return {};
    }

    StepOutcome apply(const CallStep& call) {
        Replica& replica = *replicas[call.replica];
        StepOutcome outcome;
        // Each call is a little later than the last one anywhere, unless the history says otherwise.
        time = {time.micros + 1000};
        replica.origin.time = {time.micros + 1000 * call.clock_millis};
        replica.run.reset();
        auto done = run(replica, call, outcome);
        if (!done) {
            outcome.refused = true;
            outcome.error = done.error().sqlstate + ": " + done.error().message;
        }
        return outcome;
    }

    Result<void> run(Replica& replica, const CallStep& call, StepOutcome& outcome) {
        TRY(const auto text, statement_text(call));
        auto& compiled = cache[text];
        if (compiled.body == nullptr) TRY_VOID(prepare(text, compiled));
        std::vector<sql::Datum> values;
        std::string bytes;
        if (compiled.arguments != nullptr) {
            Arguments sink(arena);
            TRY_VOID(replica.run.run(*compiled.arguments, {}, &sink));
            values = std::move(sink.values);
            replica.run.reset();
        }
        LastRow rows(compiled.bound.columns, &exec::plans_of(*schema));
        TRY_VOID(replica.run.run(*compiled.body, values, &rows));
        TRY(const auto* writes, replica.run.finish());
        outcome.result = rows.text;
        if (writes->empty()) return {};
        describe(replica, *writes, outcome);
        bind_names(*writes, call);
        auto delta = replica.database.make_delta(*writes, {replica.id, ++replica.seq},
                                                 {replica.clock.tick(replica.origin.time), replica.id});
        add(std::move(delta), compiled.bound.call ? compiled.bound.call->transaction : UINT32_MAX);
        merge(replica, deltas.size() - 1);
        return {};
    }

    struct Arguments final : exec::RowSink {
        explicit Arguments(Arena& arena_in) : arena(arena_in) {}
        bool row(std::span<const sql::Datum> row) override {
            for (const auto& value : row)
                values.push_back(value.is_bytes() ? sql::Datum::bytes(arena.copy(value.as_bytes())) : value);
            return true;
        }
        Arena& arena;
        std::vector<sql::Datum> values;
    };
    struct Prepared {
        catalog::BoundText bound;
        exec::CompiledPtr body, arguments;
    };

    Result<void> prepare(const std::string& text, Prepared& out) {
        TRY(out.bound, catalog::bind_text(*schema, text));
        if (!out.bound.call) {
            out.body = exec::compile(schema, out.bound.statement);
            return {};
        }
        const auto& transaction = schema->transactions[out.bound.call->transaction];
        if (transaction.skipped)
            return fail(sqlstate::feature_not_supported,
                        transaction.display() + " cannot be run: " + *transaction.skipped);
        auto query = std::make_shared<sql::Query>();
        query->targets = out.bound.call->arguments;
        for (const auto& argument : query->targets) query->columns.push_back({"", argument->type, {}, 0});
        auto statement = std::make_shared<sql::Statement>();
        statement->columns = query->columns;
        statement->body = sql::QueryPtr(std::move(query));
        if (!out.bound.call->arguments.empty())
            out.arguments = exec::compile(schema, sql::StatementPtr(std::move(statement)));
        out.body = exec::compile(schema, transaction);
        return {};
    }

    // CALL name(args) or SELECT * FROM name(args), with $names replaced by what they stand for.
    Result<std::string> statement_text(const CallStep& call) {
        if (call.transaction.empty()) return call.statement;
        const auto* transaction = schema->find_transaction(call.transaction);
        if (transaction == nullptr)
            return fail(sqlstate::undefined_function, "no transaction is called " + call.transaction);
        std::string list;
        std::size_t given = 0;
        for (const auto& parameter : transaction->parameters) {
            std::string text;
            if (parameter.mode == catalog::Parameter::Mode::out) {
                if (!transaction->is_procedure) continue;
                text = "NULL";
            } else {
                if (given == call.arguments.size()) break;  // the rest has defaults
                text = literal(parameter.type, call.arguments[given++].text);
                if (text.starts_with("$")) {
                    const auto named = names.find(text);
                    if (named == names.end())
                        return fail(sqlstate::undefined_object, "nothing is called " + text + " here");
                    text = named->second;
                }
            }
            list += (list.empty() ? "" : ", ") + text;
        }
        if (given < call.arguments.size())
            return fail(sqlstate::undefined_function, call.transaction + " takes " + std::to_string(given) +
                                                          " arguments, not " +
                                                          std::to_string(call.arguments.size()));
        const std::string name = (transaction->schema == "public" ? "" : transaction->schema + ".") +
                                 transaction->name + "(" + list + ")";
        return transaction->is_procedure ? "CALL " + name : "SELECT * FROM " + name;
    }

    // Names for system-made keys of inserted rows, in the order of insertion.
    void bind_names(const exec::WriteSet& writes, const CallStep& call) {
        std::size_t next = 0;
        for (const auto& write : writes.rows) {
            if (next == call.names.size()) return;
            if (!write.created || write.row == nullptr) continue;
            const auto& table = schema->table(write.table);
            const auto column = generated_key(table);
            if (!column) continue;
            const exec::RowView row(write.row, &exec::plans_of(*schema).table(write.table).layout);
            names[call.names[next++]] = show(*schema, write.table, *column, row.get(*column));
        }
    }

    void describe(const Replica& replica, const exec::WriteSet& writes, StepOutcome& outcome) const {
        for (const auto& write : writes.rows) {
            const auto& table = schema->table(write.table);
            const auto before = replica.database.find(write.table, write.key);
            if (write.row == nullptr) {
                if (before) outcome.wrote.push_back("delete " + key_text(*schema, table, before));
                continue;
            }
            const exec::RowView after(write.row, &exec::plans_of(*schema).table(write.table).layout);
            if (!before || write.created) {
                outcome.wrote.push_back("insert " + whole_row(*schema, table, after));
                continue;
            }
            std::string changes;
            for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
                const auto old_value = show(*schema, table.id, i, before.get(i));
                const auto new_value = show(*schema, table.id, i, after.get(i));
                if (old_value != new_value)
                    changes += (changes.empty() ? " " : ", ") + table.columns[i].name + " " + old_value +
                               " -> " + new_value;
            }
            outcome.wrote.push_back(key_text(*schema, table, after) +
                                    (changes.empty() ? " unchanged" : ":" + changes));
        }
    }

    void add(crdt::Delta delta, std::uint32_t transaction) {
        deltas.push_back({std::move(delta), transaction});
    }
    void merge(Replica& replica, std::size_t index) {
        const auto merged = replica.database.merge(deltas[index].delta);
        CHECK(merged == crdt::Database::Merged::applied);
        if (deltas[index].delta.stamp.hlc > replica.clock.last())
            replica.clock.restore(deltas[index].delta.stamp.hlc);
        replica.known.push_back(index);
    }
    void deliver(std::uint32_t source, std::uint32_t target) {
        if (source == target) return;
        Replica& to = *replicas[target];
        for (const auto index : replicas[source]->known)
            if (!to.database.version().contains(deltas[index].delta.dot)) merge(to, index);
    }

    catalog::SchemaPtr schema;
    LostUpdates lost;
    std::vector<std::unique_ptr<Replica>> replicas;
    std::vector<WrittenDelta> deltas;
    std::map<std::string, Prepared> cache;
    std::map<std::string, std::string> names;
    Arena arena;
    Instant time = epoch;
};

World::World(catalog::SchemaPtr schema, std::uint32_t replicas)
    : impl_(std::make_unique<Impl>(std::move(schema), replicas)) {}
World::~World() = default;
Result<void> World::start() {
    return impl_->start();
}
StepOutcome World::apply(const Step& step) {
    return impl_->apply(step);
}
const crdt::Database& World::state(std::uint32_t replica) const {
    return impl_->replicas[replica]->database;
}
std::vector<exec::Violation> World::violations(std::uint32_t replica) const {
    return exec::find_violations(*impl_->schema, impl_->replicas[replica]->database);
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
    World world(schema, history.replicas);
    TRY_VOID(world.start());
    Replayed out;
    for (std::size_t i = 0; i < history.steps.size(); ++i) {
        out.steps.push_back(world.apply(history.steps[i]));
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
