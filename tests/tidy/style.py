#!/usr/bin/env python3
"""House style that a machine can see: sizes, names, leftovers, banned calls with their replacement."""
import re

from source import Findings, code_only, files, read, room

WIDTH_MAX = 110
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 800

NAMESPACE = {"lib/base": "anabranch"}  # else anabranch::<last folder of the room>

# (where, pattern in code, what to do instead); `where` is "product", "header" or "all".
BANNED = [
    ("header", r"(?<!define )\bCHECK\(", "CHECK_NOTE(condition, why): Catch2 has a CHECK of its own"),
    ("header", r"#\s*include\s*<(iostream|regex)>",
     "<iosfwd>, or a scan by hand: every includer pays for this header"),
    ("header", r"\busing\s+namespace\b", "qualified names: a header opens no namespace"),
    ("product", r"#\s*include\s*<regex>", "a hand-written scan: <regex> is slow to compile and to run"),
    ("product", r"\bassert\s*\(", "CHECK (lib/base/check.h), which stays on in release"),
    ("product", r"\bstd::endl\b", "'\\n'"),
    ("product", r"\b(sprintf|strcpy|strcat|strtok|atoi|atol|atof)\s*\(", "std::string, std::from_chars"),
    ("product", r"\bstd::sto(i|l|ll|ul|ull|d|f)\b", "std::from_chars: stoi throws on what a user typed"),
    ("product", r"\b(rand|srand)\s*\(", "Random (lib/base/random.h), seeded by the caller"),
    ("all", r"\bNULL\b", "nullptr"),
    ("all", r"#\s*if\s+0\b", "delete it: git remembers"),
    ("all", r"#\s*ifndef\s+\w+_H_?\b", "#pragma once"),
    ("all", r"#\s*define\s+private\b|-fno-access-control", "observe through outputs or describe()"),
]
# In comments and text of every kind of file.
LEFTOVER = [
    (r"\b(FIXME|XXX|HACK)\b", "solve it, or say in plain words what does not work"),
    (r"\bTODO\b(?! ?\((soon|someday|perf|test)\))", "solve it, or write TODO(soon|someday|perf|test)"),
    (r"/work/(?!\.)[a-z]", "no path of somebody's machine"),
]
CONTROL = re.compile(r"^(if|for|while|switch|do|else|catch|try|return)\b")
TYPE = re.compile(r"^(template\s*<.*>\s*)?((inline|static|constexpr|typedef)\s+)*"
                  r"(class|struct|union|enum|namespace|extern)\b(?!.*\)\s*(const|noexcept|override)?\s*$)",
                  re.S)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def functions(code):
    """(first line, last line) of each function body's definition; lambdas count as part of theirs."""
    stack = []
    start = 0  # where the current statement's head began
    for i, c in enumerate(code):
        if c in ";}":
            if c == "}" and stack:
                kind, head = stack.pop()
                if kind == "function":
                    yield line_of(code, head), line_of(code, i)
            start = i + 1
        elif c == "{":
            head = code[start:i]
            text = re.sub(r"^\s*#.*$", "", head, flags=re.M).strip()
            text = re.sub(r"^((public|private|protected)\s*:\s*)+", "", text).strip()
            first = start + len(head) - len(head.lstrip())
            inside = any(kind == "function" for kind, _ in stack)
            if inside or not text or CONTROL.match(text) or "(" not in text or TYPE.match(text):
                kind = "block"
            elif re.search(r"(?<![=!<>])=(?!=)\s*$|(?<!operator)(?<![=!<>])=(?!=)[^()]*$", text):
                kind = "block"  # an initializer
            else:
                kind = "function"
            stack.append((kind, first))
            start = i + 1


def is_table(text, first_line):
    lines = text.splitlines()
    return any("// tidy: table" in line for line in lines[max(0, first_line - 4):first_line])


def check_cpp(findings, path, text):
    code = code_only(text)
    for first, last in functions(code):
        size = last - first + 1
        if size > FUNCTION_LINES_MAX and not is_table(text, first):
            findings.add(path, first, f"a function of {size} lines, at most {FUNCTION_LINES_MAX}",
                         "split it by duty; a table-like switch may carry `// tidy: table` above it")
    header = path.endswith(".h")
    if header and not re.search(r"^#pragma once$", text, re.M):
        findings.add(path, 1, "no #pragma once", "put it below the chapter comment")
    if header and not text.startswith("//"):
        findings.add(path, 1, "no chapter comment", "say what it is, its invariants, errors and thread rule")
    product = room(path) != "tests"
    for where, pattern, instead in BANNED:
        if (where == "header" and not header) or (where == "product" and not product):
            continue
        for match in re.finditer(pattern, code):
            findings.add(path, line_of(code, match.start()), f"banned: {match.group(0).strip()}",
                         f"use {instead}")
    if product:
        check_namespace(findings, path, code)
        check_own_header_first(findings, path, text)


def check_namespace(findings, path, code):
    home = room(path)
    if home is None or home == "tools":
        return
    wanted = NAMESPACE.get(home, "anabranch::" + home.split("/")[-1])
    for match in re.finditer(r"^namespace\s+(anabranch[\w:]*)", code, re.M):
        name = match.group(1)
        if name != wanted and not name.startswith(wanted + "::"):
            findings.add(path, line_of(code, match.start()), f"namespace {name} in {home}",
                         f"the namespace is the folder: {wanted}")


def check_own_header_first(findings, path, text):
    own = path[:-len(".cpp")] + ".h" if path.endswith(".cpp") else None
    if own is None or own not in HEADERS:
        return
    first = re.search(r'^#include ([<"].*)$', text, re.M)
    if first is None or first.group(1) != f'"{own}"':
        line = line_of(text, first.start()) if first else 1
        findings.add(path, line, "its own header is not the first include",
                     f'begin with #include "{own}": this proves that the header compiles alone')


def check_text(findings, path, text):
    lines = text.split("\n")
    if text and lines[-1] != "":
        findings.add(path, len(lines), "no newline at the end", "end the last line")
    if len(lines) - 1 > FILE_LINES_MAX:
        findings.add(path, FILE_LINES_MAX, f"{len(lines) - 1} lines, at most {FILE_LINES_MAX}",
                     "split it by duty")
    for number, line in enumerate(lines, 1):
        if len(line) > WIDTH_MAX and not re.search(r"https?://", line):
            findings.add(path, number, f"{len(line)} columns, at most {WIDTH_MAX}", "break the line")
        if "\t" in line:
            findings.add(path, number, "a tab", "use spaces, or \\t inside a string")
        if line != line.rstrip():
            findings.add(path, number, "spaces at the end of the line", "remove them")
        if "tests/tidy/" not in path:
            for pattern, instead in LEFTOVER:
                if re.search(pattern, line):
                    findings.add(path, number, f"leftover: {line.strip()[:80]}", instead)
    if not re.fullmatch(r"[a-z0-9_./]+", path) and not path.startswith("papers/"):
        findings.add(path, 1, "a file name is snake_case", "rename it")


CPP = files(".h", ".cpp")
SCRIPTS = ["tools/test", "tools/quickstart", ".ci/run"]
HEADERS = {path for path in CPP if path.endswith(".h")}


def main():
    findings = Findings()
    others = files(".py", "meson.build", ".capnp", ".sh", ".mjs", ".css") + SCRIPTS
    for path in CPP + others:
        try:
            text = read(path)
        except FileNotFoundError:
            continue
        check_text(findings, path, text)
        if path in CPP:
            check_cpp(findings, path, text)
    findings.finish(f"{len(CPP) + len(others)} files are in style")


main()
