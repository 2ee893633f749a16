// From what a local transaction wrote to its delta: values become state. Additions become absolute totals,
// new rows get their incarnation, references the incarnation of their parent, deletes the causal context.
#include <algorithm>
#include <map>

#include "crdt/cell.h"
#include "crdt/database_impl.h"
#include "crdt/pending_state.h"
#include "lib/base/arena.h"
#include "lib/base/check.h"
#include "lib/sql/key.h"
#include "lib/sql/value.h"

namespace anabranch::crdt {

namespace {

using exec::RowWrite;
using Op = RowWrite::Op;

class LocalDelta {
  public:
    LocalDelta(Database::Impl& db, const exec::WriteSet& writes, Dot dot, Stamp stamp)
        : db_(db), writes_(writes), dot_(dot), stamp_(stamp) {}

    void row(const RowWrite& write, std::vector<RowDelta>& out) {
        const Table& table = table_of(write.table, write.key);
        const Subject subject = subject_of(table, write);
        if (write.row == nullptr) {
            if (!subject.live) return;  // made and deleted by this transaction
            RowDelta& delta = start(write, out);
            delta.remove = true;
            delta.incarnation = incarnation_of(subject.shown != nullptr ? *subject.shown : *subject.newest);
            if (table.shape().per_key) delta.deleted_at = stamp_;
        } else if (subject.creates) {
            create(table, write, subject, start(write, out));
        } else {
            RowDelta& delta = start(write, out);
            update(table, write, subject, delta);
            const bool says_nothing =
                !delta.add && delta.groups.empty() && delta.counters.empty() && delta.extremes.empty();
            if (says_nothing) out.pop_back();
        }
    }

  private:
    struct Subject {
        StoredRow* newest = nullptr;
        StoredRow* shown = nullptr;
        bool live = false;  // some insert of the key is alive, be it hidden
        bool creates =
            false;  // the transaction makes a row where none was shown, or a new one in an old one's place
    };
    Subject subject_of(const Table& table, const RowWrite& write) const {
        Subject out;
        out.newest = table.newest(write.key);
        for (StoredRow* row = out.newest; row != nullptr; row = row->older) {
            if (row->shown) out.shown = row;
            out.live = out.live || row->alive;
        }
        out.creates = write.row != nullptr && write.inserted &&
                      (write.created || write.deleted || out.shown == nullptr);
        return out;
    }
    const Table& table_of(TableId id, std::string_view key) const { return db_.shown_table(id, key); }
    RowDelta& start(const RowWrite& write, std::vector<RowDelta>& out) const {
        RowDelta& delta = out.emplace_back(db_.spare.row());
        delta.table = write.table;
        delta.key = write.key;
        return delta;
    }
    // Deletes, or hidden rows that make way, begin a new life: nothing of the old one may come back.
    Stamp birth(const Table& table, const Subject& subject) const {
        if (!table.shape().per_key || subject.live) return stamp_;
        return subject.newest == nullptr ? Stamp{} : deleted_at_of(*subject.newest, table.shape());
    }
    static const RowWrite::ColumnWrite* written(const RowWrite& write, std::uint32_t column) {
        const auto at =
            std::lower_bound(write.columns.begin(), write.columns.end(), column,
                             [](const RowWrite::ColumnWrite& w, std::uint32_t c) { return w.column < c; });
        return at != write.columns.end() && at->column == column ? &*at : nullptr;
    }

    void create(const Table& table, const RowWrite& write, const Subject& subject, RowDelta& out) {
        const TableShape& shape = table.shape();
        const exec::RowView image(write.row, &shape.layout);
        out.add = true;
        out.remove = subject.live;
        if (write.claims) out.claim = dot_;
        out.incarnation = birth(table, subject);
        if (shape.per_key) out.deleted_at = out.incarnation;
        out.groups.reserve(shape.groups.size());
        for (std::uint32_t g = 0; g < shape.groups.size(); ++g) group(shape, image, g, out);
        for (const std::uint32_t c : shape.counters) {
            const RowWrite::ColumnWrite* op = written(write, c);
            const sql::Datum value = image.get(c);
            const std::int64_t amount =
                op != nullptr && (op->op == Op::add || op->op == Op::initial) ? op->amount : 0;
            RowDelta::Counter& counter = out.counters.emplace_back();
            counter.column = c;
            counter.has_initial = op == nullptr || op->op != Op::add;
            if (counter.has_initial) {
                counter.initial_null = value.is_null();
                counter.initial = value.is_null() ? 0 : wrapping_subtract(value.as_integer(), amount);
            }
            counter.has_total = !counter.has_initial || amount != 0;
            counter.total = amount;
        }
        for (const std::uint32_t c : shape.extremes) out.extremes.push_back({c, to_cell(image.get(c))});
    }

    void update(const Table& table, const RowWrite& write, const Subject& subject, RowDelta& out) {
        const TableShape& shape = table.shape();
        CHECK_NOTE(subject.shown != nullptr, "a transaction wrote to a row that it cannot have seen");
        const exec::RowView image(write.row, &shape.layout);
        out.incarnation = incarnation_of(*subject.shown);
        if (write.inserted && shape.per_key) {
            out.add = out.remove = true;
            // A name of its own: in C++23 as GCC 12 has it, a loop does not keep the temporary alive.
            const Existence existence = existence_of(*subject.shown, shape);
            for (const LiveDot& live : existence.dots()) out.claim = std::max(out.claim, live.claim);
        }
        for (const RowWrite::ColumnWrite& op : write.columns) {
            switch (shape.merge(op.column)) {
                case catalog::Merge::immutable:
                case catalog::Merge::register_: {
                    const std::uint32_t number = shape.place[op.column];
                    const auto same = [&](const RowDelta::Group& g) { return g.group == number; };
                    if (std::none_of(out.groups.begin(), out.groups.end(), same))
                        group(shape, image, number, out);
                    break;
                }
                case catalog::Merge::counter:
                    count(shape, *subject.shown, image, op, out);
                    break;
                case catalog::Merge::max:
                case catalog::Merge::min:
                    out.extremes.push_back({op.column, to_cell(image.get(op.column))});
                    break;
            }
        }
        const auto by_group = [](const RowDelta::Group& a, const RowDelta::Group& b) {
            return a.group < b.group;
        };
        std::sort(out.groups.begin(), out.groups.end(), by_group);
        const auto by_key = [](const RowDelta::Reference& a, const RowDelta::Reference& b) {
            return a.foreign_key < b.foreign_key;
        };
        std::sort(out.references.begin(), out.references.end(), by_key);
    }

    // Any write to a counter is an addition, if need be of the difference; only NULL must be set.
    void count(const TableShape& shape, const StoredRow& row, exec::RowView image,
               const RowWrite::ColumnWrite& op, RowDelta& out) const {
        const std::uint32_t place = shape.place[op.column];
        const sql::Datum before = row.view(shape).get(op.column), after = image.get(op.column);
        RowDelta::Counter counter;
        counter.column = op.column;
        if (op.op != Op::add && before.is_null() != after.is_null()) {
            counter.has_initial = true;
            counter.initial_null = after.is_null();
            if (!after.is_null())
                counter.initial = wrapping_subtract(after.as_integer(), sum_of_totals(shape, row, place));
        } else {
            const std::int64_t amount = op.op == Op::add ? op.amount
                                        : after.is_null()
                                            ? 0
                                            : wrapping_subtract(after.as_integer(), before.as_integer());
            if (amount == 0) return;
            counter.has_total = true;
            counter.total = wrapping_add(total_of(row, shape, place, dot_.origin).total, amount);
        }
        out.counters.push_back(counter);
    }
    static std::int64_t sum_of_totals(const TableShape& shape, const StoredRow& row, std::uint32_t place) {
        RowState state;
        unpack(row, shape, state);
        return wrapping_subtract(state.payload.counters[place].value(),
                                 state.payload.counters[place].initial);
    }

    void group(const TableShape& shape, exec::RowView image, std::uint32_t number, RowDelta& out) {
        RowDelta::Group& group = out.groups.emplace_back(db_.spare.group());
        group.group = number;
        group.values.reserve(shape.groups[number].columns.size());
        for (const std::uint32_t c : shape.groups[number].columns)
            group.values.push_back(to_cell(image.get(c)));
        for (const std::uint32_t d : shape.groups[number].references)
            reference(shape, image, shape.derived[d], out);
    }

    // ---- Parents ----

    void reference(const TableShape& shape, exec::RowView image, const TableShape::Derived& derived,
                   RowDelta& out) {
        for (const std::uint32_t c : derived.columns) {
            if (image.get(c).is_null()) return;
        }
        const TableShape& parent = db_.shapes[derived.parent.value];
        RowDelta::Reference reference;
        reference.foreign_key = derived.foreign_key;
        key_.clear();
        if (derived.spelled) {
            for (const std::uint32_t c : derived.columns)
                sql::encode_key_part(key_, shape.type(c), image.get(c));
            if (!incarnation_at(parent.id, key_, reference.parent)) return;
        } else {
            if (!unique_value(shape, image, derived, parent)) return;
            if (!parent_by_value(parent, *shape.table, derived, reference)) return;
        }
        out.references.push_back(std::move(reference));
    }

    // The incarnation that a row of this key has when the transaction is done. False: there is none.
    bool incarnation_at(TableId id, std::string_view key, Stamp& incarnation) {
        const Table& table = table_of(id, key);
        if (const RowWrite* write = write_of(id, key)) {
            if (write->row == nullptr) return false;
            const Subject subject = subject_of(table, *write);
            incarnation = subject.creates ? birth(table, subject) : incarnation_of(*subject.shown);
            return true;
        }
        const StoredRow* row = table.shown(key);
        if (row != nullptr) incarnation = incarnation_of(*row);
        return row != nullptr;
    }

    // Puts a foreign key's value in key_, in the types of the unique key that it refers to.
    bool unique_value(const TableShape& shape, exec::RowView image, const TableShape::Derived& derived,
                      const TableShape& parent) {
        const catalog::ForeignKey& key = shape.table->foreign_keys[derived.foreign_key];
        for (const ColumnId wanted : parent.table->keys[key.parent_key].columns) {
            const auto at = std::find(key.parent_columns.begin(), key.parent_columns.end(), wanted);
            if (at == key.parent_columns.end()) return false;
            const std::uint32_t column =
                key.columns[static_cast<std::size_t>(at - key.parent_columns.begin())].value;
            const auto value =
                sql::cast(shape.type(column), parent.type(wanted.value), image.get(column), arena_);
            if (!value) return false;
            sql::encode_key_part(key_, parent.type(wanted.value), *value);
        }
        return true;
    }

    // The parent whose unique key is key_: one that this transaction writes, or one that it leaves alone.
    bool parent_by_value(const TableShape& shape, const catalog::Table& child,
                         const TableShape::Derived& derived, RowDelta::Reference& out) {
        const std::uint32_t number = child.foreign_keys[derived.foreign_key].parent_key;
        const auto value_of = [&](exec::RowView row, std::string& value) {
            for (const ColumnId c : shape.table->keys[number].columns)
                sql::encode_key_part(value, shape.type(c.value), row.get(c.value));
        };
        for (const RowWrite& write : writes_.rows) {
            if (write.table != shape.id || write.row == nullptr) continue;
            std::string value;
            value_of(exec::RowView(write.row, &shape.layout), value);
            if (value != key_) continue;
            out.key = write.key;
            return incarnation_at(shape.id, write.key, out.parent);
        }
        bool found = false;
        std::string end = key_;
        end.push_back('\0');
        const IndexRange range{{number}, key_, end};
        db_.visit_shown(shape.id, range, [&](const Table&, const StoredRow& stored) {
            const exec::RowView row = stored.view(shape);
            std::string primary;
            for (const ColumnId c : shape.table->keys[0].columns)
                sql::encode_key_part(primary, shape.type(c.value), row.get(c.value));
            if (write_of(shape.id, primary) != nullptr) return true;
            out.key = std::move(primary);
            found = incarnation_at(shape.id, out.key, out.parent);
            return false;
        });
        return found;
    }

    const RowWrite* write_of(TableId table, std::string_view key) {
        if (by_key_.empty()) {
            for (const RowWrite& write : writes_.rows)
                by_key_.emplace(std::pair(write.table, write.key), &write);
        }
        const auto at = by_key_.find({table, key});
        return at == by_key_.end() ? nullptr : at->second;
    }

    Database::Impl& db_;
    const exec::WriteSet& writes_;
    const Dot dot_;
    const Stamp stamp_;
    std::map<std::pair<TableId, std::string_view>, const RowWrite*> by_key_;
    std::string key_;
    Arena arena_;
};

// Without rows yet.
Delta delta_after(VersionVector past, const catalog::Schema& schema, Dot dot, Stamp stamp) {
    CHECK(stamp.origin == dot.origin);
    CHECK(past.get(dot.origin) + 1 == dot.seq);
    Delta out;
    out.dot = dot;
    out.dependencies = std::move(past);
    out.stamp = stamp;
    out.schema_hash = schema.hash;
    return out;
}

}  // namespace

RowDelta SpareParts::row() {
    if (rows_.empty()) return {};
    RowDelta out = std::move(rows_.back());
    rows_.pop_back();
    return out;
}

RowDelta::Group SpareParts::group() {
    if (groups_.empty()) return {};
    RowDelta::Group out = std::move(groups_.back());
    groups_.pop_back();
    return out;
}

void SpareParts::take_back(Delta&& delta) {
    for (RowDelta& row : delta.rows) {
        if (rows_.size() == rows_max) break;
        for (RowDelta::Group& group : row.groups) {
            if (groups_.size() == groups_max) break;
            group.values.clear();
            groups_.push_back(std::move(group));
        }
        RowDelta& kept = rows_.emplace_back();
        const auto keep = [](auto& to, auto& from) {
            from.clear();
            to = std::move(from);
        };
        keep(kept.key, row.key);
        keep(kept.groups, row.groups);
        keep(kept.counters, row.counters);
        keep(kept.extremes, row.extremes);
        keep(kept.references, row.references);
    }
    delta.rows.clear();
    if (delta.rows.capacity() <= rows_max) lists_ = std::move(delta.rows);
}

void Database::recycle(Delta&& delta) {
    impl_->spare.take_back(std::move(delta));
}

Delta Database::make_delta(const exec::WriteSet& writes, Dot dot, Stamp stamp) const {
    Delta out = delta_after(impl_->version, *impl_->schema, dot, stamp);
    out.rows = impl_->spare.rows();
    out.rows.reserve(writes.rows.size());
    LocalDelta local(*impl_, writes, dot, stamp);
    for (const RowWrite& write : writes.rows) local.row(write, out.rows);
    return out;
}

// Rows that no pending delta touches are as the base has them.
Delta PendingState::make_delta(const exec::WriteSet& writes, Dot dot, Stamp stamp) const {
    Delta out = delta_after(version(), *schema_, dot, stamp);
    out.rows.reserve(writes.rows.size());
    LocalDelta stored(*base_.impl_, writes, dot, stamp);
    LocalDelta ahead(empty() ? *base_.impl_ : *ahead_->impl_, writes, dot, stamp);
    for (const RowWrite& write : writes.rows) {
        (copied(write.table, write.key) ? ahead : stored).row(write, out.rows);
    }
    return out;
}

}  // namespace anabranch::crdt
