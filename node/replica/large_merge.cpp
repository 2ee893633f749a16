#include "node/replica/large_merge.h"

#include <utility>

#include "lib/base/check.h"

namespace anabranch::replica {

Result<LargeMerge::Job> LargeMerge::open(BytesView bytes) {
    Job job;
    job.bytes = std::make_unique<Bytes>(bytes);
    TRY(const BytesView delta, decode_outcomes(*job.bytes, job.decoded.outcomes));
    TRY(job.rows, crdt::DeltaRows::open(delta, job.decoded.delta));
    return job;
}

void LargeMerge::begin(Job job, Instant now) {
    CHECK(!busy());
    job_ = std::move(job);
    unchecked_ = job_->rows;
    due_ = now;
}

bool LargeMerge::work(Instant now) {
    if (now < due_) return false;
    if (database_.merging()) {
        merge_slice();
    } else if (database_.clear_slice(rows_max_)) {  // of the one before
        if (!busy()) {
            due_ = Instant{INT64_MAX};
            return true;
        }
        check_slice();
    }
    due_ = now + pause_;
    return true;
}

void LargeMerge::check_slice() {
    const auto refuse = [&](const Error& error) {
        const auto refused = std::move(job_->refused);
        job_.reset();
        refused(error);
    };
    crdt::RowDelta row;
    for (std::size_t i = 0; i < rows_max_ && unchecked_->next(row); ++i, row = {}) {
        if (auto fits = database_.check(job_->decoded.delta, row); !fits) return refuse(fits.error());
        job_->row(row);
    }
    if (unchecked_->left() > 0 && !unchecked_->failed()) return;
    if (auto ended = unchecked_->end(); !ended) return refuse(ended.error());
    if (!database_.follows(job_->decoded.delta) || !job_->wanted()) return job_.reset();
    database_.begin_merge(job_->decoded.delta, *job_->rows);
}

void LargeMerge::merge_slice() {
    ++slices_;
    if (!database_.merge_slice(rows_max_)) return;
    Job job = std::move(*job_);
    job_.reset();
    job.merged(job);
}

void LargeMerge::finish() {
    while (database_.merging()) merge_slice();
}

}  // namespace anabranch::replica
