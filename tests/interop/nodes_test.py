"""Three real nodes: convergence, the cut, kill -9, restarts, and everything a person can get wrong."""
import concurrent.futures
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from support import BANK, PROGRAM, ROOT, Cluster, Node, free_ports, program, small_file_system, wait_for


def nodes_below(folder):
    """How many processes were started with a data directory below `folder`."""
    found = 0
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        found += b"node" in words and any(w.startswith(bytes(folder)) for w in words)
    return found


class TheCut(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3).__enter__()
        cls.addClassCleanup(cls.cluster.__exit__)
        cls.primary = cls.cluster.wait_primary()
        cls.near, cls.away = cls.cluster.others(cls.primary)
        for account, owner in ((1, "ann"), (2, "bob")):
            cls.primary.query(f"CALL open_account({account}, '{owner}')")
        cls.primary.query("CALL deposit(1, 100)")
        cls.cluster.agree("SELECT * FROM accounts ORDER BY id")

    def tearDown(self):
        program("admin", "heal", "--node", f"127.0.0.1:{self.away.http}")
        self.cluster.agree("SELECT * FROM accounts ORDER BY id")

    def cut(self):
        done = program("admin", "cut", "--node", f"127.0.0.1:{self.away.http}")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_deposits_succeed_on_both_sides_and_meet_within_a_second(self):
        before = int(self.primary.query("SELECT balance FROM accounts WHERE id = 2"))
        self.cut()
        self.away.query("CALL deposit(2, 7)")
        self.primary.query("CALL deposit(2, 5)")
        self.assertEqual(self.away.query("SELECT balance FROM accounts WHERE id = 2"), str(before + 7))
        self.assertEqual(self.primary.query("SELECT balance FROM accounts WHERE id = 2"), str(before + 5))
        program("admin", "heal", "--node", f"127.0.0.1:{self.away.http}")
        healed = time.monotonic()
        while {n.query("SELECT balance FROM accounts WHERE id = 2") for n in self.cluster.nodes} != {
            str(before + 12)
        }:
            self.assertLess(time.monotonic() - healed, 3)
        wait_for(lambda: len(self.cluster.digests()) == 1, 5, "equal digests")

    def test_the_side_without_a_primary_refuses_a_withdrawal_and_says_why(self):
        self.cut()
        out, problem = self.away.psql("SET anabranch.order_timeout = '700ms'", "CALL withdraw(1, 1)")
        self.assertIn("57P03", problem)
        self.assertIn("primary is unreachable", problem)
        self.assertIn("ree transactions still work", problem)
        self.assertEqual(out, "")

    def test_two_withdrawals_of_80_from_100_never_both_succeed(self):
        self.cluster.agree("SELECT * FROM accounts")
        balance = int(self.primary.query("SELECT balance FROM accounts WHERE id = 1"))
        if balance < 100:
            self.primary.query(f"CALL deposit(1, {100 - balance})")
            self.cluster.agree("SELECT * FROM accounts")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            results = list(pool.map(lambda n: n.psql("CALL withdraw(1, 80)")[1], [self.near, self.away]))
        self.assertEqual(sorted("23514" in r for r in results), [False, True], results)
        self.assertEqual(self.cluster.agree("SELECT balance FROM accounts WHERE id = 1"), "20")

    def test_replicas_and_plan_can_be_looked_at(self):
        rows = self.primary.query("SELECT name FROM anabranch.replicas ORDER BY name").split()
        self.assertEqual(rows, ["a", "b", "c"])
        plan = dict(
            line.split("|")
            for line in self.primary.query("SELECT transaction, route FROM anabranch.plan").split("\n")
        )
        self.assertEqual(plan["deposit"], "free")
        self.assertEqual(plan["withdraw"], "ordered")


class Crashes(unittest.TestCase):
    def test_what_was_acknowledged_survives_kill_9(self):
        with Cluster(3) as cluster:
            a = cluster.nodes[0]
            a.query("CALL open_account(1, 'ann')")
            cluster.agree("SELECT count(*) FROM accounts")
            acknowledged = 0
            victim = cluster.nodes[1]
            for round_number in range(3):
                writer = subprocess.Popen(
                    ["psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(victim.sql), "-U", "app", "bank"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
                for i in range(200):
                    writer.stdin.write("CALL deposit(1, 1);\n")
                writer.stdin.flush()
                time.sleep(0.15 + 0.1 * round_number)
                victim.kill()
                writer.communicate(timeout=10)
                victim.start(cluster.nodes)
                wait_for(victim.ready, what="restart")
                balance = int(cluster.agree("SELECT balance FROM accounts WHERE id = 1", 10))
                self.assertGreaterEqual(balance, acknowledged)
                acknowledged = balance
            self.assertGreater(acknowledged, 0)
            wait_for(lambda: len(cluster.digests()) == 1, 5, "equal digests")

    def test_each_acknowledged_call_is_there_after_kill_9(self):
        import psycopg

        with Cluster(1) as cluster:
            node = cluster.nodes[0]
            node.query("CALL open_account(1, 'ann')")
            acknowledged = 0
            for _ in range(3):
                connection = psycopg.connect(
                    host="127.0.0.1", port=node.sql, user="app", dbname="bank", autocommit=True
                )
                for _ in range(50):
                    connection.execute("CALL deposit(1, 1)")
                    acknowledged += 1
                node.kill()
                node.start(cluster.nodes)
                wait_for(node.ready, what="restart")
                self.assertEqual(int(node.query("SELECT balance FROM accounts WHERE id = 1")), acknowledged)

    def test_ordered_calls_go_on_after_the_primary_is_killed(self):
        with Cluster(3) as cluster:
            primary = cluster.wait_primary()
            primary.query("CALL open_account(1, 'ann')")
            primary.query("CALL deposit(1, 100)")
            cluster.agree("SELECT balance FROM accounts")
            primary.kill()
            survivor = cluster.others(primary)[0]
            killed = time.monotonic()
            survivor.query("CALL deposit(1, 1)")  # free: at once
            self.assertLess(time.monotonic() - killed, 2)
            survivor.psql("SET anabranch.order_timeout = '10s'", "CALL withdraw(1, 50)")
            self.assertEqual(survivor.query("SELECT balance FROM accounts WHERE id = 1"), "51")
            primary.start(cluster.nodes)
            wait_for(primary.ready, what="restart")
            self.assertEqual(cluster.agree("SELECT balance FROM accounts WHERE id = 1", 10), "51")

    def test_a_flipped_bit_in_the_log_is_refused(self):
        with Cluster(1) as cluster:
            node = cluster.nodes[0]
            node.query("CALL open_account(1, 'ann')")
            for _ in range(20):
                node.query("CALL deposit(1, 1)")
            node.stop()
            segment = sorted(pathlib.Path(node.data, "log").glob("*.seg"))[0]
            bytes_ = bytearray(segment.read_bytes())
            bytes_[400] ^= 0x10
            segment.write_bytes(bytes_)
            done = program(*node.words([node]))
            self.assertEqual(done.returncode, 1)
            self.assertIn("damaged", done.stderr)


class WrongUse(unittest.TestCase):
    def refused(self, *words, status, says):
        done = program(*words)
        self.assertEqual(done.returncode, status, done.stderr + done.stdout)
        for text in says if isinstance(says, tuple) else (says,):
            self.assertIn(text, done.stderr)
        self.assertNotIn("CHECK(", done.stderr)

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="anabranch-interop-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def node(self, *words, schema=BANK, ports=("0", "0", "0")):
        return ["node", schema, "--sql", ports[0], "--gossip", ports[1], "--http", ports[2], *words]

    def test_flags(self):
        self.refused("fly", status=2, says="anabranch")
        self.refused("check", status=2, says="SCHEMA")
        self.refused("check", BANK, "--format", "pdf", status=2, says="--format")
        self.refused("node", BANK, status=2, says="--name")
        self.refused(
            *self.node("--name", "a", "--data", str(self.folder), "--peer", "b"),
            status=2,
            says="NAME=HOST:PORT",
        )
        self.refused(
            *self.node("--name", "a", "--data", str(self.folder), "--peer", "a=127.0.0.1:1"),
            status=2,
            says="itself",
        )
        self.refused(
            *self.node("--name", "a", "--data", str(self.folder), ports=("nowhere", "0", "0")),
            status=2,
            says="no address",
        )
        self.assertEqual(program("--version").returncode, 0)
        for command in ("check", "replay", "node", "demo", "admin", "simulate", "bench"):
            self.assertEqual(program(command, "--help").returncode, 0, command)

    def test_a_schema_that_is_not_there(self):
        self.refused("check", "/nowhere.sql", status=1, says=("/nowhere.sql", "no such file"))

    def test_a_demo_that_is_killed_leaves_no_node_behind(self):
        demo = subprocess.Popen(
            [PROGRAM, "demo", BANK, "--data", str(self.folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        with demo.stdout:
            demo.stdout.readline()
            wait_for(lambda: nodes_below(self.folder) == 3, 20, "three nodes")
            demo.kill()
            demo.wait()
        wait_for(lambda: nodes_below(self.folder) == 0, 20, "no node")

    def test_a_bench_that_is_killed_leaves_no_postgresql_behind(self):
        environment = {**os.environ, "TMPDIR": str(self.folder)}
        self.folder.chmod(0o755)  # PostgreSQL's own user passes through
        with subprocess.Popen(
            [PROGRAM, "bench", "bank", "--seconds", "2"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as bench:
            wait_for(lambda: list(self.folder.glob("anabranch-pg-*/db/postmaster.pid")), 60, "a server")
            bench.kill()
        wait_for(lambda: not list(self.folder.glob("anabranch-pg-*")), 60, "no server")

    def test_a_broken_schema_names_every_mistake_with_its_place(self):
        broken = self.folder / "broken.sql"
        broken.write_text(
            "CREATE TABLE t (id bigint PRIMARY KEY);\n"
            "CREATE PROCEDURE p() BEGIN ATOMIC UPDATE t SET nam = 1; END;\n"
            "CREATE TABEL u ();\n"
        )
        self.refused("check", str(broken), status=1, says=("broken.sql:2:", "broken.sql:3:", "nam", "^"))

    def test_a_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            self.refused(
                *self.node("--name", "a", "--data", str(self.folder / "d"), ports=(port, "0", "0")),
                status=1,
                says=("in use", port, "--sql"),
            )

    def test_a_data_directory_of_another_schema_or_node_or_in_use(self):
        with Cluster(1) as cluster:
            node = cluster.nodes[0]
            self.refused(
                *self.node("--name", "a", "--data", node.data), status=1, says="in use by another process"
            )
            node.stop()
            self.refused(*self.node("--name", "z", "--data", node.data), status=1, says="belongs to node a")
            other = self.folder / "other.sql"
            other.write_text(
                "CREATE TABLE t (id bigint PRIMARY KEY);\n"
                "CREATE PROCEDURE p(i bigint) BEGIN ATOMIC INSERT INTO t VALUES (i); END;\n"
            )
            self.refused(
                *self.node("--name", "a", "--data", node.data, schema=str(other)),
                status=1,
                says="another schema",
            )

    def test_a_data_directory_that_cannot_be_written(self):
        blocked = self.folder / "file"
        blocked.write_text("")
        self.refused(*self.node("--name", "a", "--data", str(blocked / "d")), status=1, says="cannot")


class HostileBytes(unittest.TestCase):
    def test_garbage_and_half_messages_on_every_port_change_nothing(self):
        with Cluster(2) as cluster:
            node = cluster.nodes[0]
            node.query("CALL open_account(1, 'ann')")
            inputs = [
                b"",
                b"\0",
                b"garbage" * 100,
                b"GET / HTTP/1.1\r\n\r\n",
                b"\0\0\0\x08\x04\xd2\x16\x2f",
                b"\0\0\0\x09\0\3\0\0x",
                b"\xff" * 64,
                b"\x08\0\0\0aaaaaaaa",
                b"\0\0\0\x17\0\3\0\0user\0app\0\0\0Q\0\0\0\xff",
                os.urandom(4096),
            ]
            for port in (node.sql, node.gossip, node.http):
                for bytes_ in inputs:
                    with socket.create_connection(("127.0.0.1", port), 5) as link:
                        link.settimeout(0.2)
                        try:
                            link.sendall(bytes_)
                            link.recv(4096)
                        except OSError:
                            pass
            self.assertEqual(node.query("SELECT owner FROM accounts"), "ann")
            self.assertIsNone(node.process.poll())

    def test_a_client_that_vanishes_leaves_nothing_open(self):
        with Cluster(1) as cluster:
            node = cluster.nodes[0]
            node.query("CALL open_account(1, 'ann')")
            client = subprocess.Popen(
                ["psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(node.sql), "-U", "app", "bank"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            client.stdin.write("BEGIN;\nCALL deposit(1, 5);\n")
            client.stdin.flush()
            time.sleep(0.3)
            client.kill()
            client.wait()
            wait_for(lambda: node.status()["clients"] == 0, 5, "the session to end")
            self.assertEqual(node.query("SELECT balance FROM accounts"), "0")

    def test_an_unknown_peer_is_turned_away(self):
        with Cluster(1) as cluster:
            node = cluster.nodes[0]
            folder = pathlib.Path(tempfile.mkdtemp(prefix="anabranch-interop-"))
            self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
            stranger = Node("z", folder, free_ports(3))
            stranger.start([stranger, node])
            self.addCleanup(stranger.stop)
            node.wait_said("no peer of node a", 10)


class Losses(unittest.TestCase):
    def test_a_write_that_lost_to_a_concurrent_one_is_shown_at_every_node_and_lag_while_cut(self):
        with Cluster(2) as cluster:
            a, b = cluster.nodes
            a.query("CALL open_account(1, 'ann')")
            cluster.agree("SELECT owner FROM accounts")
            lag = "SELECT behind FROM anabranch.replicas WHERE name = 'b'"
            wait_for(lambda: a.query(lag) == "0", 5, "what b has to be known at a")
            program("admin", "cut", "--node", f"127.0.0.1:{a.http}")
            a.query("CALL rename_owner(1, 'early')")
            time.sleep(0.05)
            b.query("CALL rename_owner(1, 'late')")
            behind = a.query(
                "SELECT behind, bytes_behind > 0, seconds_behind >= 0, needs_state"
                " FROM anabranch.replicas WHERE name = 'b'"
            )
            self.assertEqual(behind, "1|t|t|f")
            program("admin", "heal", "--node", f"127.0.0.1:{a.http}")
            self.assertEqual(cluster.agree("SELECT owner FROM accounts"), "late")
            for node in cluster.nodes:
                loss = node.query(
                    "SELECT table_name, key, column_name, lost, kept, origin FROM anabranch.overwritten"
                )
                self.assertEqual(loss, "accounts|(id)=(1)|owner|early|late|a")


class NobodyDeclared(unittest.TestCase):
    """Single statements of sessions at several nodes, of a schema without a procedure."""

    def test_statements_of_several_nodes_break_no_constraint_and_lose_no_update(self):
        with tempfile.TemporaryDirectory() as folder:
            schema = pathlib.Path(folder) / "pairs.sql"
            schema.write_text(
                "CREATE TABLE pairs (id int PRIMARY KEY, a int, b int, hits bigint DEFAULT 0,"
                " CHECK (a + b <= 10));\n"
                "CREATE TABLE log (line text);\n"
                "INSERT INTO pairs SELECT i, 0, 0 FROM generate_series(1, 20) AS i;\n"
            )
            with Cluster(3, str(schema)) as cluster:
                refused = []

                def write(node, column):
                    for i in range(1, 21):
                        _, problem = node.psql(
                            f"UPDATE pairs SET {column} = 6 WHERE id = {i}",
                            "UPDATE pairs SET hits = hits + 1 WHERE id = 1",
                            f"INSERT INTO log VALUES ('{column}')",
                        )
                        self.assertNotIn("0A000", problem)
                        refused.append("23514" in problem)

                with concurrent.futures.ThreadPoolExecutor(2) as pool:
                    list(pool.map(write, cluster.nodes[:2], "ab"))
                self.assertEqual((len(refused), sum(refused)), (40, 20))
                self.assertEqual(cluster.agree("SELECT max(a + b), sum(hits) FROM pairs"), "6|40")
                self.assertEqual(cluster.agree("SELECT count(*) FROM log"), "40")


class Quorum(unittest.TestCase):
    def test_a_call_waits_for_a_majority_of_disks_and_says_when_there_is_none(self):
        with Cluster(3) as cluster:
            a, b, c = cluster.nodes
            a.query("CALL open_account(1, 'ann')")
            cluster.agree("SELECT count(*) FROM accounts")
            quorum = "SET anabranch.durability = 'quorum'", "SET anabranch.order_timeout = '10s'"
            self.assertEqual(a.psql(*quorum, "CALL deposit(1, 1)")[1], "")
            b.stop()
            self.assertEqual(a.psql(*quorum, "CALL deposit(1, 1)")[1], "")
            c.process.send_signal(signal.SIGSTOP)  # its disk is there, it does not answer
            _, problem = a.psql(
                "SET anabranch.durability = 'quorum'",
                "SET anabranch.order_timeout = '500ms'",
                "CALL deposit(1, 1)",
            )
            self.assertIn("40003", problem)
            self.assertIn("committed at this node, but not known to be at a majority", problem)
            self.assertIn("1 of 3 members are known to hold it on disk: a.", problem)
            begun = time.monotonic()
            a.query("CALL deposit(1, 1)")  # with 'disk' nobody is waited for
            self.assertLess(time.monotonic() - begun, 2)
            self.assertEqual(a.query("SELECT balance FROM accounts"), "4")
            c.process.send_signal(signal.SIGCONT)
            wait_for(lambda: c.query("SELECT balance FROM accounts") == "4", 10)
            # What a majority had survives the loss of one of the two, disk and all.
            self.assertEqual(a.psql(*quorum, "CALL deposit(1, 5)")[1], "")
            a.kill()
            self.assertEqual(c.query("SELECT balance FROM accounts"), "9")
            for node in (a, b):
                node.start(cluster.nodes)
                wait_for(node.ready)
            self.assertEqual(cluster.agree("SELECT balance FROM accounts", 20), "9")


class FullDisk(unittest.TestCase):
    def node_on(self, size):
        folder = small_file_system(self, size)
        node = Node("a", folder, free_ports(3))
        node.start([node])
        self.addCleanup(node.stop)
        wait_for(node.ready)
        wait_for(node.is_primary)
        node.query("CALL open_account(1, 'ann')")
        return folder, node

    def test_a_transaction_larger_than_the_disk_or_than_a_message_is_refused_before_it_commits(self):
        folder, node = self.node_on("80m")
        time.sleep(1)  # the node looks twice a second how much is free
        _, problem = node.psql("CALL rename_owner(1, repeat('x', 60000000))")
        self.assertIn("54000", problem)
        self.assertIn("at most 50331648 bytes are possible", problem)
        (folder / "filler").write_bytes(bytes(shutil.disk_usage(folder).free - 20_000_000))
        time.sleep(1)
        _, problem = node.psql("CALL rename_owner(1, repeat('x', 30000000))")
        self.assertIn("53100", problem)
        self.assertIn("no room for this transaction", problem)
        node.query("CALL deposit(1, 3)")  # it serves on
        (folder / "filler").unlink()
        time.sleep(1)
        node.query("CALL rename_owner(1, repeat('y', 30000000))")
        node.kill()
        node.start([node])
        wait_for(node.ready)
        self.assertEqual(node.query("SELECT balance, length(owner) FROM accounts"), "3|30000000")

    def test_a_full_disk_refuses_writes_and_loses_nothing(self):
        folder, node = self.node_on("80m")
        with open(folder / "filler", "wb") as filler:
            try:
                while True:
                    filler.write(b"x" * 65536)
                    filler.flush()
            except OSError:
                pass
        done = 0
        problem = ""
        import psycopg

        with psycopg.connect(
            host="127.0.0.1", port=node.sql, user="app", dbname="bank", autocommit=True
        ) as connection:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                try:
                    connection.execute("CALL rename_owner(1, %s)", ("n" * 60000,))
                    done += 1
                except psycopg.Error as error:
                    problem = error.sqlstate
                    break
            self.assertEqual(problem, "53100")
            self.assertEqual(
                connection.execute("SELECT length(owner) FROM accounts").fetchone()[0], 60000
            )  # reads go on
        self.assertGreater(done, 0)
        (folder / "filler").unlink()
        wait_for(lambda: node.psql("CALL deposit(1, 3)")[1] == "", 10, "writes after space was freed")
        node.kill()
        node.start([node])
        wait_for(node.ready)
        self.assertEqual(node.query("SELECT balance FROM accounts"), "3")


if __name__ == "__main__":
    unittest.main()
