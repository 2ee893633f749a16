#include "confluence/share.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "confluence/check.h"
#include "lib/base/random.h"
#include "tests/unit/confluence/schemas.h"

namespace anabranch::confluence {

namespace {

const Report& bank_report() {
    static const Report report = [] {
        Options options;
        options.repairs = false;
        auto checked = check(test::bank(), options);
        REQUIRE(checked);
        return std::move(*checked);
    }();
    return report;
}

Mix mix_of(const Report& report, std::string_view text) {
    auto mix = parse_mix(*report.schema, text);
    REQUIRE(mix);
    return *mix;
}

// Calls drawn one by one and compared pair by pair, with none of the arithmetic of share.cpp.
class Workload {
  public:
    Workload(const Report& report, const Mix& mix, const Skew& skew)
        : report_(report), transactions_(sums_of(mix.weights)) {
        std::vector<double> keys;
        for (std::uint32_t k = 1; k <= skew.keys; ++k) keys.push_back(1 / std::pow(k, skew.theta));
        keys_ = sums_of(keys);
    }
    double share_that_meets(std::size_t at_once, std::size_t rounds) {
        std::size_t meet = 0;
        for (std::size_t round = 0; round < rounds; ++round) {
            std::vector<Call> calls(at_once);
            for (auto& call : calls) {
                call.transaction = static_cast<std::uint32_t>(draw(transactions_));
                for (std::size_t i = 0; i < 8; ++i) call.keys.push_back(draw(keys_));
            }
            for (std::size_t a = 0; a < calls.size(); ++a) {
                bool any = false;
                for (std::size_t b = 0; b < calls.size(); ++b)
                    any = any || (a != b && conflict(calls[a], calls[b]));
                meet += any ? 1 : 0;
            }
        }
        return static_cast<double>(meet) / static_cast<double>(at_once * rounds);
    }

  private:
    struct Call {
        std::uint32_t transaction = 0;
        std::vector<std::size_t> keys;
    };
    static std::vector<double> sums_of(std::vector<double> weights) {
        for (std::size_t i = 1; i < weights.size(); ++i) weights[i] += weights[i - 1];
        return weights;
    }
    std::size_t draw(const std::vector<double>& sums) {
        const double at = static_cast<double>(random_.below(1U << 30)) / (1U << 30) * sums.back();
        return static_cast<std::size_t>(std::upper_bound(sums.begin(), sums.end(), at) - sums.begin());
    }
    bool conflict(const Call& a, const Call& b) const {
        for (const auto& pair : report_.pairs) {
            if (pair.transaction != a.transaction) continue;
            for (const auto& conflict : pair.conflicts) {
                if (conflict.with != b.transaction) continue;
                if (std::all_of(conflict.scope.begin(), conflict.scope.end(), [&](const Conflict::Key& key) {
                        return a.keys[key.own] == b.keys[key.other];
                    }))
                    return true;
            }
        }
        return false;
    }
    const Report& report_;
    Random random_{7};
    std::vector<double> transactions_, keys_;
};

}  // namespace

TEST_CASE("the share of ordered calls is the weight of the ordered transactions") {
    const auto& report = bank_report();
    const Share share = share_of(report, mix_of(report, "withdraw=20,deposit=60,statement=20"), std::nullopt);
    CHECK(share.ordered == Approx(0.2));
    CHECK(share.free == Approx(0.6));
    CHECK(share.read_only == Approx(0.2));
    CHECK_FALSE(share.contention);
    REQUIRE(share.parts.size() == 3);
    CHECK(report.schema->transactions[share.parts[0].transaction].name == "deposit");
    CHECK(share.parts[0].weight == Approx(0.6));
}

TEST_CASE("two calls of one transaction meet as often as two draws of a key agree") {
    const auto& report = bank_report();
    for (const double theta : {0.0, 0.5, 0.99, 2.0}) {
        const Share share = share_of(report, mix_of(report, "withdraw=1,deposit=4"), Skew{theta, 50});
        double sum = 0, squares = 0;
        for (int k = 1; k <= 50; ++k) {
            sum += std::pow(k, -theta);
            squares += std::pow(k, -2 * theta);
        }
        REQUIRE(share.contention);
        CHECK(share.contention->hottest == Approx(1 / sum));
        CHECK(share.contention->meetings[0].calls == 2);
        CHECK(share.contention->meetings[0].share == Approx(0.2 * 0.2 * squares / (sum * sum)));
    }
}

TEST_CASE("the share of calls that meet agrees with calls drawn one by one") {
    const auto& report = bank_report();
    const auto mix = mix_of(report, "withdraw=3,transfer=4,close_account=1,deposit=2");
    // transfer is met by its payer and by its payee: the second skew has too many keys to sum up all pairs.
    for (const Skew skew : {Skew{0.99, 40}, Skew{0.7, 1500}}) {
        const Share share = share_of(report, mix, skew);
        REQUIRE(share.contention);
        for (const auto& meeting : share.contention->meetings) {
            if (meeting.calls > 10) continue;
            const double drawn = Workload(report, mix, skew).share_that_meets(meeting.calls, 20'000);
            INFO(skew.keys << " keys, " << meeting.calls << " calls: " << meeting.share << ", drawn "
                           << drawn);
            CHECK(std::abs(meeting.share - drawn) < 0.01);
            CHECK(meeting.share > 0);
        }
    }
}

TEST_CASE("no call meets another one more often than it is ordered, and skew makes it more likely") {
    const auto& report = bank_report();
    const auto mix = mix_of(report, "withdraw=20,deposit=80");
    double before = 0;
    for (const double theta : {0.0, 0.5, 1.0, 1.5}) {
        const Share share = share_of(report, mix, Skew{theta, 1000});
        REQUIRE(share.contention);
        double less = 0;
        for (const auto& meeting : share.contention->meetings) {
            CHECK(meeting.share <= share.ordered);
            CHECK(meeting.share > less);
            less = meeting.share;
        }
        CHECK(less > before);
        before = less;
    }
}

TEST_CASE("a bad mix is refused with what is wrong and a way out") {
    const auto schema = test::bank();
    const auto refused = [&](std::string_view text, const std::string& message, const std::string& hint) {
        INFO(text);
        const auto mix = parse_mix(*schema, text);
        REQUIRE_FALSE(mix);
        CHECK(mix.error().message.find(message) != std::string::npos);
        CHECK(mix.error().hint.find(hint) != std::string::npos);
    };
    refused("", "cannot read", "NAME=WEIGHT");
    refused("withdraw", "has no weight", "withdraw=20");
    refused("=20", "has no weight", "NAME=WEIGHT");
    refused("witdraw=20", "no transaction \"witdraw\"", "Perhaps you meant withdraw");
    refused("buy=20", "no transaction \"buy\"", "deposit");
    refused("withdraw=much", "\"much\", is not a number", "NAME=WEIGHT");
    refused("withdraw=-1", "\"-1\", is not a number", "NAME=WEIGHT");
    refused("withdraw=nan", "is not a number", "NAME=WEIGHT");
    refused("withdraw=1e999", "is not a number", "NAME=WEIGHT");
    refused("withdraw=0,deposit=0", "add up to nothing", "proportions");
    refused("withdraw=1,withdraw=2", "named twice", "once");
    refused("withdraw=1,,deposit=2", "cannot read", "NAME=WEIGHT");
    CHECK(parse_mix(*schema, " withdraw=20% , deposit=80% "));
}

}  // namespace anabranch::confluence
