#include "confluence/engine.h"

#include <algorithm>
#include <optional>

#include "lib/base/check.h"
#include "lib/exec/schema_plans.h"
#include "lib/sql/value.h"

namespace anabranch::confluence {

namespace {

constexpr std::int64_t identity_stride = 256;

struct Keys final : crdt::IndexKeys {
    explicit Keys(const catalog::SchemaPtr& schema) : keys(schema) {}
    bool key(TableId table, exec::IndexId index, exec::RowView row, std::string& out) const override {
        return keys.append(table, index, row, out);
    }
    exec::IndexKeys keys;
};

// One executor serves many states.
struct ChosenStore final : exec::Store {
    exec::RowView find(TableId table, std::string_view key) const override { return state->find(table, key); }
    void scan(TableId table, exec::RowVisitor visit) const override { state->scan(table, visit); }
    void scan_index(TableId table, exec::IndexId index, std::string_view low, std::string_view high,
                    bool reverse, exec::RowVisitor visit) const override {
        state->scan_index(table, index, low, high, reverse, visit);
    }
    std::size_t row_count(TableId table) const override { return state->row_count(table); }
    void duplicate_claims(TableId table, exec::RowVisitor visit) const override {
        state->duplicate_claims(table, visit);
    }
    const crdt::Database* state = nullptr;
};

struct ChosenOrigin final : exec::Origin {
    Instant now() const override { return origin->now(); }
    Random& random() override { return origin->random(); }
    std::int64_t next_identity(TableId table, ColumnId column) override {
        return origin->next_identity(table, column);
    }
    exec::Origin* origin = nullptr;
};

struct FirstRow final : exec::RowSink {
    explicit FirstRow(Arena& arena_in) : arena(arena_in) {}
    bool row(std::span<const sql::Datum> row) override {
        for (const auto& value : row)
            values.push_back(value.is_bytes() ? sql::Datum::bytes(arena.copy(value.as_bytes())) : value);
        return false;
    }
    Arena& arena;
    std::vector<sql::Datum> values;
};

bool takes_bare_words(const sql::Type& type) {
    if (type.array) return false;
    switch (type.id) {
        case sql::TypeId::text:
        case sql::TypeId::varchar:
        case sql::TypeId::bpchar:
        case sql::TypeId::name:
        case sql::TypeId::uuid:
        case sql::TypeId::date:
        case sql::TypeId::enum_:
            return true;
        default:
            return false;
    }
}

bool is_bare_word(std::string_view text) {
    if (text.empty() || text == "NULL" || text == "null") return false;
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-';
    });
}

}  // namespace

std::int64_t ReplicaOrigin::next_identity(TableId table, ColumnId column) {
    used = true;
    return ++newest_[{table, column}] * identity_stride + replica_;
}

class Engine::Impl {
  public:
    explicit Impl(const catalog::SchemaPtr& schema) : keys(schema), run(schema, store, origin) {}
    Keys keys;
    ChosenStore store;
    ChosenOrigin origin;
    exec::TransactionRun run;
    Arena arena;
    std::vector<exec::CompiledPtr> bodies;
    std::map<std::pair<std::uint64_t, std::string>, sql::Datum> literals;
    std::map<std::string, PreparedText> texts;
    std::optional<crdt::Delta> initial;
    bool started = false;
};

Engine::Engine(catalog::SchemaPtr schema)
    : schema_(std::move(schema)), impl_(std::make_unique<Impl>(schema_)) {
    impl_->bodies.resize(schema_->transactions.size());
}
Engine::~Engine() = default;

std::unique_ptr<crdt::Database> Engine::new_database() const {
    return std::make_unique<crdt::Database>(schema_, &impl_->keys);
}

Result<const exec::Compiled*> Engine::body_of(std::uint32_t transaction) {
    auto& body = impl_->bodies[transaction];
    if (body == nullptr) {
        const auto& declared = schema_->transactions[transaction];
        if (declared.skipped)
            return fail(sqlstate::feature_not_supported,
                        declared.display() + " cannot be run: " + *declared.skipped);
        body = exec::compile(schema_, declared);
    }
    return body.get();
}

Result<sql::Datum> Engine::literal(const sql::Type& type, const std::string& text) {
    const std::uint64_t type_key = static_cast<std::uint64_t>(type.id) << 1 | (type.array ? 1 : 0) |
                                   static_cast<std::uint64_t>(type.detail) << 16 |
                                   static_cast<std::uint64_t>(static_cast<std::uint32_t>(type.modifier))
                                       << 32;
    const auto known = impl_->literals.find({type_key, text});
    if (known != impl_->literals.end()) return known->second;
    sql::Datum value;
    if (takes_bare_words(type) && is_bare_word(text)) {
        TRY(value, sql::parse_text(type, text, impl_->arena, &exec::plans_of(*schema_)));
    } else {
        TRY(const auto* prepared, prepare("SELECT " + text));
        if (prepared->bound.columns.size() != 1)
            return fail(sqlstate::syntax_error, "'" + text + "' is not one argument");
        ReplicaOrigin origin(*schema_, 0);
        const auto nothing = new_database();
        begin(*nothing, origin);
        FirstRow sink(impl_->arena);
        TRY_VOID(run(*prepared->body, {}, &sink));
        if (sink.values.size() != 1)
            return fail(sqlstate::syntax_error, "'" + text + "' is not one argument");
        TRY(value, sql::cast(prepared->bound.columns[0].type, type, sink.values[0], impl_->arena,
                             &exec::plans_of(*schema_), true));
    }
    impl_->literals.emplace(std::pair{type_key, text}, value);
    return value;
}

Result<const PreparedText*> Engine::prepare(const std::string& text) {
    const auto known = impl_->texts.find(text);
    if (known != impl_->texts.end()) return &known->second;
    PreparedText out;
    TRY(out.bound, catalog::bind_text(*schema_, text));
    if (!out.bound.call) {
        out.body = exec::compile(schema_, out.bound.statement);
    } else {
        TRY_VOID(body_of(out.bound.call->transaction));
        out.body = impl_->bodies[out.bound.call->transaction];
        if (!out.bound.call->arguments.empty()) {
            auto query = std::make_shared<sql::Query>();
            query->targets = out.bound.call->arguments;
            for (const auto& argument : query->targets) query->columns.push_back({"", argument->type, {}, 0});
            auto statement = std::make_shared<sql::Statement>();
            statement->columns = query->columns;
            statement->body = sql::QueryPtr(std::move(query));
            out.arguments = exec::compile(schema_, sql::StatementPtr(std::move(statement)));
        }
    }
    return &impl_->texts.emplace(text, std::move(out)).first->second;
}

void Engine::begin(const crdt::Database& state, exec::Origin& origin) {
    impl_->run.reset();
    impl_->store.state = &state;
    impl_->origin.origin = &origin;
}

Result<void> Engine::run(const exec::Compiled& compiled, std::span<const sql::Datum> parameters,
                         exec::RowSink* sink) {
    TRY_VOID(impl_->run.run(compiled, parameters, sink));
    return {};
}

Result<const exec::WriteSet*> Engine::finish() {
    return impl_->run.finish();
}

Result<const crdt::Delta*> Engine::initial() {
    if (!impl_->started && !schema_->initial.empty()) {
        const auto state = new_database();
        ReplicaOrigin origin(*schema_, static_cast<std::uint32_t>(identity_stride - 1));
        begin(*state, origin);
        for (const auto& statement : schema_->initial)
            TRY_VOID(run(*exec::compile(schema_, statement), {}, nullptr));
        TRY(const auto* writes, finish());
        if (!writes->empty())
            impl_->initial =
                state->make_delta(writes->known_to_all(*schema_), {initial_replica, 1}, {1, initial_replica});
    }
    impl_->started = true;
    return impl_->initial ? &*impl_->initial : nullptr;
}

std::string Engine::literal_text(const sql::Type& type, sql::Datum value) const {
    return sql::print_literal(type, value, &exec::plans_of(*schema_));
}

std::string Engine::shown_text(const sql::Type& type, sql::Datum value) const {
    if (value.is_null()) return "NULL";
    std::string out;
    sql::print_text(type, value, out, &exec::plans_of(*schema_));
    return out;
}

}  // namespace anabranch::confluence
