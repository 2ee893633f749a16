// The flat encoding of a delta:
//
//   format u8 | dot: origin u64, seq varint | commit hlc u64 | schema hash u64
//   dependencies on others: count, (origin u64, seq varint)*       the origin's own are seq - 1
//   format 2 only: forget until u64, agreed: count, (origin u64, seq varint)*
//   rows: count, row*
//   checksum u64 over everything before
//
// Origins are numbers into a dictionary: 0 none, 1 the delta's own, 2.. the dependencies', one more: 8 bytes
// follow. Stamps are an origin and their distance from the commit's hlc, which is short for what happened
// recently.
#include "crdt/delta.h"

#include "lib/base/check.h"

namespace anabranch::crdt {

namespace {

constexpr std::uint8_t format = 1, format_that_forgets = 2;
constexpr std::size_t checksum_bytes = 8;
constexpr std::size_t row_bytes_min = 3;

enum RowFlags : std::uint64_t {
    has_counters = 1 << 0,
    has_groups = 1 << 1,
    incarnation_is_commit = 1 << 2,
    incarnation_is_zero = 1 << 3,
    adds = 1 << 4,
    removes = 1 << 5,
    claims_itself = 1 << 6,
    claims_other = 1 << 7,
    deleted_by_commit = 1 << 8,
    deleted_before = 1 << 9,
    has_extremes = 1 << 10,
    has_references = 1 << 11,
    row_flags_all = (1 << 12) - 1,
};

enum CounterFlags : std::uint8_t { with_initial = 1, with_null = 2, with_total = 4, counter_flags_all = 7 };

class Encoder {
  public:
    Encoder(const Delta& delta, ByteWriter& out) : delta_(delta), out_(out) {}

    void row(const RowDelta& row) {
        out_.varint(row.table.value);
        out_.sized(row.key);
        const std::uint64_t flags = flags_of(row);
        out_.varint(flags);
        if (!(flags & (incarnation_is_commit | incarnation_is_zero))) stamp(row.incarnation);
        if (flags & claims_other) dot(row.claim);
        if (flags & deleted_before) stamp(row.deleted_at);
        if (flags & has_counters) counters(row);
        if (flags & has_groups) groups(row);
        if (flags & has_extremes) extremes(row);
        if (flags & has_references) references(row);
    }

  private:
    std::uint64_t flags_of(const RowDelta& row) const {
        std::uint64_t flags = 0;
        if (!row.counters.empty()) flags |= has_counters;
        if (!row.groups.empty()) flags |= has_groups;
        if (row.incarnation == delta_.stamp) flags |= incarnation_is_commit;
        if (row.incarnation == Stamp{}) flags |= incarnation_is_zero;
        if (row.add) flags |= adds;
        if (row.remove) flags |= removes;
        if (row.claim == delta_.dot) {
            flags |= claims_itself;
        } else if (row.claim != Dot{}) {
            flags |= claims_other;
        }
        if (row.deleted_at == delta_.stamp) {
            flags |= deleted_by_commit;
        } else if (row.deleted_at != Stamp{}) {
            flags |= deleted_before;
        }
        if (!row.extremes.empty()) flags |= has_extremes;
        if (!row.references.empty()) flags |= has_references;
        return flags;
    }
    void origin(ReplicaId id) {
        if (id == delta_.dot.origin) return out_.varint(1);
        std::uint64_t number = 2;
        for (const auto& entry : delta_.dependencies.entries()) {
            if (entry.origin == delta_.dot.origin) continue;
            if (entry.origin == id) return out_.varint(number);
            ++number;
        }
        out_.varint(number);
        out_.u64(id.value);
    }
    void stamp(Stamp stamp) {
        if (stamp == Stamp{}) return out_.varint(0);
        origin(stamp.origin);
        out_.zigzag(static_cast<std::int64_t>(delta_.stamp.hlc - stamp.hlc));
    }
    void dot(Dot dot) {
        origin(dot.origin);
        out_.varint(dot.seq);
    }
    void cell(const CellValue& value) {
        out_.u8(static_cast<std::uint8_t>(value.kind));
        switch (value.kind) {
            case CellValue::Kind::null:
                break;
            case CellValue::Kind::integer:
                out_.zigzag(value.integer);
                break;
            case CellValue::Kind::floating:
                out_.f64(value.floating);
                break;
            case CellValue::Kind::bytes:
                out_.sized(value.bytes);
                break;
        }
    }
    void groups(const RowDelta& row) {
        out_.varint(row.groups.size());
        for (const auto& group : row.groups) {
            out_.varint(group.group);
            out_.varint(group.values.size());
            for (const CellValue& value : group.values) cell(value);
        }
    }
    void counters(const RowDelta& row) {
        out_.varint(row.counters.size());
        for (const auto& counter : row.counters) {
            out_.varint(counter.column);
            const int flags = (counter.has_initial ? with_initial : 0) |
                              (counter.initial_null ? with_null : 0) | (counter.has_total ? with_total : 0);
            out_.u8(static_cast<std::uint8_t>(flags));
            if (counter.has_initial) out_.zigzag(counter.initial);
            if (counter.has_total) out_.zigzag(counter.total);
        }
    }
    void extremes(const RowDelta& row) {
        out_.varint(row.extremes.size());
        for (const auto& extreme : row.extremes) {
            out_.varint(extreme.column);
            cell(extreme.value);
        }
    }
    void references(const RowDelta& row) {
        out_.varint(row.references.size());
        for (const auto& reference : row.references) {
            out_.varint(reference.foreign_key);
            stamp(reference.parent);
            out_.sized(reference.key);
        }
    }

    const Delta& delta_;
    ByteWriter& out_;
};

Error malformed(std::string detail) {
    return Error::make(sqlstate::protocol_violation, "malformed delta").with_detail(std::move(detail));
}

}  // namespace

Bytes Delta::encode() const {
    CHECK(stamp.origin == dot.origin);
    CHECK(dot.seq > 0 && dependencies.get(dot.origin) == dot.seq - 1);
    Bytes bytes;
    bytes.reserve(96 + 48 * rows.size());
    ByteWriter out(bytes);
    out.u8(forget.until == 0 ? format : format_that_forgets);
    out.u64(dot.origin.value);
    out.varint(dot.seq);
    out.u64(stamp.hlc);
    out.u64(schema_hash);
    out.varint(dependencies.entries().size() - (dot.seq > 1 ? 1 : 0));
    for (const auto& entry : dependencies.entries()) {
        if (entry.origin == dot.origin) continue;
        out.u64(entry.origin.value);
        out.varint(entry.seq);
    }
    if (forget.until != 0) {
        out.u64(forget.until);
        forget.agreed.encode(out);
    }
    out.varint(rows.size());
    Encoder encoder(*this, out);
    for (const RowDelta& row : rows) encoder.row(row);
    out.u64(hash64(bytes));
    return bytes;
}

// ---- reading ----

Result<DeltaRows> DeltaRows::open(BytesView bytes, Delta& head) {
    if (bytes.size() < checksum_bytes)
        return fail(malformed("it has " + std::to_string(bytes.size()) + " bytes, fewer than a checksum"));
    const BytesView body = bytes.substr(0, bytes.size() - checksum_bytes);
    ByteReader trailer(bytes.substr(body.size()));
    if (trailer.u64() != hash64(body)) return fail(malformed("its checksum is wrong"));
    DeltaRows rows(body);
    rows.read_head(head);
    if (rows.in_.failed()) return fail(rows.end().error());
    return rows;
}

void DeltaRows::read_head(Delta& head) {
    const std::uint8_t version = in_.u8();
    if (version != format && version != format_that_forgets) in_.fail();
    dot_.origin.value = in_.u64();
    dot_.seq = in_.varint();
    if (dot_.seq == 0) in_.fail();
    stamp_ = {in_.u64(), dot_.origin};
    head.dot = dot_;
    head.stamp = stamp_;
    head.schema_hash = in_.u64();
    if (const auto others = VersionVector::decode(in_)) {
        head.dependencies = *others;
        if (others->get(dot_.origin) != 0) in_.fail();
        for (const auto& entry : others->entries()) origins_.push_back(entry.origin);
    }
    head.dependencies.set(dot_.origin, dot_.seq - 1);
    if (version == format_that_forgets) read_forget(head);
    left_ = count(row_bytes_min);
}

void DeltaRows::read_forget(Delta& head) {
    head.forget.until = in_.u64();
    if (head.forget.until == 0) in_.fail();
    if (auto agreed = VersionVector::decode(in_)) head.forget.agreed = std::move(*agreed);
}

bool DeltaRows::next(RowDelta& out) {
    if (left_ == 0 || in_.failed()) return false;
    --left_;
    row(out);
    return !in_.failed();
}

Result<void> DeltaRows::end() const {
    if (in_.failed() || left_ > 0)
        return fail(malformed("its contents end early or are not of format " + std::to_string(format)));
    if (!in_.done()) return fail(malformed(std::to_string(in_.left()) + " bytes follow its last row"));
    return {};
}

// Of things of at least `bytes_min` each.
std::uint64_t DeltaRows::count(std::size_t bytes_min) {
    const std::uint64_t n = in_.varint();
    if (n > in_.left() / bytes_min) in_.fail();
    return in_.failed() ? 0 : n;
}

std::uint32_t DeltaRows::number() {
    const std::uint64_t n = in_.varint();
    if (n > UINT32_MAX) in_.fail();
    return static_cast<std::uint32_t>(n);
}

ReplicaId DeltaRows::origin(std::uint64_t number) {
    if (number == 1) return dot_.origin;
    if (number >= 2 && number - 2 < origins_.size()) return origins_[number - 2];
    if (number != origins_.size() + 2) in_.fail();
    return {in_.u64()};
}

Stamp DeltaRows::stamp() {
    const std::uint64_t number = in_.varint();
    if (number == 0) return {};
    const ReplicaId from = origin(number);
    return {stamp_.hlc - static_cast<std::uint64_t>(in_.zigzag()), from};
}

Dot DeltaRows::dot() {
    const ReplicaId from = origin(in_.varint());
    return {from, in_.varint()};
}

CellValue DeltaRows::cell() {
    CellValue value;
    const std::uint8_t kind = in_.u8();
    if (kind > static_cast<std::uint8_t>(CellValue::Kind::bytes)) in_.fail();
    value.kind = static_cast<CellValue::Kind>(kind);
    if (in_.failed()) value.kind = CellValue::Kind::null;
    switch (value.kind) {
        case CellValue::Kind::null:
            break;
        case CellValue::Kind::integer:
            value.integer = in_.zigzag();
            break;
        case CellValue::Kind::floating:
            value.floating = in_.f64();
            break;
        case CellValue::Kind::bytes:
            value.bytes = in_.sized();
            break;
    }
    return value;
}

void DeltaRows::row(RowDelta& row) {
    row.table.value = number();
    row.key = in_.sized();
    const std::uint64_t flags = in_.varint();
    if (flags > row_flags_all) in_.fail();
    row.add = flags & adds;
    row.remove = flags & removes;
    if (flags & incarnation_is_commit) {
        row.incarnation = stamp_;
    } else if (!(flags & incarnation_is_zero)) {
        row.incarnation = stamp();
    }
    if (flags & claims_itself) row.claim = dot_;
    if (flags & claims_other) row.claim = dot();
    if (flags & deleted_by_commit) row.deleted_at = stamp_;
    if (flags & deleted_before) row.deleted_at = stamp();
    if (flags & has_counters) counters(row);
    if (flags & has_groups) groups(row);
    if (flags & has_extremes) extremes(row);
    if (flags & has_references) references(row);
}

void DeltaRows::counters(RowDelta& row) {
    for (std::uint64_t left = count(2); left > 0 && !in_.failed(); --left) {
        RowDelta::Counter& counter = row.counters.emplace_back();
        counter.column = number();
        const std::uint8_t flags = in_.u8();
        if (flags > counter_flags_all) in_.fail();
        counter.has_initial = flags & with_initial;
        counter.initial_null = flags & with_null;
        counter.has_total = flags & with_total;
        if (counter.has_initial) counter.initial = in_.zigzag();
        if (counter.has_total) counter.total = in_.zigzag();
    }
}

void DeltaRows::groups(RowDelta& row) {
    for (std::uint64_t left = count(2); left > 0 && !in_.failed(); --left) {
        RowDelta::Group& group = row.groups.emplace_back();
        group.group = number();
        for (std::uint64_t values = count(1); values > 0 && !in_.failed(); --values)
            group.values.push_back(cell());
    }
}

void DeltaRows::extremes(RowDelta& row) {
    for (std::uint64_t left = count(2); left > 0 && !in_.failed(); --left) {
        RowDelta::Extreme& extreme = row.extremes.emplace_back();
        extreme.column = number();
        extreme.value = cell();
    }
}

void DeltaRows::references(RowDelta& row) {
    for (std::uint64_t left = count(3); left > 0 && !in_.failed(); --left) {
        RowDelta::Reference& reference = row.references.emplace_back();
        reference.foreign_key = number();
        reference.parent = stamp();
        reference.key = in_.sized();
    }
}

Result<Delta> Delta::decode(BytesView bytes) {
    Delta delta;
    TRY(auto rows, DeltaRows::open(bytes, delta));
    while (rows.left() > 0) {
        if (!rows.next(delta.rows.emplace_back())) break;
    }
    TRY_VOID(rows.end());
    return delta;
}

bool Delta::forgets(BytesView bytes) {
    return !bytes.empty() && static_cast<std::uint8_t>(bytes.front()) == format_that_forgets;
}

std::optional<Dot> Delta::dot_of(BytesView bytes) {
    ByteReader in(bytes);
    const std::uint8_t version = in.u8();
    if (version != format && version != format_that_forgets) return {};
    Dot dot;
    dot.origin.value = in.u64();
    dot.seq = in.varint();
    if (in.failed() || dot.seq == 0) return {};
    return dot;
}

}  // namespace anabranch::crdt
