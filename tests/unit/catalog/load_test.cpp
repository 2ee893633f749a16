#include <algorithm>

#include "tests/unit/catalog/schemas.h"

using namespace anabranch;
using namespace anabranch::catalog;
using Catch::Matchers::Contains;
using test::errors_of;
using test::invariants_of;
using test::load_text;
using test::schema_of;
using Strings = std::vector<std::string>;

// The names below were read from pg_constraint of PostgreSQL 15 after the same statements.
TEST_CASE("unnamed constraints get PostgreSQL's names") {
    const SchemaPtr s = schema_of(R"(
        CREATE TABLE p (a int, b int, PRIMARY KEY (a, b));
        CREATE TABLE t (
            id int PRIMARY KEY,
            a int CHECK (a > 0) CHECK (a < 10),
            b int UNIQUE,
            c int,
            CHECK (a < b),
            CHECK (c > 0),
            CHECK (1 < 2),
            UNIQUE (a, c),
            UNIQUE (c, a),
            FOREIGN KEY (a, b) REFERENCES p,
            FOREIGN KEY (a, b) REFERENCES p ON DELETE CASCADE
        );
        CREATE TABLE u (a int, CHECK (a > 1), UNIQUE (a));
    )");
    CHECK(invariants_of(*s) == Strings{"p_pkey", "t_a_check", "t_a_check1", "t_c_check", "t_check",
                                       "t_check1", "t_pkey", "t_a_c_key", "t_b_key", "t_c_a_key",
                                       "t_a_b_fkey", "t_a_b_fkey1", "u_a_check", "u_a_key"});
}

TEST_CASE("generated names avoid what is taken and are cut to 63 bytes") {
    const SchemaPtr s = schema_of(R"(
        CREATE TABLE t_pkey (x int);
        CREATE TABLE t (id int PRIMARY KEY, b int CONSTRAINT t_b_key CHECK (b > 0), UNIQUE (b));
        CREATE TABLE a_table_with_a_very_long_name_indeed_it_is (
            id int PRIMARY KEY,
            and_a_column_with_a_long_name_too_so_that_it_is_cut int UNIQUE
        );
    )");
    const Table& t = *s->find_table("", "t");
    CHECK(t.keys[0].name == "t_pkey1");
    CHECK(t.keys[1].name == "t_b_key1");
    CHECK(s->find_table("", "a_table_with_a_very_long_name_indeed_it_is")->keys[1].name ==
          "a_table_with_a_very_long_name_and_a_column_with_a_long_name_key");
}

TEST_CASE("a table without a key gets a hidden one that nobody sees") {
    const SchemaPtr s = schema_of(
        "CREATE TABLE log (line text); CREATE PROCEDURE p(l text) BEGIN ATOMIC INSERT INTO log VALUES (l); "
        "END;");
    const Table& t = *s->find_table("", "log");
    CHECK(t.hidden_key());
    CHECK(t.columns.size() == 2);
    CHECK_FALSE(t.find("anabranch_row_id").has_value());
    CHECK(invariants_of(*s).empty());
    const auto all = bind_text(*s, "SELECT * FROM log");
    REQUIRE(all.has_value());
    CHECK(all->columns.size() == 1);
}

TEST_CASE("all errors of a run are reported with place, caret and hint") {
    const Loaded loaded = load_text(
        "CREATE TABLE t (id int PRIMARY KEY, balance int);\n"
        "CREATE PROCEDURE p() BEGIN ATOMIC UPDATE t SET balanc = 1; END;\n"
        "CREATE PROCEDURE q() BEGIN ATOMIC UPDATE tt SET balance = 1; END;\n"
        "CREATE TABLE u (x nosuch);\n"
        "CREATE TABLE v (x int CHECK (y > 0));\n");
    REQUIRE(loaded.errors.size() == 4);
    CHECK(loaded.schema == nullptr);
    CHECK_THAT(loaded.rendered_errors,
               Contains("test.sql:2:48: error: column \"balanc\" of relation \"t\" does not exist"));
    CHECK_THAT(loaded.rendered_errors, Contains("hint: Perhaps you meant \"balance\"."));
    CHECK_THAT(loaded.rendered_errors, Contains("test.sql:3:42: error: relation \"tt\" does not exist"));
    CHECK_THAT(loaded.rendered_errors, Contains("test.sql:4:19: error: type \"nosuch\" does not exist"));
    CHECK_THAT(loaded.rendered_errors, Contains("test.sql:5:30: error: column \"y\" does not exist"));
    CHECK(loaded.errors[0].sqlstate == "42703");
    CHECK(loaded.errors[1].sqlstate == "42P01");
}

TEST_CASE("errors in the second file name the second file") {
    const std::vector<ScriptFile> files{{"a.sql", "CREATE TABLE t (id int PRIMARY KEY);\n"},
                                        {"b.sql", "\nALTER TABLE tt ADD x int;"}};
    const Loaded loaded = load(files);
    REQUIRE(loaded.errors.size() == 1);
    CHECK(loaded.errors[0].place.describe() == "b.sql:2:13");
    const std::vector<ScriptFile> good{{"a.sql", "CREATE TABLE t (id int PRIMARY KEY);\n"},
                                       {"b.sql", "\nALTER TABLE t ADD x int CHECK (x > 0);"}};
    const SchemaPtr s = load(good).schema;
    REQUIRE(s != nullptr);
    CHECK(s->invariants.at(0).at.describe() == "b.sql:2:25");
}

TEST_CASE("ALTER TABLE changes what was declared") {
    const SchemaPtr s = schema_of(R"(
        CREATE TABLE p (id bigint PRIMARY KEY);
        CREATE TABLE t (id int, a int, b text DEFAULT 'x', gone int UNIQUE);
        ALTER TABLE t ADD PRIMARY KEY (id), ADD COLUMN c bigint REFERENCES p, ADD CONSTRAINT low CHECK (a >
            0);
        ALTER TABLE t DROP COLUMN gone, ALTER a SET NOT NULL, ALTER b DROP DEFAULT, ALTER a TYPE bigint;
        ALTER TABLE t RENAME COLUMN a TO amount;
        ALTER TABLE t RENAME CONSTRAINT low TO not_low;
        ALTER TABLE t ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY;
        CREATE UNIQUE INDEX ON t (b) WHERE amount > 5;
        CREATE UNIQUE INDEX t_lower ON t (lower(b));
    )");
    CHECK(invariants_of(*s) ==
          Strings{"p_pkey", "not_null(t.amount)", "not_low", "t_pkey", "t_b_idx", "t_lower", "t_c_fkey"});
    const Table& t = *s->find_table("", "t");
    CHECK(t.columns[1].type == sql::Type{sql::TypeId::int8});
    CHECK(t.columns[0].identity == Identity::always);
    CHECK(t.columns[2].default_value == nullptr);
    CHECK(t.keys[1].predicate != nullptr);
    CHECK(t.keys[2].expressions.size() == 1);
    CHECK(s->invariants[2].text == "CHECK (amount > 0)");
}

TEST_CASE("what pg_dump writes for serial is an identity") {
    const SchemaPtr s = schema_of(R"(
        SET search_path = '';
        SELECT pg_catalog.set_config('search_path', '', false);
        CREATE TABLE public.t (id integer NOT NULL, name character varying(20));
        ALTER TABLE public.t OWNER TO somebody;
        CREATE SEQUENCE public.t_id_seq AS integer START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE
            CACHE 1;
        ALTER SEQUENCE public.t_id_seq OWNED BY public.t.id;
        ALTER TABLE ONLY public.t ALTER COLUMN id SET DEFAULT nextval('public.t_id_seq'::regclass);
        ALTER TABLE ONLY public.t ADD CONSTRAINT t_pkey PRIMARY KEY (id);
    )");
    const Table& t = *s->find_table("", "t");
    CHECK(t.columns[0].identity == Identity::by_default);
    CHECK(t.keys[0].name == "t_pkey");
    CHECK(t.columns[1].type == sql::Type{sql::TypeId::varchar, false, 24});
}

TEST_CASE("what is not modelled is a warning that says what is lost") {
    const SchemaPtr s = schema_of(R"(
        CREATE TABLE t (id int PRIMARY KEY, at inet);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
        CREATE TRIGGER audit AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
        CREATE FUNCTION g(x int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN x; END $$;
        ALTER TABLE t ENABLE ROW LEVEL SECURITY;
        DO $$ BEGIN END $$;
    )");
    Strings messages;
    for (const Warning& w : s->warnings) messages.push_back(w.at.describe() + " " + w.message);
    REQUIRE(messages.size() == 5);
    CHECK_THAT(messages[0], Contains("test.sql:2:48 type inet is not modelled"));
    CHECK_THAT(messages[1], Contains("TRIGGER audit on t is not modelled"));
    CHECK_THAT(messages[4], Contains("g is skipped: its body is in plpgsql"));
    REQUIRE(s->transactions.size() == 1);
    CHECK(s->transactions[0].skipped.has_value());
}

TEST_CASE("views in schema assertion and CREATE ASSERTION are invariants") {
    const SchemaPtr s = schema_of(R"(
        CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL);
        CREATE SCHEMA assertion CREATE VIEW small AS SELECT id FROM t WHERE n > 10;
        CREATE ASSERTION few CHECK ((SELECT count(*) FROM t) < 100);
        CREATE ASSERTION none_negative CHECK (NOT EXISTS (SELECT FROM t WHERE n < 0));
    )");
    CHECK(invariants_of(*s) ==
          Strings{"not_null(t.n)", "t_pkey", "assertion.few", "assertion.none_negative", "assertion.small"});
    CHECK(s->invariants[2].text == "CHECK ((SELECT count(*) FROM t) < 100)");
    CHECK(bind_text(*s, "SELECT * FROM assertion.small").has_value());
}

TEST_CASE("a domain's checks count for each of its columns, and a guard is known by its shape") {
    const SchemaPtr s = schema_of(R"(
        CREATE DOMAIN positive AS bigint NOT NULL CHECK (VALUE > 0);
        CREATE DOMAIN sure AS boolean CONSTRAINT is_sure CHECK (VALUE);
        CREATE TABLE t (id bigint PRIMARY KEY, n positive);
    )");
    CHECK(invariants_of(*s) == Strings{"not_null(t.n)", "positive_check(t.n)", "t_pkey"});
    REQUIRE(s->domains.size() == 2);
    CHECK_FALSE(s->domains[0]->is_guard);
    CHECK(s->domains[1]->is_guard);
    CHECK(s->domains[1]->checks[0].name == "is_sure");
}

TEST_CASE("parameters carry their domains, and merge.fresh marks a value nobody else passes") {
    const SchemaPtr s = schema_of(R"(
        CREATE SCHEMA merge; CREATE DOMAIN merge.fresh AS uuid; CREATE DOMAIN order_id AS merge.fresh;
        CREATE TABLE t (id uuid PRIMARY KEY);
        CREATE PROCEDURE p(a merge.fresh, b order_id, c uuid, OUT d uuid) SET anabranch.lost_update = 'allow'
        BEGIN ATOMIC INSERT INTO t VALUES (a), (b), (c) RETURNING id; END;
    )");
    const Transaction& p = *s->find_transaction("p");
    REQUIRE(p.parameters.size() == 4);
    CHECK(p.parameters[0].fresh);
    CHECK(p.parameters[1].fresh);
    CHECK_FALSE(p.parameters[2].fresh);
    CHECK(p.parameters[3].mode == Parameter::Mode::out);
    CHECK(p.columns.at(0).name == "d");
    CHECK(p.allow_lost_update);
    CHECK_FALSE(p.read_only);
}

TEST_CASE("the hash of a schema does not depend on comments, blanks or the case of keywords") {
    const auto hash = [](const std::string& text) { return schema_of(text)->hash; };
    CHECK(hash("CREATE TABLE t (id int PRIMARY KEY);") ==
          hash("-- a table\ncreate  table T (\n id INT primary key\n);"));
    CHECK(hash("CREATE TABLE t (id int PRIMARY KEY);") ==
          hash("CREATE TABLE t (id int PRIMARY KEY); COMMENT ON TABLE t IS 'things';"));
    CHECK(hash("CREATE TABLE t (id int PRIMARY KEY);") != hash("CREATE TABLE t (id bigint PRIMARY KEY);"));
}

TEST_CASE("foreign keys find the key they refer to") {
    const SchemaPtr s = schema_of(R"(
        CREATE TABLE p (id int PRIMARY KEY, a int, b int, UNIQUE (a, b));
        CREATE TABLE c (x int, y int, FOREIGN KEY (x, y) REFERENCES p (b, a) ON DELETE SET NULL (y));
    )");
    const ForeignKey& f = s->find_table("", "c")->foreign_keys.at(0);
    CHECK(f.parent_key == 1);
    CHECK(f.parent_columns == std::vector<ColumnId>{{2}, {1}});
    CHECK(f.set_columns == std::vector<ColumnId>{{1}});
    CHECK(errors_of("CREATE TABLE p (id int PRIMARY KEY, a int); CREATE TABLE c (x int REFERENCES p (a));") ==
          Strings{"42830 there is no unique constraint matching given keys for referenced table \"p\""});
    CHECK(errors_of("CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (x text REFERENCES p);") ==
          Strings{"42804 foreign key constraint \"c_x_fkey\" cannot be implemented"});
}

TEST_CASE("a parameter hidden by a column of the same name is reported") {
    const auto warnings = [](const std::string& body) {
        Strings out;
        const SchemaPtr s = schema_of("CREATE TABLE t (id int PRIMARY KEY, n int);" + body);
        for (const Warning& w : s->warnings) out.push_back(w.message);
        return out;
    };
    CHECK_THAT(
        warnings("CREATE PROCEDURE p(id int, n int) BEGIN ATOMIC UPDATE t SET n = n WHERE t.id = p.id; END;")
            .at(0),
        Contains("SET n = n changes nothing"));
    CHECK_THAT(warnings("CREATE PROCEDURE p(id int) BEGIN ATOMIC DELETE FROM t WHERE id = id; END;").at(0),
               Contains("write p.id"));
    CHECK(warnings(
              "CREATE PROCEDURE p(id int, n int) BEGIN ATOMIC UPDATE t SET n = p.n WHERE t.id = p.id; END;")
              .empty());
    CHECK(
        warnings("CREATE PROCEDURE p(id int, n int) BEGIN ATOMIC INSERT INTO t (id, n) VALUES (id, n); END;")
            .empty());
}
