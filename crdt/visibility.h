// What ON DELETE CASCADE and SET NULL make of the merged state: which live rows are hidden, and which
// references read as NULL. A pure function of the rows, kept beside them (StoredRow::hidden, nulled) and
// brought up to date after each change of existence, incarnation or reference.
//
// A row is hidden if its CASCADE references lead, over any number of parents, to one that is gone: the
// greatest solution, so that rows which refer to each other in a circle stand together. The references
// themselves are compared, not what they read as: a column that two foreign keys share, one of them SET NULL,
// still follows the other.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "crdt/table_list.h"

namespace anabranch::crdt {

class Visibility {
  public:
    explicit Visibility(TableList& tables) : tables_(tables) {}
    // Notes that rows of this key changed.
    void changed(Table& table, std::string_view key) { changed_.push_back({&table, std::string(key)}); }
    // Told of a row before it is hidden, shown or reads otherwise.
    class Witness {
      public:
        virtual ~Witness() = default;
        virtual void changes(Table& table, const StoredRow& row) = 0;
    };
    // Decides anew for all that was noted, and for what depends on it.
    void settle(Witness* witness = nullptr);
    void check();  // aborts if a row is hidden without cause, or shown in spite of one; for tests

  private:
    struct Subject {
        Table* table = nullptr;
        StoredRow* row = nullptr;
    };
    struct Changed {
        Table* table = nullptr;
        std::string key;
    };
    void add(Table& table, StoredRow* row);
    void add_children(const Table& table, std::string_view key, bool again);
    void reveal(Witness* witness);
    void hide_orphans(Witness* witness);
    bool parent_gone(const Subject& subject, std::uint32_t derived);

    TableList& tables_;
    std::vector<Changed> changed_;
    std::vector<Subject> subjects_;  // none twice: StoredRow::marked
    std::vector<Subject> queue_;
    std::string key_;
};

}  // namespace anabranch::crdt
