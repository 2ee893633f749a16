// Hostile clients against the whole of a node but its sockets.
#include <catch2/catch.hpp>

#include "node/pgwire/codec.h"
#include "tests/support/property.h"
#include "tests/unit/session/host.h"

using namespace anabranch;

namespace {

constexpr const char* schema = R"(
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE t (
    id bigint PRIMARY KEY, name text UNIQUE, n numeric(10, 2) CHECK (n >= 0), m mood, a integer[]
);
CREATE TABLE made (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, j jsonb);
CREATE PROCEDURE put(id bigint, name text)
BEGIN ATOMIC
    INSERT INTO t (id, name) VALUES (id, name) ON CONFLICT (id) DO UPDATE SET name = excluded.name;
END;
)";

// tidy: table
constexpr const char* statements[] = {
    "",
    ";;",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT s",
    "ROLLBACK TO s",
    "RELEASE s",
    "SELECT 1; SELECT 2",
    "SELECT 1/0",
    "SELECT * FROM t WHERE id = $1",
    "SELECT $1::int4range, $2::timestamptz, $3::uuid, $4::bytea, $5::integer[]",
    "INSERT INTO t VALUES ($1, $2, $3, $4, $5)",
    "INSERT INTO t (id, name) VALUES (1, 'a') ON CONFLICT DO NOTHING",
    "INSERT INTO made (j) VALUES ($1) RETURNING *",
    "UPDATE t SET name = $1 WHERE id = $2",
    "DELETE FROM t",
    "CALL put(1, 'x')",
    "CALL put($1, $2)",
    "DECLARE c SCROLL CURSOR FOR SELECT * FROM generate_series(1, 20)",
    "DECLARE h CURSOR WITH HOLD FOR SELECT * FROM t",
    "FETCH 3 FROM c",
    "FETCH BACKWARD ALL FROM c",
    "MOVE 5 IN c",
    "FETCH ALL FROM h",
    "CLOSE c",
    "CLOSE ALL",
    "COPY t (id, name) FROM STDIN",
    "COPY t FROM STDIN (FORMAT csv)",
    "COPY t FROM STDIN (FORMAT binary)",
    "COPY t TO STDOUT (FORMAT csv, HEADER)",
    "COPY (SELECT 1) TO STDOUT (FORMAT binary)",
    "SET application_name = 'x'",
    "SHOW ALL",
    "EXPLAIN SELECT * FROM t",
    "EXPLAIN CALL put(1, 'x')",
    "SELECT * FROM pg_class, generate_series(1, 3)",
    "DISCARD ALL",
};

std::string word(Random& random) {
    static const char* words[] = {"", "s1", "c", "h", "p"};
    return words[random.below(std::size(words))] + std::string(1, '\0');
}
std::string n16(std::uint64_t v) {
    return {static_cast<char>(v >> 8), static_cast<char>(v)};
}
std::string n32(std::uint64_t v) {
    return n16(v >> 16 & 0xffff) + n16(v & 0xffff);
}
std::string value(Random& random) {
    static const char* texts[] = {"1",     "a",          "-5.25", "happy", "{1,2}",
                                  "[1,5)", "2024-02-29", "\\x00", "{}",    ""};
    if (random.chance(0.2)) return n32(0xffffffff);
    std::string out = texts[random.below(std::size(texts))];
    if (random.chance(0.3)) {
        out.clear();
        for (auto size = random.below(17); size > 0; --size)
            out.push_back(static_cast<char>(random.below(4)));
    }
    return n32(out.size()) + out;
}

std::string body_of(char type, Random& random) {
    const std::string text = statements[random.below(std::size(statements))] + std::string(1, '\0');
    switch (type) {
        case 'Q':
            return text;
        case 'P':
            return word(random) + text + n16(0);
        case 'B': {
            const auto count = random.below(6);
            std::string out = word(random) + word(random) + n16(1) + n16(random.below(2)) + n16(count);
            for (std::uint64_t i = 0; i < count; ++i) out += value(random);
            return out + n16(1) + n16(random.below(2));
        }
        case 'D':
        case 'C':
            return (random.chance(0.5) ? "S" : "P") + word(random);
        case 'E':
            return word(random) + n32(random.below(4));
        case 'd': {
            static const char* data[] = {"1\ta\n",  "2,b,1.5,sad,\"{1}\"\n", "x\n", "3\tc", "\\.\n",
                                         "4\t\\N\n"};
            return data[random.below(std::size(data))];
        }
        case 'f':
            return text;
        default:
            return {};
    }
}

std::string message(Random& random) {
    static const std::string types = "QQQPPBBBDEEECSSSHddcfFp";
    const char type = types[random.below(types.size())];
    std::string body = body_of(type, random);
    for (auto changes = random.chance(0.15) ? random.below(4) : 0; changes > 0 && !body.empty(); --changes)
        body[random.below(body.size())] = static_cast<char>(random.next());
    if (random.chance(0.03)) body.resize(random.below(body.size() + 1));
    std::string out(1, type);
    out += n32(body.size() + 4) + body;
    if (random.chance(0.01)) out[1 + random.below(4)] = static_cast<char>(random.next());
    return out;
}

}  // namespace

TEST_CASE("clients that send anything get whole messages, and leave the node and others as they were") {
    test::Host host(schema);
    test::Client witness(host, 1);
    const std::string ask = std::string("Q") + n32(13) + "SELECT 1" + '\0';
    const std::string answer = witness.send(ask);
    REQUIRE(test::well_formed(answer));
    std::uint64_t number = 1;
    test::for_seeds(150, [&](Random& random) {
        test::Client client(host, ++number);
        for (int i = 0; i < 40 && !client.ended(); ++i) {
            std::string bytes = message(random);
            const std::size_t cut = random.chance(0.1) ? random.below(bytes.size()) : bytes.size();
            std::string got = client.send(std::string_view(bytes).substr(0, cut));
            got += client.send(std::string_view(bytes).substr(cut));
            REQUIRE(test::well_formed(got));
            REQUIRE(got.size() < 4'000'000);
        }
        REQUIRE(witness.send(ask) == answer);
    });
}

TEST_CASE("a row that COPY refuses leaves none of its rows") {
    test::Host host(schema);
    test::Client client(host, 1);
    const auto query = [&](const std::string& text) {
        return client.send("Q" + n32(text.size() + 5) + text + '\0');
    };
    const auto data = [](const std::string& text) { return "d" + n32(text.size() + 4) + text; };
    const std::string done = "c" + n32(4);
    CHECK(query("COPY t (id, name) FROM STDIN").starts_with("G"));
    CHECK(client.send(data("1\ta\n2\tb\n3") + data("\tc\n") + done).find("COPY 3") != std::string::npos);
    CHECK(query("COPY t (id, name) FROM STDIN").starts_with("G"));
    const std::string twice = client.send(data("4\td\n1\te\n") + done);
    CHECK(twice.find("23505") != std::string::npos);
    CHECK(query("SELECT count(*) FROM t").find(n32(1) + "3") != std::string::npos);
}
