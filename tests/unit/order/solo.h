// One core, driven by hand: for tests that speak about a single message. Persist outputs are kept until
// persisted() is called.
#pragma once

#include <utility>

#include "node/order/order.h"
#include "node/order/record.h"

namespace anabranch::order::test {

inline Entry entry(Index index, Epoch epoch, Bytes payload = "x", Dots dependencies = {}) {
    return {index, epoch, EntryKind::delta, std::move(payload), std::move(dependencies)};
}

inline Members voters(std::vector<ReplicaId> ids) {
    return {std::move(ids), {}, {}};
}

inline constexpr ReplicaId A{1}, B{2}, C{3}, D{4}, E{5};

class Solo {
  public:
    explicit Solo(Boot boot, Options options = {})
        : core_(make_order(options, std::move(boot), Random(7), Instant{})) {}
    // Three voters A, B and C, seen from A.
    static Boot three(std::vector<Entry> entries = {}, HardState hard_state = {}) {
        Boot boot;
        boot.self = A;
        boot.hard_state = hard_state;
        boot.snapshot.members = voters({A, B, C});
        boot.entries = std::move(entries);
        return boot;
    }

    Order& core() { return *core_; }
    Status status() const { return core_->status(); }
    Instant now() const { return now_; }
    void wait(Duration time) { now_ = now_ + time; }

    Outputs step(Input input) {
        outputs_ = core_->step(std::move(input), now_);
        for (const Output& output : outputs_) {
            if (const auto* persist = std::get_if<Persist>(&output)) {
                ticket_ = persist->ticket;
                for (Bytes& record : encode(*persist)) records_.push_back(std::move(record));
            }
        }
        return outputs_;
    }
    Outputs receive(ReplicaId from, Message message) { return step(Receive{from, std::move(message)}); }
    Outputs persisted() { return step(Persisted{ticket_}); }
    Outputs time_out() {  // the next deadline passes
        now_ = std::max(now_, core_->next_deadline());
        return step(Tick{});
    }
    // A becomes primary by B's vote, with everything durable; its empty entry is not committed yet.
    void lead() {
        time_out();
        receive(B, VoteReply{status().epoch, status().epoch + 1, true, true});
        persisted();
        receive(B, VoteReply{status().epoch, status().epoch, false, true});
        persisted();
    }
    // ... and now it is, and applied.
    void execute() {
        lead();
        acknowledge(B);
        persisted();
        step(Applied{status().last_index});
    }
    Outputs acknowledge(ReplicaId from) { return acknowledge(from, status().last_index); }
    Outputs acknowledge(ReplicaId from, Index held) {
        AppendReply reply;
        reply.epoch = status().epoch;
        reply.seen = reply.held = held;
        return receive(from, reply);
    }
    Outputs propose(Bytes delta, Dots dependencies = {}) {
        return step(Propose{core_->epoch(), core_->next_index(), std::move(delta), std::move(dependencies)});
    }

    // Of the last step.
    template <typename T>
    std::vector<T> all() const {
        std::vector<T> out;
        for (const Output& output : outputs_) {
            if (const T* item = std::get_if<T>(&output)) out.push_back(*item);
        }
        return out;
    }
    template <typename T>
    std::vector<std::pair<ReplicaId, T>> sent() const {
        std::vector<std::pair<ReplicaId, T>> out;
        for (const Send& send : all<Send>()) {
            if (const T* item = std::get_if<T>(&send.message)) out.emplace_back(send.to, *item);
        }
        return out;
    }
    const std::vector<Bytes>& records() const { return records_; }

  private:
    std::unique_ptr<Order> core_;
    Instant now_;
    Ticket ticket_ = 0;
    Outputs outputs_;
    std::vector<Bytes> records_;
};

}  // namespace anabranch::order::test
