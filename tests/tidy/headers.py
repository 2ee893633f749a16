#!/usr/bin/env python3
"""Every header compiles alone. One with a .cpp of its name is proven by that file; the others are tried here.

usage: headers.py COMPILER...
"""
import concurrent.futures
import os
import subprocess
import sys
import tempfile

from source import ROOT, Findings, files

FLAGS = ["--std=c++23", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-O0", "-I."]


def alone(header, folder):
    unit = os.path.join(folder, header.replace("/", "_") + ".cpp")
    with open(unit, "w", encoding="utf-8") as file:
        file.write(f'#include "{header}"\n#include "{header}"\n')
    command = sys.argv[1:] + FLAGS + ["-c", unit, "-o", unit + ".o"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False,
                          env={**os.environ, "CCACHE_NOHASHDIR": "1", "CCACHE_BASEDIR": ROOT})
    return header, done.returncode, done.stderr


def main():
    findings = Findings()
    # Generated headers are needed for *.capnp.h; those includers all have a .cpp.
    headers = [h for h in files(".h") if not os.path.exists(os.path.join(ROOT, h[:-2] + ".cpp"))]
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        for header, code, errors in pool.map(lambda h: alone(h, folder), headers):
            if code != 0:
                first = next((line for line in errors.splitlines() if "error" in line), errors.strip())
                findings.add(header, 1, "does not compile alone: " + first, "include what it uses")
    findings.finish(f"{len(headers)} headers without a .cpp compile alone")


main()
