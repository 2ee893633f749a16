#include "node/replica/delta_store.h"

#include <algorithm>

namespace anabranch::replica {

void DeltaStore::add(Dot dot, Bytes bytes, std::uint64_t ticket, Instant now) {
    if (dot.seq != newest_.get(dot.origin) + 1 && dot.seq - 1 > dropped_.get(dot.origin))
        dropped_.set(dot.origin, dot.seq - 1);
    newest_.set(dot.origin, std::max(dot.seq, newest_.get(dot.origin)));
    bytes_ += bytes.size();
    entries_.push_back({dot, std::make_shared<const Bytes>(std::move(bytes)), ticket, now});
}

void DeltaStore::drop_front() {
    const auto& entry = entries_.front();
    if (entry.dot.seq > dropped_.get(entry.dot.origin)) dropped_.set(entry.dot.origin, entry.dot.seq);
    bytes_ -= entry.bytes->size();
    entries_.pop_front();
    ++first_;
}

void DeltaStore::trim(const crdt::VersionVector& stable) {
    while (!entries_.empty() && stable.contains(entries_.front().dot)) drop_front();
}

void DeltaStore::bound(std::size_t bytes_max) {
    while (bytes_ > bytes_max && !entries_.empty()) drop_front();
}

void DeltaStore::note_known(const crdt::VersionVector& known) {
    for (const auto& entry : known.entries()) {
        if (entry.seq <= newest_.get(entry.origin)) continue;
        dropped_.set(entry.origin, std::max(entry.seq, dropped_.get(entry.origin)));
        newest_.set(entry.origin, entry.seq);
    }
}

}  // namespace anabranch::replica
