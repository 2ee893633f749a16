// Group commit: who has been answered comes back soon, and whether the next entry had better wait for that.
//
// This is known, all_back(), at every primary. Whether to wait is asked, waits(), by one that is the only
// member and waits for its own disk alone. Either the next entry is made without them, and one half of the
// clients is served while the other's entry is synced; or it waits for them, and the disk syncs half as
// often, while nobody needs the processors. Which is better depends on the disk, the processors and the
// clients: so each is tried now and then, and what makes calls wait less is done.
#pragma once

#include <cstddef>

#include "lib/base/time.h"

namespace anabranch::replica {

class GroupCommit {
  public:
    // Somebody calls: who it is does not matter.
    void arrived() { awaited_ -= awaited_ > 0 ? 1 : 0; }
    // An entry of so many calls that waited for it, together for so long.
    void committed(std::size_t calls, Duration waited, Instant now);

    bool all_back() const { return awaited_ == 0; }
    Instant answered_at() const { return answered_at_; }
    // An entry is to wait for those who have been answered last, if there are any.
    bool waits() const { return way_ == waiting && answered_ > 0; }

  private:
    enum Way : std::size_t { at_once, waiting };
    static constexpr Way other(Way way) { return way == waiting ? at_once : waiting; }
    static constexpr std::size_t trial = 64;         // commits
    static constexpr std::size_t trials_until = 16;  // the other way is tried
    void judge();

    std::size_t answered_ = 0, awaited_ = 0;
    Instant answered_at_;
    Way way_ = at_once, better_ = at_once;
    double takes_[2] = {};  // a call, about, in microseconds; 0: not known
    std::size_t commits_ = 0, trials_ = 0, calls_ = 0;
    Duration waited_;
};

}  // namespace anabranch::replica
