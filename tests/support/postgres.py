"""A private PostgreSQL 15 on a Unix socket: nothing durable, gone with its files at the end."""
import os
import pathlib
import shutil
import subprocess
import tempfile

BIN = pathlib.Path("/usr/lib/postgresql/15/bin")


class Postgres:
    """The server runs from `with` to its end; clients connect to host str(folder) as user postgres."""

    settings = "-c fsync=off -c timezone=UTC"
    locale = "--no-locale"

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="anabranch-pg-"))
        self.as_user = []
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
            self.as_user = ["runuser", "-u", "postgres", "--"]
        self.server("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "-N", self.locale)
        options = f"-k {self.folder} -h '' {self.settings}"
        self.server("pg_ctl", "-o", options, "-l", f"{self.folder}/log", "-w", "start")
        return self

    def __exit__(self, *_):
        self.server("pg_ctl", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def server(self, name, *words):
        subprocess.run(
            [*self.as_user, BIN / name, "-D", f"{self.folder}/db", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            check=True,
            cwd="/",
        )

    def create_database(self, name):
        self.client("createdb", name)

    def load(self, path, database="postgres"):
        self.client("psql", "-X", "-q", "-d", database, "-v", "ON_ERROR_STOP=1", "-f", path)

    def client(self, name, *words):
        subprocess.run(
            [name, "-h", str(self.folder), "-U", "postgres", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
