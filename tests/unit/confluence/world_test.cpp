#include <catch2/catch.hpp>

#include "confluence/history.h"
#include "tests/unit/confluence/schemas.h"

namespace anabranch::confluence::world_test {

namespace {

CallStep call(std::uint32_t replica, std::string transaction, std::vector<std::string> arguments,
              std::vector<std::string> names = {}) {
    CallStep out;
    out.replica = replica;
    out.transaction = std::move(transaction);
    for (auto& text : arguments) out.arguments.push_back({std::move(text)});
    out.names = std::move(names);
    return out;
}

Replayed run(const catalog::SchemaPtr& schema, std::vector<Step> steps, std::uint32_t replicas = 2) {
    const auto replayed = replay(schema, {replicas, std::move(steps)});
    INFO((replayed ? std::string() : replayed.error().message));
    REQUIRE(replayed.has_value());
    return *replayed;
}

std::vector<std::string> names(const catalog::Schema& schema,
                               const std::vector<exec::Violation>& violations) {
    std::vector<std::string> out;
    for (const auto& violation : violations) out.push_back(schema.invariants[violation.invariant].name);
    return out;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("two withdrawals that do not know each other overdraw the account") {
    const auto schema = test::schema_of(test::audit_schema);
    const auto replayed =
        run(schema, {call(0, "withdraw", {"1", "80"}), call(1, "withdraw", {"1", "80"}), DeliverAllStep{}});
    CHECK_FALSE(replayed.steps[0].refused);
    CHECK_FALSE(replayed.steps[1].refused);
    CHECK(replayed.steps[0].wrote == Names{"accounts(id=1): balance 100 -> 20"});
    CHECK(names(*schema, replayed.violations[0]) == Names{"accounts_balance_check"});
    CHECK(names(*schema, replayed.violations[1]) == Names{"accounts_balance_check"});
    CHECK(replayed.violations[0][0].rows == Names{"accounts(id=1, balance=-60)"});
    CHECK(replayed.violated_step == 2);
}

TEST_CASE("a withdrawal that knows of the other is refused") {
    const auto schema = test::schema_of(test::audit_schema);
    const auto replayed = run(schema, {call(0, "withdraw", {"1", "80"}), DeliverStep{0, 1},
                                       call(1, "withdraw", {"1", "80"}), DeliverAllStep{}});
    CHECK(replayed.steps[2].refused);
    CHECK(replayed.steps[2].error.starts_with("23514"));
    CHECK(replayed.violated_step == -1);
    CHECK(replayed.violations[0].empty());
}

TEST_CASE("deposits apart add up") {
    const auto schema = test::schema_of(test::audit_schema);
    const auto replayed = run(schema, {call(0, "deposit", {"1", "5"}), call(1, "deposit", {"1", "7"}),
                                       DeliverAllStep{}, call(1, "audit", {})});
    CHECK(replayed.violated_step == -1);
    CHECK(replayed.steps[3].result == "overdrawn=0");
    CHECK(replayed.steps[3].wrote.empty());
}

TEST_CASE("an argument out of its domain is refused with the domain's SQLSTATE") {
    const auto schema = test::schema_of(test::audit_schema);
    const auto replayed = run(schema, {call(0, "withdraw", {"1", "-1"})});
    CHECK(replayed.steps[0].refused);
    CHECK(replayed.steps[0].error.starts_with("23514"));
}

TEST_CASE("a handle chosen twice is a violation though the keys are generated") {
    const auto schema = test::schema_of(test::users_schema);
    const auto replayed =
        run(schema, {call(0, "sign_up", {"'ann'"}), call(1, "sign_up", {"ann"}), DeliverAllStep{}});
    CHECK(names(*schema, replayed.violations[0]) == Names{"users_handle_key"});
}

TEST_CASE("a generated key has a name that later calls use, at other replicas too") {
    const auto schema = test::schema_of(test::users_schema);
    const auto replayed = run(schema, {call(0, "sign_up", {"'ann'"}, {"$ann"}), DeliverAllStep{},
                                       call(1, "rename_user", {"$ann", "'bob'"})});
    REQUIRE_FALSE(replayed.steps[2].refused);
    CHECK(replayed.steps[0].wrote == Names{"insert users(id=$ann, handle=ann)"});
    CHECK(replayed.steps[2].wrote == Names{"users(id=$ann): handle ann -> bob"});
}

TEST_CASE("a name that nobody gave is refused with the way to give it") {
    const auto schema = test::schema_of(test::users_schema);
    const auto replayed = run(schema, {call(0, "rename_user", {"$ann", "'bob'"})});
    CHECK(replayed.steps[0].refused);
    CHECK(replayed.steps[0].error.find("$ann") != std::string::npos);
}

TEST_CASE("a player joins a team that is disbanded elsewhere") {
    const auto schema = test::schema_of(test::teams_schema);
    const auto replayed =
        run(schema, {call(0, "join_team", {"1", "'ann'"}), call(1, "disband", {"1"}), DeliverAllStep{}});
    CHECK(names(*schema, replayed.violations[0]) == Names{"players_team_fkey"});
    const auto apart =
        run(schema, {call(0, "join_team", {"1", "'ann'"}), call(1, "disband", {"2"}), DeliverAllStep{}});
    CHECK(apart.violations[0].empty());
}

TEST_CASE("a guarded overwrite loses an update whichever way the clocks stand") {
    const auto schema = test::schema_of(test::score_schema);
    for (const std::int64_t skew : {0, 50, -50}) {
        auto second = call(1, "score", {"1", "60"});
        second.clock_millis = skew;
        const auto replayed = run(schema, {call(0, "score", {"1", "70"}), second, DeliverAllStep{}});
        REQUIRE(replayed.lost.size() == 1);
        CHECK(replayed.lost[0].invariant == "lost_update(players.best)");
        CHECK(replayed.violations[0].empty());
    }
}

TEST_CASE("writes that know each other lose nothing") {
    const auto schema = test::schema_of(test::score_schema);
    const auto replayed = run(schema, {call(0, "score", {"1", "60"}), DeliverAllStep{},
                                       call(1, "score", {"1", "70"}), DeliverAllStep{}});
    CHECK(replayed.lost.empty());
    const auto rows =
        run(schema, {call(0, "score", {"1", "60"}), call(1, "score", {"2", "70"}), DeliverAllStep{}});
    CHECK(rows.lost.empty());
}

TEST_CASE("the clock decides which register write is seen") {
    const auto schema = test::schema_of(test::users_schema);
    for (const std::int64_t skew : {5, -5}) {
        auto late = call(1, "rename_user", {"$ann", "'eve'"});
        late.clock_millis = skew;
        World world(schema, 2);
        REQUIRE(world.start());
        world.apply(call(0, "sign_up", {"'ann'"}, {"$ann"}));
        for (int i = 0; i < 20; ++i) world.apply(call(0, "sign_up", {"'filler" + std::to_string(i) + "'"}));
        world.apply(DeliverAllStep{});
        auto first = call(0, "rename_user", {"$ann", "'bob'"});
        first.clock_millis = 20;
        late.clock_millis += 20;
        world.apply(first);
        world.apply(late);
        world.apply(DeliverAllStep{});
        std::string found;
        const auto& users = *schema->find_table("", "users");
        world.state(0).scan(users.id, [&](exec::RowView row) {
            const auto handle = row.get(1).as_bytes();
            if (!handle.starts_with("filler")) found = handle;
            return true;
        });
        CHECK(found == (skew > 0 ? "eve" : "bob"));
    }
}

TEST_CASE("directories moved into each other violate the assertion") {
    const auto schema = test::schema_of(test::moves_schema);
    const auto replayed =
        run(schema, {call(0, "move", {"2", "3"}), call(1, "move", {"3", "2"}), DeliverAllStep{}});
    CHECK(names(*schema, replayed.violations[0]) == Names{"assertion.not_inside_each_other"});
    CHECK(replayed.lost.empty());
}

TEST_CASE("replicas end alike whatever the order of deliveries") {
    const auto schema = test::bank();
    World world(schema, 3);
    REQUIRE(world.start());
    for (const auto& step : std::vector<Step>{
             call(0, "open_account", {"1", "ann"}), call(0, "open_account", {"2", "bob"}), DeliverAllStep{},
             call(1, "deposit", {"1", "100"}), DeliverStep{1, 2}, call(2, "transfer", {"1", "2", "30"}),
             call(0, "rename_owner", {"2", "eve"}), DeliverStep{2, 0}, DeliverAllStep{}}) {
        const auto outcome = world.apply(step);
        INFO(outcome.error);
        REQUIRE_FALSE(outcome.refused);
    }
    for (const auto& table : schema->tables) {
        CHECK(world.state(0).digest(table.id) == world.state(1).digest(table.id));
        CHECK(world.state(0).digest(table.id) == world.state(2).digest(table.id));
    }
    for (std::uint32_t i = 0; i < 3; ++i) CHECK(world.violations(i).empty());
}

TEST_CASE("a statement that is no transaction runs as one") {
    const auto schema = test::schema_of(test::audit_schema);
    CallStep statement;
    statement.statement = "UPDATE accounts SET balance = balance - 80 WHERE id = 1";
    auto other = statement;
    other.replica = 1;
    const auto replayed = run(schema, {statement, other, DeliverAllStep{}});
    CHECK(names(*schema, replayed.violations[1]) == Names{"accounts_balance_check"});
}

TEST_CASE("the same history gives the same keys in every world") {
    const auto schema = test::schema_of(test::users_schema);
    const History history{2,
                          {call(0, "sign_up", {"'ann'"}), call(1, "sign_up", {"'bob'"}), DeliverAllStep{}}};
    const auto first = replay(schema, history), second = replay(schema, history);
    REQUIRE(first);
    REQUIRE(second);
    CHECK(first->steps[0].wrote == second->steps[0].wrote);
    CHECK(first->steps[1].wrote == second->steps[1].wrote);
    CHECK(first->steps[0].wrote != first->steps[1].wrote);
}

TEST_CASE("wrong calls are refused and leave the world usable") {
    const auto schema = test::schema_of(test::audit_schema);
    World world(schema, 2);
    REQUIRE(world.start());
    CHECK(world.apply(call(0, "nothing", {})).refused);
    CHECK(world.apply(call(0, "deposit", {"1"})).refused);
    CHECK(world.apply(call(0, "deposit", {"1", "2", "3"})).refused);
    CHECK(world.apply(call(0, "deposit", {"'x'", "2"})).refused);
    CHECK(world.apply(call(0, "deposit", {"1", "2) --"})).refused);
    CHECK_FALSE(world.apply(call(0, "deposit", {"1", "2"})).refused);
}

}  // namespace anabranch::confluence::world_test
