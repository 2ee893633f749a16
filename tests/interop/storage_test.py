"""What real nodes keep on disk: checkpoints, the log that goes, and restarts at any moment of it."""
import pathlib
import random
import shutil
import subprocess
import tempfile
import time
import unittest

from support import Cluster, program, wait_for


def deposits(node, count, account=1):
    """A psql that makes `count` calls; what it was told is in its output."""
    writer = subprocess.Popen(
        ["psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(node.sql), "-U", "app", "bank"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    writer.stdin.write(f"CALL deposit({account}, 1);\n" * count)
    writer.stdin.flush()
    return writer


def many_deposits(node, count, account=1):
    writer = deposits(node, count, account)
    writer.communicate(timeout=120)


def log_bytes(node):
    return sum(f.stat().st_size for f in pathlib.Path(node.data, "log").glob("*.seg"))


class Checkpoints(unittest.TestCase):
    def test_the_log_stays_bounded_and_a_restart_reads_a_checkpoint(self):
        with Cluster(1, flags=["--checkpoint-bytes", "30000"]) as cluster:
            node = cluster.nodes[0]
            for account in range(1, 51):
                node.query(f"CALL open_account({account}, 'owner {account}')")
            many_deposits(node, 6000)
            wait_for(lambda: node.status()["checkpoint"]["passes"] > 2, what="several checkpoints")
            self.assertLess(log_bytes(node), node.status()["log_bytes"] / 2)
            before = node.query("SELECT count(*), sum(balance) FROM accounts")
            digests = node.status()["tables"]
            node.kill()
            node.start(cluster.nodes)
            wait_for(node.ready)
            self.assertIn("recovered a checkpoint", node.log.read_text())
            self.assertEqual(node.query("SELECT count(*), sum(balance) FROM accounts"), before)
            self.assertEqual(node.status()["tables"], digests)

    def test_entries_of_the_order_that_a_checkpoint_holds_are_not_missed_after_kill_9(self):
        import psycopg

        with Cluster(1, flags=["--checkpoint-bytes", "60000"]) as cluster:
            node = cluster.nodes[0]
            node.query("CALL open_account(1, 'ann')")
            node.query("CALL deposit(1, 10000)")
            place = {"host": "127.0.0.1", "port": node.sql, "user": "app", "dbname": "bank"}
            for left in (8500, 7000):
                with psycopg.connect(autocommit=True, **place) as connection:
                    for _ in range(1500):  # each an entry of its own
                        connection.execute("CALL withdraw(1, 1)")
                    wait_for(lambda: node.status()["checkpoint"]["passes"] > 0, what="a checkpoint")
                    node.kill()
                node.start(cluster.nodes)
                wait_for(node.ready)
                self.assertEqual(node.query("SELECT balance FROM accounts"), str(left))

    def test_kill_9_at_any_moment_of_checkpoints_and_truncation_loses_nothing(self):
        import psycopg

        with Cluster(1, flags=["--checkpoint-bytes", "20000"]) as cluster:
            node = cluster.nodes[0]
            for account in range(1, 101):
                node.query(f"CALL open_account({account}, 'owner')")
            told = {account: 0 for account in range(1, 101)}
            for _ in range(5):
                deadline = time.monotonic() + random.uniform(0.1, 0.7)
                with psycopg.connect(
                    host="127.0.0.1", port=node.sql, user="app", dbname="bank", autocommit=True
                ) as connection:
                    while time.monotonic() < deadline:
                        account = random.randint(1, 100)
                        connection.execute(f"CALL deposit({account}, 1)")
                        told[account] += 1
                    node.kill()
                node.start(cluster.nodes)
                wait_for(node.ready, what="restart")
                found = dict(
                    line.split("|") for line in node.query("SELECT id, balance FROM accounts").split("\n")
                )
                self.assertEqual({int(k): int(v) for k, v in found.items()}, told)
            self.assertTrue(list(pathlib.Path(node.data, "checkpoint").glob("*.ckpt")))

    def test_a_flipped_bit_in_a_checkpoint_is_named(self):
        with Cluster(1, flags=["--checkpoint-bytes", "4096"]) as cluster:
            node = cluster.nodes[0]
            for account in range(1, 101):
                node.query(f"CALL open_account({account}, 'owner')")
            wait_for(lambda: node.status()["checkpoint"]["passes"] > 0, what="a checkpoint")
            node.stop()
            newest = sorted(pathlib.Path(node.data, "checkpoint").glob("*.ckpt"))[-1]
            bytes_ = bytearray(newest.read_bytes())
            bytes_[len(bytes_) // 2] ^= 4
            newest.write_bytes(bytes_)
            done = program(*node.words([node]))
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"checkpoint {newest} is damaged: part", done.stderr)


class Snapshots(unittest.TestCase):
    FLAGS = ["--checkpoint-bytes", "20000", "--kept-bytes", "5000"]

    def filled(self, cluster, accounts=300):
        node = cluster.nodes[0]
        writer = subprocess.Popen(
            ["psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(node.sql), "-U", "app", "bank"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        writer.communicate(
            "".join(f"CALL open_account({i}, 'owner {i}');\n" for i in range(1, accounts + 1)), timeout=60
        )
        return cluster.agree("SELECT count(*), sum(balance) FROM accounts", 20)

    def settled(self, cluster):
        def same():
            return (
                len({n.query("SELECT count(*), sum(balance) FROM accounts") for n in cluster.nodes}) == 1
                and len(cluster.digests()) == 1
            )

        def calm():
            try:
                return same()
            except AssertionError:
                return False

        wait_for(calm, 30, "equal digests")
        return cluster.nodes[0].query("SELECT count(*), sum(balance) FROM accounts")

    def test_a_node_that_was_away_for_long_gets_a_state_and_keeps_its_own_work(self):
        with Cluster(3, flags=self.FLAGS) as cluster:
            self.filled(cluster, 50)
            away = cluster.others(cluster.wait_primary())[0]
            program("admin", "cut", "--node", f"127.0.0.1:{away.http}")
            for _ in range(5):
                away.query("CALL deposit(2, 10)")
            others = cluster.others(away)
            many_deposits(others[0], 1500)
            wait_for(lambda: others[0].query("SELECT balance FROM accounts WHERE id = 1") == "1500")
            program("admin", "heal", "--node", f"127.0.0.1:{away.http}")
            self.assertEqual(self.settled(cluster), "50|1550")
            self.assertIn("it fetches the state of", away.log.read_text())
            many_deposits(away, 5)
            self.assertEqual(self.settled(cluster), "50|1555")

    def test_a_node_that_lost_its_data_directory_rejoins_under_its_name(self):
        with Cluster(3, flags=self.FLAGS) as cluster:
            self.filled(cluster)
            victim = cluster.wait_primary()
            victim.query("CALL deposit(1, 100)")
            cluster.agree("SELECT sum(balance) FROM accounts")
            victim.kill()
            shutil.rmtree(victim.data)
            others = cluster.others(victim)
            cluster.wait_primary(others)
            others[0].query("CALL deposit(1, 1)")
            others[0].psql("SET anabranch.order_timeout = '10s'", "CALL withdraw(1, 50)")
            victim.start(cluster.nodes)
            wait_for(victim.ready)
            self.assertEqual(self.settled(cluster), "300|51")
            victim.wait_said("takes part in the order again")
            # It counts again: with another one down, it and the third make a majority.
            down = cluster.wait_primary()
            down.kill()
            survivors = cluster.others(down)
            cluster.wait_primary(survivors)
            out, problem = survivors[0].psql("SET anabranch.order_timeout = '10s'", "CALL withdraw(1, 50)")
            self.assertEqual(problem, "")
            wait_for(lambda: survivors[1].query("SELECT balance FROM accounts WHERE id = 1") == "1", 10)
            down.start(cluster.nodes)
            wait_for(down.ready)
            self.assertEqual(self.settled(cluster), "300|1")

    def test_two_nodes_go_on_after_the_primary_has_lost_its_data_directory(self):
        with Cluster(2) as cluster:
            victim = cluster.wait_primary()
            other = cluster.others(victim)[0]
            victim.query("CALL open_account(1, 'ann')")
            victim.query("CALL deposit(1, 100)")
            cluster.agree("SELECT sum(balance) FROM accounts")
            wait = "SET anabranch.order_timeout = '20s'"
            self.assertEqual(victim.psql(wait, "CALL withdraw(1, 10)"), ("", ""))
            victim.kill()
            shutil.rmtree(victim.data)
            time.sleep(2.5)  # longer than its former self may still be heard
            victim.start(cluster.nodes)
            wait_for(victim.ready)
            self.assertEqual(other.psql(wait, "CALL withdraw(1, 20)"), ("", ""))
            self.assertEqual(victim.psql(wait, "CALL withdraw(1, 30)"), ("", ""))
            cluster.agree("SELECT balance FROM accounts WHERE id = 1")
            self.assertEqual(other.query("SELECT balance FROM accounts WHERE id = 1"), "40")
            victim.wait_said("takes part in the order again")

    def test_a_lost_directory_with_identity_columns_is_refused_as_values_could_come_again(self):
        text = (
            "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int NOT NULL);\n"
            "CREATE PROCEDURE add(n int) BEGIN ATOMIC INSERT INTO t (n) VALUES (add.n); END;\n"
        )
        with tempfile.TemporaryDirectory() as folder:
            schema = pathlib.Path(folder, "identity.sql")
            schema.write_text(text)
            with Cluster(3, schema=schema) as cluster:
                victim = cluster.others(cluster.wait_primary())[0]
                victim.query("CALL add(1)")
                cluster.agree("SELECT count(*) FROM t")
                victim.kill()
                shutil.rmtree(victim.data)
                time.sleep(2.5)
                victim.start(cluster.nodes)
                for other in cluster.others(victim):
                    other.wait_said("identity columns")

    def test_a_transfer_goes_on_after_kill_9_of_the_receiver(self):
        with Cluster(3, flags=self.FLAGS) as cluster:
            self.filled(cluster)
            victim = cluster.others(cluster.wait_primary())[0]
            victim.kill()
            shutil.rmtree(victim.data)
            for pause in (0.1, 0.2, 0.3):
                victim.start(cluster.nodes)
                time.sleep(pause + 2)
                victim.kill()
            victim.start(cluster.nodes)
            wait_for(victim.ready)
            cluster.nodes[0].psql("CALL deposit(1, 7)")
            wait_for(lambda: self.settled(cluster).startswith("300|"), 40, "the state")


if __name__ == "__main__":
    unittest.main()
