// Work that is shared among threads: what it finds must not depend on how many there are.
#include <atomic>
#include <catch2/catch.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "confluence/check.h"
#include "confluence/lanes.h"
#include "tests/unit/confluence/schemas.h"

namespace anabranch::confluence {

TEST_CASE("every lane is run once, whether there are fewer threads than lanes or more") {
    for (const std::size_t threads : {1, 2, 5}) {
        std::vector<std::atomic<int>> runs(3);
        run_lanes(3, threads, [&](std::size_t lane) { ++runs[lane]; });
        for (const auto& count : runs) CHECK(count == 1);
    }
    run_lanes(0, 2, [](std::size_t) { FAIL("there is no lane"); });
}

TEST_CASE("of several lanes that fail the first one's error is thrown, after all have ended") {
    for (const std::size_t threads : {2, 4}) {
        std::atomic<int> ended{0};
        try {
            run_lanes(4, threads, [&](std::size_t lane) {
                ++ended;
                if (lane != 0) throw std::runtime_error(std::to_string(lane));
            });
            FAIL("nothing was thrown");
        } catch (const std::runtime_error& error) {
            CHECK(std::string(error.what()) == "1");
        }
        CHECK(ended == 4);
    }
}

TEST_CASE("a report is the same to the letter with one thread, two and three") {
    const std::string orders = test::read_file(test::source_path("tools/examples/orders.sql"));
    for (const auto& schema : {test::bank(), test::schema_of(orders, "orders.sql")}) {
        Options options;
        const auto report = [&](std::size_t threads) {
            options.threads = threads;
            const auto found = check(schema, options);
            REQUIRE(found.has_value());
            return to_json(*found);
        };
        const std::string one = report(1);
        CHECK(report(2) == one);
        CHECK(report(3) == one);
    }
}

}  // namespace anabranch::confluence
