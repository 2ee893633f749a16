#include "node/order/codec.h"

namespace anabranch::order {

namespace {

enum class Kind : std::uint8_t {  // on links: never renumbered
    vote_request = 1,
    vote_reply = 2,
    append = 3,
    append_reply = 4,
    install_snapshot = 5,
    timeout_now = 6,
    read_request = 7,
    read_reply = 8,
    recovery_request = 9,
    recovery_reply = 10,
};

bool get_flag(ByteReader& reader) {
    const std::uint8_t byte = reader.u8();
    if (byte > 1) reader.fail();
    return byte == 1;
}

void put_flag(ByteWriter& writer, bool flag) {
    writer.u8(flag ? 1 : 0);
}

class Putter {
  public:
    explicit Putter(ByteWriter& writer) : writer_(writer) {}
    void operator()(const VoteRequest& m) {
        head(Kind::vote_request, m.epoch);
        writer_.varint(m.last_index);
        writer_.varint(m.last_epoch);
        put_flag(writer_, m.pre);
        put_flag(writer_, m.transfer);
    }
    void operator()(const VoteReply& m) {
        head(Kind::vote_reply, m.epoch);
        writer_.varint(m.requested);
        put_flag(writer_, m.pre);
        put_flag(writer_, m.granted);
    }
    void operator()(const Append& m) {
        head(Kind::append, m.epoch);
        for (const std::uint64_t n : {m.previous_index, m.previous_epoch, m.commit, m.round})
            writer_.varint(n);
        writer_.varint(m.entries.size());
        for (const Entry& entry : m.entries) put(writer_, entry);
    }
    void operator()(const AppendReply& m) {
        head(Kind::append_reply, m.epoch);
        writer_.varint(m.round);
        put_flag(writer_, m.rejected);
        for (const std::uint64_t n : {m.previous_index, m.seen, m.held, m.hint_index, m.hint_epoch})
            writer_.varint(n);
    }
    void operator()(const InstallSnapshot& m) {
        head(Kind::install_snapshot, m.epoch);
        writer_.varint(m.round);
        writer_.varint(m.commit);
        put(writer_, m.snapshot);
    }
    void operator()(const TimeoutNow& m) { head(Kind::timeout_now, m.epoch); }
    void operator()(const ReadRequest& m) {
        head(Kind::read_request, m.epoch);
        writer_.u64(m.id);
    }
    void operator()(const ReadReply& m) {
        head(Kind::read_reply, m.epoch);
        writer_.u64(m.id);
        put_flag(writer_, m.granted);
        writer_.varint(m.index);
    }
    void operator()(const RecoveryRequest& m) {
        head(Kind::recovery_request, m.epoch);
        writer_.u64(m.id);
    }
    void operator()(const RecoveryReply& m) {
        head(Kind::recovery_reply, m.epoch);
        writer_.u64(m.id);
        writer_.varint(m.last_index);
        writer_.varint(m.last_epoch);
        writer_.sized(encode(m.members));
        writer_.varint(m.members_index);
        put_flag(writer_, m.members_committed);
    }

  private:
    void head(Kind kind, Epoch epoch) {
        writer_.u8(static_cast<std::uint8_t>(kind));
        writer_.varint(epoch);
    }
    ByteWriter& writer_;
};

Append get_append(ByteReader& reader) {
    Append m;
    m.previous_index = reader.varint();
    m.previous_epoch = reader.varint();
    m.commit = reader.varint();
    m.round = reader.varint();
    const std::uint64_t count = reader.varint();
    for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) m.entries.push_back(get_entry(reader));
    return m;
}

AppendReply get_append_reply(ByteReader& reader) {
    AppendReply m;
    m.round = reader.varint();
    m.rejected = get_flag(reader);
    m.previous_index = reader.varint();
    m.seen = reader.varint();
    m.held = reader.varint();
    m.hint_index = reader.varint();
    m.hint_epoch = reader.varint();
    return m;
}

RecoveryReply get_recovery_reply(ByteReader& reader) {
    RecoveryReply m;
    m.id = reader.u64();
    m.last_index = reader.varint();
    m.last_epoch = reader.varint();
    if (auto members = decode_members(reader.sized()))
        m.members = std::move(*members);
    else
        reader.fail();
    m.members_index = reader.varint();
    m.members_committed = get_flag(reader);
    return m;
}

// Braced initializers are evaluated in order: the fields are read in the sequence in which they were put.
Message get_body(Kind kind, Epoch epoch, ByteReader& reader) {
    switch (kind) {
        case Kind::vote_request: {
            const Index last = reader.varint();
            const Epoch last_epoch = reader.varint();
            const bool pre = get_flag(reader);
            return VoteRequest{epoch, last, last_epoch, pre, get_flag(reader)};
        }
        case Kind::vote_reply: {
            const Epoch requested = reader.varint();
            const bool pre = get_flag(reader);
            return VoteReply{epoch, requested, pre, get_flag(reader)};
        }
        case Kind::append: {
            Append m = get_append(reader);
            m.epoch = epoch;
            return m;
        }
        case Kind::append_reply: {
            AppendReply m = get_append_reply(reader);
            m.epoch = epoch;
            return m;
        }
        case Kind::install_snapshot: {
            const std::uint64_t round = reader.varint();
            const Index commit = reader.varint();
            return InstallSnapshot{epoch, round, commit, get_snapshot(reader)};
        }
        case Kind::timeout_now:
            return TimeoutNow{epoch};
        case Kind::read_request:
            return ReadRequest{epoch, reader.u64()};
        case Kind::read_reply: {
            const std::uint64_t id = reader.u64();
            const bool granted = get_flag(reader);
            return ReadReply{epoch, id, granted, reader.varint()};
        }
        case Kind::recovery_request:
            return RecoveryRequest{epoch, reader.u64()};
        case Kind::recovery_reply: {
            RecoveryReply m = get_recovery_reply(reader);
            m.epoch = epoch;
            return m;
        }
    }
    reader.fail();
    return TimeoutNow{};
}

}  // namespace

Bytes encode(const Message& message) {
    Bytes out;
    ByteWriter writer(out);
    std::visit(Putter(writer), message);
    return out;
}

Result<Message> decode_message(BytesView bytes) {
    ByteReader reader(bytes);
    const auto kind = static_cast<Kind>(reader.u8());
    const Epoch epoch = reader.varint();
    Message message = get_body(kind, epoch, reader);
    if (reader.complete()) return message;
    return fail(sqlstate::protocol_violation,
                "a message of the order cannot be read: " + std::to_string(bytes.size()) + " bytes of kind " +
                    std::to_string(static_cast<int>(kind)));
}

void put(ByteWriter& writer, const Dots& dots) {
    writer.varint(dots.size());
    for (const Dot& dot : dots) {
        writer.u64(dot.origin.value);
        writer.varint(dot.seq);
    }
}

Dots get_dots(ByteReader& reader) {
    Dots dots;
    const std::uint64_t count = reader.varint();
    if (count > reader.left() / (sizeof(std::uint64_t) + 1)) reader.fail();
    for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
        const ReplicaId origin{reader.u64()};
        dots.push_back({origin, reader.varint()});
    }
    if (!well_formed(dots)) reader.fail();
    return dots;
}

void put(ByteWriter& writer, const Entry& entry) {
    writer.varint(entry.index);
    writer.varint(entry.epoch);
    writer.u8(static_cast<std::uint8_t>(entry.kind));
    put(writer, entry.dependencies);
    writer.sized(entry.payload);
}

Entry get_entry(ByteReader& reader) {
    Entry entry;
    entry.index = reader.varint();
    entry.epoch = reader.varint();
    const std::uint8_t kind = reader.u8();
    if (kind > static_cast<std::uint8_t>(EntryKind::config)) reader.fail();
    entry.kind = static_cast<EntryKind>(kind);
    entry.dependencies = get_dots(reader);
    entry.payload = reader.sized();
    return entry;
}

void put(ByteWriter& writer, const Snapshot& snapshot) {
    writer.varint(snapshot.index);
    writer.varint(snapshot.epoch);
    put(writer, snapshot.dependencies);
    writer.sized(encode(snapshot.members));
}

Snapshot get_snapshot(ByteReader& reader) {
    Snapshot snapshot;
    snapshot.index = reader.varint();
    snapshot.epoch = reader.varint();
    snapshot.dependencies = get_dots(reader);
    auto members = decode_members(reader.sized());
    if (members) {
        snapshot.members = std::move(*members);
    } else {
        reader.fail();
    }
    return snapshot;
}

}  // namespace anabranch::order
