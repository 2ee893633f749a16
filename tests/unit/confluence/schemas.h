// Schemas for the tests of this room.
#pragma once

#include <catch2/catch.hpp>
#include <string>

#include "lib/catalog/load.h"
#include "tests/support/files.h"

namespace anabranch::test {

inline catalog::SchemaPtr schema_of(const std::string& text, const std::string& name = "test.sql") {
    const catalog::ScriptFile file{name, text};
    auto loaded = catalog::load({&file, 1});
    INFO(loaded.rendered_errors);
    REQUIRE(loaded.schema != nullptr);
    return loaded.schema;
}

inline catalog::SchemaPtr bank() {
    return schema_of(read_file(source_path("tools/examples/bank.sql")), "bank.sql");
}

inline std::uint32_t transaction_of(const catalog::Schema& schema, const std::string& name) {
    for (std::uint32_t i = 0; i < schema.transactions.size(); ++i)
        if (schema.transactions[i].name == name) return i;
    FAIL("no transaction " + name);
    return 0;
}

inline std::uint32_t invariant_of(const catalog::Schema& schema, const std::string& name) {
    for (std::uint32_t i = 0; i < schema.invariants.size(); ++i)
        if (schema.invariants[i].name == name) return i;
    FAIL("no invariant " + name);
    return 0;
}

// Published cases, small enough to be read here.
inline constexpr const char* audit_schema = R"sql(
CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);
CREATE TABLE accounts (
    id       bigint PRIMARY KEY,
    balance  bigint NOT NULL CHECK (balance >= 0)
);
INSERT INTO accounts VALUES (1, 100), (2, 0);
CREATE PROCEDURE deposit(account bigint, amount positive)
BEGIN ATOMIC
    UPDATE accounts SET balance = balance + amount WHERE id = account;
END;
CREATE PROCEDURE withdraw(account bigint, amount positive)
BEGIN ATOMIC
    UPDATE accounts SET balance = balance - amount WHERE id = account;
END;
CREATE FUNCTION audit() RETURNS TABLE (overdrawn bigint) STABLE
BEGIN ATOMIC
    SELECT count(*) FROM accounts WHERE balance < 0;
END;
)sql";

inline constexpr const char* users_schema = R"sql(
CREATE TABLE users (
    id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    handle  text NOT NULL UNIQUE
);
CREATE PROCEDURE sign_up(handle text)
BEGIN ATOMIC
    INSERT INTO users (handle) VALUES (handle);
END;
CREATE PROCEDURE rename_user(which uuid, new_handle text)
BEGIN ATOMIC
    UPDATE users SET handle = new_handle WHERE id = which;
END;
)sql";

inline constexpr const char* teams_schema = R"sql(
CREATE TABLE teams (
    id  bigint PRIMARY KEY
);
CREATE TABLE players (
    id    uuid   PRIMARY KEY DEFAULT gen_random_uuid(),
    team  bigint NOT NULL REFERENCES teams,
    name  text   NOT NULL
);
INSERT INTO teams VALUES (1), (2);
CREATE PROCEDURE join_team(team bigint, name text)
BEGIN ATOMIC
    INSERT INTO players (team, name) VALUES (team, name);
END;
CREATE PROCEDURE disband(team bigint)
BEGIN ATOMIC
    DELETE FROM teams WHERE id = team;
END;
)sql";

inline constexpr const char* score_schema = R"sql(
CREATE TABLE players (
    id    bigint PRIMARY KEY,
    best  bigint NOT NULL DEFAULT 0 CHECK (best >= 0)
);
INSERT INTO players (id) VALUES (1), (2);
CREATE PROCEDURE score(player bigint, points bigint)
BEGIN ATOMIC
    UPDATE players SET best = points WHERE id = player AND best < points;
END;
)sql";

inline constexpr const char* moves_schema = R"sql(
CREATE TABLE nodes (
    id      bigint PRIMARY KEY,
    parent  bigint REFERENCES nodes
);
INSERT INTO nodes VALUES (1, NULL), (2, 1), (3, 1);
CREATE SCHEMA assertion
    CREATE VIEW not_inside_each_other AS
        SELECT a.id, b.id AS other FROM nodes a JOIN nodes b ON a.parent = b.id AND b.parent = a.id;
CREATE PROCEDURE move(node bigint, target bigint)
BEGIN ATOMIC
    UPDATE nodes SET parent = target WHERE id = node;
END;
)sql";

// Effects are not stable: the guard of set_y is true only as long as nobody runs x1. No two calls from one
// state break the rule.
inline constexpr const char* unstable_schema = R"sql(
CREATE TABLE pair (
    id bigint PRIMARY KEY,
    x  bigint NOT NULL,
    y  bigint NOT NULL
);
CREATE TABLE other (
    id bigint PRIMARY KEY,
    y  bigint NOT NULL
);
INSERT INTO pair VALUES (1, 0, 0);
INSERT INTO other VALUES (1, 0);
CREATE SCHEMA assertion
    CREATE VIEW not_both AS SELECT p.id FROM pair p JOIN other o ON p.id = o.id WHERE p.x = 2 AND o.y = 1;
CREATE PROCEDURE set_y()
BEGIN ATOMIC
    UPDATE other SET y = 1 WHERE id = 1 AND EXISTS (SELECT FROM pair WHERE pair.id = 1 AND pair.x = 0);
END;
CREATE PROCEDURE x1()
BEGIN ATOMIC
    UPDATE pair SET x = 1 WHERE id = 1 AND x = 0;
END;
CREATE PROCEDURE x2()
BEGIN ATOMIC
    UPDATE pair SET x = 2 WHERE id = 1 AND x = 1;
END;
)sql";

}  // namespace anabranch::test
