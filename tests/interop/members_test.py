"""Members that come and go at real nodes, under load, by anabranch admin."""
import threading
import time
import unittest

from support import ROOT, Cluster, Node, free_ports, program, wait_for

LEDGER = str(ROOT / "tests" / "interop" / "ledger.sql")


def admin(node, *words):
    return program("admin", *words, "--node", f"127.0.0.1:{node.http}")


def roles(node):
    return {m["name"]: m["role"] for m in node.status()["members"]}


class Caller(threading.Thread):
    """Ordered calls at a node, each with a number of its own, until it is told to stop."""

    def __init__(self, node, first):
        super().__init__()
        self.node, self.next, self.told, self.problems = node, first, 0, []
        self.stopping = threading.Event()

    def run(self):
        import psycopg

        where = f"host=127.0.0.1 port={self.node.sql} user=app dbname=app"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute("SET anabranch.order_timeout = '20s'")
            while not self.stopping.is_set():
                try:
                    connection.execute("CALL perform(%s)", (self.next,))
                    self.told += 1
                except psycopg.Error as problem:
                    self.problems.append(str(problem))
                self.next += 1


class Members(unittest.TestCase):
    def change(self, node, *words):
        done = admin(node, *words)
        self.assertEqual((done.returncode, done.stderr), (0, ""), words)
        return done.stdout

    def grow(self, cluster, name, by):
        node = Node(name, cluster.folder, free_ports(3), LEDGER)
        node.flags = ["--join"]
        node.start([by])
        wait_for(node.status, what=f"node {name}")
        return node

    def test_nodes_join_and_leave_under_load_and_nothing_is_lost_or_done_twice(self):
        with Cluster(3, LEDGER) as cluster:
            a, b, c = cluster.nodes
            callers = [Caller(a, 0), Caller(b, 1_000_000)]
            for caller in callers:
                caller.start()
            d = self.grow(cluster, "d", b)
            out, problem = d.psql("SELECT count(*) FROM done")
            self.assertIn("has not joined the cluster yet", problem)
            out = self.change(c, "add", f"d=127.0.0.1:{d.gossip}")
            self.assertEqual(out, "d is a member\nd has caught up and votes\n")
            cluster.nodes.append(d)
            # A dead member goes, then the primary itself.
            c.kill()
            self.assertEqual(self.change(a, "remove", "c"), "c has been removed\n")
            cluster.nodes.remove(c)
            primary = cluster.wait_primary()
            target = next(n for n in cluster.nodes if n is not primary)
            out = self.change(d, "transfer", target.name)
            self.assertTrue(out.startswith(f"{primary.name} hands over to {target.name}\n"), out)
            self.assertTrue(out.endswith(f"the primary is {target.name}\n"), out)
            self.assertIn("the primary is", self.change(a, "step-down"))
            for caller in callers:
                caller.stopping.set()
            for caller in callers:
                caller.join()
            self.assertEqual([p for caller in callers for p in caller.problems], [])
            primary = cluster.wait_primary()
            other = cluster.others(primary)[0]
            self.assertEqual(self.change(other, "remove", primary.name), f"{primary.name} has been removed\n")
            cluster.nodes.remove(primary)
            removed = "it has been removed from the cluster"
            wait_for(lambda: primary.status().get("under_way") == removed, what="the news")
            self.assertIn("has been removed from the cluster", primary.psql("CALL perform(9)")[1])
            primary.stop()
            told = sum(caller.told for caller in callers)
            self.assertGreater(told, 20)
            want = f"{told}|1|1"
            for node in cluster.nodes:
                out = node.psql(
                    "SET anabranch.read = 'primary'", "SELECT count(*), min(times), max(times) FROM done"
                )
                self.assertEqual(out, (want, ""))
            # Whatever their command lines say, they remember who they are.
            names = {n.name for n in cluster.nodes}
            for node in cluster.nodes:
                node.kill()
            for node in cluster.nodes:
                node.start([n for n in (a, b, c) if n is not node] if node is not d else [b])
            for node in cluster.nodes:
                wait_for(node.ready, what=f"node {node.name}")
            cluster.wait_primary()
            for node in cluster.nodes:
                self.assertEqual(roles(node), {name: "voter" for name in names})
            last = cluster.nodes[0]  # d may have been the primary that was removed
            last.query("CALL perform(-1)")
            self.assertIn("two voters: ordered calls need both", admin(last, "members").stdout)

    def test_one_node_says_what_it_cannot_survive_and_grows_to_three(self):
        with Cluster(1, LEDGER) as cluster:
            a = cluster.nodes[0]
            self.assertIn("order  one voter", a.log.read_text())
            a.query("CALL perform(1)")
            for name in ("b", "c"):
                node = self.grow(cluster, name, a)
                self.change(a, "add", f"{name}=127.0.0.1:{node.gossip}")
                cluster.nodes.append(node)
            self.assertEqual(cluster.agree("SELECT times FROM done", 20), "1")
            a.kill()
            cluster.nodes.remove(a)
            cluster.wait_primary()
            cluster.nodes[0].psql("SET anabranch.order_timeout = '20s'", "CALL perform(2)")
            self.assertEqual(cluster.agree("SELECT count(*) FROM done", 20), "2")
            done = admin(cluster.nodes[0], "remove", cluster.nodes[1].name)
            self.assertEqual(done.returncode, 1)
            self.assertIn("voters would be up and have what is committed", done.stderr)


if __name__ == "__main__":
    unittest.main()
