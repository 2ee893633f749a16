#include "node/replica/refusal.h"

#include "crdt/table_shape.h"

namespace anabranch::replica {

namespace {

// Smaller ones fit into the segment that the log keeps in reserve, and their rows into anything.
constexpr std::size_t large = std::size_t{1} << 20;

Error too_large(const std::string& what, std::size_t bytes, std::size_t bytes_max) {
    return Error::make(program_limit_exceeded,
                       what + " is too large: it takes " + std::to_string(bytes) + " bytes")
        .with_detail("It goes from node to node as one message, so at most " + std::to_string(bytes_max) +
                     " bytes are possible. Nothing was changed.");
}

}  // namespace

std::optional<Error> refusal_of_size(const State& state, const exec::WriteSet& writes, std::size_t bytes) {
    if (bytes <= std::min(large, state.options.delta_bytes_max)) return {};
    if (bytes > state.options.delta_bytes_max)
        return too_large("this transaction", bytes, state.options.delta_bytes_max)
            .with_hint(
                "Do it in parts, each with a transaction of its own: UPDATE or DELETE a range of keys "
                "at a time, COPY a file in pieces.");
    const auto& shapes = crdt::TableShape::of(*state.schema);
    for (const auto& write : writes.rows) {
        if (write.row == nullptr) continue;
        const auto& layout = shapes[write.table.value].layout;
        const std::size_t row = exec::image_size(layout, exec::RowView(write.row, &layout));
        if (row > state.options.row_bytes_max)
            return too_large("a row of table " + state.schema->tables[write.table.value].display(), row,
                             state.options.row_bytes_max)
                .with_hint("Keep so much in several rows, or outside of the database.");
    }
    if (bytes > state.log_free)
        return Error::make(sqlstate::disk_full,
                           "the disk that holds this node's log has no room for this transaction")
            .with_detail("It takes " + std::to_string(bytes) + " bytes, and " +
                         std::to_string(state.log_free) + " are free. Nothing was changed.")
            .with_hint("Free some space, or do it in parts, each with a transaction of its own.");
    return {};
}

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

std::optional<Error> refusal_of_deltas(const State& state) {
    if (state.settled) return {};
    return Error::make(sqlstate::cannot_connect_now, "this node's data directory is new")
        .with_detail(
            "What it writes before it has heard of what was deleted could not be told from what was.")
        .with_hint("Use another node, or try again soon: it waits for an answer of the primary.");
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
