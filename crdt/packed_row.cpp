#include "crdt/packed_row.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "lib/base/check.h"

namespace anabranch::crdt {

namespace {

enum Flags : std::uint32_t {
    flag_base_dot = 1,    // the one dot is the base stamp's
    flag_base_claim = 2,  // ... and a plain INSERT
};

struct Head {
    Stamp incarnation;
    WriteStamp base;
    std::uint32_t dots = 0, stamps = 0, totals = 0, flags = 0;
};
static_assert(sizeof(Head) == 56 && std::is_trivially_copyable_v<Head>);

struct PackedParent {
    Stamp incarnation;
    std::uint64_t state = 0;  // 0: none; else 1 + size of the parent's key in the tail
};
// Stamps are numbered: the register groups', then the counters' initial values'.
struct PackedStamp {
    std::uint64_t number = 0;
    WriteStamp written;
};
struct PackedTotal {
    std::uint64_t counter = 0;
    CounterTotal total;
};
static_assert(sizeof(LiveDot) == 32 && sizeof(PackedStamp) == 32 && sizeof(PackedTotal) == 32 &&
              sizeof(PackedParent) == 24);

template <typename T>
T load(const char* at) {
    T out;
    std::memcpy(&out, at, sizeof out);
    return out;
}
template <typename T>
char* store(char* at, const T& value) {
    std::memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

constexpr std::size_t round_up(std::size_t size, std::size_t to) {
    return (size + to - 1) / to * to;
}
std::size_t null_words(const TableShape& shape) {
    return (shape.counters.size() + 63) / 64;
}

// Where the parts of a row's metadata begin.
struct Meta {
    Meta(const char* block, std::uint32_t image_size, const TableShape& shape)
        : start(block + image_size), head(load<Head>(start)) {
        deleted_at = start + sizeof(Head);
        initials = deleted_at + (shape.per_key ? sizeof(Stamp) : 0);
        nulls = initials + 8 * shape.counters.size();
        parents = nulls + 8 * null_words(shape);
        dots = parents + sizeof(PackedParent) * shape.derived.size();
        stamps = dots + sizeof(LiveDot) * head.dots;
        totals = stamps + sizeof(PackedStamp) * head.stamps;
        tail = totals + sizeof(PackedTotal) * head.totals;
    }
    Meta(const StoredRow& row, const TableShape& shape) : Meta(row.block, row.image_size, shape) {}

    // The position of a total, or of the place where it would be.
    const char* find_total(std::uint32_t counter, ReplicaId origin) const {
        const char* at = totals;
        for (; at != tail; at += sizeof(PackedTotal)) {
            const auto total = load<PackedTotal>(at);
            if (total.counter > counter) break;
            if (total.counter == counter && total.total.origin >= origin) break;
        }
        return at;
    }
    bool holds_total(const char* at, std::uint32_t counter, ReplicaId origin) const {
        if (at == tail) return false;
        const auto total = load<PackedTotal>(at);
        return total.counter == counter && total.total.origin == origin;
    }
    bool initial_null(std::size_t counter) const {
        return load<std::uint64_t>(nulls + counter / 64 * 8) >> (counter % 64) & 1;
    }

    const char* start;
    Head head;
    const char *deleted_at, *initials, *nulls, *parents, *dots, *stamps, *totals, *tail;
};

WriteStamp base_of(const Payload& payload) {
    WriteStamp base;
    const auto consider = [&](const WriteStamp& written) {
        if (written.seq != 0 && (base.seq == 0 || written < base)) base = written;
    };
    for (const RegisterGroup& group : payload.groups) consider(group.written);
    for (const Counter& counter : payload.counters) consider(counter.written);
    return base;
}

template <typename Visit>
void for_stamps(const Payload& payload, Visit&& visit) {
    std::uint64_t number = 0;
    for (const RegisterGroup& group : payload.groups) visit(number++, group.written);
    for (const Counter& counter : payload.counters) visit(number++, counter.written);
}

Head head_of(const RowState& state) {
    Head head;
    head.incarnation = state.payload.incarnation;
    head.base = base_of(state.payload);
    const auto dots = state.existence.dots();
    head.dots = static_cast<std::uint32_t>(dots.size());
    if (dots.size() == 1 && head.base.seq != 0 && dots[0].dot == head.base.dot()) {
        const bool claims = dots[0].claim == dots[0].dot;
        if (claims || dots[0].claim == Dot{}) {
            head.dots = 0;
            head.flags = claims ? flag_base_dot | flag_base_claim : flag_base_dot;
        }
    }
    for_stamps(state.payload, [&](std::uint64_t, const WriteStamp& written) {
        if (written != head.base) ++head.stamps;
    });
    for (const Counter& counter : state.payload.counters)
        head.totals += static_cast<std::uint32_t>(counter.totals.size());
    return head;
}

std::size_t meta_size(const Head& head, const RowState& state, const TableShape& shape) {
    std::size_t size = sizeof(Head) + (shape.per_key ? sizeof(Stamp) : 0) + 8 * shape.counters.size() +
                       8 * null_words(shape) + sizeof(PackedParent) * shape.derived.size() +
                       sizeof(LiveDot) * head.dots + sizeof(PackedStamp) * head.stamps +
                       sizeof(PackedTotal) * head.totals;
    for (const RegisterGroup& group : state.payload.groups) {
        for (const ParentReference& reference : group.references) size += reference.key.size();
    }
    return round_up(size, 8);
}

char* store_counters(char* at, const Payload& payload, const TableShape& shape) {
    for (const Counter& counter : payload.counters) at = store(at, counter.initial);
    for (std::size_t word = 0; word < null_words(shape); ++word) {
        std::uint64_t bits = 0;
        for (std::size_t c = word * 64; c < payload.counters.size() && c < word * 64 + 64; ++c) {
            if (payload.counters[c].null) bits |= std::uint64_t{1} << (c % 64);
        }
        at = store(at, bits);
    }
    return at;
}

void store_meta(char* at, const Head& head, const RowState& state, const TableShape& shape) {
    const Payload& payload = state.payload;
    at = store(at, head);
    if (shape.per_key) at = store(at, state.deleted_at);
    at = store_counters(at, payload, shape);
    for (const TableShape::Derived& derived : shape.derived) {
        const ParentReference& reference = payload.groups[derived.group].references[derived.place];
        at = store(at, PackedParent{reference.incarnation, reference.set ? 1 + reference.key.size() : 0});
    }
    if (head.dots != 0) {
        for (const LiveDot& dot : state.existence.dots()) at = store(at, dot);
    }
    for_stamps(payload, [&](std::uint64_t number, const WriteStamp& written) {
        if (written != head.base) at = store(at, PackedStamp{number, written});
    });
    for (std::size_t c = 0; c < payload.counters.size(); ++c) {
        for (const CounterTotal& total : payload.counters[c].totals) at = store(at, PackedTotal{c, total});
    }
    for (const TableShape::Derived& derived : shape.derived) {
        const std::string_view key = payload.groups[derived.group].references[derived.place].key;
        if (!key.empty()) std::memcpy(at, key.data(), key.size());
        at += key.size();
    }
}

void unpack_existence(const Meta& meta, Existence& out) {
    out.clear();
    if (meta.head.flags & flag_base_dot) {
        const Dot dot = meta.head.base.dot();
        out.add({dot, meta.head.flags & flag_base_claim ? dot : Dot{}});
    }
    for (const char* at = meta.dots; at != meta.stamps; at += sizeof(LiveDot)) out.add(load<LiveDot>(at));
}

void unpack_references(const Meta& meta, const TableShape& shape, Payload& payload) {
    const char* parent = meta.parents;
    const char* key = meta.tail;
    for (const TableShape::Derived& derived : shape.derived) {
        const auto packed = load<PackedParent>(parent);
        parent += sizeof(PackedParent);
        ParentReference& reference = payload.groups[derived.group].references[derived.place];
        reference.set = packed.state != 0;
        reference.incarnation = packed.incarnation;
        reference.key = packed.state > 1 ? std::string_view(key, packed.state - 1) : std::string_view{};
        key += reference.key.size();
    }
}

// `room` is what is left for the parts of variable size.
bool well_formed_meta(std::string_view block, std::uint32_t image_size, std::size_t room,
                      const TableShape& shape) {
    const Head head = load<Head>(block.data() + image_size);
    const std::size_t counted = std::size_t{head.dots} + head.stamps + head.totals;
    static_assert(sizeof(LiveDot) == sizeof(PackedStamp) && sizeof(PackedStamp) == sizeof(PackedTotal));
    if (counted > room / sizeof(LiveDot) || head.flags > (flag_base_dot | flag_base_claim)) return false;
    room -= counted * sizeof(LiveDot);
    const Meta meta(block.data(), image_size, shape);
    std::size_t keys = 0;
    for (std::size_t d = 0; d < shape.derived.size(); ++d) {
        const auto parent = load<PackedParent>(meta.parents + d * sizeof(PackedParent));
        if (parent.state > room + 1) return false;
        if (parent.state > 1) keys += parent.state - 1;
        if ((parent.state != 0) && shape.derived[d].spelled != (parent.state == 1)) return false;
    }
    if (round_up(keys, 8) != room) return false;
    for (const char* at = meta.stamps; at != meta.totals; at += sizeof(PackedStamp)) {
        if (load<PackedStamp>(at).number >= shape.groups.size() + shape.counters.size()) return false;
    }
    for (const char* at = meta.totals; at != meta.tail; at += sizeof(PackedTotal)) {
        const auto total = load<PackedTotal>(at);
        if (total.counter >= shape.counters.size()) return false;
        if (at == meta.totals) continue;
        const auto before = load<PackedTotal>(at - sizeof(PackedTotal));
        if (before.counter > total.counter) return false;
        if (before.counter == total.counter && before.total.origin >= total.total.origin) return false;
    }
    return true;
}

}  // namespace

StoredRow* StoredRow::make(std::string_view key, std::uint64_t hash, std::size_t room) {
    room = round_up(room, 16);
    void* memory = ::operator new(sizeof(StoredRow) + key_room(key.size()) + room);
    auto* row = new (memory) StoredRow;
    row->hash = hash;
    row->key_size = static_cast<std::uint32_t>(key.size());
    row->room = row->capacity = static_cast<std::uint32_t>(room);
    if (!key.empty()) std::memcpy(reinterpret_cast<char*>(row + 1), key.data(), key.size());
    if (room > 0) row->block = row->inside();
    return row;
}

void StoredRow::destroy(StoredRow* row) {
    if (row->has_own_block()) ::operator delete(row->block);
    row->~StoredRow();
    ::operator delete(row);
}

void unpack(const StoredRow& row, const TableShape& shape, RowState& out) {
    unpack(row.bytes(), row.image_size, shape, out);
}

void unpack(std::string_view block, std::uint32_t image_size, const TableShape& shape, RowState& out) {
    const Meta meta(block.data(), image_size, shape);
    Payload& payload = out.payload;
    payload.reset(shape, meta.head.incarnation);
    out.deleted_at = shape.per_key ? load<Stamp>(meta.deleted_at) : Stamp{};
    unpack_existence(meta, out.existence);
    const exec::RowView image(block.data(), &shape.layout);
    for (std::size_t g = 0; g < shape.groups.size(); ++g) {
        const auto& columns = shape.groups[g].columns;
        for (std::size_t i = 0; i < columns.size(); ++i) payload.groups[g].values[i] = image.get(columns[i]);
        payload.groups[g].written = meta.head.base;
    }
    for (std::size_t c = 0; c < shape.counters.size(); ++c) {
        Counter& counter = payload.counters[c];
        counter.initial = load<std::int64_t>(meta.initials + 8 * c);
        counter.null = meta.initial_null(c);
        counter.written = meta.head.base;
    }
    for (const char* at = meta.stamps; at != meta.totals; at += sizeof(PackedStamp)) {
        const auto stamp = load<PackedStamp>(at);
        const std::size_t groups = payload.groups.size();
        (stamp.number < groups ? payload.groups[stamp.number].written
                               : payload.counters[stamp.number - groups].written) = stamp.written;
    }
    for (const char* at = meta.totals; at != meta.tail; at += sizeof(PackedTotal)) {
        const auto total = load<PackedTotal>(at);
        payload.counters[total.counter].totals.push_back(total.total);
    }
    for (std::size_t e = 0; e < shape.extremes.size(); ++e)
        payload.extremes[e].value = image.get(shape.extremes[e]);
    unpack_references(meta, shape, payload);
}

bool well_formed(std::string_view block, std::uint32_t image_size, const TableShape& shape) {
    const std::size_t fixed = sizeof(Head) + (shape.per_key ? sizeof(Stamp) : 0) + 8 * shape.counters.size() +
                              8 * null_words(shape) + sizeof(PackedParent) * shape.derived.size();
    if (image_size % 8 != 0 || image_size < shape.layout.fixed_bytes || image_size > block.size())
        return false;
    if (block.size() - image_size < fixed) return false;
    for (std::size_t c = 0; c < shape.place.size(); ++c) {
        const auto slot = load<std::uint64_t>(block.data() + shape.layout.bitmap_bytes + 8 * c);
        const bool null = static_cast<unsigned char>(block[c >> 3]) >> (c & 7) & 1;
        if (null || shape.layout.storage[c] != sql::Storage::bytes) continue;
        if ((slot >> 32) + (slot & 0xffffffff) > image_size) return false;
    }
    return well_formed_meta(block, image_size, block.size() - image_size - fixed, shape);
}

void pack(const RowState& state, const TableShape& shape, PackBuffer& out) {
    state.values(shape, out.values);
    const Head head = head_of(state);
    const std::size_t image = round_up(exec::packed_size(shape.layout, out.values), 8);
    const std::size_t meta = meta_size(head, state, shape);
    CHECK(image + meta < std::size_t{1} << 32);
    out.bytes.assign(image + meta, '\0');
    exec::pack(shape.layout, out.values, out.bytes.data());
    store_meta(out.bytes.data() + image, head, state, shape);
    out.image_size = static_cast<std::uint32_t>(image);
    out.alive = state.existence.alive();
}

void install(const PackBuffer& buffer, StoredRow& row) {
    const std::size_t size = buffer.bytes.size();
    if (size > row.capacity) {
        // A row that grows once is likely to grow again: more replicas, longer text.
        const std::size_t capacity = round_up(size + size / 8, 16);
        if (row.has_own_block()) ::operator delete(row.block);
        row.block = static_cast<char*>(::operator new(capacity));
        row.capacity = static_cast<std::uint32_t>(capacity);
    }
    row.image_size = buffer.image_size;
    row.meta_size = static_cast<std::uint32_t>(size - buffer.image_size);
    row.alive = buffer.alive;
    std::memcpy(row.block, buffer.bytes.data(), size);
}

Stamp incarnation_of(const StoredRow& row) {
    return load<Stamp>(row.block + row.image_size);
}

Stamp deleted_at_of(const StoredRow& row, const TableShape& shape) {
    return shape.per_key ? load<Stamp>(row.block + row.image_size + sizeof(Head)) : Stamp{};
}

ParentReference reference_of(const StoredRow& row, const TableShape& shape, std::uint32_t derived) {
    const Meta meta(row, shape);
    const char* key = meta.tail;
    PackedParent packed;
    for (std::uint32_t d = 0;; ++d) {
        packed = load<PackedParent>(meta.parents + d * sizeof(PackedParent));
        if (d == derived) break;
        if (packed.state > 1) key += packed.state - 1;
    }
    ParentReference out{packed.state != 0, packed.incarnation, {}};
    if (packed.state > 1) out.key = {key, packed.state - 1};
    return out;
}

Existence existence_of(const StoredRow& row, const TableShape& shape) {
    Existence out;
    unpack_existence(Meta(row, shape), out);
    return out;
}

bool contested(const StoredRow& row, const TableShape& shape) {
    const Meta meta(row, shape);
    return meta.head.dots > 1 && existence_of(row, shape).contested();
}

CounterTotal total_of(const StoredRow& row, const TableShape& shape, std::uint32_t counter,
                      ReplicaId origin) {
    const Meta meta(row, shape);
    const char* at = meta.find_total(counter, origin);
    return meta.holds_total(at, counter, origin) ? load<PackedTotal>(at).total : CounterTotal{origin, 0, 0};
}

bool has_total(const StoredRow& row, const TableShape& shape, std::uint32_t counter, ReplicaId origin) {
    const Meta meta(row, shape);
    return meta.holds_total(meta.find_total(counter, origin), counter, origin);
}

bool raise_total(StoredRow& row, const TableShape& shape, std::uint32_t counter, const CounterTotal& to) {
    const Meta meta(row, shape);
    const char* at = meta.find_total(counter, to.origin);
    if (!meta.holds_total(at, counter, to.origin)) return false;
    const CounterTotal held = load<PackedTotal>(at).total;
    if (held.seq >= to.seq) return true;
    store(row.block + (at - row.block), PackedTotal{counter, to});
    if (meta.initial_null(counter)) return true;
    const std::uint32_t column = shape.counters[counter];
    const exec::RowView image(row.block, &shape.layout);
    const std::int64_t sum =
        wrapping_add(image.get(column).as_integer(), wrapping_subtract(to.total, held.total));
    exec::set_fixed(shape.layout, row.block, column, sql::Datum::integer(sum));
    return true;
}

}  // namespace anabranch::crdt
