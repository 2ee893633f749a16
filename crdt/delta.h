// Delta: what one committed transaction adds to the state. One unit, applied whole; itself a state (a join of row fragments), so that any
// delta may arrive twice or by any path. The same bytes are the log record's payload, the gossip unit and the order's entry.
//
// Delta-state CRDTs after Almeida, Shoker, Baquero 2018 (sections 4 and 7: causal contexts); causal delivery is the caller's duty.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "crdt/version_vector.h"
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

// One origin's running total in a counter column of one incarnation: absolute, so that applying it twice is applying it once.
struct CounterTotal {
    ReplicaId origin;
    std::uint64_t seq = 0;      // the delta of that origin that last changed it
    std::int64_t total = 0;
    friend bool operator==(const CounterTotal&, const CounterTotal&) = default;
};

// What a delta says about one row. Every part is a join-irreducible piece of state.
struct RowDelta {
    TableId table;
    std::string key;                    // encoded primary key
    Stamp incarnation;                  // of the payload below: see Row in database.h
    bool add = false;                   // the delta's own dot joins the row's existence
    bool claims = false;
    std::vector<Dot> remove;            // dots deleted (those the origin saw, one per origin: all up to seq)
    Stamp deleted_at;                   // per_key tables: the commit's stamp when it deletes, else the latest delete known when it creates
    struct Group {                      // a register group written: all its columns, stamped with the delta's stamp
        std::uint32_t group = 0;
        std::vector<CellValue> values;  // of the group's columns, ascending
    };
    std::vector<Group> groups;
    struct Counter {
        std::uint32_t column = 0;
        bool has_initial = false;       // the initial value, a register of its own stamped with the delta's stamp
        bool initial_null = false;
        std::int64_t initial = 0;
        std::int64_t total = 0;         // this origin's new absolute total in this incarnation
        bool has_total = false;
    };
    std::vector<Counter> counters;
    struct Extreme {                    // max or min column: a value to join with
        std::uint32_t column = 0;
        CellValue value;
    };
    std::vector<Extreme> extremes;
    struct Reference {                  // incarnation of the parent row that a foreign key with CASCADE or SET NULL points to
        std::uint32_t foreign_key = 0;
        Stamp parent;
    };
    std::vector<Reference> references;  // part of the register group of the key's columns
    friend bool operator==(const RowDelta&, const RowDelta&) = default;
};

struct Delta {
    Dot dot;
    VersionVector dependencies;         // what the origin held, its own earlier dots included (dot.seq - 1 of dot.origin)
    Stamp stamp;                        // commit time; origin of the stamp is dot.origin
    std::uint64_t schema_hash = 0;
    std::vector<RowDelta> rows;
    friend bool operator==(const Delta&, const Delta&) = default;

    Bytes encode() const;               // with a trailing 64-bit checksum over everything before it
    // Refuses anything malformed (error 08P01 with what is wrong); bounds every count by the bytes that are there.
    static Result<Delta> decode(BytesView bytes);
};

}  // namespace anabranch::crdt
