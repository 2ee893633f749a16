"""The example schemas: each shows an anomaly that eventual consistency would allow, and that cannot happen.

The anomaly is the checker's witness, replayed on replicas that do not coordinate. That it cannot happen is
shown by the simulator under faults, and by clients of three real nodes who try it at the same time.
"""
import concurrent.futures
import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "interop"))
from support import ROOT, Cluster, Postgres, program  # noqa: E402

EXAMPLES = ROOT / "tools" / "examples"

# What must be ordered, and the invariant that two of its calls would break.
ANOMALIES = {
    "user_names": ("claim_name", "names_pkey"),
    "meeting_rooms": ("book", "assertion.one_meeting_at_a_time"),
    "payments": ("pay", "accounts_balance_check"),
    "check_and_set": ("set_if", "lost_update(cells.version)"),
    "orders": ("add_item", "items_pkey"),
}
FREE = {
    "user_names": {"sign_up", "change_email", "give_up_name"},
    "meeting_rooms": {"cancel", "add_note"},
    "payments": {"pay_in"},
    "check_and_set": {"count_reader"},
    "orders": {"restock", "ship"},
}
A, B, C = (f"00000000-0000-4000-8000-00000000000{i}" for i in range(3))


def schema(name):
    return str(EXAMPLES / f"{name}.sql")


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.reports = {}
        for name in ANOMALIES:
            done = program("check", schema(name), "--format", "json", timeout=400)
            if done.returncode != 0:
                raise AssertionError(f"{name}: {done.stderr}")
            cls.reports[name] = json.loads(done.stdout)

    def test_what_needs_no_agreement_is_free_and_the_rest_is_ordered(self):
        for name, free in FREE.items():
            routes = {t["name"]: t["route"] for t in self.reports[name]["transactions"]}
            with self.subTest(name):
                self.assertEqual({t for t, route in routes.items() if route == "free"}, free)
                self.assertEqual(routes[ANOMALIES[name][0]], "ordered")

    def test_without_coordination_the_anomaly_happens(self):
        for name, (transaction, invariant) in ANOMALIES.items():
            pair = next(
                p
                for p in self.reports[name]["pairs"]
                if (p["transaction"], p["invariant"]) == (transaction, invariant)
            )
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                self.assertEqual(pair["verdict"], "not_confluent")
                script = pathlib.Path(folder) / "witness.scn"
                script.write_text(pair["conflicts"][0]["witness"]["scenario"])
                done = program("replay", str(script), cwd=EXAMPLES)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_no_invariant_breaks_under_crashes_cuts_and_lost_messages(self):
        for name in ANOMALIES:
            with self.subTest(name):
                done = program("simulate", schema(name), "--seeds", "1..15", timeout=600)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each_loads_in_postgresql(self):
        with Postgres() as postgres:
            for name in [*ANOMALIES, "tpcc"]:
                with self.subTest(name):
                    postgres.create_database(name)
                    postgres.load(schema(name), name)


def at_once(cluster, calls):
    """One call per node at the same time: (answers, problems)."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        told = list(pool.map(lambda job: job[0].psql(job[1]), zip(cluster.nodes, calls)))
    return [out for out, _ in told], [problem for _, problem in told]


class RealNodes(unittest.TestCase):
    def one_wins(self, cluster, calls, state):
        _, problems = at_once(cluster, calls)
        self.assertEqual(sum(p == "" for p in problems), 1, problems)
        for problem in problems:
            self.assertTrue(problem == "" or "23505" in problem or "23514" in problem, problem)
        return cluster.agree(state)

    def test_a_user_name_goes_to_one_of_three_who_want_it(self):
        with Cluster(3, schema("user_names")) as cluster:
            people = [n.query("SELECT sign_up('x@example.org')") for n in cluster.nodes]
            calls = [f"CALL claim_name('{p}', 'ann')" for p in people]
            self.assertIn(self.one_wins(cluster, calls, "SELECT owner FROM names"), people)

    def test_a_room_is_booked_once_for_one_hour(self):
        with Cluster(3, schema("meeting_rooms")) as cluster:
            cluster.nodes[0].query("CALL add_room('blue', 8)")
            calls = [f"SELECT book('blue', '2026-05-01 09:{m}0', '2026-05-01 10:{m}0')" for m in range(3)]
            self.assertEqual(self.one_wins(cluster, calls, "SELECT count(*) FROM meetings"), "1")

    def fund(self, cluster):
        """Accounts 1 and 2, with 100 in the first, at every node."""
        near = cluster.nodes[0]
        for account in (1, 2):
            near.query(f"CALL open_account({account})")
        near.query("CALL pay_in(1, 100)")
        cluster.agree("SELECT * FROM accounts ORDER BY id")

    def test_a_payment_sent_three_times_is_made_once_to_payer_and_payee(self):
        with Cluster(3, schema("payments")) as cluster:
            self.fund(cluster)
            state = "SELECT id, balance FROM accounts ORDER BY id"
            self.assertEqual(self.one_wins(cluster, [f"CALL pay('{A}', 1, 2, 80)"] * 3, state), "1|20\n2|80")

    def test_a_payment_under_one_request_id_is_made_once_and_all_who_send_it_are_told_so(self):
        with Cluster(3, schema("payments")) as cluster:
            self.fund(cluster)
            with concurrent.futures.ThreadPoolExecutor() as pool:
                told = list(
                    pool.map(
                        lambda n: n.psql("SET anabranch.request_id = 'r1'", f"CALL pay('{B}', 1, 2, 80)"),
                        cluster.nodes,
                    )
                )
            self.assertEqual(told, [("", "")] * 3)
            self.assertEqual(cluster.agree("SELECT id, balance FROM accounts ORDER BY id"), "1|20\n2|80")

    def test_of_three_who_have_seen_one_version_one_sets_the_next(self):
        with Cluster(3, schema("check_and_set")) as cluster:
            cluster.nodes[0].query("CALL make_cell('leader', 'nobody')")
            cluster.agree("SELECT version FROM cells")
            calls = [f"CALL set_if('leader', 1, '{n.name}')" for n in cluster.nodes]
            self.assertRegex(self.one_wins(cluster, calls, "SELECT value, version FROM cells"), r"^[abc]\|2$")

    def test_an_order_is_never_seen_without_its_lines_or_its_stock(self):
        with Cluster(3, schema("orders")) as cluster:
            for item in (1, 2):
                cluster.nodes[0].query(f"CALL add_item({item})")
            cluster.nodes[0].query("CALL restock(1, 10)")
            cluster.nodes[0].query("CALL restock(2, 1)")
            cluster.agree("SELECT * FROM items ORDER BY item")
            calls = [f"CALL place_order('{u}', 'x', 1, 2)" for u in (A, B, C)]
            state = (
                "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM lines),"
                " (SELECT string_agg(stock::text, ',' ORDER BY item) FROM items)"
            )
            self.assertEqual(self.one_wins(cluster, calls, state), "1|2|9,0")


if __name__ == "__main__":
    unittest.main()
