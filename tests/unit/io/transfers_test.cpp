// Many sockets by one system call, or by one for each: it makes no difference to what arrives.
#include <sys/socket.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <string>
#include <vector>

#include "node/io/file.h"
#include "node/io/transfers.h"

using anabranch::io::File;
using anabranch::io::Transfers;

namespace {

struct Pair {
    Pair() {
        std::array<int, 2> ends{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
        here = File(ends[0]);
        there = File(ends[1]);
    }
    File here, there;
};

void each_way(auto&& test) {
    for (const auto by : {Transfers::By::one_call_where_possible, Transfers::By::single_calls}) {
        Transfers transfers(by);
        CAPTURE(transfers.by_one_call());
        test(transfers);
    }
}

}  // namespace

TEST_CASE("what is sent on many sockets at once arrives at each, and what each sends is received") {
    each_way([](Transfers& transfers) {
        for (const std::size_t count : {std::size_t{1}, std::size_t{2}, std::size_t{150}}) {
            std::vector<Pair> pairs(count);
            std::vector<std::string> texts, rooms(count, std::string(16, '\0'));
            std::vector<Transfers::Transfer> sends, receives;
            for (std::size_t i = 0; i < count; ++i) texts.push_back("text " + std::to_string(i));
            for (std::size_t i = 0; i < count; ++i) {
                sends.push_back({pairs[i].here.get(), texts[i].data(), texts[i].size()});
                receives.push_back({pairs[i].there.get(), rooms[i].data(), rooms[i].size()});
            }
            transfers.send(sends);
            transfers.receive(receives);
            for (std::size_t i = 0; i < count; ++i) {
                CHECK(sends[i].done == static_cast<ssize_t>(texts[i].size()));
                REQUIRE(receives[i].done == sends[i].done);
                CHECK(rooms[i].substr(0, texts[i].size()) == texts[i]);
            }
        }
    });
}

TEST_CASE("a transfer that cannot be done now does not wait, and says so beside others that were done") {
    each_way([](Transfers& transfers) {
        Pair silent, ended, gone, full, good;
        char byte = 'x', room[8];
        ended.there = File();
        gone.there = File();
        std::string much(std::size_t{64} << 20, 'x');
        REQUIRE(::send(good.there.get(), "good", 4, 0) == 4);
        std::array<Transfers::Transfer, 3> receives{{{silent.here.get(), room, sizeof room},
                                                     {ended.here.get(), room, sizeof room},
                                                     {good.here.get(), room, sizeof room}}};
        transfers.receive(receives);
        CHECK(receives[0].done == -EAGAIN);
        CHECK(receives[1].done == 0);
        CHECK(receives[2].done == 4);
        std::array<Transfers::Transfer, 3> sends{{{gone.here.get(), &byte, 1},
                                                  {full.here.get(), much.data(), much.size()},
                                                  {good.here.get(), &byte, 1}}};
        transfers.send(sends);
        CHECK(sends[0].done == -EPIPE);
        CHECK(sends[1].done > 0);
        CHECK(sends[1].done < static_cast<ssize_t>(much.size()));
        CHECK(sends[2].done == 1);
        transfers.send({&sends[1], 1});
        CHECK(sends[1].done == -EAGAIN);
    });
}
