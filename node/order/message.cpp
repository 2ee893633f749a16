#include "node/order/message.h"

namespace anabranch::order {

namespace {

std::string number(std::uint64_t n) {
    return std::to_string(n);
}

std::string text(const VoteRequest& m) {
    return std::string(m.pre ? "pre-vote?" : "vote?") + " last " + number(m.last_index) + "@" +
           number(m.last_epoch) + (m.transfer ? " transfer" : "");
}
std::string text(const VoteReply& m) {
    return std::string(m.pre ? "pre-vote " : "vote ") + (m.granted ? "granted" : "refused") + " for " +
           number(m.requested);
}
std::string text(const Append& m) {
    return "append after " + number(m.previous_index) + "@" + number(m.previous_epoch) + " entries " +
           number(m.entries.size()) + " commit " + number(m.commit) + " round " + number(m.round);
}
std::string text(const AppendReply& m) {
    if (m.rejected) {
        return "append rejected after " + number(m.previous_index) + " hint " + number(m.hint_index) + "@" +
               number(m.hint_epoch);
    }
    return "appended seen " + number(m.seen) + " held " + number(m.held) + " round " + number(m.round);
}
std::string text(const InstallSnapshot& m) {
    return "snapshot " + number(m.snapshot.index) + "@" + number(m.snapshot.epoch) + " round " +
           number(m.round);
}
std::string text(const TimeoutNow&) {
    return "stand now";
}
std::string text(const ReadRequest& m) {
    return "read? " + hex(m.id);
}
std::string text(const ReadReply& m) {
    return "read " + hex(m.id) + (m.granted ? " at " + number(m.index) : std::string(" refused"));
}

std::string text(const RecoveryRequest& m) {
    return "what have I promised? " + hex(m.id);
}
std::string text(const RecoveryReply& m) {
    return "last " + number(m.last_index) + "@" + number(m.last_epoch) + ", " + m.members.describe() + " " +
           " since " + number(m.members_index) + (m.members_committed ? "" : " (not committed)") + " " +
           hex(m.id);
}

}  // namespace

Epoch epoch_of(const Message& message) {
    return std::visit([](const auto& m) { return m.epoch; }, message);
}

std::string describe(const Message& message) {
    return std::visit([](const auto& m) { return "epoch " + number(m.epoch) + " " + text(m); }, message);
}

}  // namespace anabranch::order
