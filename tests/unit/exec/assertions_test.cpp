// Assertions that compare sums are asked about what has changed (lib/exec/assertion_balance.h): the answer is
// that of adding everything up, and the cost does not grow with what is there.
#include <catch2/catch.hpp>

#include "crdt/database.h"
#include "tests/support/property.h"
#include "tests/unit/exec/shell.h"

namespace anabranch::test {
namespace {

const char* const tables = R"sql(
    CREATE TABLE a (id int PRIMARY KEY, x int NOT NULL, n int, g int NOT NULL);
    CREATE TABLE b (id int PRIMARY KEY, a int NOT NULL REFERENCES a ON DELETE CASCADE, y int NOT NULL, z int,
        k int NOT NULL, m numeric NOT NULL);
    CREATE INDEX ON b (a, k);
    CREATE TABLE c (id int PRIMARY KEY, b int REFERENCES b ON DELETE SET NULL, w int NOT NULL,
        v bigint NOT NULL);
    CREATE SCHEMA assertion CREATE VIEW shape AS
)sql";

// A random assertion over these tables.
class Shape {
  public:
    explicit Shape(Random& random) : random_(random.next()) {
        switch (random_.below(4)) {
            case 0:
                of_groups();
                break;
            case 1:
                of_all();
                break;
            default:
                of_rows();
                break;
        }
    }
    std::string query;
    std::string mend;  // a statement that makes it hold, mostly

  private:
    std::string one_of(std::vector<std::string> list) { return list[random_.below(list.size())]; }
    std::string comparison() { return one_of({"<>", "<>", "<>", ">", ">=", "<", "IS DISTINCT FROM"}); }
    std::string compared(const std::string& left, const std::string& right) {
        if (random_.chance(0.2)) return "NOT (" + left + one_of({" = ", " <= ", " >= "}) + right + ")";
        return left + " " + comparison() + " " + right;
    }
    std::string of_b() { return one_of({"b.y", "b.z", "b.m", "b.y + b.k", "b.k"}); }
    std::string sum_of_b() {
        return one_of({"count(*)", "count(b.z)", "coalesce(sum(" + of_b() + "), 0)", "sum(" + of_b() + ")",
                       "coalesce(sum(" + of_b() + ") FILTER (WHERE b.k > 1), 0)"});
    }
    std::string filter_of_b() {
        return one_of({"", "", " AND b.k < 2", " AND b.z IS NOT NULL", " AND b.y > b.k"});
    }
    std::string sum() {
        const std::string tie = one_of({"b.a = a.id", "b.a = a.id", "b.a = a.id AND b.k = a.g"});
        switch (random_.below(5)) {
            case 0:
                return "coalesce((SELECT sum(" + of_b() + ") FROM b WHERE " + tie + filter_of_b() + "), 0)";
            case 1:
                return "(SELECT coalesce(sum(c.w), 0) FROM c JOIN b ON c.b = b.id WHERE " + tie +
                       filter_of_b() + ")";
            case 2:
                return "(SELECT " + one_of({"count(*)", "coalesce(sum(c.v), 0)"}) + " FROM b, c WHERE " +
                       tie + " AND c.b = b.id AND c.w > b.k)";
            default:
                return "(SELECT " + sum_of_b() + " FROM b WHERE " + tie + filter_of_b() + ")";
        }
    }
    std::string others() {
        return one_of(
            {"", "", "a.x", "a.n", "1", "(SELECT coalesce(max(b.k), 0) FROM b WHERE b.a = a.id)", sum()});
    }
    void of_rows() {
        const std::string other = others();
        const std::string left = other.empty() || random_.chance(0.5) ? "a.x" : "a.x - " + other,
                          right = left == "a.x" && !other.empty() ? sum() + one_of({" + ", " - "}) + other
                                                                  : sum();
        query = "SELECT a.id FROM a WHERE " + compared(left, right) +
                one_of({"", "", " AND a.g > 0", " AND a.n IS NOT NULL"});
        mend = "UPDATE a SET x = a.x - coalesce((" + left + ") - (" + right + "), 0)::int";
    }
    void of_groups() {
        const std::string keys = one_of({"b.a", "b.k", "b.a, b.k"});
        const std::string where = one_of({"", "", " WHERE b.y > 1", " WHERE b.z IS NOT NULL"});
        query = "SELECT " + keys + " FROM b" + where + " GROUP BY " + keys + " HAVING " +
                compared(sum_of_b(), one_of({"4", "12", "max(b.k) - min(b.k) + 1", sum_of_b(), "max(b.y)"}));
        mend = "DELETE FROM b WHERE " + one_of({"b.k > 1", "b.y > 4", "b.z IS NULL"});
    }
    void of_all() {
        if (random_.chance(0.5)) {
            query = "SELECT 1 FROM b" + one_of({"", " WHERE b.k > 0"}) + " HAVING " +
                    compared(sum_of_b(), one_of({"0", "20", sum_of_b()}));
        } else {
            query = "SELECT 1 WHERE " + compared("(SELECT " + sum_of_b() + " FROM b)",
                                                 one_of({"(SELECT coalesce(sum(a.x), 0) FROM a)",
                                                         "(SELECT count(*) FROM a) + 2", "9"}));
        }
        mend =
            "UPDATE a SET x = a.x + coalesce((SELECT sum(b.y) FROM b), 0)::int - (SELECT sum(q.x) FROM a "
            "q)::int WHERE a.id = (SELECT min(r.id) FROM a r)";
    }
    Random random_;
};

std::string any_statement(Random& random) {
    const auto number = [&](std::int64_t most) { return std::to_string(random.between(0, most)); };
    const auto maybe = [&](std::int64_t most) {
        return random.chance(0.3) ? std::string("NULL") : number(most);
    };
    switch (random.below(14)) {
        case 0:
            return "INSERT INTO a VALUES (" + number(5) + ", " + number(6) + ", " + maybe(3) + ", " +
                   number(2) + ") ON CONFLICT DO NOTHING";
        case 1:
        case 2:
        case 3:
        case 4:
            return "INSERT INTO b SELECT " + number(25) + ", id, " + number(6) + ", " + maybe(4) + ", " +
                   number(3) + ", " + number(9) + ".5 FROM a WHERE id = " + number(5) +
                   " ON CONFLICT DO NOTHING";
        case 5:
        case 6:
            return "INSERT INTO c SELECT " + number(25) + ", max(id), " + number(6) + ", " + number(6) +
                   " FROM b WHERE k = " + number(3) + " ON CONFLICT DO NOTHING";
        case 7:
            return "UPDATE a SET x = x + " + number(2) + ", n = " + maybe(3) + " WHERE id = " + number(5);
        case 8:
            return "UPDATE b SET y = y + 1, z = " + maybe(4) + " WHERE id = " + number(25);
        case 9:
            return "UPDATE b SET k = " + number(3) + ", m = m - 0.5 WHERE id > " + number(25);
        case 10:
            return "UPDATE c SET w = w + " + number(3) + ", b = (SELECT min(id) FROM b WHERE y > " +
                   number(6) + ") WHERE id = " + number(25);
        case 11:
            return "DELETE FROM a WHERE id = " + number(5);
        case 12:
            return "UPDATE a SET g = " + number(2) + ", id = id + 6 - 6 WHERE id = " + number(5);
        default:
            return "DELETE FROM b WHERE id = " + number(25);
    }
}

TEST_CASE("following what changes about sums finds the violations that adding them up finds") {
    std::size_t kept = 0, refused = 0;
    for_seeds(150, [&](Random& random) {
        Shape shape(random);
        std::unique_ptr<Shell> made;
        while (made == nullptr || !made->violations().empty()) {  // until one holds of an empty database
            shape = Shape(random);
            made = std::make_unique<Shell>(tables + shape.query + ";");
        }
        Shell& shell = *made;
        CAPTURE(shape.query);
        std::string script;
        for (int round = 0; round < 40; ++round) {
            const auto run = [&](const std::string& statement) {
                script += statement + ";\n";
                return shell.execute(statement);
            };
            CAPTURE(script);
            REQUIRE(shell.violations().empty());
            run("BEGIN");
            bool failed = false;
            for (std::uint64_t n = random.below(5); n-- > 0 && !failed;)
                failed = run(any_statement(random)).starts_with("ERROR");
            if (!failed && random.chance(0.5)) failed = run(shape.mend).starts_with("ERROR");
            const std::string count = failed ? "" : run("SELECT count(*) FROM (" + shape.query + ") v");
            if (failed || count.starts_with("ERROR")) {
                run("ROLLBACK");
                continue;
            }
            const std::string answer = run("COMMIT");
            REQUIRE(answer.starts_with("ERROR 23514") == (count != "0\n"));
            ++(count == "0\n" ? kept : refused);
        }
    });
    if (sanitized) return;
    CHECK(kept > 1500);
    CHECK(refused > 250);
}

// Under the assertion, the script is committed and then the statement is not.
void breaks(const std::string& assertion, const std::string& script, const std::string& statement) {
    CAPTURE(assertion);
    Shell shell(tables + assertion + ";");
    shell.execute("BEGIN");
    for (std::size_t at = 0; at < script.size();) {
        const std::size_t end = std::min(script.find(';', at), script.size());
        CHECK_FALSE(shell.execute(script.substr(at, end - at)).starts_with("ERROR"));
        at = end + 1;
    }
    CHECK_FALSE(shell.execute("COMMIT").starts_with("ERROR"));
    CHECK(shell.execute(statement).starts_with("ERROR 23514"));
}

TEST_CASE("what a sum was compared with before is not taken for granted where it was something else") {
    const std::string one_row =
        "INSERT INTO a VALUES (1, 5, NULL, 2); INSERT INTO b VALUES (1, 1, 5, NULL, 2, 1)";
    breaks("SELECT id FROM a WHERE x <> (SELECT coalesce(sum(y), 0) FROM b WHERE b.a = a.id AND b.k = a.g)",
           one_row, "UPDATE a SET g = 1");  // the sum is of other rows now
    breaks("SELECT id FROM a WHERE x <> (SELECT count(*) FROM b WHERE b.a = a.id) AND g > 2", one_row,
           "UPDATE a SET g = 3");  // the other condition held nobody to it
    breaks("SELECT id FROM a WHERE n <> (SELECT count(*) FROM b WHERE b.a = a.id)", one_row,
           "UPDATE a SET n = 7");  // it was unknown
    breaks("SELECT k FROM b WHERE y > 1 GROUP BY k HAVING count(*) <> 1", one_row,
           "INSERT INTO b VALUES (2, 1, 2, NULL, 3, 1), (3, 1, 2, NULL, 3, 1)");  // there was no such group
    breaks("SELECT k FROM b GROUP BY k HAVING sum(z) <> 3", one_row, "UPDATE b SET z = 4");  // it was NULL
    const std::string joined = one_row +
                               "; INSERT INTO a VALUES (2, 0, NULL, 2); INSERT INTO b VALUES (2, 2, 5, "
                               "NULL, 2, 1); INSERT INTO c VALUES (1, 1, 5, 1)";
    const std::string through =
        "SELECT id FROM a WHERE x <> (SELECT coalesce(sum(w), 0) FROM c JOIN b ON b.id = c.b WHERE b.a = "
        "a.id)";
    breaks(through, joined, "UPDATE c SET b = 2");               // the row goes to another sum
    breaks(through, joined, "UPDATE b SET a = 2 WHERE id = 1");  // and so it does when its parent goes
    breaks(through, joined, "DELETE FROM b WHERE id = 1");       // or is no more
}

// Counts the rows that are read.
class CountingStore final : public exec::Store {
  public:
    explicit CountingStore(const exec::Store& base) : base_(base) {}
    exec::RowView find(TableId table, std::string_view key) const override {
        ++rows;
        return base_.find(table, key);
    }
    void scan(TableId table, exec::RowVisitor visit) const override {
        const auto count = [&](exec::RowView row) {
            ++rows;
            return visit(row);
        };
        base_.scan(table, count);
    }
    void scan_index(TableId table, exec::IndexId index, std::string_view low, std::string_view high,
                    bool reverse, exec::RowVisitor visit) const override {
        const auto count = [&](exec::RowView row) {
            ++rows;
            return visit(row);
        };
        base_.scan_index(table, index, low, high, reverse, count);
    }
    std::size_t row_count(TableId table) const override { return base_.row_count(table); }
    void duplicate_claims(TableId table, exec::RowVisitor visit) const override {
        base_.duplicate_claims(table, visit);
    }
    mutable std::size_t rows = 0;

  private:
    const exec::Store& base_;
};

struct Ledger {
    explicit Ledger(const std::string& assertion) {
        const catalog::ScriptFile file{"ledger.sql", R"sql(
            CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL);
            CREATE TABLE booking (id int PRIMARY KEY, account int NOT NULL REFERENCES account,
                paid int NOT NULL,
                amount int NOT NULL);
            CREATE INDEX ON booking (account, id);
            CREATE TABLE detail (booking int REFERENCES booking, line int, part int NOT NULL,
                PRIMARY KEY (booking, line));
            CREATE TABLE step (account int, n int, PRIMARY KEY (account, n));
            CREATE TABLE loan (id int PRIMARY KEY, owner int NOT NULL, n int NOT NULL);
            CREATE SCHEMA assertion CREATE VIEW shape AS )sql" +
                                                         assertion + R"sql(;
            CREATE PROCEDURE open(i int) BEGIN ATOMIC INSERT INTO account VALUES (i, 0); END;
            CREATE PROCEDURE book(i int) BEGIN ATOMIC
                INSERT INTO booking VALUES (i, 1, 1, 7);
                INSERT INTO step VALUES (1, i);
                INSERT INTO detail VALUES (i, 1, 3), (i, 2, 4);
                UPDATE account SET balance = balance + 7 WHERE id = 1;
            END;
            CREATE PROCEDURE lend(i int) BEGIN ATOMIC INSERT INTO loan VALUES (i, i % 10, 5); END;
            CREATE PROCEDURE repay(i int) BEGIN ATOMIC UPDATE loan SET n = n - 1 WHERE id = i; END;
            CREATE PROCEDURE forgive(i int) BEGIN ATOMIC DELETE FROM loan WHERE id = i; END;
        )sql"};
        const auto result = catalog::load({&file, 1});
        INFO(result.rendered_errors);
        REQUIRE(result.schema != nullptr);
        schema = result.schema;
        database = std::make_unique<crdt::Database>(schema);
        store = std::make_unique<CountingStore>(*database);
        run = std::make_unique<exec::TransactionRun>(schema, *store, origin);
    }
    std::size_t rows_read_by(const std::string& name, std::int64_t number) {
        store->rows = 0;
        const sql::Datum value = sql::Datum::integer(number);
        REQUIRE(run->run(*exec::compile(schema, *schema->find_transaction(name)), {&value, 1}, nullptr)
                    .has_value());
        const auto writes = run->finish();
        REQUIRE(writes.has_value());
        const Dot dot{ReplicaId{9}, ++seq};
        database->merge(database->make_delta(**writes, dot, {seq, dot.origin}));
        run->reset();
        return store->rows;
    }
    catalog::SchemaPtr schema;
    std::unique_ptr<crdt::Database> database;
    std::unique_ptr<CountingStore> store;
    CountingOrigin origin;
    std::unique_ptr<exec::TransactionRun> run;
    std::uint64_t seq = 0;
};

TEST_CASE("an assertion of equal sums costs what the transaction touches, however many rows there are") {
    for (const char* assertion : {
             "SELECT id FROM account WHERE balance <> (SELECT coalesce(sum(amount), 0) FROM booking WHERE "
             "account = account.id)",
             "SELECT id FROM account WHERE balance <> (SELECT coalesce(sum(part), 0) FROM detail JOIN "
             "booking ON id = "
             "booking WHERE account = account.id)",
             "SELECT 1 WHERE (SELECT coalesce(sum(balance), 0) FROM account) <> (SELECT "
             "coalesce(sum(amount), 0) FROM booking)",
             "SELECT sum(amount - 7 * paid) FROM booking HAVING sum(amount - 7 * paid) <> 0",
             "SELECT account FROM booking GROUP BY account HAVING max(id) - min(id) + 1 <> count(*)",
             "SELECT account FROM step GROUP BY account HAVING max(n) - min(n) + 1 <> count(*)",
             "SELECT account FROM booking GROUP BY account HAVING sum(7 - amount) > 0",
         }) {
        CAPTURE(assertion);
        Ledger ledger(assertion);
        ledger.rows_read_by("open", 1);
        for (int i = 1; i <= 20; ++i) ledger.rows_read_by("book", i);
        const std::size_t few = ledger.rows_read_by("book", 21);
        for (int i = 22; i <= 500; ++i) ledger.rows_read_by("book", i);
        CHECK(ledger.rows_read_by("book", 501) <= few);
        CHECK(few < 40);
    }
}

TEST_CASE("lowering a capped sum costs what it touches, with or without an index over the groups") {
    Ledger ledger("SELECT owner FROM loan GROUP BY owner HAVING sum(n) > 100000");
    for (int i = 1; i <= 500; ++i) ledger.rows_read_by("lend", i);
    CHECK(ledger.rows_read_by("repay", 250) < 10);
    CHECK(ledger.rows_read_by("forgive", 499) < 10);
}

TEST_CASE("what an empty database breaks is not taken for granted") {
    Shell shell(std::string(tables) + "SELECT 1 WHERE (SELECT count(*) FROM a) < 2;");
    CHECK(shell.execute("INSERT INTO a VALUES (1, 1, 1, 1)").starts_with("ERROR 23514"));
    CHECK(shell.execute("INSERT INTO a VALUES (1, 1, 1, 1), (2, 1, 1, 1)") == "INSERT 2\n");
    CHECK(shell.execute("DELETE FROM a WHERE id = 1").starts_with("ERROR 23514"));
}

}  // namespace
}  // namespace anabranch::test
