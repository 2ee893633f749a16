#include "crdt/database.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "crdt/cell.h"
#include "crdt/database_impl.h"
#include "crdt/delta_check.h"
#include "crdt/partial_merge.h"
#include "lib/base/check.h"
#include "lib/exec/index_keys.h"

namespace anabranch::crdt {

namespace {

class OwnKeys final : public IndexKeys {
  public:
    explicit OwnKeys(const catalog::SchemaPtr& schema) : keys_(schema) {}
    bool key(TableId table, exec::IndexId index, exec::RowView row, std::string& out) const override {
        return keys_.append(table, index, row, out);
    }

  private:
    exec::IndexKeys keys_;
};

bool any_evaluated(const std::vector<TableShape>& shapes) {
    return std::any_of(shapes.begin(), shapes.end(), [](const TableShape& shape) {
        return std::any_of(shape.indexes.begin(), shape.indexes.end(),
                           [](const TableShape::Index& index) { return index.evaluated; });
    });
}

}  // namespace

Database::Impl::Impl(catalog::SchemaPtr of, const IndexKeys* index_keys)
    : schema(std::move(of)),
      shapes(TableShape::of(*schema)),
      own_keys(index_keys == nullptr && any_evaluated(shapes) ? std::make_unique<OwnKeys>(schema) : nullptr),
      keys(index_keys != nullptr ? index_keys : own_keys.get()),
      tables(shapes, keys),
      visibility(tables) {}
Database::Impl::~Impl() = default;

// ---- Merging a delta ----

// The common case: nothing but counter totals of one row, each of which the row holds a former one of.
bool Database::Impl::raise(Table& table, const RowDelta& row, const Delta& delta) {
    if (row.add || row.remove || !row.groups.empty() || !row.extremes.empty() || row.counters.empty())
        return false;
    StoredRow* stored = table.newest(row.key);
    if (stored == nullptr || incarnation_of(*stored) != kept(table.shape(), row.incarnation)) return false;
    raises_.clear();
    for (const RowDelta::Counter& counter : row.counters) {
        if (counter.has_initial || !counter.has_total) return false;
        raises_.push_back(
            {table.shape().place[counter.column], {delta.dot.origin, delta.dot.seq, counter.total}});
    }
    if (!table.raise(*stored, raises_)) return false;
    if (watch != nullptr) watch->changed(table.shape().id, row.key);
    return true;
}

void Database::Impl::report(const Table& table, std::string_view key, std::uint32_t group,
                            const RegisterGroup& lost, const RegisterGroup& kept) const {
    const bool same =
        std::equal(lost.values.begin(), lost.values.end(), kept.values.begin(), kept.values.end(),
                   [](sql::Datum a, sql::Datum b) { return identical(a, b); });
    if (same) return;
    Overwrite loss;
    loss.table = table.shape().id;
    loss.key = key;
    loss.group = group;
    loss.lost = lost.written.stamp;
    loss.kept = kept.written.stamp;
    for (const sql::Datum value : lost.values) loss.lost_values.push_back(to_cell(value));
    for (const sql::Datum value : kept.values) loss.kept_values.push_back(to_cell(value));
    sink->overwritten(loss);
}

// Joins a delta's cells into table.state, which is of the same incarnation.
void Database::Impl::apply_cells(Table& table, const RowDelta& row, const Delta& delta, bool report_losses) {
    const TableShape& shape = table.shape();
    Payload& payload = table.state.payload;
    const WriteStamp at{delta.stamp, delta.dot.seq};
    for (const RowDelta::Group& group : row.groups) {
        RegisterGroup& held = payload.groups[group.group];
        written_.reset(group.values.size(), held.references.size());
        written_.written = at;
        std::transform(group.values.begin(), group.values.end(), written_.values.begin(), to_datum);
        for (const RowDelta::Reference& reference : row.references) {
            for (const std::uint32_t d : shape.groups[group.group].references) {
                if (shape.derived[d].foreign_key != reference.foreign_key) continue;
                written_.references[shape.derived[d].place] = {true, reference.parent, reference.key};
            }
        }
        // A greater stamp cannot have been known to a lesser one; a lesser one was known if it is in the
        // delta's past.
        const bool known = held.written.seq == 0 || held.written == at ||
                           (held.written < at && delta.dependencies.contains(held.written.dot()));
        if (report_losses && !known) {
            const bool wins = at > held.written;
            report(table, row.key, group.group, wins ? held : written_, wins ? written_ : held);
        }
        held.merge(std::move(written_));
    }
    for (const RowDelta::Counter& counter : row.counters) {
        Counter& held = payload.counters[shape.place[counter.column]];
        if (counter.has_initial) held.set_initial(at, counter.initial_null, counter.initial);
        if (counter.has_total) held.raise({delta.dot.origin, delta.dot.seq, counter.total});
    }
    for (const RowDelta::Extreme& extreme : row.extremes) {
        payload.extremes[shape.place[extreme.column]].merge(
            {to_datum(extreme.value)}, shape.merge(extreme.column), shape.type(extreme.column));
    }
}

void Database::Impl::apply_to_insert(Table& table, const RowDelta& row, const Delta& delta,
                                     bool report_losses) {
    const TableShape& shape = table.shape();
    if (row.remove) {
        for (StoredRow* stored = table.newest(row.key); stored != nullptr;) {
            StoredRow* const older = stored->older;
            const Existence existence = existence_of(*stored, shape);
            if (delta.dependencies.contains(existence.dots()[0].dot)) {
                table.state.reset(shape, incarnation_of(*stored));
                store(table, row.key, stored, table.state);
            }
            stored = older;
        }
    }
    StoredRow* stored = table.version(row.key, row.incarnation);
    if (stored != nullptr) {
        unpack(*stored, shape, table.state);
    } else if (row.add) {
        table.state.reset(shape, row.incarnation);
    } else {
        return;  // deleted since, and for good
    }
    if (row.add) table.state.existence.add({delta.dot, row.claim});
    apply_cells(table, row, delta, report_losses);
    store(table, row.key, stored, table.state);
}

namespace {

// All that a row is made of: what an insert says that made it where there was none.
bool complete(const RowDelta& row, const TableShape& shape) {
    return row.groups.size() == shape.groups.size() && row.counters.size() == shape.counters.size() &&
           row.extremes.size() == shape.extremes.size();
}

}  // namespace

void Database::Impl::apply_to_key(Table& table, const RowDelta& row, const Delta& delta, bool report_losses) {
    const TableShape& shape = table.shape();
    const Stamp incarnation = kept(shape, row.incarnation);
    StoredRow* stored = table.newest(row.key);
    RowState& state = table.state;
    if (stored != nullptr) {
        unpack(*stored, shape, state);
    } else {
        // A change of a row that is forgotten, by somebody who had not heard that it was deleted.
        if (row.add ? !complete(row, shape) : !row.remove) return;
        state.reset(shape, incarnation);
    }
    if (row.remove) state.existence.remove_seen(delta.dependencies);
    if (row.add) state.existence.add({delta.dot, row.claim});
    state.deleted_at = std::max(state.deleted_at, kept(shape, row.deleted_at));
    if (incarnation > state.payload.incarnation) state.payload.reset(shape, incarnation);
    if (incarnation == state.payload.incarnation) apply_cells(table, row, delta, report_losses);
    store(table, row.key, stored, state);
}

// Has the rows that the next parts of a delta are about on their way from memory.
void Database::Impl::prefetch(const std::vector<RowDelta>& rows, std::size_t first) const {
    const std::size_t end = std::min(first + rows_ahead, rows.size());
    std::string_view wanted[rows_ahead];
    for (std::size_t count = 0; first < end; ++first) {
        wanted[count++] = rows[first].key;
        const TableId id = rows[first].table;
        if (first + 1 < end && rows[first + 1].table == id) continue;
        if (const Table* in = filled(id)) in->prefetch({wanted, count});
        count = 0;
    }
}

void Database::Impl::apply(const RowDelta& row, const Delta& delta, bool report_losses) {
    Table& into = table(row.table);
    if (raise(into, row, delta)) return;
    if (into.shape().per_key) {
        apply_to_key(into, row, delta, report_losses);
    } else {
        apply_to_insert(into, row, delta, report_losses);
    }
}

void Database::Impl::apply(const Delta& delta, bool report_losses) {
    note_hlc(delta.stamp.hlc);
    if (delta.forget.until > forgotten) forget(delta.forget.until);
    for (std::size_t i = 0; i < delta.rows.size(); ++i) {
        if (i % rows_ahead == 0 && delta.rows.size() > 1) prefetch(delta.rows, i);
        const RowDelta& row = delta.rows[i];
        if (restored.at != 0 && restored.newer(row.table, row.key)) continue;
        if (partial != nullptr && partial->covers(row.table, row.key))
            partial->apply(row, delta, report_losses);
        else
            apply(row, delta, report_losses);
    }
    visibility.settle();
}

// ---- Forgetting ----

void Database::Impl::forget(std::uint64_t until) {
    forgotten = until;
    note_hlc(until);
    std::string key;
    tables.each([&](Table& table) {
        const std::size_t before = table.tombstones();
        for (StoredRow* row : table.stamped_until(until)) {
            key = row->key();
            unpack(*row, table.shape(), table.state);
            keep(table.shape(), table.state);
            store(table, key, row, table.state);
        }
        removed += before - table.tombstones();
    });
    visibility.settle();
}

// ---- Reading ----

bool Database::Impl::follows(const Delta& delta) const {
    return version.covers(delta.dependencies) && !importing.contains(delta.dot) &&
           crossing != Crossing::behind;
}

const Table* Database::Impl::shown_in(TableId id, std::string_view key) const {
    return partial != nullptr && partial->covers(id, key) ? std::as_const(*partial).copies(id) : filled(id);
}

const Table& Database::Impl::shown_table(TableId id, std::string_view key) {
    return partial != nullptr && partial->covers(id, key) ? partial->copies(id) : table(id);
}

void Database::Impl::visit_shown(TableId id, const IndexRange& range, RowFound found) const {
    const Table* const table = filled(id);
    if (table == nullptr) return;
    const auto own = [&](RowFound visit) {
        table->visit_shown(range.index, range.low, range.high, range.reverse,
                           [&](const StoredRow& row) { return visit(*table, row); });
    };
    if (partial == nullptr || !partial->covers(id)) return own(found);
    const auto covered = [&](std::string_view key) { return partial->covers(id, key); };
    visit_overlaid(own, partial->copies(id), covered, range, found);
}

void Database::Impl::visit_keys(TableId id, std::string_view low,
                                FunctionRef<bool(const StoredRow&)> found) const {
    const Table* const table = filled(id);
    if (table == nullptr) return;
    if (partial == nullptr || !partial->covers(id))
        return table->visit_keys(low, [&](StoredRow* row) { return found(*row); });
    const auto covered = [&](std::string_view key) { return partial->covers(id, key); };
    visit_keys_overlaid(*table, partial->copies(id), covered, low, found);
}

void Database::Impl::visit_contested(TableId id, RowFound found) const {
    const Table* const table = filled(id);
    if (table == nullptr) return;
    bool wanted = true;
    table->visit_contested([&](const StoredRow& row) {
        const bool copied = partial != nullptr && partial->covers(id, row.key());
        return copied || (wanted = found(*table, row));
    });
    const Table* const copies = partial == nullptr ? nullptr : std::as_const(*partial).copies(id);
    if (wanted && copies != nullptr)
        copies->visit_contested([&](const StoredRow& row) { return found(*copies, row); });
}

void Restored::add(TableId table, BytesView from, std::uint64_t position) {
    if (tables_.size() <= table.value) tables_.resize(table.value + 1);
    tables_[table.value].push_back({std::string(from), position});
}

bool Restored::newer(TableId table, std::string_view key) const {
    if (tables_.size() <= table.value) return false;
    const auto& chunks = tables_[table.value];
    const auto next = std::upper_bound(chunks.begin(), chunks.end(), key,
                                       [](std::string_view k, const Chunk& chunk) { return k < chunk.from; });
    return next != chunks.begin() && std::prev(next)->position >= at;
}

// ---- Database ----

Database::Database(catalog::SchemaPtr schema, const IndexKeys* index_keys)
    : impl_(std::make_unique<Impl>(std::move(schema), index_keys)) {}
Database::~Database() = default;

const catalog::Schema& Database::schema() const {
    return *impl_->schema;
}

const VersionVector& Database::version() const {
    return impl_->version;
}

namespace {

Result<void> checked(const Delta& delta, const char* wrong) {
    if (wrong == nullptr) return {};
    return fail(Error::make(sqlstate::protocol_violation,
                            "a delta of replica " + hex(delta.dot.origin.value) + " cannot be merged")
                    .with_detail(std::string("Delta ") + std::to_string(delta.dot.seq) + ": " + wrong + ".")
                    .with_hint("Run the same schema file and the same program at every node."));
}

}  // namespace

Result<void> Database::check(const Delta& delta) const {
    return checked(delta, misfit(delta, *impl_->schema, impl_->shapes));
}

Result<void> Database::check(const Delta& head, const RowDelta& row) const {
    return checked(head, misfit(row, head, impl_->shapes));
}

Database::Merged Database::merge(const Delta& delta) {
    Impl& impl = *impl_;
    if (misfit(delta, *impl.schema, impl.shapes) != nullptr) return Merged::refused;
    if (impl.version.contains(delta.dot)) return Merged::duplicate;
    if (!impl.follows(delta) || !apart(delta)) return Merged::premature;
    impl.apply(delta, impl.sink != nullptr);
    impl.version.set(delta.dot.origin, delta.dot.seq);
    return Merged::applied;
}

bool Database::follows(const Delta& delta) const {
    return !impl_->version.contains(delta.dot) && impl_->follows(delta);
}

void Database::begin_merge(const Delta& head, const DeltaRows& rows) {
    Impl& impl = *impl_;
    CHECK(impl.partial == nullptr && follows(head) && head.forget.until == 0);
    impl.partial = std::make_unique<PartialMerge>(impl, head, rows);
}

bool Database::merging() const {
    return impl_->partial != nullptr;
}

bool Database::apart(const Delta& delta) const {
    return impl_->partial == nullptr ||
           (impl_->partial->head().dot != delta.dot && impl_->partial->apart(delta));
}

bool Database::merge_slice(std::size_t rows_max) {
    Impl& impl = *impl_;
    if (!impl.partial->slice(rows_max)) return false;
    impl.withering = std::move(impl.partial);
    const Dot dot = impl.withering->head().dot;
    impl.version.set(dot.origin, dot.seq);
    if (impl.watch != nullptr) impl.withering->tell(*impl.watch);
    return true;
}

bool Database::clear_slice(std::size_t rows_max) {
    if (impl_->withering != nullptr && !impl_->withering->wither(rows_max)) impl_->withering.reset();
    return impl_->withering == nullptr;
}

void Database::remerge(const Delta& delta) {
    CHECK(misfit(delta, *impl_->schema, impl_->shapes) == nullptr);
    impl_->apply(delta, false);
}

void Database::set_overwrite_sink(OverwriteSink* sink) {
    impl_->sink = sink;
}

void Database::set_watch(Watch* watch) {
    impl_->watch = watch;
}

std::size_t Database::tombstones() const {
    std::size_t total = 0;
    impl_->tables.each([&](const Table& table) { total += table.tombstones(); });
    return total;
}

std::uint64_t Database::removed() const {
    return impl_->removed;
}

std::uint64_t Database::forgotten() const {
    return impl_->forgotten;
}

void Database::set_forgotten(std::uint64_t hlc) {
    impl_->forgotten = hlc;
    impl_->note_hlc(hlc);
}

std::uint64_t Database::forgettable(std::size_t rows_max) const {
    std::uint64_t newest = 0, bound = UINT64_MAX;
    bool any = false;
    impl_->tables.each([&](const Table& table) {
        if (!table.shape().forgets()) return;
        any = any || table.tombstones() > 0;
        const std::uint64_t time = table.stamped_time(rows_max);
        newest = std::max(newest, time);
        if (table.stamped_count() > rows_max) bound = std::min(bound, time);
    });
    return any ? std::min(newest, bound) : 0;
}

bool Database::forgets() const {
    return std::any_of(impl_->shapes.begin(), impl_->shapes.end(),
                       [](const TableShape& shape) { return shape.forgets(); });
}

void Database::replay_at(std::uint64_t position) {
    if (position == 0) impl_->restored = {};
    impl_->restored.at = position;
}

Database::Digest Database::digest(TableId table) const {
    const Table* in = impl_->filled(table);
    Digest out = in == nullptr ? Digest{} : in->digest();
    if (impl_->partial == nullptr) return out;
    const Digest excess = impl_->partial->excess(table);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] -= excess[i];
    return out;
}

std::size_t Database::memory_bytes() const {
    std::size_t total = 0;
    impl_->tables.each([&](const Table& table) { total += table.memory(); });
    if (impl_->partial != nullptr) total += impl_->partial->memory();
    return total;
}

std::uint64_t Database::greatest_hlc() const {
    return impl_->greatest_hlc;
}

void Database::self_check() const {
    impl_->tables.each([](const Table& table) { table.check(); });
    impl_->visibility.check();
}

// ---- exec::Store ----

exec::RowView Database::find(TableId table, std::string_view primary_key) const {
    const Table* in = impl_->shown_in(table, primary_key);
    const StoredRow* row = in == nullptr ? nullptr : in->shown(primary_key);
    return row == nullptr ? exec::RowView{} : row->view(in->shape());
}

void Database::expect(TableId table, std::span<const std::string_view> primary_keys) const {
    if (const Table* in = impl_->filled(table)) in->prefetch(primary_keys);
}

void Database::scan(TableId table, exec::RowVisitor visit) const {
    scan_index(table, {0}, {}, {}, false, visit);
}

void Database::scan_index(TableId table, exec::IndexId index, std::string_view low, std::string_view high,
                          bool reverse, exec::RowVisitor visit) const {
    impl_->visit_shown(table, {index, low, high, reverse},
                       [&](const Table& in, const StoredRow& row) { return visit(row.view(in.shape())); });
}

std::size_t Database::row_count(TableId table) const {
    const Table* in = impl_->filled(table);
    return in == nullptr ? 0 : in->row_count();
}

void Database::duplicate_claims(TableId table, exec::RowVisitor visit) const {
    impl_->visit_contested(
        table, [&](const Table& in, const StoredRow& row) { return visit(row.view(in.shape())); });
}

}  // namespace anabranch::crdt
