"""The checker as a command: its times are printed beside their bars, and a long run shows how far it is."""
import os
import pathlib
import pty
import re
import select
import subprocess
import tempfile
import time
import unittest

from support import BANK, PROGRAM, program

TIME = r"([0-9.]+) (ms|s) +"
LINE = re.compile(rf"  (\S.*?)\s+{TIME}(?:{TIME})?{TIME}([0-9.]+)$")


class Bench(unittest.TestCase):
    def test_every_time_stands_beside_its_bar(self):
        done = program("bench", "check", "--quick", timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [LINE.match(line) for line in done.stdout.splitlines()[1:]]
        self.assertTrue(all(lines), done.stdout)
        scale = {"ms": 1e-3, "s": 1}
        bars = [round(float(found[6]) * scale[found[7]], 3) for found in lines]
        self.assertEqual(bars, [0.02, 0.2, 0.3, 30])
        self.assertEqual([found[4] is not None for found in lines], [False, False, True, True])
        for found in lines:
            cpu, bar = float(found[2]) * scale[found[3]], float(found[6]) * scale[found[7]]
            self.assertGreater(cpu, 0)
            # What counts is the time that passes, where several cores share the work.
            measured = float(found[4]) * scale[found[5]] if found[4] else cpu
            self.assertGreater(measured, 0)
            self.assertAlmostEqual(float(found[8]), measured / bar, delta=0.02 + 0.02 * measured / bar)
        self.assertIn("8 tables, 14 CHECKs, 16 foreign keys", lines[-1][1])

    def test_the_generated_schema_is_the_same_every_time_and_of_the_size_that_is_asked_for(self):
        first, second = (program("bench", "schema").stdout for _ in range(2))
        self.assertEqual(first, second)
        sizes = [len(re.findall(word, first)) for word in (r"CREATE TABLE", r"\bCHECK \(", r"\bREFERENCES\b")]
        self.assertEqual(sizes, [375, 660, 760])


class Progress(unittest.TestCase):
    """What is written to standard error when it is a terminal."""

    def shown(self, schema, enough):
        """The text up to a match of `enough`, or all of it; and the seconds that the first of it took."""
        reader, writer = pty.openpty()
        try:
            with subprocess.Popen(
                [PROGRAM, "check", schema], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writer
            ) as check:
                start, first, text = time.monotonic(), None, ""
                while time.monotonic() < start + 60 and not re.search(enough, text):
                    if select.select([reader], [], [], 0.1)[0]:
                        first = first or time.monotonic() - start
                        text += os.read(reader, 4096).decode()
                    elif check.poll() is not None:
                        break
                check.kill()
        finally:
            os.close(reader)
            os.close(writer)
        return text, first

    def test_a_run_of_more_than_a_second_shows_how_far_it_is(self):
        with tempfile.TemporaryDirectory() as folder:
            schema = pathlib.Path(folder) / "large.sql"
            schema.write_text(program("bench", "schema").stdout)
            text, first = self.shown(str(schema), r"\] \d+ of \d+ pairs  \w+")
        self.assertRegex(text, r"\r\[#* +\] \d+ of \d+ pairs  \w+")
        self.assertGreaterEqual(first, 1)

    def test_the_first_second_shows_nothing(self):
        _, first = self.shown(BANK, r"pairs")
        self.assertTrue(first is None or first >= 1, first)


if __name__ == "__main__":
    unittest.main()
