// The real executor and the real state, set up once per schema and shared by every world and search of it:
// compiled transactions, values of literals, keys of indexes. Also where the values come from that a replica
// fixes at the origin; they follow from the schema and the replica alone, so that a history gives the same
// keys and dates in every run.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "crdt/database.h"
#include "lib/base/arena.h"
#include "lib/base/random.h"
#include "lib/catalog/load.h"
#include "lib/exec/engine.h"
#include "lib/exec/index_keys.h"

namespace anabranch::confluence {

// 2026-01-01, so that now() in a witness is a date people recognise.
inline constexpr Instant first_moment{1'767'225'600'000'000};

class ReplicaOrigin final : public exec::Origin {
  public:
    ReplicaOrigin(const catalog::Schema& schema, std::uint32_t replica)
        : replica_(replica), random_(schema.hash + replica) {}
    Instant now() const override {
        used = true;
        return time;
    }
    Random& random() override {
        used = true;
        return random_;
    }
    std::int64_t next_identity(TableId table, ColumnId column) override;

    Instant time = first_moment;
    mutable bool used =
        false;  // something was asked that another replica, or another moment, would answer differently

  private:
    std::int64_t replica_;
    Random random_;
    std::map<std::pair<TableId, ColumnId>, std::int64_t> newest_;
};

// The replica that the schema's own INSERTs come from, and the places of replicas a, b, c ...
inline constexpr ReplicaId initial_replica{1};
inline ReplicaId replica_id(std::uint32_t replica) {
    return {replica + 2};
}

// A statement that is no declared transaction, or a call whose arguments are no plain list of literals.
struct PreparedText {
    catalog::BoundText bound;
    exec::CompiledPtr body, arguments;
};

class Engine {
  public:
    explicit Engine(catalog::SchemaPtr schema);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    const catalog::Schema& schema() const { return *schema_; }
    const catalog::SchemaPtr& schema_ptr() const { return schema_; }
    std::unique_ptr<crdt::Database> new_database() const;

    // The whole body of a declared transaction; 0A000 when it cannot be run.
    Result<const exec::Compiled*> body_of(std::uint32_t transaction);
    // A literal of a scenario as a value of a type, as an assignment converts it. A bare word stands for a
    // text, a label or a date: `ann` is 'ann'. The value lives as long as the engine.
    Result<sql::Datum> literal(const sql::Type& type, const std::string& text);
    Result<const PreparedText*> prepare(const std::string& text);

    // Starts a transaction at a state. One at a time: what run() and finish() gave is valid until the next
    // begin().
    void begin(const crdt::Database& state, exec::Origin& origin);
    Result<void> run(const exec::Compiled& compiled, std::span<const sql::Datum> parameters,
                     exec::RowSink* sink);
    Result<const exec::WriteSet*> finish();

    // The state after the schema's own INSERTs, as one delta of `initial_replica`; nothing when there are
    // none. An error when they fail.
    Result<const crdt::Delta*> initial();

    // A value as SQL text (an argument of a call), and as people read it in a story.
    std::string literal_text(const sql::Type& type, sql::Datum value) const;
    std::string shown_text(const sql::Type& type, sql::Datum value) const;

  private:
    class Impl;
    catalog::SchemaPtr schema_;
    std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::confluence
