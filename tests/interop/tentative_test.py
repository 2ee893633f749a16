"""Tentative calls at real nodes: taken by a node that is alone, kept over kill -9, settled later."""
import unittest

from support import Cluster, wait_for

BALANCE = "SELECT balance FROM accounts WHERE id = 1"


class Tentative(unittest.TestCase):
    def test_calls_made_while_alone_survive_kill_9_and_are_settled_once_in_their_order(self):
        import psycopg

        with Cluster(3) as cluster:
            a, b, c = cluster.nodes
            c.query("CALL open_account(1, 'ann')")
            c.query("CALL deposit(1, 100)")
            cluster.agree(BALANCE)
            a.kill()
            b.kill()
            tentative = "SET anabranch.ordered = 'tentative'"
            out = c.psql(tentative, "CALL withdraw(1, 30)", "CALL withdraw(1, 50)", "SHOW anabranch.ticket")
            self.assertEqual(out, ("c-2", ""))
            # What the view refuses is told at once.
            self.assertIn("23514", c.psql(tentative, "CALL withdraw(1, 50)")[1])
            self.assertEqual(c.psql("SET anabranch.read = 'tentative'", BALANCE), ("20", ""))
            self.assertEqual(c.query(BALANCE), "100")
            c.kill()
            c.start(cluster.nodes)
            wait_for(c.ready, what="node c")
            self.assertEqual(c.psql("SET anabranch.read = 'tentative'", BALANCE), ("20", ""))
            fates = "SELECT ticket, transaction, state FROM anabranch.order ORDER BY ticket"
            # It may have taken the dead primary for alive when it was asked.
            now = c.query(fates).replace("sent", "waiting")
            self.assertEqual(now, "c-1|withdraw|waiting\nc-2|withdraw|waiting")
            where = f"host=127.0.0.1 port={c.sql} user=app dbname=app"
            with psycopg.connect(where, autocommit=True) as listener:
                listener.execute("LISTEN anabranch_order")
                for node in (a, b):
                    node.start(cluster.nodes)
                told = []
                for notice in listener.notifies():
                    told.append(notice.payload)
                    if len(told) == 2:
                        break
                self.assertEqual(told, ["c-1 committed", "c-2 committed"])
            self.assertEqual(c.query(fates), "c-1|withdraw|committed\nc-2|withdraw|committed")
            self.assertEqual(cluster.agree(BALANCE, 20), "20")

    def test_a_call_that_no_longer_fits_is_refused_and_the_view_forgets_it(self):
        with Cluster(3) as cluster:
            c = next(n for n in cluster.nodes if not n.is_primary())
            near = next(n for n in cluster.nodes if n is not c)
            c.query("CALL open_account(1, 'ann')")
            c.query("CALL deposit(1, 100)")
            cluster.agree(BALANCE)
            from support import program

            program("admin", "cut", "--node", f"127.0.0.1:{c.http}")
            out = c.psql("SET anabranch.ordered = 'tentative'", "CALL withdraw(1, 80)")
            self.assertEqual(out, ("", ""))
            near.psql("SET anabranch.order_timeout = '20s'", "CALL withdraw(1, 70)")
            program("admin", "heal", "--node", f"127.0.0.1:{c.http}")
            state = "SELECT state, csn > 0, detail LIKE '23514%' FROM anabranch.order"
            wait_for(lambda: c.query(state).startswith("refused"), what="the refusal")
            self.assertEqual(c.query(state), "refused||t")
            self.assertEqual(c.psql("SET anabranch.read = 'tentative'", BALANCE), ("30", ""))

    def test_a_block_of_several_ordered_writes_is_one_ticket_over_kill_9_and_settles_as_a_whole(self):
        with Cluster(3) as cluster:
            a, b, c = cluster.nodes
            for account in (1, 2):
                c.query(f"CALL open_account({account}, 'ann')")
                c.query(f"CALL deposit({account}, 100)")
            cluster.agree("SELECT sum(balance) FROM accounts", 20)
            a.kill()
            b.kill()
            out = c.psql(
                "SET anabranch.ordered = 'tentative'",
                "BEGIN; CALL withdraw(1, 30); CALL withdraw(2, 40); COMMIT",
                "SHOW anabranch.ticket",
            )
            self.assertEqual(out, ("c-1", ""))
            c.kill()
            c.start(cluster.nodes)
            wait_for(c.ready, what="node c")
            both = "SELECT string_agg(balance::text, ' ' ORDER BY id) FROM accounts"
            self.assertEqual(c.psql("SET anabranch.read = 'tentative'", both), ("70 60", ""))
            self.assertEqual(c.query(both), "100 100")
            for node in (a, b):
                node.start(cluster.nodes)
            fates = "SELECT ticket, transaction, state FROM anabranch.order"
            wait_for(lambda: c.query(fates).endswith("|committed"), what="the commit", seconds=30)
            self.assertEqual(c.query(fates), "c-1|withdraw; withdraw|committed")
            self.assertEqual(cluster.agree(both, 20), "70 60")


if __name__ == "__main__":
    unittest.main()
