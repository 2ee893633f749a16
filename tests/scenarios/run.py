#!/usr/bin/env python3
"""Replays every scenario of one folder and counts those that hold.

usage: run.py ANABRANCH FOLDER
"""
import concurrent.futures
import os
import subprocess
import sys


def replay(program, path):
    command = [program, "replay", path] + (["--rewrite"] if os.environ.get("ANABRANCH_REWRITE") else [])
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, timeout=100)
    return path, done.returncode, done.stdout + done.stderr


def main():
    program, folder = sys.argv[1:3]
    paths = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".scn"))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for path, code, text in pool.map(lambda path: replay(program, path), paths):
            if code != 0:
                failed += 1
                print(f"{path}: exit {code}\n{text}\n    run it again: {program} replay {path}")
    print(f"test cases: {len(paths)} | {len(paths) - failed} passed | {failed} failed")
    sys.exit(failed != 0 or not paths)


main()
