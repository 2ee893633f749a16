#include "confluence/bailis.h"

namespace anabranch::confluence {

namespace {

// tidy: table
constexpr TableCell cells[] = {
    {"1", "attribute equality", "any", true, true, "prices_currency_check", "", R"sql(
CREATE TABLE prices (item bigint PRIMARY KEY, currency text NOT NULL CHECK (currency = 'EUR'));
CREATE PROCEDURE put(item bigint, code text) BEGIN ATOMIC
    INSERT INTO prices VALUES (item, code) ON CONFLICT (item) DO UPDATE SET currency = excluded.currency;
END;
CREATE PROCEDURE drop_price(which bigint) BEGIN ATOMIC DELETE FROM prices WHERE item = which; END;
)sql"},
    {"2", "attribute inequality", "any", true, true, "products_label_check", "", R"sql(
CREATE TABLE products (id bigint PRIMARY KEY, label text NOT NULL CHECK (label <> ''));
CREATE PROCEDURE put(id bigint, label text) BEGIN ATOMIC
    INSERT INTO products VALUES (id, label) ON CONFLICT (id) DO UPDATE SET label = excluded.label;
END;
CREATE PROCEDURE drop_product(which bigint) BEGIN ATOMIC DELETE FROM products WHERE id = which; END;
)sql"},
    {"3", "uniqueness", "choose specific value", false, false, "users_handle_key", "", R"sql(
CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), handle text NOT NULL UNIQUE);
CREATE PROCEDURE sign_up(handle text) BEGIN ATOMIC INSERT INTO users (handle) VALUES (handle); END;
)sql"},
    {"3a", "uniqueness", "choose a value that is the key, ON CONFLICT", false, true, "tags_pkey",
     "the key is the identity of the row: two inserts of one key are one row", R"sql(
CREATE TABLE tags (name text PRIMARY KEY, colour text NOT NULL);
CREATE PROCEDURE put_tag(name text, colour text) BEGIN ATOMIC
    INSERT INTO tags VALUES (name, colour) ON CONFLICT (name) DO UPDATE SET colour = excluded.colour;
END;
)sql"},
    {"4", "uniqueness", "choose some value", true, true, "users_id_key", "", R"sql(
CREATE TABLE users (id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(), handle text NOT NULL);
CREATE PROCEDURE sign_up(handle text) BEGIN ATOMIC INSERT INTO users (handle) VALUES (handle); END;
)sql"},
    {"5", "AUTO_INCREMENT", "insert", false, false, "invoices_number_key", "", R"sql(
CREATE TABLE invoices (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), number bigint NOT NULL UNIQUE);
CREATE PROCEDURE issue() BEGIN ATOMIC
    INSERT INTO invoices (number) SELECT coalesce(max(number), 0) + 1 FROM invoices;
END;
)sql"},
    {"5a", "AUTO_INCREMENT", "insert, gaps allowed", false, true, "invoices_number_key",
     "an identity column is unique without being dense: each replica draws from numbers of its own", R"sql(
CREATE TABLE invoices (number bigint UNIQUE GENERATED ALWAYS AS IDENTITY, total bigint NOT NULL);
CREATE PROCEDURE issue(total bigint) BEGIN ATOMIC INSERT INTO invoices (total) VALUES (total); END;
)sql"},
    {"6", "foreign key", "insert", true, true, "employees_department_fkey", "", R"sql(
CREATE TABLE departments (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL);
CREATE TABLE employees (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    department uuid NOT NULL REFERENCES departments);
CREATE PROCEDURE found(name text) BEGIN ATOMIC INSERT INTO departments (name) VALUES (name); END;
CREATE PROCEDURE hire(department uuid) BEGIN ATOMIC
    INSERT INTO employees (department) VALUES (department);
END;
)sql"},
    {"7", "foreign key", "delete", false, false, "players_team_fkey", "", R"sql(
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE players (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), team bigint NOT NULL REFERENCES teams);
INSERT INTO teams VALUES (1), (2);
CREATE PROCEDURE join_team(team bigint) BEGIN ATOMIC INSERT INTO players (team) VALUES (team); END;
CREATE PROCEDURE disband(team bigint) BEGIN ATOMIC DELETE FROM teams WHERE id = team; END;
)sql"},
    {"8", "foreign key", "cascading delete", true, true, "players_team_fkey", "", R"sql(
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE players (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    team bigint NOT NULL REFERENCES teams ON DELETE CASCADE);
INSERT INTO teams VALUES (1), (2);
CREATE PROCEDURE join_team(team bigint) BEGIN ATOMIC INSERT INTO players (team) VALUES (team); END;
CREATE PROCEDURE disband(team bigint) BEGIN ATOMIC DELETE FROM teams WHERE id = team; END;
)sql"},
    {"8a", "foreign key", "cascading delete, by hand", true, false, "players_team_fkey",
     "children that the deleting replica has not seen stay; ON DELETE CASCADE is applied again by every "
     "merge",
     R"sql(
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE players (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), team bigint NOT NULL REFERENCES teams);
INSERT INTO teams VALUES (1), (2);
CREATE PROCEDURE join_team(team bigint) BEGIN ATOMIC INSERT INTO players (team) VALUES (team); END;
CREATE PROCEDURE disband(which bigint) BEGIN ATOMIC
    DELETE FROM players WHERE team = which;
    DELETE FROM teams WHERE id = which;
END;
)sql"},
    {"9", "secondary indexing", "update", true, true, "", "each replica derives its indexes from its rows",
     R"sql(
CREATE TABLE posts (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), author text NOT NULL);
CREATE INDEX posts_by_author ON posts (author);
CREATE PROCEDURE write_post(author text) BEGIN ATOMIC INSERT INTO posts (author) VALUES (author); END;
CREATE PROCEDURE give_post(post uuid, author text) BEGIN ATOMIC
    UPDATE posts p SET author = give_post.author WHERE id = post;
END;
)sql"},
    {"10", "materialized views", "update", true, true, "assertion.count_is_exact", "", R"sql(
CREATE TABLE authors (id bigint PRIMARY KEY, posts bigint NOT NULL DEFAULT 0);
CREATE TABLE posts (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), author bigint NOT NULL REFERENCES authors);
INSERT INTO authors VALUES (1), (2);
CREATE SCHEMA assertion CREATE VIEW count_is_exact AS
    SELECT a.id FROM authors a WHERE a.posts <> (SELECT count(*) FROM posts p WHERE p.author = a.id);
CREATE PROCEDURE write_post(author bigint) BEGIN ATOMIC
    UPDATE authors SET posts = posts + 1 WHERE id = author;
    INSERT INTO posts (author) VALUES (author);
END;
)sql"},
    {"10a", "materialized views", "update, by overwriting", true, false, "assertion.count_is_exact",
     "a count that is assigned merges by the last writer; one that is added to merges by the sum", R"sql(
CREATE TABLE authors (id bigint PRIMARY KEY, posts bigint NOT NULL DEFAULT 0);
CREATE TABLE posts (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), author bigint NOT NULL REFERENCES authors);
INSERT INTO authors VALUES (1), (2);
CREATE SCHEMA assertion CREATE VIEW count_is_exact AS
    SELECT a.id FROM authors a WHERE a.posts <> (SELECT count(*) FROM posts p WHERE p.author = a.id);
CREATE PROCEDURE write_post(author bigint) BEGIN ATOMIC
    INSERT INTO posts (author) VALUES (author);
    UPDATE authors a SET posts = (SELECT count(*) FROM posts p WHERE p.author = a.id) WHERE id = author;
END;
)sql"},
    {"11", "> bound", "increment a counter", true, true, "accounts_balance_check", "", R"sql(
CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);
CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint NOT NULL DEFAULT 1 CHECK (balance > 0));
INSERT INTO accounts VALUES (1), (2);
CREATE PROCEDURE deposit(account bigint, amount positive) BEGIN ATOMIC
    UPDATE accounts SET balance = balance + amount WHERE id = account;
END;
)sql"},
    {"12", "< bound", "increment a counter", false, false, "flights_taken_check", "", R"sql(
CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);
CREATE TABLE flights (id bigint PRIMARY KEY, taken bigint NOT NULL DEFAULT 0 CHECK (taken < 100));
INSERT INTO flights VALUES (1), (2);
CREATE PROCEDURE reserve(flight bigint, seats positive) BEGIN ATOMIC
    UPDATE flights SET taken = taken + seats WHERE id = flight;
END;
)sql"},
    {"12a", "< bound", "overwrite a cell", false, true, "thermostats_target_check",
     "the later of two written values wins, and each passed the check where it was written", R"sql(
CREATE TABLE thermostats (id bigint PRIMARY KEY, target int NOT NULL DEFAULT 20 CHECK (target < 30));
INSERT INTO thermostats VALUES (1), (2);
CREATE PROCEDURE set_target(which bigint, degrees int) BEGIN ATOMIC
    UPDATE thermostats SET target = degrees WHERE id = which;
END;
)sql"},
    {"13", "> bound", "decrement a counter", false, false, "items_stock_check", "", R"sql(
CREATE TABLE items (id bigint PRIMARY KEY, stock bigint NOT NULL CHECK (stock > 0));
INSERT INTO items VALUES (1, 2), (2, 5);
CREATE PROCEDURE sell(item bigint) BEGIN ATOMIC UPDATE items SET stock = stock - 1 WHERE id = item; END;
)sql"},
    {"14", "< bound", "decrement a counter", true, true, "debts_owed_check", "", R"sql(
CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);
CREATE TABLE debts (debtor bigint PRIMARY KEY, owed bigint NOT NULL CHECK (owed < 1000));
INSERT INTO debts VALUES (1, 999), (2, 10);
CREATE PROCEDURE pay_back(who bigint, amount positive) BEGIN ATOMIC
    UPDATE debts SET owed = owed - amount WHERE debtor = who;
END;
)sql"},
    {"15", "[NOT] CONTAINS", "any, on a set", true, true, "", "", R"sql(
CREATE TABLE members (name text PRIMARY KEY);
INSERT INTO members VALUES ('root');
CREATE SCHEMA assertion
    CREATE VIEW root_is_member AS
        SELECT 'root' AS missing WHERE NOT EXISTS (SELECT FROM members WHERE name = 'root')
    CREATE VIEW nobody_is_not AS SELECT name FROM members WHERE name = 'nobody';
CREATE PROCEDURE add_member(name text) BEGIN ATOMIC
    INSERT INTO members (name) VALUES (name) ON CONFLICT DO NOTHING;
END;
CREATE PROCEDURE drop_member(who text) BEGIN ATOMIC DELETE FROM members WHERE name = who; END;
)sql"},
    {"15a", "CONTAINS", "any, and one of a kind must stay", true, false, "assertion.a_doctor_is_there",
     "two replicas can each remove one of the last two; a named element is safe since its removal is refused",
     R"sql(
CREATE TABLE doctors (name text PRIMARY KEY);
INSERT INTO doctors VALUES ('ann'), ('bob');
CREATE SCHEMA assertion CREATE VIEW a_doctor_is_there AS
    SELECT 'nobody' AS missing WHERE NOT EXISTS (SELECT FROM doctors);
CREATE PROCEDURE arrive(name text) BEGIN ATOMIC
    INSERT INTO doctors (name) VALUES (name) ON CONFLICT DO NOTHING;
END;
CREATE PROCEDURE leave(who text) BEGIN ATOMIC DELETE FROM doctors WHERE name = who; END;
)sql"},
    {"16", "SIZE =", "mutation of a set", false, false, "assertion.crew_of_three", "", R"sql(
CREATE TABLE crew (name text PRIMARY KEY);
INSERT INTO crew VALUES ('ann'), ('bob'), ('cleo');
CREATE SCHEMA assertion CREATE VIEW crew_of_three AS
    SELECT count(*) AS members FROM crew HAVING count(*) <> 3;
CREATE PROCEDURE replace(leaving text, joining text) BEGIN ATOMIC
    DELETE FROM crew WHERE name = leaving;
    INSERT INTO crew (name) VALUES (joining) ON CONFLICT DO NOTHING;
END;
)sql"},
};

}  // namespace

std::span<const TableCell> bailis_table() {
    return cells;
}

}  // namespace anabranch::confluence
