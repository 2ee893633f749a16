"""Settings and time zones of sessions: psql is told the same by a node and by PostgreSQL 15."""
import os
import subprocess
import unittest

import psycopg

from support import ROOT, Cluster, Postgres, wait_for

SCHEMA = str(ROOT / "tests" / "interop" / "drivers.sql")


def psql(place, script, **variables):
    """What psql prints of a script, errors and warnings with their codes in between."""
    done = subprocess.run(
        ["psql", "-X", "-q", "-A", "-t", "-v", "VERBOSITY=verbose", *place],
        input=script,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **variables},
    )
    # Where in PostgreSQL's sources it is said.
    return "".join(line for line in done.stdout.splitlines(True) if not line.startswith("LOCATION:"))


def place_of(node):
    return ["-h", node.host, "-p", str(node.sql), "-U", "app", "-d", "bank"]


class Settings(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(1, SCHEMA).__enter__()
        cls.addClassCleanup(cls.cluster.__exit__)
        cls.postgres = Postgres().__enter__()
        cls.addClassCleanup(cls.postgres.__exit__)
        cls.postgres.load(SCHEMA)
        cls.node = cls.cluster.nodes[0]

    def equal(self, script, holds, **variables):
        """Both say the same of the script, and it is what `holds` says, of which there is a line at least."""
        wanted = psql(["-h", str(self.postgres.folder), "-U", "postgres"], script, **variables)
        self.assertEqual(psql(place_of(self.node), script, **variables), wanted)
        self.assertIn(holds, wanted)

    def test_what_a_transaction_sets_is_undone_with_it(self):
        self.equal(
            """
            BEGIN; SET TIME ZONE 'Europe/Berlin'; SHOW timezone; ROLLBACK; SHOW timezone;
            BEGIN; SET TIME ZONE 'Europe/Berlin'; SET LOCAL TIME ZONE 'Europe/Rome'; SHOW timezone;
            COMMIT; SHOW timezone; RESET timezone; SHOW timezone;
            BEGIN; SET statement_timeout = 1000; SELECT 1/0; COMMIT; SHOW statement_timeout;
            """,
            "Europe/Berlin\nUTC\nEurope/Rome\nEurope/Berlin\nUTC\n",
        )

    def test_set_local_ends_with_the_transaction(self):
        self.equal(
            """
            BEGIN; SET LOCAL TIME ZONE 'Europe/Berlin'; SHOW timezone; COMMIT; SHOW timezone;
            SET LOCAL statement_timeout = 77; SHOW statement_timeout;
            BEGIN; SET LOCAL statement_timeout = 5000; SHOW statement_timeout; ROLLBACK;
            SHOW statement_timeout;
            """,
            "WARNING:  25P01: SET LOCAL can only be used in transaction blocks\n",
        )

    def test_savepoints_undo_settings(self):
        self.equal(
            """
            BEGIN; SET statement_timeout = 1000; SAVEPOINT a; SET statement_timeout = 2000;
            SET LOCAL work.x = '1'; SHOW statement_timeout; ROLLBACK TO a; SHOW statement_timeout; COMMIT;
            SHOW statement_timeout; SELECT current_setting('work.x', true);
            BEGIN; SAVEPOINT a; SET statement_timeout = 2000; ROLLBACK TO a; SET statement_timeout = 3000;
            RELEASE a; COMMIT; SHOW statement_timeout; RESET ALL; SHOW statement_timeout;
            """,
            "2s\n1s\n1s\n",
        )

    def test_set_config_sets(self):
        self.equal(
            """
            SELECT set_config('TimeZone', 'europe/rome', false); SHOW timezone;
            BEGIN; SELECT set_config('app.tenant', '42', true); SELECT current_setting('app.tenant'); COMMIT;
            SELECT current_setting('app.tenant', true);
            SELECT set_config('app.user', 'ann', false), current_setting('app.tenant', true);
            SELECT set_config('app.user', 'bob', true); SELECT current_setting('app.user');
            SELECT set_config('nonsense', '1', false);
            SELECT set_config('TimeZone', 'Nowhere', false);
            SELECT set_config(NULL, '2min', false);
            SHOW app.user; SHOW app.nothing;
            """,
            'ERROR:  22023: invalid value for parameter "TimeZone": "Nowhere"\n',
        )

    def test_resetting_goes_back_to_what_the_client_began_with(self):
        self.equal(
            """
            SHOW timezone; SET TIME ZONE 'UTC'; RESET timezone; SHOW timezone;
            SET statement_timeout = 5; DISCARD ALL; SHOW timezone; SHOW statement_timeout;
            SET TIME ZONE DEFAULT; SHOW timezone; SET TIME ZONE LOCAL; SHOW timezone;
            """,
            "Asia/Tokyo\nAsia/Tokyo\nAsia/Tokyo\n7s\n",
            PGTZ="Asia/Tokyo",
            PGOPTIONS="-c statement_timeout=7s",
        )

    def test_a_zone_is_said_in_many_ways(self):
        say = "SHOW timezone; SELECT timestamptz '2024-07-01 12:00Z', timestamp '2024-01-01'::timestamptz;\n"
        zones = ["3", "-7.5", "INTERVAL '-03:30' HOUR TO MINUTE", "'America/new_york'", "'cet'", "'EST'", "0"]
        self.equal("".join(f"SET TIME ZONE {zone};\n{say}" for zone in zones), "2024-07-01 08:00:00-04")

    def test_a_zone_that_does_not_exist_is_refused_and_the_old_one_stays(self):
        self.equal(
            "SET TimeZone = 'Asia/Tokyo'; SET TimeZone = 'Asia/Nowhere'; SET TIME ZONE 200; SHOW timezone;",
            'ERROR:  22023: invalid value for parameter "TimeZone": "Asia/Nowhere"\n',
        )

    def test_a_prepared_statement_follows_the_zone(self):
        self.equal(
            """
            PREPARE p(text) AS SELECT $1::timestamptz, timestamptz '2024-07-01 12:00+00';
            EXECUTE p('2024-01-01'); SET TIME ZONE 'Asia/Tokyo'; EXECUTE p('2024-01-01');
            SET TIME ZONE 'America/Lima'; EXECUTE p('2024-01-01'); EXECUTE p('2024-01-01 00:00+00');
            """,
            "2024-01-01 00:00:00-05",
        )

    def test_copy_and_cursors_are_in_the_zone(self):
        self.equal(
            """
            SET TIME ZONE 'Asia/Tokyo';
            COPY moments (id, tz) FROM STDIN;
1\t2024-07-01 12:00
2\t2024-07-01 12:00+00
\\.
            COPY (SELECT id, tz FROM moments WHERE tz IS NOT NULL ORDER BY id) TO STDOUT;
            BEGIN; DECLARE c CURSOR FOR SELECT tz FROM moments WHERE tz IS NOT NULL ORDER BY id;
            FETCH 1 FROM c; SET TIME ZONE 'UTC'; FETCH 1 FROM c; COMMIT;
            COPY (SELECT id, tz FROM moments WHERE tz IS NOT NULL ORDER BY id) TO STDOUT;
            DELETE FROM moments;
            """,
            "1\t2024-07-01 12:00:00+09\n2\t2024-07-01 21:00:00+09\n",
        )

    def test_a_transaction_that_is_chained_to_another_begins_when_that_has_ended(self):
        self.equal(
            """
            BEGIN; INSERT INTO moments (id) VALUES (1); COMMIT AND CHAIN;
            INSERT INTO moments (id) VALUES (2); ROLLBACK AND CHAIN;
            SET LOCAL TIME ZONE 'Asia/Tokyo'; SHOW timezone; SELECT id FROM moments;
            INSERT INTO moments (id) SELECT coalesce(max(id), 0) + 10 FROM moments; COMMIT AND CHAIN;
            SHOW timezone; SELECT 1/0; COMMIT AND CHAIN; SELECT id FROM moments ORDER BY id; ROLLBACK;
            COMMIT AND CHAIN; ROLLBACK AND CHAIN; DELETE FROM moments;
            BEGIN READ ONLY; COMMIT AND CHAIN; INSERT INTO moments (id) VALUES (2); ROLLBACK;
            """,
            "ERROR:  25P01: COMMIT AND CHAIN can only be used in transaction blocks",
        )

    def test_warnings_have_the_codes_of_postgresql(self):
        self.equal(
            """
            SET CONSTRAINTS ALL DEFERRED; SET TRANSACTION READ ONLY;
            BEGIN; SET CONSTRAINTS ALL DEFERRED; COMMIT;
            """,
            "WARNING:  25P01: SET CONSTRAINTS can only be used in transaction blocks",
        )
        said = "WARNING:  25001: there is already a transaction"
        self.equal("BEGIN; BEGIN; COMMIT; COMMIT; ROLLBACK;", said)


class Zones(unittest.TestCase):
    def test_what_is_ordered_elsewhere_is_read_in_the_zone_of_its_client(self):
        with Cluster(3, SCHEMA) as cluster:
            # One is the primary; the others send theirs to it.
            for node, zone in zip(cluster.nodes, ["Asia/Tokyo", "America/Lima", "Europe/Berlin"]):
                place = {"host": node.host, "port": node.sql, "user": "app", "autocommit": True}
                with psycopg.connect(**place) as c:
                    c.execute(f"SET TimeZone = '{zone}'")
                    c.execute(
                        "INSERT INTO moments (id, tz) SELECT coalesce(max(id), 0) + 1, '2024-07-01 12:00'"
                        "::timestamptz FROM moments HAVING timestamp '2024-07-01 12:00' ="
                        f" timestamptz '2024-07-01 12:00' AT TIME ZONE '{zone}'"
                    )
                    read = "SELECT id FROM moments WHERE tz = timestamptz '2024-07-01 12:00' ORDER BY id"
                    self.assertEqual(len(c.execute(read).fetchall()), 1)
            for node in cluster.nodes:
                counted = "SELECT count(DISTINCT tz) FROM moments"
                wait_for(lambda: node.query(counted) == "3", what=f"three moments at {node.name}")


class SessionValues(unittest.TestCase):
    """What a statement asks its session for is its client's, wherever and whenever it is run."""

    SCHEMA = str(ROOT / "tests" / "interop" / "session_values.sql")
    WRITTEN = "SELECT string_agg(DISTINCT who || ' for ' || tenant, ', ') FROM log"
    # The number of a row depends on what is there: such a write is ordered.
    NEXT = "SELECT coalesce(max(id), 0) + 1, 'a' FROM log"

    def connect(self, node, user):
        c = psycopg.connect(host=node.host, port=node.sql, user=user, dbname="bank", autocommit=True)
        self.addCleanup(c.close)
        c.execute("SELECT set_config('app.tenant', %s, false)", (user.upper(),))
        return c

    def test_ordered_statements_see_the_user_and_the_settings_of_their_client(self):
        with Cluster(3, self.SCHEMA) as cluster:
            clients = [self.connect(n, u) for n, u in zip(cluster.nodes, ["ann", "bob", "eve"])]
            for number, c in enumerate(clients):
                c.execute(f"INSERT INTO log (id, body) {self.NEXT}")
                c.execute("CALL note(%s, 'b')", (100 + number,))
                c.execute("SET anabranch.request_id = 'mine'")
                c.execute("INSERT INTO log (id, body) VALUES (%s, 'c')", (200 + number,))
                c.execute("RESET anabranch.request_id")
                with c.transaction():
                    c.execute("INSERT INTO log (id, body) VALUES (%s, 'd')", (1000 * (number + 1),))
                    c.execute("SELECT set_config('app.tenant', 'other', true)")
                    told = f"INSERT INTO log (id, body) {self.NEXT} RETURNING who, tenant"
                    got = c.execute(told).fetchone()
                    self.assertEqual(got, (c.info.user, "other"))
            wanted = ", ".join(f"{u} for {u.upper()}, {u} for other" for u in ["ann", "bob", "eve"])
            wait_for(lambda: cluster.agree("SELECT count(*) FROM log") == "15", what="all rows")
            self.assertEqual(cluster.agree(self.WRITTEN), wanted)
            a_row = "SELECT count(*) FROM log WHERE tenant = 'other'"
            self.assertEqual(cluster.agree(a_row), "3")

    def test_tentative_calls_keep_the_user_and_the_settings_of_their_client_over_kill_9(self):
        with Cluster(3, self.SCHEMA) as cluster:
            *others, alone = cluster.nodes
            self.connect(alone, "ann").execute("CALL note(1, 'first')")
            cluster.agree("SELECT count(*) FROM log")
            for node in others:
                node.kill()
            c = self.connect(alone, "bob")
            c.execute("SET anabranch.ordered = 'tentative'")
            c.execute("CALL note(2, 'b')")
            with c.transaction():
                c.execute(f"INSERT INTO log (id, body) {self.NEXT}")
                c.execute("CALL note(20, 'b')")
            d = self.connect(alone, "eve")
            d.execute("SET anabranch.read = 'tentative'")
            self.assertEqual(d.execute(self.WRITTEN).fetchone(), ("ann for ANN, bob for BOB",))
            alone.kill()
            for node in cluster.nodes:
                node.start(cluster.nodes)
            for node in cluster.nodes:
                wait_for(node.ready, what=f"node {node.name}")
            written = "SELECT count(*) FROM log"
            wait_for(lambda: others[0].query(written) == "4", 30, what="what was tentative")
            self.assertEqual(cluster.agree(self.WRITTEN, 20), "ann for ANN, bob for BOB")

    def test_a_read_that_waits_for_the_primary_is_its_clients(self):
        with Cluster(3, self.SCHEMA) as cluster:
            node = next(n for n in cluster.nodes if not n.is_primary())
            c = self.connect(node, "eve")
            c.execute("SET anabranch.read = 'primary'")
            asked = "SELECT current_user, current_setting('app.tenant'), count(*) FROM log"
            self.assertEqual(c.execute(asked).fetchone(), ("eve", "EVE", 0))

    def test_a_value_that_may_not_be_null_is_told_with_its_column(self):
        with Cluster(3, self.SCHEMA) as cluster:
            for node in cluster.nodes:
                c = self.connect(node, "ann")
                for statement in [
                    "INSERT INTO log (id, body) VALUES (1, NULL)",
                    "INSERT INTO log (id, who, body) SELECT 7, NULL, max(body) || 'a' FROM log",
                ]:
                    with self.assertRaises(psycopg.errors.NotNullViolation) as refused:
                        c.execute(statement)
                    told = refused.exception.diag
                    column = "who" if "who" in statement else "body"
                    place = (told.schema_name, told.table_name, told.column_name)
                    self.assertEqual(place, ("public", "log", column))


if __name__ == "__main__":
    unittest.main()
