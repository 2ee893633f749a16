#!/usr/bin/python3
"""Fills in the answers of function_cases.txt from a running PostgreSQL 15.

usage: function_cases.py CONNECTION [FILE]

CONNECTION is a libpq string such as "host=/tmp/pg user=postgres"; the server should have the C locale. Cases
may be added to FILE without their last column; every answer is asked anew and the file is written in place.
"""
import os
import sys

import psycopg

EVALUATE = r"""
CREATE OR REPLACE FUNCTION pg_temp.answer(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
    EXECUTE query INTO result;
    RETURN coalesce('=' || result, '\N');
EXCEPTION WHEN OTHERS THEN
    RETURN '!' || sqlstate || ' ' || sqlerrm;
END $$
"""
ESCAPES = {"\\": "\\", "n": "\n", "t": "\t"}


def unescape(text):
    out, i = "", 0
    while i < len(text):
        if text[i] == "\\" and text[i + 1 : i + 2] in ESCAPES:
            out += ESCAPES[text[i + 1]]
            i += 2
        else:
            out += text[i]
            i += 1
    return out


def escape(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def literal(text):
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def type_sql(name):
    return '"char"' if name == "char" else name


def argument(text):
    kind, value = text.split(":", 1)
    if kind == "similar":
        return f"similar_to_escape({literal(unescape(value))})"
    if value == "\\N":
        return f"NULL::{type_sql(kind)}"
    return f"{literal(unescape(value))}::{type_sql(kind)}"


def expression(name, arguments):
    if name == "::":
        source, target = arguments
        value = literal(unescape(source[6:])) if source.startswith("input:") else argument(source)
        return f"({value})::{type_sql(target)}"
    values = [argument(a) for a in arguments]
    if name[0].isalpha():
        return f'pg_catalog."{name}"({", ".join(values)})'
    return f"({values[0]}) {name} ({values[1]})" if len(values) == 2 else f"{name} ({values[0]})"


def main():
    file = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(__file__), "function_cases.txt")
    with open(file, encoding="utf-8") as source:
        lines = source.read().split("\n")
    with psycopg.connect(sys.argv[1], autocommit=True) as connection:
        cursor = connection.cursor()
        cursor.execute("SET timezone = 'UTC'")
        cursor.execute(EVALUATE)
        for number, line in enumerate(lines):
            if not line or line.startswith("#"):
                continue
            parts = line.split("\t")
            if parts[-1][:1] in ("=", "!") or parts[-1] == "\\N":
                parts.pop()
            value = expression(parts[0], parts[1:])
            query = (
                "SELECT CASE WHEN x.v IS NOT NULL THEN format('%s', x.v) END "
                f"FROM (SELECT {value} AS v OFFSET 0) x"
            )
            cursor.execute("SELECT pg_temp.answer(%s)", (query,))
            answer = cursor.fetchone()[0]
            if answer != "\\N":
                answer = answer[0] + escape(answer[1:])
            lines[number] = "\t".join([*parts, answer])
    with open(file, "w", encoding="utf-8") as target:
        target.write("\n".join(lines))


main()
