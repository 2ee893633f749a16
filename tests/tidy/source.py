"""What the tidy checks share: walking the tree, blanking comments and strings, reporting findings.

A finding names file:line, what is wrong and the way out. A check exits 1 if it found anything, else it prints
one line.
"""
import os
import re
import sys

# self_test.py points the checks at a tree of its own.
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.environ.get("ANABRANCH_TIDY_ROOT") or os.path.dirname(os.path.dirname(HERE))

ROOMS = ["lib/base", "lib/scenario", "lib/wire", "lib/sql", "lib/catalog", "lib/exec", "crdt", "confluence",
         "node/order", "node/replica", "node/pgwire", "node/session", "node/sim", "node/io", "tools", "tests"]


def files(*suffixes):
    """Paths below the root that end in one of the suffixes, sorted; build and hidden folders are skipped."""
    found = []
    for folder, names, leaves in os.walk(ROOT):
        names[:] = [n for n in names if not n.startswith(".") and n != "node_modules" and n != "__pycache__"
                    and not re.fullmatch(r"build(-.*)?", n)]
        found += [os.path.relpath(os.path.join(folder, leaf), ROOT)
                  for leaf in leaves if leaf.endswith(suffixes)]
    return sorted(found)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def room(path):
    """The layer a path belongs to, or None (the root itself)."""
    return next((r for r in ROOMS if path.startswith(r + "/")), None)


TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^(\s]*)\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"'
                   r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.S)


def code_only(text):
    """C++ text with comments and the insides of strings blanked; lines and columns stay where they are."""
    def blank(match):
        word = match.group(0)
        if word.startswith("/"):
            return re.sub(r"[^\n]", " ", word)
        return word[0] + re.sub(r"[^\n]", " ", word[1:-1]) + word[-1]
    return TOKEN.sub(blank, text)


class Findings:
    def __init__(self):
        self.lines = []

    def add(self, path, line, what, way_out):
        self.lines.append(f"{path}:{line}: {what}\n    {way_out}")

    def finish(self, summary):
        for line in self.lines:
            print(line)
        if self.lines:
            print(f"{len(self.lines)} finding(s)")
            sys.exit(1)
        print(summary)
