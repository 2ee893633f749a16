"""Scores the checker against cases with known verdicts.

A case is a schema file whose head says what must be found:
    -- case: one sentence
    -- expect: TRANSACTION INVARIANT confluent
    -- expect: TRANSACTION INVARIANT not_confluent with T2,T3 [scope p1,p2]
    -- route: TRANSACTION free|ordered|escrow_or_ordered|read_only
    -- repair: TRANSACTION INVARIANT escrow|generated_key|cascade|set_null|group|on_conflict|merge_max
                                     |guard|split
    -- undecided: TRANSACTION INVARIANT
Repairs are a minimum: a report may offer more.
An undecided pair is known to be ordered without need; its line must go when that is no longer so.
Pairs that no line names are expected confluent. The cases beside this file must be met to the letter.
Further folders of cases may stand next to the checkout (any */corpus there), or be named by ANABRANCH_CORPUS:
there, nothing may be unsound, and what is missed is counted and printed.
"""
import json
import os
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(os.environ.get("ANABRANCH_SOURCE_ROOT", pathlib.Path(__file__).parents[2]))
PROGRAM = os.environ.get("ANABRANCH_PROGRAM", str(ROOT / "build" / "anabranch"))
EXPECT = re.compile(r"-- expect: (\S+) (\S+) (confluent|not_confluent)(?: with (\S+))?(?: scope (\S+))?$")
ROUTE = re.compile(r"-- route: (\S+) (\S+)$")
REPAIR = re.compile(r"-- repair: (\S+) (\S+) (\S+)$")
UNDECIDED = re.compile(r"-- undecided: (\S+) (\S+)$")
ALLOWED = {
    "free": {"free"},
    "ordered": {"ordered"},
    "read_only": {"read_only"},
    "escrow_or_ordered": {"escrow", "ordered"},
}


def head(path):
    expected, routes, undecided, repairs = {}, {}, set(), set()
    for line in path.read_text().splitlines():
        if not line.startswith("--"):
            break
        if found := EXPECT.match(line):
            transaction, invariant, verdict, partners, scope = found.groups()
            expected[transaction, invariant] = (
                verdict,
                set((partners or "").split(",")) - {""},
                set((scope or "").split(",")) - {""},
            )
        elif found := ROUTE.match(line):
            routes[found[1]] = found[2]
        elif found := UNDECIDED.match(line):
            undecided.add(found.groups())
        elif found := REPAIR.match(line):
            repairs.add(found.groups())
    return expected, routes, undecided, repairs


def report(path, repairs):
    words = ["check", "--format", "json", str(path)]
    if not repairs:
        words.append("--no-repairs")
    done = subprocess.run(
        [PROGRAM, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(f"{path.name}: exit {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def judge(path):
    """(unsound, missed): lists of sentences."""
    expected, routes, undecided, repairs = head(path)
    found = report(path, repairs)
    unsound, missed = [], []
    for pair in found["pairs"]:
        name = pair["transaction"], pair["invariant"]
        verdict, partners, scope = expected.get(name, ("confluent", set(), set()))
        before = len(missed)
        text = f"{path.name}: {' '.join(name)}: expected {verdict}, found {pair['verdict']}"
        if pair["verdict"] == "confluent" and verdict != "confluent":
            unsound.append(text)
        elif pair["verdict"] != verdict:
            missed.append(text)
        elif verdict == "not_confluent":
            conflicts = {
                c["with"]: {s.split("=")[0].strip().split(".")[-1] for s in c["scope"]}
                for c in pair["conflicts"]
            }
            if set(conflicts) != partners:
                missed.append(f"{text} with {sorted(conflicts)} instead of {sorted(partners)}")
            elif scope:
                unsound += [
                    f"{text}: scope with {w} too narrow: {s}" for w, s in conflicts.items() if s - scope
                ]
                missed += [f"{text}: scope with {w} too wide: {s}" for w, s in conflicts.items() if scope - s]
        if name in undecided and len(missed) == before:
            missed.append(f"{path.name}: {' '.join(name)}: decided as expected, drop the line 'undecided'")
        elif name in undecided:
            del missed[before:]
    for name in expected:
        if name not in {(p["transaction"], p["invariant"]) for p in found["pairs"]}:
            missed.append(f"{path.name}: {' '.join(name)}: not in the report")
    offered = {(p["transaction"], p["invariant"], r["kind"]) for p in found["pairs"] for r in p["repairs"]}
    missed += [f"{path.name}: {' '.join(repair)}: not offered" for repair in sorted(repairs - offered)]
    actual = {t["name"]: t["route"] for t in found["transactions"]}
    for name, route in routes.items():
        if actual.get(name) in ALLOWED[route]:
            continue
        text = f"{path.name}: {name}: route {route}, found {actual.get(name)}"
        (
            unsound
            if route in ("ordered", "escrow_or_ordered") and actual.get(name) in ("free", "read_only")
            else missed
        ).append(text)
    return unsound, missed


class Corpus(unittest.TestCase):
    def test_our_own_cases_are_met_to_the_letter(self):
        cases = sorted(pathlib.Path(__file__).parent.glob("*.sql"))
        self.assertGreater(len(cases), 5)
        for path in cases:
            with self.subTest(path.name):
                unsound, missed = judge(path)
                self.assertEqual((unsound, missed), ([], []))

    def test_no_verdict_elsewhere_is_unsound(self):
        folders = (
            [pathlib.Path(os.environ["ANABRANCH_CORPUS"])]
            if "ANABRANCH_CORPUS" in os.environ
            else sorted(ROOT.parent.glob("*/corpus"))
        )
        cases = [path for folder in folders for path in sorted(folder.glob("*.sql"))]
        if not cases:
            self.skipTest("no further cases beside this checkout")
        unsound, missed = [], []
        for path in cases:
            try:
                a, b = judge(path)
            except AssertionError as error:
                a, b = [], [str(error)]
            unsound += a
            missed += b
        print(f"{len(cases)} further cases, {len(missed)} expectations missed")
        for line in missed:
            print("  " + line)
        self.assertEqual(unsound, [])


if __name__ == "__main__":
    unittest.main()
