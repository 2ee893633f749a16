#include "node/replica/outcomes.h"

#include <algorithm>
#include <utility>

namespace anabranch::replica {

namespace {

// The first byte of a delta says its format, which is a small number.
constexpr char marker = 'O';
constexpr std::uint64_t checksum_seed = 0x6f7574636f6d6573;

void put(ByteWriter& out, RequestKey key, BytesView answer) {
    out.u64(key.client);
    out.u64(key.number);
    out.sized(answer);
}
Outcomes::Outcome take(ByteReader& in) {
    Outcomes::Outcome out;
    out.key.client = in.u64();
    out.key.number = in.u64();
    out.answer = in.sized();
    return out;
}

bool read_answer(BytesView bytes, wire::Forwarded& out) {
    ByteReader in(bytes);
    out.ok = in.u8() != 0;
    if (!out.ok) {
        wire::Refusal why;
        for (auto* text : {&why.sqlstate, &why.message, &why.detail, &why.hint, &why.constraint, &why.table})
            *text = in.sized();
        if (!in.complete()) why.column = in.sized();  // few have one
        out.refusal = std::make_shared<const wire::Refusal>(std::move(why));
        return in.complete();
    }
    out.tag = in.sized();
    const std::uint64_t rows = in.varint();
    for (std::uint64_t i = 0; i < rows && !in.failed(); ++i) {
        auto& row = out.rows.emplace_back();
        const std::uint64_t values = in.varint();
        for (std::uint64_t k = 0; k < values && !in.failed(); ++k) {
            const bool null = in.u8() != 0;
            row.emplace_back(null, null ? Bytes() : Bytes(in.sized()));
        }
    }
    return in.complete();
}

}  // namespace

// ---- answers ----

Bytes encode_answer(const wire::Forwarded& answer) {
    Bytes bytes;
    ByteWriter out(bytes);
    out.u8(answer.ok ? 1 : 0);
    if (!answer.ok) {
        const wire::Refusal& why = answer.why();
        for (const auto* text :
             {&why.sqlstate, &why.message, &why.detail, &why.hint, &why.constraint, &why.table})
            out.sized(*text);
        if (!why.column.empty()) out.sized(why.column);
        return bytes;
    }
    out.sized(answer.tag);
    out.varint(answer.rows.size());
    for (const auto& row : answer.rows) {
        out.varint(row.size());
        for (const auto& [null, text] : row) {
            out.u8(null ? 1 : 0);
            if (!null) out.sized(text);
        }
    }
    return bytes;
}

wire::Forwarded decode_answer(BytesView bytes) {
    wire::Forwarded out;
    read_answer(bytes, out);
    return out;
}

// ---- deltas ----

// marker | checksum of what follows up to the delta | count | outcomes | delta
Bytes with_outcomes(const std::vector<Outcomes::Outcome>& outcomes, BytesView delta) {
    if (outcomes.empty()) return Bytes(delta);
    Bytes list;
    ByteWriter writer(list);
    writer.varint(outcomes.size());
    for (const auto& outcome : outcomes) put(writer, outcome.key, outcome.answer);
    Bytes bytes(1, marker);
    ByteWriter out(bytes);
    out.u64(hash64(list, checksum_seed));
    out.sized(list);
    out.raw(delta);
    return bytes;
}

Result<BytesView> decode_outcomes(BytesView bytes, std::vector<Outcomes::Outcome>& out) {
    if (bytes.empty() || bytes.front() != marker) return bytes;
    ByteReader in(bytes.substr(1));
    const std::uint64_t checksum = in.u64();
    const BytesView list = in.sized();
    if (in.failed() || hash64(list, checksum_seed) != checksum)
        return fail(sqlstate::protocol_violation, "the outcomes in front of a delta are damaged");
    ByteReader items(list);
    const std::uint64_t count = items.varint();
    for (std::uint64_t i = 0; i < count && !items.failed(); ++i) {
        auto& outcome = out.emplace_back(take(items));
        wire::Forwarded answer;
        if (!read_answer(outcome.answer, answer)) items.fail();
    }
    if (!items.complete())
        return fail(sqlstate::protocol_violation, "the outcomes in front of a delta cannot be read");
    return in.raw(in.left());
}

Result<DecodedDelta> decode_delta(BytesView bytes) {
    DecodedDelta out;
    TRY(const BytesView delta, decode_outcomes(bytes, out.outcomes));
    TRY(out.delta, crdt::Delta::decode(delta));
    return out;
}

namespace {

// Empty where that cannot be read.
BytesView behind_outcomes(BytesView bytes) {
    if (bytes.empty() || bytes.front() != marker) return bytes;
    ByteReader in(bytes.substr(1));
    in.u64();
    in.sized();
    return in.raw(in.left());
}

}  // namespace

std::optional<Dot> dot_of(BytesView bytes) {
    return crdt::Delta::dot_of(behind_outcomes(bytes));
}

bool forgets(BytesView bytes) {
    return crdt::Delta::forgets(behind_outcomes(bytes));
}

// ---- what is known ----

void Outcomes::note(std::uint64_t csn, std::vector<Outcome> outcomes) {
    for (auto& outcome : outcomes) add(csn, outcome.key, std::move(outcome.answer));
    forget();
}

void Outcomes::add(std::uint64_t csn, RequestKey key, Bytes answer) {
    if (find(key) != nullptr) return;
    bytes_ += answer.size();
    Known& known = known_.emplace_back();
    known.csn = csn;
    known.key = key;
    known.answer = std::move(answer);
    if (4 * known_.size() > buckets_.size()) {
        buckets_.resize(2 * buckets_.size());
        return sort_into_buckets();
    }
    known.before = std::exchange(buckets_[bucket_of(key)], first_ + known_.size() - 1);
}

void Outcomes::sort_into_buckets() {
    std::fill(buckets_.begin(), buckets_.end(), 0);
    std::uint64_t number = first_;
    for (auto& known : known_) known.before = std::exchange(buckets_[bucket_of(known.key)], number++);
}

void Outcomes::forget() {
    while (known_.size() > kept_max || bytes_ > kept_bytes_max) {
        bytes_ -= known_.front().answer.size();
        forgotten_ = std::max(forgotten_, known_.front().csn);
        known_.pop_front();
        ++first_;
    }
}

const Outcomes::Known* Outcomes::find(RequestKey key) const {
    for (std::uint64_t number = buckets_[bucket_of(key)]; number >= first_;) {
        const Known& known = known_[static_cast<std::size_t>(number - first_)];
        if (known.key == key) return &known;
        number = known.before;
    }
    return nullptr;
}

void Outcomes::encode(ByteWriter& out) const {
    out.varint(forgotten_);
    out.varint(known_.size());
    for (const auto& known : known_) {
        out.varint(known.csn);
        put(out, known.key, known.answer);
    }
}

bool Outcomes::merge(ByteReader& in) {
    const std::uint64_t forgotten = in.varint();
    const std::uint64_t count = in.varint();
    std::vector<std::pair<std::uint64_t, Outcome>> all;
    for (std::uint64_t i = 0; i < count && !in.failed(); ++i) {
        const std::uint64_t csn = in.varint();
        all.emplace_back(csn, take(in));
        wire::Forwarded answer;
        if (!read_answer(all.back().second.answer, answer)) return false;
    }
    if (in.failed()) return false;
    forgotten_ = std::max(forgotten_, forgotten);
    for (auto& [csn, outcome] : all) add(csn, outcome.key, std::move(outcome.answer));
    std::stable_sort(known_.begin(), known_.end(),
                     [](const Known& a, const Known& b) { return a.csn < b.csn; });
    sort_into_buckets();
    forget();
    return true;
}

}  // namespace anabranch::replica
