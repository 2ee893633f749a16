"""psql's \\d family about one schema: what a node answers beside what PostgreSQL answers."""
import difflib
import os
import re
import subprocess
import unittest

from support import ROOT, Cluster, Postgres

SCHEMA = str(ROOT / "tests" / "interop" / "catalog.sql")

# What differs for a reason: owners; bytes of files; the casts that PostgreSQL adds to expressions and the
# parentheses around them; how it lays out the text of a view.
CASTS = re.compile(r"::[a-z]+(?: varying| precision| with(?:out)? time zone)?(?:\(\d+(?:,\d+)?\))?(?:\[\])?")
SAME = [
    "\\d users",
    "\\d+ users",
    "\\d posts",
    "\\d+ posts",
    "\\d rooms",
    "\\d guests",
    "\\d recent",
    "\\d crowded",
    "\\d users_mail_live",
    "\\d users_created",
    "\\d guests_stay",
    "\\d apart",
    "\\dt",
    "\\d",
    "\\ds",
    "\\d users_id_seq",
    "\\dv",
    "\\di",
    "\\df",
    "\\dT",
    "\\dT+",
    "\\dD",
    "\\d nothing",
    "\\do nothing",
    "\\drds",
    "\\dO",
    "\\dOS+ C",
    "\\dOS default",
    "\\dAo nothing",
    "\\dd",
    "SELECT obj_description('users'::regclass), col_description('users'::regclass, 3), "
    "obj_description('recent'::regclass, 'pg_class'), obj_description('recent'::regclass, 'pg_proc')",
    "SELECT count(*), min(objsubid), max(objsubid) FROM pg_description WHERE objoid = 'users'::regclass",
]

LISTS = [
    "\\" + name
    for name in (
        "d da dA dAc dAf dAo dAo+ dAp db dc dC dconfig dd ddp dD dE de des deu dew df dF dFd dFp dFt dg di "
        "dl dL dm "
        "dn do dO dOS+ dp dP drds dRp dRs ds dt dT du dv dx dX dy l l+ z"
    ).split()
]


def told(line):
    """Without what may differ."""
    line = re.sub(r"\b(app|postgres)\b", "owner", CASTS.sub("", line))
    line = line.replace("~~", "LIKE").replace("VALUE LIKE", "value LIKE")
    line = re.sub(r"\b(\d+ bytes|\d+ kB)\b", "size", line)
    return re.sub(r"[ ()]+", " ", re.sub(r"-+", "-", line)).strip()


def psql(words, command):
    done = subprocess.run(
        ["psql", "-X", *words, "-c", command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PAGER": "cat"},
    )
    return [told(line) for line in (done.stdout + done.stderr).splitlines() if line.strip()]


class Catalogs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.postgres = cls.enterClassContext(Postgres())
        cls.postgres.load(SCHEMA)
        (node,) = cls.enterClassContext(Cluster(1, SCHEMA)).nodes
        cls.here = ["-h", "127.0.0.1", "-p", str(node.sql), "-U", "app", "-d", "owner"]
        cls.there = ["-h", str(cls.postgres.folder), "-U", "postgres"]

    def test_psql_describes_each_object_as_it_does_of_postgresql(self):
        for command in SAME:
            with self.subTest(command):
                wanted, got = psql(self.there, command), psql(self.here, command)
                self.assertEqual(wanted, got, "\n".join(difflib.unified_diff(wanted, got, lineterm="", n=1)))

    def test_no_command_of_psql_that_lists_things_fails(self):
        for command in LISTS:
            with self.subTest(command):
                self.assertNotIn("ERROR", "\n".join(psql(self.here, command)))

    def test_the_size_of_the_database_is_that_of_its_rows(self):
        size = "SELECT pg_database_size('owner') AS bytes"
        before = int(psql(self.here, size)[2])
        self.assertGreater(before, 0)
        psql(self.here, "INSERT INTO guests (name) SELECT 'guest ' || n FROM generate_series(1, 2000) n")
        self.assertGreater(int(psql(self.here, size)[2]), before + 2000)
        same = "SELECT pg_database_size(oid) = pg_database_size(datname) AS same FROM pg_database"
        self.assertEqual(psql(self.here, same)[2], "t")

    # Nodes gave their database nothing to evaluate expressions with: such an index held no row.
    def test_a_unique_index_over_an_expression_is_kept_by_a_node(self):
        one = "INSERT INTO users (handle, mail) VALUES ('ann', 'ann@x')"
        other = "INSERT INTO users (handle, mail) VALUES ('bob', 'ANN@x')"
        for side in self.there, self.here:
            self.assertEqual(psql(side, one), ["INSERT 0 1"])
            self.assertIn('violates unique constraint "users_mail_live"', psql(side, other)[0])

    def test_views_and_routines_are_shown_as_they_were_written(self):
        self.assertIn(
            "SELECT id, author, body FROM posts WHERE body IS NOT NULL ORDER BY id LIMIT 10;",
            "\n".join(psql(self.here, "\\d+ recent")),
        )
        text = "\n".join(psql(self.here, "\\sf post"))
        self.assertIn("CREATE OR REPLACE PROCEDURE public.post IN a bigint, IN t text", text)
        self.assertIn("INSERT INTO posts author, body VALUES a, t ;", text)

    def test_the_engines_own_views_do_not_crowd_the_users(self):
        self.assertNotIn("anabranch", "\n".join(psql(self.here, "\\d")))
        self.assertIn("replicas", "\n".join(psql(self.here, "\\dv anabranch.*")))

    def test_identity_columns_have_a_sequence_to_the_catalogs(self):
        for ask in (
            "SELECT pg_get_serial_sequence('users', 'id'), pg_get_serial_sequence('public.users', 'handle')",
            "SELECT seqrelid::regclass, seqtypid::regtype, seqstart, seqincrement, seqmax, seqmin "
            "FROM pg_sequence",
            "SELECT schemaname, sequencename, data_type, start_value, max_value, cycle FROM pg_sequences",
            "SELECT objid::regclass, refobjid::regclass, refobjsubid, deptype FROM pg_depend "
            "WHERE classid = 'pg_class'::regclass AND deptype = 'i' AND objid = 'users_id_seq'::regclass",
        ):
            self.assertEqual(psql(self.there, ask), psql(self.here, ask))

    def test_defaults_domains_and_generations_are_in_the_information_schema(self):
        ask = (
            "SELECT table_name, column_name, column_default, domain_name, data_type, udt_name, "
            "generation_expression, is_nullable FROM information_schema.columns "
            "WHERE table_schema = 'public' AND table_name IN ('users', 'posts', 'rooms', 'guests') "
            "ORDER BY table_name, ordinal_position"
        )
        self.assertEqual(psql(self.there, ask), psql(self.here, ask))


if __name__ == "__main__":
    unittest.main()
