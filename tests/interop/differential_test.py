"""The bank's procedures with generated calls, on one node and on PostgreSQL 15: the same rows and errors."""
import os
import random
import unittest

import psycopg

from support import BANK, Cluster, Postgres

CALLS = int(os.environ.get("ANABRANCH_CALLS", "3000"))


def call(rng):
    account = lambda: rng.choice([1, 1, 2, 2, 3, 4, 5, rng.randint(1, 12)])
    amount = rng.choice([1, 5, 10, 80, 100, 0, -3, 2**62, 10**6, rng.randint(1, 200)])
    kind = rng.random()
    if kind < 0.10:
        return "CALL open_account(%s, %s)", (account(), rng.choice(["ann", "bob", "", "Zoë", None]))
    if kind < 0.40:
        return "CALL deposit(%s, %s)", (
            account(),
            rng.choice([amount, None]) if rng.random() < 0.05 else amount,
        )
    if kind < 0.60:
        return "CALL withdraw(%s, %s)", (account(), amount)
    if kind < 0.85:
        return "CALL transfer(%s, %s, %s)", (account(), account(), amount)
    if kind < 0.93:
        return "CALL rename_owner(%s, %s)", (account(), rng.choice(["eve", "dan", "o'neil"]))
    if kind < 0.97:
        return "CALL close_account(%s)", (account(),)
    return "SELECT * FROM statement(%s)", (account(),)


def run(connection, statement, parameters):
    """What can be compared: rows, or (SQLSTATE, constraint, message)."""
    try:
        cursor = connection.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else cursor.statusmessage
    except psycopg.Error as error:
        return error.sqlstate, error.diag.constraint_name, error.diag.message_primary


class Differential(unittest.TestCase):
    def test_one_node_and_postgresql_answer_alike(self):
        seed = int(os.environ.get("ANABRANCH_SEED", random.randrange(10**6)))
        rng = random.Random(seed)
        with Cluster(1) as cluster, Postgres() as postgres:
            postgres.load(BANK)
            ours = psycopg.connect(
                host="127.0.0.1", port=cluster.nodes[0].sql, user="app", dbname="bank", autocommit=True
            )
            theirs = psycopg.connect(
                host=str(postgres.folder), user="postgres", dbname="postgres", autocommit=True
            )
            state = (
                "SELECT id, owner, balance FROM accounts ORDER BY id",
                "SELECT payer, payee, amount FROM transfers ORDER BY 1, 2, 3",
            )
            for number in range(CALLS):
                statement, parameters = call(rng)
                expected = run(theirs, statement, parameters)
                self.assertEqual(
                    run(ours, statement, parameters),
                    expected,
                    f"call {number}: {statement} {parameters}; ANABRANCH_SEED={seed}",
                )
                if number % 50 == 0:
                    for query in state:
                        self.assertEqual(
                            run(ours, query, ()),
                            run(theirs, query, ()),
                            f"after call {number}: ANABRANCH_SEED={seed}",
                        )
            ours.close()
            theirs.close()


if __name__ == "__main__":
    unittest.main()
