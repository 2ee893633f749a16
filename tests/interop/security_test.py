"""Passwords by SCRAM-SHA-256 and TLS on the SQL port, with psql, psycopg and asyncpg."""
import asyncio
import os
import socket
import struct
import subprocess
import unittest

import asyncpg
import psycopg

from support import BANK, Cluster, make_certificate, program

# Made by PostgreSQL 15: CREATE ROLE eve PASSWORD 'from postgres'; SELECT rolpassword FROM pg_authid.
SECRET = (
    "SCRAM-SHA-256$4096:A0oDGLX73M53H2pm15uX9g=="
    "$x/gG8Qm1W6J3E9l78yRiZNkkRhvyXXJKB3MSnIiNFBg=:UuyVGMGqZ+TBxmHVGCMYpybY6e1AhmZMZhzYVcxxO6w="
)


def certify(folder):
    """A key and a certificate for localhost and 127.0.0.1 that signs itself."""
    return make_certificate(folder, "server", subject="/CN=localhost", names="DNS:localhost,IP:127.0.0.1")


class Security(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(1)
        cls.folder = cls.cluster.folder
        cls.certificate, key = certify(cls.folder)
        users = cls.folder / "users"
        users.write_text(f"# who may connect\napp:plain secret\n\neve:{SECRET}\n")
        users.chmod(0o600)
        cls.node = cls.cluster.nodes[0]
        cls.node.flags = ["--users", str(users)]
        cls.node.flags += ["--tls-certificate", str(cls.certificate), "--tls-key", str(key)]
        cls.cluster.__enter__()
        cls.addClassCleanup(cls.cluster.__exit__)

    def ask(self, user, password, **options):
        place = {"host": "127.0.0.1", "port": self.node.sql, "dbname": "bank", "connect_timeout": 10}
        with psycopg.connect(user=user, password=password, **place, **options) as connection:
            return connection.execute("SELECT current_user").fetchone()[0]

    def test_right_passwords_are_let_in_and_wrong_ones_are_not(self):
        self.assertEqual(self.ask("app", "plain secret"), "app")
        self.assertEqual(self.ask("eve", "from postgres"), "eve")
        for user, password in (("app", "wrong"), ("eve", "plain secret"), ("nobody", "plain secret")):
            with self.subTest(user), self.assertRaises(psycopg.OperationalError) as raised:
                self.ask(user, password)
            self.assertIn(f'password authentication failed for user "{user}"', str(raised.exception))

    def test_asyncpg_authenticates_over_tls(self):
        async def work():
            connection = await asyncpg.connect(
                host="127.0.0.1", port=self.node.sql, user="app", password="plain secret", database="bank"
            )
            try:
                self.assertEqual(await connection.fetchval("SELECT 1"), 1)
            finally:
                await connection.close()

        asyncio.run(work())

    def test_psql_verifies_the_certificate(self):
        def psql(sslmode, host, root):
            words = f"host={host} hostaddr=127.0.0.1 port={self.node.sql} user=app dbname=bank"
            done = subprocess.run(
                ["psql", "-X", "-A", "-t", f"{words} sslmode={sslmode} sslrootcert={root}", "-c", "SELECT 1"],
                env=dict(os.environ, PGPASSWORD="plain secret"),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            return done.stdout.strip(), done.stderr

        for sslmode in ("disable", "prefer", "require", "verify-full"):
            with self.subTest(sslmode):
                self.assertEqual(psql(sslmode, "localhost", self.certificate), ("1", ""))
        self.assertIn("does not match", psql("verify-full", "elsewhere.example", self.certificate)[1])

    def test_large_results_and_copies_pass_through_tls(self):
        place = {"host": "127.0.0.1", "port": self.node.sql, "user": "app", "password": "plain secret"}
        with psycopg.connect(dbname="bank", sslmode="require", **place) as connection:
            self.assertTrue(connection.pgconn.ssl_in_use)
            rows = connection.execute(
                "SELECT n, repeat('x', 1000) FROM generate_series(1, 20000) AS n"
            ).fetchall()
            self.assertEqual(len(rows), 20000)
            self.assertEqual(rows[-1], (20000, "x" * 1000))

    def test_bytes_in_front_of_the_handshake_are_not_taken_for_encrypted_ones(self):
        with socket.create_connection(("127.0.0.1", self.node.sql), timeout=10) as wire:
            wire.sendall(struct.pack("!II", 8, 80877103) + b"injected")
            answer = b""
            while piece := wire.recv(4096):
                answer += piece
            self.assertIn(b"08P01", answer)
            self.assertNotEqual(answer[:1], b"S")

    def test_a_client_that_says_nonsense_instead_of_a_password_is_turned_away(self):
        start = struct.pack("!I", 196608) + b"user\0app\0\0"
        for nonsense in (
            b"Q" + struct.pack("!I", 13) + b"SELECT 1\0",
            b"p" + struct.pack("!I", 0x7FFFFFFF),
            b"p" + struct.pack("!I", 27) + b"SCRAM-SHA-256\0" + struct.pack("!i", -1) + b"n,,n=",
            b"p" + struct.pack("!I", 12) + b"MD5\0\0\0\0\0",
        ):
            with self.subTest(nonsense), socket.create_connection(("127.0.0.1", self.node.sql), 10) as wire:
                wire.sendall(struct.pack("!I", len(start) + 4) + start + nonsense)
                answer = b""
                while piece := wire.recv(4096):
                    answer += piece
                self.assertIn(b"08P01", answer)

    def test_files_that_others_could_read_or_that_are_damaged_stop_the_start(self):
        users = self.folder / "open_users"
        users.write_text("app:secret\n")
        users.chmod(0o644)
        damaged = self.folder / "damaged_users"
        damaged.write_text("app:secret\nnonsense\n")
        damaged.chmod(0o600)
        ports = ["--sql", "127.0.0.1:0", "--gossip", "127.0.0.1:0", "--http", "127.0.0.1:0"]
        start = ["node", BANK, "--name", "x", "--data", str(self.folder / "x"), *ports]
        for flags, words in (
            (["--users", str(users)], "chmod 600"),
            (["--users", str(damaged)], "line 2"),
            (["--users", str(self.folder / "nowhere")], "No such file"),
            (["--tls-certificate", str(self.certificate)], "--tls-key"),
            (["--tls-required"], "--tls-certificate"),
        ):
            with self.subTest(flags):
                done = program(*start, *flags)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(words, done.stderr)


class TlsOnly(unittest.TestCase):
    def test_a_node_that_requires_tls_refuses_plain_connections(self):
        cluster = Cluster(1)
        certificate, key = certify(cluster.folder)
        cluster.nodes[0].flags = ["--tls-certificate", str(certificate), "--tls-key", str(key)]
        cluster.nodes[0].flags += ["--tls-required"]
        with cluster:
            place = {"host": "127.0.0.1", "port": cluster.nodes[0].sql, "user": "app", "dbname": "bank"}
            with self.assertRaises(psycopg.OperationalError) as raised:
                psycopg.connect(sslmode="disable", **place)
            self.assertIn("encrypted connections only", str(raised.exception))
            with psycopg.connect(sslmode="require", **place) as connection:
                self.assertEqual(connection.execute("SELECT 1").fetchone(), (1,))


if __name__ == "__main__":
    unittest.main()
