// Runs INSERT, UPDATE and DELETE: finds the rows with an Executor, makes the new images, hands them to a
// RowWriter.
#pragma once

#include "lib/exec/executor.h"
#include "lib/exec/row_writer.h"

namespace anabranch::exec {

class Writer final : public WriteRunner {
  public:
    Writer(const SchemaPlans& plans, MergedView& view, Overlay& overlay, KeyReader& keys, Executor& executor,
           Origin& origin);
    std::uint64_t write(const WritePlan& plan, RowEmitter emit) override;
    RowWriter& rows() { return rows_; }
    void begin_statement() { merged_ = 0; }
    std::uint64_t merged() const { return merged_; }  // rows that the actions of a MERGE have changed so far

  private:
    struct Run {
        const WritePlan& plan;
        const TablePlan& table;
        RowEmitter emit;
        std::uint64_t count = 0;
    };
    bool insert(Run& run, const sql::Datum* source);
    RowView proposed(Run& run, const sql::Datum* source);
    RowView any_conflict(Run& run, RowView image, bool& excluded);
    bool settle_conflict(Run& run, RowView image, bool& conflict);
    bool merge_into(Run& run, RowView existing, RowView image);
    bool update(Run& run);
    bool erase(Run& run);
    RowView assigned(Run& run, const WriteEffects& effects, RowView before);
    bool changed_already(TableId table, std::string_view key) const;
    bool second_change(Run& run);
    bool returning(Run& run, RowView row);

    const SchemaPlans& plans_;
    MergedView& view_;
    Overlay& overlay_;
    KeyReader& keys_;
    Executor& executor_;
    Origin& origin_;
    RowWriter rows_;
    std::string key_;
    std::uint64_t merged_ = 0;
};

}  // namespace anabranch::exec
