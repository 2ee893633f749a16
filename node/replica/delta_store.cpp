#include "node/replica/delta_store.h"

namespace anabranch::replica {

void DeltaStore::add(Dot dot, Bytes bytes) {
    bytes_ += bytes.size();
    entries_.push_back({dot, std::make_shared<const Bytes>(std::move(bytes))});
}

void DeltaStore::trim(const crdt::VersionVector& stable) {
    while (!entries_.empty() && stable.contains(entries_.front().dot)) {
        const auto& entry = entries_.front();
        if (entry.dot.seq > dropped_.get(entry.dot.origin)) dropped_.set(entry.dot.origin, entry.dot.seq);
        bytes_ -= entry.bytes->size();
        entries_.pop_front();
        ++first_;
    }
}

}  // namespace anabranch::replica
