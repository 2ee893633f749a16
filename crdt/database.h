// The state of one replica: all tables, their indexes, the version vector of the deltas merged so far. A join semilattice: merge is
// commutative, associative and idempotent (tests/unit/crdt proves it on small worlds).
//
// Row (per table and key):
//   existence    dots of the inserts not yet deleted, at most the newest per origin for non-claiming ones; the row is alive while it has one.
//                Merging keeps a dot unless one side holds its delta and has it no more (add wins; optimised OR-set, Bieniusa 2012).
//   incarnation  Stamp. per_insert tables: stamp of the creating commit. per_key tables: stamp of the latest delete known at creation.
//   payload      belongs to the incarnation: the greater incarnation wins whole, equal ones merge cell by cell:
//                register group: greater Stamp wins; counter: initial value (register) + sum over origins of the newest total;
//                max / min: extreme value.
//   A row without dots keeps incarnation, deleted_at and payload as a tombstone until it is causally stable.
// Visible: alive, and for each foreign key with ON DELETE CASCADE that is not NULL the referenced incarnation of the parent is visible.
// A foreign key with SET NULL whose parent incarnation is not visible reads as NULL.
//
// Not thread-safe: one thread owns a Database.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "crdt/delta.h"
#include "crdt/version_vector.h"
#include "lib/catalog/schema.h"
#include "lib/exec/store.h"

namespace anabranch::crdt {

// A last-writer loss: two concurrent or successive remote writes of one register group of which one was overwritten by merging.
struct Overwrite {
    TableId table;
    std::string key;
    std::uint32_t group = 0;
    Stamp lost, kept;
    std::vector<CellValue> lost_values, kept_values;
};

class Database final : public exec::Store {
  public:
    explicit Database(catalog::SchemaPtr schema);
    ~Database() override;
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    const catalog::Schema& schema() const;
    const VersionVector& version() const;

    // The delta of a finished transaction of this replica: dependencies are version(). Does not change the state; merge it to apply it.
    Delta make_delta(const exec::WriteSet& writes, Dot dot, Stamp stamp) const;

    enum class Merged { applied, duplicate, premature };  // premature: dependencies not held; nothing was changed
    // Joins a delta into the state. A delta whose dot is held already is a duplicate (and is merged again only by remerge).
    Merged merge(const Delta& delta);
    // Joins a delta's rows without looking at the version vector: recovery replays records over a checkpoint that may already contain them.
    void remerge(const Delta& delta);
    // Called for each last-writer loss that merge() causes; not owned.
    class OverwriteSink {
      public:
        virtual ~OverwriteSink() = default;
        virtual void overwritten(const Overwrite& loss) = 0;
    };
    void set_overwrite_sink(OverwriteSink* sink);

    // A 128-bit sum over the rows of a table (tombstones left out), equal in any two replicas with equal states; maintained incrementally.
    using Digest = std::array<std::uint64_t, 2>;
    Digest digest(TableId table) const;

    // State transfer and checkpoints: rows of one table from a key on, as self-contained chunks that may be merged in any order, several times.
    // `next_key` is empty at the end. A chunk holds tombstones too. The receiver sets version() only when all chunks of all tables are in.
    struct Chunk {
        Bytes bytes;
        std::string next_key;
        bool last = false;
    };
    Chunk export_chunk(TableId table, std::string_view from_key, std::size_t bytes_max) const;
    Result<void> import_chunk(BytesView chunk, const VersionVector& source_version);  // joined with the local state
    void set_version(const VersionVector& version);  // join; after all chunks of a snapshot or checkpoint

    std::size_t memory_bytes() const;
    std::uint64_t greatest_hlc() const;  // of any stamp merged, for HybridClock::restore

    // exec::Store
    exec::RowView find(TableId table, std::string_view primary_key) const override;
    void scan(TableId table, exec::RowVisitor visit) const override;
    void scan_index(TableId table, exec::IndexId index, std::string_view low, std::string_view high, bool reverse,
                    exec::RowVisitor visit) const override;
    std::size_t row_count(TableId table) const override;
    void duplicate_claims(TableId table, exec::RowVisitor visit) const override;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::crdt
