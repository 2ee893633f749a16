#!/usr/bin/env python3
"""Sums up Meson test logs: the failures with their output, a line per suite, then `N passed, N failed`.

usage: summary.py TITLE=TESTLOG.json...

A test counts as many cases as its output says: Catch2's last line, `test cases: 3 | 2 passed | 1 failed`, or
Python unittest's `Ran 3 tests`. A test that says nothing, or dies, is one case. What `failed as expected`
(a case tagged [!shouldfail], a gap that the README names) is neither: it fails once the gap is closed.
"""
import json
import re
import sys

GREEN = ("OK", "EXPECTEDFAIL")
OUTPUT_LINES_MAX = 80


def cases(test):
    """(passed, failed) of one entry of the log."""
    ok = test["result"] in GREEN
    text = test.get("stdout", "")[-20000:] + "\n" + test.get("stderr", "")[-20000:]
    passed = failed = 0
    if match := re.search(r"All tests passed \(\d+ assertions? in (\d+) test cases?\)", text):
        passed = int(match[1])
    elif match := re.search(r"^test cases: +\d+ \|(.*)$", text, re.M):
        passed = int((re.search(r"(\d+) passed", match[1]) or [0, 0])[1])
        failed = int((re.search(r"(\d+) failed(?! as expected)", match[1]) or [0, 0])[1])
    elif match := re.search(r"^Ran (\d+) tests?", text, re.M):
        bad = re.search(r"^FAILED \((.*)\)", text, re.M)
        failed = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", bad[1])) if bad else 0
        passed = max(int(match[1]) - failed, 0)
    elif ok:
        passed = 1
    if not ok and failed == 0:
        failed = 1
    return passed, failed


def suite_of(name):
    match = re.match(r"(?:\w+:)?([\w+-]+) / ", name)
    return match[1] if match else "other"


def show_failure(title, test):
    text = (test.get("stdout", "") + test.get("stderr", "")).rstrip().splitlines()
    name = test["name"].split(" / ")[-1]
    print(f"\nFAILED {name} ({title}, {test['result'].lower()}, exit {test.get('returncode')})")
    if len(text) > OUTPUT_LINES_MAX:
        print(f"    ... {len(text) - OUTPUT_LINES_MAX} lines before these")
    for line in text[-OUTPUT_LINES_MAX:]:
        print("    " + line)
    folder = "build-san" if title == "sanitizers" else "build"
    print(f"  again: meson test -C {folder} {name} -v")


def main():
    passed_all = failed_all = 0
    lines = []
    for argument in sys.argv[1:]:
        title, path = argument.split("=", 1)
        suites = {}
        try:
            with open(path, encoding="utf-8") as file:
                tests = [json.loads(line) for line in file if line.strip()]
        except (OSError, ValueError) as error:
            print(f"FAILED {title}: no test log: {error}")
            failed_all += 1
            continue
        for test in tests:
            if test["result"] == "SKIP":
                continue
            passed, failed = cases(test)
            if test["result"] not in GREEN:
                show_failure(title, test)
            row = suites.setdefault(suite_of(test["name"]), [0, 0, 0.0])
            row[0] += passed
            row[1] += failed
            row[2] += test["duration"]
        for suite, (passed, failed, seconds) in sorted(suites.items()):
            lines.append(f"  {title:<12}{suite:<12}{passed:>6} passed{failed:>5} failed{seconds:>9.1f} s")
            passed_all += passed
            failed_all += failed
    print("\n" + "\n".join(lines))
    print(f"{passed_all} passed, {failed_all} failed")
    sys.exit(1 if failed_all or not passed_all else 0)


main()
