"""lib/sql/FUNCTIONS.md lists the types, operators and functions the binder knows; --rewrite makes it anew."""
import sys
import unittest

from engines import ROOT, Replica

PAGE = ROOT / "lib" / "sql" / "FUNCTIONS.md"
HEAD = """# Types, operators and functions

Made from the tables that the binder looks names up in, and checked against them by
`tests/sql/functions_test.py` (`--rewrite` makes it anew). They mean what they mean in PostgreSQL 15. `any...`
stands for several types, `...` repeats the argument before it. Comparisons (`= <> < <= > >=`, `BETWEEN`,
`IN`, `IS DISTINCT FROM`) work on every type but json, and on arrays, ranges, enums and rows.
"""
KINDS = {
    "operator": "Operators",
    "function": "Functions",
    "aggregate": "Aggregates",
    "window": "Window functions",
    "table": "Functions that return rows",
    "session": "About the session and the catalog",
}
SPECIAL = "coalesce nullif greatest least cast extract position overlay trim substring".split()


def page(builtins):
    names = {kind: {} for kind in KINDS}
    types = []
    for kind, name, signature in builtins:
        if kind == "type":
            types.append((name, signature))
            continue
        arguments, _, result = signature.partition(">")
        columns = result.strip().replace(":", " ")
        names[kind].setdefault(name, []).append(f"({', '.join(arguments.split())}) → {columns}")
    out = [HEAD, "## Types\n", "| internal name | SQL name |", "|---|---|"]
    out += [f"| {name} | {written} |" for name, written in types]
    out.append("\nAlso enums, domains, arrays of one dimension of all these, and rows inside a query.")
    for kind, title in KINDS.items():
        out.append(f"\n## {title}\n")
        if kind == "function":
            out.append(f"Besides the forms with a syntax of their own: {', '.join(SPECIAL)}.\n")
        for name, signatures in sorted(names[kind].items()):
            line = f"- `{name}`"
            for text in signatures:
                piece = f" `{text}`"
                if len(line.split("\n")[-1]) + len(piece) > 108:
                    line += "\n "
                line += piece
            out.append(line)
    return "\n".join(out) + "\n"


class Functions(unittest.TestCase):
    def test_the_page_lists_what_the_binder_knows(self):
        with Replica() as replica:
            expected = page(replica.builtins())
        self.assertEqual(expected, PAGE.read_text(), "tests/sql/functions_test.py --rewrite makes it anew")


if __name__ == "__main__":
    if "--rewrite" in sys.argv:
        with Replica() as shell:
            PAGE.write_text(page(shell.builtins()))
    else:
        unittest.main()
