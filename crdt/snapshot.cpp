// State transfer: chunks of rows out of one replica and joined into another, for checkpoints and for peers
// that are far behind.
//
//   format u8 | schema hash u64 | forgotten u64 | table varint | from sized | next sized | last u8 | keys
//   varint | key* | checksum u64 key: bytes sized, versions varint, (image size varint, block sized)*
//
// A block is the stored row as it is (packed_row.h). What a chunk does not hold, of the keys that it covers,
// is gone at the source as far as the source's version reaches: that is the causal context of the join
// (Almeida et al. 2018, section 7.2).
#include <algorithm>

#include "crdt/cell.h"
#include "crdt/database_impl.h"
#include "lib/base/check.h"

namespace anabranch::crdt {

namespace {

constexpr std::uint8_t format = 2, format_that_never_forgot = 1;

struct ChunkVersion {
    std::uint32_t image_size = 0;
    BytesView block;
};

struct ChunkKey {
    BytesView key;
    std::vector<ChunkVersion> versions;
};

struct DecodedChunk {
    TableId table;
    std::uint64_t forgotten = 0;
    BytesView from, next;
    bool last = false;
    std::vector<ChunkKey> keys;  // ascending
};

Error malformed(std::string detail) {
    return Error::make(sqlstate::protocol_violation, "malformed chunk of a snapshot")
        .with_detail(std::move(detail));
}

Result<DecodedChunk> decode(BytesView bytes, const catalog::Schema& schema,
                            const std::vector<TableShape>& shapes) {
    if (bytes.size() < 8) return fail(malformed("it is shorter than a checksum"));
    const BytesView body = bytes.substr(0, bytes.size() - 8);
    ByteReader trailer(bytes.substr(body.size()));
    if (trailer.u64() != hash64(body)) return fail(malformed("its checksum is wrong"));
    ByteReader in(body);
    const std::uint8_t version = in.u8();
    if (version != format && version != format_that_never_forgot)
        return fail(malformed("it is not of format " + std::to_string(format)));
    if (in.u64() != schema.hash) return fail(malformed("it belongs to another schema"));
    DecodedChunk chunk;
    if (version == format) chunk.forgotten = in.u64();
    const std::uint64_t table = in.varint();
    if (table >= shapes.size()) return fail(malformed("it is of a table that the schema does not have"));
    chunk.table = {static_cast<std::uint32_t>(table)};
    chunk.from = in.sized();
    chunk.next = in.sized();
    chunk.last = in.u8() != 0;
    const TableShape& shape = shapes[table];
    for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) {
        ChunkKey& key = chunk.keys.emplace_back();
        key.key = in.sized();
        const bool covered =
            !key.key.empty() && key.key >= chunk.from && (chunk.last || key.key < chunk.next);
        if (!covered || (chunk.keys.size() > 1 && chunk.keys[chunk.keys.size() - 2].key >= key.key)) {
            return fail(malformed("its keys are out of order"));
        }
        for (std::uint64_t versions = in.varint(); versions > 0 && !in.failed(); --versions) {
            const std::uint64_t image_size = in.varint();
            const BytesView block = in.sized();
            if (in.failed() || image_size > UINT32_MAX ||
                !well_formed(block, static_cast<std::uint32_t>(image_size), shape)) {
                return fail(malformed("a row of it is not one of its table"));
            }
            key.versions.push_back({static_cast<std::uint32_t>(image_size), block});
        }
        if (key.versions.empty() || (shape.per_key && key.versions.size() > 1))
            return fail(malformed("a key has another number of rows"));
    }
    if (!in.complete()) return fail(malformed("it ends early or late"));
    return chunk;
}

class Import {
  public:
    Import(Database::Impl& db, Table& table, const VersionVector& source_version)
        : db_(db), table_(table), source_(source_version) {
        CHECK(db_.partial == nullptr);  // copies of rows would not hear of it
    }

    void join(const DecodedChunk& chunk) {
        for (const std::string& key : absent(chunk)) remove_seen(key);
        for (const ChunkKey& key : chunk.keys) {
            if (passed_over(key.key)) continue;
            if (table_.shape().per_key) {
                join_row(key.key, table_.newest(key.key), key.versions[0]);
            } else {
                join_inserts(key);
            }
        }
        db_.visibility.settle();
    }

    // The rows of the chunk take the place of those that are here.
    std::vector<std::string> install(const DecodedChunk& chunk) {
        std::vector<std::string> changed;
        for (const std::string& key : absent(chunk))
            if (remove_all(key, nullptr)) changed.push_back(key);
        for (const ChunkKey& key : chunk.keys)
            if (!passed_over(key.key) && install(key)) changed.emplace_back(key.key);
        db_.visibility.settle();
        return changed;
    }
    // True if what is live has changed. Without versions the source has no such row.
    bool install(const ChunkKey& key) {
        if (key.versions.empty()) return remove_all(key.key, nullptr);
        bool differs = !table_.shape().per_key && remove_all(key.key, &key);
        for (const ChunkVersion& theirs : key.versions) differs |= install_row(key.key, theirs);
        return differs;
    }

  private:
    bool passed_over(std::string_view key) const {
        return db_.restored.at != 0 && db_.restored.newer(table_.shape().id, key);
    }
    // All rows of a key, but for those that `kept` has, and what they leave behind. Whether one was alive.
    bool remove_all(std::string_view key, const ChunkKey* kept) {
        bool removed = false;
        for (StoredRow* row = table_.newest(key); row != nullptr;) {
            StoredRow* const older = row->older;
            if (kept == nullptr || !holds(*kept, incarnation_of(*row))) {
                removed |= row->alive;
                table_.state.reset(table_.shape(), table_.shape().per_key ? Stamp{} : incarnation_of(*row));
                db_.store(table_, key, row, table_.state);
            }
            row = older;
        }
        return removed;
    }
    bool install_row(std::string_view key, const ChunkVersion& theirs) {
        const TableShape& shape = table_.shape();
        unpack(theirs.block, theirs.image_size, shape, table_.state);
        db_.keep(shape, table_.state);
        StoredRow* const row =
            shape.per_key ? table_.newest(key) : table_.version(key, table_.state.payload.incarnation);
        if (row != nullptr && row->bytes() == theirs.block) return false;
        const bool counts = table_.state.existence.alive() || (row != nullptr && row->alive);
        note_stamps(table_.state);
        db_.store(table_, key, row, table_.state);
        return counts;
    }
    // The local keys that the chunk covers and does not hold.
    std::vector<std::string> absent(const DecodedChunk& chunk) const {
        std::vector<std::string> out;
        auto theirs = chunk.keys.begin();
        table_.visit_keys(chunk.from, [&](StoredRow* row) {
            const std::string_view key = row->key();
            if (!chunk.last && key >= chunk.next) return false;
            while (theirs != chunk.keys.end() && theirs->key < key) ++theirs;
            const bool here_only = theirs == chunk.keys.end() || theirs->key != key;
            if (here_only && !passed_over(key)) out.emplace_back(key);
            return true;
        });
        return out;
    }
    // The source has no row of this key: what it once had is deleted.
    void remove_seen(std::string_view key) {
        for (StoredRow* row = table_.newest(key); row != nullptr;) {
            StoredRow* const older = row->older;
            remove_seen(key, row);
            row = older;
        }
    }
    void remove_seen(std::string_view key, StoredRow* row) {
        unpack(*row, table_.shape(), table_.state);
        const Existence before = table_.state.existence;
        table_.state.existence.remove_seen(source_);
        if (table_.state.existence != before) db_.store(table_, key, row, table_.state);
    }
    void join_inserts(const ChunkKey& key) {
        for (StoredRow* row = table_.newest(key.key); row != nullptr;) {
            StoredRow* const older = row->older;
            if (!holds(key, incarnation_of(*row))) remove_seen(key.key, row);
            row = older;
        }
        for (const ChunkVersion& theirs : key.versions) {
            unpack(theirs.block, theirs.image_size, table_.shape(), table_.other);
            join_row(key.key, table_.version(key.key, table_.other.payload.incarnation), theirs);
        }
    }
    bool holds(const ChunkKey& key, Stamp incarnation) {
        for (const ChunkVersion& theirs : key.versions) {
            unpack(theirs.block, theirs.image_size, table_.shape(), table_.other);
            if (table_.other.payload.incarnation == incarnation) return true;
        }
        return false;
    }
    void join_row(std::string_view key, StoredRow* row, const ChunkVersion& theirs) {
        const TableShape& shape = table_.shape();
        RowState &state = table_.state, &other = table_.other;
        unpack(theirs.block, theirs.image_size, shape, other);
        note_stamps(other);
        db_.keep(shape, other);
        if (row != nullptr) {
            unpack(*row, shape, state);
            if (db_.crossing != Database::Crossing::no && shape.forgets()) choose_life();
            if (db_.sink != nullptr) report_losses(key);
        } else {
            state.reset(shape, other.payload.incarnation);
        }
        state.merge(other, db_.version, source_, shape);
        db_.store(table_, key, row, state);
    }
    // Both incarnations count as none, for one of the two replicas has forgotten what told them apart: they
    // may be of different lives. Where one side knows all that the other one's cells tell, it has what they
    // led to. Else either side has a write that the other does not know, and that is made to the newest life
    // of the row by whoever made it (README.md): they are of one life.
    void choose_life() {
        Payload &mine = table_.state.payload, &theirs = table_.other.payload;
        if (mine.incarnation != theirs.incarnation) return;
        if (knows(source_, mine))
            mine = theirs;
        else if (knows(db_.version, theirs))
            theirs = mine;
    }
    static bool knows(const VersionVector& version, const Payload& of) {
        const auto known = [&](const WriteStamp& written) {
            return written.seq == 0 || version.contains(written.dot());
        };
        const auto group = [&](const RegisterGroup& g) { return known(g.written); };
        const auto total = [&](const CounterTotal& t) { return version.contains({t.origin, t.seq}); };
        const auto counter = [&](const Counter& c) {
            return known(c.written) && std::all_of(c.totals.begin(), c.totals.end(), total);
        };
        return std::all_of(of.groups.begin(), of.groups.end(), group) &&
               std::all_of(of.counters.begin(), of.counters.end(), counter);
    }
    // Two writes of which neither side knew the other's.
    void report_losses(std::string_view key) {
        const Payload &mine = table_.state.payload, &theirs = table_.other.payload;
        if (mine.incarnation != theirs.incarnation) return;
        for (std::uint32_t g = 0; g < mine.groups.size(); ++g) {
            const WriteStamp &here = mine.groups[g].written, &there = theirs.groups[g].written;
            if (here == there || here.seq == 0 || there.seq == 0) continue;
            if (source_.contains(here.dot()) || db_.version.contains(there.dot())) continue;
            const bool wins = here > there;
            db_.report(table_, key, g, wins ? theirs.groups[g] : mine.groups[g],
                       wins ? mine.groups[g] : theirs.groups[g]);
        }
    }
    void note_stamps(const RowState& state) {
        db_.note_hlc(state.deleted_at.hlc);
        db_.note_hlc(state.payload.incarnation.hlc);
        for (const RegisterGroup& group : state.payload.groups) db_.note_hlc(group.written.stamp.hlc);
        for (const Counter& counter : state.payload.counters) db_.note_hlc(counter.written.stamp.hlc);
    }

    Database::Impl& db_;
    Table& table_;
    const VersionVector& source_;
};

}  // namespace

Database::Chunk Database::export_chunk(TableId table, std::string_view from_key, std::size_t bytes_max,
                                       std::string_view to) const {
    Bytes rows;
    ByteWriter out_rows(rows);
    std::uint64_t count = 0;
    Chunk chunk;
    chunk.last = true;
    impl_->visit_keys(table, from_key, [&](const StoredRow& row) {
        if (!to.empty() && row.key() >= to) return false;
        if (count > 0 && rows.size() >= bytes_max) {
            chunk.next_key = row.key();
            chunk.last = false;
            return false;
        }
        ++count;
        out_rows.sized(row.key());
        std::uint64_t versions = 0;
        for (const StoredRow* v = &row; v != nullptr; v = v->older) ++versions;
        out_rows.varint(versions);
        for (const StoredRow* v = &row; v != nullptr; v = v->older) {
            out_rows.varint(v->image_size);
            out_rows.sized(v->bytes());
        }
        return true;
    });
    if (chunk.last && !to.empty()) {
        chunk.next_key = to;
        chunk.last = false;
    }
    ByteWriter out(chunk.bytes);
    out.u8(format);
    out.u64(impl_->schema->hash);
    out.u64(impl_->forgotten);
    out.varint(table.value);
    out.sized(from_key);
    out.sized(chunk.next_key);
    out.u8(chunk.last ? 1 : 0);
    out.varint(count);
    out.raw(rows);
    out.u64(hash64(chunk.bytes));
    return chunk;
}

namespace {

void begin_import(Database::Impl& db, const DecodedChunk& chunk, const VersionVector& source_version) {
    db.importing = source_version;
    // What its source has forgotten is forgotten here from now on, lest stamps be compared with what is left
    // of them.
    using Crossing = Database::Crossing;
    if (chunk.forgotten > db.forgotten) {
        db.crossing = Crossing::behind;
        db.forget(chunk.forgotten);
    } else if (chunk.forgotten < db.forgotten && db.crossing == Crossing::no) {
        db.crossing = Crossing::ahead;
    }
}

}  // namespace

Result<void> Database::import_chunk(BytesView bytes, const VersionVector& source_version) {
    TRY(const DecodedChunk chunk, decode(bytes, *impl_->schema, impl_->shapes));
    begin_import(*impl_, chunk, source_version);
    Import(*impl_, impl_->table(chunk.table), source_version).join(chunk);
    return {};
}

Result<void> Database::reimport_chunk(BytesView bytes, const VersionVector& source_version) {
    TRY(const DecodedChunk chunk, decode(bytes, *impl_->schema, impl_->shapes));
    begin_import(*impl_, chunk, source_version);
    Import(*impl_, impl_->table(chunk.table), source_version).install(chunk);
    return {};
}

Result<void> Database::restore_chunk(BytesView bytes, const VersionVector& version, std::uint64_t position) {
    TRY(const DecodedChunk chunk, decode(bytes, *impl_->schema, impl_->shapes));
    impl_->importing = version;
    impl_->restored.add(chunk.table, chunk.from, position);
    Import(*impl_, impl_->table(chunk.table), version).join(chunk);
    return {};
}

std::uint64_t Database::forgotten_of(BytesView chunk) {
    ByteReader in(chunk);
    const std::uint8_t version = in.u8();
    in.u64();  // the schema's hash
    const std::uint64_t forgotten = in.u64();
    return version == format && !in.failed() ? forgotten : 0;
}

Database::Crossing Database::crossing() const {
    return impl_->crossing;
}

void Database::resume_import(const VersionVector& source_version, Crossing crossing) {
    impl_->importing = source_version;
    impl_->crossing = crossing;
}

Result<std::vector<std::string>> Database::replace(BytesView bytes) {
    TRY(const DecodedChunk chunk, decode(bytes, *impl_->schema, impl_->shapes));
    return Import(*impl_, impl_->table(chunk.table), impl_->version).install(chunk);
}

namespace {

// One row as another database of this process has it. It must not outlive the row.
ChunkKey row_of(const Database::Impl& from, TableId table, std::string_view key) {
    ChunkKey out{key, {}};
    const Table* in = from.shown_in(table, key);
    const StoredRow* row = in == nullptr ? nullptr : in->newest(key);
    for (; row != nullptr; row = row->older) out.versions.push_back({row->image_size, row->bytes()});
    return out;
}

// ... as a chunk that never was bytes; nor may it outlive `end`.
DecodedChunk chunk_of_row(const Database::Impl& from, TableId table, std::string_view key, std::string& end) {
    end = key;
    end.push_back('\0');  // the next string there is
    DecodedChunk chunk{table, from.forgotten, key, end, false, {}};
    ChunkKey row = row_of(from, table, key);
    if (!row.versions.empty()) chunk.keys.push_back(std::move(row));
    return chunk;
}

}  // namespace

void Database::replace_row(TableId table, std::string_view key, const Database& from) {
    Import(*impl_, impl_->table(table), impl_->version).install(row_of(*from.impl_, table, key));
    impl_->visibility.settle();
}

void Database::join_row(TableId table, std::string_view key, const Database& from) {
    std::string end;
    const DecodedChunk chunk = chunk_of_row(*from.impl_, table, key, end);
    Import(*impl_, impl_->table(table), from.impl_->version).join(chunk);
}

void Database::set_version(const VersionVector& version) {
    impl_->version.merge(version);
    impl_->importing = {};
    impl_->crossing = Crossing::no;
}

}  // namespace anabranch::crdt
