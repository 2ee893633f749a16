#include "node/pgwire/scram.h"

#include <catch2/catch.hpp>

#include "node/pgwire/startup.h"
#include "tests/support/property.h"

using namespace anabranch;
using namespace anabranch::pgwire;

namespace {
// The salt of RFC 7677's example, W22ZaJ0SNY7soEsUEjb6gQ== in base64.
const std::string rfc_salt("\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81", 16);
const std::string rfc_first = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const std::string rfc_final =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
ScramServer rfc_server(const std::string& password) {
    return {derive_secret(password, rfc_salt), "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"};
}
}  // namespace

TEST_CASE("the example exchange of RFC 7677 is reproduced") {
    auto server = rfc_server("pencil");
    const auto first = server.first(rfc_first);
    REQUIRE(first.has_value());
    CHECK(*first == "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
    const auto final = server.final(rfc_final);
    REQUIRE(final.has_value());
    CHECK(*final == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

TEST_CASE("a wrong password, another nonce and a changed binding are refused") {
    auto wrong = rfc_server("Pencil");
    (void)wrong.first(rfc_first);
    CHECK(wrong.final(rfc_final).error().sqlstate == "28P01");
    auto replayed = ScramServer(derive_secret("pencil", rfc_salt), "another");
    (void)replayed.first(rfc_first);
    CHECK(replayed.final(rfc_final).error().sqlstate == "08P01");
    auto stripped = rfc_server("pencil");
    (void)stripped.first("y" + rfc_first.substr(1));
    CHECK(stripped.final(rfc_final).error().sqlstate == "08P01");
    CHECK_FALSE(rfc_server("pencil").first("p=tls-unique,,n=user,r=abc").has_value());
}

TEST_CASE("secrets are written and read as PostgreSQL writes them") {
    const auto secret = derive_secret("from postgres", rfc_salt);
    CHECK(parse_secret(to_text(secret)) == secret);
    for (const char* damaged :
         {"", "md5abc", "SCRAM-SHA-256$", "SCRAM-SHA-256$4096:$:", "SCRAM-SHA-256$0:YQ==$YQ==:YQ==",
          "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$YQ==:YQ=="})
        CHECK_FALSE(parse_secret(damaged).has_value());
}

TEST_CASE("a users file names who may connect, and an error its line") {
    const auto users = Users::parse("# people\n\napp:secret\r\neve: with blanks \n", "seed");
    REQUIRE(users.has_value());
    CHECK(users->count() == 2);
    CHECK(users->secret_of("app") == derive_secret("secret", users->secret_of("app").salt));
    CHECK(users->secret_of("nobody") == users->secret_of("nobody"));
    CHECK(users->secret_of("nobody").salt.size() == users->secret_of("app").salt.size());
    for (const char* bad :
         {"a:b\nnonsense\n", "a:b\n:c\n", "a:b\na:c\n", "a:b\nc:\n", "a:b\nc:SCRAM-SHA-256$x\n"}) {
        const auto refused = Users::parse(bad, "seed");
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().message.find("line 2") != std::string::npos);
    }
}

TEST_CASE("hostile bytes never pass the beginning of a connection that asks for a password") {
    const auto users = Users::parse("app:secret\n", "seed");
    REQUIRE(users.has_value());
    const auto packet = [](const std::string& type, const std::string& body) {
        std::string out = type;
        for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>((body.size() + 4) >> shift));
        return out + body;
    };
    const std::string start = packet("", std::string("\0\3\0\0user\0app\0\0", 14));
    test::for_seeds(300, [&](Random& random) {
        StartupOptions options;
        options.users = &*users;
        options.nonce = "abcdefgh";
        options.tls = random.chance(0.5);
        Startup startup(options);
        std::string bytes =
            start + packet("p", std::string("SCRAM-SHA-256\0\0\0\0\x10", 18) + "n,,n=,r=clientxx") +
            packet("p", "c=biws,r=clientxxabcdefgh,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        for (auto changes = random.below(4); changes > 0; --changes)
            bytes[random.below(bytes.size())] = static_cast<char>(random.next());
        bytes.resize(random.below(bytes.size() + 1));
        std::string input, out;
        for (const char c : bytes) {
            input.push_back(c);
            std::string_view in = input;
            const auto step = startup.step(in, out);
            input.erase(0, input.size() - in.size());
            CHECK(step != Startup::Step::admitted);
            if (step != Startup::Step::more) return;
        }
    });
}
