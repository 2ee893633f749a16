#!/usr/bin/env python3
"""Paths and links named in the Markdown pages exist."""
import glob
import os
import re

from source import ROOT, Findings, files, read

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
TOPS = ("lib", "crdt", "confluence", "node", "tools", "tests", "papers", ".ci")
# What commands make, named in prose but not in the tree.
MADE = re.compile(r"^(build|build-\w+)(/|$)")


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def anchors(text):
    """The anchors that GitHub gives to the headings of a page."""
    found = set()
    for title in re.findall(r"^#+\s+(.*)$", text, re.M):
        plain = re.sub(r"[`*_]", "", title).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


def expand(pattern):
    """a/{b,c}.h -> a/b.h, a/c.h"""
    match = re.search(r"\{([^{}]*)\}", pattern)
    if not match:
        return [pattern]
    return [p for part in match.group(1).split(",")
            for p in expand(pattern[:match.start()] + part.strip() + pattern[match.end():])]


def exists(path):
    return bool(glob.glob(os.path.join(ROOT, path)))


def check_links(findings, page, text):
    folder = os.path.dirname(page)
    for match in LINK.finditer(text):
        target = match.group(1)
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        full = os.path.normpath(os.path.join(folder, path)) if path else page
        line = line_of(text, match.start())
        if not exists(full):
            findings.add(page, line, f"links to {target}, which does not exist", "correct the path")
        elif anchor and full.endswith(".md") and anchor not in anchors(read(full)):
            findings.add(page, line, f"no heading #{anchor} in {full}", "use the heading's words")


def check_paths(findings, page, text):
    folder = os.path.dirname(page)
    for match in CODE.finditer(text):
        word = match.group(1).strip().split(" ")[0].rstrip(":,")
        word = re.sub(r":\d+$", "", word)
        if "/" not in word or not re.fullmatch(r"[\w./*{},-]+", word) or MADE.match(word):
            continue
        if word.split("/")[0] not in TOPS:
            continue
        for path in expand(word):
            if not exists(path) and not exists(os.path.join(folder, path)):
                findings.add(page, line_of(text, match.start()), f"names {path}, which does not exist",
                             "correct the path, from the root of the repository")


def main():
    findings = Findings()
    pages = files(".md")
    for page in pages:
        text = read(page)
        prose = FENCE.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)
        check_links(findings, page, prose)
        check_paths(findings, page, prose)
    findings.finish(f"the paths in {len(pages)} pages exist")


main()
