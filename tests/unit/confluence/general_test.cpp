#include "confluence/general.h"

#include <catch2/catch.hpp>

#include "lib/catalog/load.h"

using namespace anabranch;
using confluence::general_form;

namespace {

catalog::SchemaPtr schema() {
    const catalog::ScriptFile file{"test.sql", R"(
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE t (id bigint PRIMARY KEY, name text, n numeric(10, 2), m mood, at timestamptz);
)"};
    return catalog::load({&file, 1}, {}).schema;
}
std::string form_of(const std::string& statement) {
    const auto general = general_form(*schema(), statement, {});
    return general ? general->text : "none";
}

}  // namespace

TEST_CASE("statements that differ in constants only have one general form") {
    CHECK(form_of("INSERT INTO t VALUES (1, 'a', 1.5, 'sad')") ==
          form_of("INSERT INTO t VALUES (-2, 'it''s', 7, 'happy')"));
    CHECK(form_of("UPDATE t SET name = 'a' WHERE id = 1 AND n > 2.5") ==
          form_of("UPDATE t SET name = 'b' WHERE id = 700000000000 AND n > 3"));
    CHECK(form_of("UPDATE t SET n = n + 1.5 WHERE id = 1") ==
          form_of("UPDATE t SET n = n + -2 WHERE id = 2"));
    CHECK(form_of("DELETE FROM t WHERE id IN (1, 2)") == form_of("DELETE FROM t WHERE id IN (3, 4)"));
}

TEST_CASE("parameters get the types of what their constants are for") {
    const auto general =
        general_form(*schema(), "INSERT INTO t VALUES (1, 'a', 1.5, 'sad', '2024-01-01')", {});
    REQUIRE(general.has_value());
    REQUIRE(general->parameter_types.size() == 5);
    CHECK(general->parameter_types[0].id == sql::TypeId::int8);
    CHECK(general->parameter_types[1].id == sql::TypeId::text);
    CHECK(general->parameter_types[2].id == sql::TypeId::numeric);
    CHECK(general->parameter_types[3].id == sql::TypeId::enum_);
    CHECK(general->parameter_types[4].id == sql::TypeId::timestamptz);
}

TEST_CASE("rows of constants become any number of rows") {
    const auto two = general_form(*schema(), "INSERT INTO t (id, name) VALUES (1, 'a'), (2, NULL)", {});
    REQUIRE(two.has_value());
    CHECK(two->text == form_of("INSERT INTO t (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c')"));
    CHECK(two->parameter_types.size() == 2);
    CHECK(two->parameter_types[0].array);
}

TEST_CASE("null, booleans, and what is not a constant are left as they are") {
    CHECK(form_of("INSERT INTO t (id, name) VALUES (DEFAULT, NULL)") == "none");
    CHECK(form_of("UPDATE t SET n = n + t.id WHERE name IS NULL") == "none");
    CHECK(form_of("SELECT 1") == "none");
    CHECK(form_of("not SQL") == "none");
}
