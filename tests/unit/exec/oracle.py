#!/usr/bin/python3
"""Writes into the case files of this folder the answers that PostgreSQL 15 gives.

usage: oracle.py [FILE...]     (all files of cases/ without arguments)

Starts a private server in a temporary folder and removes it at the end. Needs Debian's postgresql-15.
"""
import glob
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/../../support")
import postgres  # noqa: E402


class Server(postgres.Postgres):
    locale = "--locale=C.UTF-8"


def error_text(error):
    d = error.diag
    out = f"ERROR {d.sqlstate}: {d.message_primary}\n"
    if d.message_detail:
        out += f"DETAIL: {d.message_detail}\n"
    if d.message_hint:
        out += f"HINT: {d.message_hint}\n"
    return out


def answer(connection, statement):
    import psycopg
    from psycopg import pq

    try:
        result = connection.pgconn.exec_(statement.encode())
        if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
            raise psycopg.errors.error_from_result(result)
    except psycopg.Error as error:
        return error_text(error)
    if result.nfields == 0:
        words = (result.command_status or b"").decode().split()
        if not words or words[0] not in ("INSERT", "UPDATE", "DELETE"):
            return " ".join(words[:1]) + "\n" if words[0] != "SELECT" else ""
        return words[0] + " " + words[-1] + "\n"
    rows = []
    for row in range(result.ntuples):
        values = [result.get_value(row, column) for column in range(result.nfields)]
        rows.append("|".join("" if v is None else v.decode() for v in values))
    if "ORDER BY" not in statement.upper():
        rows.sort(key=lambda text: text.encode())
    return "".join(row + "\n" for row in rows)


def rewrite(path, folder):
    import psycopg

    with open(path, encoding="utf-8") as file:
        schema, statements = file.read().split("---- statements\n")
    out = schema + "---- statements\n"
    with psycopg.connect(host=folder, user="postgres", dbname="postgres", autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS oracle")
        admin.execute("CREATE DATABASE oracle TEMPLATE template0")
    with psycopg.connect(host=folder, user="postgres", dbname="oracle", autocommit=True) as connection:
        result = connection.pgconn.exec_(schema.encode())
        if result.error_message:
            sys.exit(f"{path}: {result.error_message.decode()}")
        blocks = []
        for line in statements.splitlines():
            if line.startswith("> "):
                blocks.append([[line], [], []])
            elif line.startswith(". "):
                blocks[-1][0].append(line)
            elif line.startswith("! "):
                blocks[-1][1].append(line)
            elif line.startswith("#"):
                blocks.append([[line], [], []])
        for lines, ours, _ in blocks:
            out += "\n".join(lines) + "\n"
            if lines[0].startswith("> "):
                out += answer(connection, "\n".join(line[2:] for line in lines))
            out += "".join(line + "\n" for line in ours)
    with open(path, "w", encoding="utf-8") as file:
        file.write(out)


def main():
    files = sys.argv[1:] or sorted(glob.glob(HERE + "/cases/*.txt"))
    with Server() as server:
        for path in files:
            rewrite(path, str(server.folder))


main()
