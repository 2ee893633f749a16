"""Backups of real nodes while they are written to, what is restored from them, and what verify finds."""
import pathlib
import random
import shutil
import tempfile
import threading
import time
import unittest

from support import BANK, Cluster, program, wait_for

BALANCES = "SELECT count(*), sum(balance) FROM accounts"


def fill(node, accounts=20):
    node.psql(*[f"CALL open_account({i}, 'owner {i}')" for i in range(1, accounts + 1)])


def deposit_all_the_while(node, stop, told):
    import psycopg

    with psycopg.connect(
        host="127.0.0.1", port=node.sql, user="app", dbname="bank", autocommit=True
    ) as connection:
        while not stop.is_set():
            connection.execute("CALL deposit(1, 1)")
            told.append(1)


class Backups(unittest.TestCase):
    def done(self, *words, status=0):
        ended = program(*words)
        self.assertEqual(ended.returncode, status, ended.stdout + ended.stderr)
        return ended.stdout if status == 0 else ended.stderr

    def test_a_backup_under_load_holds_what_was_acknowledged_before_it(self):
        with Cluster(1, flags=["--checkpoint-bytes", "20000"]) as cluster:
            node = cluster.nodes[0]
            fill(node)
            stop, told = threading.Event(), []
            writer = threading.Thread(target=deposit_all_the_while, args=(node, stop, told))
            writer.start()
            try:
                for i in range(2):
                    time.sleep(0.1)
                    before = len(told)
                    to = str(cluster.folder / f"backup{i}")
                    self.done("backup", node.data, "--to", to)
                    after = len(told) + 1
                    self.assertIn("hold", self.done("verify", to, "--schema", BANK))
                    restored = str(cluster.folder / f"restored{i}")
                    self.done("restore", to, "--data", restored)
                    out = self.done("verify", restored, "--schema", BANK)
                    self.assertIn("data of node a", out)
                    # What it holds is a moment between the two.
                    self.assertIn("accounts: 20 rows", out)
                    lone = Cluster(1)
                    lone.nodes[0].data = restored
                    with lone:
                        balance = int(lone.nodes[0].query("SELECT balance FROM accounts WHERE id = 1"))
                    self.assertGreaterEqual(balance, before)
                    self.assertLessEqual(balance, after)
            finally:
                stop.set()
                writer.join()

    def test_a_restored_node_joins_under_a_new_id_and_gets_what_it_had_done_since(self):
        with Cluster(3) as cluster:
            victim = cluster.others(cluster.wait_primary())[0]
            fill(victim)
            to = str(cluster.folder / "backup")
            self.done("backup", victim.data, "--to", to)
            victim.query("CALL deposit(1, 100)")
            cluster.agree(BALANCES)
            victim.kill()
            former = [
                r["id"] for r in cluster.others(victim)[0].status()["replicas"] if r["name"] == victim.name
            ]
            shutil.rmtree(victim.data)
            self.done("restore", to, "--data", victim.data)
            time.sleep(2.1)
            victim.start(cluster.nodes)
            wait_for(victim.ready)
            self.assertNotIn(victim.status()["replicas"][0]["id"], former)
            self.assertEqual(cluster.agree(BALANCES), "20|100")
            victim.query("CALL deposit(1, 5)")
            self.assertEqual(cluster.agree(BALANCES), "20|105")
            wait_for(lambda: len(cluster.digests()) == 1, what="equal digests")
            addresses = [word for n in cluster.nodes for word in ("--peer", f"127.0.0.1:{n.http}")]
            self.assertIn("the same rows", self.done("verify", *addresses))

    def test_a_whole_cluster_begins_anew_from_one_backup_and_does_not_talk_to_the_old_one(self):
        text = (
            "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int NOT NULL UNIQUE);\n"
            "CREATE PROCEDURE add(n int) BEGIN ATOMIC INSERT INTO t (n) VALUES (add.n); END;\n"
        )
        with tempfile.TemporaryDirectory() as folder:
            schema = pathlib.Path(folder, "identity.sql")
            schema.write_text(text)
            with Cluster(3, schema=schema) as cluster:
                wait_for(lambda: cluster.nodes[0].psql("CALL add(1)")[1] == "", what="a row")
                cluster.nodes[0].query("CALL add(2)")
                to = str(cluster.folder / "backup")
                self.done("backup", cluster.nodes[0].data, "--to", to)
                cluster.nodes[0].query("CALL add(3)")
                cluster.agree("SELECT count(*) FROM t")
                a, b, c = cluster.nodes
                for node in (a, b):
                    node.kill()
                    shutil.rmtree(node.data)
                    self.done("restore", to, "--data", node.data, "--name", node.name, "--new-cluster")
                    node.start(cluster.nodes)
                for node in (a, b):
                    wait_for(node.ready)
                a.wait_said("another cluster")
                rows = lambda node: node.query("SELECT n FROM t ORDER BY n").split()
                self.assertEqual(rows(b), ["1", "2"])
                self.assertEqual(rows(c), ["1", "2", "3"])
                c.kill()
                shutil.rmtree(c.data)
                self.done("restore", to, "--data", c.data, "--name", c.name, "--new-cluster")
                c.start(cluster.nodes)
                wait_for(c.ready)
                wait_for(lambda: a.psql("CALL add(4)")[1] == "", 30, "an ordered call in the new cluster")
                wait_for(lambda: c.query("SELECT n FROM t ORDER BY n").split() == ["1", "2", "4"])
                for node in cluster.nodes:  # and none of it is forgotten
                    node.kill()
                    node.start(cluster.nodes)
                for node in cluster.nodes:
                    wait_for(node.ready)
                wait_for(lambda: c.psql("CALL add(5)")[1] == "", 30, "an ordered call after a restart")

    def test_a_copied_data_directory_is_refused_and_says_how_to_use_it(self):
        with Cluster(1) as cluster:
            node = cluster.nodes[0]
            fill(node, 3)
            node.stop()
            copy = str(cluster.folder / "copy")
            shutil.copytree(node.data, copy)
            original, node.data = node.data, copy
            refused = self.done(*node.words([node]), status=1)
            self.assertIn("is a copy", refused)
            self.assertIn("anabranch restore", refused)
            self.done("restore", copy, "--data", copy + ".new")
            node.data = copy + ".new"
            node.start(cluster.nodes)
            wait_for(node.ready)
            self.assertEqual(node.query(BALANCES), "3|0")
            node.stop()
            # One that was moved keeps its id, when a person says so.
            self.done("restore", copy, "--moved")
            node.data = copy
            node.start(cluster.nodes)
            wait_for(node.ready)
            node.stop()
            node.data = original
            self.assertIn("has a log but no", self.refusal_without_identity(node))

    def refusal_without_identity(self, node):
        pathlib.Path(node.data, "node.json").unlink()
        return self.done(*node.words([node]), status=1)

    def test_a_backup_is_no_data_directory_and_a_full_target_is_refused(self):
        with Cluster(1) as cluster:
            node = cluster.nodes[0]
            fill(node, 3)
            to = str(cluster.folder / "backup")
            self.done("backup", node.data, "--to", to)
            self.assertIn("is not empty", self.done("backup", node.data, "--to", to, status=1))
            self.assertIn("is not empty", self.done("restore", to, "--data", node.data, status=1))
            self.assertIn("in use", self.done("verify", node.data, status=1))
            self.assertIn("in use", self.done("restore", node.data, "--data", to + ".new", status=1))
            node.stop()
            node.data = to
            self.assertIn("is a backup", self.done(*node.words([node]), status=1))
            self.assertIn("neither", self.done("verify", str(cluster.folder), status=1))

    def test_verify_names_a_broken_invariant_and_a_table_that_differs(self):
        with Cluster(2) as cluster:
            fill(cluster.nodes[0], 3)
            cluster.agree(BALANCES)
            wait_for(lambda: len(cluster.digests()) == 1, what="equal digests")
            a, b = cluster.nodes
            b.stop()
            peer = ["--peer", f"127.0.0.1:{a.http}"]
            self.assertIn("the same rows", self.done("verify", b.data, "--schema", BANK, *peer))
            a.query("CALL deposit(1, 1)")
            late = program("verify", b.data, "--schema", BANK, *peer)
            self.assertEqual(late.returncode, 4)
            self.assertIn("do not hold the same deltas", late.stdout)


class Damage(unittest.TestCase):
    def test_a_damaged_log_names_the_place_and_what_can_be_read_rejoins_and_loses_nothing(self):
        with Cluster(3) as cluster:
            victim = cluster.others(cluster.wait_primary())[0]
            fill(victim)
            for _ in range(20):
                victim.query("CALL deposit(1, 1)")
            self.assertEqual(cluster.agree(BALANCES), "20|20")
            victim.stop()
            segment = sorted(pathlib.Path(victim.data, "log").glob("*.seg"))[0]
            content = bytearray(segment.read_bytes())
            used = len(content.rstrip(b"\0"))
            at = random.randrange(used // 2, used - 64)
            content[at] ^= 1 << random.randrange(8)
            segment.write_bytes(content)
            refused = program(*victim.words(cluster.nodes))
            self.assertEqual(refused.returncode, 1)
            self.assertIn(f"log segment {segment} is damaged", refused.stderr)
            self.assertIn("at byte", refused.stderr)
            self.assertIn("--salvage", refused.stderr)
            self.assertEqual(program("verify", victim.data).returncode, 1)
            saved = program("restore", victim.data, "--data", victim.data + ".new", "--salvage")
            self.assertEqual(saved.returncode, 0, saved.stderr)
            self.assertIn("left out    record", saved.stdout)
            victim.data += ".new"
            time.sleep(1)
            victim.start(cluster.nodes)
            wait_for(victim.ready)
            self.assertEqual(cluster.agree(BALANCES), "20|20")
            victim.query("CALL deposit(1, 1)")
            self.assertEqual(cluster.agree(BALANCES), "20|21")
            wait_for(lambda: len(cluster.digests()) == 1, what="equal digests")


if __name__ == "__main__":
    unittest.main()
