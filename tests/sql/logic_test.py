"""The files of logic/, in sqllogictest's format, at this engine and at PostgreSQL 15.

    logic_test.py [--rewrite] [FILE...]

A file's first statements are its schema: all up to the first record that is neither a CREATE nor an
ALTER. Records are

    statement ok                    statement count 2            statement error 23505
    INSERT INTO t VALUES (1)        DELETE FROM t                INSERT INTO t VALUES (1)

    query IT rowsort
    SELECT id, name FROM t
    ----
    1 <tab> ann
    2 <tab> NULL

with a letter per column (I integers, R other numbers, T the rest), `nosort` or `rowsort`, values between
tabs, NULL for NULL and (empty) for an empty text. `skipif anabranch` and `onlyif anabranch` before a record
mark what differs on purpose: a comment says why. --rewrite writes down what PostgreSQL answers.
"""
import pathlib
import sys
import unittest
from dataclasses import dataclass, field

from engines import Failure, Postgres, Replica

LOGIC = pathlib.Path(__file__).parent / "logic"
LETTERS = {
    "smallint": "I",
    "integer": "I",
    "bigint": "I",
    "numeric": "R",
    "real": "R",
    "double precision": "R",
}


@dataclass
class Record:
    line: int
    before: list = field(default_factory=list)  # comments, blank lines, conditions, as they are
    only: str = ""
    skip: str = ""
    kind: str = ""  # statement or query
    words: list = field(default_factory=list)  # after the kind
    sql: str = ""
    expected: list = field(default_factory=list)

    def runs_at(self, engine):
        return self.only in ("", engine) and self.skip != engine

    def text(self):
        out = [*self.before, " ".join([self.kind, *self.words]), self.sql]
        if self.kind == "query":
            out += ["----", *self.expected]
        return "\n".join(out) + "\n"


def read(path):
    records, record = [], None
    lines = path.read_text().split("\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        record = record or Record(at + 1)
        words = line.split()
        at += 1
        if not words or words[0].startswith("#") or words[0] in ("skipif", "onlyif"):
            record.before.append(line)
            if words and words[0] == "skipif":
                record.skip = words[1]
            if words and words[0] == "onlyif":
                record.only = words[1]
            continue
        record.kind, record.words, record.line = words[0], words[1:], at
        if record.kind not in ("statement", "query"):
            raise ValueError(f"{path}:{at}: not a record: {line}")
        sql = []
        while at < len(lines) and lines[at].strip() and lines[at] != "----":
            sql.append(lines[at])
            at += 1
        record.sql = "\n".join(sql)
        if at < len(lines) and lines[at] == "----":
            at += 1
            while at < len(lines) and lines[at].strip():
                record.expected.append(lines[at])
                at += 1
        records.append(record)
        record = None
    return records


def schema_of(records):
    """The leading CREATEs and ALTERs."""
    count = 0
    while count < len(records) and records[count].sql.upper().startswith(("CREATE", "ALTER")):
        count += 1
    return records[:count], records[count:]


def shown(value):
    if value is None:
        return "NULL"
    return value.replace("\n", "\\n").replace("\t", "\\t") if value else "(empty)"


def answer_of(record, answer):
    """(words, lines) that describe an answer in the file's format."""
    if isinstance(answer, Failure):
        return ["error", answer.sqlstate], []
    if record.kind == "statement":
        counted = answer.tag.split()[0] in ("INSERT", "UPDATE", "DELETE", "MERGE")
        count = answer.tag.split()[-1] if counted else ""
        return (["count", count] if record.words[:1] == ["count"] else ["ok"]), []
    letters = "".join(LETTERS.get(t.split("(")[0], "T") for t in answer.types)
    lines = ["\t".join(shown(v) for v in row) for row in answer.rows]
    order = record.words[1] if len(record.words) > 1 else "nosort"
    if order == "rowsort":
        lines.sort()
    return [letters, order], lines


def difference(record, answer):
    words, lines = answer_of(record, answer)
    if words == record.words and lines == record.expected:
        return None
    said = f"{answer.sqlstate} {answer.message}" if isinstance(answer, Failure) else "\n".join(lines)
    return f"{' '.join(words)}\n{said}"


def run(path, engine, name):
    """Differences between the file and the engine's answers."""
    schema, records = schema_of(read(path))
    made = engine.schema("".join(r.sql + ";\n" for r in schema if r.runs_at(name)))
    if isinstance(made, Failure):
        return [f"{path}: the schema: {made.message}"]
    out = []
    for record in records:
        if not record.runs_at(name):
            continue
        found = difference(record, engine.run(record.sql))
        if found is not None:
            out.append(f"{path.relative_to(LOGIC)}:{record.line}: {name} answers {found}\nto {record.sql}")
    return out


def rewrite(path, postgres):
    records = read(path)
    schema, rest = schema_of(records)
    made = postgres.schema("".join(r.sql + ";\n" for r in schema if r.runs_at("postgresql")))
    if isinstance(made, Failure):
        raise ValueError(f"{path}: {made}")
    for record in schema:
        record.words = ["ok"]
    for record in rest:
        if record.runs_at("postgresql"):
            record.words, record.expected = answer_of(record, postgres.run(record.sql))
            if record.words[0] == "error":
                record.kind = "statement"
    path.write_text("".join(r.text() for r in records))


class Logic(unittest.TestCase):
    def check(self, engine, name):
        paths = sorted(LOGIC.glob("*/*.slt"))
        self.assertTrue(paths)
        found = [text for path in paths for text in run(path, engine, name)]
        self.assertFalse(found, f"{len(found)} differences:\n" + "\n\n".join(found[:20]))

    def test_this_engine_gives_the_answers_of_the_files(self):
        with Replica() as replica:
            self.check(replica, "anabranch")

    def test_postgresql_gives_the_answers_of_the_files(self):
        with Postgres() as postgres:
            self.check(postgres, "postgresql")


def main():
    if "--help" in sys.argv:
        print(__doc__)
        return 0
    names = [pathlib.Path(a).resolve() for a in sys.argv[1:] if not a.startswith("--")]
    paths = names or sorted(LOGIC.glob("*/*.slt"))
    if "--rewrite" in sys.argv:
        with Postgres() as postgres:
            for path in paths:
                rewrite(path, postgres)
    with Replica() as replica:
        found = [text for path in paths for text in run(path, replica, "anabranch")]
    print("\n\n".join(found))
    print(f"{len(found)} differences in {len(paths)} files")
    return 1 if found else 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(main())
    unittest.main()
