"""What people and machines can see of replication: figures, metrics, logs, readiness."""
import json
import re
import unittest
import urllib.error
import urllib.request

from support import Cluster, program, wait_for


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
