// A few replicas, each a Database beside what the naive model says it should show.
#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "crdt/database.h"
#include "crdt/hlc.h"
#include "lib/base/check.h"
#include "tests/unit/crdt/model.h"
#include "tests/unit/crdt/transaction.h"

namespace anabranch::crdt::test {

inline View view_of(const Database& db) {
    View out;
    for (const catalog::Table& table : db.schema().tables) {
        db.scan(table.id, [&](exec::RowView row) {
            const Values values = values_of(table, row);
            const std::pair place(table.id.value, key_of(table, values));
            CHECK_NOTE(!out.rows.contains(place), "a key was scanned twice");
            CHECK_NOTE(out.rows.empty() || out.rows.rbegin()->first < place,
                       "rows were scanned out of order");
            out.rows[place].values = values;
            return true;
        });
        db.duplicate_claims(table.id, [&](exec::RowView row) {
            out.contested.emplace(table.id.value, key_of(table, values_of(table, row)));
            return true;
        });
    }
    return out;
}

inline std::string text_of(const View& view) {
    std::string out;
    for (const auto& [place, row] : view.rows) {
        out += "  " + std::to_string(place.first) + ":";
        for (const CellValue& value : row.values) {
            out += value.kind == CellValue::Kind::null    ? " NULL"
                   : value.kind == CellValue::Kind::bytes ? " " + value.bytes
                                                          : " " + std::to_string(value.integer);
        }
        out += view.contested.contains(place) ? " contested\n" : "\n";
    }
    return out;
}

// The whole state as bytes: equal states have equal ones.
inline std::string state_of(const Database& db) {
    std::string out;
    for (const catalog::Table& table : db.schema().tables)
        out += db.export_chunk(table.id, {}, SIZE_MAX).bytes;
    return out;
}
inline std::vector<Database::Digest> digests_of(const Database& db) {
    std::vector<Database::Digest> out;
    for (const catalog::Table& table : db.schema().tables) out.push_back(db.digest(table.id));
    return out;
}
// Joins one replica's whole state into another, in chunks.
inline void join(Database& target, const Database& source, std::size_t bytes_max = SIZE_MAX) {
    for (const catalog::Table& table : source.schema().tables) {
        std::string from;
        for (bool last = false; !last;) {
            const Database::Chunk chunk = source.export_chunk(table.id, from, bytes_max);
            CHECK_NOTE(target.import_chunk(chunk.bytes, source.version()).has_value(), "a chunk was refused");
            from = chunk.next_key;
            last = chunk.last;
        }
    }
    target.set_version(source.version());
}

inline ReplicaId replica_id(std::size_t number) {
    return {100 + number};
}

class World {
  public:
    struct Replica {
        std::unique_ptr<Database> db;
        HybridClock clock;
        std::int64_t skew = 0;
        std::set<Dot> held;
    };

    World(catalog::SchemaPtr schema, std::size_t count, std::vector<std::int64_t> skews = {},
          Mutant mutant = Mutant::none)
        : schema_(schema), model_(schema, mutant) {
        for (std::size_t i = 0; i < count; ++i) {
            replicas_.emplace_back();
            replicas_.back().db = std::make_unique<Database>(schema);
            replicas_.back().skew = i < skews.size() ? skews[i] : 0;
        }
    }
    Replica& at(std::size_t replica) { return replicas_[replica]; }
    Database& db(std::size_t replica) { return *replicas_[replica].db; }
    std::size_t size() const { return replicas_.size(); }
    const std::map<Dot, Delta>& deltas() const { return deltas_; }
    const catalog::SchemaPtr& schema() const { return schema_; }

    // Runs a transaction at a replica. False if it wrote nothing.
    bool run(std::size_t replica, const std::function<void(Transaction&)>& body) {
        Replica& r = replicas_[replica];
        Transaction transaction(*r.db);
        body(transaction);
        const exec::WriteSet& writes = transaction.writes();
        if (writes.empty()) return false;
        const Dot dot{replica_id(replica), r.db->version().get(replica_id(replica)) + 1};
        const Stamp stamp{r.clock.tick({++now_ + r.skew}), dot.origin};
        const Delta made = r.db->make_delta(writes, dot, stamp);
        Result<Delta> delta = Delta::decode(made.encode());
        CHECK_NOTE(delta.has_value() && *delta == made, "a delta came back from its encoding as another");
        model_.commit(r.held, writes, dot, stamp);
        if (mutate) mutate(*delta);
        CHECK_NOTE(r.db->merge(*delta) == Database::Merged::applied, "a replica's own delta was not applied");
        r.held.insert(dot);
        deltas_.emplace(dot, std::move(*delta));
        return true;
    }
    // An entry of the order, which replica 0 makes, that forgets.
    void forget(const Forget& what) {
        Replica& r = replicas_[0];
        Delta made;
        made.dot = {ORDER_ORIGIN, r.db->version().get(ORDER_ORIGIN) + 1};
        made.dependencies = r.db->version();
        made.stamp = {r.clock.tick({++now_ + r.skew}), ORDER_ORIGIN};
        made.schema_hash = schema_->hash;
        made.forget = what;
        const Result<Delta> delta = Delta::decode(made.encode());
        CHECK_NOTE(delta.has_value() && *delta == made, "a delta came back from its encoding as another");
        model_.commit(r.held, {}, made.dot, made.stamp);
        CHECK_NOTE(r.db->merge(made) == Database::Merged::applied, "an entry of the order was not applied");
        r.held.insert(made.dot);
        deltas_.emplace(made.dot, std::move(made));
    }
    Database::Merged deliver(std::size_t replica, const Delta& delta) {
        Replica& r = replicas_[replica];
        const Database::Merged merged = r.db->merge(delta);
        if (merged == Database::Merged::applied) {
            CHECK_NOTE(r.clock.observe(delta.stamp.hlc, {now_ + 1000000}, {0}), "a stamp was refused");
            r.held.insert(delta.dot);
        }
        return merged;
    }
    // Everything that one replica holds and another lacks, in causal order.
    std::size_t pull(std::size_t to, std::size_t from) {
        std::size_t applied = 0;
        for (bool more = true; more;) {
            more = false;
            for (const Dot dot : replicas_[from].held) {
                if (replicas_[to].held.contains(dot)) continue;
                if (deliver(to, deltas_.at(dot)) != Database::Merged::applied) continue;
                more = true;
                ++applied;
            }
        }
        return applied;
    }
    void pull_state(std::size_t to, std::size_t from, std::size_t bytes_max) {
        join(*replicas_[to].db, *replicas_[from].db, bytes_max);
        replicas_[to].held.insert(replicas_[from].held.begin(), replicas_[from].held.end());
        CHECK_NOTE(replicas_[to].clock.observe(replicas_[from].clock.last(), {now_ + 1000000}, {0}),
                   "a stamp was refused");
    }
    bool agrees(std::size_t replica) {
        const View shown = view_of(*replicas_[replica].db), expected = model_.view(replicas_[replica].held);
        if (shown == expected) return true;
        difference = "product\n" + text_of(shown) + "model\n" + text_of(expected);
        return false;
    }
    std::string difference;  // of the last disagreement
    View expected(const std::set<Dot>& held) const { return model_.view(held); }

    std::function<void(Delta&)> mutate;  // what a wrong product would have made of a delta

  private:
    catalog::SchemaPtr schema_;
    Model model_;
    std::vector<Replica> replicas_;
    std::map<Dot, Delta> deltas_;
    std::int64_t now_ = 1000;
};

}  // namespace anabranch::crdt::test
