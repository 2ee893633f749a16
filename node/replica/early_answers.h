// Ordered calls that were answered before the order had them (anabranch.durability = 'memory'), at the node
// where they were made: which of them are open, and which are lost.
//
// An open one is in the log of a primary, at an index and of an epoch, and may still be lost with that
// primary. It is settled when the order has been applied here up to its index, or an entry of a later epoch
// has been (no entry of an earlier one comes after that): it is committed if its outcome is known then, and
// never will be if it is not.
//
// What a session loses is always the last that it did. Its ordered calls follow the open ones within their
// epoch only (Forward::epoch), everything else waits until none is open, and after a loss its next statement
// fails, whatever it is.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>

#include "node/order/types.h"
#include "node/replica/outcomes.h"

namespace anabranch::replica {

class EarlyAnswers {
  public:
    struct Call {
        std::uint64_t session = 0;
        RequestKey key;
        order::Index index = 0;
        order::Epoch epoch = 0;
    };
    void add(const Call& call);
    // The order has been applied here up to `index`, and an entry of `epoch`. True: something was settled.
    bool settle(order::Index index, order::Epoch epoch, const Outcomes& outcomes);
    void forget(std::uint64_t session);

    bool open(std::uint64_t session) const { return index(session) != 0; }
    order::Index index(std::uint64_t session) const;  // of the newest open call; 0: none is open
    order::Epoch epoch(std::uint64_t session) const;
    std::uint64_t lost(std::uint64_t session) const;
    std::uint64_t take_lost(std::uint64_t session);  // how many, told once

  private:
    struct Session {
        std::uint64_t open = 0, lost = 0;
        order::Index index = 0;
        order::Epoch epoch = 0;
    };
    std::deque<Call> open_;  // as they were answered
    boost::unordered_flat_map<std::uint64_t, Session> sessions_;
};

}  // namespace anabranch::replica
