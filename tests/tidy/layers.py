#!/usr/bin/env python3
"""Includes point down only, and third-party headers stay in the rooms that own them."""
import re

from source import Findings, files, read, room

LIB = ["lib/base", "lib/scenario", "lib/wire", "lib/sql", "lib/catalog", "lib/exec"]

# room -> rooms it may include (itself always). `confluence` and `node` never see each other.
MAY_INCLUDE = {
    "lib/base": [],
    "lib/scenario": ["lib/base"],
    "lib/wire": ["lib/base"],
    "lib/sql": ["lib/base"],
    "lib/catalog": ["lib/base", "lib/sql"],
    "lib/exec": ["lib/base", "lib/sql", "lib/catalog"],
    "crdt": ["lib/base", "lib/wire", "lib/sql", "lib/catalog", "lib/exec"],
    "confluence": LIB + ["crdt"],
    "node/order": ["lib/base", "lib/wire", "crdt"],
    "node/replica": LIB + ["crdt", "node/order"],
    "node/pgwire": LIB,
    "node/session": LIB + ["crdt", "node/order", "node/replica", "node/pgwire"],
    "node/sim": LIB + ["crdt", "node/order", "node/replica", "node/pgwire", "node/session"],
    "node/io": LIB + ["crdt", "node/order", "node/replica", "node/pgwire", "node/session"],
}

# first part of a <header> -> places that may include it; a place is a folder, or a file without its suffix.
THIRD_PARTY = [
    (r"nlohmann/", ["lib/base/json", "lib/sql/tree", "lib/sql/json_value", "lib/catalog/plan",
                    "confluence/report_json", "node/io/data_directory", "node/io/report", "node/io/status",
                    "tools", "tests"]),
    (r"re2/", ["lib/sql/evaluate_pattern"]),
    (r"absl/time/", ["lib/sql/time_zone"]),
    (r"xxhash\.h", ["lib/base/bytes"]),
    (r"(capnp|kj)/", ["lib/wire"]),
    (r"pg_query", ["lib/sql"]),
    (r"z3", ["confluence/smt"]),
    (r"openssl/", ["node/pgwire/scram", "node/io"]),
    (r"boost/multiprecision", ["lib/sql/numeric"]),
    (r"boost/(unordered|container)/", ["lib/base", "lib/exec", "crdt", "node/replica"]),
    (r"boost/", ["node/io"]),
    (r"zstd", ["lib/wire", "node/io"]),
    (r"catch2/", ["tests"]),
    (r"(libpq-fe|postgres)", ["tests", "tools"]),
]
ONE_FILE = {r"pg_query": "lib/sql"}

# Headers of the outside world: only the rooms at the edge may see them.
EDGE = ["node/io", "tools", "tests"]
OUTSIDE = {"thread", "mutex", "shared_mutex", "condition_variable", "future", "stop_token", "semaphore",
           "latch", "barrier", "fstream", "filesystem", "random", "chrono", "ctime", "iostream", "csignal",
           "locale"}
# The checker shares its proofs among threads; what it finds does not depend on them (lanes_test.cpp).
THREADS = {"confluence": {"thread", "mutex"}}
ANYWHERE_STANDARD = re.compile(r"[a-z_0-9]+$")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def within(path, places):
    stem = path.rsplit(".", 1)[0]
    return any(path.startswith(place + "/") or stem == place for place in places)


def check_own(findings, path, line, target):
    home, other = room(path), room(target)
    if other is None:
        findings.add(path, line, f'"{target}" is not a path from the repository root',
                     'write the include as "lib/base/error.h", from the root')
    elif home in ("tools", "tests"):
        if other == "tests" and home == "tools":
            findings.add(path, line, f"tools includes {target}: no product code uses test code",
                         "move what it needs to the layer below")
    elif other != home and other not in MAY_INCLUDE[home]:
        allowed = ", ".join(MAY_INCLUDE[home]) or "nothing"
        findings.add(path, line, f"{home} includes {target}, which is not below it",
                     f"{home} may include {allowed}: move what both need down, or hand it in")


def check_system(findings, path, line, target):
    home = room(path)
    for pattern, places in THIRD_PARTY:
        if re.match(pattern, target):
            if not within(path, places):
                owners = ", ".join(places)
                findings.add(path, line, f"<{target}> belongs to {owners}",
                             "call that room's own header instead")
            return
    if home in EDGE:
        return
    if target in OUTSIDE and target not in THREADS.get(home, ()):
        findings.add(path, line, f"<{target}> reaches outside (clock, entropy, threads, files)",
                     "only node/io and tools may; take the value as an argument")
    elif not ANYWHERE_STANDARD.match(target):
        findings.add(path, line, f"<{target}> is not a header of C++",
                     "system headers belong to node/io; a library needs a line in layers.py")


def main():
    findings = Findings()
    users = {pattern: {} for pattern in ONE_FILE}
    count = 0
    for path in files(".h", ".cpp"):
        home = room(path)
        if home is None:
            findings.add(path, 1, "source outside of every room", "put it in one of the folders of layers.py")
            continue
        for match in INCLUDE.finditer(read(path)):
            count += 1
            line = read(path).count("\n", 0, match.start(2)) + 1
            target = match.group(2)
            if match.group(1) == '"':
                check_own(findings, path, line, target)
                if target.endswith(".capnp.h") and room(path) != "lib/wire":
                    findings.add(path, line, f"{target} is made by lib/wire", "use its plain structs")
                continue
            check_system(findings, path, line, target)
            for pattern, where in ONE_FILE.items():
                if re.match(pattern, target) and path.startswith(where + "/"):
                    users[pattern].setdefault(path, line)
    for pattern, found in users.items():
        for path, line in sorted(found.items())[1:]:
            findings.add(path, line, f"a second file includes <{pattern}...>, after {sorted(found)[0]}",
                         "keep the library behind that one file")
    findings.finish(f"{count} includes point down")


main()
