// Replicas in one process, with a network and disks that do as they are told: what tests of the order's way
// from a client to the primary and back are made of. Messages take 1 ms, a sync 1 ms, clocks agree; faults
// are what a test asks for.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/replica/replica.h"

namespace anabranch::test {

class Cluster {
  public:
    // Every transaction is ordered unless it is named in `free`.
    Cluster(const std::string& schema_text, const std::set<std::string>& free, std::size_t nodes = 3);

    // Runs until `done` says so; false when that takes longer than `limit`.
    bool run(Duration limit, const std::function<bool()>& done);
    void run(Duration time);
    void elect();  // until some node executes; it is then primary()
    std::string primary() const;
    std::vector<std::string> others(const std::string& than) const;

    // A statement of a client at a node. The answer comes during run().
    using Call = std::size_t;
    Call call(const std::string& node, const std::string& text, std::uint64_t session = 1);
    Call commit(const std::string& node, std::uint64_t session = 1);
    bool answered(Call call) const { return calls_[call].answer.has_value(); }
    // "CALL", "SELECT 1: 5|ann", or "ERROR 23514: message"; "..." while it is not there.
    std::string answer(Call call) const;
    // The call, and what it is told within ten seconds.
    std::string ask(const std::string& node, const std::string& text, std::uint64_t session = 1);

    replica::Replica& at(const std::string& node) { return *nodes_.at(node).replica; }
    Instant now() const { return now_; }
    void cut(const std::string& a, const std::string& b, bool cut = true);  // both ways
    void isolate(const std::string& node, bool cut = true);
    void crash(const std::string& node);  // what was not synced is lost
    void boot(const std::string& node);
    // The log of a node that is not running, to be changed behind its back.
    std::vector<std::pair<replica::Ticket, Bytes>>& disk(const std::string& node) {
        return nodes_.at(node).disk;
    }
    // A node that was not there when the cluster began; it knows the address of one that was.
    void join(const std::string& node, const std::string& by);
    // It is started again, with another peer on its command line.
    void introduce(const std::string& node, const std::string& by);
    // anabranch admin at a node: what was done, or "ERROR 55000: ..."; "..." after 30 seconds.
    std::string change(const std::string& node, const std::string& action, const std::string& member = "");
    std::uint64_t begin_change(const std::string& node, const std::string& action, const std::string& member);
    std::string role(const std::string& node, const std::string& member);  // as `node` sees it
    std::set<std::string> noticed;                                         // what nodes said to people
    void stop_disk(const std::string& node, bool stop = true);             // nothing becomes durable
    bool hurries(const std::string& node) const { return nodes_.at(node).hurries; }  // to sync what it wrote
    // Sees every message before it is sent; false: it is lost.
    std::function<bool(const std::string& from, const std::string& to, const wire::Message& message)> filter;
    void step(const std::string& name, const replica::Input& input);
    // A message that was held back arrives now.
    void deliver(const std::string& from, const std::string& to, const wire::Message& message) {
        step(to, replica::FromPeer{from, message});
    }

  private:
    struct Rows;
    struct Asked {
        std::string node;
        std::uint64_t session = 0, number = 0;
        replica::Ticket ticket = 0;  // waits for the disk
        std::shared_ptr<Rows> rows;
        std::string tag;
        std::optional<std::string> answer;
    };
    struct Node {
        std::unique_ptr<replica::Replica> replica;
        ReplicaId id;
        std::vector<std::pair<replica::Ticket, Bytes>> disk;
        std::size_t synced = 0;
        replica::Ticket durable = 0;
        bool disk_stopped = false, hurries = false;
        std::vector<replica::Send> held;
        std::string joins_by;  // empty: it was there from the beginning
        std::set<std::string> contacts, up;
    };
    struct Message {
        Instant at;
        std::string from, to;
        Bytes bytes;
    };

    void turn();
    void link(const std::string& name);
    void carry(const std::string& name, replica::Outputs& out);
    void transmit(const std::string& from, const replica::Send& send);
    void sync(const std::string& name);
    void take(Call call, replica::Execution done);
    void finish(Asked& asked, const Result<std::string>& tag);
    Call open(const std::string& node, std::uint64_t session);

    catalog::SchemaPtr schema_;
    catalog::Plan plan_;
    std::map<std::string, Node> nodes_;
    std::deque<Message> network_;
    std::set<std::pair<std::string, std::string>> cut_;
    std::deque<Asked> calls_;
    Instant now_;
    std::uint64_t number_ = 0;
    Random random_{1};
};

}  // namespace anabranch::test
