#include "lib/exec/fold.h"

namespace anabranch::exec {

using catalog::Merge;
using sql::Datum;

namespace {

using ColumnWrite = RowWrite::ColumnWrite;
using Op = RowWrite::Op;

// The writes of one row, in an arena block that is large enough for all its columns.
struct Columns {
    ColumnWrite* out;
    std::size_t count = 0;
    void add(std::uint32_t column, Op op, std::int64_t amount = 0) { out[count++] = {column, op, amount}; }
};

void created_columns(const TablePlan& table, const Touched& row, Columns& columns) {
    const RowView initial(row.initial, &table.layout);
    for (std::uint32_t c = 0; c < table.layout.size(); ++c) {
        switch (table.table->columns[c].policy.merge) {
            case Merge::immutable:
            case Merge::register_:
                columns.add(c, Op::assign);
                break;
            case Merge::max:
                columns.add(c, Op::raise);
                break;
            case Merge::min:
                columns.add(c, Op::lower);
                break;
            case Merge::counter: {
                const Datum now = row.now.get(c), first = initial.get(c);
                if (now.is_null() || first.is_null())
                    columns.add(c, Op::initial);
                else if (row.has(row.additive, c))
                    columns.add(c, Op::add, now.as_integer());
                else
                    columns.add(c, Op::initial, now.as_integer() - first.as_integer());
                break;
            }
        }
    }
}

bool group_written(const TablePlan& table, const Touched& row, std::uint32_t group) {
    for (const std::uint32_t c : table.groups[group])
        if (row.has(row.written, c)) return true;
    return false;
}

// Whether a row that went with its parent had been given to that parent by this very transaction. Its write
// would then name whatever parent of that key there is in the end, and bring the row back with a new one.
bool went_with_new_parent(const TablePlan& table, const Touched& row) {
    for (const catalog::ForeignKey& key : table.table->foreign_keys) {
        if (key.on_delete != catalog::OnDelete::cascade) continue;
        for (const ColumnId c : key.columns) {
            const catalog::ColumnPolicy& policy = table.table->columns[c.value].policy;
            const bool grouped = policy.merge == Merge::register_ || policy.merge == Merge::immutable;
            if (row.has(row.written, c.value) || (grouped && group_written(table, row, policy.group)))
                return true;
        }
    }
    return false;
}

void changed_columns(const TablePlan& table, const Touched& row, RowView now, Columns& columns) {
    if (row.written == nullptr) return;
    for (std::uint32_t c = 0; c < table.layout.size(); ++c) {
        const catalog::ColumnPolicy& policy = table.table->columns[c].policy;
        if (policy.merge == Merge::register_ || policy.merge == Merge::immutable) {
            if (row.has(row.written, c) || group_written(table, row, policy.group))
                columns.add(c, Op::assign);
            continue;
        }
        if (!row.has(row.written, c)) continue;
        const Datum before = row.base.get(c), after = now.get(c);
        if (identical(before, after)) continue;
        if (policy.merge != Merge::counter)
            columns.add(c, policy.merge == Merge::max ? Op::raise : Op::lower);
        else if (before.is_null() || after.is_null())
            columns.add(c, Op::initial);
        else
            columns.add(c, Op::add, after.as_integer() - before.as_integer());
    }
}

void set_image(const TablePlan& table, RowView view, bool stored, Arena& arena, RowWrite& write) {
    const std::size_t size = image_size(table.layout, view);
    write.row_size = static_cast<std::uint32_t>(size);
    write.row = view.data();
    if (!stored) return;
    char* copy = arena.allocate(size);
    copy_row(table.layout, view, size, copy);
    write.row = copy;
}

bool fold_row(const TablePlan& table, const Touched& row, Arena& arena, RowWrite& write) {
    write.table = row.table;
    write.key = row.key;
    write.deleted = row.deleted && row.base;
    Columns columns{nullptr};
    const auto room = [&] {
        columns.out =
            reinterpret_cast<ColumnWrite*>(arena.allocate(table.layout.size() * sizeof(ColumnWrite)));
    };
    if (row.created && row.now) {
        write.inserted = write.created = true;
        write.claims = row.claims;
        room();
        created_columns(table, row, columns);
        set_image(table, row.now, false, arena, write);
    } else if (row.hidden && row.written != nullptr && !row.created && went_with_new_parent(table, row)) {
        return write.deleted = static_cast<bool>(row.base);
    } else if (row.created || write.deleted) {
        return write.deleted;  // made and gone again, or simply gone
    } else {
        // A row that goes with its parent in this transaction keeps its own writes: the parent may survive
        // elsewhere.
        const RowView now = row.hidden ? row.kept : row.now;
        if (!now) return false;
        write.inserted = row.inserted;
        if (row.written != nullptr) room();
        changed_columns(table, row, now, columns);
        if (!write.inserted && columns.count == 0) return false;
        set_image(table, now, now.data() == row.base.data(), arena, write);
    }
    write.columns = {columns.out, columns.count};
    return true;
}

}  // namespace

void fold(const SchemaPlans& plans, const Overlay& overlay, Arena& arena, WriteSet& out) {
    out.rows.clear();
    for (const Touched* row : overlay.rows()) {
        RowWrite write;
        if (fold_row(plans.table(row->table), *row, arena, write)) out.rows.push_back(write);
    }
}

}  // namespace anabranch::exec
