// Printing a tree and parsing the text again gives the same tree: nothing that was written is lost on the
// way.
#include "lib/sql/print.h"

#include <catch2/catch.hpp>
#include <string>

#include "lib/sql/parse.h"

using namespace anabranch;
using namespace anabranch::sql;

namespace {

ParsedScript parsed(const std::string& text) {
    ParsedScript script = parse_script(Source("test.sql", text));
    for (const Error& error : script.errors) UNSCOPED_INFO(Source("test.sql", text).render(error));
    return script;
}

void round_trips(const std::string& text) {
    INFO("text: " << text);
    const ParsedScript first = parsed(text);
    REQUIRE(first.ok());
    REQUIRE_FALSE(first.statements.empty());
    for (const ast::Statement& statement : first.statements) {
        const std::string printed = print(statement);
        INFO("printed: " << printed);
        const ParsedScript second = parsed(printed);
        REQUIRE(second.ok());
        REQUIRE(second.statements.size() == 1);
        const bool equal = second.statements.front() == statement;
        REQUIRE(equal);
        REQUIRE(print(second.statements.front()) == printed);
    }
}

void round_trip_expression(const std::string& text) {
    round_trips("SELECT " + text);
}

}  // namespace

// tidy: table
TEST_CASE("Every form of expression survives printing") {
    for (const char* text : {"1",
                             "-1",
                             "0",
                             "2147483647",
                             "-2147483648",
                             "2147483648",
                             "9223372036854775807",
                             "-9223372036854775808",
                             "9223372036854775808",
                             "1.5",
                             "-1.5e10",
                             ".5",
                             "'it''s'",
                             "''",
                             "'a\\b'",
                             "E'a\\nb'",
                             "true",
                             "false",
                             "NULL",
                             "B'01'",
                             "X'1F'",
                             "$1",
                             "a",
                             "t.a",
                             "s.t.a",
                             "\"A b\"",
                             "\"select\"",
                             "*",
                             "t.*",
                             "(r).f",
                             "(r).*",
                             "(r).f.g",
                             "a[1]",
                             "a[1][2]",
                             "a[1:2]",
                             "a[:2]",
                             "a[1:]",
                             "a[:]",
                             "t.a[1].f",
                             "(f(x))[1]",
                             "($1)[2]",
                             "(ARRAY[1,2])[1]",
                             "- a",
                             "+ a",
                             "- (- a)",
                             "@ a",
                             "~ a",
                             "a + b * c",
                             "(a + b) * c",
                             "a - (b - c)",
                             "a - b - c",
                             "a / b % c",
                             "a ^ b ^ c",
                             "a ^ (b ^ c)",
                             "-5 ^ 2",
                             "- (5 ^ 2)",
                             "(-5)::int",
                             "-(5::int)",
                             "a || b || c",
                             "a || (b || c)",
                             "a + b || c",
                             "a OPERATOR(pg_catalog.+) b",
                             "a OPERATOR(s.@@) b",
                             "a <> b",
                             "a != b",
                             "(a = b) = c",
                             "a = (b = c)",
                             "(a < b) IS NULL",
                             "a AND b AND c",
                             "a AND (b AND c)",
                             "a OR b AND c",
                             "(a OR b) AND c",
                             "NOT a AND b",
                             "NOT (a AND b)",
                             "NOT NOT a",
                             "a IS NULL",
                             "a IS NOT NULL",
                             "a ISNULL",
                             "a IS TRUE",
                             "a IS NOT TRUE",
                             "a IS FALSE",
                             "a IS NOT FALSE",
                             "a IS UNKNOWN",
                             "a IS NOT UNKNOWN",
                             "a IS DISTINCT FROM b",
                             "a IS NOT DISTINCT FROM b",
                             "a BETWEEN 1 AND 2",
                             "a NOT BETWEEN 1 AND b + 1",
                             "a BETWEEN SYMMETRIC b AND c",
                             "a NOT BETWEEN SYMMETRIC b AND c",
                             "a BETWEEN (b COLLATE \"C\") AND c",
                             "a BETWEEN (b AND c) AND (d OR e)",
                             "a IN (1, 2)",
                             "a NOT IN (1)",
                             "a IN (SELECT 1)",
                             "a NOT IN (SELECT 1)",
                             "(a, b) IN (SELECT 1, 2)",
                             "a = ANY (SELECT 1)",
                             "a < ALL (SELECT 1)",
                             "a = ANY (b)",
                             "a <> ALL (ARRAY[1,2])",
                             "a = SOME (b)",
                             "b = (a = ANY (c))",
                             "(a = ANY (c)) IS NULL",
                             "a LIKE 'x%'",
                             "a NOT LIKE 'x%'",
                             "a ILIKE 'x'",
                             "a NOT ILIKE 'x'",
                             "a LIKE 'x' ESCAPE '!'",
                             "a SIMILAR TO 'x'",
                             "a NOT SIMILAR TO 'x' ESCAPE '#'",
                             "a LIKE ANY (b)",
                             "(SELECT 1)",
                             "EXISTS (SELECT 1)",
                             "NOT EXISTS (SELECT)",
                             "ARRAY(SELECT 1)",
                             "ARRAY[]::int[]",
                             "ARRAY[[1,2],[3,4]]",
                             "ROW(1, 2)",
                             "(1, 2)",
                             "ROW()",
                             "(a, b) = (c, d)",
                             "(a, b) < ROW(1, 2)",
                             "ROW(t.*)",
                             "CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END",
                             "CASE a WHEN 1 THEN 'x' END",
                             "CAST(a AS text)",
                             "a::numeric(10,2)",
                             "a::varchar(3)",
                             "a::char",
                             "a::char(5)",
                             "a::\"char\"",
                             "a::bit",
                             "a::bit(3)",
                             "a::bit varying(3)",
                             "a::interval",
                             "a::interval(3)",
                             "a::timestamp(3)",
                             "a::timestamp with time zone",
                             "a::time(0) with time zone",
                             "a::double precision",
                             "a::float(20)",
                             "a::s.t",
                             "a::int[][]",
                             "interval '1' day",
                             "interval '1' hour to second(2)",
                             "interval(3) '1'",
                             "date '2020-01-01'",
                             "timestamptz 'now'",
                             "a::numeric(3,-2)",
                             "a::numeric(3,0)",
                             "a COLLATE \"C\"",
                             "a COLLATE s.x",
                             "a || b COLLATE \"C\"",
                             "(a || b) COLLATE \"C\""}) {
        round_trip_expression(text);
    }
}

// tidy: table
TEST_CASE("Every form of call survives printing") {
    for (const char* text :
         {"f()",
          "f(1, a)",
          "s.f(1)",
          "pg_catalog.now()",
          "f(a => 1, b => 2)",
          "f(1, b := 2)",
          "f(VARIADIC a)",
          "f(1, VARIADIC ARRAY[1])",
          "count(*)",
          "count(DISTINCT a)",
          "sum(a) FILTER (WHERE b > 0)",
          "percentile_cont(0.5) WITHIN GROUP (ORDER BY a DESC) FILTER (WHERE b > 0)",
          "mode() WITHIN GROUP (ORDER BY a)",
          "string_agg(a, ',' ORDER BY b DESC NULLS LAST)",
          "array_agg(DISTINCT a ORDER BY a)",
          "count(t.*)",
          "row_number() OVER ()",
          "row_number() OVER w",
          "sum(a) OVER (w ORDER BY b)",
          "rank() OVER (PARTITION BY a, b ORDER BY c DESC)",
          "sum(a) OVER (ORDER BY b ROWS 1 PRECEDING)",
          "sum(a) OVER (ORDER BY b ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING)",
          "sum(a) OVER (ORDER BY b GROUPS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING EXCLUDE TIES)",
          "sum(a) FILTER (WHERE x) OVER (RANGE BETWEEN '1 day' PRECEDING AND '1 day' FOLLOWING EXCLUDE "
          "CURRENT ROW)",
          "coalesce(a, b, 1)",
          "greatest(a, b)",
          "least(a, b)",
          "nullif(a, b)",
          "current_date",
          "current_time",
          "current_time(3)",
          "current_timestamp",
          "current_timestamp(0)",
          "localtime",
          "localtime(1)",
          "localtimestamp",
          "localtimestamp(2)",
          "current_user",
          "current_role",
          "session_user",
          "user",
          "current_catalog",
          "current_schema",
          "extract(year FROM a)",
          "extract('epoch' FROM a)",
          "position('a' IN b)",
          "substring(a FROM 1 FOR 2)",
          "substring(a FROM 'x')",
          "substring(a SIMILAR 'x' ESCAPE '#')",
          "overlay(a PLACING b FROM 1 FOR 2)",
          "trim(a)",
          "trim(BOTH 'x' FROM a)",
          "trim(LEADING FROM a)",
          "trim(TRAILING 'x' FROM a)",
          "a AT TIME ZONE 'utc'",
          "(a, b) OVERLAPS (c, d)",
          "normalize(a, NFC)",
          "a IS NORMALIZED",
          "a IS NOT NFC NORMALIZED",
          "COLLATION FOR (a)",
          "left(a, 1)",
          "\"Odd name\"(1)",
          "gen_random_uuid()"}) {
        round_trip_expression(text);
    }
}

// tidy: table
TEST_CASE("Every form of query survives printing") {
    for (const char* text :
         {"SELECT",
          "SELECT FROM t",
          "SELECT a AS x, b \"y z\", c AS \"end\" FROM t",
          "SELECT DISTINCT a FROM t",
          "SELECT DISTINCT ON (a, b) c FROM t",
          "SELECT ALL a FROM ONLY t AS x (p, q)",
          "TABLE t",
          "SELECT * FROM a, b, s.c",
          "SELECT * FROM a JOIN b ON a.x = b.x LEFT JOIN c USING (y, z) AS j",
          "SELECT * FROM a RIGHT JOIN b ON true FULL JOIN c ON false",
          "SELECT * FROM a NATURAL JOIN b",
          "SELECT * FROM a NATURAL LEFT JOIN b",
          "SELECT * FROM a CROSS JOIN b",
          "SELECT * FROM a JOIN (b JOIN c ON true) ON true",
          "SELECT * FROM (a JOIN b ON true) AS j (x, y)",
          "SELECT * FROM (SELECT 1) AS s (a)",
          "SELECT * FROM a, LATERAL (SELECT a.x) l",
          "SELECT * FROM a LEFT JOIN LATERAL f(a.x) AS g ON true",
          "SELECT * FROM f(1)",
          "SELECT * FROM f(1) AS g",
          "SELECT * FROM f(1) AS g (a, b)",
          "SELECT * FROM unnest(a, b) WITH ORDINALITY AS l(i, q, n)",
          "SELECT * FROM generate_series(1, 10) n",
          "SELECT * FROM jsonb_to_recordset($1) AS l(sku text, q int)",
          "SELECT * FROM f() AS (a int, b text COLLATE \"C\")",
          "SELECT * FROM ROWS FROM (f(1) AS (a int), g(2)) WITH ORDINALITY AS r (x, y)",
          "SELECT * FROM CURRENT_DATE",
          "SELECT * FROM CAST(a AS x)",
          "SELECT * FROM coalesce(1) AS c",
          "SELECT a, count(*) FROM t WHERE b > 0 GROUP BY a HAVING count(*) > 1 ORDER BY 2 DESC NULLS LAST, "
          "a USING < LIMIT 10 OFFSET 5",
          "SELECT a FROM t GROUP BY DISTINCT a, b",
          "SELECT a FROM t LIMIT ALL",
          "SELECT a FROM t FETCH FIRST 3 ROWS ONLY",
          "SELECT a FROM t ORDER BY a FETCH FIRST 3 ROWS WITH TIES",
          "SELECT a FROM t WINDOW w AS (PARTITION BY b), v AS (w ORDER BY c)",
          "SELECT a FROM t FOR UPDATE",
          "SELECT a FROM t, u FOR NO KEY UPDATE OF t NOWAIT FOR SHARE OF u SKIP LOCKED",
          "SELECT 1 FOR KEY SHARE",
          "VALUES (1, 'a'), (2, 'b')",
          "VALUES (1) ORDER BY 1 LIMIT 1",
          "SELECT 1 UNION SELECT 2",
          "SELECT 1 UNION ALL SELECT 2 UNION SELECT 3",
          "SELECT 1 UNION (SELECT 2 EXCEPT ALL SELECT 3)",
          "SELECT 1 INTERSECT SELECT 2 EXCEPT SELECT 3 ORDER BY 1 LIMIT 1",
          "(SELECT 1 LIMIT 1) UNION ALL (SELECT 2 ORDER BY 1)",
          "(WITH x AS (SELECT 1) SELECT * FROM x) UNION SELECT 2",
          "WITH x AS (SELECT 1), y (a, b) AS MATERIALIZED (VALUES (1, 2)) SELECT * FROM x, y",
          "WITH x AS NOT MATERIALIZED (SELECT 1) SELECT 1",
          "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 10) SELECT * FROM r",
          "WITH u AS (UPDATE t SET a = 1 RETURNING b) SELECT EXISTS (SELECT FROM u)::holds",
          "WITH d AS (DELETE FROM t RETURNING *), i AS (INSERT INTO u SELECT * FROM d RETURNING a) SELECT * "
          "FROM i",
          "SELECT a INTO b FROM c",
          "SELECT (SELECT max(x) FROM t)"}) {
        round_trips(text);
    }
}

// tidy: table
TEST_CASE("Every form of row change survives printing") {
    for (const char* text :
         {"INSERT INTO t VALUES (1, DEFAULT, NULL)",
          "INSERT INTO s.t AS x (a, b) VALUES (1, 2), (3, 4)",
          "INSERT INTO t DEFAULT VALUES",
          "INSERT INTO t (a) SELECT 1 WHERE NOT EXISTS (SELECT FROM t)",
          "INSERT INTO t (a, b[1], c.d) VALUES (1, 2, 3)",
          "INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (1)",
          "INSERT INTO t (a) OVERRIDING USER VALUE VALUES (1)",
          "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING",
          "INSERT INTO t VALUES (1) ON CONFLICT (a, (lower(b)) COLLATE \"C\" text_ops) WHERE c DO NOTHING",
          "INSERT INTO t VALUES (1) ON CONFLICT ON CONSTRAINT k DO UPDATE SET a = excluded.a, b = t.b + 1 "
          "WHERE t.c < excluded.c RETURNING a, b AS x, *",
          "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET (a, b) = (SELECT 1, 2)",
          "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
          "UPDATE t SET a = a + 1, b = DEFAULT WHERE id = $1",
          "UPDATE ONLY s.t AS x SET a[1] = 2, b.c = 3 FROM u, v JOIN w ON true WHERE x.id = u.id RETURNING "
          "x.*",
          "UPDATE t SET (a, b) = (1, 2), c = 3",
          "UPDATE t SET (a, b) = ROW(1, DEFAULT)",
          "UPDATE t SET (a) = ROW(1)",
          "UPDATE t SET (a, b) = (SELECT 1, 2), (c, d) = (SELECT 3, 4)",
          "DELETE FROM t",
          "DELETE FROM s.t AS x USING u, v WHERE x.a = u.a RETURNING *",
          "WITH x AS (SELECT 1) DELETE FROM t USING x",
          "WITH x AS (SELECT 1) MERGE INTO s.t AS a USING x ON a.b = x.c WHEN MATCHED AND a.b > 1 THEN "
          "DELETE "
          "WHEN MATCHED THEN UPDATE SET b = 1, (c, d) = (SELECT 1, 2) WHEN NOT MATCHED AND x.c = 1 THEN DO "
          "NOTHING "
          "WHEN NOT MATCHED THEN INSERT (b, c) OVERRIDING SYSTEM VALUE VALUES (1, DEFAULT)",
          "MERGE INTO t USING (SELECT 1) AS x ON true WHEN NOT MATCHED THEN INSERT DEFAULT VALUES",
          "CALL p()",
          "CALL s.p(1, 'a', NULL, $1)",
          "CALL p(a => 1, b => f(2))",
          "CALL p(VARIADIC ARRAY[1])"}) {
        round_trips(text);
    }
}

// tidy: table
TEST_CASE("Every form of table declaration survives printing") {
    for (const char* text :
         {"CREATE TABLE t ()",
          "CREATE TABLE IF NOT EXISTS s.t (a int)",
          "CREATE TEMP TABLE t (a int)",
          "CREATE UNLOGGED TABLE t (a int)",
          "CREATE TABLE t (a bigint PRIMARY KEY, b text NOT NULL DEFAULT 'x' CHECK (b <> ''), c "
          "numeric(10,2)[] NULL, d char(3) COLLATE \"C\" UNIQUE)",
          "CREATE TABLE t (a int CONSTRAINT k PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, b int UNIQUE NULLS "
          "NOT DISTINCT NOT DEFERRABLE)",
          "CREATE TABLE t (a int REFERENCES p, b int CONSTRAINT f REFERENCES s.p (x) MATCH FULL ON DELETE "
          "CASCADE ON UPDATE SET NULL DEFERRABLE)",
          "CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY, b int GENERATED BY DEFAULT AS IDENTITY (START "
          "WITH -5 INCREMENT BY 2), c int GENERATED ALWAYS AS (a + 1) STORED)",
          "CREATE TABLE t (a int DEFAULT 1 + 2, b int DEFAULT -5, c bool DEFAULT (1 IS NULL), d timestamptz "
          "DEFAULT now())",
          "CREATE TABLE t (a serial, b bigserial)",
          "CREATE TABLE t (a int, b int, PRIMARY KEY (a, b) INCLUDE (b), CONSTRAINT u UNIQUE (b), CHECK (a "
          ">= -100), CONSTRAINT c CHECK (b > a) NO INHERIT)",
          "CREATE TABLE t (a int, b int, FOREIGN KEY (a, b) REFERENCES p (x, y) ON DELETE SET NULL (b), "
          "CONSTRAINT g FOREIGN KEY (a) REFERENCES q ON DELETE RESTRICT ON UPDATE SET DEFAULT INITIALLY "
          "DEFERRED)",
          "CREATE TABLE t (r int4range, EXCLUDE USING gist (r WITH &&), CONSTRAINT x EXCLUDE USING gist (a "
          "WITH =, (lower(b)) COLLATE \"C\" text_ops WITH OPERATOR(s.=)) INCLUDE (c) WHERE (a > 0) "
          "DEFERRABLE)",
          "CREATE TABLE t (LIKE u, a int, LIKE v INCLUDING ALL)",
          "CREATE TABLE t (a int) INHERITS (p, s.q)",
          "CREATE TABLE t (a int) PARTITION BY RANGE (a)",
          "CREATE TABLE t PARTITION OF p FOR VALUES IN (1, 2)",
          "CREATE TABLE t PARTITION OF p (a DEFAULT 3, CHECK (a > 0)) FOR VALUES FROM (1) TO (MAXVALUE)",
          "CREATE TABLE t OF s.x",
          "ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT 0",
          "ALTER TABLE IF EXISTS ONLY s.t ADD COLUMN IF NOT EXISTS a int, DROP COLUMN IF EXISTS b CASCADE, "
          "DROP COLUMN c",
          "ALTER TABLE t ADD CONSTRAINT c CHECK (a > -1) NOT VALID, ADD PRIMARY KEY USING INDEX i, ADD "
          "CONSTRAINT u UNIQUE USING INDEX j DEFERRABLE",
          "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p NOT VALID",
          "ALTER TABLE t DROP CONSTRAINT IF EXISTS c CASCADE, VALIDATE CONSTRAINT d, ALTER CONSTRAINT e "
          "DEFERRABLE INITIALLY DEFERRED",
          "ALTER TABLE t ALTER a SET DEFAULT 3, ALTER b DROP DEFAULT, ALTER c SET NOT NULL, ALTER d DROP NOT "
          "NULL",
          "ALTER TABLE t ALTER a TYPE bigint, ALTER b TYPE text USING b::text",
          "ALTER TABLE t ALTER a ADD GENERATED ALWAYS AS IDENTITY (START WITH 10), ALTER b DROP IDENTITY IF "
          "EXISTS, ALTER c DROP EXPRESSION",
          "ALTER TABLE t ATTACH PARTITION p FOR VALUES IN (1)",
          "ALTER TABLE t DETACH PARTITION p",
          "CREATE INDEX ON t (a)",
          "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON ONLY s.t USING btree (a DESC NULLS LAST, "
          "lower(b), (a + 1) COLLATE \"C\" int4_ops ASC NULLS FIRST) INCLUDE (c) NULLS NOT DISTINCT WHERE d "
          "IS NULL",
          "CREATE INDEX i ON t USING gin (a jsonb_path_ops)"}) {
        round_trips(text);
    }
}

// tidy: table
TEST_CASE("Every form of type, view, routine, assertion and schema survives printing") {
    for (const char* text :
         {"CREATE DOMAIN merge.counter AS bigint",
          "CREATE DOMAIN d AS text COLLATE \"C\" DEFAULT 'x' NOT NULL CONSTRAINT c CHECK (VALUE <> '') CHECK "
          "(length(VALUE) < -3)",
          "CREATE DOMAIN holds AS boolean NOT NULL CHECK (VALUE)",
          "ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID",
          "ALTER DOMAIN d DROP CONSTRAINT IF EXISTS c",
          "ALTER DOMAIN d VALIDATE CONSTRAINT c",
          "ALTER DOMAIN d SET NOT NULL",
          "ALTER DOMAIN d DROP NOT NULL",
          "ALTER DOMAIN d SET DEFAULT 1",
          "ALTER DOMAIN d DROP DEFAULT",
          "CREATE TYPE s.e AS ENUM ('a', 'b''c')",
          "CREATE TYPE e AS ENUM ()",
          "ALTER TYPE e ADD VALUE 'x'",
          "ALTER TYPE e ADD VALUE IF NOT EXISTS 'x' BEFORE 'y'",
          "ALTER TYPE e ADD VALUE 'x' AFTER 'y'",
          "ALTER TYPE e RENAME VALUE 'a' TO 'b'",
          "CREATE TYPE c AS (a int, b text COLLATE \"C\")",
          "CREATE TYPE c AS ()",
          "CREATE VIEW v AS SELECT 1",
          "CREATE OR REPLACE TEMP VIEW s.v (a, b) AS SELECT 1, 2 WITH CHECK OPTION",
          "CREATE RECURSIVE VIEW v (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM v",
          "CREATE PROCEDURE p() BEGIN ATOMIC END",
          "CREATE OR REPLACE PROCEDURE s.p(a int, b text DEFAULT 'x', OUT c int, INOUT d bigint, VARIADIC e "
          "int[]) LANGUAGE sql SECURITY DEFINER SET anabranch.lost_update = 'allow' SET search_path TO a, b "
          "BEGIN ATOMIC UPDATE t SET a = CASE WHEN b THEN 1 END; SELECT 1 AS \"end\"; END",
          "CREATE FUNCTION f(a int) RETURNS bigint STABLE RETURN (SELECT max(x) FROM t WHERE y = a)",
          "CREATE FUNCTION f() RETURNS int IMMUTABLE STRICT BEGIN ATOMIC RETURN 1 + 2; END",
          "CREATE FUNCTION f(a int) RETURNS TABLE (x int, y text) STABLE BEGIN ATOMIC SELECT b, c FROM t "
          "WHERE d = a; END",
          "CREATE FUNCTION f(int, text) RETURNS SETOF t AS $$ SELECT * FROM t WHERE a = $1 $$ LANGUAGE sql",
          "CREATE FUNCTION f(OUT a int, OUT b int) AS 'SELECT 1, 2;' LANGUAGE sql",
          "CREATE FUNCTION f() RETURNS void AS 'SELECT ''it''''s'';' LANGUAGE 'SQL'",
          "CREATE FUNCTION f() RETURNS t.a%TYPE AS 'select 1' LANGUAGE sql",
          "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $x$ BEGIN NEW.a := '$$'; RETURN NEW; END "
          "$x$",
          "CREATE ASSERTION a CHECK (NOT EXISTS (SELECT FROM t WHERE b < 0))",
          "CREATE ASSERTION s.\"A b\" CHECK ((SELECT sum(a) FROM t) >= -100) DEFERRABLE INITIALLY DEFERRED",
          "CREATE SCHEMA s",
          "CREATE SCHEMA IF NOT EXISTS s",
          "CREATE SCHEMA AUTHORIZATION CURRENT_USER",
          "CREATE SCHEMA s CREATE TABLE t (a int) CREATE VIEW v AS SELECT a FROM t CREATE UNIQUE INDEX ON t "
          "(a) WHERE a > 0",
          "DROP TABLE t, s.u CASCADE",
          "DROP TABLE IF EXISTS t",
          "DROP VIEW v",
          "DROP MATERIALIZED VIEW v",
          "DROP INDEX i",
          "DROP TYPE s.e",
          "DROP DOMAIN d",
          "DROP SCHEMA s CASCADE",
          "DROP FUNCTION f(int)",
          "DROP PROCEDURE IF EXISTS p",
          "DROP SEQUENCE q",

          "DROP TRIGGER g ON s.t",
          "DROP POLICY IF EXISTS p ON t",
          "ALTER TABLE t RENAME TO u",
          "ALTER TABLE IF EXISTS s.t RENAME COLUMN a TO b",
          "COMMENT ON TABLE s.t IS 'it''s'",
          "COMMENT ON COLUMN s.t.a IS 'x'",
          "COMMENT ON CONSTRAINT c ON t IS NULL",
          "COMMENT ON VIEW v IS 'x'",
          "ALTER TABLE t RENAME CONSTRAINT a TO b",
          "ALTER TYPE t RENAME ATTRIBUTE a TO b",
          "ALTER TYPE t RENAME TO u",
          "ALTER DOMAIN d RENAME CONSTRAINT a TO b",
          "ALTER SCHEMA a RENAME TO b",
          "ALTER INDEX i RENAME TO j",
          "ALTER VIEW v RENAME TO w",
          "ALTER TABLE t SET SCHEMA s",
          "ALTER FUNCTION f SET SCHEMA s",
          "ALTER TRIGGER a ON t RENAME TO b"}) {
        round_trips(text);
    }
}

// tidy: table
TEST_CASE("Every form of session statement survives printing") {
    for (const char* text :
         {"BEGIN",
          "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY, DEFERRABLE",
          "START TRANSACTION READ WRITE, NOT DEFERRABLE",
          "COMMIT",
          "END",
          "COMMIT AND CHAIN",
          "ROLLBACK",
          "ABORT",
          "ROLLBACK AND NO CHAIN",
          "SAVEPOINT \"A\"",
          "RELEASE a",
          "ROLLBACK TO a",
          "PREPARE TRANSACTION 'x'",
          "COMMIT PREPARED 'x'",
          "ROLLBACK PREPARED 'x'",
          "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
          "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
          "SET TRANSACTION SNAPSHOT 'x'",
          "SET a = 1",
          "SET a TO 'x', b, -3, 1.5",
          "SET LOCAL anabranch.read = 'primary'",
          "SET a TO DEFAULT",
          "SET a FROM CURRENT",
          "SET TIME ZONE 'UTC'",
          "SET TIME ZONE LOCAL",
          "SET TIME ZONE -7",
          "SET TIME ZONE INTERVAL '-08:00' HOUR TO MINUTE",
          "SET TIME ZONE INTERVAL(3) '1'",
          "SET NAMES 'UTF8'",
          "SET ROLE x",
          "SET SESSION AUTHORIZATION x",
          "SET SCHEMA 'x'",
          "SET search_path TO \"$user\", public",
          "RESET a.b",
          "RESET ALL",
          "SHOW a.b",
          "SHOW ALL",
          "SHOW TIME ZONE",
          "SHOW TRANSACTION ISOLATION LEVEL",
          "SET CONSTRAINTS ALL DEFERRED",
          "SET CONSTRAINTS a, s.b IMMEDIATE",
          "EXPLAIN SELECT 1",
          "EXPLAIN ANALYZE VERBOSE SELECT 1",
          "EXPLAIN (ANALYZE, FORMAT json, TIMING off) UPDATE t SET a = 1",
          "EXPLAIN EXECUTE p(1)",
          "DECLARE c CURSOR FOR SELECT 1",
          "DECLARE c BINARY INSENSITIVE NO SCROLL CURSOR WITH HOLD FOR VALUES (1)",
          "DECLARE c SCROLL CURSOR FOR SELECT 1",
          "FETCH c",
          "FETCH NEXT c",
          "FETCH PRIOR c",
          "FETCH FIRST c",
          "FETCH LAST c",
          "FETCH 5 FROM c",
          "FETCH ALL IN c",
          "FETCH BACKWARD ALL c",
          "FETCH BACKWARD -5 FROM c",
          "FETCH ABSOLUTE -1 c",
          "FETCH RELATIVE 0 c",
          "MOVE FORWARD 3 c",
          "CLOSE c",
          "CLOSE ALL",
          "PREPARE p AS SELECT $1",
          "PREPARE p (int, text[]) AS INSERT INTO t VALUES ($1, $2)",
          "EXECUTE p",
          "EXECUTE p (1, 'x')",
          "DEALLOCATE p",
          "DEALLOCATE ALL",
          "COPY t FROM '/tmp/x'",
          "COPY t (a, b) TO STDOUT WITH (FORMAT csv, HEADER, FORCE_QUOTE *, DELIMITER ';')",
          "COPY (SELECT 1) TO STDOUT",
          "COPY t FROM PROGRAM 'cat' CSV WHERE a > 0",
          "LISTEN \"C\"",
          "NOTIFY c",
          "NOTIFY c, 'x'",
          "UNLISTEN c",
          "UNLISTEN *",
          "DISCARD ALL",
          "DISCARD PLANS",
          "DISCARD SEQUENCES",
          "DISCARD TEMP",
          "TRUNCATE t",
          "TRUNCATE TABLE s.t, u RESTART IDENTITY CASCADE",
          "VACUUM",
          "VACUUM (FULL) t, u",
          "ANALYZE t"}) {
        round_trips(text);
    }
}

TEST_CASE("Identifiers are quoted only when they must be") {
    CHECK(quote_identifier("balance") == "balance");
    CHECK(quote_identifier("value") == "value");
    CHECK(quote_identifier("Balance") == "\"Balance\"");
    CHECK(quote_identifier("select") == "\"select\"");
    CHECK(quote_identifier("int") == "\"int\"");
    CHECK(quote_identifier("a\"b") == "\"a\"\"b\"");
    CHECK(quote_identifier("") == "\"\"");
    CHECK(quote_identifier("1a") == "\"1a\"");
    CHECK(quote_identifier("zürich") == "\"zürich\"");
}

TEST_CASE("A condition prints as a person would write it") {
    const auto printed = [](const std::string& text) {
        const auto statements = parse_statements("SELECT " + text);
        REQUIRE(statements);
        return print(
            std::get<ast::Select>(std::get<ast::Query>(statements->front().node).body).items.front().expr);
    };
    CHECK(printed("balance>=-100 and(a or b)") == "balance >= -100 AND (a OR b)");
    CHECK(printed("((a)+(b))*c=d") == "(a + b) * c = d");
    CHECK(printed("status in('open','shipped')") == "status IN ('open', 'shipped')");
    CHECK(printed("cast(x as int)") == "x::int4");
    CHECK(printed("x is not null") == "x IS NOT NULL");
    CHECK(printed("not exists(select from t)") == "NOT EXISTS (SELECT FROM t)");
}
