"""Savepoints, cursors and COPY, from psql and from the drivers that use them by themselves."""
import decimal
import io
import threading
import time
import unittest

import psycopg
import psycopg2
import sqlalchemy as sa

from support import ROOT, Cluster, program

SCHEMA = str(ROOT / "tests" / "interop" / "drivers.sql")


class Sessions(unittest.TestCase):
    keys = iter(range(1, 10**6))

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(1, SCHEMA).__enter__()
        cls.addClassCleanup(cls.cluster.__exit__)
        cls.node = cls.cluster.nodes[0]
        cls.place = {"host": "127.0.0.1", "port": cls.node.sql, "user": "app"}

    def key(self):
        return next(Sessions.keys)

    def hits(self, key):
        return self.node.query(f"SELECT hits FROM counters WHERE id = {key}")


class Savepoints(Sessions):
    def test_rolling_back_to_a_savepoint_undoes_what_came_after_it(self):
        key = self.key()
        out, problem = self.node.psql(
            "BEGIN",
            f"CALL hit({key}, 1)",
            "SAVEPOINT a",
            f"CALL hit({key}, 10)",
            "SAVEPOINT b",
            f"CALL hit({key}, 100)",
            "ROLLBACK TO b",
            f"SELECT hits FROM counters WHERE id = {key}",
            "ROLLBACK TO SAVEPOINT a",
            f"SELECT hits FROM counters WHERE id = {key}",
            f"CALL hit({key}, 1000)",
            "RELEASE a",
            "COMMIT",
        )
        self.assertEqual((out, problem), ("11\n1", ""))
        self.assertEqual(self.hits(key), "1001")

    def test_a_savepoint_brings_a_failed_block_back(self):
        key = self.key()
        _, problem = self.node.psql(
            "BEGIN", f"CALL hit({key}, 1)", "SAVEPOINT a", "SELECT 1/0", "ROLLBACK TO a", "COMMIT"
        )
        self.assertIn("22012", problem)
        self.assertNotIn("25P02", problem)
        self.assertEqual(self.hits(key), "1")

    def test_unknown_and_misplaced_savepoints_are_refused_as_in_postgresql(self):
        for statements, code in (
            (["SAVEPOINT a"], "25P01"),
            (["ROLLBACK TO a"], "25P01"),
            (["BEGIN", "ROLLBACK TO nowhere"], "3B001"),
            (["BEGIN", "SAVEPOINT a", "RELEASE a", "RELEASE a"], "3B001"),
            (["BEGIN", "SELECT 1/0", "SAVEPOINT a"], "25P02"),
        ):
            with self.subTest(statements):
                self.assertIn(code, self.node.psql(*statements)[1])

    def test_nested_transactions_of_psycopg_and_sqlalchemy_are_savepoints(self):
        key = self.key()
        with psycopg.connect(dbname="bank", **self.place) as connection:
            with connection.transaction():
                connection.execute("CALL hit(%s, 1)", (key,))
                with self.assertRaises(psycopg.errors.CheckViolation), connection.transaction():
                    connection.execute("CALL hit(%s, -1)", (key,))
                with connection.transaction():
                    connection.execute("CALL hit(%s, 20)", (key,))
        self.assertEqual(self.hits(key), "21")
        engine = sa.create_engine(f"postgresql+psycopg2://app@127.0.0.1:{self.node.sql}/bank")
        with engine.begin() as connection:
            connection.execute(sa.text("CALL hit(:k, 1)"), {"k": key})
            inner = connection.begin_nested()
            connection.execute(sa.text("CALL hit(:k, 1000)"), {"k": key})
            inner.rollback()
        engine.dispose()
        self.assertEqual(self.hits(key), "22")

    def test_a_generated_key_undone_is_not_given_to_another_table(self):
        with psycopg.connect(dbname="bank", **self.place) as connection:
            connection.execute("SAVEPOINT a")
            insert = "INSERT INTO made (label) VALUES ('x') RETURNING id"
            undone = connection.execute(insert).fetchone()[0]
            connection.execute("ROLLBACK TO a")
            kept = connection.execute(insert).fetchone()[0]
            self.assertGreater(kept, undone)


class Cursors(Sessions):
    def test_a_cursor_walks_both_ways(self):
        out, problem = self.node.psql(
            "BEGIN",
            "DECLARE c SCROLL CURSOR FOR SELECT * FROM generate_series(1, 5)",
            "FETCH c",
            "FETCH 2 FROM c",
            "FETCH BACKWARD 1 FROM c",
            "MOVE LAST IN c",
            "FETCH PRIOR c",
            "FETCH ABSOLUTE 1 c",
            "FETCH FORWARD ALL c",
            "CLOSE c",
            "FETCH c",
        )
        self.assertEqual(out.split(), "1 2 3 2 4 1 2 3 4 5".split())
        self.assertIn("34000", problem)

    def test_cursors_end_with_their_transaction_unless_held(self):
        self.assertIn("25P01", self.node.psql("DECLARE c CURSOR FOR SELECT 1")[1])
        _, problem = self.node.psql("BEGIN", "DECLARE c CURSOR FOR SELECT 1", "COMMIT", "FETCH c")
        self.assertIn("34000", problem)
        out, problem = self.node.psql(
            "BEGIN", "DECLARE c CURSOR WITH HOLD FOR SELECT 7", "COMMIT", "FETCH c", "CLOSE c"
        )
        self.assertEqual((out, problem), ("7", ""))

    def test_named_cursors_of_psycopg_2_and_3_read_in_pieces(self):
        query = "SELECT n FROM generate_series(1, 250) AS n"
        old = psycopg2.connect(dbname="bank", **self.place)
        with old, old.cursor("pieces") as cursor:
            cursor.itersize = 100
            cursor.execute(query)
            self.assertEqual([row[0] for row in cursor], list(range(1, 251)))
        old.close()
        with psycopg.connect(dbname="bank", **self.place) as connection:
            with connection.cursor("pieces") as cursor:
                cursor.execute("SELECT n FROM generate_series(1, %s) AS n", (250,))
                self.assertEqual(cursor.fetchmany(100)[-1], (100,))
                cursor.scroll(100)
                self.assertEqual([row[0] for row in cursor.fetchall()], list(range(201, 251)))


class Copying(Sessions):
    def test_psql_copies_in_and_out(self):
        a, b = self.key(), self.key()
        file = self.cluster.folder / "parents.csv"
        file.write_text(f'id,name\n{a},"with ""quotes"", and\na line end {a}"\n{b},plain {b}\n')
        self.node.psql(f"\\copy parents FROM '{file}' (FORMAT csv, HEADER)")
        self.assertEqual(
            self.node.query(f"SELECT name FROM parents WHERE id = {a}"),
            f'with "quotes", and\na line end {a}',
        )
        out = self.cluster.folder / "out.csv"
        self.node.psql(
            f"\\copy (SELECT * FROM parents WHERE id IN ({a}, {b}) ORDER BY 1) TO '{out}' CSV HEADER"
        )
        self.assertEqual(out.read_text(), file.read_text())

    def test_what_goes_out_comes_back_in_in_every_format(self):
        with psycopg.connect(dbname="bank", autocommit=True, **self.place) as connection:
            for options in ("", "(FORMAT csv)", "(FORMAT binary)", "(DELIMITER '|', NULL 'none')"):
                with self.subTest(options):
                    key = self.key()
                    columns = "id, b, i2, i4, i8, n, f4, t, v, ia, ta, m"
                    line = f"{key}\tt\t5\t-7\t\\N\t1.5000\t\\N\t1\\\\2\\t3\\n\tv,w"
                    line += '\t{1,NULL,3}\t{a,"b,c"}\thappy\n'
                    with connection.cursor() as cursor:
                        with cursor.copy(f"COPY everything ({columns}) FROM STDIN") as copy:
                            copy.write(line)
                        self.assertEqual(cursor.rowcount, 1)
                        select = f"SELECT {columns} FROM everything WHERE id = {key}"
                        before = cursor.execute(select).fetchone()
                        self.assertEqual(
                            before,
                            (key, True, 5, -7, None, decimal.Decimal("1.5000"), None, "1\\2\t3\n", "v,w")
                            + ([1, None, 3], ["a", "b,c"], "happy"),
                        )
                        with cursor.copy(f"COPY ({select}) TO STDOUT {options}") as copy:
                            data = b"".join(copy)
                        self.assertNotEqual(data, b"")
                        cursor.execute(f"DELETE FROM everything WHERE id = {key}")
                        with cursor.copy(f"COPY everything ({columns}) FROM STDIN {options}") as copy:
                            copy.write(data)
                        self.assertEqual(cursor.execute(select).fetchone(), before)

    def test_errors_name_line_and_column_and_nothing_is_kept(self):
        with psycopg.connect(dbname="bank", autocommit=True, **self.place) as connection:
            for data, code, context in (
                ("1\ta\nx\tb\n", "22P02", 'COPY parents, line 2, column id: "x"'),
                ("1\ta\n2\n", "22P04", 'COPY parents, line 2: "2"'),
                ("1\ta\tb\n", "22P04", 'COPY parents, line 1: "1\ta\tb"'),
                ("900001\tz\n", "23514", None),
            ):
                with self.subTest(data):
                    with self.assertRaises(psycopg.Error) as raised:
                        with connection.cursor().copy("COPY parents FROM STDIN") as copy:
                            copy.write(data)
                    self.assertEqual(raised.exception.sqlstate, code)
                    self.assertEqual(raised.exception.diag.context, context)
            found = connection.execute("SELECT count(*) FROM parents WHERE name IN ('a', 'b', 'z')")
            self.assertEqual(found.fetchone(), (0,))

    def test_a_client_that_gives_up_copying_leaves_nothing(self):
        with psycopg.connect(dbname="bank", autocommit=True, **self.place) as connection:
            key = self.key()
            with self.assertRaises(psycopg.errors.QueryCanceled):
                with connection.cursor().copy("COPY parents FROM STDIN") as copy:
                    copy.write(f"{key}\tgiven up\n")
                    raise ZeroDivisionError
            found = connection.execute("SELECT count(*) FROM parents WHERE id = %s", (key,))
            self.assertEqual(found.fetchone(), (0,))

    def test_psycopg2_copies_thousands_of_rows_as_one_transaction(self):
        first = 500_000
        rows = "".join(f"{first + i}\tmany {i}\n" for i in range(5000))
        connection = psycopg2.connect(dbname="bank", **self.place)
        with connection, connection.cursor() as cursor:
            cursor.copy_expert("COPY parents (id, name) FROM STDIN", io.StringIO(rows))
            self.assertEqual(cursor.rowcount, 5000)
            out = io.StringIO()
            cursor.copy_expert(f"COPY (SELECT * FROM parents WHERE id >= {first} ORDER BY id) TO STDOUT", out)
            self.assertEqual(out.getvalue(), rows)
        connection.close()


ENDLESS = "SELECT count(*) FROM generate_series(1, 100000000000) AS n WHERE n % 7 = 8"


class Timeouts(Sessions):
    def connect(self, **options):
        return psycopg.connect(dbname="bank", **self.place, **options)

    def test_a_statement_that_runs_too_long_is_ended_and_the_node_goes_on(self):
        with self.connect() as connection:
            connection.execute("SET statement_timeout = '200ms'")
            connection.commit()
            with self.assertRaises(psycopg.errors.QueryCanceled) as raised:
                connection.execute(ENDLESS)
            self.assertEqual(raised.exception.diag.message_primary, "canceling statement due to statement timeout")
            with self.assertRaises(psycopg.errors.InFailedSqlTransaction):
                connection.execute("SELECT 1")
            connection.rollback()
            self.assertEqual(connection.execute("SELECT 1").fetchone(), (1,))
            connection.execute("SET statement_timeout = 0")
            self.assertEqual(connection.execute("SHOW statement_timeout").fetchone(), ("0",))

    def test_a_cancel_request_ends_a_statement_that_runs(self):
        with self.connect(autocommit=True) as connection:
            thread = threading.Timer(0.5, connection.cancel)
            thread.start()
            with self.assertRaises(psycopg.errors.QueryCanceled) as raised:
                connection.execute(ENDLESS)
            thread.join()
            self.assertEqual(raised.exception.diag.message_primary, "canceling statement due to user request")
            self.assertEqual(connection.execute("SELECT 2").fetchone(), (2,))

    def test_others_connect_while_a_long_statement_runs_and_are_served_after_it(self):
        with self.connect(autocommit=True) as connection:
            connection.execute("SET statement_timeout = '1s'")
            answers = []
            thread = threading.Timer(0.3, lambda: answers.append(self.node.query("SELECT 'late'")))
            thread.start()
            with self.assertRaises(psycopg.errors.QueryCanceled):
                connection.execute(ENDLESS)
            thread.join(20)
            self.assertEqual(answers, ["late"])

    def test_clients_that_say_nothing_are_told_so_and_left(self):
        for setting, before, code in (
            ("idle_session_timeout", "", "57P05"),
            ("idle_in_transaction_session_timeout", "BEGIN", "25P03"),
        ):
            with self.subTest(setting):
                connection = self.connect(autocommit=True, options=f"-c {setting}=300ms")
                if before:
                    connection.execute(before)
                time.sleep(1)
                with self.assertRaises(psycopg.OperationalError) as raised:
                    connection.execute("SELECT 1")
                self.assertIn("timeout", str(raised.exception))
                if raised.exception.sqlstate is not None:
                    self.assertEqual(raised.exception.sqlstate, code)
                connection.close()

    def test_timeouts_are_checked_and_shown_as_in_postgresql(self):
        for value, shown in (("90000", "90s"), ("'2 min'", "2min"), ("'1.5s'", "1500ms"), ("'1h'", "1h"), ("0", "0")):
            with self.subTest(value):
                out, problem = self.node.psql(f"SET statement_timeout = {value}", "SHOW statement_timeout")
                self.assertEqual((out, problem), (shown, ""))
        for value in ("'soon'", "-1", "'30 days'"):
            with self.subTest(value):
                self.assertIn("22023", self.node.psql(f"SET statement_timeout = {value}")[1])


class Limits(unittest.TestCase):
    def test_a_node_has_as_many_clients_as_it_is_told_and_sessions_begin_with_its_settings(self):
        flags = ["--max-clients", "3", "--set", "statement_timeout=1min", "--set", "application_name=unnamed"]
        with Cluster(1, SCHEMA, flags) as cluster:
            node = cluster.nodes[0]
            place = {"host": "127.0.0.1", "port": node.sql, "user": "app", "dbname": "bank"}
            clients = [psycopg.connect(**place) for _ in range(3)]
            with self.assertRaises(psycopg.OperationalError) as raised:
                psycopg.connect(**place)
            self.assertIn("sorry, too many clients already", str(raised.exception))
            self.assertIn("at most 3", str(raised.exception))
            for client in clients:
                client.close()
            with psycopg.connect(autocommit=True, **place) as client:
                self.assertEqual(client.execute("SHOW statement_timeout").fetchone(), ("1min",))
                client.execute("SET statement_timeout = 5")
                client.execute("RESET statement_timeout")
                self.assertEqual(client.execute("SHOW statement_timeout").fetchone(), ("1min",))
        for wrong in ("statement_timeout", "statement_timeout=soon", "no_such_setting=1"):
            done = program("node", SCHEMA, "--name", "x", "--data", "/nowhere", "--set", wrong)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(wrong.partition("=")[0], done.stderr)

    def test_a_call_that_waits_for_the_order_has_its_statement_timeout(self):
        with Cluster(2) as cluster:
            cluster.wait_primary().query("CALL open_account(1, 'ann')")
            node = cluster.others(cluster.wait_primary())[0]
            cluster.others(node)[0].kill()
            _, problem = node.psql("SET statement_timeout = '500ms'", "CALL withdraw(1, 1)")
            self.assertIn("57014", problem)
            self.assertIn("statement timeout", problem)


if __name__ == "__main__":
    unittest.main()
