#include "tests/unit/catalog/schemas.h"

using namespace anabranch;
using namespace anabranch::catalog;
using Catch::Matchers::Contains;
using test::column_of;
using test::errors_of;
using test::schema_of;

namespace {

const std::string plain = "CREATE TABLE t (id bigint PRIMARY KEY, c bigint NOT NULL DEFAULT 0, d bigint);";

ColumnPolicy policy_of(const std::string& body, const std::string& parameters = "k bigint, n bigint",
                       const std::string& tables = plain) {
    return column_of(
               *schema_of(tables + "CREATE PROCEDURE p(" + parameters + ") BEGIN ATOMIC " + body + " END;"),
               "t", "c")
        .policy;
}
Merge merge_of(const std::string& body) {
    return policy_of(body).merge;
}

}  // namespace

TEST_CASE("a column that is only added to is a counter") {
    CHECK(merge_of("UPDATE t SET c = c + n WHERE id = k;") == Merge::counter);
    CHECK(merge_of("UPDATE t SET c = n + c WHERE id = k;") == Merge::counter);
    CHECK(merge_of("UPDATE t SET c = c - n; UPDATE t SET c = c + 1;") == Merge::counter);
    CHECK(merge_of("UPDATE t SET c = c + n - 1 + d;") == Merge::counter);
    CHECK(merge_of("UPDATE t SET c = CASE WHEN d > 0 THEN c + n ELSE c - n END;") == Merge::counter);
    CHECK(merge_of("UPDATE t SET c = c + (SELECT max(d) FROM t);") == Merge::counter);
    CHECK(merge_of("INSERT INTO t VALUES (k, n) ON CONFLICT (id) DO UPDATE SET c = t.c + excluded.c;") ==
          Merge::counter);
    CHECK(merge_of("UPDATE t SET c = coalesce(c, 0) + n;") == Merge::counter);
    CHECK(policy_of("UPDATE t SET c = c + n; UPDATE t SET c = c - 1;").reason ==
          "every write is c + e or c - e (p)");
}

TEST_CASE("a column that is assigned anywhere is a register") {
    CHECK(merge_of("UPDATE t SET c = n;") == Merge::register_);
    CHECK(merge_of("UPDATE t SET c = c + n; UPDATE t SET c = 0;") == Merge::register_);
    CHECK(merge_of("UPDATE t SET c = n - c;") == Merge::register_);
    CHECK(merge_of("UPDATE t SET c = c * 2;") == Merge::register_);
    CHECK(merge_of("UPDATE t SET c = CASE WHEN d > 0 THEN c + n ELSE 0 END;") == Merge::register_);
    CHECK(merge_of("UPDATE t SET c = d + n;") == Merge::register_);
    CHECK(merge_of("INSERT INTO t VALUES (k, n) ON CONFLICT (id) DO UPDATE SET c = excluded.c;") ==
          Merge::register_);
    CHECK(merge_of("UPDATE t SET c = greatest(c, n); UPDATE t SET c = c + 1;") == Merge::register_);
}

TEST_CASE("a column that is never written again is immutable") {
    CHECK(merge_of("INSERT INTO t VALUES (k, n);") == Merge::immutable);
    CHECK(merge_of("UPDATE t SET c = c;") == Merge::immutable);
    CHECK(merge_of("INSERT INTO t VALUES (k, n) ON CONFLICT DO NOTHING;") == Merge::register_);
    const auto s = schema_of(plain + "CREATE PROCEDURE p(k bigint) BEGIN ATOMIC UPDATE t SET id = k; END;");
    CHECK(column_of(*s, "t", "id").policy.merge == Merge::immutable);
    CHECK(s->find_table("", "t")->deletes);
}

TEST_CASE("greatest and least make a maximum and a minimum") {
    CHECK(merge_of("UPDATE t SET c = greatest(c, n);") == Merge::max);
    CHECK(merge_of("UPDATE t SET c = least(n, c);") == Merge::min);
    CHECK(merge_of("UPDATE t SET c = n WHERE c < n;") == Merge::register_);
    CHECK(merge_of(
              "INSERT INTO t VALUES (k, n) ON CONFLICT (id) DO UPDATE SET c = greatest(t.c, excluded.c);") ==
          Merge::max);
    CHECK(merge_of("INSERT INTO t VALUES (k, n) ON CONFLICT (id) DO UPDATE SET c = greatest(t.c, "
                   "excluded.c); DELETE FROM t WHERE id = n;") == Merge::register_);
}

TEST_CASE("a counter of fewer than 64 bits is warned about") {
    const auto s = schema_of(
        "CREATE TABLE t (id bigint PRIMARY KEY, c int); CREATE PROCEDURE p(n bigint) BEGIN ATOMIC UPDATE t "
        "SET c = c + n; END;");
    CHECK(column_of(*s, "t", "c").policy.merge == Merge::counter);
    REQUIRE(s->warnings.size() == 1);
    CHECK_THAT(s->warnings[0].message, Contains("counter \"c\" is declared integer"));
}

TEST_CASE(
    "registers that one invariant reads together merge as one, transitively, without counters and immutable "
    "columns") {
    const auto s = schema_of(R"(
        CREATE TABLE t (id bigint PRIMARY KEY, a int, b int, c int, d int, n bigint, i int, CHECK (a < b),
            UNIQUE (b, c), CHECK (a < n), CHECK (a < i));
        CREATE PROCEDURE p(x int) BEGIN ATOMIC UPDATE t SET a = x, b = x, c = x, d = x; UPDATE t SET n = n
            + 1; END;
    )");
    const auto group = [&](const char* name) { return column_of(*s, "t", name).policy.group; };
    CHECK(group("a") == group("b"));
    CHECK(group("b") == group("c"));
    CHECK(group("d") != group("a"));
    CHECK(group("i") != group("a"));
    CHECK(column_of(*s, "t", "n").policy.merge == Merge::counter);
    CHECK(s->find_table("", "t")->group_count == 4);
    CHECK_THAT(column_of(*s, "t", "a").policy.reason,
               Contains("merges as one with b and c, which t_check reads together"));
}

TEST_CASE("declared merges override, and must fit the statements") {
    const std::string domains =
        "CREATE SCHEMA merge; CREATE DOMAIN merge.max AS bigint; CREATE DOMAIN merge.counter AS bigint;"
        "CREATE DOMAIN merge.lww AS bigint; CREATE DOMAIN stock AS merge.counter CHECK (VALUE >= 0);";
    const auto with = [&](const std::string& type, const std::string& body) {
        return domains + "CREATE TABLE t (id bigint PRIMARY KEY, c " + type +
               " NOT NULL); CREATE PROCEDURE p(n bigint) BEGIN ATOMIC " + body + " END;";
    };
    const auto merge = [&](const std::string& type, const std::string& body) {
        return column_of(*schema_of(with(type, body)), "t", "c").policy.merge;
    };
    CHECK(merge("merge.max", "UPDATE t SET c = n WHERE c < n;") == Merge::max);
    CHECK(merge("merge.max", "UPDATE t SET c = c + 1;") == Merge::max);
    CHECK(merge("merge.lww", "UPDATE t SET c = c + 1;") == Merge::register_);
    CHECK(merge("stock", "UPDATE t SET c = c - n;") == Merge::counter);
    CHECK(errors_of(with("merge.max", "UPDATE t SET c = n;")) ==
          std::vector<std::string>{"42P17 column t.c is declared merge.max, but p could lower it"});
    CHECK(errors_of(with("merge.counter", "UPDATE t SET c = n;")) ==
          std::vector<std::string>{"42P17 column t.c is declared merge.counter, but p assigns it"});
}

TEST_CASE("a reference that is counted up: CASCADE did not find its row, so it is a register") {
    const auto with = [](const std::string& type, const std::string& action) {
        return "CREATE SCHEMA merge; CREATE DOMAIN merge.counter AS bigint; CREATE DOMAIN merge.max AS "
               "bigint;"
               "CREATE TABLE parent (id bigint PRIMARY KEY);"
               "CREATE TABLE t (id bigint PRIMARY KEY, c " +
               type + " REFERENCES parent" + action +
               ");"
               "CREATE PROCEDURE p(k bigint, n int) BEGIN ATOMIC UPDATE t SET c = c + n WHERE id = k; END;";
    };
    const auto policy = [&](const std::string& action) {
        return column_of(*schema_of(with("bigint", action)), "t", "c").policy;
    };
    CHECK(policy(" ON DELETE CASCADE").merge == Merge::register_);
    CHECK(policy(" ON DELETE CASCADE").reason ==
          "the merge deletes or changes the row with the parent that it names (t_c_fkey)");
    CHECK(policy(" ON DELETE SET NULL").merge == Merge::register_);
    CHECK(policy("").merge == Merge::counter);
    CHECK(
        errors_of(with("merge.counter", " ON DELETE CASCADE")) ==
        std::vector<std::string>{"42P16 column t.c cannot be merge.counter: the merge deletes or changes the "
                                 "row with the parent that it names (t_c_fkey)"});
    CHECK(errors_of(with("merge.counter", "")).empty());
}

TEST_CASE("ON CONFLICT on the primary key makes the key the identity; on another key it does not") {
    const auto identity = [](const std::string& body) {
        return schema_of(
                   "CREATE TABLE t (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), c bigint UNIQUE);"
                   "CREATE PROCEDURE p(k uuid, n bigint) BEGIN ATOMIC " +
                   body + " END;")
            ->find_table("", "t")
            ->identity;
    };
    CHECK(identity("INSERT INTO t VALUES (k, n);") == RowIdentity::per_insert);
    CHECK(identity("INSERT INTO t VALUES (k, n) ON CONFLICT DO NOTHING;") == RowIdentity::per_key);
    CHECK(identity("INSERT INTO t VALUES (k, n) ON CONFLICT (id) DO NOTHING;") == RowIdentity::per_key);
    CHECK(identity("INSERT INTO t (c) VALUES (n) ON CONFLICT (c) DO NOTHING;") == RowIdentity::per_insert);
}
