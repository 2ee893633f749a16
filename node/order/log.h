// The log in memory: the entries after a base (a snapshot by position), the members they put in force, and
// how far the dependencies of the entries are covered by what this replica durably holds.
//
//   - indexes are contiguous: first() = base().index + 1, epochs never fall from one entry to the next;
//   - covered(): every entry up to here has all its dependencies held. It ends at the first one that has not.
// What of the log is durable is the journal's business (journal.h), what is committed the core's.
#pragma once

#include <deque>
#include <optional>

#include "node/order/types.h"

namespace anabranch::order {

class Log {
  public:
    // The entries and members are our own records, checked by recovery. `ignore_dependencies` is a mutation
    // for tests.
    Log(Snapshot base, const std::vector<Entry>& entries, Dots held, bool ignore_dependencies);

    const Snapshot& base() const { return base_; }
    Index first() const { return base_.index + 1; }
    Index last() const { return base_.index + entries_.size(); }
    Epoch last_epoch() const { return entries_.empty() ? base_.epoch : entries_.back().epoch; }
    Index covered() const { return covered_; }
    const Dots& held() const { return held_; }

    const Entry& at(Index index) const;                // first() <= index <= last()
    std::optional<Epoch> epoch_at(Index index) const;  // also at the base; nothing outside
    // Is our log, as far as it is covered, more up-to-date than one that ends so (Raft section 5.4.1)?
    bool newer_than(Index last, Epoch last_epoch) const;
    // The largest index at most `index` whose epoch is at most `epoch`; an index before the base is returned
    // as it is.
    Index agreement(Index index, Epoch epoch) const;
    // Entries after `index`, within the limits, at least one if there is one.
    std::vector<Entry> slice(Index index, std::size_t entries_max, std::size_t bytes_max) const;

    const Members& members() const { return members_.back().members; }
    const Members& members_before() const {
        return members_[members_.size() < 2 ? 0 : members_.size() - 2].members;
    }
    Index members_index() const { return members_.back().index; }  // of the entry that put them in force

    const Members& members_at(Index index) const;  // in force at `index`, at or after the base

    void append(Entry entry);          // entry.index == last() + 1
    void truncate(Index from);         // removes from..last()
    void compact(Index to);            // the base moves up to `to`, which does not lie before it
    Snapshot base_at(Index to) const;  // what compact() makes of it
    void reset(const Snapshot& base);  // forgets all entries
    bool hold(const Dots& dots);       // true if covered() has moved
    // The dependencies of the first uncovered entry that are missing; empty when all is covered.
    Dots uncovered() const;

  private:
    struct InForce {
        Index index;
        Members members;
    };
    void cover();

    Snapshot base_;
    std::deque<Entry> entries_;
    std::vector<InForce> members_;  // ascending; the first is the base's
    Dots held_;
    Index covered_ = 0;
    bool ignore_dependencies_;
};

}  // namespace anabranch::order
