#!/usr/bin/env python3
"""Every header compiles alone. One with a .cpp of its name is proven by that file; the others are tried here.

usage: headers.py SCRATCH_FOLDER COMPILER...
The scratch folder keeps its place, so that ccache knows the files again.
"""
import concurrent.futures
import os
import re
import subprocess
import sys

from source import ROOT, Findings, files, read

FLAGS = ["--std=c++23", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-O0", "-I."]


def is_part(header):
    """Of a header that was split for its readers: its types complete each other."""
    whole = re.match(r"// Part of (\S+\.h)\b", read(header))
    return whole is not None and f'#include "{header}"' in read(whole[1])


def alone(header, folder, compiler):
    unit = os.path.join(folder, header.replace("/", "_") + ".cpp")
    text = f'#include "{header}"\n#include "{header}"\n'
    if not os.path.exists(unit):
        with open(unit, "w", encoding="utf-8") as file:
            file.write(text)
    done = subprocess.run(compiler + FLAGS + ["-c", unit, "-o", unit + ".o"], cwd=ROOT, capture_output=True,
                          text=True, check=False, env={**os.environ, "CCACHE_NOHASHDIR": "1",
                                                       "CCACHE_BASEDIR": ROOT})
    return header, done.returncode, done.stderr


def main():
    folder, compiler = sys.argv[1], sys.argv[2:]
    os.makedirs(folder, exist_ok=True)
    findings = Findings()
    headers = [h for h in files(".h")
               if not os.path.exists(os.path.join(ROOT, h[:-2] + ".cpp")) and not is_part(h)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for header, code, errors in pool.map(lambda h: alone(h, folder, compiler), headers):
            if code != 0:
                first = next((line for line in errors.splitlines() if "error" in line), errors.strip())
                findings.add(header, 1, "does not compile alone: " + first, "include what it uses")
    findings.finish(f"{len(headers)} headers without a .cpp compile alone")


main()
