#include "confluence/bailis.h"

#include <catch2/catch.hpp>

namespace anabranch::confluence {

TEST_CASE("the table of Bailis 2015: each cell is decided as we argue, and every row as in the paper") {
    std::size_t rows = 0;
    for (const auto& cell : bailis_table()) {
        INFO(cell.number << " " << cell.invariant << " by " << cell.operation);
        const auto decided = decide(cell);
        REQUIRE(decided);
        CHECK(decided->verdict == (cell.ours ? Verdict::confluent : Verdict::not_confluent));
        CHECK_FALSE(decided->because.empty());
        if (cell.variant()) {
            CHECK(cell.ours != cell.paper);
            CHECK(std::string(cell.remark) != "");
        } else {
            CHECK(cell.ours == cell.paper);
            ++rows;
        }
    }
    CHECK(rows == 16);
}

}  // namespace anabranch::confluence
