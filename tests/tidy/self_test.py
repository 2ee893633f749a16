#!/usr/bin/env python3
"""The checks find what they look for: each test plants one fault in a small tree and reads the report.

usage: self_test.py COMPILER...
"""
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
COMPILER = sys.argv[1:] or ["c++"]


class Tree:
    """A folder that stands for the repository."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()

    def write(self, path, text):
        full = os.path.join(self.folder.name, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)
        return full

    def run(self, check, *arguments):
        done = subprocess.run([sys.executable, os.path.join(HERE, check), *arguments], check=False,
                              capture_output=True, text=True,
                              env={**os.environ, "ANABRANCH_TIDY_ROOT": self.folder.name})
        return done.returncode, done.stdout + done.stderr


class TidyTest(unittest.TestCase):
    def setUp(self):
        self.tree = Tree()
        self.addCleanup(self.tree.folder.cleanup)

    def finds(self, check, path, text, *words):
        self.tree.write(path, text)
        code, report = self.tree.run(check)
        self.assertEqual(code, 1, report)
        for word in words:
            self.assertIn(word, report)

    def accepts(self, check, path, text):
        self.tree.write(path, text)
        code, report = self.tree.run(check)
        self.assertEqual(code, 0, report)

    def test_an_include_that_looks_up_is_found(self):
        self.finds("layers.py", "lib/sql/a.cpp", '\n#include "crdt/delta.h"\n',
                   "lib/sql/a.cpp:2:", "which is not below it")

    def test_confluence_and_node_never_see_each_other(self):
        self.finds("layers.py", "confluence/a.cpp", '#include "node/sim/sim.h"\n', "confluence/a.cpp:1:")
        self.finds("layers.py", "node/sim/a.cpp", '#include "confluence/check.h"\n', "node/sim/a.cpp:1:")

    def test_third_party_headers_stay_in_their_rooms(self):
        self.finds("layers.py", "confluence/rules.cpp", "#include <z3++.h>\n", "belongs to confluence/smt")
        self.finds("layers.py", "crdt/a.cpp", "#include <boost/asio.hpp>\n", "belongs to node/io")
        self.finds("layers.py", "crdt/b.cpp", "#include <sys/socket.h>\n", "not a header of")

    def test_a_library_behind_one_file_has_no_second_user(self):
        self.tree.write("lib/sql/a.cpp", "#include <pg_query.h>\n")
        self.finds("layers.py", "lib/sql/b.cpp", "#include <pg_query.h>\n", "lib/sql/b.cpp:1:", "a second")

    def test_pure_rooms_include_no_clock(self):
        self.finds("layers.py", "node/order/a.cpp", "#include <chrono>\n", "reaches outside")
        os.remove(os.path.join(self.tree.folder.name, "node/order/a.cpp"))
        self.accepts("layers.py", "node/io/a.cpp", "#include <chrono>\n")

    def test_a_long_function_is_found_and_a_marked_table_is_not(self):
        body = "    step();\n" * 70
        long = f"namespace anabranch::crdt {{\nint count(int a) {{\n{body}}}\n}}\n"
        self.finds("style.py", "crdt/a.cpp", long, "crdt/a.cpp:2:", "72 lines")
        self.accepts("style.py", "crdt/a.cpp", long.replace("int count", "// tidy: table\nint count"))

    def test_a_long_class_or_namespace_is_not_a_function(self):
        members = "".join(f"    int f{i}(int a) {{ return a; }}\n" for i in range(90))
        self.accepts("style.py", "crdt/a.cpp",
                     f"namespace anabranch::crdt {{\nclass A {{\n{members}}};\n}}\n")

    def test_braces_in_text_do_not_confuse_it(self):
        body = "    step('{', \"}\\\"{\", R\"x(}})x\");  // {\n" * 80
        text = f"namespace anabranch::crdt {{\nvoid f() {{\n{body}}}\nint g() {{ return 0; }}\n}}\n"
        self.finds("style.py", "crdt/a.cpp", text, "crdt/a.cpp:2:", "82 lines", "1 finding(s)")

    def test_what_style_refuses(self):
        for path, text, words in [
            ("crdt/a.h", "// A.\n", "no #pragma once"),
            ("crdt/a.h", "#pragma once\n", "no chapter comment"),
            ("crdt/a.h", "// A.\n#pragma once\ninline void f() { CHECK(true); }\n", "CHECK_NOTE"),
            ("crdt/a.cpp", "namespace anabranch::sql {}\n", "the namespace is the folder"),
            ("crdt/a.cpp", "// TO" + "DO: later\n", "leftover"),
            ("crdt/a.cpp", "// FIX" + "ME\n", "leftover"),
            ("crdt/a.cpp", "int a;\t\n", "a tab"),
            ("crdt/a.cpp", "int a;", "no newline"),
            ("crdt/a.cpp", "// " + "x" * 108 + "\n", "111 columns"),
            ("crdt/a.cpp", "\n" * 801, "801 lines"),
            ("crdt/a.cpp", "void f() { std::stoi(s); }\n", "std::from_chars"),
            ("crdt/BadName.cpp", "\n", "snake_case"),
        ]:
            with self.subTest(words):
                self.finds("style.py", path, text, words, path)
                os.remove(os.path.join(self.tree.folder.name, path))

    def test_own_header_first(self):
        self.tree.write("crdt/a.h", "// A.\n#pragma once\n")
        self.finds("style.py", "crdt/a.cpp", '#include <string>\n#include "crdt/a.h"\n', "crdt/a.cpp:1:")

    def test_a_path_in_prose_must_exist(self):
        self.tree.write("lib/base/error.h", "")
        self.accepts("links.py", "README.md",
                     "# Top\n`lib/base/error.h` [x](#top) [y](lib/base)\n```\n`lib/no`\n```\n")
        self.finds("links.py", "README.md", "\nsee `lib/base/{error,gone}.h`\n",
                   "README.md:2:", "lib/base/gone.h")
        self.finds("links.py", "README.md", "[a](papers/gone.md)\n", "README.md:1:", "papers/gone.md")
        self.finds("links.py", "README.md", "# Top\n[a](#bottom)\n", "no heading #bottom")

    def test_a_header_that_misses_an_include_is_found(self):
        scratch = os.path.join(self.tree.folder.name, "build")
        self.tree.write("crdt/a.h", "#pragma once\ninline std::string a;\n")
        code, report = self.tree.run("headers.py", scratch, *COMPILER)
        self.assertEqual(code, 1, report)
        self.assertIn("crdt/a.h:1:", report)

    def test_a_symbol_of_the_outside_is_found_with_its_place(self):
        source = self.tree.write(
            "crdt/a.cpp", "#include <chrono>\n#include <cstdlib>\nlong now() {\n"
            "    return std::chrono::system_clock::now().time_since_epoch().count() + rand();\n}\n")
        subprocess.run(COMPILER + ["-g", "-c", source, "-o", source + ".o"], check=True)
        code, report = self.tree.run("purity.py", f"crdt={source}.o")
        self.assertEqual(code, 1, report)
        self.assertIn("a.cpp:4: crdt uses std::chrono::", report)
        self.assertIn("a.cpp:4: crdt uses rand", report)


unittest.main(argv=sys.argv[:1])
