// Changes of membership by joint consensus (Raft section 6). A member list is in force from the moment it is
// in the log, and is rolled back with the log. One change at a time, and only once an entry of this epoch is
// committed: an earlier primary's change might otherwise still be under way, unseen.
//
// Why not the thesis' changes of one server at a time, which need no joint phase: they are safe only with
// that last rule, which the thesis lacked and its author added in 2015 (two primaries could each have an
// uncommitted change of the same list, with majorities that do not meet); and they go through lists that
// nobody asked for, so that to exchange a dead voter of three means to pass by a list of four that needs
// three, or of two that needs both. Here any set becomes any other in one step, and the rule holds as well.
#include <algorithm>

#include "node/order/core.h"

namespace anabranch::order {

void Core::on(const ChangeMembers& input) {
    if (!is_primary()) return refuse(Refusal::not_primary);
    if (commit_ < first_own_) return refuse(Refusal::unready);
    if (successor_ != NOBODY) return refuse(Refusal::transferring);
    if (log_.members().joint() || log_.members_index() > commit_) return refuse(Refusal::change_in_progress);
    Members next{input.voters, {}, input.learners, input.roster};
    for (auto* list : {&next.voters, &next.learners}) std::sort(list->begin(), list->end());
    if (next.voters.empty() || !well_formed(next)) return refuse(Refusal::bad_members);
    if (next.voters != log_.members().voters) {
        next.incoming = std::move(next.voters);
        next.voters = log_.members().voters;
    }
    append_own(EntryKind::config, encode(next), {});
}

void Core::members_changed(bool committed) {
    members_told_ = log_.members_index();
    outputs_.push_back(MembersChanged{log_.members(), committed});
    if (is_primary()) sync_peers();
}

// A replica that leaves stays a peer until its removal is committed, so that it hears of it.
void Core::sync_peers() {
    const Members& members = log_.members();
    for (const ReplicaId id : members.all()) {
        if (id == self_ || peers_.contains(id)) continue;
        Peer& peer = peers_[id];
        peer.next = log_.last() + 1;
        peer.heard = now_;
    }
    if (log_.members_index() > commit_) return;
    std::erase_if(peers_, [&](const auto& peer) { return !members.contains(peer.first); });
}

// At every commit of the primary: the joint phase may have been committed under an earlier one.
void Core::finish_change() {
    const Members& members = log_.members();
    if (log_.members_index() > commit_) return;
    if (members.joint()) {
        append_own(EntryKind::config, encode(Members{members.incoming, {}, members.learners, members.roster}),
                   {});
    } else if (!members.votes(self_)) {
        heartbeat_all();
        become_follower(epoch_, NOBODY);
    }
}

}  // namespace anabranch::order
