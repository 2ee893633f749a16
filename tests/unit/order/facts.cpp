#include "tests/unit/order/facts.h"

#include <algorithm>

namespace anabranch::order::test {

namespace {
std::string name(const Entry& entry) {
    return "entry " + std::to_string(entry.index) + " of epoch " + std::to_string(entry.epoch) + " (" +
           entry.payload.substr(0, 20) + ")";
}
}  // namespace

void violated(const std::string& property, const std::string& story) {
    throw Violation(property + ": " + story);
}

Epoch epoch_at(const Boot& log, Index index) {
    if (index == log.snapshot.index) return log.snapshot.epoch;
    const Entry* entry = entry_at(log, index);
    return entry == nullptr ? 0 : entry->epoch;
}

const Entry* entry_at(const Boot& log, Index index) {
    if (index <= log.snapshot.index || index > last_of(log)) return nullptr;
    return &log.entries[static_cast<std::size_t>(index - log.snapshot.index - 1)];
}

Index last_of(const Boot& log) {
    return log.snapshot.index + log.entries.size();
}

void Facts::became_primary(ReplicaId id, Epoch epoch, const Boot& written) {
    const auto [at, fresh] = primaries_.emplace(epoch, id);
    if (!fresh && at->second != id) {
        violated("election safety",
                 describe(id) + " and " + describe(at->second) + " in epoch " + std::to_string(epoch));
    }
    for (auto i = committed_.upper_bound(written.snapshot.index); i != committed_.end(); ++i) {
        if (i->second.epoch < epoch && epoch_at(written, i->first) != i->second.epoch) {
            violated("primary completeness",
                     describe(id) + " leads epoch " + std::to_string(epoch) + " without " + name(i->second));
        }
    }
}

void Facts::wrote(const Entry& entry, Epoch previous_epoch) {
    const auto [at, fresh] = written_.try_emplace({entry.index, entry.epoch}, entry.payload, previous_epoch);
    if (!fresh && at->second != std::pair(entry.payload, previous_epoch))
        violated("log matching", name(entry));
}

void Facts::voted(ReplicaId voter, Epoch epoch, ReplicaId candidate, const Durable* disk) {
    const auto [at, fresh] = votes_.emplace(std::pair(voter, epoch), candidate);
    if (disk == nullptr) return;
    if (!fresh && at->second != candidate) {
        violated("one vote per epoch", describe(voter) + " in epoch " + std::to_string(epoch) + " for " +
                                           describe(at->second) + " and " + describe(candidate));
    }
    const HardState& state = disk->log->hard_state;
    if (state.epoch < epoch || (state.epoch == epoch && state.vote != candidate)) {
        violated("a vote is durable before it is sent",
                 describe(voter) + " in epoch " + std::to_string(epoch));
    }
}

void Facts::acknowledged(const Durable& disk, Index held) {
    if (last_of(*disk.log) < held) {
        violated("an acknowledged entry is durable",
                 describe(disk.id) + " acknowledged " + std::to_string(held));
    }
    for (Index i = disk.log->snapshot.index + 1; i <= held; ++i) {
        if (!covers(*disk.deltas, entry_at(*disk.log, i)->dependencies)) {
            violated("an acknowledged entry's dependencies are durable",
                     describe(disk.id) + " acknowledged " + std::to_string(i));
        }
    }
}

void Facts::commit(const Entry& entry, ReplicaId by) {
    const auto [at, fresh] = committed_.emplace(entry.index, entry);
    if (fresh || at->second == entry) return;
    violated("state machine safety",
             name(at->second) + " was committed, and now at " + describe(by) + " " + name(entry));
}

void Facts::committed(const Boot& written, Index commit_index, const Members& members,
                      const std::vector<Durable>& disks, bool check_disks) {
    for (Index i = last_committed() + 1; i <= commit_index; ++i) {
        const Entry* entry = entry_at(written, i);
        if (entry == nullptr) continue;  // known to be committed from a snapshot
        commit(*entry, written.self);
        if (!check_disks) continue;
        const auto holds = [&](ReplicaId id) {
            return std::any_of(disks.begin(), disks.end(), [&](const Durable& disk) {
                if (disk.id != id) return false;
                if (disk.log->snapshot.index >= i) return true;
                return epoch_at(*disk.log, i) == entry->epoch && covers(*disk.deltas, entry->dependencies);
            });
        };
        for (const auto* list : {&members.voters, &members.incoming}) {
            const auto held = std::count_if(list->begin(), list->end(), holds);
            if (!list->empty() && 2 * held <= static_cast<std::ptrdiff_t>(list->size())) {
                violated("a committed entry and its dependencies are durable at a majority",
                         name(*entry) + " at " + std::to_string(held) + " of " + members.describe());
            }
        }
    }
}

void Facts::handed_out(ReplicaId id, const Entry& entry) {
    commit(entry, id);
}

void Facts::executes(ReplicaId id, Epoch epoch, Index applied) const {
    for (auto i = committed_.upper_bound(applied); i != committed_.end(); ++i) {
        if (i->second.epoch < epoch) {
            violated("a new primary executes only after it has applied every committed entry",
                     describe(id) + " has applied " + std::to_string(applied) + ", not " + name(i->second));
        }
    }
}

void Facts::read(ReplicaId id, Index began_at, Index answered) const {
    if (answered >= began_at) return;
    violated("a read is linearizable", describe(id) + " read at " + std::to_string(answered) + ", but " +
                                           std::to_string(began_at) + " was committed when it began");
}

}  // namespace anabranch::order::test
