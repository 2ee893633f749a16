// Constraint checks with PostgreSQL's timing and wording, on the merged, visible state (own writes included).
//
//   at once, row by row   NOT NULL, CHECK (in the order of their names), unique keys and exclusions that are
//   not deferrable end of the statement  foreign keys both ways, referential actions, deferrable keys and
//   exclusions finish()              the same where INITIALLY DEFERRED; assertions
//
// What waits for the end of the statement is a queue in the order of the writes; a referential action may add
// to it.
#pragma once

#include <string>
#include <vector>

#include "lib/exec/executor.h"
#include "lib/exec/key_batch.h"
#include "lib/exec/merged_view.h"
#include "lib/exec/overlay.h"

namespace anabranch::exec {

class RowWriter;

class Constraints {
  public:
    // `writer` carries out referential actions.
    Constraints(const SchemaPlans& plans, MergedView& view, Overlay& overlay, KeyReader& keys,
                sql::EvalContext& context, RowWriter& writer);
    void reset();

    // NOT NULL and CHECK of a new image. False: failed, with the reason in the context.
    bool row(const TablePlan& table, const WriteEffects& effects, RowView image);
    // A row other than that of `own_key` that has the image's key; none when there is none.
    RowView conflicting(const TablePlan& table, std::uint32_t key, RowView image, std::string_view own_key);
    // The same for an exclusion constraint.
    RowView colliding(const TablePlan& table, std::uint32_t exclusion, RowView image,
                      std::string_view own_key);
    // Unique keys (the primary key only if `primary`) and exclusions that are checked at once.
    bool unique(const TablePlan& table, const WriteEffects& effects, RowView image, std::string_view own_key,
                bool primary);
    // The primary key of a new row that this transaction has not touched must not be in the store. Such keys
    // are looked up a few at a time, so that memory is waited for once for all of them: at the latest when
    // the client is to see a row, and when the statement ends or fails, since what is wrong with an earlier
    // row is what its client is told.
    bool expect_absent(const TablePlan& table, std::string_view key, RowView image);
    bool settle_absent();
    void blame_earliest();
    // Queues the others.
    void deferrable(const TablePlan& table, const WriteEffects& effects, Touched& row);

    // Queues what the write of a row sets in motion: a row inserted (no `before`), updated, or deleted (no
    // `after`).
    void written(const WriteEffects& effects, Touched& row, RowView before, RowView after);
    bool end_of_statement();
    bool end_of_transaction();

    static void mark(std::uint64_t*& bits, std::uint32_t column, Overlay& overlay, TableId table);
    Error duplicate_key(const TablePlan& table, std::uint32_t key, RowView image);

  private:
    struct Event {
        enum class Kind : std::uint8_t { reference, parent_gone, key, exclusion };
        Kind kind{};
        std::uint32_t number = 0;  // of the reference, key or exclusion
        Touched* row = nullptr;
        RowView before, after;  // parent_gone: the row that was referred to, and what became of it
        bool updated = false;   // parent_gone: its key changed
    };
    bool run(Event event);
    bool defers(const Event& event) const;
    bool reference(const Reference& reference, Touched& row);
    bool parent_gone(const Event& event);
    bool key(const TablePlan& table, std::uint32_t number, Touched& row);
    bool exclusion(const TablePlan& table, std::uint32_t number, RowView image, std::string_view own_key);
    struct Child {
        std::string key;
        RowView row;
    };
    std::vector<Child> children(const Reference& reference, const std::string& parent_key, RowView parent,
                                bool first_only);
    bool key_of_child(const Reference& reference, RowView child, std::string& out);
    bool key_of_parent(const Reference& reference, RowView parent, std::string& out);
    bool parent_exists(const Reference& reference, const std::string& key);
    void hide(const TablePlan& table, const Child& child);
    bool replace(const Reference& reference, const Child& child, catalog::OnDelete action,
                 RowView parent_now);
    bool same_values(const std::vector<std::uint32_t>& columns, RowView a, RowView b) const;
    void still_referenced(const Reference& reference, RowView parent);

    const SchemaPlans& plans_;
    MergedView& view_;
    Overlay& overlay_;
    KeyReader& keys_;
    sql::EvalContext& context_;
    RowWriter& writer_;
    std::unique_ptr<Executor> rows_;  // exclusions
    std::vector<Event> queue_, deferred_;
    const TablePlan* absent_table_ = nullptr;
    std::vector<RowView> absent_;
    KeyBatch absent_keys_;  // of absent_
    std::string scratch_;
};

}  // namespace anabranch::exec
