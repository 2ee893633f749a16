#include "node/replica/member_changes.h"

#include <algorithm>

namespace anabranch::replica {

namespace {

constexpr Duration patience = seconds(10);
constexpr Duration repeat_after = millis(300);
constexpr order::Index caught_up_within = 16;  // entries: what is under way while calls go on
constexpr std::size_t asked_max = 64;          // outcomes that are remembered

constexpr std::string_view try_again_state = "55006";

Error try_again(const std::string& why) {
    return Error::make(try_again_state, why);
}
bool is_try_again(const Error& error) {
    return error.sqlstate == try_again_state;
}

Error error_of(const wire::MemberAnswer& answer) {
    return Error::make(answer.sqlstate, answer.message).with_detail(answer.detail).with_hint(answer.hint);
}

std::optional<Error> fault_in(const wire::MemberRequest& request, const Roster& roster) {
    const auto& name = request.member;
    const bool printable = std::all_of(name.begin(), name.end(), [](unsigned char c) { return c > ' '; });
    if (name.empty() || name.size() > 63 || !printable || name.find('=') != std::string::npos)
        return Error::make("22023", "\"" + name + "\" is no name for a member")
            .with_hint("Use up to 63 letters, digits and signs, without spaces and '='.");
    if (request.address.empty())
        return Error::make("22023", "the address of " + name + " is missing")
            .with_hint("Write NAME=HOST:PORT, with the address of its --gossip.");
    for (const auto& other : roster.members)
        if (other.name != name && other.address == request.address)
            return Error::make("22023", "member " + other.name + " has the address " + request.address);
    if (roster.next_slot + 1 >= IdentityValues::stride - 1)
        return Error::make("54000", "the cluster has had " + std::to_string(roster.next_slot) + " members")
            .with_detail("Each has identity values of its own, and no more can be told apart.");
    return {};
}

void erase(std::vector<ReplicaId>& list, ReplicaId id) {
    std::erase(list, id);
}

}  // namespace

// ---- at the node that is asked ----

void MemberChanges::ask(const wire::MemberRequest& request) {
    Asked& asked = asked_[request.number];
    asked.request = request;
    asked.deadline = state_.now + patience;
    while (asked_.size() > asked_max) asked_.erase(asked_.begin());
    send(asked_[request.number]);
}

void MemberChanges::send(Asked& asked) {
    asked.sent_at = state_.now;
    const std::string primary = ordered_.primary_name();
    if (primary.empty()) return;
    if (!ordered_.is_primary()) {
        if (gossip_.reachable(primary)) state_.out->push_back(Send{primary, asked.request, 0});
        return;
    }
    request({}, asked.request);
}

void MemberChanges::answer(const std::string&, const wire::MemberAnswer& answer) {
    tell({}, answer.number, answer.ok ? Result<std::string>(answer.text) : std::unexpected(error_of(answer)));
}

std::optional<Result<std::string>> MemberChanges::outcome(std::uint64_t number) const {
    const auto found = asked_.find(number);
    if (found == asked_.end()) return fail("22023", "nothing was asked for under this number");
    return found->second.outcome;
}

void MemberChanges::tick() {
    promote();
    ask_for_farewells();
    settle();
    for (auto& [number, asked] : asked_) {
        if (asked.outcome) continue;
        if (state_.now >= asked.deadline) {
            auto error = asked.problem
                             ? *asked.problem
                             : Error::make(sqlstate::cannot_connect_now, "no primary has answered in time")
                                   .with_detail(
                                       "Members are changed by the primary, and only while "
                                       "a majority of the voters is up.");
            asked.outcome = std::unexpected(std::move(error));
        } else if (state_.now - asked.sent_at >= repeat_after) {
            send(asked);
        }
    }
}

// ---- at the primary ----

void MemberChanges::request(const std::string& peer, const wire::MemberRequest& request) {
    const bool known = std::any_of(pending_.begin(), pending_.end(), [&](const Pending& item) {
        return item.requester == peer && item.request.number == request.number;
    });
    if (known && ordered_.is_primary()) return;
    if (auto done = carry_out(request))
        tell(peer, request.number, std::move(*done));
    else
        pending_.push_back({peer, request});
    settle();
}

void MemberChanges::tell(const std::string& requester, std::uint64_t number, Result<std::string> outcome) {
    if (!requester.empty()) {
        wire::MemberAnswer answer{number, outcome.has_value(), {}, {}, {}, {}, {}};
        if (outcome) {
            answer.text = *outcome;
        } else {
            const Error& error = outcome.error();
            answer.sqlstate = error.sqlstate;
            answer.message = error.message;
            answer.detail = error.detail;
            answer.hint = error.hint;
        }
        state_.out->push_back(Send{requester, std::move(answer), 0});
        return;
    }
    const auto found = asked_.find(number);
    if (found == asked_.end() || found->second.outcome) return;
    if (!outcome && is_try_again(outcome.error()))
        found->second.problem = outcome.error();
    else
        found->second.outcome = std::move(outcome);
}

MemberChanges::Done MemberChanges::carry_out(const wire::MemberRequest& request) {
    if (!ordered_.is_primary()) return std::unexpected(try_again("the primary has changed"));
    if (request.action == "transfer" || request.action == "step-down")
        return hand_over(request.action == "transfer" ? request.member : std::string());
    if (ordered_.status().members.joint())
        return std::unexpected(try_again("another change of members is under way"));
    if (request.action == "add" || request.action == "learner") return add(request, request.action == "add");
    if (request.action == "remove") return remove(request.member);
    if (request.action == "give-up") return give_up(request.member);
    return fail("22023", "unknown change \"" + request.action + "\"");
}

Result<void> MemberChanges::propose(order::Members next, const Roster& roster) {
    const auto refusal =
        ordered_.ask(order::ChangeMembers{std::move(next.voters), std::move(next.learners), encode(roster)});
    if (!refusal) return {};
    if (*refusal == order::Refusal::bad_members) return fail("22023", order::describe(*refusal));
    return std::unexpected(try_again(order::describe(*refusal)));
}

MemberChanges::Done MemberChanges::add(const wire::MemberRequest& request, bool voter) {
    order::Members next = ordered_.status().members;
    auto roster = decode_roster(next.roster).value_or(Roster{});
    const ReplicaId id = member_id(request.member);
    if (const auto* found = roster.find(request.member)) {
        if ((found->address == request.address || request.address.empty()) && (found->voter || !voter)) {
            if (!ordered_.status().committed_members.contains(id)) return {};
            return request.member + " is a member";
        }
        for (auto& member : roster.members)
            if (member.name == request.member) {
                if (!request.address.empty()) member.address = request.address;
                member.voter = member.voter || voter;
            }
    } else {
        if (auto fault = fault_in(request, roster)) return std::unexpected(std::move(*fault));
        if (const auto* gone = roster.find_former(request.member);
            gone != nullptr && gone->past == Roster::Former::Past::given_up)
            return fail(Error::make(sqlstate::object_not_in_prerequisite_state,
                                    request.member + " was removed and given up")
                            .with_detail("Deleted rows have been forgotten without asking it.")
                            .with_hint("Start the node with an empty directory, under another name."));
        roster.add(request.member, request.address, voter);
        next.learners.push_back(id);
    }
    if (auto proposed = propose(std::move(next), roster); !proposed) return std::unexpected(proposed.error());
    return {};
}

MemberChanges::Done MemberChanges::remove(const std::string& name) {
    const auto status = ordered_.status();
    order::Members next = status.members;
    auto roster = decode_roster(next.roster).value_or(Roster{});
    if (roster.find(name) == nullptr) {
        if (status.committed_members.contains(member_id(name))) return {};
        return name + " is no member";
    }
    erase(next.voters, member_id(name));
    erase(next.learners, member_id(name));
    if (auto stuck = stuck_without(name, next)) return std::unexpected(std::move(*stuck));
    if (forgets() && roster.open_count() >= Roster::former_max)
        return fail(Error::make(sqlstate::object_not_in_prerequisite_state,
                                std::to_string(roster.open_count()) +
                                    " members that were removed have not told what they leave behind")
                        .with_detail("Deleted rows are kept for them.")
                        .with_hint("Start them for a moment, or give one up: anabranch admin give-up NAME."));
    if (name == state_.options.name) {
        const auto done = hand_over({});
        if (!done->has_value()) return done;
        return std::unexpected(try_again("the primary hands over before it is removed"));
    }
    roster.remove(name);
    if (auto proposed = propose(std::move(next), roster); !proposed) return std::unexpected(proposed.error());
    return {};
}

std::optional<Error> MemberChanges::stuck_without(const std::string& name, const order::Members& next) const {
    if (next.voters.empty())
        return Error::make(sqlstate::object_not_in_prerequisite_state, name + " is the only voter")
            .with_detail("Without it there is no cluster.")
            .with_hint("Add another member first.");
    const auto status = ordered_.status();
    const auto up = std::count_if(next.voters.begin(), next.voters.end(), [&](ReplicaId id) {
        return answers(id, status) && has_caught_up(id, status);
    });
    if (2 * up > static_cast<std::ptrdiff_t>(next.voters.size())) return {};
    return Error::make(sqlstate::object_not_in_prerequisite_state,
                       "without " + name + " only " + std::to_string(up) + " of " +
                           std::to_string(next.voters.size()) +
                           " voters would be up and have what is committed")
        .with_detail("That is no majority: ordered calls would stop, and so would this change.")
        .with_hint("Remove members that are down first, or add others.");
}

MemberChanges::Done MemberChanges::give_up(const std::string& name) {
    const auto status = ordered_.status();
    auto roster = decode_roster(status.members.roster).value_or(Roster{});
    auto* gone = roster.find_former(name);
    if (gone == nullptr)
        return fail(Error::make("22023", name + " is not one of those that were removed last")
                        .with_hint("Remove a member first: anabranch admin remove " + name + "."));
    if (gone->past != Roster::Former::Past::open) {
        if (status.members != status.committed_members) return {};
        return done_text("give-up", name);
    }
    gone->past = Roster::Former::Past::given_up;
    if (auto proposed = propose(status.members, roster); !proposed) return std::unexpected(proposed.error());
    return {};
}

void MemberChanges::ask_for_farewells() {
    if (!ordered_.is_primary() || !forgets() || state_.now - farewells_asked_at_ < seconds(1)) return;
    farewells_asked_at_ = state_.now;
    const wire::StableRequest request{hash_of(state_.roster), {}, 0, true};
    for (const auto& contact : state_.contacts)
        if (contact.former && contact.past == Roster::Former::Past::open && gossip_.reachable(contact.name))
            state_.out->push_back(Send{contact.name, request, 0});
}

void MemberChanges::farewell(const std::string& peer, const wire::StableAnswer& answer) {
    if (!ordered_.is_primary() || !state_.held.covers(from_wire(answer.version))) return;
    const auto status = ordered_.status();
    if (status.members.joint() || status.members != status.committed_members) return;
    auto roster = decode_roster(status.members.roster).value_or(Roster{});
    if (hash_of(roster) != answer.round) return;  // it may have come back and been removed since
    auto* gone = roster.find_former(peer);
    if (gone == nullptr || gone->past != Roster::Former::Past::open) return;
    gone->past = Roster::Former::Past::here;
    (void)propose(status.members, roster);  // else when it is asked next
}

MemberChanges::Done MemberChanges::hand_over(const std::string& name) {
    if (name == state_.options.name) return name + " is the primary";
    const auto refusal = ordered_.ask(order::Transfer{name.empty() ? order::NOBODY : member_id(name)});
    const std::string target = name.empty() ? "the voter that holds most" : name;
    if (!refusal) return state_.options.name + " hands over to " + target;
    if (*refusal == order::Refusal::bad_target)
        return fail(Error::make(sqlstate::object_not_in_prerequisite_state,
                                name.empty() ? "no other voter answers"
                                             : name + " is no voter that the primary can reach")
                        .with_detail("The primary remains " + state_.options.name + "."));
    return std::unexpected(try_again(order::describe(*refusal)));
}

// One that has lost its directory holds nothing that counts, although it answers.
bool MemberChanges::has_caught_up(ReplicaId member, const order::Status& status) const {
    if (member == status.self) return true;
    return std::any_of(status.peers.begin(), status.peers.end(), [&](const order::PeerStatus& peer) {
        return peer.id == member && peer.held != 0 && peer.held + caught_up_within >= status.commit;
    });
}

bool MemberChanges::answers(ReplicaId member, const order::Status& status) const {
    if (member == status.self) return true;
    const Duration recent = state_.options.order.election_timeout;
    return std::any_of(status.peers.begin(), status.peers.end(), [&](const order::PeerStatus& peer) {
        return peer.id == member && peer.answered && state_.now - peer.heard < recent;
    });
}

std::string MemberChanges::done_text(const std::string& action, const std::string& name) {
    if (action == "give-up") return "nothing more is taken from " + name;
    return name + (action == "remove" ? " has been removed" : " is a member");
}

// Those whose lists are committed are told so.
void MemberChanges::settle() {
    if (pending_.empty()) return;
    const auto status = ordered_.status();
    auto items = std::move(pending_);
    pending_.clear();
    for (auto& item : items) {
        const auto& name = item.request.member;
        const auto& action = item.request.action;
        const bool added = action != "remove" && action != "give-up";
        const bool done = status.members == status.committed_members && !status.members.joint() &&
                          status.members.contains(member_id(name)) == added;
        if (done)
            tell(item.requester, item.request.number, done_text(action, name));
        else if (!ordered_.is_primary())
            tell(item.requester, item.request.number, std::unexpected(try_again("the primary has changed")));
        else
            pending_.push_back(std::move(item));
    }
}

// A learner that is to vote and has caught up becomes a voter: one at a time (thesis section 4.2.1).
void MemberChanges::promote() {
    if (!ordered_.is_primary()) return;
    const auto status = ordered_.status();
    if (status.members.joint() || status.members.learners.empty() ||
        status.members != status.committed_members)
        return;
    const auto roster = decode_roster(status.members.roster).value_or(Roster{});
    for (const auto& member : roster.members) {
        const ReplicaId id = member_id(member.name);
        if (!member.voter || status.members.votes(id) || !answers(id, status) || !has_caught_up(id, status))
            continue;
        order::Members next = status.members;
        erase(next.learners, id);
        next.voters.push_back(id);
        (void)propose(std::move(next), roster);
        return;
    }
}

// ---- for people ----

std::vector<Replica::MemberStatus> MemberChanges::members() const {
    const auto status = ordered_.status();
    const auto& list = status.committed_members;
    const std::string primary = ordered_.primary_name();
    std::vector<Replica::MemberStatus> out;
    for (const auto& member : state_.roster.members) {
        Replica::MemberStatus entry;
        entry.name = member.name;
        entry.address = member.address;
        const bool votes = std::binary_search(list.voters.begin(), list.voters.end(), member_id(member.name));
        entry.role = votes ? "voter" : member.voter ? "joining" : "learner";
        entry.self = member.name == state_.options.name;
        entry.primary = member.name == primary;
        entry.reachable = entry.self || gossip_.reachable(member.name);
        out.push_back(std::move(entry));
    }
    return out;
}

std::string MemberChanges::survives() const {
    const std::size_t voters = ordered_.status().committed_members.voters.size();
    if (voters == 0) return "this node has not joined a cluster yet";
    if (voters == 1)
        return "one voter: while it is down ordered calls stop, and if its disk is lost, so is all that no "
               "other replica and no backup holds";
    if (voters == 2)
        return "two voters: ordered calls need both and stop when either is down; free calls go on at the "
               "other. Either disk may be lost. A third voter would let one fail";
    const std::size_t lost = (voters - 1) / 2;
    return std::to_string(voters) + " voters: ordered calls go on while " + std::to_string(voters - lost) +
           " of them are up, so " + std::to_string(lost) + " may fail; free calls go on at every node";
}

}  // namespace anabranch::replica
