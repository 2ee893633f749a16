// Delta: what one committed transaction adds to the state. One unit, applied whole; itself a state (a join of
// row fragments), so that any delta may arrive twice or by any path. The same bytes are the log record's
// payload, the gossip unit and the order's entry.
//
// Delta-state CRDTs after Almeida, Shoker, Baquero 2018 (sections 4 and 7: causal contexts); causal delivery
// is the caller's duty.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "crdt/version_vector.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"

namespace anabranch::crdt {

// A stored value independent of any arena: null, or its Datum's storage.
struct CellValue {
    enum class Kind : std::uint8_t { null, integer, floating, bytes } kind = Kind::null;
    std::int64_t integer = 0;
    double floating = 0;
    std::string bytes;
    friend bool operator==(const CellValue&, const CellValue&) = default;
};

// One origin's running total in a counter column of one incarnation: absolute, so that applying it twice is
// applying it once.
struct CounterTotal {
    ReplicaId origin;
    std::uint64_t seq = 0;  // the delta of that origin that last changed it
    std::int64_t total = 0;
    friend bool operator==(const CounterTotal&, const CounterTotal&) = default;
};

// What a delta says about one row. Every part is a join-irreducible piece of state.
struct RowDelta {
    TableId table;
    std::string key;    // encoded primary key
    Stamp incarnation;  // of the payload below: see Row in database.h
    // Every dot of the row in the delta's causal past leaves its existence: a delete, or an insert that takes
    // the place of those it saw. The delta's dependencies are the causal context, so no dots are listed.
    bool remove = false;
    bool add = false;  // the delta's own dot joins the row's existence
    // With `add`: the plain INSERT that the new dot stands for. The delta's own dot for a plain INSERT, the
    // one taken over for an ON CONFLICT insert that met a row made so, none (seq 0) otherwise.
    Dot claim;
    // per_key tables: the commit's stamp when it deletes, else the latest delete known when it creates.
    Stamp deleted_at;
    // A register group written: all its columns, stamped with the delta's stamp.
    struct Group {
        std::uint32_t group = 0;
        std::vector<CellValue> values;  // of the group's columns, ascending
        friend bool operator==(const Group&, const Group&) = default;
    };
    std::vector<Group> groups;
    struct Counter {
        std::uint32_t column = 0;
        bool has_initial = false;   // the initial value, a register of its own stamped with the delta's stamp
        bool initial_null = false;  // NULL, and so is every sum on top of it
        bool has_total = false;
        std::int64_t initial = 0;
        std::int64_t total = 0;  // this origin's new absolute total in this incarnation
        friend bool operator==(const Counter&, const Counter&) = default;
    };
    std::vector<Counter> counters;
    // Max or min column: a value to join with.
    struct Extreme {
        std::uint32_t column = 0;
        CellValue value;
        friend bool operator==(const Extreme&, const Extreme&) = default;
    };
    std::vector<Extreme> extremes;
    // Incarnation of the parent row that a foreign key with CASCADE or SET NULL points to; part of the
    // register group of the key's columns. A written group whose foreign key is not listed has no such
    // parent: a column of it is NULL.
    struct Reference {
        std::uint32_t foreign_key = 0;
        Stamp parent;
        std::string key;  // the parent's encoded primary key where the columns do not spell it (another
                          // unique key is referenced)
        friend bool operator==(const Reference&, const Reference&) = default;
    };
    std::vector<Reference> references;
    friend bool operator==(const RowDelta&, const RowDelta&) = default;
};

// In an entry of the order: what deletes up to a time have left behind goes (crdt/README.md). `until` is an
// hlc reading, 0: nothing goes. Every commit that is not in the entry's past has `agreed` in its own past, or
// comes from a replica that nobody knew of: `straggler()`.
struct Forget {
    std::uint64_t until = 0;
    VersionVector agreed;
    friend bool operator==(const Forget&, const Forget&) = default;
};

struct Delta {
    Dot dot;
    VersionVector
        dependencies;  // what the origin held, its own earlier dots included (dot.seq - 1 of dot.origin)
    Stamp stamp;       // commit time; origin of the stamp is dot.origin
    std::uint64_t schema_hash = 0;
    std::vector<RowDelta> rows;
    Forget forget = {};  // then there are no rows
    friend bool operator==(const Delta&, const Delta&) = default;

    Bytes encode() const;  // with a trailing 64-bit checksum over everything before it
    // Refuses anything malformed (error 08P01 with what is wrong); bounds every count by the bytes that are
    // there.
    static Result<Delta> decode(BytesView bytes);
    // The name that the bytes claim, nothing checked.
    static std::optional<Dot> dot_of(BytesView bytes);
    static bool forgets(BytesView bytes);  // likewise
};

// An encoded delta read row by row: one of very many rows is not decoded at once. Borrows the bytes.
class DeltaRows {
  public:
    // Checks the checksum, and reads all but the rows into `head`. Errors as decode().
    static Result<DeltaRows> open(BytesView bytes, Delta& head);
    std::uint64_t left() const { return left_; }
    // Into a row as it was constructed. False: there are no more, or none that can be read; end() tells.
    bool next(RowDelta& row);
    bool failed() const { return in_.failed(); }
    Result<void> end() const;

  private:
    explicit DeltaRows(BytesView body) : in_(body) {}
    void read_head(Delta& head);
    void read_forget(Delta& head);
    std::uint64_t count(std::size_t bytes_min);
    std::uint32_t number();
    ReplicaId origin(std::uint64_t number);
    Stamp stamp();
    Dot dot();
    CellValue cell();
    void row(RowDelta& row);
    void counters(RowDelta& row);
    void groups(RowDelta& row);
    void extremes(RowDelta& row);
    void references(RowDelta& row);

    ByteReader in_;
    Dot dot_;  // of the delta, like its stamp
    Stamp stamp_;
    std::vector<ReplicaId> origins_;  // of its dependencies
    std::uint64_t left_ = 0;
};

}  // namespace anabranch::crdt
