#include "node/replica/large_merge.h"

#include <utility>

#include "lib/base/check.h"

namespace anabranch::replica {

Result<LargeMerge::Job> LargeMerge::open(BytesView bytes) {
    Job job;
    TRY(const BytesView rest, decode_outcomes(bytes, job.decoded.outcomes));
    TRY_VOID(crdt::DeltaRows::open(rest, job.decoded.delta));
    job.bytes = bytes;
    return job;
}

void LargeMerge::begin(Job job, Instant now) {
    CHECK(!busy());
    job_ = std::move(job);
    std::vector<Outcomes::Outcome> outcomes;
    crdt::Delta head;
    unchecked_ = std::move(*crdt::DeltaRows::open(*decode_outcomes(job_->bytes, outcomes), head));
    due_ = now;
}

bool LargeMerge::work(Instant now) {
    if (now < due_) return false;
    if (database_.merging()) {
        merge_slice();
    } else if (busy()) {
        check_slice();
    } else if (database_.clear_slice(rows_max_)) {
        due_ = Instant{INT64_MAX};
        return true;
    }
    due_ = now + pause_;
    return true;
}

void LargeMerge::check_slice() {
    const auto refuse = [&](const Error& error) {
        const auto refused = std::move(job_->refused);
        end();
        refused(error);
    };
    crdt::RowDelta row;
    for (std::size_t i = 0; i < rows_max_ && unchecked_->next(row); ++i, row = {}) {
        if (auto fits = database_.check(job_->decoded.delta, row); !fits) return refuse(fits.error());
        job_->row(row);
    }
    if (unchecked_->left() > 0 && !unchecked_->failed()) return;
    if (auto ended = unchecked_->end(); !ended) return refuse(ended.error());
    unchecked_.reset();
    if (!database_.follows(job_->decoded.delta) || !job_->wanted()) return end();
    std::vector<Outcomes::Outcome> outcomes;
    database_.begin_merge(Bytes(*decode_outcomes(job_->bytes, outcomes)));
}

void LargeMerge::merge_slice() {
    ++slices_;
    if (!database_.merge_slice(rows_max_)) return;
    Job job = std::move(*job_);
    end();
    job.merged(job);
}

void LargeMerge::finish() {
    while (database_.merging()) merge_slice();
}

void LargeMerge::end() {
    unchecked_.reset();
    job_.reset();
}

}  // namespace anabranch::replica
