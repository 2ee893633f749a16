// The state of one replica: all tables, their indexes, the version vector of the deltas merged so far. A join
// semilattice: merge is commutative, associative and idempotent (tests/unit/crdt proves it on small worlds).
//
// Row (per table and key):
//   existence    dots of the inserts not yet deleted; alive while it has one. An insert takes the place of
//   the dots it saw, so what is left
//                are inserts that did not know each other. Merging keeps a dot unless one side holds its
//                delta and has it no more (add wins; optimised OR-set, Bieniusa 2012).
//   incarnation  Stamp. per_insert tables: stamp of the creating commit. per_key tables: stamp of the latest
//   delete known at creation. payload      belongs to the incarnation. Register group: greater Stamp wins;
//   counter: initial value (register) + sum over origins of
//                the newest total; max / min: extreme value.
// per_insert tables keep one row for each live insert of a key: two of them are two rows, as in the model
// that confluence/ proves with, and the newest visible one is shown. A deleted one is dropped at once:
// nothing can bring it back, so there are no tombstones. per_key tables keep one row per key: the greater
// incarnation wins whole, equal ones merge cell by cell. A row without dots keeps incarnation, deleted_at and
// payload as a tombstone, since a concurrent insert may bring it back, until it is forgotten (README.md).
//
// Visible: alive, and for each foreign key with ON DELETE CASCADE that is not NULL the referenced incarnation
// of the parent is visible (rows that refer to each other in a circle are visible together: a row is hidden
// only by a parent that is gone). A foreign key with SET NULL whose parent incarnation is not visible reads
// as NULL. Both are derived from the state, never stored in it, deltas or digests; the answers are kept
// beside the rows and brought up to date by merge(), so that reads cost nothing.
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

// A last-writer loss: of two writes of one register group that did not know each other, merging kept one.
struct Overwrite {
    TableId table;
    std::string key;
    std::uint32_t group = 0;
    Stamp lost, kept;
    std::vector<CellValue> lost_values, kept_values;
};

// Keys of indexes that are more than plain columns: expression keys and partial indexes. Supplied by whoever
// can evaluate expressions.
class IndexKeys {
  public:
    virtual ~IndexKeys() = default;
    // Appends the encoded key of a row; false: the row is not in this (partial) index.
    virtual bool key(TableId table, exec::IndexId index, exec::RowView row, std::string& out) const = 0;
};

class Database final : public exec::Store {
  public:
    // Without `index_keys` (not owned; they may be shared by many databases) it makes its own.
    explicit Database(catalog::SchemaPtr schema, const IndexKeys* index_keys = nullptr);
    ~Database() override;
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    const catalog::Schema& schema() const;
    const VersionVector& version() const;

    // The delta of a finished transaction of this replica: dependencies are version(). Does not change the
    // state; merge it to apply it.
    Delta make_delta(const exec::WriteSet& writes, Dot dot, Stamp stamp) const;
    // Optional: one that is not needed any more. The next one takes its memory.
    void recycle(Delta&& delta);

    // Whether a delta from elsewhere fits the schema: hash, tables, columns, value kinds. Error 08P01 says
    // what does not.
    Result<void> check(const Delta& delta) const;
    // premature: dependencies not held, or the delta belongs to a snapshot that is being imported, or none
    // can be merged before it is complete (Crossing::behind). refused: check() fails. All of them change
    // nothing.
    enum class Merged { applied, duplicate, premature, refused };
    // Joins a delta into the state. A delta whose dot is held already is a duplicate (and is merged again
    // only by remerge).
    Merged merge(const Delta& delta);
    // A delta whose past is here, and that is not.
    bool follows(const Delta& delta) const;

    // ---- A delta of very many rows (partial_merge.h): between begin_merge() and the last merge_slice()
    // everything here shows the state without it. Other deltas may be merged meanwhile, if they are apart()
    // (merge() finds the others premature); but rows must not come or go by any other way.
    Result<void> check(const Delta& head, const RowDelta& row) const;  // one row of a delta
    // A delta that does not forget, and follows(); its head and every row of it are checked. What `rows`
    // reads must live until the last slice.
    void begin_merge(const Delta& head, const DeltaRows& rows);
    bool merging() const;
    bool apart(const Delta& delta) const;
    bool merge_slice(std::size_t rows_max);  // true: that was the last one
    bool clear_slice(std::size_t rows_max);  // frees what it took; true: all is free

    // Joins a delta's rows without looking at the version vector: recovery replays records over a checkpoint
    // that may already contain them. All later records must follow, in order: a row deleted since comes back
    // until the delete is replayed.
    void remerge(const Delta& delta);
    // Called for each last-writer loss that merge() causes; not owned.
    class OverwriteSink {
      public:
        virtual ~OverwriteSink() = default;
        virtual void overwritten(const Overwrite& loss) = 0;
    };
    void set_overwrite_sink(OverwriteSink* sink);
    // ---- Forgetting (README.md). A delta with Delta::forget does it. ----
    std::size_t tombstones() const;         // deleted rows that are still kept
    std::uint64_t removed() const;          // that were kept, and have been forgotten
    std::uint64_t forgotten() const;        // up to this time; 0: nothing
    void set_forgotten(std::uint64_t hlc);  // recovery: the rows that come now are so already
    // The time up to which about `rows_max` rows could be relieved of their past; 0: no tombstone could go.
    std::uint64_t forgettable(std::size_t rows_max) const;
    // Whether any table of the schema has deleted rows that can be forgotten.
    bool forgets() const;

    // Told of each row whose stored state is written, from whatever cause; not owned.
    class Watch {
      public:
        virtual ~Watch() = default;
        virtual void changed(TableId table, std::string_view key) = 0;
    };
    void set_watch(Watch* watch);

    // A 128-bit sum over the live rows of a table (tombstones left out), equal in any two replicas with equal
    // states; maintained incrementally.
    using Digest = std::array<std::uint64_t, 2>;
    Digest digest(TableId table) const;

    // The live keys from `from` to before `to`; an empty `to` is the end of the table.
    struct Range {
        std::string from, to;
        std::uint64_t keys = 0;
        Digest digest{};
        std::string first;  // live key, where there is one
        friend bool operator==(const Range&, const Range&) = default;
    };
    Range range(TableId table, std::string_view from, std::string_view to) const;
    // The same range as about so many of equal size, adjacent and in order.
    std::vector<Range> split(TableId table, std::string_view from, std::string_view to,
                             std::size_t parts) const;

    // State transfer and checkpoints: rows of one table from a key on, as self-contained chunks that may be
    // merged in any order, several times, while transactions run at the source: `source_version` is the
    // source's version() from before the first chunk was made. A chunk says which keys it covers and holds
    // tombstones too. The receiver calls set_version() when all chunks of all tables are in; until then
    // merge() finds deltas of that version premature. Chunks of another version start a new import, which
    // must be complete in itself, and so must one whose source has forgotten more than it had (forgotten_of()
    // its first chunk): the version of all chunks of one import holds what their source had forgotten.
    struct Chunk {
        Bytes bytes;
        std::string next_key;  // where the next chunk begins; empty at the end
        bool last = false;
    };
    Chunk export_chunk(TableId table, std::string_view from_key, std::size_t bytes_max,
                       std::string_view to = {}) const;
    static std::uint64_t forgotten_of(BytesView chunk);  // 0: nothing, or no chunk
    Result<void> import_chunk(BytesView chunk,
                              const VersionVector& source_version);  // joined with the local state
    // The same, but the keys that the chunk covers become what they are in it: for a replica whose rows show
    // parts of deltas that will never come whole. The chunk must show all that version() has, and have
    // forgotten what this replica has.
    Result<void> reimport_chunk(BytesView chunk, const VersionVector& source_version);
    // The snapshot that is coming in has forgotten another part of the past than this replica. Who is behind
    // merges no delta until all of it is here: some rows are as they were before, and some as they are after
    // what was forgotten.
    enum class Crossing : std::uint8_t { no, ahead, behind };
    Crossing crossing() const;
    // The same for a chunk of a checkpoint, which holds what the log said up to a position. Until
    // replay_at(0), what is merged is said to be from the log at the position given last, and passes over the
    // rows of chunks that are newer.
    Result<void> restore_chunk(BytesView chunk, const VersionVector& version, std::uint64_t position);
    void replay_at(std::uint64_t position);
    // After a restart in the middle of it: what `source_version` covers comes with the chunks that are still
    // to come, and as a delta it is premature, as import_chunk() had made it before the restart. A delta that
    // was taken nevertheless would bring back rows which the chunks that are here say are gone.
    void resume_import(const VersionVector& source_version, Crossing crossing);
    // Not a join: the keys that the chunk covers become what they are in it. For a replica whose rows are
    // found to be wrong. Answers which keys have changed.
    Result<std::vector<std::string>> replace(BytesView chunk);
    // One row of another database of the same schema that has forgotten the same: as replace() and
    // import_chunk() do it, but without bytes in between.
    void replace_row(TableId table, std::string_view key, const Database& from);
    void join_row(TableId table, std::string_view key, const Database& from);
    void set_version(
        const VersionVector& version);  // join; ends an import, with an empty version gives it up

    std::size_t memory_bytes() const;
    std::uint64_t greatest_hlc() const;  // of any stamp merged, for HybridClock::restore

    // Aborts if indexes, counts, digests or what is derived disagree with the rows; for tests.
    void self_check() const;

    // exec::Store
    exec::RowView find(TableId table, std::string_view primary_key) const override;
    void expect(TableId table, std::span<const std::string_view> primary_keys) const override;
    void scan(TableId table, exec::RowVisitor visit) const override;
    void scan_index(TableId table, exec::IndexId index, std::string_view low, std::string_view high,
                    bool reverse, exec::RowVisitor visit) const override;
    std::size_t row_count(TableId table) const override;
    void duplicate_claims(TableId table, exec::RowVisitor visit) const override;

    class Impl;  // database_impl.h, for this folder only

  private:
    friend class PendingState;
    std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::crdt
