// Replicas without a shell: the test decides which message arrives, how often and when, and when the disk
// syncs. Time stands still unless the test moves it.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "node/replica/replica.h"

namespace anabranch::test {

struct Letter {
    std::string from, to;
    wire::Message message;
};

class Site {
  public:
    // `options.name` and `options.peers` are set by Sites.
    Site(catalog::SchemaPtr schema, replica::Options options);

    void step(const replica::Input& input, Instant now);
    // Runs one call and answers with its SQLSTATE, "00000" when it was done.
    std::string call(const std::string& text, Instant now);
    // Everything appended so far is on disk.
    void sync(Instant now);
    // Forgets what was not synced, and reads the rest back.
    void restart(Instant now);
    // Starts again with an empty directory.
    void lose_directory(ReplicaId new_id, Instant now);

    std::string name() const { return options_.name; }
    ReplicaId id() const { return options_.id; }
    replica::Replica& replica() { return *replica_; }
    const crdt::VersionVector& version() const { return replica_->database().version(); }
    std::uint64_t rows() const { return replica_->database().row_count(TableId{0}); }
    // All tables, as text: equal in equal states.
    std::string digests() const;
    std::int64_t total() const;  // of column n of the first table
    bool noticed(const std::string& text) const;

    std::vector<Letter> outbox;
    std::vector<std::string> notices, disconnected;
    bool auto_sync = true;

  private:
    class NoRows final : public exec::VirtualTables {
      public:
        void rows(std::uint32_t, FunctionRef<bool(std::span<const sql::Datum>)>) const override {}
        std::optional<std::string> setting(std::string_view) const override { return {}; }
    };
    void start(Instant now);
    void carry(replica::Outputs& outputs, Instant now);

    catalog::SchemaPtr schema_;
    replica::Options options_;
    NoRows no_rows_;
    std::unique_ptr<replica::Replica> replica_;
    struct Record {
        replica::Ticket ticket;
        Bytes bytes;
    };
    std::vector<Record> log_, unsynced_;
    std::vector<replica::Send> held_;  // wait for the disk
    std::vector<Bytes> checkpoint_, unfinished_;
    replica::Ticket durable_ = 0;
    std::uint64_t number_ = 0;
    std::uint64_t starts_ = 0;
};

class Sites {
  public:
    explicit Sites(std::size_t count, replica::Options options = {}, bool forget = false);
    Sites(std::size_t count, replica::Options options, const catalog::SchemaPtr& schema);
    Site& operator[](std::size_t i) { return *sites_[i]; }
    Site& named(const std::string& name);
    std::size_t size() const { return sites_.size(); }
    Instant now{1'000'000'000};

    void link(std::size_t a, std::size_t b, bool up = true);
    void link_all();
    // One step of every timer, `after` later.
    void tick(Duration after = millis(200));
    std::vector<Letter> collect();         // takes all letters that are on their way
    void deliver(const Letter& letter);    // dropped when the link is down
    void settle(std::size_t rounds = 30);  // ticks and delivers everything, in order
    std::string describe();                // of each, and what it last said
    bool agree();                          // equal version vectors, equal digests

  private:
    std::vector<std::unique_ptr<Site>> sites_;
    std::map<std::pair<std::string, std::string>, bool> up_;
};

// A schema with counters, registers and deletes, all free; whose deleted rows can be forgotten, or not.
catalog::SchemaPtr tallies(bool forget);
catalog::SchemaPtr tallies_for_ever();  // nothing is deleted, and no other table refers to them

}  // namespace anabranch::test
