"""Mutated statements and schema files never crash the engine, hang it, or end in an internal error.

    mutated_test.py [--statements 5000] [--seed N] [--show]

Statements of the generator are cut, doubled, nested and sprinkled with hostile words; whatever comes of it is
answered within seconds, by rows or by an error with a SQLSTATE that is not XX000, and the state stays sound.
"""
import argparse
import os
import random
import sys
import time
import unittest

from engines import Crash, Failure, Replica
from schemas import SchemaMaker
from statements import Statements

PER_SCHEMA = 200
HOSTILE = [
    '(', ')', ',', ';', "'", '"', '$$', '--', '/*', '*/', '\\', '\x01', 'é', '😀', '::', '.', '*',
    '$1', '$0', '$99999', 'NULL', 'DEFAULT', "''", "'%'", "E'\\x'", "U&'\\0041'", '0', '-1',
    '1e400', '1e-400', "9" * 400, '0x1F', '9223372036854775808', "'NaN'::numeric", '1 / 0', 'AS',
    'FROM', 'WHERE', 'GROUP BY', 'HAVING', 'ORDER BY', 'LIMIT', 'OFFSET -1', 'DISTINCT', 'ALL',
    'UNION', 'EXCEPT', 'WITH RECURSIVE', 'LATERAL', 'OVER ()', 'FILTER (WHERE true)', 'COLLATE "C"',
    'FOR UPDATE', 'RETURNING *', 'ON CONFLICT DO NOTHING', 'EXISTS', 'ANY', 'IN ()', '[1]', '[:]',
    'ROW()', 'ARRAY[]', 'CASE END', 'IS NULL', 'NOT', 'AND', 'BETWEEN', "interval '1'",
    "date 'infinity'", 'CURRENT_DATE', 'SELECT', 'generate_series(1, 3)', "repeat('a', 100000)",
    "regexp_replace('aaaa', '(a+)+$', 'b')", "'{{{' ::int[]", "'[' ::jsonb", "to_char(1, '99')",
    "lpad('x', 1000000)", 'excluded', 'TABLESAMPLE', 'ROWS BETWEEN 1 PRECEDING AND CURRENT ROW',
    "'(,)'::int4range", 'CAST(', 'GROUPING SETS ((), ())', 'WINDOW w AS ()', 'INTO',
    'VALUES (1), (1, 2)', '(SELECT 1, 2)',
]  # fmt: skip
DEEP = [
    lambda n: "SELECT " + "(" * n + "1" + ")" * n,
    lambda n: "SELECT " + "1 + " * n + "1",
    lambda n: "SELECT " + "- " * n + "1",
    lambda n: "SELECT " + "NOT " * n + "true",
    lambda n: "SELECT 1 " + "UNION SELECT 1 " * n,
    lambda n: "SELECT * FROM " + "(SELECT * FROM " * n + "(SELECT 1) a" + ") a" * n,
    lambda n: "SELECT " + "CASE WHEN true THEN " * n + "1" + " END" * n,
    lambda n: "SELECT " + "coalesce(" * n + "1" + ")" * n,
    lambda n: "SELECT 1 " + "AND true " * n,
    lambda n: "SELECT 'a' " + "|| 'a' " * n,
    lambda n: "SELECT 1" + "::int" * n,
    lambda n: "SELECT ('{}'::int[])" + "[1]" * n,
    lambda n: "SELECT " + "ARRAY[" * n + "1" + "]" * n,
    lambda n: "SELECT * FROM (SELECT 1) a " + "CROSS JOIN (SELECT 1) b " * n,
    lambda n: "SELECT 1 IN (" + "1, " * n + "1)",
    lambda n: "VALUES " + "(1), " * n + "(1)",
    lambda n: "SELECT '" + "[" * n + "]" * n + "'::jsonb",
    lambda n: "SELECT '" + '{"a":' * n + "1" + "}" * n + "'::jsonb",
    lambda n: "SELECT '" + "{" * n + "}" * n + "'::int[]",
    lambda n: "SELECT '" + "(" * n + "a" + ")" * n + "' ~ '" + "(" * n + "a" + ")" * n + "'",
    lambda n: "SELECT '" + "9" * n + "'::numeric * '" + "9" * n + "'::numeric",
    lambda n: "SELECT 'a' LIKE '" + "%a" * n + "'",
    lambda n: "SELECT 'a' SIMILAR TO '" + "(a|" * n + "b" + ")" * n + "'",
    lambda n: "WITH " + ", ".join(f"a{i} AS (SELECT 1)" for i in range(n)) + " SELECT 1",
    lambda n: "SELECT " + ", ".join("1" for _ in range(n)),
    lambda n: "SELECT to_char(1.5, '" + "9" * n + "')",
    lambda n: "SELECT EXISTS (" * n + "SELECT 1" + ")" * n,
]


def pieces(text):
    """Words, strings and marks: cutting between them keeps more statements meaningful."""
    out, at = [], 0
    while at < len(text):
        end = at + 1
        if text[at] == "'":
            end = text.find("'", at + 1) + 1 or len(text)
        elif text[at].isalnum():
            while end < len(text) and (text[end].isalnum() or text[end] in "_."):
                end += 1
        out.append(text[at:end])
        at = end
    return out


def mutated(rng, text, other):
    parts = pieces(text)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 5])):
        at = rng.randrange(len(parts) + 1)
        end = min(len(parts), at + rng.choice([1, 1, 2, 4, 10]))
        kind = rng.random()
        if kind < 0.25:
            del parts[at:end]
        elif kind < 0.4:
            parts[at:at] = parts[at:end]
        elif kind < 0.75:
            parts[at : at + rng.randint(0, 1)] = [" ", rng.choice(HOSTILE), " "]
        elif kind < 0.85:
            rest = pieces(other)
            parts[at:end] = rest[rng.randrange(len(rest) + 1) :][: rng.randint(1, 12)]
        elif kind < 0.92 and len(parts) > 1:
            a, b = rng.randrange(len(parts)), rng.randrange(len(parts))
            parts[a], parts[b] = parts[b], parts[a]
        else:
            joined = "".join(parts)
            cut = rng.randrange(len(joined) + 1)
            parts = [
                joined[:cut],
                chr(rng.choice([1, 9, 10, 39, 92, 127, 160, 8232, 65533])),
                joined[cut + 1 :],
            ]
    return "".join(parts).replace("\x00", " ")


def judged(replica, text):
    """What is wrong with the answer; None when nothing is."""
    started = time.monotonic()
    try:
        answer = replica.run(text)
    except Crash as crash:
        replica.restart()
        return str(crash)[:2000]
    if isinstance(answer, Failure):
        if answer.sqlstate in ("XX000", "") or len(answer.sqlstate) != 5 or not answer.message:
            return f"{answer.sqlstate} {answer.message}"
    seconds = time.monotonic() - started
    return f"{seconds:.1f} s" if seconds > 5 else None


def campaign(seed, statements, show=False):
    problems, done = [], 0
    with Replica(seconds=15) as replica:
        builtins = replica.builtins()
        number = 0
        while done < statements:
            rng = random.Random(f"{seed}/{number}")
            number += 1
            maker = SchemaMaker(rng)
            text = maker.make()
            if isinstance(replica.schema(text), Failure):
                continue
            source = Statements(rng, maker.tables, builtins)
            other = "SELECT 1"
            for _ in range(min(PER_SCHEMA, statements - done)):
                original = source.next()[1]
                statement = mutated(rng, original, other)
                other = original
                if show:
                    print(statement, flush=True)
                done += 1
                problem = judged(replica, statement)
                if problem is not None:
                    problems.append(f"seed {seed}: {problem}\n  {statement!r}")
                    replica.schema(text)
            try:
                if replica.check():
                    problems.append(f"seed {seed}, schema {number - 1}: {replica.check()}")
                broken = mutated(rng, text, text)
                replica.schema(broken)
            except Crash as crash:
                problems.append(f"seed {seed}, schema {number - 1}: {crash}"[:4000])
                replica.restart()
    return problems, done


class Mutated(unittest.TestCase):
    def test_mutated_statements_are_answered(self):
        seed = int(os.environ.get("ANABRANCH_SEED", "1"))
        print(f"ANABRANCH_SEED={seed}", flush=True)
        problems, done = campaign(seed, int(os.environ.get("ANABRANCH_STATEMENTS", "6000")))
        self.assertFalse(problems, f"{len(problems)} of {done}:\n" + "\n".join(problems[:5]))

    def test_what_is_nested_too_deeply_or_too_long_is_refused_with_a_limit(self):
        with Replica(seconds=15) as replica:
            replica.schema("CREATE TABLE t (id int PRIMARY KEY);")
            for number, make in enumerate(DEEP):
                for depth in (50, 300, 2000, 12000, 200000):
                    problem = judged(replica, make(depth))
                    self.assertIsNone(problem, f"form {number} at depth {depth}: {make(2)}")

    def test_nesting_beyond_the_limit_has_its_own_code(self):
        with Replica(seconds=15) as replica:
            replica.schema("CREATE TABLE t (id int PRIMARY KEY);")
            self.assertEqual("54001", replica.run("SELECT " + "(" * 12000 + "1" + ")" * 12000).sqlstate)
            self.assertEqual("54001", replica.run("SELECT " + "1 + " * 9000 + "1").sqlstate)
            self.assertEqual("54000", replica.run("SELECT '" + "a" * 70000 + "'").sqlstate)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--statements", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--show", action="store_true", help="print every statement before it runs")
    options = parser.parse_args()
    started = time.monotonic()
    problems, done = campaign(options.seed, options.statements, options.show)
    for text in problems:
        print(text)
    seconds = time.monotonic() - started
    print(f"seed {options.seed}: {len(problems)} problems in {done} statements, {seconds:.1f} s")
    return 1 if problems else 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(main())
    unittest.main()
