// Who belongs to the cluster: names, addresses, slots. It travels as the opaque part of the order's member
// lists (order::Members::roster), so that it is agreed, rolled back, compacted and recovered with them.
//
// In the order a member goes by a hash of its name: it keeps its vote and its promises when it gets a new
// data directory (standing.h), although it is another replica then.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/ids.h"

namespace anabranch::replica {

struct Options;

ReplicaId member_id(const std::string& name);

struct Roster {
    struct Member {
        std::string name, address;
        // Draws identity values of its own; never given to another member, not even to one of the same name.
        std::uint32_t slot = 0;
        bool voter = true;  // as soon as it has caught up
    };
    struct Former {
        std::string name, address;
        // What it had committed by itself: may still come, is all here, or is not wanted any more.
        enum class Past : std::uint8_t { open, here, given_up } past = Past::open;
    };
    static constexpr std::size_t former_max = 8;

    std::vector<Member> members;  // ascending by name
    // Those that were removed last: they are told so when they come back, and what they had committed by
    // themselves is still taken from them.
    std::vector<Former> former;
    std::uint32_t next_slot = 0;

    const Member* find(const std::string& name) const;
    Former* find_former(const std::string& name);
    void add(const std::string& name, const std::string& address, bool voter);
    void remove(const std::string& name);
    std::size_t open_count() const;  // of former ones
};

// Equal in lists of the same members and former ones; addresses are what each node was told at first.
std::uint64_t hash_of(const Roster& roster);
Bytes encode(const Roster& roster);
std::optional<Roster> decode_roster(BytesView bytes);
// Of a new cluster: what the command line says. Slots follow the names, so that every node computes the same.
Roster initial_roster(const Options& options);

}  // namespace anabranch::replica
