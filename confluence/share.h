// The coordination share: of a workload, given as weights of transactions, what part waits for the order;
// and, when keys are drawn with a skew, how often calls that run at the same time need the same key of it.
//
// The model: calls are drawn independently by weight. Every parameter that a conflict compares is drawn from
// the same keys, the k-th most popular with probability proportional to 1 / k^theta (Zipf; theta 0 is
// uniform). Two calls meet when their transactions conflict and all parameters of the conflict's scope are
// equal.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/catalog/plan.h"
#include "lib/catalog/schema.h"

namespace anabranch::confluence {

struct Report;

struct Mix {
    std::vector<double> weights;  // per transaction of the schema; their sum is 1
};
// "withdraw=20,deposit=80": any weights, only their proportions count.
Result<Mix> parse_mix(const catalog::Schema& schema, std::string_view text);

struct Skew {
    double theta = 0;
    std::uint32_t keys = 1000;
};

struct Share {
    struct Part {
        std::uint32_t transaction = 0;
        double weight = 0;
        catalog::Route route = catalog::Route::ordered;
    };
    std::vector<Part> parts;  // those with a weight, in the schema's order
    double free = 0, escrow = 0, ordered = 0, read_only = 0;
    struct Meeting {
        std::uint32_t calls = 0;  // that run at the same time
        double share = 0;         // of them meet another
    };
    struct Contention {
        Skew skew;
        double hottest = 0;  // the part of all draws that the most popular key gets
        std::vector<Meeting> meetings;
    };
    std::optional<Contention> contention;
};
Share share_of(const Report& report, const Mix& mix, const std::optional<Skew>& skew);

}  // namespace anabranch::confluence
