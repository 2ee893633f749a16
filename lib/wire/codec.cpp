#include "lib/wire/codec.h"

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include "lib/wire/peer.capnp.h"

namespace anabranch::wire {

namespace {

capnp::Data::Reader blob(BytesView bytes) {
    return {reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()};
}
Bytes bytes(capnp::Data::Reader data) {
    return {reinterpret_cast<const char*>(data.begin()), data.size()};
}
Bytes text(capnp::Text::Reader text) {
    return {text.begin(), text.size()};
}
// Text in Cap'n Proto ends in NUL; a name with a NUL inside would be cut short by C readers, so it is carried
// whole by StringPtr.
kj::StringPtr text(const std::string& text) {
    return {text.c_str(), text.size()};
}
unsigned count(std::size_t n) {
    return static_cast<unsigned>(n);
}

void put(capnp::List<capnp_schema::Dot>::Builder out, const Dots& dots) {
    unsigned i = 0;
    for (const auto& [origin, seq] : dots) {
        out[i].setOrigin(origin.value);
        out[i].setSeq(seq);
        ++i;
    }
}

bool get(capnp::List<capnp_schema::Dot>::Reader in, Dots& dots) {
    dots.reserve(in.size());
    for (const auto dot : in) {
        if (dot.getSeq() == 0 || (!dots.empty() && dots.back().first.value >= dot.getOrigin())) return false;
        dots.emplace_back(ReplicaId{dot.getOrigin()}, dot.getSeq());
    }
    return true;
}

void put(capnp_schema::Message::Builder out, const Hello& m) {
    auto b = out.initHello();
    b.setProtocol(m.protocol);
    b.setCluster(m.cluster);
    b.setSchemaHash(m.schema_hash);
    b.setName(text(m.name));
    b.setId(m.id.value);
    b.setVersion(text(m.version));
    b.setAnswerWanted(m.answer_wanted);
    b.setKnown(m.known.value);
    b.setMembers(blob(m.members));
    b.setMembersAt(m.members_at);
}
void put(capnp_schema::Message::Builder out, const Have& m) {
    auto b = out.initHave();
    put(b.initVersion(count(m.version.size())), m.version);
    b.setReplyWanted(m.reply_wanted);
    auto digests = b.initDigests(count(m.digests.size()));
    for (std::size_t i = 0; i < m.digests.size(); ++i) digests.set(count(i), m.digests[i]);
    b.setStateOffered(m.state_offered);
    auto spared = b.initSpared(count(m.spared.size()));
    for (std::size_t i = 0; i < m.spared.size(); ++i) spared.set(count(i), m.spared[i].value);
    b.setPartial(m.partial);
}
void put(capnp_schema::Message::Builder out, const StateRequest& m) {
    auto b = out.initStateRequest();
    put(b.initVersion(count(m.version.size())), m.version);
    b.setTable(m.table);
    b.setFrom(blob(m.from));
}
void put(capnp_schema::Message::Builder out, const StateChunk& m) {
    auto b = out.initStateChunk();
    put(b.initVersion(count(m.version.size())), m.version);
    b.setTable(m.table);
    b.setFrom(blob(m.from));
    b.setChunk(blob(m.chunk));
    b.setNextTable(m.next_table);
    b.setNextFrom(blob(m.next_from));
    b.setIdentities(blob(m.identities));
    put(b.initShown(count(m.shown.size())), m.shown);
}
void put(capnp::List<capnp_schema::AuditRange>::Builder out, const std::vector<AuditRange>& ranges) {
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        auto b = out[count(i)];
        b.setFrom(blob(ranges[i].from));
        b.setTo(blob(ranges[i].to));
        b.setKeys(ranges[i].keys);
        b.setDigestLow(ranges[i].digest_low);
        b.setDigestHigh(ranges[i].digest_high);
    }
}
void put(capnp_schema::Message::Builder out, const AuditRequest& m) {
    auto b = out.initAuditRequest();
    put(b.initVersion(count(m.version.size())), m.version);
    b.setTable(m.table);
    put(b.initRanges(count(m.ranges.size())), m.ranges);
    b.setAsked(m.asked);
}
void put(capnp_schema::Message::Builder out, const AuditAnswer& m) {
    auto b = out.initAuditAnswer();
    put(b.initVersion(count(m.version.size())), m.version);
    b.setTable(m.table);
    put(b.initRanges(count(m.ranges.size())), m.ranges);
    auto chunks = b.initChunks(count(m.chunks.size()));
    for (std::size_t i = 0; i < m.chunks.size(); ++i) chunks.set(count(i), blob(m.chunks[i]));
    b.setAsked(m.asked);
}
void put(capnp_schema::Message::Builder out, const StableRequest& m) {
    auto b = out.initStableRequest();
    b.setRound(m.round);
    b.setMembers(m.members);
    b.setFarewell(m.farewell);
    put(b.initWanted(count(m.wanted.size())), m.wanted);
}
void put(capnp_schema::Message::Builder out, const StableAnswer& m) {
    auto b = out.initStableAnswer();
    b.setRound(m.round);
    b.setFarewell(m.farewell);
    put(b.initVersion(count(m.version.size())), m.version);
}
void put(capnp_schema::Message::Builder out, const Deltas& m) {
    auto list = out.initDeltas().initDeltas(count(m.deltas.size()));
    for (std::size_t i = 0; i < m.deltas.size(); ++i) list.set(count(i), blob(m.deltas[i]));
}
void put(capnp_schema::Message::Builder out, const OrderMessage& m) {
    out.initOrder().setBytes(blob(m.bytes));
}
void put(capnp_schema::Step::Builder out, const ForwardedStep& step) {
    out.setTransaction(text(step.transaction));
    out.setStatement(text(step.statement));
    auto list = out.initParameters(count(step.parameters.size()));
    for (std::size_t i = 0; i < step.parameters.size(); ++i) {
        list[count(i)].setTypeOid(step.parameters[i].first);
        list[count(i)].setNull(step.parameters[i].second.first);
        list[count(i)].setText(blob(step.parameters[i].second.second));
    }
    out.setExpected(step.expected);
    if (!step.session.empty()) out.setSession(blob(step.session));
}
void put(capnp_schema::Message::Builder out, const Forward& m) {
    auto b = out.initForward();
    b.setOrigin(m.origin.value);
    b.setSession(m.session);
    b.setNumber(m.number);
    auto steps = b.initSteps(count(m.steps.size()));
    for (std::size_t i = 0; i < m.steps.size(); ++i) put(steps[count(i)], m.steps[i]);
    if (m.drawn) {
        auto drawn = b.initDrawn();
        drawn.setNowMicros(m.drawn->now_micros);
        drawn.setSeed(m.drawn->seed);
        auto identities = drawn.initIdentities(count(m.drawn->identities.size()));
        for (std::size_t i = 0; i < m.drawn->identities.size(); ++i)
            identities.set(count(i), m.drawn->identities[i]);
    }
    put(b.initSeen(count(m.seen.size())), m.seen);
    b.setDeadlineMicros(m.deadline_micros);
    b.setFollowsSession(m.follows_session);
    b.setFollowsNumber(m.follows_number);
    b.setEarly(m.early);
    b.setEpoch(m.epoch);
}
void put(capnp_schema::Message::Builder out, const Forwarded& m) {
    auto b = out.initForwarded();
    b.setSession(m.session);
    b.setNumber(m.number);
    b.setCsn(m.csn);
    b.setOk(m.ok);
    b.setTag(text(m.tag));
    auto rows = b.initRows(count(m.rows.size()));
    for (std::size_t i = 0; i < m.rows.size(); ++i) {
        auto values = rows[count(i)].initValues(count(m.rows[i].size()));
        for (std::size_t j = 0; j < m.rows[i].size(); ++j) {
            values[count(j)].setNull(m.rows[i][j].first);
            values[count(j)].setText(blob(m.rows[i][j].second));
        }
    }
    const Refusal& why = m.why();
    b.setSqlstate(text(why.sqlstate));
    b.setMessage(text(why.message));
    b.setDetail(text(why.detail));
    b.setHint(text(why.hint));
    b.setConstraint(text(why.constraint));
    b.setTable(text(why.table));
    b.setColumn(text(why.column));
    b.setEarly(m.early);
    b.setEpoch(m.epoch);
}

void put(capnp_schema::Message::Builder out, const MemberRequest& m) {
    auto b = out.initMemberRequest();
    b.setNumber(m.number);
    b.setAction(text(m.action));
    b.setMember(text(m.member));
    b.setAddress(text(m.address));
}
void put(capnp_schema::Message::Builder out, const MemberAnswer& m) {
    auto b = out.initMemberAnswer();
    b.setNumber(m.number);
    b.setOk(m.ok);
    b.setText(text(m.text));
    b.setSqlstate(text(m.sqlstate));
    b.setMessage(text(m.message));
    b.setDetail(text(m.detail));
    b.setHint(text(m.hint));
}

Hello get(capnp_schema::Hello::Reader in) {
    Hello m;
    m.protocol = in.getProtocol();
    m.cluster = in.getCluster();
    m.schema_hash = in.getSchemaHash();
    m.name = text(in.getName());
    m.id = ReplicaId{in.getId()};
    m.version = text(in.getVersion());
    m.answer_wanted = in.getAnswerWanted();
    m.known = ReplicaId{in.getKnown()};
    m.members = bytes(in.getMembers());
    m.members_at = in.getMembersAt();
    return m;
}
Result<Message> get(capnp_schema::Have::Reader in) {
    Have m;
    if (!get(in.getVersion(), m.version))
        return fail(sqlstate::protocol_violation, "peer message: version vector out of order");
    m.reply_wanted = in.getReplyWanted();
    for (const auto word : in.getDigests()) m.digests.push_back(word);
    m.state_offered = in.getStateOffered();
    for (const auto origin : in.getSpared()) {
        if (!m.spared.empty() && m.spared.back().value >= origin)
            return fail(sqlstate::protocol_violation, "peer message: origins out of order");
        m.spared.push_back(ReplicaId{origin});
    }
    m.partial = in.getPartial();
    return m;
}
Result<Message> get(capnp_schema::StateRequest::Reader in) {
    StateRequest m;
    if (!get(in.getVersion(), m.version))
        return fail(sqlstate::protocol_violation, "peer message: version vector out of order");
    m.table = in.getTable();
    m.from = bytes(in.getFrom());
    return m;
}
Result<Message> get(capnp_schema::StateChunk::Reader in) {
    StateChunk m;
    if (!get(in.getVersion(), m.version) || !get(in.getShown(), m.shown))
        return fail(sqlstate::protocol_violation, "peer message: version vector out of order");
    m.table = in.getTable();
    m.from = bytes(in.getFrom());
    m.chunk = bytes(in.getChunk());
    m.next_table = in.getNextTable();
    m.next_from = bytes(in.getNextFrom());
    m.identities = bytes(in.getIdentities());
    return m;
}
std::vector<AuditRange> get(capnp::List<capnp_schema::AuditRange>::Reader in) {
    std::vector<AuditRange> out;
    for (const auto range : in)
        out.push_back({bytes(range.getFrom()), bytes(range.getTo()), range.getKeys(), range.getDigestLow(),
                       range.getDigestHigh()});
    return out;
}
Result<Message> get(capnp_schema::AuditRequest::Reader in) {
    AuditRequest m;
    if (!get(in.getVersion(), m.version))
        return fail(sqlstate::protocol_violation, "peer message: version vector out of order");
    m.table = in.getTable();
    m.ranges = get(in.getRanges());
    m.asked = in.getAsked();
    return m;
}
Result<Message> get(capnp_schema::AuditAnswer::Reader in) {
    AuditAnswer m;
    if (!get(in.getVersion(), m.version))
        return fail(sqlstate::protocol_violation, "peer message: version vector out of order");
    m.table = in.getTable();
    m.ranges = get(in.getRanges());
    for (const auto chunk : in.getChunks()) m.chunks.push_back(bytes(chunk));
    m.asked = in.getAsked();
    return m;
}
Result<Message> get(capnp_schema::StableRequest::Reader in) {
    StableRequest m;
    m.round = in.getRound();
    m.members = in.getMembers();
    m.farewell = in.getFarewell();
    if (!get(in.getWanted(), m.wanted))
        return fail(sqlstate::protocol_violation, "peer message: version vector out of order");
    return m;
}
Result<Message> get(capnp_schema::StableAnswer::Reader in) {
    StableAnswer m;
    m.round = in.getRound();
    m.farewell = in.getFarewell();
    if (!get(in.getVersion(), m.version))
        return fail(sqlstate::protocol_violation, "peer message: version vector out of order");
    return m;
}
Deltas get(capnp_schema::Deltas::Reader in) {
    Deltas m;
    for (const auto delta : in.getDeltas()) m.deltas.push_back(bytes(delta));
    return m;
}
Result<Message> get(capnp_schema::Forward::Reader in) {
    Forward m;
    m.origin = ReplicaId{in.getOrigin()};
    m.session = in.getSession();
    m.number = in.getNumber();
    for (const auto from : in.getSteps()) {
        auto& step = m.steps.emplace_back();
        step.transaction = text(from.getTransaction());
        step.statement = text(from.getStatement());
        for (const auto value : from.getParameters())
            step.parameters.push_back({value.getTypeOid(), {value.getNull(), bytes(value.getText())}});
        step.expected = from.getExpected();
        step.session = bytes(from.getSession());
    }
    if (in.hasDrawn()) {
        const auto from = in.getDrawn();
        m.drawn = DrawnValues{from.getNowMicros(), from.getSeed(), {}};
        for (const auto value : from.getIdentities()) m.drawn->identities.push_back(value);
    }
    if (!get(in.getSeen(), m.seen))
        return fail(sqlstate::protocol_violation, "peer message: version vector out of order");
    m.deadline_micros = in.getDeadlineMicros();
    m.follows_session = in.getFollowsSession();
    m.follows_number = in.getFollowsNumber();
    m.early = in.getEarly();
    m.epoch = in.getEpoch();
    return m;
}
Forwarded get(capnp_schema::Forwarded::Reader in) {
    Forwarded m;
    m.session = in.getSession();
    m.number = in.getNumber();
    m.csn = in.getCsn();
    m.ok = in.getOk();
    m.tag = text(in.getTag());
    for (const auto row : in.getRows()) {
        auto& out = m.rows.emplace_back();
        for (const auto value : row.getValues()) out.emplace_back(value.getNull(), bytes(value.getText()));
    }
    if (!m.ok)
        m.refusal = std::make_shared<const Refusal>(
            text(in.getSqlstate()), text(in.getMessage()), text(in.getDetail()), text(in.getHint()),
            text(in.getConstraint()), text(in.getTable()), text(in.getColumn()));
    m.early = in.getEarly();
    m.epoch = in.getEpoch();
    return m;
}

MemberRequest get(capnp_schema::MemberRequest::Reader in) {
    return {in.getNumber(), text(in.getAction()), text(in.getMember()), text(in.getAddress())};
}
MemberAnswer get(capnp_schema::MemberAnswer::Reader in) {
    return {in.getNumber(),        in.getOk(),           text(in.getText()), text(in.getSqlstate()),
            text(in.getMessage()), text(in.getDetail()), text(in.getHint())};
}

Result<Message> get(capnp_schema::Message::Reader in) {
    switch (in.which()) {
        case capnp_schema::Message::HELLO:
            return get(in.getHello());
        case capnp_schema::Message::HAVE:
            return get(in.getHave());
        case capnp_schema::Message::DELTAS:
            return get(in.getDeltas());
        case capnp_schema::Message::ORDER:
            return OrderMessage{bytes(in.getOrder().getBytes())};
        case capnp_schema::Message::FORWARD:
            return get(in.getForward());
        case capnp_schema::Message::FORWARDED:
            return get(in.getForwarded());
        case capnp_schema::Message::STATE_REQUEST:
            return get(in.getStateRequest());
        case capnp_schema::Message::STATE_CHUNK:
            return get(in.getStateChunk());
        case capnp_schema::Message::AUDIT_REQUEST:
            return get(in.getAuditRequest());
        case capnp_schema::Message::AUDIT_ANSWER:
            return get(in.getAuditAnswer());
        case capnp_schema::Message::MEMBER_REQUEST:
            return get(in.getMemberRequest());
        case capnp_schema::Message::MEMBER_ANSWER:
            return get(in.getMemberAnswer());
        case capnp_schema::Message::STABLE_REQUEST:
            return get(in.getStableRequest());
        case capnp_schema::Message::STABLE_ANSWER:
            return get(in.getStableAnswer());
    }
    return fail(sqlstate::protocol_violation, "peer message: of a kind this version does not know");
}

}  // namespace

Bytes encode(const Message& message) {
    capnp::MallocMessageBuilder builder;
    const auto root = builder.initRoot<capnp_schema::Message>();
    std::visit([&](const auto& m) { put(root, m); }, message);
    const auto words = capnp::messageToFlatArray(builder);
    const auto flat = words.asBytes();
    return {reinterpret_cast<const char*>(flat.begin()), flat.size()};
}

Result<Message> decode(BytesView in) {
    if (in.size() > message_bytes_max || in.size() % sizeof(capnp::word) != 0 || in.empty())
        return fail(sqlstate::protocol_violation, "peer message: bad size " + std::to_string(in.size()));
    // Copied for alignment. The traversal limit bounds the work a message can cause by pointing at the same
    // bytes many times.
    auto words = kj::heapArray<capnp::word>(in.size() / sizeof(capnp::word));
    std::memcpy(words.begin(), in.data(), in.size());
    try {
        capnp::ReaderOptions options;
        options.traversalLimitInWords = 8 * words.size() + 1024;
        capnp::FlatArrayMessageReader reader(words, options);
        return get(reader.getRoot<capnp_schema::Message>());
    } catch (const kj::Exception& problem) {
        return fail(sqlstate::protocol_violation,
                    std::string("peer message: ") + problem.getDescription().cStr());
    } catch (const std::exception& problem) {
        return fail(sqlstate::protocol_violation, std::string("peer message: ") + problem.what());
    }
}

}  // namespace anabranch::wire
