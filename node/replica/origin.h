// Values fixed at the origin of a transaction, and repeated when the transaction is run again on a newer
// state before it commits: a client that was shown a generated key must find that key.
#pragma once

#include <map>
#include <tuple>
#include <vector>

#include "crdt/delta.h"
#include "lib/exec/engine.h"
#include "lib/wire/messages.h"

namespace anabranch::replica {

// Identity values are counter * stride + slot: each replica draws from its own slot, so no two ever draw the
// same.
class IdentityValues {
  public:
    static constexpr std::int64_t stride = 256;
    static constexpr std::int64_t no_slot = -1;  // none has been given yet: nothing may be drawn
    explicit IdentityValues(const catalog::Schema& schema, std::int64_t slot = no_slot);
    void set_slot(std::int64_t slot);
    std::int64_t next(TableId table, ColumnId column) { return ++newest_[{table, column}] * stride + slot_; }
    // Before a value is known elsewhere that no durable delta of this replica holds, a record has to be made
    // that keeps it from being drawn again after a crash: encode()'s. It then holds for some more values.
    // False: no need.
    bool reserve();
    // Takes note of values in a delta, so that none is drawn again after a restart, nor one that a client
    // chose.
    void observe(const crdt::Delta& delta) {
        if (columns_.empty()) return;
        for (const auto& row : delta.rows) observe(row);
    }
    void observe(const crdt::RowDelta& row);
    // All values drawn or reserved so far, in checkpoints and for peers that get a state instead of deltas.
    void encode(ByteWriter& out) const;
    bool observe(ByteReader& in);  // false: malformed, and nothing taken over

  private:
    struct IdentityColumn {
        std::uint32_t group = 0;
        std::size_t position = 0;  // among the group's columns
        ColumnId column;
    };
    void note(TableId table, ColumnId column, std::int64_t slot, std::int64_t counter);

    std::int64_t slot_;
    std::map<TableId, std::vector<IdentityColumn>> columns_;
    std::map<std::pair<TableId, ColumnId>, std::int64_t> newest_;
    std::map<std::pair<TableId, ColumnId>, std::int64_t> reserved_;  // in records: up to here
    // The same for the other slots: their nodes may have to be told, once they have lost their own memory.
    std::map<std::tuple<TableId, ColumnId, std::int64_t>, std::int64_t> others_;
};

class RecordedOrigin final : public exec::Origin {
  public:
    using Drawn = wire::DrawnValues;

    explicit RecordedOrigin(IdentityValues& identities) : identities_(identities), random_(0) {}
    void begin(Instant now, std::uint64_t seed) { repeat(Drawn{now.micros, seed, {}}); }
    void repeat(Drawn drawn) {  // from its beginning
        drawn_ = std::move(drawn);
        rewind();
    }
    void rewind() {  // the same values again
        random_ = Random(drawn_.seed);
        replayed_ = 0;
    }
    // A statement of a transaction block begins. Its random values depend on its number alone, so that those
    // that write may be run without those that read.
    void begin_write(std::uint64_t number) {
        random_ = Random(hash64({reinterpret_cast<const char*>(&number), sizeof number}, drawn_.seed));
    }
    void begin_read(std::uint64_t number) { begin_write(number | std::uint64_t{1} << 63); }
    void forget_rest() { drawn_.identities.resize(replayed_); }  // values of statements that are undone
    const Drawn& drawn() const { return drawn_; }
    Instant now() const override { return {drawn_.now_micros}; }
    Random& random() override { return random_; }
    std::int64_t next_identity(TableId table, ColumnId column) override {
        if (replayed_ == drawn_.identities.size())
            drawn_.identities.push_back(identities_.next(table, column));
        return drawn_.identities[replayed_++];
    }

  private:
    IdentityValues& identities_;
    Random random_;
    Drawn drawn_;
    std::size_t replayed_ = 0;
};

}  // namespace anabranch::replica
