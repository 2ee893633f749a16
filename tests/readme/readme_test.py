"""Runs what README.md tells people to type: unexecuted prose rots."""
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "interop"))
from support import PROGRAM, ROOT  # noqa: E402

README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def on_this_program(command):
    """The README says build/anabranch; the test may run a program built elsewhere."""
    return command.replace("build/anabranch", PROGRAM)


class Readme(unittest.TestCase):
    def test_every_shell_command_works_as_written(self):
        ran = 0
        for block in blocks("sh"):
            if " demo " in block:
                continue
            for command in block.strip().splitlines():
                done = subprocess.run(
                    on_this_program(command),
                    shell=True,
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=300,
                    check=False,
                )
                self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
                ran += 1
        self.assertGreater(ran, 3)

    def test_the_demo_starts_and_answers_the_sql_of_the_tour(self):
        command = next(b for b in blocks("sh") if " demo " in b).strip().splitlines()[0]
        demo = subprocess.Popen(
            ["sh", "-c", "exec " + on_this_program(command)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            said = ""
            while "Ctrl-C" not in said:
                line = demo.stdout.readline()
                self.assertTrue(line, f"the demo has ended: {said}")
                said += line
            ports = re.findall(r"psql -h 127\.0\.0\.1 -p (\d+)", said)
            self.assertEqual(len(ports), 3)
            words = ["psql", "-X", "-h", "127.0.0.1", "-p", ports[0], "-U", "app", "-d", "bank"]
            end = time.monotonic() + 20
            while (
                subprocess.run(
                    [*words, "-c", "CALL open_account(99, 'warm')"],
                    capture_output=True,
                    text=True,
                    check=False,
                ).returncode
                != 0
            ):
                self.assertLess(time.monotonic(), end, "no primary")
                time.sleep(0.2)
            done = subprocess.run(
                words, input=blocks("sql")[0], capture_output=True, text=True, timeout=60, check=False
            )
            self.assertEqual(done.stderr.count("ERROR"), 1, done.stderr)
            self.assertIn("accounts_balance_check", done.stderr)
            for expected in ("ann", "100", "ordered", "primary"):
                self.assertIn(expected, done.stdout)
        finally:
            demo.send_signal(signal.SIGINT)
            try:
                demo.wait(20)
            except subprocess.TimeoutExpired:
                demo.kill()
            demo.stdout.close()
        self.assertEqual(demo.returncode, 0)


if __name__ == "__main__":
    unittest.main()
