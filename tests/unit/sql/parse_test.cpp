#include "lib/sql/parse.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "lib/sql/bounds.h"
#include "lib/sql/print.h"
#include "tests/support/files.h"
#include "tests/support/property.h"

using namespace anabranch;
using namespace anabranch::sql;

namespace {

ParsedScript script_of(const std::string& text) {
    return parse_script(Source("test.sql", text));
}

ast::Statement one(const std::string& text) {
    ParsedScript script = script_of(text);
    for (const Error& error : script.errors) UNSCOPED_INFO(Source("test.sql", text).render(error));
    REQUIRE(script.ok());
    REQUIRE(script.statements.size() == 1);
    return std::move(script.statements.front());
}

template <typename T>
T as(const std::string& text) {
    ast::Statement statement = one(text);
    REQUIRE(std::holds_alternative<T>(statement.node));
    return std::get<T>(std::move(statement.node));
}

ast::Expr expr(const std::string& text) {
    const auto query = as<ast::Query>("SELECT " + text);
    return std::get<ast::Select>(query.body).items.at(0).expr;
}

std::string at(const std::string& text, const Span& span) {
    REQUIRE(span.known);
    return text.substr(span.offset, span.size);
}

std::int64_t integer(const ast::Expr& value) {
    return std::get<std::int64_t>(std::get<ast::Literal>(value.node).value);
}

Error error_of(const std::string& text, ParseOptions options = {}) {
    auto result = parse_statements(text, options);
    REQUIRE_FALSE(result);
    return std::move(result).error();
}

std::string repeated(const std::string& text, std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += text;
    return out;
}

}  // namespace

TEST_CASE("Negative integers keep their value, however they are written") {
    for (const auto& [text, value] :
         std::vector<std::pair<std::string, std::int64_t>>{{"-100", -100},
                                                           {"- 1", -1},
                                                           {"-(5)", -5},
                                                           {"- /*c*/ 7", -7},
                                                           {"- -- 9\n 8", -8},
                                                           {"-(-(-8))", -8},
                                                           {"-(-8)", 8},
                                                           {"0", 0},
                                                           {"-0", 0},
                                                           {"-2147483648", -2147483648LL},
                                                           {"-2147483647", -2147483647LL},
                                                           {"-9223372036854775808", INT64_MIN}}) {
        INFO(text);
        CHECK(integer(expr(text)) == value);
        const auto adhoc = parse_statements("SELECT 1, 'ü', " + text);
        REQUIRE(adhoc);
        CHECK(integer(std::get<ast::Select>(std::get<ast::Query>((*adhoc)[0].node).body).items[2].expr) ==
              value);
    }
    CHECK(print(expr("\"limit\" * -1")) == "\"limit\" * -1");
    CHECK(print(expr("f(-1, -2, 0, - 3)")) == "f(-1, -2, 0, -3)");
    CHECK(print(expr("a - -1")) == "a - -1");
    CHECK(print(expr("a[-1]")) == "a[-1]");
    CHECK(print(expr("x::numeric(5,-2)")) == "x::numeric(5, -2)");

    const auto table = as<ast::CreateTable>(
        "/* 5 */ CREATE TABLE t (a int CHECK (a >= -100) DEFAULT -7, b int GENERATED ALWAYS AS IDENTITY "
        "(START -3))");
    CHECK(print(table.columns[0].constraints[0]) == "CHECK (a >= -100)");
    CHECK(print(table.columns[0].constraints[1]) == "DEFAULT -7");
    CHECK(std::get<ast::Identity>(table.columns[1].constraints[0].node).start == -3);

    const ParsedScript several = script_of(
        "SELECT 1; SELECT -2; CREATE FUNCTION f() RETURNS int AS $$ SELECT -3 $$ LANGUAGE sql; SELECT -4");
    REQUIRE(several.ok());
    CHECK(print(several.statements[1]) == "SELECT -2");
    CHECK(print(several.statements[2]).find("SELECT -3") != std::string::npos);
    CHECK(print(several.statements[3]) == "SELECT -4");
}

TEST_CASE("Integers are told from other numbers by their value") {
    CHECK(integer(expr("2147483648")) == 2147483648LL);
    CHECK(std::get<ast::Number>(std::get<ast::Literal>(expr("9223372036854775808").node).value).text ==
          "9223372036854775808");
    CHECK(std::get<ast::Number>(std::get<ast::Literal>(expr("1.0").node).value).text == "1.0");
}

TEST_CASE("Type names are resolved as PostgreSQL resolves them") {
    const auto name_of = [](const std::string& written) {
        return std::get<ast::Cast>(expr("x::" + written).node).type.name.describe();
    };
    CHECK(name_of("int") == "int4");
    CHECK(name_of("pg_catalog.int4") == "int4");
    CHECK(name_of("bigint") == "int8");
    CHECK(name_of("double precision") == "float8");
    CHECK(name_of("timestamp with time zone") == "timestamptz");
    CHECK(name_of("char(3)") == "bpchar");
    CHECK(name_of("\"char\"") == "char");
    CHECK(name_of("character varying") == "varchar");
    CHECK(name_of("merge.counter") == "merge.counter");
    CHECK(name_of("Text") == "text");
}

TEST_CASE("Every statement and every statement of a body has its exact range") {
    const std::string text =
        "-- first\nSELECT 1 ;  /* second */ CREATE PROCEDURE p(who text, n int)\nBEGIN ATOMIC\n  -- inner\n  "
        "UPDATE t SET a = n WHERE b = who;\n  DELETE FROM t\n;END;\n"
        "CREATE SCHEMA s CREATE VIEW v AS SELECT 2 CREATE TABLE w (a int);";
    const ParsedScript script = script_of(text);
    REQUIRE(script.ok());
    REQUIRE(script.statements.size() == 3);
    CHECK(at(text, script.statements[0].span) == "SELECT 1");
    CHECK(at(text, script.statements[1].span).starts_with("CREATE PROCEDURE"));
    CHECK(at(text, script.statements[1].span).ends_with("END"));
    const auto& routine = std::get<ast::CreateRoutine>(script.statements[1].node);
    CHECK(at(text, routine.name.span) == "p");
    CHECK(at(text, routine.parameters[0].span) == "who");
    CHECK(at(text, routine.parameters[1].type.span) == "int");
    const auto& body = std::get<ast::SqlBody>(routine.body);
    CHECK(at(text, body.statements[0].span) == "UPDATE t SET a = n WHERE b = who");
    CHECK(at(text, body.statements[1].span) == "DELETE FROM t");
    const auto& where = std::get<ast::Update>(body.statements[0].node).where;
    CHECK(at(text, where->span) == "=");
    CHECK(at(text, std::get<ast::BinaryOp>(where->node).right->span) == "who");
    const auto& schema = std::get<ast::CreateSchema>(script.statements[2].node);
    CHECK(at(text, schema.elements[0].span) == "CREATE VIEW v AS SELECT 2");
    CHECK(at(text, schema.elements[1].span) == "CREATE TABLE w (a int)");
}

TEST_CASE("A quoted SQL body is parsed where it stands") {
    const std::string text =
        "SELECT 0; CREATE FUNCTION f(a int) RETURNS int AS $x$ SELECT a + 1; SELECT a $x$ LANGUAGE sql;";
    const ParsedScript script = script_of(text);
    REQUIRE(script.ok());
    const auto& body = std::get<ast::SqlBody>(std::get<ast::CreateRoutine>(script.statements[1].node).body);
    CHECK(body.quoted);
    REQUIRE(body.statements.size() == 2);
    CHECK(at(text, body.statements[0].span) == "SELECT a + 1");
    const auto& query = std::get<ast::Query>(body.statements[0].node);
    CHECK(at(text, std::get<ast::Select>(query.body).items[0].expr.span) == "+");

    const std::string plain = "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT x'";
    CHECK(at(plain, std::get<ast::SqlBody>(as<ast::CreateRoutine>(plain).body).statements[0].span) ==
          "SELECT x");

    const std::string escaped = "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT ''x'''";
    CHECK(at(escaped, std::get<ast::SqlBody>(as<ast::CreateRoutine>(escaped).body).statements[0].span) ==
          "'SELECT ''x'''");

    const std::string wrong =
        "SELECT 1;\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\n  SELECT 1;\n  SELEC 2;\n$$; SELECT "
        "3; ";
    const ParsedScript broken = script_of(wrong);
    REQUIRE(broken.errors.size() == 1);
    CHECK(broken.errors[0].place.describe() == "test.sql:4:3");
    CHECK(broken.statements.size() == 2);

    const auto adhoc = parse_statements("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 5 $$");
    REQUIRE(adhoc);
    CHECK(std::holds_alternative<ast::SqlBody>(std::get<ast::CreateRoutine>((*adhoc)[0].node).body));
}

TEST_CASE("A body in another language is kept with its language") {
    const auto routine = as<ast::CreateRoutine>(
        "CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN RETURN NEW; END $$ LANGUAGE plpgsql");
    CHECK(std::get<ast::Skipped>(routine.body).language == "plpgsql");
    CHECK(routine.returns->name.name == "trigger");
}

TEST_CASE("A routine without a readable body says what to write") {
    for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
             {"CREATE PROCEDURE p()", "no function body specified"},
             {"CREATE FUNCTION f() RETURNS int AS 'SELECT 1'", "no language specified"},
             {"CREATE FUNCTION f() RETURNS int AS 'SELECT 1' LANGUAGE sql RETURN 1",
              "duplicate function body specified"},
             {"CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql RETURN 1",
              "inline SQL function body only valid for language SQL"}}) {
        INFO(text);
        const ParsedScript script = script_of(text);
        REQUIRE(script.errors.size() == 1);
        CHECK(script.errors[0].message == message);
        CHECK(script.errors[0].sqlstate == "42P13");
        CHECK_FALSE(script.errors[0].hint.empty());
        CHECK(script.errors[0].span.known);
    }
}

TEST_CASE("CREATE ASSERTION is read with its name, its condition and their places") {
    const std::string text =
        "SELECT 1; CREATE ASSERTION no_debt CHECK (NOT EXISTS (SELECT FROM a WHERE b < -5)) INITIALLY "
        "DEFERRED;";
    const ParsedScript script = script_of(text);
    REQUIRE(script.ok());
    const auto& assertion = std::get<ast::CreateAssertion>(script.statements[1].node);
    CHECK(at(text, assertion.name.span) == "no_debt");
    CHECK(at(text, assertion.condition_span.span) == "NOT EXISTS (SELECT FROM a WHERE b < -5)");
    CHECK(at(text, assertion.condition.span) == "NOT");
    CHECK(print(assertion.condition) == "NOT EXISTS (SELECT FROM a WHERE b < -5)");
    CHECK(assertion.deferrable);
    CHECK(assertion.initially_deferred);
}

TEST_CASE("DEFERRABLE belongs to the constraint before it") {
    const auto table = as<ast::CreateTable>(
        "CREATE TABLE t (a int REFERENCES p DEFERRABLE INITIALLY DEFERRED NOT NULL, b int UNIQUE)");
    REQUIRE(table.columns[0].constraints.size() == 2);
    CHECK(table.columns[0].constraints[0].deferrable);
    CHECK(table.columns[0].constraints[0].initially_deferred);
    CHECK_FALSE(table.columns[0].constraints[1].deferrable);
    const std::string text = "CREATE TABLE t (a int NOT NULL DEFERRABLE)";
    const ParsedScript wrong = script_of(text);
    REQUIRE(wrong.errors.size() == 1);
    CHECK(wrong.errors[0].message == "misplaced DEFERRABLE clause");
    CHECK(at(text, wrong.errors[0].span) == "DEFERRABLE");
}

TEST_CASE("Each mistake of a script is reported at its place, and the rest is read") {
    const std::string text =
        "CREATE TABLE ü (a int);\n"
        "CREATE TABL b (a int);\n"
        "SELECT 'ü', * FROM a WHERE;\n"
        "CREATE TABLE c (a int\n"
        ");\n"
        "  SELECT 1 +;\n"
        "CREATE ASSERTION x CHECK a;\n"
        "SELECT 2";
    const ParsedScript script = script_of(text);
    std::vector<std::string> places;
    for (const Error& error : script.errors) {
        places.push_back(error.place.describe() + " " + error.message);
        CHECK(error.sqlstate == "42601");
    }
    CHECK(places == std::vector<std::string>{"test.sql:2:8 syntax error at or near \"TABL\"",
                                             "test.sql:3:27 syntax error at end of input",
                                             "test.sql:6:13 syntax error at end of input",
                                             "test.sql:7:26 syntax error at or near \"a\""});
    CHECK(script.statements.size() == 3);
}

TEST_CASE("A mistake of the scanner stays in its statement as well") {
    const std::string text = "SELECT 1;\nSELECT 1abc, 2;\nSELECT U&'\\zzzz';\nSELECT 3;\nSELECT 'open";
    const ParsedScript script = script_of(text);
    REQUIRE(script.errors.size() == 3);
    CHECK(script.errors[0].place.line == 2);
    CHECK(script.errors[0].place.column == 8);
    CHECK(script.errors[1].place.line == 3);
    CHECK(script.errors[2].place.line == 5);
    CHECK_FALSE(script.errors[2].hint.empty());
    CHECK(script.statements.size() == 2);
    CHECK(at(text, script.statements[1].span) == "SELECT 3");
}

TEST_CASE("Errors of an ad-hoc text carry PostgreSQL's code and the place in bytes") {
    const Error error = error_of("SELECT 'üü' FRM t");
    CHECK(error.message == "syntax error at or near \"t\"");
    CHECK(error.sqlstate == "42601");
    CHECK(error.span == Span{18, 1, true});
    CHECK(error_of("SELECT * FROM (SELECT 1)").hint == "For example, FROM (SELECT ...) [AS] foo.");
    CHECK(error_of("CREATE ASSERTION a CHECK (true)").sqlstate == "0A000");
    CHECK(error_of("SELECT a.b.c.d.e FROM x.y.z.w").sqlstate == "42601");
    CHECK(error_of("SELECT * FROM other.public.t").sqlstate == "0A000");
    CHECK(error_of("UPDATE t SET (a, b) = (1)").sqlstate == "0A000");
    CHECK(error_of("UPDATE t SET (a, b) = (1, 2, 3)").message ==
          "number of columns does not match number of values");
}

TEST_CASE("Several statements of one ad-hoc text keep their places") {
    const std::string text = " -- ü\n SELECT 1 ; /* a /* b */ */ CALL p(2)  ;;";
    const auto statements = parse_statements(text);
    REQUIRE(statements);
    REQUIRE(statements->size() == 2);
    CHECK(at(text, (*statements)[0].span) == "SELECT 1");
    CHECK(at(text, (*statements)[1].span) == "CALL p(2)");
    CHECK(parse_statements("")->empty());
    CHECK(parse_statements(" ; -- nothing")->empty());
}

TEST_CASE("What the dialect lacks is kept in the tree with its name") {
    const auto what = [](const std::string& text) {
        return std::get<ast::Unsupported>(expr(text).node).what;
    };
    CHECK(what("xmlelement(name a)") == "XML");
    const auto query = as<ast::Query>("SELECT 1 FROM t TABLESAMPLE system (1)");
    const auto& select = std::get<ast::Select>(query.body);
    CHECK(std::get<ast::Unsupported>(select.from[0].node).what == "TABLESAMPLE");
    CHECK(as<ast::Query>("WITH RECURSIVE x AS (SELECT 1) SEARCH DEPTH FIRST BY a SET b SELECT 1")
              .with.tables[0]
              .search_or_cycle);
}

TEST_CASE("Statements without meaning for us are told from those we cannot model") {
    for (const char* text : {"COMMENT ON DATABASE d IS 'x'",
                             "GRANT SELECT ON t TO x",
                             "ALTER TABLE t OWNER TO x",
                             "CREATE SEQUENCE s START -1",
                             "CREATE EXTENSION x",
                             "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO x",
                             "CREATE ROLE x",
                             "CLUSTER t",
                             "CREATE STATISTICS s ON a, b FROM t",
                             "ALTER SEQUENCE s OWNED BY t.a",
                             "ALTER INDEX i ATTACH PARTITION j",
                             "ALTER VIEW v OWNER TO x",
                             "SECURITY LABEL ON TABLE t IS 'x'",
                             "CREATE COLLATION c FROM \"C\"",
                             "REINDEX TABLE t",
                             "CHECKPOINT",
                             "CREATE PUBLICATION p FOR ALL TABLES",
                             "DROP OPERATOR @ (int, int)",
                             "DROP EXTENSION x",
                             "ALTER ROLE a RENAME TO b"}) {
        INFO(text);
        const ast::Statement statement = one(text);
        const auto* alter = std::get_if<ast::AlterTable>(&statement.node);
        CHECK((std::holds_alternative<ast::Ignored>(statement.node) ||
               (alter != nullptr && std::holds_alternative<ast::IgnoredAlter>(alter->actions[0].node))));
    }
    for (const auto& [text, what] : std::vector<std::pair<std::string, std::string>>{
             {"CREATE TRIGGER g AFTER INSERT ON s.t EXECUTE FUNCTION f()", "TRIGGER"},
             {"CREATE RULE r AS ON INSERT TO t DO INSTEAD NOTHING", "RULE"},
             {"CREATE POLICY p ON t USING (true)", "POLICY"},
             {"DO $$ BEGIN END $$", "DO"},
             {"CREATE TABLE t AS SELECT 1", "CREATE TABLE AS"},
             {"CREATE MATERIALIZED VIEW v AS SELECT 1", "MATERIALIZED VIEW"},
             {"CREATE FOREIGN TABLE t (a int) SERVER s", "FOREIGN TABLE"},
             {"CREATE AGGREGATE a (int) (sfunc = f, stype = int)", "AGGREGATE"},
             {"CREATE TYPE r AS RANGE (subtype = int)", "RANGE TYPE"},
             {"ALTER TYPE t ADD ATTRIBUTE a int", "ALTER TYPE"}}) {
        INFO(text);
        CHECK(as<ast::Unmodelled>(text).what == what);
    }
    const auto trigger = as<ast::Unmodelled>("CREATE TRIGGER g AFTER INSERT ON s.t EXECUTE FUNCTION f()");
    CHECK(trigger.name.name == "g");
    CHECK(trigger.table.describe() == "s.t");
    CHECK(std::get<ast::UnmodelledAlter>(
              as<ast::AlterTable>("ALTER TABLE t ENABLE ROW LEVEL SECURITY").actions[0].node)
              .what == "ENABLE ROW SECURITY");
}

TEST_CASE("A dump for psql is read around its commands and its data") {
    const std::string text =
        "\xEF\xBB\xBF\\restrict x'y\nSET standard_conforming_strings = on;\nCREATE TABLE t (a int);\nCOPY "
        "public.t (a) FROM stdin;\n1\nit's; \\N\n\\.\n\n\\unrestrict x\nCREATE TABLE u (a int CHECK (a > "
        "-1));\n";
    const ParsedScript script = script_of(text);
    REQUIRE(script.ok());
    REQUIRE(script.statements.size() == 4);
    CHECK(std::get<ast::Copy>(script.statements[2].node).from);
    const Source source("test.sql", text);
    CHECK(source.place(script.statements[3].span.offset).describe() == "test.sql:10:1");
}

TEST_CASE("Bytes that are not UTF-8 are refused with their place") {
    const Error error = error_of("SELECT '\xC3'");
    CHECK(error.sqlstate == "22021");
    CHECK(error.span.offset == 8);
    CHECK(error_of(std::string("SELECT 1\0; DROP", 15)).span.offset == 8);
    const ParsedScript script = script_of("SELECT 1;\n  SELECT '\xFF'");
    REQUIRE(script.errors.size() == 1);
    CHECK(script.errors[0].place.describe() == "test.sql:2:11");
}

TEST_CASE("Deep statements give an error and neither crash nor hang") {
    // Each text is as long as an ad-hoc statement may be.
    const std::vector<std::pair<std::string, std::string>> texts = {
        {"SELECT 1" + repeated("+1", 32'700), "+"},
        {"SELECT " + repeated("(", 30'000) + "1" + repeated(")", 30'000), "("},
        {"SELECT " + repeated("- ", 30'000) + "a", "-"},
        {"SELECT " + repeated("NOT ", 16'000) + "a", "NOT"},
        {"SELECT 1" + repeated(" UNION SELECT 1", 4'300), "UNION"},
        {"SELECT 1 FROM a" + repeated(" JOIN a ON b", 5'400), "JOIN"},
        {"SELECT 1 FROM a" + repeated(",a", 30'000), ""},
        {"SELECT a" + repeated("[1]", 20'000), "["},
        {"SELECT (a)" + repeated(".b", 30'000), "."},
        {"SELECT a" + repeated("::b", 20'000), "::"},
        {"SELECT " + repeated("f(", 30'000) + "1" + repeated(")", 5'000), "f("},
        {"SELECT " + repeated("CASE WHEN ", 6'500), "CASE"},
        {repeated("SELECT (", 8'000), "SELECT ("},
        {repeated("SELECT * FROM (", 4'300), "FROM ("},
        {"SELECT 1" + repeated(" AND 1", 10'000), ""},
        {"SELECT 1 IN (1" + repeated(",1", 30'000) + ")", ""},
        {"UPDATE t SET (a" + repeated(",a", 16'000) + ") = (1" + repeated(",1", 16'000) + ")", "SET ("},
        {"UPDATE t SET b = 1, (a" + repeated(",a", 16'000) + ") = ROW(1" + repeated(",1", 16'000) + ")",
         "ROW("},
        {repeated("EXPLAIN ", 8'000) + "SELECT 1", "EXPLAIN"},
        {repeated("WITH a AS (", 5'900), "WITH"},
        {"SELECT " + repeated("ARRAY[", 10'900), "ARRAY"},
        {"SELECT " + repeated("[", 65'000), "["},
    };
    for (const auto& [text, deep] : texts) {
        INFO(text.substr(0, 40));
        REQUIRE(text.size() <= statement_bytes_max);
        const auto adhoc = parse_statements(text);
        CHECK(adhoc.has_value() == deep.empty());
        const ParsedScript script = script_of(text + ";SELECT 1");
        CHECK(script.ok() == deep.empty());
    }
    // Far longer than an ad-hoc statement may be.
    const ParsedScript script = script_of("SELECT 1" + repeated("+1", 500'000) + ";SELECT 1" +
                                          repeated(" UNION SELECT 1", 100'000) + ";SELECT 2");
    REQUIRE(script.errors.size() == 2);
    CHECK(script.errors[0].sqlstate == "54001");
    CHECK(script.statements.size() == 1);
}

TEST_CASE("A tree as deep as allowed is built, compared, printed and copied") {
    const std::string text = "SELECT 1" + repeated("+1", depth_max - 10);
    const auto statements = parse_statements(text);
    REQUIRE(statements);
    const std::vector<ast::Statement> copy = *statements;
    const bool equal = copy == *statements;
    CHECK(equal);
    CHECK(print(copy[0]).size() == 8 + (depth_max - 10) * 4);
    CHECK(error_of("SELECT 1" + repeated("+1", depth_max + 10)).sqlstate == "54001");
    for (const char* step : {" UNION SELECT 1", " UNION ALL SELECT 1, 2 FROM t WHERE a"}) {
        const auto unions = parse_statements("SELECT 1" + repeated(step, depth_max - 10));
        REQUIRE(unions);
        const bool same = std::vector<ast::Statement>(*unions) == *unions;
        CHECK(same);
        CHECK_FALSE(print(unions->at(0)).empty());
    }
}

TEST_CASE("An ad-hoc text has a longest length, which can be lifted") {
    const std::string text = "SELECT '" + std::string(statement_bytes_max, 'x') + "'";
    const Error error = error_of(text);
    CHECK(error.sqlstate == "54000");
    CHECK_FALSE(error.hint.empty());
    CHECK(parse_statements(text, {.capped = false}));
}

TEST_CASE("Whatever bytes come, the front end answers") {
    const std::vector<std::string> seeds = {
        "CREATE PROCEDURE p(a int) BEGIN ATOMIC UPDATE t SET x = CASE WHEN a THEN -1 END; END;",
        "CREATE ASSERTION a CHECK (NOT EXISTS (SELECT FROM t)) DEFERRABLE;",
        "COPY t FROM stdin;\n1\n\\.\nSELECT $$ ; $$, 'it''s', E'\\'';",
        "CREATE FUNCTION f() RETURNS int AS $x$ SELECT 1; $x$ LANGUAGE sql; CREATE SCHEMA s CREATE VIEW v AS "
        "SELECT 1;",
        "INSERT INTO t (a) VALUES (-1, \"q\") ON CONFLICT (a) DO UPDATE SET (a, b) = (SELECT 1, 2) RETURNING "
        "*;",
    };
    const std::string alphabet = "();'\"$\\-/*\n ,.[]+=:abAB01_\xC3\xBC\xFF";
    test::for_seeds(300, [&](Random& random) {
        std::string text = seeds[random.below(seeds.size())] + seeds[random.below(seeds.size())];
        for (std::uint64_t change = random.below(8); change > 0; --change) {
            const std::size_t where = random.below(text.size());
            switch (random.below(3)) {
                case 0:
                    text[where] = alphabet[random.below(alphabet.size())];
                    break;
                case 1:
                    text.erase(where, random.below(10));
                    break;
                default:
                    text.insert(where,
                                seeds[random.below(seeds.size())].substr(random.below(20), random.below(30)));
            }
            if (text.empty()) text = ";";
        }
        CAPTURE(text);
        const Source source("x.sql", text);
        const ParsedScript script = parse_script(source);
        for (const Error& error : script.errors) {
            REQUIRE_FALSE(error.message.empty());
            REQUIRE(error.span.known);
            REQUIRE(error.span.offset <= source.text().size());
            REQUIRE(error.sqlstate != sqlstate::internal_error);
            REQUIRE_FALSE(source.render(error).empty());
        }
        for (const ast::Statement& statement : script.statements) {
            REQUIRE(statement.span.known);
            REQUIRE(statement.span.offset + statement.span.size <= source.text().size());
            const ParsedScript again = script_of(print(statement));
            if (again.ok() && again.statements.size() == 1) {
                const bool equal = again.statements[0] == statement;
                REQUIRE(equal);
            }
        }
        (void)parse_statements(text);
    });
}

TEST_CASE("All schema files at hand are read and survive printing") {
    namespace fs = std::filesystem;
    const char* given = std::getenv("ANABRANCH_CORPUS");
    std::vector<fs::path> files;
    for (const fs::path& folder :
         {fs::path(given == nullptr ? "" : given), fs::path(test::source_path("tests/corpus")),
          fs::path(test::source_path("tools/examples"))}) {
        std::error_code none;
        for (const auto& entry : fs::directory_iterator(folder, none)) {
            if (entry.path().extension() == ".sql") files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) {
        const Source source(file.string(), test::read_file(file.string()));
        const ParsedScript script = parse_script(source);
        std::string problems;
        for (const Error& error : script.errors) problems += source.render(error);
        INFO(problems);
        REQUIRE(script.ok());
        for (const ast::Statement& statement : script.statements) {
            if (std::holds_alternative<ast::Ignored>(statement.node) ||
                std::holds_alternative<ast::Unmodelled>(statement.node))
                continue;
            const std::string printed = print(statement);
            INFO(printed);
            const ParsedScript again = script_of(printed);
            REQUIRE(again.ok());
            REQUIRE(again.statements.size() == 1);
            const bool equal = again.statements[0] == statement;
            REQUIRE(equal);
        }
    }
}

TEST_CASE("Parsing is quick", "[performance]") {
    for (const char* text : {"CALL withdraw(1,80)", "SELECT balance FROM accounts WHERE id = 1",
                             "UPDATE accounts SET balance = balance - 5 WHERE id = 3"}) {
        const std::string statement = text;
        constexpr int rounds = 2000;
        const auto start = std::chrono::steady_clock::now();
        for (int i = 0; i < rounds; ++i) REQUIRE(parse_statements(statement));
        const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
        std::cout << "parse: " << took.count() / rounds << " us  " << statement << "\n";
    }
}
