"""What people and machines can see of replication: figures, metrics, logs, readiness."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

from support import PROGRAM, Cluster, program, wait_for


def get(node, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{node.http}{path}", timeout=5) as answer:
        return answer.read().decode()


def metric(node, name):
    found = re.findall(rf"^anabranch_{name}{{[^}}]*}} (\S+)$", get(node, "/metrics"), re.MULTILINE)
    return sum(float(value) for value in found)


class Figures(unittest.TestCase):
    def test_a_quick_run_prints_every_figure_and_those_without_a_clock_are_as_aimed_at(self):
        done = program("bench", "gossip", "--quick", "--clients", "4", timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        figures = dict(re.findall(r"^  (\S.*?) {2,}(\S+) ", done.stdout, re.MULTILINE))
        for words in (
            "age of a delta when merged, p50",
            "age of a delta when merged, p99",
            "merging deltas of one row",
            "catching up with 20000 deltas",
            "recovery of 20000 transactions",
            "the node's CPU at half load, more by",
        ):
            self.assertTrue(any(words in what for what in figures), done.stdout)
        self.assertLess(float(figures["on the wire per counter update, 64 a batch"]), 60)
        self.assertLess(float(figures["on the wire per transaction of 10 rows"]), 500)
        self.assertEqual(float(figures["two nodes: deltas received per delta needed"]), 1)


class Forgetting(unittest.TestCase):
    SCHEMA = """
CREATE TABLE visitors (id int PRIMARY KEY, visits bigint NOT NULL DEFAULT 0);
CREATE PROCEDURE arrive(first int, last int) BEGIN ATOMIC
  INSERT INTO visitors (id, visits) SELECT i, 1 FROM generate_series(arrive.first, arrive.last) AS series (i)
    ON CONFLICT (id) DO UPDATE SET visits = visitors.visits + 1;
END;
CREATE PROCEDURE leave(first int, last int) BEGIN ATOMIC
  DELETE FROM visitors WHERE id BETWEEN leave.first AND leave.last;
END;
"""

    def test_a_hundred_thousand_deleted_rows_leave_nothing_behind(self):
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as schema:
            schema.write(self.SCHEMA)
            schema.flush()
            with Cluster(3, schema=schema.name) as cluster:
                a, b, c = cluster.nodes
                before = metric(a, "memory_bytes")
                for procedure, node in (("arrive", a), ("leave", b)):
                    calls = [f"CALL {procedure}({n}, {n + 999})" for n in range(0, 100_000, 1000)]
                    self.assertEqual(node.psql(*calls)[1], "")
                    cluster.agree("SELECT count(*), sum(visits) FROM visitors", 60)
                self.assertEqual(a.query("SELECT count(*) FROM visitors"), "0")
                for node in cluster.nodes:
                    wait_for(lambda: metric(node, "tombstones") == 0, 60, f"no tombstone at {node.name}")
                    self.assertEqual(metric(node, "tombstones_removed_total"), 100_000)
                    self.assertLess(metric(node, "memory_bytes") - before, 4_000_000)
                # Nor does a node that reads its disk have any, once it hears what is committed; a key begins
                # anew.
                c.kill()
                c.start(cluster.nodes)
                wait_for(c.ready, 30, "restart")
                wait_for(lambda: metric(c, "tombstones") == 0, 30, "no tombstone after the restart")
                for node in cluster.nodes:
                    self.assertEqual(node.psql("CALL arrive(7, 7)")[1], "")
                cluster.agree("SELECT id, visits FROM visitors", 30)
                wait_for(lambda: a.query("SELECT visits FROM visitors") == "3", 10, "three visits")


class OrderFigures(unittest.TestCase):
    """A fraction of a second each: that every system takes part, not how quick it is."""

    def figures(self, *more, **options):
        done = program("bench", "order", "--quick", "--clients", "4", *more, timeout=300, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_every_system_takes_calls_and_every_figure_has_its_aim(self):
        out = self.figures()
        systems = ["anabranch, three nodes", "PostgreSQL 15, one standby"]
        if shutil.which("etcd"):
            systems.append("etcd 3")
            self.assertRegex(out, r"anabranch, times etcd \S+ +\S+ +aim over 2: (met|missed)")
        self.assertRegex(out, r"anabranch, times PostgreSQL 15 +\S+ +aim over 2: (met|missed)")
        for system in systems:
            rows = re.findall(rf"^  {re.escape(system)}.*?(\d+) calls/s .*?(\d+) syncs/s$", out, re.MULTILINE)
            self.assertEqual(len(rows), 3, out)  # full load, idle, half load
            # Each is measured for a tenth of a second: on a busy machine all of one may pass without a call.
            for column in zip(*rows):
                self.assertGreater(sum(int(number) for number in column), 0, out)
        self.assertRegex(out, r"  5 % ordered: .* aim over \S+: (met|missed)")

    def test_without_etcd_it_says_how_to_install_it(self):
        with tempfile.TemporaryDirectory() as empty:
            out = self.figures("--no-postgres", env={**os.environ, "PATH": empty, "TMPDIR": empty})
            self.assertEqual(os.listdir(empty), [])  # also without rm on the PATH
        self.assertIn("etcd is not on the PATH (apt-get install etcd-server)", out)
        self.assertNotIn("PostgreSQL 15", out)
        self.assertIn("anabranch, three nodes", out)

    def test_when_it_is_killed_it_leaves_no_server_behind(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)  # PostgreSQL's own user passes through
            with subprocess.Popen(
                [PROGRAM, "bench", "order", "--seconds", "60"],
                env={**os.environ, "TMPDIR": folder},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as bench:
                wait_for(
                    lambda: list(pathlib.Path(folder).glob("anabranch-pg-*/standby/postmaster.pid")),
                    60,
                    "a server",
                )
                bench.kill()
            wait_for(lambda: not list(pathlib.Path(folder).glob("anabranch-[pe]*")), 60, "no server")


class Observed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3, flags=["--log-format", "json", "--log-level", "warning"])
        cls.cluster.__enter__()
        cls.addClassCleanup(cls.cluster.__exit__)

    def test_deltas_are_counted_where_they_arrive(self):
        a, b, c = self.cluster.nodes
        a.query("CALL open_account(1, 'ann')")
        for _ in range(10):
            a.query("CALL deposit(1, 5)")
        for node in (b, c):
            wait_for(lambda n=node: metric(n, "deltas_merged_total") >= 10, what="the deltas")
            merged = metric(node, "deltas_merged_total")
            self.assertGreaterEqual(metric(node, "deltas_received_total"), merged)
            self.assertEqual(metric(node, "delta_age_seconds_count"), merged)
        self.assertLess(metric(a, "deltas_merged_total"), 10)

    def test_ranges_of_a_table_add_up_and_nodes_that_agree_are_found_to(self):
        a, b, _ = self.cluster.nodes
        for number in range(100, 140):
            a.query(f"CALL open_account({number}, 'x')")
        wait_for(lambda: len(self.cluster.digests()) == 1, what="equal digests")
        whole = json.loads(get(a, "/ranges?table=accounts"))
        self.assertEqual(sum(part["keys"] for part in whole["ranges"]), whole["keys"])
        first = whole["ranges"][0]
        again = json.loads(get(b, f"/ranges?table=accounts&from={first['from']}&to={first['to']}"))
        self.assertEqual((again["digest"], again["keys"]), (first["digest"], first["keys"]))
        with self.assertRaises(urllib.error.HTTPError):
            get(a, "/ranges?table=nothing")
        done = program("verify", "--peer", f"127.0.0.1:{a.http}", "--peer", f"127.0.0.1:{b.http}")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_logs_are_json_of_the_wanted_levels(self):
        c = self.cluster.nodes[2]
        with urllib.request.urlopen(f"http://127.0.0.1:{c.http}/readyz", timeout=5) as answer:
            self.assertEqual(answer.status, 200)
        with self.assertRaises(OSError):  # nonsense on the gossip port is answered by hanging up, and logged
            urllib.request.urlopen(f"http://127.0.0.1:{c.gossip}/", timeout=5)

        def lines():
            return [json.loads(line) for line in c.log.read_text().splitlines() if line.startswith("{")]

        said = wait_for(lambda: [x for x in lines() if "gossip port" in x["message"]], what="a line")
        self.assertEqual((said[0]["level"], said[0]["node"]), ("warning", "c"))
        self.assertRegex(said[0]["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        self.assertNotIn("info", {line["level"] for line in lines()})


if __name__ == "__main__":
    unittest.main()
