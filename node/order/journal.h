// What must be durable, and what is. The core notes changes during a step; flush() turns them into one
// Persist with a fresh ticket; persisted() says how far the log is durable. Entries that were truncated while
// their write was under way never count as durable.
#pragma once

#include <deque>
#include <optional>

#include "node/order/log.h"
#include "node/order/order.h"

namespace anabranch::order {

class Journal {
  public:
    explicit Journal(Index durable) : durable_(durable) {}

    void note_promise() {
        promise_changed_ = true;
    }                                               // epoch or vote: everything sent from now on waits for it
    void note_commit() { commit_changed_ = true; }  // a hint: never waited for
    void note_appended(Index from);                 // entries from..last
    void note_truncated(Index from);                // before the new entries are noted
    void note_compacted() { snapshot_changed_ = true; }  // the base moved up, entries after it stay
    void note_reset();                                   // the log is its base, nothing else

    std::optional<Persist> flush(const Log& log, const HardState& hard_state);
    bool persisted(Ticket ticket);  // true if durable() has moved; tickets never issued are ignored

    Index durable() const { return durable_; }
    Ticket promise() const { return promise_ > done_ ? promise_ : 0; }  // what every Send waits for

  private:
    struct Write {
        Ticket ticket;
        Index last;  // the log is durable up to here once it is done
    };
    bool promise_changed_ = false;
    bool commit_changed_ = false;
    bool snapshot_changed_ = false;
    Index appended_from_ = 0;  // 0: none
    Ticket issued_ = 0;
    Ticket done_ = 0;
    Ticket promise_ = 0;
    Index durable_;
    std::deque<Write> writes_;
};

}  // namespace anabranch::order
