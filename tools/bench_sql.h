// Speed of statements beside what is asked of it: the lines of `anabranch bench sql`.
#pragma once

#include <string>

#include "lib/base/error.h"

namespace anabranch::tools {

struct Bar {
    std::string what;
    double value = 0;
    std::string unit;
    double reference = 0;  // PostgreSQL's figure: then the bar is a multiple of it; 0: none
    double bar = 0;        // 0: none, the figure is just told
    bool less_is_better = false;
};
void print_bars_head();
void print_bar(const Bar& bar);

struct NewOrderSize {
    std::uint32_t items = 100'000, customers = 3000;  // per district; ten districts of one warehouse
    double seconds = 2;
};
// TPC-C's New-Order on one thread of this process, its deltas appended to a log file. With the file's
// assertions, or with its constraints and foreign keys only.
Result<Bar> measure_new_order(const std::string& schema_file, const NewOrderSize& size, bool assertions);

}  // namespace anabranch::tools
