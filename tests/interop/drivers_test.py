"""psycopg 2 and 3, asyncpg, SQLAlchemy, JDBC, lib/pq, node-postgres, pgbench: application code."""
import asyncio
import datetime as dt
import decimal
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import uuid

import asyncpg
import psycopg
import psycopg.types.enum
import psycopg.types.range
import psycopg2
import psycopg2.extras
import sqlalchemy as sa

from support import ROOT, Cluster, Postgres, free_ports

SCHEMA = str(ROOT / "tests" / "interop" / "drivers.sql")

COLUMNS = "b i2 i4 i8 n f4 f8 t v c bytes u d tm ts tz iv j m ia ta ra".split()
UTC = dt.timezone.utc
ROW = {
    "b": True,
    "i2": -32768,
    "i4": 2147483647,
    "i8": -9223372036854775808,
    "n": decimal.Decimal("1234567890.1200"),
    "f4": 1.5,
    "f8": -1e300,
    "t": "snow ☃ and 'quotes' \\ and\nlines",
    "v": "varied",
    "c": "ab  ",
    "bytes": bytes(range(256)),
    "u": uuid.UUID("12345678-9abc-def0-1234-56789abcdef0"),
    "d": dt.date(2024, 2, 29),
    "tm": dt.time(23, 59, 58, 123456),
    "ts": dt.datetime(1999, 12, 31, 23, 59, 59, 999999),
    "tz": dt.datetime(2030, 6, 1, 12, 0, 0, 1, tzinfo=UTC),
    "iv": dt.timedelta(days=3, hours=4, microseconds=5),
    "j": {"a": [1, None, "x"], "b": {"c": 1.5}},
    "m": "happy",
    "ia": [1, None, 3],
    "ta": ["", "a,b", 'q"q', None, "NULL"],
}
ASKED = [name for name in COLUMNS if name in ROW]


def run(words, timeout=60, **variables):
    """(status, standard output, standard error) of a program."""
    done = subprocess.run(
        list(map(str, words)),
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


class TcpPostgres(Postgres):
    """JDBC knows no Unix sockets."""

    def __init__(self):
        (self.port,) = free_ports(1)
        self.settings += f" -c listen_addresses=127.0.0.1 -c port={self.port}"

    def client(self, name, *words):
        super().client(name, "-p", str(self.port), *words)


class Drivers(unittest.TestCase):
    """One node for all of them; each test uses keys of its own."""

    keys = iter(range(1, 10**6))

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(1, SCHEMA).__enter__()
        cls.addClassCleanup(cls.cluster.__exit__)
        cls.port = cls.cluster.nodes[0].sql
        cls.place = {"host": "127.0.0.1", "port": cls.port, "user": "app"}

    def key(self):
        return next(Drivers.keys)

    def insert_and_select(self, mark, casts=None):
        """INSERT and SELECT of all columns with the driver's placeholders; mark(i) names the i-th."""
        casts = casts or {}
        marks = ", ".join(mark(i + 2) + casts.get(name, "") for i, name in enumerate(ASKED))
        names = ", ".join(ASKED)
        return (
            f"INSERT INTO everything (id, {names}) VALUES ({mark(1)}, {marks})",
            f"SELECT {names} FROM everything WHERE id = {mark(1)}",
        )


class Psycopg2(Drivers):
    def connect(self):
        return psycopg2.connect(dbname="bank", **self.place)

    def test_values_of_all_types_come_back(self):
        key = self.key()
        insert, select = self.insert_and_select(lambda i: "%s", {"u": "::uuid", "m": "::mood"})
        connection = self.connect()
        psycopg2.extras.register_uuid(conn_or_curs=connection)
        values = dict(ROW, j=psycopg2.extras.Json(ROW["j"]))
        with connection, connection.cursor() as cursor:
            cursor.execute(insert, [key] + [values[name] for name in ASKED])
        with connection, connection.cursor() as cursor:
            cursor.execute(select, [key])
            row = dict(zip(ASKED, cursor.fetchone()))
            self.assertEqual(dict(row, bytes=bytes(row["bytes"])), ROW)
            cursor.execute("SELECT int4range(1, 5)")
            self.assertEqual(cursor.fetchone()[0], psycopg2.extras.NumericRange(1, 5, "[)"))
        connection.close()

    def test_errors_carry_sqlstate_and_constraint_and_end_with_the_block(self):
        connection = self.connect()
        cursor = connection.cursor()
        with self.assertRaises(psycopg2.errors.CheckViolation) as raised:
            cursor.execute("INSERT INTO parents VALUES (%s, 'z')", (self.key(),))
        self.assertEqual(raised.exception.diag.constraint_name, "no_z")
        self.assertEqual(raised.exception.diag.table_name, "parents")
        with self.assertRaises(psycopg2.errors.InFailedSqlTransaction):
            cursor.execute("SELECT 1")
        connection.rollback()
        with self.assertRaises(psycopg2.errors.UndefinedColumn):
            cursor.execute("SELECT nme FROM parents")
        connection.rollback()
        cursor.execute("SELECT 1")
        self.assertEqual(cursor.fetchall(), [(1,)])
        connection.close()

    def test_calls_with_out_parameters_answer_a_row(self):
        key = self.key()
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("CALL hit_and_tell(%s, %s, NULL, NULL)", (key, 5))
            self.assertEqual(cursor.fetchone(), (5, f"counter {key}"))
            self.assertEqual([c.name for c in cursor.description], ["total", "note"])

    def test_execute_values_inserts_many_rows_by_one_statement(self):
        connection = self.connect()
        keys = [self.key() for _ in range(300)]
        with connection, connection.cursor() as cursor:
            psycopg2.extras.execute_values(
                cursor, "INSERT INTO parents VALUES %s", [(k, f"p{k}") for k in keys], page_size=1000
            )
            self.assertEqual(cursor.rowcount, 300)
        connection.close()

    def test_a_cancel_from_another_thread_ends_nothing_that_has_ended(self):
        connection = self.connect()
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        connection.cancel()
        cursor.execute("SELECT 2")
        self.assertEqual(cursor.fetchone(), (2,))
        connection.close()


class Psycopg3(Drivers):
    def connect(self, **options):
        return psycopg.connect(dbname="bank", **self.place, **options)

    def test_values_of_all_types_come_back_in_text_and_binary(self):
        for binary in (False, True):
            with self.subTest(binary=binary), self.connect(autocommit=True) as connection:
                key = self.key()
                mark = "%b" if binary else "%t"
                # Enums and JSON need their casts in PostgreSQL too: psycopg sends binary strings as text.
                insert, select = self.insert_and_select(lambda i: mark, {"m": "::mood"})
                cursor = connection.cursor(binary=binary)
                values = dict(ROW, j=psycopg.types.json.Jsonb(ROW["j"]))
                cursor.execute(insert, [key] + [values[name] for name in ASKED])
                row = dict(zip(ASKED, cursor.execute(select, [key]).fetchone()))
                if binary:  # psycopg does not know the enum's OID, and hands out the bytes
                    row["m"] = row["m"].decode()
                self.assertEqual(row, ROW)

    def test_small_integers_fit_any_integer_parameter(self):
        with self.connect(autocommit=True) as connection:
            key = self.key()
            for value in (1, 40000, 2**40):
                connection.execute("CALL hit(%s, %s)", (key, value))
            found = connection.execute("SELECT hits FROM counters WHERE id = %s", (key,))
            self.assertEqual(found.fetchone()[0], 1 + 40000 + 2**40)

    def test_ranges_and_arrays_as_parameters(self):
        with self.connect(autocommit=True) as connection:
            span = psycopg.types.range.Range(1, 5)
            self.assertEqual(connection.execute("SELECT %s::int4range", (span,)).fetchone()[0], span)
            key = self.key()
            connection.execute("INSERT INTO parents VALUES (%s, %s)", (key, f"parent {key}"))
            found = connection.execute("SELECT id FROM parents WHERE id = ANY(%s)", ([key, key + 10**7],))
            self.assertEqual(found.fetchall(), [(key,)])

    def test_a_pipeline_with_an_error_in_it_goes_on_behind_it(self):
        with self.connect(autocommit=True) as connection:
            key = self.key()
            with self.assertRaises(psycopg.errors.CheckViolation):
                with connection.pipeline() as pipeline:
                    connection.execute("CALL hit(%s, %s)", (key, 1))
                    pipeline.sync()
                    connection.execute("CALL hit(%s, %s)", (key, -1))
                    connection.execute("CALL hit(%s, %s)", (key, 1))
            found = connection.execute("SELECT hits FROM counters WHERE id = %s", (key,))
            self.assertEqual(found.fetchall(), [(1,)])

    def test_ten_uses_of_one_statement_read_as_its_first_use(self):
        with self.connect(autocommit=True) as connection:
            for n in range(10):
                row = connection.execute("SELECT %s::int + 1, %s::text", (n, "x" * n)).fetchone()
                self.assertEqual(row, (n + 1, "x" * n))


    def test_copied_rows_are_read_in_binary(self):
        rows = [(self.key(), f"a\tb\\{i}") for i in range(3)]
        with self.connect() as connection, connection.cursor() as cursor:
            with cursor.copy("COPY parents (id, name) FROM STDIN (FORMAT BINARY)") as into:
                into.set_types(["int8", "text"])
                for row in rows:
                    into.write_row(row)
            for wanted in (rows, []):
                limit = f"LIMIT {len(wanted)}"
                query = f"SELECT id, name FROM parents WHERE id >= {rows[0][0]} ORDER BY id {limit}"
                with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)") as out:
                    out.set_types(["int8", "text"])
                    if wanted:
                        self.assertEqual(list(out.rows()), wanted)
                    else:  # what psycopg makes of no row is psycopg's business
                        self.assertEqual(bytes(b"".join(out)), b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\xff\xff")

    def test_types_of_the_schema_are_found_by_name(self):
        with self.connect() as connection:
            mood = psycopg.types.enum.EnumInfo.fetch(connection, "mood")
            self.assertEqual(list(mood.labels), ["sad", "ok", "happy"])
            self.assertIsNone(psycopg.types.TypeInfo.fetch(connection, "nosuch"))
            names = ("mood", "public.mood", "mood[]", "positive", "int4", "integer[]")
            found = [connection.execute("SELECT %s::regtype::text", (n,)).fetchone()[0] for n in names]
            self.assertEqual(found, ["mood", "mood", "mood[]", "positive", "integer", "integer[]"])


    def test_what_rails_sets_when_it_connects_is_accepted(self):
        with TcpPostgres() as postgres:
            postgres.load(SCHEMA)
            theirs = {"host": "127.0.0.1", "port": postgres.port, "user": "postgres"}
            for place in (self.place, theirs):
                with psycopg.connect(autocommit=True, **place) as connection:
                    for setting in (
                        "client_min_messages TO 'warning'",
                        "standard_conforming_strings = on",
                        "intervalstyle = iso_8601",
                        "SESSION timezone TO 'UTC'",
                    ):
                        connection.execute(f"SET {setting}")
                    told = connection.info.parameter_status
                    self.assertEqual(told("IntervalStyle"), "iso_8601")
                    for given, wanted in (
                        ("1 year 2 mons 3 days 04:05:06.789", "P1Y2M3DT4H5M6.789S"),
                        ("0", "PT0S"),
                        ("-1 day", "P-1D"),
                        ("1 day -00:00:01.5", "P1DT-1.5S"),
                        ("-00:00:00.000001", "PT-0.000001S"),
                        ("-1:02:03", "PT-1H-2M-3S"),
                        ("-1 year -2 mons", "P-1Y-2M"),
                        ("100:00:01", "PT100H1S"),
                    ):
                        query = f"SELECT ARRAY['{given}'::interval]"
                        answer = connection.pgconn.exec_(query.encode()).get_value(0, 0)
                        self.assertEqual(answer.decode(), f"{{{wanted}}}")
                    connection.execute("RESET IntervalStyle")
                    self.assertEqual(told("IntervalStyle"), "postgres")
                    connection.execute("SET intervalstyle = iso_8601")
                    connection.execute("RESET ALL")
                    self.assertEqual(told("IntervalStyle"), "postgres")


    def test_a_session_that_a_pool_hands_on_begins_anew(self):
        with self.connect(autocommit=True) as connection:
            pg = connection.pgconn
            for forget in ("DISCARD ALL", "DEALLOCATE ALL", 'DEALLOCATE "S_1"'):
                for _ in range(2):
                    self.assertEqual(pg.prepare(b"S_1", b"SELECT 1").error_message, b"")
                    connection.execute(forget)
            connection.execute("SET statement_timeout = '5s'")
            connection.execute("SET anabranch.durability = 'memory'")
            connection.execute("DECLARE rows CURSOR WITH HOLD FOR SELECT 1")
            connection.execute("PREPARE own AS SELECT 2")
            connection.execute("DISCARD PLANS")
            self.assertEqual(connection.execute("EXECUTE own").fetchall(), [(2,)])
            with connection.transaction(), self.assertRaises(psycopg.errors.ActiveSqlTransaction):
                with connection.transaction():
                    connection.execute("DISCARD ALL")
            connection.execute("DISCARD ALL")
            for setting, value in (("statement_timeout", "0"), ("anabranch.durability", "disk")):
                self.assertEqual(connection.execute(f"SHOW {setting}").fetchone(), (value,))
            with self.assertRaises(psycopg.errors.InvalidCursorName):
                connection.execute("FETCH rows")
            with self.assertRaises(psycopg.errors.InvalidSqlStatementName):
                connection.execute("EXECUTE own")


class Asyncpg(Drivers):
    def run_async(self, work):
        async def inner():
            connection = await asyncpg.connect(database="bank", **self.place)
            try:
                await asyncio.wait_for(work(connection), 30)
            finally:
                await connection.close()

        asyncio.run(inner())

    def test_values_of_all_types_come_back(self):
        async def work(connection):
            key = self.key()
            insert, select = self.insert_and_select(lambda i: f"${i}")
            values = dict(ROW, j=json.dumps(ROW["j"]))
            await connection.execute(insert, key, *[values[name] for name in ASKED])
            row = dict(await connection.fetchrow(select, key))
            self.assertEqual(dict(row, j=json.loads(row["j"])), ROW)
            ranges = await connection.fetchval("SELECT int4range(1, 5)")
            self.assertEqual((ranges.lower, ranges.upper), (1, 5))

        self.run_async(work)

    def test_transactions_errors_and_prepared_statements(self):
        async def work(connection):
            key = self.key()
            async with connection.transaction():
                await connection.execute("CALL hit($1, $2)", key, 1)
                await connection.execute("CALL hit($1, $2)", key, 2)
            self.assertEqual(await connection.fetchval("SELECT hits FROM counters WHERE id = $1", key), 3)
            with self.assertRaises(asyncpg.CheckViolationError):
                await connection.execute("CALL hit($1, $2)", key, -1)
            with self.assertRaises(asyncpg.PostgresSyntaxError):
                await connection.fetch("SELEC 1")
            statement = await connection.prepare("SELECT hits FROM counters WHERE id = $1")
            for _ in range(7):
                self.assertEqual(await statement.fetchval(key), 3)
            row = await connection.fetchrow("CALL hit_and_tell($1, $2, NULL, NULL)", key, 4)
            self.assertEqual(tuple(row), (7, f"counter {key}"))

        self.run_async(work)

    def test_executemany_and_a_cursor_that_reads_in_pieces(self):
        async def work(connection):
            keys = [self.key() for _ in range(60)]
            await connection.executemany("CALL hit($1, $2)", [(k, 1) for k in keys])
            seen = []
            async with connection.transaction():
                async for record in connection.cursor(
                    "SELECT id FROM counters WHERE id BETWEEN $1 AND $2 ORDER BY id",
                    keys[0],
                    keys[-1],
                    prefetch=7,
                ):
                    seen.append(record["id"])
            self.assertEqual(seen, keys)

        self.run_async(work)


class SqlAlchemy(Drivers):
    """Core, over psycopg2 and over asyncpg."""

    def test_core_inserts_selects_and_reads_the_catalog(self):
        engine = sa.create_engine(f"postgresql+psycopg2://app@127.0.0.1:{self.port}/bank")
        meta = sa.MetaData()
        parents = sa.Table("parents", meta, autoload_with=engine)
        children = sa.Table("children", meta, autoload_with=engine)
        self.assertEqual([c.name for c in parents.columns], ["id", "name"])
        self.assertEqual([c.name for c in parents.primary_key], ["id"])
        self.assertEqual(next(iter(children.c.parent.foreign_keys)).column, parents.c.id)
        key = self.key()
        with engine.begin() as connection:
            connection.execute(parents.insert().values(id=key, name=f"parent {key}"))
        with engine.begin() as connection:
            connection.execute(
                children.insert(), [{"id": self.key(), "parent": key, "note": n} for n in ("a", "b")][:1]
            )
        with engine.connect() as connection:
            rows = connection.execute(
                sa.select(parents.c.name, children.c.note)
                .join(children, children.c.parent == parents.c.id)
                .where(parents.c.id == key)
            ).fetchall()
            self.assertEqual([tuple(r) for r in rows], [(f"parent {key}", "a")])
        with self.assertRaises(sa.exc.IntegrityError):
            with engine.begin() as connection:
                connection.execute(parents.insert().values(id=key, name="again"))
        engine.dispose()

    def test_generated_keys_come_back(self):
        engine = sa.create_engine(f"postgresql+psycopg2://app@127.0.0.1:{self.port}/bank")
        key = sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True)
        made = sa.Table("made", sa.MetaData(), key, sa.Column("label", sa.Text))
        with engine.begin() as connection:
            result = connection.execute(made.insert().values(label="new"))
            (key,) = result.inserted_primary_key
            self.assertGreater(key, 0)
        with engine.connect() as connection:
            found = connection.execute(sa.select(made.c.label).where(made.c.id == key)).scalar()
            self.assertEqual(found, "new")
        engine.dispose()


class Jdbc(Drivers):
    def java(self, file, *words):
        jar = "/usr/share/java/postgresql.jar"
        return run(["java", "-cp", jar, ROOT / "tests" / "interop" / file, *words], 120)

    def test_the_application_of_jdbc_java_holds(self):
        self.assertEqual(self.java("Jdbc.java", self.port), (0, "", ""))

    def test_metadata_and_what_a_database_browser_asks_are_as_in_postgresql(self):
        with TcpPostgres() as postgres:
            postgres.load(SCHEMA)
            self.assertEqual(self.java("JdbcMetadata.java", self.port, postgres.port), (0, "", ""))

    def test_times_of_clients_in_other_zones_come_back_as_in_postgresql(self):
        with TcpPostgres() as postgres:
            postgres.load(SCHEMA)
            self.assertEqual(self.java("JdbcZones.java", self.port, postgres.port), (0, "", ""))

    def test_a_zone_that_does_not_exist_is_refused(self):
        with self.assertRaisesRegex(psycopg2.OperationalError, 'parameter "TimeZone": "Europe/Nowhere"'):
            os.environ["PGTZ"] = "Europe/Nowhere"
            self.addCleanup(os.environ.pop, "PGTZ")
            psycopg2.connect(dbname="bank", **self.place)


class GoLibPq(Drivers):
    def test_the_application_of_lib_pq_go_holds(self):
        with tempfile.TemporaryDirectory() as folder:
            go = {
                "GO111MODULE": "off",
                "GOPATH": "/usr/share/gocode",  # where Debian keeps Go's libraries
                "GOCACHE": f"{folder}/cache",
                "GOFLAGS": "",
            }
            application = f"{folder}/application"
            source = ROOT / "tests" / "interop" / "lib_pq.go"
            self.assertEqual(run(["go", "build", "-o", application, source], 120, **go), (0, "", ""))
            self.assertEqual(run([application, self.port]), (0, "", ""))


class NodePostgres(Drivers):
    version = "8.23.1"

    def folder(self):
        """Where the package `pg` is installed; it is fetched once, into the user's cache."""
        cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
        folder = cache / "anabranch" / f"node-postgres-{self.version}"
        if (folder / "node_modules" / "pg" / "package.json").exists():
            return folder
        if shutil.which("npm") is None or shutil.which("node") is None:
            self.skipTest("node and npm are not installed")
        folder.mkdir(parents=True, exist_ok=True)
        words = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", f"pg@{self.version}"]
        status, _, problem = run(words, 120)
        if status != 0:
            self.skipTest(f"npm cannot fetch pg@{self.version}: {problem.strip()[-300:]}")
        return folder

    def test_the_application_of_node_postgres_js_holds(self):
        modules = self.folder() / "node_modules"
        application = ROOT / "tests" / "interop" / "node_postgres.js"
        self.assertEqual(run(["node", application, self.port], NODE_PATH=str(modules)), (0, "", ""))


class Pgbench(Drivers):
    def test_a_script_runs_in_every_protocol_mode(self):
        script = self.cluster.folder / "hit.sql"
        script.write_text("\\set id random(1, 20)\nCALL hit(:id + 8000000, 1);\nBEGIN;\nSELECT 1;\nEND;\n")
        total = "SELECT coalesce(sum(hits), 0) FROM counters WHERE id > 8000000"
        for mode in ("simple", "extended", "prepared"):
            with self.subTest(mode):
                before = int(self.cluster.nodes[0].query(total))
                status, out, problem = run(
                    ["pgbench", "-n", "-M", mode, "-c", "4", "-t", "50", "-f", script]
                    + ["-h", "127.0.0.1", "-p", self.port, "-U", "app", "bank"]
                )
                self.assertEqual(status, 0, problem)
                self.assertIn("number of transactions actually processed: 200/200", out)
                self.assertEqual(int(self.cluster.nodes[0].query(total)), before + 200)


if __name__ == "__main__":
    unittest.main()
