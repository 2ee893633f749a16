// What the order promises (Ongaro and Ousterhout 2014, figure 3), seen from outside, after every step of
// every replica: at most one primary per epoch; logs that agree on an entry agree on all before it; a new
// primary holds all that was committed before; no two replicas commit different entries at one position.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "node/replica/replica.h"

namespace anabranch::sim {

class OrderFacts {
  public:
    struct Broken {
        const char* rule = nullptr;  // null: nothing is
        std::string what;
    };
    // After a step of the node's replica; `life` is another one after each of its starts.
    Broken look(const std::string& node, std::uint32_t life, const replica::Replica& replica);

  private:
    struct Node {
        std::uint32_t life = 0;
        order::Index last = 0, commit = 0;
        order::Epoch last_epoch = 0, led = 0;  // the newest epoch that it was seen to lead
    };
    struct Written {  // an entry, by its position and epoch
        order::Epoch before = 0;
        std::uint64_t hash = 0;
    };
    struct Committed {
        order::Epoch epoch = 0, seen_in = 0;  // of the entry, and of whoever was first seen to know it
    };
    Broken check_log(const std::string& name, const Node& node, const order::Status& status,
                     const replica::Replica& replica);
    Broken check_commit(const std::string& name, const Node& node, const order::Status& status,
                        const replica::Replica& replica);
    Broken check_primary(const std::string& name, const order::Status& status,
                         const replica::Replica& replica);

    std::map<std::string, Node> nodes_;
    std::map<order::Epoch, std::string> primaries_;
    std::map<std::pair<order::Index, order::Epoch>, Written> written_;
    std::map<order::Index, Committed> committed_;
};

}  // namespace anabranch::sim
