// A delta of very many rows on its way into the database: its rows are checked, and then merged, a slice at a
// time (crdt/partial_merge.h), so that no call waits for more than one slice. One at a time.
//
// It is not in the database, nor in the log, before its last slice; a crash forgets it, and it comes again.
// What may change who is listened to, or rows by another way than a delta, finishes it first.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "crdt/database.h"
#include "lib/base/time.h"
#include "node/replica/outcomes.h"

namespace anabranch::replica {

class LargeMerge {
  public:
    struct Job {
        std::unique_ptr<Bytes> bytes;                    // as a peer has sent it, or as it is in the order
        DecodedDelta decoded;                            // all but the rows
        std::optional<crdt::DeltaRows> rows;             // of *bytes
        std::function<void(const crdt::RowDelta&)> row;  // each, once it has been checked
        std::function<bool()> wanted;                    // whether it is still to be merged then
        std::function<void(Job&)> merged;                // now the database has it
        std::function<void(const Error&)> refused;       // it does not fit the schema
    };
    // Errors as decode_delta().
    static Result<Job> open(BytesView bytes);

    LargeMerge(crdt::Database& database, std::size_t rows_max, Duration pause)
        : database_(database), rows_max_(rows_max), pause_(pause) {}

    void begin(Job job, Instant now);
    bool busy() const { return job_.has_value(); }
    bool has(Dot dot) const { return busy() && job_->decoded.delta.dot == dot; }
    // A slice, if it is time for one; false: there was nothing to do.
    bool work(Instant now);
    // What shows in part shows now.
    void finish();
    Instant next_deadline() const { return due_; }
    std::uint64_t slices() const { return slices_; }  // rows have moved so often

  private:
    void check_slice();
    void merge_slice();

    crdt::Database& database_;
    const std::size_t rows_max_;
    const Duration pause_;  // from one slice to the next, for whoever has something to do
    std::optional<Job> job_;
    std::optional<crdt::DeltaRows> unchecked_;  // of the job
    Instant due_{INT64_MAX};
    std::uint64_t slices_ = 0;
};

}  // namespace anabranch::replica
