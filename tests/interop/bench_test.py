"""`anabranch bench sql`: every figure stands beside what is asked of it, whatever this machine can do."""
import glob
import os
import re
import signal
import subprocess
import tempfile
import unittest

from support import BANK, PROGRAM, program, small_file_system, wait_for

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


def processes_of(folder):
    """Those that have the folder as TMPDIR."""
    out = []
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            with open(path, "rb") as file:
                if f"TMPDIR={folder}".encode() in file.read().split(b"\0"):
                    out.append(path)
        except OSError:
            pass  # it has ended meanwhile
    return out


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

    def test_where_the_disk_is_full_no_figure_is_made_up(self):
        folder = small_file_system(self, "512k")
        done = program("bench", "sql", "--quick", env={**os.environ, "TMPDIR": str(folder)})
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertNotIn("synced 128-byte writes", done.stdout)
        self.assertIn("No space left on device", done.stderr)

    def test_a_temporary_folder_with_a_space_in_its_name_costs_no_other_folder(self):
        with tempfile.TemporaryDirectory() as above:
            other, folder = os.path.join(above, "it"), os.path.join(above, "it 's")
            os.mkdir(other)
            os.mkdir(folder)
            environment = {**os.environ, "TMPDIR": folder}
            done = program("bench", "gossip", "--quick", "--clients", "4", env=environment, timeout=300)
            self.assertEqual(done.returncode, 0, done.stderr)
            done = program("bench", "sql", "--quick", env=environment, timeout=300)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn("Set TMPDIR to", done.stderr)
            self.assertEqual(os.listdir(folder), [])
            self.assertTrue(os.path.isdir(other))

    def test_a_killed_bench_leaves_nothing_behind(self):
        for sent in (signal.SIGTERM, signal.SIGKILL):
            with tempfile.TemporaryDirectory() as folder:
                os.chmod(folder, 0o755)  # for PostgreSQL, which is not run as root
                bench = subprocess.Popen([PROGRAM, "bench", "sql", "--quick"], stdout=subprocess.DEVNULL,
                                         env={**os.environ, "TMPDIR": folder})
                wait_for(lambda: glob.glob(folder + "/anabranch-pg-*/db/postmaster.pid"),
                         what="PostgreSQL for the comparison")
                self.assertTrue(glob.glob(folder + "/anabranch-demo-*/a"))
                bench.send_signal(sent)
                bench.wait()
                wait_for(lambda: not os.listdir(folder), what="the end of its folders")
                wait_for(lambda: not processes_of(folder), what="the end of its processes")


if __name__ == "__main__":
    unittest.main()
