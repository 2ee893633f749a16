#include "node/pgwire/session.h"

#include <catch2/catch.hpp>
#include <map>

#include "node/pgwire/codec.h"
#include "tests/support/property.h"

using namespace anabranch;
using namespace anabranch::pgwire;

namespace {

struct FakePrepared final : Prepared {
    const std::vector<sql::Type>& parameter_types() const override { return types; }
    const std::vector<sql::OutputColumn>& columns() const override { return output; }
    Kind kind() const override { return what; }
    bool may_overlap() const override { return text == "overlap"; }
    std::vector<sql::Type> types;
    std::vector<sql::OutputColumn> output;
    Kind what = Kind::query;
    std::string text;
};

// "rows N": N rows of one int8; "echo": its $1; "later", "overlap", "durable", "fail"; "begin", "commit";
// anything else "OK".
class FakeBackend final : public Backend {
  public:
    Result<void> connect(const std::string& user, const std::string&,
                         const std::vector<std::pair<std::string, std::string>>&) override {
        if (user == "nobody") return fail("28000", "who?");
        return {};
    }
    std::vector<std::pair<std::string, std::string>> announced() const override {
        return {{"server_version", "15"}};
    }
    Result<PreparedPtr> prepare(std::string_view text, std::span<const sql::Type>) override {
        auto out = std::make_shared<FakePrepared>();
        out->text = text;
        const sql::Type int8{sql::TypeId::int8};
        if (text == "broken")
            return fail(Error::make(sqlstate::syntax_error, "syntax error").with_span({2, 1, true}));
        if (text.empty()) out->what = Prepared::Kind::empty;
        if (text.starts_with("rows") || text == "echo") out->output = {{"n", int8, {}, 0}};
        if (text == "echo") out->types = {int8};
        if (text == "begin") out->what = Prepared::Kind::begin;
        if (text == "commit") out->what = Prepared::Kind::commit;
        return out;
    }
    Result<std::vector<std::pair<std::uint32_t, std::uint32_t>>> split(std::string_view text) override {
        std::vector<std::pair<std::uint32_t, std::uint32_t>> out;
        for (std::uint32_t at = 0; at < text.size();) {
            const auto end = static_cast<std::uint32_t>(std::min(text.find(';', at), text.size()));
            if (end > at) out.emplace_back(at, end - at);
            at = end + 1;
        }
        return out;
    }
    Completion execute(std::uint64_t number, const Prepared& prepared, std::span<const sql::Datum> parameters,
                       exec::RowSink& sink, bool implicit) override {
        const auto& text = static_cast<const FakePrepared&>(prepared).text;
        last_number = number;
        implicit_seen = implicit_seen || implicit;
        executed.push_back(text);
        if (text == "begin") state = BlockState::in_block;
        if (text == "commit") state = BlockState::idle;
        if (text == "fail") return {When::now, 0, fail("22012", "division by zero")};
        if (text == "later" || text == "overlap") return {When::later, 0, Outcome{}};
        if (text == "durable") return {When::durable, ++ticket, Outcome{"CALL", {}, {}}};
        if (text == "echo") sink.row(parameters);
        std::size_t rows = text.starts_with("rows") ? std::stoul(text.substr(5)) : 0;
        for (std::size_t i = 0; i < rows; ++i) {
            const auto value = sql::Datum::integer(static_cast<std::int64_t>(i));
            sink.row({&value, 1});
        }
        return {When::now, 0,
                Outcome{text.starts_with("rows") ? "SELECT " + std::to_string(rows) : "OK", {}, {}}};
    }
    Completion end_implicit(std::uint64_t, bool failed) override {
        ended.push_back(failed);
        return {When::now, 0, Outcome{}};
    }
    BlockState block_state() const override { return state; }
    void cancel_running() override {}
    const sql::EnumLabels* enum_labels() const override { return nullptr; }

    std::vector<std::string> executed;
    std::vector<bool> ended;
    BlockState state = BlockState::idle;
    std::uint64_t ticket = 0, last_number = 0;
    bool implicit_seen = false;
};

std::string message(char type, const std::string& body) {
    std::string out;
    MessageWriter writer(out);
    writer.begin(type);
    writer.raw(body);
    writer.end();
    return out;
}
std::string z(const std::string& text) {
    return text + '\0';
}
std::string n16(std::uint16_t v) {
    return {static_cast<char>(v >> 8), static_cast<char>(v)};
}
std::string n32(std::uint32_t v) {
    return n16(static_cast<std::uint16_t>(v >> 16)) + n16(static_cast<std::uint16_t>(v));
}
std::string startup(const std::string& user) {
    const std::string body = n32(196608) + z("user") + z(user) + z("");
    return n32(static_cast<std::uint32_t>(body.size() + 4)) + body;
}
std::string parse(const std::string& text, const std::string& name = "") {
    return message('P', z(name) + z(text) + n16(0));
}
std::string bind_message(const std::string& parameters = n16(0), const std::string& portal = "") {
    return message('B', z(portal) + z("") + n16(0) + parameters + n16(0));
}
std::string execute(std::uint32_t limit = 0, const std::string& portal = "") {
    return message('E', z(portal) + n32(limit));
}
const std::string sync_message = message('S', "");

struct Wire {
    FakeBackend backend;
    Session session{backend, {}};
    Wire() {
        session.receive(startup("app"));
        (void)session.take_output();
    }
    // The types of the messages that came back, in order.
    std::string types(std::string bytes = {}) {
        if (bytes.empty()) bytes = session.take_output();
        std::string out;
        for (std::size_t at = 0; at + 5 <= bytes.size();
             at += MessageReader(std::string_view(bytes).substr(at + 1)).i32() + 1)
            out.push_back(bytes[at]);
        return out;
    }
    std::string send(const std::string& bytes) {
        session.receive(bytes);
        return types();
    }
};

}  // namespace

TEST_CASE("a start-up is answered by authentication, settings, the cancel key and readiness") {
    FakeBackend backend;
    Session session(backend, {});
    session.receive(n32(8) + n32(80877103));
    CHECK(session.take_output() == "N");
    session.receive(startup("app"));
    Wire helper;
    CHECK(helper.types(session.take_output()) == "RSKZ");
}

TEST_CASE("a refused user gets a fatal error and the connection ends") {
    FakeBackend backend;
    Session session(backend, {});
    session.receive(startup("nobody"));
    const auto out = session.take_output();
    CHECK(out[0] == 'E');
    CHECK(out.find("FATAL") != std::string::npos);
    CHECK(session.wants_close());
}

TEST_CASE("a cancel request is recognised") {
    FakeBackend backend;
    Session session(backend, {});
    session.receive(n32(16) + n32(80877102) + n32(7) + n32(9));
    REQUIRE(session.cancel_request().has_value());
    CHECK(session.cancel_request()->pid == 7);
    CHECK(session.cancel_request()->secret == 9);
}

TEST_CASE("a simple query answers rows, tag and readiness, whatever the pieces it arrives in") {
    const std::string query = message('Q', z("rows 2"));
    Wire whole;
    CHECK(whole.send(query) == "TDDCZ");
    Wire pieces;
    std::string got;
    for (const char c : query) {
        pieces.session.receive({&c, 1});
        got += pieces.session.take_output();
    }
    CHECK(pieces.types(got) == "TDDCZ");
}

TEST_CASE("several statements in one query stop at the first error and end their transaction as failed") {
    Wire wire;
    CHECK(wire.send(message('Q', z("one;fail;two"))) == "CEZ");
    CHECK(wire.backend.executed == std::vector<std::string>{"one", "fail"});
    CHECK(wire.backend.ended == std::vector<bool>{true});
}

TEST_CASE("a single statement is no implicit transaction, several are one") {
    Wire one;
    one.send(message('Q', z("one")));
    CHECK_FALSE(one.backend.implicit_seen);
    Wire two;
    CHECK(two.send(message('Q', z("one;two"))) == "CCZ");
    CHECK(two.backend.implicit_seen);
    CHECK(two.backend.ended == std::vector<bool>{false});
}

TEST_CASE("after an error in the extended protocol everything is skipped until Sync") {
    Wire wire;
    CHECK(wire.send(parse("fail") + bind_message() + execute() + parse("one") + bind_message() + execute() +
                    sync_message) == "12EZ");
    CHECK(wire.backend.executed == std::vector<std::string>{"fail"});
    CHECK(wire.send(parse("one") + bind_message() + execute() + sync_message) == "12CZ");
}

TEST_CASE("a portal with a row limit is read in pieces") {
    Wire wire;
    CHECK(wire.send(parse("rows 5") + bind_message() + execute(2)) == "12DDs");
    CHECK(wire.send(execute(2)) == "DDs");
    CHECK(wire.send(execute(2) + sync_message) == "DCZ");
}

TEST_CASE("text and binary parameters and results are the same value") {
    Wire wire;
    const std::string binary_in = n16(1) + n16(1) + n16(1) + n32(8) + n32(0) + n32(42);
    wire.session.receive(parse("echo") + message('B', z("") + z("") + binary_in + n16(0)) + execute() +
                         sync_message);
    CHECK(wire.session.take_output().find("42") != std::string::npos);
    wire.session.receive(message('B', z("") + z("") + n16(0) + n16(1) + n32(2) + "42" + n16(1) + n16(1)) +
                         execute() + sync_message);
    CHECK(wire.session.take_output().find(n32(8) + n32(0) + n32(42)) != std::string::npos);
    wire.session.receive(bind_message(n16(1) + n32(3) + std::string("4x2")) + execute() + sync_message);
    CHECK(wire.session.take_output().find("22P02") != std::string::npos);
}

TEST_CASE("an answer waits for its ticket, and what follows waits behind it") {
    Wire wire;
    CHECK(wire.send(message('Q', z("durable")) + message('Q', z("rows 1"))).empty());
    wire.session.durable(1);
    CHECK(wire.types() == "CZTDCZ");
}

TEST_CASE("a later completion resumes the pipeline where it stood") {
    Wire wire;
    CHECK(wire.send(message('Q', z("later")) + message('Q', z("one"))).empty());
    CHECK(wire.backend.executed.size() == 1);
    wire.session.complete(wire.backend.last_number, Outcome{"CALL", {}, {}});
    CHECK(wire.types() == "CZCZ");
    CHECK(wire.send(message('Q', z("later"))).empty());
    wire.session.complete(wire.backend.last_number, fail(sqlstate::cannot_connect_now, "no primary"));
    CHECK(wire.types() == "EZ");
}

TEST_CASE("what Parse and Bind are told goes out with the answer to the Execute that follows") {
    Wire wire;
    SECTION("once that has completed") {
        CHECK(wire.send(parse("later") + bind_message() + message('D', z("P")) + execute() + sync_message)
                  .empty());
        wire.session.complete(wire.backend.last_number, Outcome{"CALL", {}, {}});
        CHECK(wire.types() == "12nCZ");
    }
    SECTION("and is durable") {
        CHECK(wire.send(parse("durable") + bind_message() + execute() + sync_message).empty());
        CHECK(wire.session.durable(1));
        CHECK_FALSE(wire.session.durable(1));
        CHECK(wire.types() == "12CZ");
    }
    SECTION("or at once, when none follows") {
        CHECK(wire.send(parse("later") + message('H', "")) == "1");
        CHECK(wire.send(bind_message()) == "2");
        CHECK(wire.send(message('Q', z("one"))) == "CZ");
    }
}

TEST_CASE("a Bind that fails leaves no unnamed portal, and one that succeeds takes its place") {
    Wire wire;
    wire.send(parse("echo"));
    const auto echo = [](const std::string& number) {
        return bind_message(n16(1) + n32(static_cast<std::uint32_t>(number.size())) + number) + execute();
    };
    CHECK(wire.send(echo("41")) == "2DC");
    wire.session.receive(echo("42"));
    CHECK(wire.session.take_output().find("42") != std::string::npos);
    CHECK(wire.send(echo("4x2") + sync_message) == "EZ");
    wire.session.receive(execute() + sync_message);
    CHECK(wire.session.take_output().find("34000") != std::string::npos);
}

std::string transaction(const std::string& text) {
    return parse(text) + bind_message() + execute() + sync_message;
}

TEST_CASE("statements that may overlap are handed over before those ahead of them have completed") {
    Wire wire;
    const auto done = [](const std::string& tag) { return Outcome{tag, {}, {}}; };
    CHECK(wire.send(transaction("overlap") + transaction("overlap") + transaction("overlap")).empty());
    CHECK(wire.backend.executed.size() == 3);
    const auto last = wire.backend.last_number;
    CHECK(wire.session.busy());
    SECTION("and answered in their order") {
        wire.session.complete(last, done("third"));
        CHECK(wire.types().empty());
        wire.session.complete(last - 2, done("first"));
        auto bytes = wire.session.take_output();
        CHECK(wire.types(bytes) == "12CZ");
        CHECK(bytes.find("first") != std::string::npos);
        wire.session.complete(last - 1, fail(sqlstate::check_violation, "no money"));
        bytes = wire.session.take_output();
        CHECK(wire.types(bytes) == "12EZ12CZ");
        CHECK(bytes.find("third") != std::string::npos);
        CHECK_FALSE(wire.session.busy());
    }
    SECTION("while all others wait for them") {
        CHECK(wire.send(transaction("one") + message('Q', z("two"))).empty());
        wire.session.complete(last - 2, done("first"));
        wire.session.complete(last - 1, done("second"));
        CHECK(wire.types() == "12CZ12CZ");
        CHECK(wire.backend.executed.size() == 3);
        wire.session.complete(last, done("third"));
        CHECK(wire.types() == "12CZ12CZCZ");
        CHECK(wire.backend.executed.size() == 5);
    }
    SECTION("but not those that share a transaction") {
        CHECK(wire.send(parse("overlap") + bind_message() + execute() + execute() + sync_message).empty());
        CHECK(wire.backend.executed.size() == 3);
    }
    SECTION("nor more than a bounded number") {
        std::string many;
        for (int i = 0; i < 1000; ++i) many += transaction("overlap");
        wire.send(many);
        CHECK(wire.backend.executed.size() == 64);
        for (std::uint64_t number = last - 2; number <= last + 1000; ++number)
            wire.session.complete(number, done("CALL"));
        CHECK(wire.backend.executed.size() == 1003);
        CHECK_FALSE(wire.session.busy());
    }
    SECTION("and an end of the connection waits for them") {
        wire.send(message('X', ""));
        CHECK_FALSE(wire.session.wants_close());
    }
}

TEST_CASE("the position of an error counts characters of the whole message") {
    Wire wire;
    wire.session.receive(message('Q', z("öö;broken")));
    CHECK(wire.session.take_output().find(std::string("P6") + '\0') != std::string::npos);
}

TEST_CASE("empty queries, unknown names and unknown messages are answered as PostgreSQL does") {
    Wire wire;
    CHECK(wire.send(message('Q', z(""))) == "IZ");
    CHECK(wire.send(parse("") + bind_message() + execute() + sync_message) == "12IZ");
    CHECK(wire.send(message('D', "S" + z("nope")) + sync_message) == "EZ");
    CHECK(wire.send(message('B', z("") + z("nope") + n16(0) + n16(0) + n16(0)) + sync_message) == "EZ");
    CHECK(wire.send(message('C', "S" + z("nope")) + sync_message) == "3Z");
    wire.session.receive(message('!', ""));
    CHECK(wire.session.take_output().find("08P01") != std::string::npos);
    CHECK(wire.session.wants_close());
}

TEST_CASE("hostile bytes never crash a session") {
    test::for_seeds(300, [](Random& random) {
        Wire wire;
        for (int i = 0; i < 20 && !wire.session.wants_close(); ++i) {
            static const std::string kinds = "QPBDECSHXFdcfp";
            std::string body;
            for (auto size = random.below(40); size > 0; --size)
                body.push_back(static_cast<char>(random.below(random.chance(0.5) ? 4 : 256)));
            std::string bytes = message(kinds[random.below(kinds.size())], body);
            if (random.chance(0.1)) bytes[1 + random.below(4)] = static_cast<char>(random.next());
            wire.session.receive(bytes);
            (void)wire.session.take_output();
        }
    });
}
