#!/usr/bin/env python3
"""tools/lib.sh leaves nothing behind, tools/test takes no argument it does not know, and the summary counts
right."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class CleanUp(unittest.TestCase):
    def run_script(self, ending, sent=None, deaf=""):
        """Runs a script that starts three processes and makes a folder; returns its status and output."""
        script = f"""source {ROOT}/tools/lib.sh
            last_words='0 passed, 1 failed'
            temp_folder made
            (setsid sleep 100 >/dev/null 2>&1 & echo $! >$made/orphan)
            bash -c "{deaf} echo ready >$made/deaf; sleep 100; sleep 100" &
            deaf=$!; sleep 100 &
            until [ -s "$made/deaf" ]; do sleep 0.02; done
            echo "$made $deaf $(cat "$made/orphan") $!"
            {ending}
        """
        shell = subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 text=True)
        made, *pids = shell.stdout.readline().split()
        self.assertTrue(os.path.isdir(made))
        for pid in pids:
            self.assertTrue(alive(pid))
        if sent:
            shell.send_signal(sent)
        rest = shell.communicate(timeout=20)[0]
        self.assertFalse(os.path.exists(made))
        for pid in pids:
            self.assertFalse(alive(pid), "a process survived")
        return shell.returncode, rest

    def test_at_the_end_processes_and_folders_are_gone(self):
        self.assertEqual(self.run_script("exit 0", deaf="trap '' TERM;"), (0, ""))

    def test_after_a_failure_the_last_words_are_said(self):
        self.assertEqual(self.run_script("false"), (1, "0 passed, 1 failed\n"))

    def test_a_shell_whose_child_is_ended_says_nothing_of_it(self):
        slow = 'kill() { for i in "$@"; do builtin kill "$i" 2>/dev/null; sleep 0.1; done; }; '
        self.assertEqual(self.run_script(slow + "false"), (1, "0 passed, 1 failed\n"))

    def test_a_signal_ends_it_the_same_way(self):
        code, rest = self.run_script("while true; do sleep 0.1; done", signal.SIGTERM)
        self.assertEqual((code, rest), (143, "0 passed, 1 failed\n"))


class Arguments(unittest.TestCase):
    def test_a_suite_that_does_not_exist_is_refused_before_anything_is_built(self):
        for option in "--suite", "--except":
            for name in "nosuch", "", "unit link", "-q":
                done = subprocess.run([f"{ROOT}/tools/test", option, name], capture_output=True, text=True,
                                      timeout=20, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertEqual(done.stdout, "")
                self.assertIn(f'no suite is named "{name}"\n    {option} takes one of: unit', done.stderr)


class Summary(unittest.TestCase):
    def summary(self, *tests):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "log.json")
            with open(path, "w", encoding="utf-8") as file:
                for name, result, stdout in tests:
                    json.dump({"name": name, "result": result, "stdout": stdout, "duration": 0.5,
                               "returncode": 0}, file)
                    file.write("\n")
            done = subprocess.run([sys.executable, os.path.join(HERE, "summary.py"), "release=" + path],
                                  capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.splitlines()[-1]

    def test_cases_are_counted_from_what_the_tests_say(self):
        self.assertEqual(self.summary(
            ("anabranch:unit / base", "OK", "All tests passed (9 assertions in 4 test cases)"),
            ("anabranch:unit / sql", "FAIL", "test cases:  5 |  2 passed | 3 failed\nassertions: 9"),
            ("anabranch:interop / psycopg", "FAIL", "Ran 6 tests in 1s\n\nFAILED (failures=1, errors=1)"),
            ("anabranch:tidy / style", "OK", ""),
            ("anabranch:tidy / links", "SKIP", "")), (1, "11 passed, 5 failed"))

    def test_a_test_that_dies_is_a_failure_whatever_it_said(self):
        self.assertEqual(self.summary(
            ("anabranch:unit / base", "FAIL", "All tests passed (9 assertions in 4 test cases)"),
            ("anabranch:unit / sql", "TIMEOUT", "")), (1, "4 passed, 2 failed"))

    def test_what_fails_as_expected_is_not_a_failure(self):
        self.assertEqual(self.summary(
            ("anabranch:unit / base", "OK", "test cases: 58 | 57 passed | 1 failed as expected"),
            ("anabranch:unit / sql", "FAIL", "test cases: 4 | 1 passed | 2 failed | 1 failed as expected")),
            (1, "58 passed, 2 failed"))

    def test_nothing_run_is_a_failure(self):
        self.assertEqual(self.summary(), (1, "0 passed, 0 failed"))


unittest.main()
