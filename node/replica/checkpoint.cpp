#include "node/replica/checkpoint.h"

#include <algorithm>
#include <utility>

namespace anabranch::replica {

namespace {

// What a part is: its first byte.
enum class PartKind : char {
    head = 'H',
    rows = 'P',              // the log position that they know, and a chunk
    rows_of_any_time = 'R',  // as older versions wrote them, which never forgot a deleted row
};

Error corrupt(const std::string& what) {
    return Error::make(sqlstate::io_error, "checkpoint: " + what);
}

}  // namespace

Checkpoint::Checkpoint(State& state, Gossip& gossip, Ordered& ordered, IdentityValues& identities,
                       std::function<void(Put)> image)
    : state_(state), gossip_(gossip), ordered_(ordered), identities_(identities), image_(std::move(image)) {}

// ---- recovery ----

Result<void> Checkpoint::recover(BytesView part, Record record) {
    if (part.empty()) return fail(corrupt("empty part"));
    last_size_ += part.size();
    const BytesView body = part.substr(1);
    ByteReader reader(body);
    if (part[0] == static_cast<char>(PartKind::rows_of_any_time))
        return state_.database.restore_chunk(body, recovered_version_, 0);
    if (part[0] == static_cast<char>(PartKind::rows)) {
        const Ticket position = reader.u64();
        if (reader.failed()) return fail(corrupt("a part without a position"));
        return state_.database.restore_chunk(reader.raw(reader.left()), recovered_version_, position);
    }
    if (part[0] != static_cast<char>(PartKind::head)) return fail(corrupt("a part of unknown kind"));
    recovered_begin_ = reader.u64();
    state_.next_ticket = recovered_begin_;
    state_.durable = recovered_begin_ - 1;
    while (!reader.done() && !reader.failed()) {
        const BytesView bytes = reader.sized();
        if (!reader.failed()) TRY_VOID(record(bytes));
    }
    if (!reader.complete()) return fail(corrupt("its head cannot be read"));
    return {};
}

Result<void> Checkpoint::recover_version(BytesView body) {
    ByteReader reader(body);
    const auto version = crdt::VersionVector::decode(reader);
    if (!version || !reader.complete()) return fail(corrupt("its version vector cannot be read"));
    recovered_version_ = *version;
    recovering_rows_ = true;
    state_.held = *version;
    return {};
}

void Checkpoint::rows_recovered() {
    if (std::exchange(recovering_rows_, false)) state_.database.set_version(recovered_version_);
}

void Checkpoint::recovered() {
    rows_recovered();
    state_.database.replay_at(0);
    state_.deltas.bound(state_.options.kept_bytes_max);
    state_.deltas.note_known(state_.held);
}

// ---- passes ----

void Checkpoint::consider() {
    if (running_ || !state_.log_space) return;
    const std::uint64_t grown = state_.log_bytes - last_begin_bytes_;
    const std::uint64_t due =
        std::max(state_.options.checkpoint_log_bytes_min, state_.options.checkpoint_log_ratio * last_size_);
    if (grown >= due || std::exchange(requested_, false)) start();
}

void Checkpoint::out(CheckpointPart::Step step, Bytes bytes) {
    bytes_ += bytes.size();
    state_.out->push_back(CheckpointPart{step, begin_, state_.newest_ticket(), std::move(bytes)});
}

void Checkpoint::start() {
    running_ = true;
    ending_ = false;
    bytes_ = 0;
    begin_ = state_.newest_ticket() + 1;
    version_ = state_.database.version();
    log_bytes_at_begin_ = state_.log_bytes;
    table_ = {0};
    next_key_.clear();

    Bytes head(1, static_cast<char>(PartKind::head));
    ByteWriter writer(head);
    writer.u64(begin_);
    const auto put = [&](RecordKind kind, BytesView body) {
        Bytes record(1, static_cast<char>(kind));
        record += body;
        writer.sized(record);
    };
    Bytes body;
    ByteWriter version(body);
    version_.encode(version);
    put(RecordKind::version, body);
    body.clear();
    identities_.encode(version);
    put(RecordKind::identity, body);
    gossip_.image(put);
    ordered_.image(version_.get(ORDER_ORIGIN), put);
    image_(put);
    out(CheckpointPart::Step::begin, std::move(head));
}

void Checkpoint::slice() {
    if (table_.value >= state_.schema->tables.size()) {
        ending_ = true;
        return out(CheckpointPart::Step::end, {});
    }
    auto chunk = state_.database.export_chunk(table_, next_key_, state_.options.slice_bytes);
    Bytes part(1, static_cast<char>(PartKind::rows));
    ByteWriter(part).u64(state_.newest_ticket());
    part += chunk.bytes;
    next_key_ = std::move(chunk.next_key);
    if (chunk.last) {
        ++table_.value;
        next_key_.clear();
    }
    out(CheckpointPart::Step::rows, std::move(part));
}

void Checkpoint::ready(const CheckpointReady& event) {
    if (!running_) return;
    if (!event.problem.empty()) {
        running_ = false;
        last_begin_bytes_ = state_.log_bytes;  // tried again when the log has grown as much again
        return state_.notice(Notice::Level::warning,
                             "no checkpoint could be written, so the log goes on growing: " + event.problem);
    }
    if (ending_)
        done();
    else
        slice();
}

void Checkpoint::done() {
    running_ = false;
    ++passes_;
    last_begin_bytes_ = log_bytes_at_begin_;
    last_size_ = bytes_;
    ordered_.compact(version_.get(ORDER_ORIGIN));
    state_.deltas.trim(gossip_.stable());
    // Deltas that some member lacks are read from the log again after a restart.
    Ticket before = begin_;
    if (state_.deltas.end() != state_.deltas.first())
        before = std::min(before, state_.deltas.at(state_.deltas.first()).ticket);
    state_.out->push_back(TruncateLog{before});
}

Replica::CheckpointStatus Checkpoint::status() const {
    return {running_, passes_, last_size_, state_.log_bytes - last_begin_bytes_};
}

}  // namespace anabranch::replica
