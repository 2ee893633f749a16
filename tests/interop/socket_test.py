"""Unix-domain sockets: PostgreSQL's clients find them in a directory, --socket."""
import socket
import subprocess
import threading
import time
import unittest

import psycopg

from support import BANK, Cluster, make_certificate, program, wait_for


def psql(directory, port, *words):
    return subprocess.run(
        ["psql", "-X", "-A", "-t", "-h", directory, "-p", str(port), "-U", "app", "bank", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


class Socket(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(1)
        self.node = self.cluster.nodes[0]
        self.directory = self.cluster.folder / "socket"
        self.directory.mkdir()
        self.node.flags = ["--socket", str(self.directory)]

    def start(self, *flags):
        self.node.flags += flags
        self.cluster.__enter__()
        self.addCleanup(self.cluster.__exit__)

    def again(self):
        self.node.start([])
        wait_for(self.node.ready, 30, "a node")

    def files(self):
        return sorted(entry.name for entry in self.directory.iterdir())

    def connect(self, **more):
        place = {"host": str(self.directory), "port": self.node.sql, "user": "app", "dbname": "bank"}
        return psycopg.connect(**place, **more)

    def test_psql_and_pgbench_find_it_by_its_directory(self):
        self.start()
        self.assertIn(f"psql -h {self.directory}", self.node.log.read_text())
        done = psql(self.directory, self.node.sql, "-c", "CALL open_account(1, 'ann')", "-c", "\\conninfo")
        self.assertIn("CALL", done.stdout, done.stderr)
        self.assertIn("via socket", done.stdout)
        script = self.cluster.folder / "deposit.pgbench"
        script.write_text("CALL deposit(1, 1);\n")
        words = ["pgbench", "-n", "-h", self.directory, "-p", str(self.node.sql), "-U", "app"]
        words += ["-M", "prepared", "-c", "4", "-t", "50", "-f", script, "bank"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = psql(self.directory, self.node.sql, "-c", "SELECT balance FROM accounts")
        self.assertEqual(done.stdout.strip(), "200")

    def test_a_running_statement_is_cancelled_through_it(self):
        self.start()
        with self.connect(autocommit=True) as connection:
            timer = threading.Timer(0.3, connection.cancel)
            timer.start()
            begun = time.monotonic()
            with self.assertRaises(psycopg.errors.QueryCanceled):
                connection.execute("SELECT count(*) FROM generate_series(1, 1000000000)")
            timer.join()
            self.assertLess(time.monotonic() - begun, 20)
            self.assertEqual(connection.execute("SELECT 1").fetchone(), (1,))

    def test_what_a_killed_node_left_behind_is_taken_over_and_what_a_stopped_one_had_is_gone(self):
        self.start()
        self.node.kill()
        name = f".s.PGSQL.{self.node.sql}"
        self.assertEqual(self.files(), [name, name + ".lock"])
        self.again()
        with self.connect() as connection:
            self.assertEqual(connection.execute("SELECT 1").fetchone(), (1,))
        self.node.stop()
        self.assertEqual(self.files(), [])

    def test_a_socket_in_use_a_long_path_and_a_missing_directory_are_refused(self):
        self.start()
        deep = self.cluster.folder / ("d" * 100)
        deep.mkdir()
        for directory, words in (
            (self.directory, "in use"),
            (deep, "107 bytes"),
            (self.cluster.folder / "none", "No such file"),
        ):
            with self.subTest(directory):
                done = program(
                    *("node", BANK, "--name", "x", "--data", str(self.cluster.folder / "x")),
                    *("--sql", f"127.0.0.2:{self.node.sql}", "--gossip", "127.0.0.1:0"),
                    *("--http", "127.0.0.1:0", "--socket", str(directory)),
                )
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn(words, done.stderr)
                self.assertIn("--socket", done.stderr)
        self.assertEqual(len(self.files()), 2)
        with self.connect() as connection:
            self.assertEqual(connection.execute("SELECT 1").fetchone(), (1,))

    def test_passwords_are_asked_for_and_tls_is_not(self):
        users = self.cluster.folder / "users"
        users.write_text("app:secret\n")
        users.chmod(0o600)
        certificate, key = make_certificate(self.cluster.folder, "server")
        tls = ["--tls-certificate", str(certificate), "--tls-key", str(key), "--tls-required"]
        self.start("--users", str(users), *tls)
        with self.connect(password="secret") as connection:
            self.assertFalse(connection.pgconn.ssl_in_use)
        with self.assertRaises(psycopg.OperationalError) as raised:
            self.connect(password="wrong")
        self.assertIn("password authentication failed", str(raised.exception))

    def test_a_client_that_goes_away_in_the_middle_of_a_message_is_forgotten(self):
        self.start()
        for _ in range(300):  # more than --max-clients
            with socket.socket(socket.AF_UNIX) as wire:
                wire.connect(str(self.directory / f".s.PGSQL.{self.node.sql}"))
                wire.sendall(b"\0\0\0")
        with self.connect() as connection:
            self.assertEqual(connection.execute("SELECT 1").fetchone(), (1,))


if __name__ == "__main__":
    unittest.main()
