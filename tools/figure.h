// A figure of `bench`, beside what is aimed at.
#pragma once

#include <string>
#include <vector>

#include "lib/base/error.h"

namespace anabranch::tools {

struct Figure {
    std::string what;
    double value = 0;
    std::string unit;
    double aim = 0;  // 0: none
    bool more_is_better = false;
};
void print(const Figure& figure);
// The value that so large a share of them does not exceed, 0.5: the median; 0 of none.
double quantile(std::vector<double> values, double share);

// What this disk can do: small writes, each synced before the next.
Result<double> syncs_per_second(double seconds = 1);

}  // namespace anabranch::tools
