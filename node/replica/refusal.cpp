#include "node/replica/refusal.h"

namespace anabranch::replica {

std::optional<Error> refusal_of_writes(const State& state, bool removes) {
    if (state.outdated)
        return Error::make(sqlstate::object_not_in_prerequisite_state,
                           "this node runs on an old copy of its data directory")
            .with_detail(
                "Its peers know deltas of this node that it does not know itself. New ones would get "
                "the same names, and no replica could tell them apart.")
            .with_hint("Stop it and give the directory an id of its own: anabranch restore DIR --data NEW.");
    if (state.belongs == State::Belongs::removed)
        return Error::make(sqlstate::object_not_in_prerequisite_state,
                           "this node has been removed from the cluster")
            .with_detail("Nobody would ever hear of what it writes. Reads still work, on what it had then.")
            .with_hint("Use another node, or let it come back: anabranch admin add " + state.options.name +
                       "=ADDRESS at a member.");
    if (!state.log_space)
        return Error::make(sqlstate::disk_full, "the disk that holds this node's log is full")
            .with_detail("Nothing that was acknowledged is lost; reads still work.")
            .with_hint("Free some space: writes are accepted again within a second.");
    if (state.memory_full && !removes)
        return Error::make(sqlstate::out_of_memory,
                           "the rows of this node have reached the memory they may use")
            .with_detail("All rows are kept in memory: " + std::to_string(state.memory_bytes) + " bytes of " +
                         std::to_string(state.options.memory_bytes_max) +
                         " are in use. Reads and DELETE still work.")
            .with_hint("Delete rows, or restart the node with a larger --memory-bytes.");
    return {};
}

std::optional<Error> refusal_of_all(const State& state) {
    if (state.belongs == State::Belongs::waiting ||
        state.joined_at > state.database.version().get(ORDER_ORIGIN))
        return Error::make(sqlstate::cannot_connect_now, "this node has not joined the cluster yet")
            .with_detail(state.members.empty()
                             ? "No member has let it in."
                             : "It is a member and fetches what was committed before it joined.")
            .with_hint(state.members.empty() ? "At a member: anabranch admin add " + state.options.name +
                                                   "=ADDRESS, with the address of its --gossip."
                                             : "Use another node, or try again soon.");
    if (!state.importing) return {};
    return Error::make(sqlstate::cannot_connect_now, "this node is fetching the state of the cluster")
        .with_detail("It was away for longer than its peers keep deltas, or has a new data directory.")
        .with_hint("Use another node, or try again soon; GET /status tells how far it is.");
}

}  // namespace anabranch::replica
