"""Random schemas, rows and statements at this engine and at PostgreSQL 15: the same answers.

    generated_test.py [--statements 2000] [--seed N] [--case N] [--keep-going] [--show]

Compared are rows (as multisets, in order where the statement orders them), column names and types, command
tags, SQLSTATEs and names of constraints; after each write, all tables. A difference prints the seed and the
case: `--seed S --case C` runs that case alone; its schema and all its statements are printed with --show.
"""
import argparse
import collections
import hashlib
import os
import pathlib
import random
import re
import sys
import time
import unittest
from decimal import Decimal

from engines import Crash, Failure, Postgres, Replica
from schemas import SchemaMaker
from statements import Statements

PER_CASE = 100
ZONES = (
    *("UTC",) * 3,
    "Europe/Berlin",
    "America/St_Johns",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "<+02>-02",
    "-7.5",
)
WRITES = ("insert", "update", "delete", "merge", "with", "call", "block")


class Difference(Exception):
    pass


class Case:
    """One schema and its statements, all drawn from (seed, number)."""

    def __init__(self, seed, number, replica, postgres, builtins, show=False):
        self.rng = random.Random(f"{seed}/{number}")
        self.replica, self.postgres, self.builtins, self.show = replica, postgres, builtins, show
        self.seed, self.number = seed, number
        self.counts = collections.Counter()
        self.done = 0
        self.differences = []

    def run(self, statements=PER_CASE, keep_going=False):
        maker = SchemaMaker(self.rng)
        self.text = maker.make()
        if self.show:
            print(self.text)
        theirs, ours = self.postgres.schema(self.text), self.replica.schema(self.text)
        if isinstance(theirs, Failure) or isinstance(ours, Failure):
            if isinstance(theirs, Failure) and isinstance(ours, Failure):
                return
            if isinstance(theirs, Failure) and re.search(
                r"does not exist: .*\b(small|word)\b", theirs.message
            ):
                return  # a domain, which here is its base type
            self.differ("the schema", theirs, ours)
            return
        self.compare("set", f"SET TimeZone = '{self.rng.choice(ZONES)}'")
        source = Statements(self.rng, maker.tables, self.builtins, maker.routines)
        self.tables = [t.name for t in maker.real_tables()]
        for self.done in range(1, statements + 1):
            kind, text = source.next()
            if not self.compare(kind, text):
                if not keep_going or kind in WRITES:
                    return
        violations = self.replica.check()
        if violations:
            self.differ("the state after all statements", "no violation", violations)

    def differ(self, text, theirs, ours):
        self.differences.append((self.done, text, theirs, ours))

    def compare(self, kind, text):
        theirs = self.postgres.run(text)
        try:
            ours = self.replica.run(text)
        except Crash as crash:
            self.replica.restart()
            self.differ(text, theirs, crash)
            self.counts["crash"] += 1
            raise
        if self.show:
            print(f"-- {kind}: {outcome(theirs)}\n{text};")
        self.counts[f"{kind}: {'error' if isinstance(theirs, Failure) else 'ok'}"] += 1
        if moved_apart(kind, text, theirs, ours):
            return False
        if not alike(kind, text, theirs, ours):
            self.differ(text, theirs, ours)
            return False
        if isinstance(theirs, Failure) != isinstance(ours, Failure):
            for engine in (self.postgres, self.replica):  # excused, but only one of the blocks is aborted
                engine.run("ROLLBACK")
            return kind not in WRITES or isinstance(theirs, Failure)  # only one has written
        elif kind in WRITES:
            for table in self.tables:
                query = f"SELECT * FROM {table}"
                theirs, ours = self.postgres.run(query), self.replica.run(query)
                if not alike("query", query, theirs, ours):
                    self.differ(f"{text}; {query}", theirs, ours)
                    return False
        return True


def outcome(answer):
    if isinstance(answer, Failure):
        return f"{answer.sqlstate} {answer.message}"
    if isinstance(answer, Crash):
        return str(answer)
    return (
        answer
        if isinstance(answer, str)
        else f"{answer.tag} {answer.names} {answer.types} {list(answer.rows)[:12]}"
    )


def key(row):
    return tuple((v is not None, v or "") for v in row)


def alike(kind, text, theirs, ours):
    if isinstance(theirs, Failure) != isinstance(ours, Failure):
        return excused(kind, text, theirs, ours)
    if isinstance(theirs, Failure):
        if theirs.sqlstate == ours.sqlstate:
            return theirs.constraint == ours.constraint or theirs.sqlstate == "42804"
        if (theirs.sqlstate, ours.sqlstate) == ("42601", "25P02"):
            return True  # the grammar comes before the state of the block
        if kind == "wrong" and ours.sqlstate == "0A000":
            return True
        # Of several mistakes in one statement, which one is met first is left open.
        if {theirs.sqlstate, ours.sqlstate} <= {"23505", "23P01", "23503"}:
            return True  # PostgreSQL looks at indexes and triggers in the order of their numbers and names
        if bad_value(theirs) and bad_value(ours):
            return True
        both = theirs.sqlstate[:2], ours.sqlstate[:2]
        if kind == "expression" and ours.sqlstate in ("42601", "0A000"):
            return True
        return kind in ("insert", "merge") and both in (("22", "23"), ("23", "22"), ("22", "55"))
    if (theirs.tag, theirs.names) != (ours.tag, ours.names):
        return False
    if theirs.types != ours.types and not (
        (kind == "call" or any(word in text for word in ("CASE", "coalesce", "UNION")))
        and plain(theirs.types) == plain(ours.types)
    ):
        return False
    if " ORDER BY " in text and theirs.rows == ours.rows:
        return True
    if sorted(theirs.rows, key=key) == sorted(ours.rows, key=key):
        return True
    # Which of equal values stands for all of them is left open.
    merges = any(word in text for word in ("DISTINCT", "GROUP BY", "UNION", "INTERSECT", "EXCEPT", "LIMIT"))
    return merges and sorted(equal_rows(theirs), key=key) == sorted(equal_rows(ours), key=key)


def equal_rows(answer):
    """Values that PostgreSQL finds equal are spelled alike: 1.50 and 1.5, a month and 30 days."""
    spelled = {"interval": length, "numeric": lambda text: str(Decimal(text).normalize())}
    return [
        tuple(spelled.get(t, str)(v) if v is not None else v for v, t in zip(row, answer.types))
        for row in answer.rows
    ]


def length(interval):
    units = {"year": 360 * 86400, "mon": 30 * 86400, "day": 86400}
    micros = 0
    for number, unit in re.findall(r"([+-]?\d+) (year|mon|day)", interval):
        micros += int(number) * units[unit] * 10**6
    clock = re.search(r"([+-]?)(\d+):(\d\d):(\d\d)(?:\.(\d+))?$", interval)
    if clock:
        sign, hours, minutes, seconds, fraction = clock.groups()
        part = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
        part = part * 10**6 + int((fraction or "0").ljust(6, "0"))
        micros += -part if sign == "-" else part
    return str(micros)


def moved_apart(kind, text, theirs, ours):
    """PostgreSQL has computed constants that are assigned, although to no row: only we have done the rest."""
    refused = isinstance(theirs, Failure) and theirs.sqlstate[:2] == "22" and not isinstance(ours, Failure)
    return refused and (kind in ("with", "merge") or "DO UPDATE" in text)


def bad_value(failure):
    """A value that does not do: which of several is met first is left open, too."""
    others = (
        "invalid range bound flags",
        "null character not permitted",
        "timestamps cannot be binned into intervals containing months or years",
    )
    return failure.sqlstate[:2] == "22" or failure.message in others


def plain(types):
    """Without modifiers: PostgreSQL's routines have none, and its planner drops branches it sees through."""
    return [re.sub(r"\(.*\)", "", name).replace("bpchar", "character") for name in types]


def excused(kind, text, theirs, ours):
    """PostgreSQL computes constant parts before it looks for rows: it fails where no row needs them, and does
    not where a strict function of a constant NULL makes them needless."""
    if isinstance(theirs, Failure):
        of_values = theirs.sqlstate[:2] in ("22", "21") or theirs.sqlstate in ("42601", "0A000")
        return of_values and not ours.rows and ours.tag.split()[-1] == "0"
    if ours.message == "an array of several dimensions is not supported" or ours.sqlstate == "22007":
        return True  # of texts that nobody means as a time, PostgreSQL makes one: '2020-'::time
    if ours.message.startswith("the regular expression option"):
        return True
    needless = "NULL" in text or all(None in row for row in theirs.rows)
    of_values = ours.sqlstate[:2] == "22" or ours.sqlstate in ("42601", "0A000")
    return kind == "expression" and of_values and needless


def report(case, difference):
    number, text, theirs, ours = difference
    return (
        f"--seed {case.seed} --case {case.number}, statement {number}:\n  {text}\n"
        f"  PostgreSQL: {outcome(theirs)}\n  ours:       {outcome(ours)}\n"
        + (f"  HINT: {ours.hint}\n" if isinstance(ours, Failure) and ours.hint else "")
    )


def campaign(seed, statements, only=None, keep_going=False, show=False):
    """All differences found, and how many statements were compared."""
    found, counts, total = [], collections.Counter(), 0
    with Postgres() as postgres, Replica() as replica:
        builtins = replica.builtins()
        number = 0 if only is None else only
        while total < statements:
            case = Case(seed, number, replica, postgres, builtins, show)
            try:
                case.run(min(PER_CASE, statements - total), keep_going)
            except Crash as crash:
                case.differ("(crash)", "", crash)
            total += max(case.done, 1)
            counts += case.counts
            found += [report(case, d) for d in case.differences]
            number += 1
            if only is not None:
                break
    return found, total, counts


def seed_of_sources():
    """A number that a change of the code changes: what is new is asked in new ways, and what is not is asked
    the same again, so that a version that passed passes."""
    root = pathlib.Path(__file__).resolve().parents[2]
    files = [f for room in ("lib/sql", "lib/exec", "crdt", "tests/sql") for f in (root / room).iterdir()]
    digest = hashlib.sha256()
    for file in sorted(f for f in files if f.suffix in (".cpp", ".h", ".py")):
        digest.update(file.read_bytes())
    return int.from_bytes(digest.digest()[:4], "big") % 10**6


class Differential(unittest.TestCase):
    def test_random_statements_give_the_answers_that_postgresql_gives(self):
        self.compare(15, 18000)

    def test_statements_that_nobody_has_seen_before_do_too(self):
        self.compare(int(os.environ.get("ANABRANCH_SEED", seed_of_sources())), 2000)

    def compare(self, seed, statements):
        statements = int(os.environ.get("ANABRANCH_STATEMENTS", statements))
        print(f"ANABRANCH_SEED={seed}", flush=True)
        found, total, _ = campaign(seed, statements)
        self.assertFalse(
            found, f"{len(found)} differences in {total} statements, seed {seed}:\n" + "\n".join(found[:5])
        )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--statements", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--case", type=int)
    parser.add_argument(
        "--keep-going", action="store_true", help="go on in a case after a difference in a query"
    )
    parser.add_argument("--show", action="store_true", help="print the schema and every statement")
    options = parser.parse_args()
    started = time.monotonic()
    found, total, counts = campaign(
        options.seed, options.statements, options.case, options.keep_going, options.show
    )
    for text in found:
        print(text)
    for name, count in sorted(counts.items()):
        print(f"  {name:24} {count}")
    seconds = time.monotonic() - started
    print(f"seed {options.seed}: {len(found)} differences in {total} statements, {seconds:.1f} s")
    return 1 if found else 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(main())
    unittest.main()
