// One simulated node: a replica and its disk. Internal to node/sim.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

#include "node/replica/replica.h"

namespace anabranch::sim {

// Records that were written, and how many of them a crash keeps.
class Disk {
  public:
    void append(replica::Ticket ticket, Bytes record) { records_.push_back({ticket, std::move(record)}); }
    // Everything up to `ticket` has reached the platter.
    void synced(replica::Ticket ticket) {
        while (synced_ < records_.size() && records_[synced_].ticket <= ticket) ++synced_;
    }
    // A crash keeps what was synced and a random prefix of the rest, as an operating system may have written
    // it.
    void crash(Random& random) {
        records_.resize(synced_ + random.below(records_.size() - synced_ + 1));
        synced_ = records_.size();
    }
    void forget(std::size_t count) {
        records_.resize(records_.size() - std::min(count, records_.size()));
        synced_ = std::min(synced_, records_.size());
    }
    std::size_t size() const { return records_.size(); }
    const Bytes& at(std::size_t i) const { return records_[i].record; }

  private:
    struct Record {
        replica::Ticket ticket;
        Bytes record;
    };
    std::vector<Record> records_;
    std::size_t synced_ = 0;
};

struct Client {  // one call at a time
    std::uint64_t session = 0;
    std::uint64_t number = 0;
    bool waiting = false;
    bool writes = false;
};

struct Acknowledged {
    Dot dot;
    std::string text;
};

struct SimNode {
    std::string name;
    std::unique_ptr<replica::Replica> replica;  // null while crashed
    Disk disk;
    ReplicaId id;
    Duration clock_offset;
    std::uint32_t incarnation = 0;  // events of an earlier one are void
    replica::Ticket durable = 0;
    crdt::VersionVector checked;  // invariants were checked at this state
    std::vector<Client> clients;
    struct Waiting {  // a free call whose answer waits for the disk
        replica::Ticket ticket;
        std::size_t client;
        Acknowledged write;
    };
    std::deque<Waiting> waiting;
    std::vector<replica::Send> held;  // wait for the disk
    bool sync_scheduled = false;
    replica::Ticket newest = 0;
};

}  // namespace anabranch::sim
