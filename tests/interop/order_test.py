"""The order at real nodes: kill -9 of the primary under load, reads at the primary, requests made again."""
import os
import signal
import threading
import time
import unittest

from support import ROOT, Cluster, wait_for

LEDGER = str(ROOT / "tests" / "interop" / "ledger.sql")


class Caller(threading.Thread):
    """Calls perform(n) with numbers of its own until it is told to stop."""

    def __init__(self, node, first):
        super().__init__()
        self.node, self.next, self.first = node, first, first
        self.told, self.problems, self.longest = [], [], 0.0
        self.stopping = threading.Event()

    def run(self):
        import psycopg

        with psycopg.connect(
            f"host=127.0.0.1 port={self.node.sql} user=app dbname=app", autocommit=True
        ) as connection:
            connection.execute("SET anabranch.order_timeout = '20s'")
            while not self.stopping.is_set():
                began = time.monotonic()
                try:
                    connection.execute("CALL perform(%s)", (self.next,))
                    self.told.append(self.next)
                except psycopg.Error as problem:
                    self.problems.append((self.next, problem.sqlstate, str(problem)))
                self.longest = max(self.longest, time.monotonic() - began)
                self.next += 1


class PrimaryGone(unittest.TestCase):
    def test_calls_under_way_when_the_primary_is_killed_are_carried_out_once_and_answered(self):
        with Cluster(3, LEDGER) as cluster:
            primary = cluster.wait_primary()
            survivors = cluster.others(primary)
            callers = [Caller(survivors[i % 2], i * 1_000_000) for i in range(8)]
            for caller in callers:
                caller.start()
            time.sleep(1.5)
            primary.kill()
            time.sleep(4)
            for caller in callers:
                caller.stopping.set()
            for caller in callers:
                caller.join()
            self.assertEqual([p for c in callers for p in c.problems], [])
            for caller in callers:
                self.assertGreater(len(caller.told), 10)
                self.assertLess(caller.longest, 8)  # about 1 s on a machine with nothing else to do
            told = sum(len(c.told) for c in callers)
            for node in survivors:
                node.query("SET anabranch.read = 'primary'")
                out, problem = node.psql(
                    "SET anabranch.read = 'primary'", "SELECT count(*), min(times), max(times) FROM done"
                )
                self.assertEqual((out, problem), (f"{told}|1|1", ""))
            print(f"longest call over the kill: {max(c.longest for c in callers):.2f} s, {told} calls")

    def test_a_node_that_was_away_reads_what_was_ordered_meanwhile_when_it_reads_at_the_primary(self):
        with Cluster(3, LEDGER) as cluster:
            primary = cluster.wait_primary()
            away, near = cluster.others(primary)
            for i in range(5):
                near.query(f"CALL perform({i})")
                self.assertEqual(
                    away.psql("SET anabranch.read = 'primary'", "SELECT count(*) FROM done"), (str(i + 1), "")
                )

    def test_a_request_that_is_sent_to_every_node_is_carried_out_once_even_after_all_have_restarted(self):
        with Cluster(3, LEDGER) as cluster:
            for node in cluster.nodes:
                out = node.psql("SET anabranch.request_id = 'r'", "CALL perform(1)")
                self.assertEqual(out, ("", ""))
            for node in cluster.nodes:
                node.kill()
            for node in cluster.nodes:
                node.start(cluster.nodes)
            for node in cluster.nodes:
                wait_for(node.ready, what=f"node {node.name}")
            cluster.wait_primary()
            for node in cluster.nodes:
                out = node.psql(
                    "SET anabranch.order_timeout = '20s'",
                    "SET anabranch.request_id = 'r'",
                    "CALL perform(1)",
                )
                self.assertEqual(out, ("", ""))
            self.assertEqual(cluster.agree("SELECT times FROM done", 20), "1")


class EarlyAnswers(unittest.TestCase):
    """SET anabranch.durability = 'memory': ordered calls are answered when the primary has executed them."""

    def connect(self, node):
        import psycopg

        where = f"host=127.0.0.1 port={node.sql} user=app dbname=app"
        connection = psycopg.connect(where, autocommit=True)
        self.addCleanup(connection.close)
        return connection

    def signal(self, nodes, which):
        for node in nodes:
            os.kill(node.process.pid, which)

    def test_a_call_is_answered_while_no_other_node_hears_of_it_and_its_session_reads_it_when_they_do(self):
        with Cluster(3, LEDGER) as cluster:
            primary = cluster.wait_primary()
            hasty, other = self.connect(primary), self.connect(primary)
            hasty.execute("SET anabranch.durability = 'memory'")
            hasty.execute("CALL perform(0)")
            self.assertEqual(hasty.execute("SELECT count(*) FROM done").fetchone(), (1,))
            self.signal(cluster.others(primary), signal.SIGSTOP)
            try:
                for i in range(1, 4):
                    hasty.execute(f"CALL perform({i})")
                seen = other.execute("SELECT count(*) FROM done").fetchone()
            finally:
                self.signal(cluster.others(primary), signal.SIGCONT)
            self.assertEqual(seen, (1,))
            hasty.execute("SET anabranch.order_timeout = '20s'")
            self.assertEqual(hasty.execute("SELECT count(*) FROM done").fetchone(), (4,))

    def test_calls_at_any_node_are_there_once(self):
        with Cluster(3, LEDGER) as cluster:
            primary = cluster.wait_primary()
            for first, node in enumerate([primary, *cluster.others(primary)]):
                connection = self.connect(node)
                connection.execute("SET anabranch.durability = 'memory'")
                for i in range(200):
                    connection.execute("CALL perform(%s)", (first * 1000 + i,))
                self.assertEqual(
                    connection.execute("SELECT count(*) FROM done").fetchone(), ((first + 1) * 200,)
                )
            self.assertEqual(cluster.agree("SELECT count(*), max(times) FROM done"), "600|1")

    def test_what_the_primary_takes_with_it_is_missing_whole_and_everywhere(self):
        with Cluster(3, LEDGER) as cluster:
            primary = cluster.wait_primary()
            hasty = self.connect(primary)
            hasty.execute("SET anabranch.durability = 'memory'")
            for i in range(100):
                hasty.execute("CALL perform(%s)", (i,))
            primary.kill()
            primary.start(cluster.nodes)
            wait_for(primary.ready, what="the former primary")
            cluster.wait_primary()
            cluster.others(primary)[0].query("CALL perform(1000)")
            left = "SELECT count(*) - max(id), max(times) FROM done WHERE id < 1000"
            self.assertEqual(cluster.agree(left, 20), "1|1")


if __name__ == "__main__":
    unittest.main()
