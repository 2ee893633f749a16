"""psql and psycopg against one node: what people type and what drivers send."""
import os
import pathlib
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

import psycopg

from support import Cluster, wait_for


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(1).__enter__()
        cls.addClassCleanup(cls.cluster.__exit__)
        cls.node = cls.cluster.nodes[0]
        cls.node.query("CALL open_account(1, 'ann')")
        cls.node.query("CALL open_account(2, 'bob')")
        cls.node.query("CALL deposit(1, 1000)")
        cls.node.query("CALL transfer(1, 2, 10)")

    def connect(self, **options):
        return psycopg.connect(host="127.0.0.1", port=self.node.sql, user="app", dbname="bank", **options)

    # ---- sockets ----

    def raw_connection(self):
        """Admitted, with what it was told not read yet."""
        raw = socket.create_connection(("127.0.0.1", self.node.sql))
        body = struct.pack("!I", 196608) + b"user\0app\0database\0bank\0\0"
        raw.sendall(struct.pack("!I", len(body) + 4) + body)
        return raw

    def node_cpu(self):
        fields = pathlib.Path(f"/proc/{self.node.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def simple_query(text):
        return b"Q" + struct.pack("!I", len(text) + 5) + text.encode() + b"\0"

    def test_a_client_that_does_not_take_its_answers_is_waited_for_and_holds_up_nobody(self):
        answer = 20000 * (5 + 2 + 4 + 100)  # bytes of DataRow
        query = self.simple_query("SELECT repeat('x', 100) FROM generate_series(1, 20000) n")
        with self.raw_connection() as raw:
            writer = threading.Thread(target=raw.sendall, args=(query * 20,))
            writer.start()
            time.sleep(0.5)
            before = self.node_cpu()
            self.assertEqual(self.node.query("SELECT 1"), "1")
            time.sleep(1)
            self.assertLess(self.node_cpu() - before, 0.5)  # it does not ask over and over
            received = 0
            raw.settimeout(20)
            while received < 20 * answer:
                received += len(raw.recv(1 << 20))
            writer.join()

    def test_a_connection_that_breaks_while_its_answers_wait_is_forgotten(self):
        query = self.simple_query("SELECT repeat('x', 100) FROM generate_series(1, 20000) n")
        raw = self.raw_connection()
        raw.sendall(query * 20)
        time.sleep(0.5)
        clients = self.node.status()["clients"]
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closed by a reset
        raw.close()
        wait_for(lambda: self.node.status()["clients"] == clients - 1, what="the client to be gone")
        before = self.node_cpu()
        time.sleep(1)
        self.assertLess(self.node_cpu() - before, 0.5)

    # ---- psql ----

    def test_psql_selects_with_where_order_and_limit(self):
        self.assertEqual(
            self.node.query("SELECT owner FROM accounts WHERE id > 0 ORDER BY id DESC LIMIT 1"), "bob"
        )
        self.assertEqual(self.node.query("SELECT * FROM statement(2)"), "1|10")
        self.assertEqual(
            self.node.query("SELECT count(*), sum(amount) FROM transfers WHERE payer = 1"), "1|10"
        )

    def test_psql_sees_sqlstate_detail_and_hint(self):
        _, problem = self.node.psql("CALL withdraw(1, 100000)")
        self.assertIn("23514", problem)
        self.assertIn("accounts_balance_check", problem)
        _, problem = self.node.psql("CALL open_account(1, 'eve')")
        self.assertIn("23505", problem)
        self.assertIn("Key (id)=(1) already exists.", problem)
        _, problem = self.node.psql("CALL close_account(1)")
        self.assertIn("23503", problem)
        _, problem = self.node.psql("SELECT nme FROM accounts")
        self.assertIn("42703", problem)
        self.assertIn("LINE 1", problem)

    def test_unsupported_sql_is_named_with_its_place_and_the_connection_lives_on(self):
        out, problem = self.node.psql("CREATE TABLE t (i int)", "SELECT 1")
        self.assertIn("0A000", problem)
        self.assertIn("CREATE TABLE", problem)
        self.assertEqual(out, "1")

    def test_several_statements_in_one_message_are_one_transaction(self):
        before = self.node.query("SELECT balance FROM accounts WHERE id = 2")
        _, problem = self.node.psql("CALL deposit(2, 5); CALL deposit(99, 5); CALL deposit(2, 5)")
        self.assertIn("account_is_known", problem)
        self.assertEqual(self.node.query("SELECT balance FROM accounts WHERE id = 2"), before)

    def test_a_block_commits_or_rolls_back_whole(self):
        before = int(self.node.query("SELECT balance FROM accounts WHERE id = 2"))
        self.node.psql("BEGIN", "CALL deposit(2, 5)", "CALL deposit(2, 6)", "ROLLBACK")
        self.assertEqual(int(self.node.query("SELECT balance FROM accounts WHERE id = 2")), before)
        self.node.psql("BEGIN", "CALL deposit(2, 5)", "CALL deposit(2, 6)", "COMMIT")
        self.assertEqual(int(self.node.query("SELECT balance FROM accounts WHERE id = 2")), before + 11)
        out, problem = self.node.psql(
            "BEGIN", "CALL withdraw(2, 1)", "SELECT balance FROM accounts WHERE id = 2", "COMMIT"
        )
        self.assertEqual((out, problem), (str(before + 10), ""))
        self.assertEqual(int(self.node.query("SELECT balance FROM accounts WHERE id = 2")), before + 10)

    def test_a_failed_block_answers_25P02_until_it_ends(self):
        _, problem = self.node.psql("BEGIN", "CALL deposit(99, 1)", "SELECT 1", "COMMIT", "SELECT 2")
        self.assertIn("25P02", problem)

    def test_single_statements_write_when_no_free_transaction_minds(self):
        self.node.query("UPDATE accounts SET owner = 'bill' WHERE id = 2")
        self.assertEqual(self.node.query("SELECT owner FROM accounts WHERE id = 2"), "bill")
        out, problem = self.node.psql("UPDATE accounts SET balance = 5 WHERE id = 1")
        self.assertIn("0A000", problem)

    def test_statements_are_prepared_and_executed_by_name(self):
        out, problem = self.node.psql(
            "PREPARE add(int, text) AS SELECT $1 + 1, $2",
            "EXECUTE add(1 + 1, 'a' || 'b')",
            "EXECUTE add('7', NULL)",
            "PREPARE rename(text) AS UPDATE accounts SET owner = $1 WHERE id = 2 RETURNING owner",
            "EXECUTE rename('carl')",
            "DEALLOCATE add",
        )
        self.assertEqual((out, problem), ("3|ab\n8|\ncarl", ""))
        for statements, code in (
            (("EXECUTE nobody(1)",), "26000"),
            (("PREPARE a AS SELECT 1", "PREPARE a AS SELECT 2"), "42P05"),
            (("PREPARE a(int) AS SELECT $1", "EXECUTE a(1, 2)"), "42601"),
            (("PREPARE a(int) AS SELECT $1", "EXECUTE a('x')"), "22P02"),
            (("PREPARE a AS SELECT nme FROM accounts",), "42703"),
            (("PREPARE a AS SELECT 1", "DEALLOCATE ALL", "EXECUTE a"), "26000"),
        ):
            with self.subTest(statements):
                problem = self.node.psql(*statements)[1]
                self.assertIn(code, problem)
                self.assertNotIn("LINE", problem)  # a place in the text that was made of it

    def test_explain_shows_the_route(self):
        out = self.node.query("EXPLAIN CALL withdraw(1, 5)")
        self.assertIn("ordered", out)
        self.assertIn("free", self.node.query("EXPLAIN CALL deposit(1, 5)"))

    def test_explain_of_any_statement_shows_the_plan_and_the_route_with_its_reason(self):
        for statement, plan, route in (
            ("SELECT * FROM accounts WHERE id = 1", "Primary key lookup accounts", "read_only"),
            ("SELECT * FROM accounts WHERE lower(owner) = 'x'", "Scan accounts, filtered", "read_only"),
            ("WITH a AS (SELECT 1) SELECT * FROM a", "One row", "read_only"),
            ("VALUES (1), (2)", "Values: 2 rows", "read_only"),
            ("UPDATE accounts SET owner = 'bill' WHERE id = 2", "Update accounts", "ordered"),
            ("DELETE FROM accounts WHERE id = 77", "Delete from accounts", "ordered"),
            ("CALL deposit(1, 5)", "One row", "free"),
        ):
            for head in "EXPLAIN", "explain verbose", "EXPLAIN (COSTS off, FORMAT text) /* why */":
                with self.subTest(f"{head} {statement}"):
                    lines = self.node.query(f"{head} {statement}").splitlines()
                    self.assertEqual(lines[0], plan)
                    at = lines.index(f"Route: {route}")
                    self.assertTrue(lines[at + 1].startswith("  "), "no reason")
        before = self.node.query("SELECT count(*) FROM accounts")
        for text, code in (
            ("EXPLAIN ANALYZE DELETE FROM accounts", "0A000"),
            ("EXPLAIN (FORMAT json) SELECT 1", "0A000"),
            ("EXPLAIN (NONSENSE) SELECT 1", "42601"),
            ("EXPLAIN SELECT * FROM nowhere", "42P01"),
            ("EXPLAIN UPDATE accounts SET balance = 5 WHERE id = 1", "0A000"),
        ):
            self.assertIn(code, self.node.psql(text)[1])
        self.assertEqual(self.node.query("SELECT count(*) FROM accounts"), before)

    def test_ctrl_c_cancels_a_waiting_call(self):
        cluster = Cluster(3)
        with cluster:
            primary = cluster.wait_primary()
            node = cluster.others(primary)[0]
            primary.query("CALL open_account(1, 'ann')")
            cluster.agree("SELECT owner FROM accounts")
            for other in cluster.others(node):
                other.kill()
            client = subprocess.Popen(
                [
                    "psql",
                    "-X",
                    "-h",
                    "127.0.0.1",
                    "-p",
                    str(node.sql),
                    "-U",
                    "app",
                    "-d",
                    "bank",
                    "-c",
                    "SET anabranch.order_timeout = '60s'",
                    "-c",
                    "CALL withdraw(1, 1)",
                ],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                stdin=subprocess.DEVNULL,
                text=True,
            )
            time.sleep(1)
            client.send_signal(signal.SIGINT)
            _, problem = client.communicate(timeout=10)
            self.assertIn("canceling statement due to user request", problem)
            self.assertEqual(node.query("SELECT owner FROM accounts"), "ann")

    # ---- psycopg 3 ----

    def test_psycopg_calls_with_parameters_in_text_and_binary(self):
        with self.connect(autocommit=True) as connection:
            for _ in range(8):  # beyond the fifth execution, when it is prepared on the server
                connection.execute("CALL deposit(%s, %s)", (1, 2))
            with connection.cursor(binary=True) as cursor:
                row = cursor.execute("SELECT id, owner, balance FROM accounts WHERE id = %s", (1,)).fetchone()
                self.assertEqual(row[:2], (1, "ann"))
                self.assertIsInstance(row[2], int)
            rows = connection.execute("SELECT payer, amount, id FROM transfers").fetchall()
            self.assertEqual(rows[0][:2], (1, 10))
            self.assertEqual(len(str(rows[0][2])), 36)

    def test_psycopg_transaction_blocks(self):
        with self.connect() as connection:
            connection.execute("CALL deposit(%s, %s)", (2, 3))
            connection.rollback()
            before = connection.execute("SELECT balance FROM accounts WHERE id = 2").fetchone()[0]
            connection.execute("CALL deposit(%s, %s)", (2, 3))
            connection.commit()
            self.assertEqual(
                connection.execute("SELECT balance FROM accounts WHERE id = 2").fetchone()[0], before + 3
            )
            with self.assertRaises(psycopg.errors.CheckViolation) as raised:
                connection.execute("CALL withdraw(%s, %s)", (2, 10**9))
            self.assertEqual(raised.exception.diag.constraint_name, "accounts_balance_check")
            with self.assertRaises(psycopg.errors.InFailedSqlTransaction):
                connection.execute("SELECT 1")
            connection.rollback()
            self.assertEqual(connection.execute("SELECT 1").fetchone(), (1,))

    def test_psycopg_pipelines_and_batches(self):
        with self.connect(autocommit=True) as connection:
            before = connection.execute("SELECT balance FROM accounts WHERE id = 1").fetchone()[0]
            with connection.cursor() as cursor:
                cursor.executemany("CALL deposit(%s, %s)", [(1, 1)] * 20)
            with connection.pipeline():
                for _ in range(10):
                    connection.execute("CALL deposit(%s, %s)", (1, 1))
            self.assertEqual(
                connection.execute("SELECT balance FROM accounts WHERE id = 1").fetchone()[0], before + 30
            )

    def test_psycopg_blocks_and_batches_of_ordered_writes_commit_whole(self):
        with self.connect() as connection:
            balance = lambda: connection.execute("SELECT balance FROM accounts WHERE id = 2").fetchone()[0]
            connection.execute("CALL deposit(2, 100)")
            connection.commit()
            before = balance()
            connection.execute("CALL withdraw(2, 10)")
            connection.execute("CALL deposit(2, 1)")
            connection.execute("CALL withdraw(2, 20)")
            self.assertEqual(balance(), before - 29)
            connection.commit()
            self.assertEqual(balance(), before - 29)
            with connection.cursor() as cursor:
                cursor.executemany("CALL withdraw(%s, %s)", [(2, 1)] * 20)
            connection.commit()
            self.assertEqual(balance(), before - 49)
            connection.execute("CALL withdraw(2, 1)")
            with self.assertRaises(psycopg.errors.CheckViolation):
                connection.execute("CALL withdraw(2, %s)", (10**9,))
            connection.rollback()
            self.assertEqual(balance(), before - 49)

    def test_psycopg_pipelines_of_ordered_calls_keep_their_order(self):
        with self.connect(autocommit=True) as connection:
            balance = lambda: connection.execute("SELECT balance FROM accounts WHERE id = 2").fetchone()[0]
            start = balance()
            with connection.pipeline() as pipeline:
                answers = []
                for _ in range(100):
                    connection.execute("CALL deposit(2, 1)")
                    connection.execute("CALL withdraw(2, %s)", (start + 1,))
                    pipeline.sync()
                    connection.execute("CALL deposit(2, %s)", (start,))
                    pipeline.sync()
                    answers.append(connection.execute("SELECT balance FROM accounts WHERE id = 2"))
                    pipeline.sync()
            self.assertEqual([answer.fetchone()[0] for answer in answers], [start] * 100)
            self.assertEqual(balance(), start)
            with connection.pipeline() as pipeline:  # each its own transaction, one of them refused
                fates = []
                for amount in (1, 10**9, 2):
                    fates.append(connection.cursor())
                    fates[-1].execute("CALL withdraw(2, %s)", (amount,))
                    try:
                        pipeline.sync()
                    except psycopg.errors.CheckViolation:
                        pass
            self.assertEqual(balance(), start - 3)

    def test_null_and_empty_results(self):
        with self.connect(autocommit=True) as connection:
            self.assertEqual(
                connection.execute("SELECT NULL::bigint, '', %s::text", (None,)).fetchone(), (None, "", None)
            )
            self.assertEqual(connection.execute("SELECT * FROM accounts WHERE false").fetchall(), [])

    def test_a_session_token_reads_its_own_writes_at_another_node(self):
        with Cluster(2) as cluster:
            a, b = cluster.nodes
            cluster.wait_primary().query("CALL open_account(1, 'ann')")
            cluster.agree("SELECT count(*) FROM accounts")
            for i in range(1, 20):
                out, _ = a.psql("CALL deposit(1, 1)", "SHOW anabranch.session")
                self.assertEqual(
                    b.psql(f"SET anabranch.session = '{out}'", "SELECT balance FROM accounts")[0], str(i)
                )


if __name__ == "__main__":
    unittest.main()
