#include "crdt/table.h"

#include <algorithm>

#include "crdt/database.h"
#include "lib/base/check.h"
#include "lib/sql/key.h"

namespace anabranch::crdt {

namespace {

// A small table is one hash set; a large one many, so that growing one of them is no pause anybody notices.
constexpr std::size_t shard_count_max = 256;
constexpr std::size_t rows_in_one_shard_max = 16 * 1024;

void append_stamp(std::string& out, Stamp stamp) {
    ByteWriter writer(out);
    writer.u64(stamp.hlc);
    writer.u64(stamp.origin.value);
}

}  // namespace

Table::Table(const TableShape& shape, const IndexKeys* index_keys)
    : shape_(shape),
      index_keys_(index_keys),
      shards_(1),
      trees_(shape.indexes.size()),
      references_(shape.derived.size()) {
    trees_[0].active = true;
}

namespace {

void destroy_rows(const RowSet& rows) {
    rows.each([](StoredRow* row) {
        while (row != nullptr) {
            StoredRow* older = row->older;
            StoredRow::destroy(row);
            row = older;
        }
    });
}

}  // namespace

Table::~Table() {
    for (const RowSet& shard : shards_) destroy_rows(shard);
}

bool Table::wither(std::size_t rows) {
    for (std::size_t gone = 0; !shards_.empty() && gone < rows; shards_.pop_back()) {
        gone += shards_.back().size();
        destroy_rows(shards_.back());
    }
    return !shards_.empty();
}

// The set itself finds its line by the top bits of the hash and tells its rows apart by the low byte: the
// shard is taken from the middle.
const RowSet& Table::shard_of(std::uint64_t hash) const {
    return shards_[hash >> 32 & (shards_.size() - 1)];
}

RowSet& Table::shard_of(std::uint64_t hash) {
    return shards_[hash >> 32 & (shards_.size() - 1)];
}

StoredRow* Table::newest(std::string_view key) const {
    const std::uint64_t hash = hash64(key);
    return shard_of(hash).find(key, hash);
}

void Table::prefetch(std::span<const std::string_view> keys) const {
    constexpr std::size_t at_once = 16;
    std::uint64_t hashes[at_once];
    for (; !keys.empty(); keys = keys.subspan(std::min(at_once, keys.size()))) {
        const std::size_t count = std::min(at_once, keys.size());
        for (std::size_t i = 0; i < count; ++i) {
            hashes[i] = hash64(keys[i]);
            shard_of(hashes[i]).prefetch_line(hashes[i]);
        }
        for (std::size_t i = 0; i < count; ++i) shard_of(hashes[i]).prefetch_row(hashes[i]);
    }
}

StoredRow* Table::first_of(StoredRow& row) const {
    return row.first ? &row : newest(row.key());
}

StoredRow* Table::version(std::string_view key, Stamp incarnation) const {
    StoredRow* row = newest(key);
    while (row != nullptr && incarnation_of(*row) != incarnation) row = row->older;
    return row;
}

StoredRow* Table::shown(std::string_view key) const {
    StoredRow* row = newest(key);
    while (row != nullptr && !row->shown) row = row->older;
    return row;
}

// ---- Rows ----

void Table::spread_shards() {
    std::vector<RowSet> old(shard_count_max);
    old.swap(shards_);
    for (RowSet& shard : shards_) shard.reserve(2 * rows_in_one_shard_max / shard_count_max);
    old[0].each([&](StoredRow* row) { shard_of(row->hash).insert(row); });
}

void Table::set_newest(StoredRow* old, StoredRow* now) {
    RowSet& rows = shard_of(old->hash);
    CHECK(rows.erase(old));
    if (now != nullptr) {
        rows.insert(now);
        CHECK(trees_[0].index.replace(old->key(), now));
    } else {
        CHECK(trees_[0].index.erase(old->key()));
        --key_count_;
    }
}

void Table::link(StoredRow* row, Stamp incarnation) {
    StoredRow* first = newest(row->key());
    if (first == nullptr) {
        if (shards_.size() == 1 && key_count_ >= rows_in_one_shard_max) spread_shards();
        shard_of(row->hash).insert(row);
        trees_[0].index.insert(row->key(), row->key_size, row);
        ++key_count_;
    } else if (incarnation_of(*first) < incarnation) {
        row->older = first;
        first->first = false;
        set_newest(first, row);
    } else {
        row->first = false;
        while (first->older != nullptr && incarnation < incarnation_of(*first->older)) first = first->older;
        row->older = first->older;
        first->older = row;
    }
}

void Table::unlink(StoredRow* row) {
    StoredRow* first = first_of(*row);
    if (first == row) {
        if (row->older != nullptr) row->older->first = true;
        set_newest(row, row->older);
    } else {
        while (first->older != row) first = first->older;
        first->older = row->older;
    }
}

// Nothing can bring it back: its deletes need not be told from one another any more.
bool Table::leaves_nothing(const RowState& of) const {
    if (of.existence.alive()) return false;
    return !shape_.per_key || (of.payload.incarnation == Stamp{} && of.deleted_at == Stamp{});
}

bool Table::store(std::string_view key, StoredRow* row, const RowState& to) {
    pack(to, shape_, buffer);
    const bool gone = leaves_nothing(to);
    bool relevant = false;
    if (row == nullptr) {
        if (gone) return false;
        // With room for a first total of each counter: rows of such tables are there to be added to.
        row = StoredRow::make(key, hash64(key), buffer.bytes.size() + total_bytes * shape_.counters.size());
        install(buffer, *row);
        link(row, to.payload.incarnation);
        relevant = true;
    } else {
        if (row->alive) digest_.subtract(row->hash, row->bytes());
        note_past(*row, false);
        row_bytes_ -= row->memory();
        relevant = row->alive != buffer.alive || incarnation_of(*row) != to.payload.incarnation;
        if (row->shown && buffer.alive) {
            reindex_row(*row, exec::RowView(buffer.bytes.data(), &shape_.layout, row->nulled));
        } else if (row->shown) {
            unshow(*row);
        }
        if (!shape_.derived.empty()) referred_by(*row, referred_before_);
        install(buffer, *row);
        if (!row->alive) {
            row->hidden = false;
            row->nulled = 0;
        }
    }
    if (row->alive) digest_.add(row->hash, row->bytes());
    row_bytes_ += row->memory();
    if (!shape_.derived.empty() && update_references(*row)) relevant = true;
    referred_before_.clear();
    if (!gone) note_past(*row, true);
    if (gone) {
        row_bytes_ -= row->memory();
        unlink(row);
        StoredRow* const left = newest(row->key());
        show_first_visible(left);
        note_contested(left, row->key());
        StoredRow::destroy(row);
    } else {
        StoredRow* const first = first_of(*row);
        show_first_visible(first);
        note_contested(first, row->key());
    }
    return relevant;
}

bool Table::raise(StoredRow& row, std::span<const Raise> raises) {
    for (const Raise& raise : raises) {
        if (!has_total(row, shape_, raise.counter, raise.to.origin)) return false;
        const std::uint32_t column = shape_.counters[raise.counter];
        for (std::size_t i = 1; i < trees_.size(); ++i) {
            if (!trees_[i].active) continue;
            const auto& index = shape_.indexes[i];
            if (index.evaluated) return false;
            for (const std::uint32_t c : index.columns) {
                if (c == column) return false;
            }
        }
    }
    if (row.alive) digest_.subtract(row.hash, row.bytes());
    for (const Raise& raise : raises) raise_total(row, shape_, raise.counter, raise.to);
    if (row.alive) digest_.add(row.hash, row.bytes());
    return true;
}

void Table::copy(std::string_view key, const Table& from) {
    for (const StoredRow* row = from.newest(key); row != nullptr; row = row->older) {
        StoredRow* const own = StoredRow::make(key, row->hash, row->bytes().size());
        buffer.bytes = row->bytes();
        buffer.image_size = row->image_size;
        buffer.alive = row->alive;
        install(buffer, *own);
        own->hidden = row->hidden;
        own->nulled = row->nulled;
        link(own, incarnation_of(*own));
        if (own->alive) digest_.add(own->hash, own->bytes());
        row_bytes_ += own->memory();
        note_past(*own, true);
    }
    StoredRow* const first = newest(key);
    show_first_visible(first);
    note_contested(first, key);
}

void Table::unshow(StoredRow& row) {
    unindex_row(row);
    row.shown = false;
    --shown_count_;
}

void Table::refresh_shown(StoredRow& row) {
    show_first_visible(first_of(row));
}

void Table::show_first_visible(StoredRow* const first) {
    StoredRow* wanted = first;
    while (wanted != nullptr && !wanted->visible()) wanted = wanted->older;
    for (StoredRow* row = first; row != nullptr; row = row->older) {
        if (row->shown && row != wanted) unshow(*row);
    }
    if (wanted != nullptr && !wanted->shown) {
        wanted->shown = true;
        ++shown_count_;
        index_row(*wanted);
    }
}

void Table::set_nulled(StoredRow& row, std::uint64_t nulled) {
    if (row.nulled == nulled) return;
    if (row.shown) reindex_row(row, exec::RowView(row.block, &shape_.layout, nulled));
    row.nulled = nulled;
}

void Table::note_contested(const StoredRow* first, std::string_view key) {
    const bool several = first != nullptr && (first->older != nullptr || contested(*first, shape_));
    if (several) {
        contested_.emplace(key);
    } else if (!contested_.empty()) {
        const auto at = contested_.find(key);
        if (at != contested_.end()) contested_.erase(at);
    }
}

std::uint64_t Table::oldest_stamp(const StoredRow& row) const {
    const std::uint64_t born = incarnation_of(row).hlc, deleted = deleted_at_of(row, shape_).hlc;
    return born == 0 ? deleted : deleted == 0 ? born : std::min(born, deleted);
}

void Table::note_past(StoredRow& row, bool kept) {
    if (!shape_.per_key) return;
    if (!row.alive) tombstones_ += kept ? 1 : std::size_t(-1);
    const std::uint64_t time = shape_.forgets() ? oldest_stamp(row) : 0;
    if (time == 0) return;
    if (kept) {
        stamped_.emplace(time, &row);
    } else {
        CHECK(stamped_.erase({time, &row}) == 1);
    }
}

std::vector<StoredRow*> Table::stamped_until(std::uint64_t hlc) const {
    std::vector<StoredRow*> out;
    for (auto at = stamped_.begin(); at != stamped_.end() && at->first <= hlc; ++at)
        out.push_back(at->second);
    return out;
}

std::uint64_t Table::stamped_time(std::size_t rows_max) const {
    if (stamped_.empty()) return 0;
    if (stamped_.size() <= rows_max) return stamped_.rbegin()->first;
    return std::next(stamped_.begin(), static_cast<std::ptrdiff_t>(rows_max))->first;
}

// ---- Indexes ----

bool Table::tree_key(std::uint32_t index, exec::RowView row, std::string_view primary_key, std::string& out,
                     std::size_t& key_size) const {
    const TableShape::Index& shape = shape_.indexes[index];
    out.clear();
    if (shape.evaluated && index_keys_ != nullptr) {
        if (!index_keys_->key(shape_.id, {index}, row, out)) return false;
    } else if (shape.columns.empty()) {
        return false;
    } else {
        for (const std::uint32_t c : shape.columns) sql::encode_key_part(out, shape_.type(c), row.get(c));
    }
    key_size = out.size();
    out += primary_key;
    return true;
}

bool Table::same_columns(std::uint32_t index, exec::RowView a, exec::RowView b) const {
    if (shape_.indexes[index].evaluated) return false;
    for (const std::uint32_t c : shape_.indexes[index].columns) {
        if (!identical(a.get(c), b.get(c))) return false;
    }
    return true;
}

void Table::index_row(const StoredRow& row) {
    std::size_t key_size = 0;
    for (std::uint32_t i = 1; i < trees_.size(); ++i) {
        if (!trees_[i].active || !tree_key(i, row.view(shape_), row.key(), key_buffer_, key_size)) continue;
        trees_[i].index.insert(key_buffer_, key_size, const_cast<StoredRow*>(&row));
    }
}

void Table::unindex_row(const StoredRow& row) {
    std::size_t key_size = 0;
    for (std::uint32_t i = 1; i < trees_.size(); ++i) {
        if (!trees_[i].active || !tree_key(i, row.view(shape_), row.key(), key_buffer_, key_size)) continue;
        CHECK(trees_[i].index.erase(key_buffer_));
    }
}

void Table::reindex_row(const StoredRow& row, exec::RowView fresh) {
    for (std::uint32_t i = 1; i < trees_.size(); ++i) {
        if (!trees_[i].active || same_columns(i, row.view(shape_), fresh)) continue;
        std::size_t old_size = 0, fresh_size = 0;
        const bool was = tree_key(i, row.view(shape_), row.key(), key_buffer_, old_size);
        const bool is = tree_key(i, fresh, row.key(), fresh_buffer_, fresh_size);
        if (was && is && key_buffer_ == fresh_buffer_) continue;
        if (was) CHECK(trees_[i].index.erase(key_buffer_));
        if (is) trees_[i].index.insert(fresh_buffer_, fresh_size, const_cast<StoredRow*>(&row));
    }
}

Table::Tree& Table::active_tree(std::uint32_t index) const {
    const std::uint32_t number = shape_.indexes[index].same_as;
    Tree& tree = trees_[number];
    if (tree.active) return tree;
    tree.active = true;
    trees_[0].index.visit({}, {}, false, [&](StoredRow* row) {
        while (row != nullptr && !row->shown) row = row->older;
        std::size_t key_size = 0;
        if (row != nullptr && tree_key(number, row->view(shape_), row->key(), key_buffer_, key_size)) {
            tree.index.insert(key_buffer_, key_size, row);
        }
        return true;
    });
    return tree;
}

void Table::visit_shown(exec::IndexId index, std::string_view low, std::string_view high, bool reverse,
                        FunctionRef<bool(const StoredRow&)> visit) const {
    CHECK(index.value < trees_.size());
    active_tree(index.value).index.visit(low, high, reverse, [&](StoredRow* row) {
        while (row != nullptr && !row->shown) row = row->older;
        return row == nullptr || visit(*row);
    });
}

std::string Table::entry_key(exec::IndexId index, const StoredRow& row) const {
    const std::uint32_t number = shape_.indexes[index.value].same_as;
    std::string out(row.key());
    std::size_t size = 0;
    if (number != 0) CHECK(tree_key(number, row.view(shape_), row.key(), out, size));
    return out;
}

std::size_t Table::tie_size(exec::IndexId index, const StoredRow& row) const {
    return shape_.indexes[index.value].same_as == 0 ? 0 : row.key_size;
}

void Table::visit_keys(std::string_view low, FunctionRef<bool(StoredRow*)> visit) const {
    trees_[0].index.visit(low, {}, false, visit);
}

void Table::visit_contested(FunctionRef<bool(const StoredRow&)> visit) const {
    for (const std::string& key : contested_) {
        std::vector<LiveDot> dots;
        const StoredRow* first = nullptr;
        for (const StoredRow* row = newest(key); row != nullptr; row = row->older) {
            if (!row->visible()) continue;
            if (first == nullptr) first = row;
            const Existence existence = existence_of(*row, shape_);
            dots.insert(dots.end(), existence.dots().begin(), existence.dots().end());
        }
        if (contested(dots) && !visit(*first)) return;
    }
}

// ---- References ----

bool Table::parent_of(const StoredRow& row, std::uint32_t derived, std::string& key,
                      Stamp& incarnation) const {
    const ParentReference reference = reference_of(row, shape_, derived);
    if (!reference.set) return false;
    incarnation = reference.incarnation;
    if (!reference.key.empty()) {
        key = reference.key;
        return true;
    }
    key.clear();
    const exec::RowView image(row.block, &shape_.layout);
    for (const std::uint32_t c : shape_.derived[derived].columns)
        sql::encode_key_part(key, shape_.type(c), image.get(c));
    return true;
}

void Table::referred_by(const StoredRow& row, std::vector<Referred>& out) const {
    out.resize(shape_.derived.size());
    for (std::uint32_t d = 0; d < out.size(); ++d) {
        Referred& referred = out[d];
        referred = {};
        if (!row.alive || !parent_of(row, d, referred.key, referred.incarnation)) continue;
        referred.key_size = referred.key.size();
        referred.key += row.key();
        // Two live inserts of one key may have the same parent.
        if (!shape_.per_key) append_stamp(referred.key, incarnation_of(row));
    }
}

bool Table::update_references(StoredRow& row) {
    referred_before_.resize(shape_.derived.size());
    referred_by(row, referred_after_);
    if (referred_before_ == referred_after_) return false;
    for (std::size_t d = 0; d < references_.size(); ++d) {
        const Referred &before = referred_before_[d], &after = referred_after_[d];
        if (before.key == after.key) continue;
        if (!before.key.empty()) CHECK(references_[d].erase(before.key));
        if (!after.key.empty()) references_[d].insert(after.key, after.key_size, &row);
    }
    return true;
}

void Table::visit_children(std::uint32_t derived, std::string_view parent_key,
                           FunctionRef<bool(StoredRow*)> visit) const {
    std::string end(parent_key);
    end.push_back('\0');  // the next string there is
    references_[derived].visit(parent_key, end, false, visit);
}

// ---- Accounts ----

std::size_t Table::memory() const {
    std::size_t total = row_bytes_;
    for (const RowSet& shard : shards_) total += sizeof(RowSet) + shard.memory();
    for (const Tree& tree : trees_) total += tree.index.memory();
    for (const OrderedIndex& tree : references_) total += tree.memory();
    constexpr std::size_t node_bytes = 64;
    return total + stamped_.size() * node_bytes;
}

void Table::check() const {
    std::size_t keys = 0, keys_in_sets = 0, shown = 0, live = 0, dead = 0, stamped = 0;
    DigestSum digest;
    for (const RowSet& shard : shards_) {
        keys_in_sets += shard.size();
        shard.each([&](const StoredRow* row) {
            CHECK(&shard_of(row->hash) == &shard && shard.find(row->key(), row->hash) == row);
            ++keys;
            std::size_t shown_here = 0;
            bool visible = false;
            CHECK(row->first && row->hash == hash64(row->key()));
            for (; row != nullptr; row = row->older) {
                CHECK(row->alive || shape_.per_key);
                CHECK(!row->shown || row->visible());
                CHECK(row->alive == existence_of(*row, shape_).alive());
                CHECK(row->older == nullptr ||
                      (!row->older->first && incarnation_of(*row->older) < incarnation_of(*row)));
                shown_here += row->shown;
                visible = visible || row->visible();
                if (row->alive) digest.add(row->hash, row->bytes());
                live += row->alive;
                dead += !row->alive;
                if (!shape_.forgets() || oldest_stamp(*row) == 0) continue;
                ++stamped;
                CHECK(stamped_.contains({oldest_stamp(*row), const_cast<StoredRow*>(row)}));
            }
            CHECK(shown_here == (visible ? 1 : 0));
            shown += shown_here;
        });
    }
    CHECK(keys == key_count_ && keys == keys_in_sets && trees_[0].index.size() == keys);
    CHECK(shown == shown_count_);
    CHECK(dead == tombstones_ && stamped == stamped_.size());
    CHECK(digest.value() == digest_.value());
    for (const Tree& tree : trees_) {
        tree.index.check();
        CHECK(tree.index.size() <= keys);
    }
    for (const OrderedIndex& tree : references_) {
        tree.check();
        CHECK(tree.size() <= live);
    }
}

}  // namespace anabranch::crdt
