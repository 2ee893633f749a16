// Applies new images of rows to the overlay: checks them, keeps what the WriteSet needs to know, queues what
// the write sets in motion. Shared by statements and by referential actions.
#pragma once

#include "lib/exec/constraints.h"

namespace anabranch::exec {

class RowWriter {
  public:
    RowWriter(const SchemaPlans& plans, MergedView& view, Overlay& overlay, KeyReader& keys,
              sql::EvalContext& context);
    void reset() { constraints_.reset(); }
    Constraints& constraints() { return constraints_; }

    // A row that passed Constraints::row(). `claims`: by a plain INSERT. `additive`: counters whose value
    // here is an addition. Null: failed.
    Touched* insert(const TablePlan& table, const WriteEffects& effects, RowView image, bool claims,
                    const std::vector<std::uint32_t>& additive);
    // `before` is the row as `key` has it now. `derived`: the merged state makes this change by itself, so it
    // is not written.
    Touched* update(const TablePlan& table, const WriteEffects& effects, std::string_view key, RowView before,
                    RowView image, bool derived = false);
    Touched* erase(const TablePlan& table, const WriteEffects& effects, std::string_view key, RowView before);
    // ON CONFLICT on a table whose rows are their keys: the insert adds to the row's existence.
    void touch(const TablePlan& table, std::string_view key, RowView existing);

    RowView pack_row(const TablePlan& table, std::span<const sql::Datum> values);
    // Fills in the generated columns that `effects` lists, into `values` and a new image.
    RowView generate(const TablePlan& table, const WriteEffects& effects, RowView image,
                     std::span<sql::Datum> values);
    static void unpack(const TablePlan& table, RowView row, std::span<sql::Datum> out);

  private:
    Touched* move(const TablePlan& table, const WriteEffects& effects, std::string_view key, RowView before,
                  RowView image);
    bool keeps_direction(const TablePlan& table, const WriteEffects& effects, RowView before, RowView image);
    Touched& added(const TablePlan& table, std::string_view key, RowView image, bool claims);
    void removed(Touched& row);

    const SchemaPlans& plans_;
    MergedView& view_;
    Overlay& overlay_;
    KeyReader& keys_;
    sql::EvalContext& context_;
    Constraints constraints_;
    std::string key_;
};

}  // namespace anabranch::exec
