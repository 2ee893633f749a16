// Values fixed at the origin of a transaction, and repeated when the transaction is run again on a newer
// state before it commits: a client that was shown a generated key must find that key.
#pragma once

#include <map>
#include <tuple>
#include <vector>

#include "crdt/delta.h"
#include "lib/exec/engine.h"

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
    // Takes note of values in a delta, so that none is drawn again after a restart, nor one that a client
    // chose.
    void observe(const crdt::Delta& delta);
    // All values drawn so far, in checkpoints and for peers that get a state instead of deltas.
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
    // The same for the other slots: their nodes may have to be told, once they have lost their own memory.
    std::map<std::tuple<TableId, ColumnId, std::int64_t>, std::int64_t> others_;
};

class RecordedOrigin final : public exec::Origin {
  public:
    explicit RecordedOrigin(IdentityValues& identities) : identities_(identities), random_(0) {}
    void begin(Instant now, std::uint64_t seed) {
        now_ = now;
        seed_ = seed;
        identity_log_.clear();
        rewind();
    }
    void repeat(const RecordedOrigin& other) {  // the values of another one, from its beginning
        now_ = other.now_;
        seed_ = other.seed_;
        identity_log_ = other.identity_log_;
        rewind();
    }
    void rewind() {  // the same values again
        random_ = Random(seed_);
        replayed_ = 0;
    }
    void forget_rest() { identity_log_.resize(replayed_); }  // values of statements that are undone
    Instant now() const override { return now_; }
    Random& random() override { return random_; }
    std::int64_t next_identity(TableId table, ColumnId column) override {
        if (replayed_ == identity_log_.size()) identity_log_.push_back(identities_.next(table, column));
        return identity_log_[replayed_++];
    }

  private:
    IdentityValues& identities_;
    Random random_;
    Instant now_;
    std::uint64_t seed_ = 0;
    std::vector<std::int64_t> identity_log_;
    std::size_t replayed_ = 0;
};

}  // namespace anabranch::replica
