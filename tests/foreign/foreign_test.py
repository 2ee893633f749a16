"""Schemas that nobody wrote for us: dumps and migration scripts are read whole, what is skipped is named with
its place, and the report says which constraints need coordination when several replicas write.

Each .sql file beside this one says in its head what must be found:
    -- coordinated: TABLE CONSTRAINT      all of them; every other constraint is safe
    -- skipped: TEXT                      some line of the file has TEXT, and a warning points at that line
    -- elsewhere: WHY                     does not load in a plain PostgreSQL 15
With PostgreSQL at hand, what pg_dump writes of each is read as well, and the verdicts are the same.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "interop"))
from support import ROOT, Postgres, program  # noqa: E402

FILES = sorted(pathlib.Path(__file__).parent.glob("*.sql"))
# Whose dump is compared with the file that was loaded; with ANABRANCH_LONG all.
LONG = "ANABRANCH_LONG" in os.environ
DUMPED = FILES if LONG else [path for path in FILES if path.stem in ("partitioned_events", "plpgsql_ledger")]
EXAMPLES = ["user_names", "check_and_set", "orders"] if LONG else ["user_names"]


def head(path, word):
    return re.findall(rf"^-- {word}: (.*)$", path.read_text(), re.MULTILINE)


def check(path, *words):
    done = program("check", str(path), "--no-repairs", *words, timeout=60)
    if done.returncode != 0:
        raise AssertionError(f"{path}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def report(path):
    return json.loads(check(path, "--format", "json"))


def plain(name):
    return name.split(".")[-1]


def coordinated(found):
    """Names of (table, constraint) with a verdict that is not confluent."""
    tables = {i["name"]: i["table"] for i in found["invariants"]}
    return {
        (plain(tables[p["invariant"]]), p["invariant"]) for p in found["pairs"] if p["verdict"] != "confluent"
    }


def dump(postgres, database):
    return subprocess.run(
        ["pg_dump", "-s", "-h", str(postgres.folder), "-U", "postgres", database],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


class Foreign(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.reports = {path: report(path) for path in FILES}

    def test_there_are_files_of_each_kind(self):
        self.assertGreaterEqual(len(FILES), 5)

    def test_exactly_the_named_constraints_need_coordination(self):
        for path, found in self.reports.items():
            with self.subTest(path.name):
                expected = {tuple(line.split()) for line in head(path, "coordinated")}
                self.assertEqual(coordinated(found), expected)

    def test_what_is_skipped_is_named_with_its_place(self):
        for path, found in self.reports.items():
            lines = path.read_text().splitlines()
            places = [warning["at"].rsplit(":", 2) for warning in found["warnings"]]
            pointed = {lines[int(place[1]) - 1] for place in places if len(place) == 3}
            for text in head(path, "skipped"):
                with self.subTest(path.name, text=text):
                    self.assertTrue(any(text in line for line in pointed), sorted(pointed))

    def test_no_warning_points_into_a_comment(self):
        for path, found in self.reports.items():
            lines = path.read_text().splitlines()
            for warning in found["warnings"]:
                place = warning["at"].rsplit(":", 2)
                if len(place) == 3:
                    with self.subTest(path.name, warning=warning):
                        self.assertFalse(lines[int(place[1]) - 1].startswith("--"))

    def test_the_text_names_each_constraint_and_what_goes_wrong(self):
        for path, found in self.reports.items():
            if path not in DUMPED:
                continue
            text = check(path)
            with self.subTest(path.name):
                self.assertIn("constraints need coordination when several replicas write", text)
                for _, constraint in coordinated(found):
                    self.assertIn(constraint, text)

    def test_a_file_cut_short_is_read_or_refused_and_never_crashes(self):
        for path in FILES:
            text = path.read_text()
            for part in range(1, 8):
                name = f"{path.stem} {part}"
                with self.subTest(name), tempfile.NamedTemporaryFile("w", suffix=".sql") as cut:
                    cut.write(text[: len(text) * part // 8])
                    cut.flush()
                    done = program("check", cut.name, "--transaction", "nobody")  # reads it, and no more
                    self.assertIn(done.returncode, (1, 2), done.stderr)
                    self.assertIn("error" if done.returncode == 1 else "no transaction", done.stderr)


@unittest.skipUnless(pathlib.Path("/usr/lib/postgresql/15/bin/initdb").exists(), "no PostgreSQL 15 here")
class Dumped(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.postgres = Postgres()
        cls.postgres.__enter__()
        cls.addClassCleanup(cls.postgres.__exit__)

    def dumped(self, path):
        self.postgres.create_database(path.stem)
        self.postgres.load(path, path.stem)
        return dump(self.postgres, path.stem)

    def test_a_dump_of_a_foreign_schema_has_the_verdicts_of_the_file(self):
        for path in DUMPED:
            if head(path, "elsewhere"):
                continue
            with self.subTest(path.name), tempfile.TemporaryDirectory() as folder:
                out = pathlib.Path(folder) / path.name
                out.write_text(self.dumped(path))
                self.assertEqual(coordinated(report(out)), coordinated(report(path)))

    def test_a_dump_of_an_example_has_the_routes_and_verdicts_of_the_example(self):
        for name in EXAMPLES:
            path = ROOT / "tools" / "examples" / f"{name}.sql"
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                out = pathlib.Path(folder) / path.name
                out.write_text(self.dumped(path))
                before, after = report(path), report(out)
                for field in ("name", "route"):
                    self.assertEqual(
                        sorted(t[field] for t in after["transactions"]),
                        sorted(t[field] for t in before["transactions"]),
                    )
                self.assertEqual(coordinated(after), coordinated(before))


if __name__ == "__main__":
    unittest.main()
