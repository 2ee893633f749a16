#include "node/order/types.h"

#include <algorithm>

namespace anabranch::order {

namespace {

bool ascending(const std::vector<ReplicaId>& ids) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (ids[i] == NOBODY || ids[i] == ORDER_ORIGIN) return false;
        if (i > 0 && !(ids[i - 1] < ids[i])) return false;
    }
    return true;
}

bool has(const std::vector<ReplicaId>& ids, ReplicaId id) {
    return std::binary_search(ids.begin(), ids.end(), id);
}

std::string join(const char* title, const std::vector<ReplicaId>& ids) {
    std::string out;
    if (ids.empty()) return out;
    out += title;
    for (const ReplicaId id : ids) out += " " + describe(id);
    return out;
}

}  // namespace

bool covers(const Dots& larger, const Dots& smaller) {
    auto at = larger.begin();
    for (const Dot& dot : smaller) {
        while (at != larger.end() && at->origin < dot.origin) ++at;
        if (at == larger.end() || at->origin != dot.origin || at->seq < dot.seq) return false;
    }
    return true;
}

void merge(Dots& into, const Dots& from) {
    if (covers(into, from)) return;
    Dots out;
    out.reserve(into.size() + from.size());
    auto a = into.begin();
    auto b = from.begin();
    while (a != into.end() || b != from.end()) {
        if (b == from.end() || (a != into.end() && a->origin < b->origin)) {
            out.push_back(*a++);
        } else if (a == into.end() || b->origin < a->origin) {
            out.push_back(*b++);
        } else {
            out.push_back({a->origin, std::max(a->seq, b->seq)});
            ++a;
            ++b;
        }
    }
    into = std::move(out);
}

Dots missing(const Dots& held, const Dots& wanted) {
    Dots out;
    auto at = held.begin();
    for (const Dot& dot : wanted) {
        while (at != held.end() && at->origin < dot.origin) ++at;
        if (at == held.end() || at->origin != dot.origin || at->seq < dot.seq) out.push_back(dot);
    }
    return out;
}

bool well_formed(const Dots& dots) {
    for (std::size_t i = 0; i < dots.size(); ++i) {
        if (dots[i].seq == 0 || dots[i].origin == NOBODY) return false;
        if (i > 0 && !(dots[i - 1].origin < dots[i].origin)) return false;
    }
    return true;
}

bool Members::votes(ReplicaId id) const {
    return has(voters, id) || has(incoming, id);
}

bool Members::contains(ReplicaId id) const {
    return votes(id) || has(learners, id);
}

std::vector<ReplicaId> Members::all() const {
    std::vector<ReplicaId> ids = voters;
    ids.insert(ids.end(), incoming.begin(), incoming.end());
    ids.insert(ids.end(), learners.begin(), learners.end());
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return ids;
}

std::string Members::describe() const {
    if (voters.empty()) return "no members";
    return join("voters", voters) + join(" incoming", incoming) + join(" learners", learners);
}

bool well_formed(const Members& members) {
    if (!ascending(members.voters) || !ascending(members.incoming) || !ascending(members.learners))
        return false;
    if (members.voters.empty() && (members.joint() || !members.learners.empty())) return false;
    const auto& next_voters = members.joint() ? members.incoming : members.voters;
    return std::none_of(members.learners.begin(), members.learners.end(),
                        [&](ReplicaId id) { return has(next_voters, id); });
}

Bytes encode(const Members& members) {
    Bytes out;
    ByteWriter writer(out);
    for (const auto* list : {&members.voters, &members.incoming, &members.learners}) {
        writer.varint(list->size());
        for (const ReplicaId id : *list) writer.u64(id.value);
    }
    if (!members.roster.empty()) writer.sized(members.roster);
    return out;
}

Result<Members> decode_members(BytesView bytes) {
    Members members;
    ByteReader reader(bytes);
    for (auto* list : {&members.voters, &members.incoming, &members.learners}) {
        const std::uint64_t count = reader.varint();
        if (count > reader.left() / sizeof(std::uint64_t)) reader.fail();
        for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) list->push_back({reader.u64()});
    }
    if (!reader.failed() && reader.left() > 0) members.roster = reader.sized();
    if (!reader.complete() || !well_formed(members)) {
        return fail(sqlstate::protocol_violation,
                    "the order's member list is damaged: " + std::to_string(bytes.size()) + " bytes");
    }
    return members;
}

std::string describe(ReplicaId id) {
    if (id == NOBODY) return "nobody";
    if (id == ORDER_ORIGIN) return "order";
    if (id.value < 1'000'000) return std::to_string(id.value);
    return hex(id.value).substr(0, 8);
}

std::string describe(const Dots& dots) {
    std::string out;
    for (const Dot& dot : dots) {
        if (!out.empty()) out += ' ';
        out += describe(dot.origin) + ':' + std::to_string(dot.seq);
    }
    return out.empty() ? "nothing" : out;
}

}  // namespace anabranch::order
