"""`anabranch bench sql`: every figure stands beside what is asked of it, whatever this machine can do."""
import os
import re
import unittest

from support import BANK, program

LINE = re.compile(
    r"  +(\S.*?) {2,}([0-9.]+) (us|/s|/CPU s) *([0-9.]+)? *([0-9.]+)? *([0-9.]+)? *(met|missed)?$"
)
BARS = {
    "withdraw in process, one thread": {2},
    "TPC-C New-Order in process: checks, foreign keys, log": {25000},
    "CALL withdraw, 16 connections, synced": {5},
    "CALL withdraw, 16 connections, not synced": {5},
    "SELECT by primary key, 16 connections": {3},
    "withdraw, 16 connections, not synced": {70000},
    "withdraw, 16 connections, 16 deep, not synced": {250000},
    "withdraw, 64 connections, synced before the answer": {40000},
    "CALL withdraw, synced": {5},  # through a Unix-domain socket, as are those below
    "CALL withdraw, not synced": {5},
    "SELECT by primary key": {3},
}


class Sql(unittest.TestCase):
    def test_every_figure_stands_beside_its_bar_and_the_verdict_is_what_they_say(self):
        done = program("bench", "sql", "--quick", timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^This machine: [0-9]+ synced 128-byte writes per second")
        bars = {}
        for line in done.stdout.splitlines():
            found = LINE.match(line)
            if not found or not found[7]:
                continue
            what, figure, unit = found[1], float(found[2]), found[3]
            # With PostgreSQL's figure in between, the ratio is to that one; else to the bar.
            *reference, ratio, bar = (float(n) for n in found.groups()[3:6] if n is not None)
            bars.setdefault(what, set()).add(bar)
            self.assertGreater(figure, 0, line)
            against, wanted = (reference[0], bar) if reference else (bar, 1)
            self.assertAlmostEqual(ratio, figure / against, delta=0.01 + 0.01 * ratio, msg=line)
            if abs(ratio - wanted) > 0.01:
                better = ratio < wanted if unit == "us" else ratio > wanted
                self.assertEqual(found[7], "met" if better else "missed", line)
        self.assertEqual(bars, BARS)

    def test_without_postgresql_nothing_is_compared_with_it(self):
        done = program("bench", "sql", "--quick", "--no-postgres", timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        beside, own = done.stdout.split("Through a Unix-domain socket")
        for text in (beside, own):
            lines = [line for line in text.splitlines() if line.startswith("  SELECT by primary key")]
            self.assertEqual(len(lines), 2, done.stdout)
            for line in lines:
                self.assertRegex(line, r"[0-9] /(CPU )?s *$")

    def test_temporary_folder_not_there_a_tool_says_so_and_what_to_do(self):
        for words in (["bench", "sql", "--quick"], ["bench", "gossip", "--quick"], ["demo", BANK]):
            done = program(*words, env={**os.environ, "TMPDIR": "/nonexistent"})
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(done.stderr, r"anabranch: cannot (make|open) /nonexistent/anabranch-")
            self.assertRegex(done.stderr, r"No such file or directory")


if __name__ == "__main__":
    unittest.main()
