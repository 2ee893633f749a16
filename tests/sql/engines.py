"""The two engines side by side: replica-shell behind a pipe, and a private PostgreSQL 15 on a Unix socket."""
import os
import pathlib
import select
import subprocess
import sys
from typing import NamedTuple

import psycopg
from psycopg import pq

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import postgres  # noqa: E402

ROOT = pathlib.Path(os.environ.get("ANABRANCH_SOURCE_ROOT", pathlib.Path(__file__).parents[2]))
SHELL = os.environ.get("ANABRANCH_REPLICA_SHELL", str(ROOT / "build" / "tests" / "sql" / "replica-shell"))


class Rows(NamedTuple):
    tag: str
    names: tuple
    types: tuple
    rows: tuple


class Failure(NamedTuple):
    sqlstate: str
    message: str
    detail: str
    hint: str
    constraint: str
    table: str


class Crash(Exception):
    """replica-shell has ended, or does not answer in time."""


class Replica:
    """replica-shell; its protocol is at the top of replica_shell.cpp."""

    def __init__(self, seconds=20):
        self.seconds = seconds
        self.start()

    def start(self):
        self.process = subprocess.Popen([SHELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def restart(self):
        self.close()
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, kind, text=""):
        data = text.encode()
        try:
            self.process.stdin.write(f"{kind} {len(data)}\n".encode() + data)
            self.process.stdin.flush()
        except BrokenPipeError as problem:
            raise Crash(f"replica-shell has ended before: {text}") from problem
        if not select.select([self.process.stdout], [], [], self.seconds)[0]:
            raise Crash(f"no answer within {self.seconds} s to: {text}")
        size = self.process.stdout.readline()
        if not size:
            raise Crash(f"replica-shell has ended with status {self.process.wait()} at: {text}")
        return self.fields(self.process.stdout.read(int(size)))

    @staticmethod
    def fields(data):
        out, at = [], 0
        while at < len(data):
            colon = data.index(b":", at)
            if data[at : at + 1] == b"-":
                out.append(None)
                at = colon + 1
            else:
                end = colon + 1 + int(data[at:colon])
                out.append(data[colon + 1 : end].decode(errors="surrogateescape"))
                at = end
        return out

    def answer(self, fields):
        if fields[0] == "error":
            return Failure(*fields[1:])
        width = int(fields[2])
        values = fields[3 + 2 * width :]
        rows = [tuple(values[i : i + width]) for i in range(0, len(values), width)] if width else []
        return Rows(
            fields[1], tuple(fields[3 : 3 + width]), tuple(fields[3 + width : 3 + 2 * width]), tuple(rows)
        )

    def schema(self, text):
        return self.answer(self.ask("schema", text))

    def run(self, statement):
        return self.answer(self.ask("run", statement))

    def check(self):
        return self.answer(self.ask("check")).tag

    def builtins(self):
        """(kind, name, signature) of all operators and functions."""
        return [tuple(line.split("\t")) for line in self.answer(self.ask("builtins")).tag.splitlines()]


class Postgres(postgres.Postgres):
    """The server and one connection to it: C locale, UTC."""

    settings = (
        f"{postgres.Postgres.settings} -c synchronous_commit=off -c full_page_writes=off "
        "-c autovacuum=off -c statement_timeout=20s -c jit=off"
    )

    def __enter__(self):
        super().__enter__()
        self.connection = psycopg.connect(
            host=str(self.folder), user="postgres", dbname="postgres", autocommit=True
        )
        self.pg = self.connection.pgconn
        self.type_names = {}
        return self

    def __exit__(self, *problem):
        self.connection.close()
        super().__exit__(*problem)

    def schema(self, text):
        """An empty database with this schema file in it."""
        self.pg.exec_(b"ROLLBACK")
        self.type_names = {}
        names = self.run("SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)'").rows
        drops = "".join(f'DROP SCHEMA "{name}" CASCADE; ' for name, in names)
        settings = "SET client_min_messages = error; SET TimeZone = 'UTC'"
        failed = self.run(f"{settings}; {drops}CREATE SCHEMA public")
        if isinstance(failed, Failure):
            raise RuntimeError(failed)
        return self.run(text)

    def run(self, statement):
        result = self.pg.exec_(statement.encode(errors="surrogateescape"))
        if result.status not in (
            pq.ExecStatus.COMMAND_OK,
            pq.ExecStatus.TUPLES_OK,
            pq.ExecStatus.EMPTY_QUERY,
        ):
            return self.failure(result)
        columns = range(result.nfields)
        names = tuple(result.fname(c).decode() for c in columns)
        types = tuple(self.type_name(result.ftype(c), result.fmod(c)) for c in columns)
        rows = []
        for r in range(result.ntuples):
            values = [result.get_value(r, c) for c in columns]
            rows.append(tuple(None if v is None else v.decode() for v in values))
        return Rows((result.command_status or b"").decode(), names, types, tuple(rows))

    @staticmethod
    def failure(result):
        field = pq.DiagnosticField
        wanted = (
            field.SQLSTATE,
            field.MESSAGE_PRIMARY,
            field.MESSAGE_DETAIL,
            field.MESSAGE_HINT,
            field.CONSTRAINT_NAME,
            field.TABLE_NAME,
        )
        return Failure(*((result.error_field(f) or b"").decode() for f in wanted))

    def type_name(self, oid, modifier):
        if (oid, modifier) not in self.type_names:
            result = self.pg.exec_(f"SELECT format_type({oid}, {modifier})".encode())
            if result.status != pq.ExecStatus.TUPLES_OK:
                return "?"  # in a failed transaction
            self.type_names[(oid, modifier)] = result.get_value(0, 0).decode()
        return self.type_names[(oid, modifier)]
