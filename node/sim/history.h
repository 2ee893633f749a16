// Calls whose outcome tells whether anything was lost, run twice, or run out of order. The simulator loads
// two small tables and procedures beside the user's schema; every call carries a number that no other has.
//
// What holds at every step: the ordered calls visible at any replica are a prefix of one sequence. At the
// end, at every replica: a call that was acknowledged is there once, one that was refused ("it was not
// executed") is not, one without an answer is there once or not; and when an ordered call was acknowledged
// before another one was made, it comes before it: the sequence is a linearization (Herlihy and Wing 1990).
// Those of one transaction block are all there or none.
// One that was answered under durability 'memory' (early) may be missing, but then nothing is there that its
// session did behind it, before it was told of the loss.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crdt/database.h"
#include "lib/base/random.h"
#include "lib/base/time.h"
#include "lib/catalog/load.h"

namespace anabranch::sim {

// To be loaded behind the files of the schema under test.
catalog::ScriptFile history_tables();

class History {
  public:
    explicit History(const catalog::Schema& schema);  // without the tables: does nothing
    bool active() const { return free_.has_value(); }

    std::string next(Random& random);  // the text of a new call
    enum class Fate : std::uint8_t { unknown, done, refused, excused, early };
    // 0: not one of these calls. Calls of one thread are made one after another.
    std::uint64_t invoked(const std::string& text, Instant now, std::uint64_t thread);
    std::string next_block(Random& random);  // of ordered calls, "; " between them
    void together(std::vector<std::uint64_t> calls) { blocks_.push_back(std::move(calls)); }
    void answered(std::uint64_t call, Fate fate, Instant now);
    void reserve(const std::string& text);  // a call that a script makes: no new one takes its number
    bool shown(std::uint64_t call, const crdt::Database& state) const;  // free calls

    // What is wrong, empty: nothing.
    std::string check_prefix(const crdt::Database& state);
    std::string check_end(const crdt::Database& state) const;
    std::string check_real_time() const;
    std::uint64_t calls() const { return calls_.size(); }

  private:
    struct Call {
        bool ordered = false;
        Fate fate = Fate::unknown;
        Instant invoked, answered;
        std::uint64_t attempts = 0, thread = 0;
    };
    std::string check_threads(const std::map<std::uint64_t, std::int64_t>& times) const;
    std::optional<TableId> free_, ordered_;
    std::string check_blocks(const std::map<std::uint64_t, std::int64_t>& times) const;
    std::map<std::uint64_t, Call> calls_;
    std::vector<std::vector<std::uint64_t>> blocks_;
    std::uint64_t next_ = 1;
    std::vector<std::uint64_t> sequence_;  // ordered calls by position, as first seen anywhere
};

}  // namespace anabranch::sim
