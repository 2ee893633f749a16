"""Real nodes, real PostgreSQL: what the interop tests share. All on loopback, on free ports."""
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from postgres import Postgres  # noqa: E402, F401

ROOT = pathlib.Path(os.environ.get("ANABRANCH_SOURCE_ROOT", pathlib.Path(__file__).parents[2]))
PROGRAM = os.environ.get("ANABRANCH_PROGRAM", str(ROOT / "build" / "anabranch"))
BANK = str(ROOT / "tools" / "examples" / "bank.sql")


def free_ports(count):
    """Not of those that the kernel gives to whoever calls out: such a port might be taken, by chance, before
    its node listens, or while that is down."""
    sockets = []
    while len(sockets) < count:
        one = socket.socket()
        try:
            one.bind(("127.0.0.1", random.randrange(10000, 32768)))
            sockets.append(one)
        except OSError:
            one.close()
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def wait_for(condition, seconds=20, what="the condition"):
    """The first true value of condition(), polled; exceptions count as not yet."""
    end = time.monotonic() + seconds
    while True:
        try:
            value = condition()
            if value:
                return value
        except (OSError, subprocess.SubprocessError):
            pass
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {seconds} s")
        time.sleep(0.05)


def program(*words, **options):
    options.setdefault("timeout", 60)
    return subprocess.run(
        [PROGRAM, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **options
    )


def small_file_system(test, size):
    """A folder of its own file system, removed after the test; skips the test where none can be made."""
    if os.geteuid() != 0:
        test.skipTest("needs root for a small file system")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="anabranch-interop-"))
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True, check=False).returncode != 0:
        shutil.rmtree(folder)
        test.skipTest("cannot mount a small file system here")
    test.addCleanup(
        lambda: (
            subprocess.run(["umount", "-l", str(folder)], check=False),
            shutil.rmtree(folder, ignore_errors=True),
        )
    )
    return folder


def make_certificate(folder, name, *signed_by, subject=None, names=None):
    """A certificate and its key; without `signed_by` one that signs itself, and can sign others."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-days", "2", "-subj", subject or f"/CN={name}", "-keyout", key, "-out", certificate]
    if names:
        words += ["-addext", f"subjectAltName={names}"]
    if signed_by:
        words += ["-CA", signed_by[0], "-CAkey", signed_by[1]]
    subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=30)
    os.chmod(key, 0o600)
    return certificate, key


class Node:
    def __init__(self, name, folder, ports, schema=BANK):
        self.name, self.folder, self.schema = name, folder, schema
        self.sql, self.gossip, self.http = ports
        self.data = str(folder / name)
        self.log = folder / f"{name}.log"
        self.process = None
        self.flags = []
        self.host = "127.0.0.1"
        self.wrapper = []  # words in front of the program's

    def words(self, peers):
        words = [
            "node",
            self.schema,
            "--name",
            self.name,
            "--data",
            self.data,
            "--sql",
            f"{self.host}:{self.sql}",
            "--gossip",
            f"{self.host}:{self.gossip}",
            "--http",
            f"{self.host}:{self.http}",
            *self.flags,
        ]
        for peer in peers:
            if peer is not self:
                words += ["--peer", f"{peer.name}={peer.host}:{peer.gossip}"]
        return words

    def start(self, peers):
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, PROGRAM, *self.words(peers)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"node {self.name} has ended:\n{self.log.read_text()}")
        with urllib.request.urlopen(f"http://{self.host}:{self.http}/readyz", timeout=2) as answer:
            return answer.status == 200

    def wait_said(self, words, seconds=20):
        """What a node does can be seen elsewhere before its log tells."""
        wait_for(lambda: words in self.log.read_text(), seconds, f'"{words}" in the log of {self.name}')

    def status(self):
        with urllib.request.urlopen(f"http://{self.host}:{self.http}/status", timeout=5) as answer:
            return json.load(answer)

    def is_primary(self):
        return (
            any(r["self"] and r["primary"] for r in self.status()["replicas"])
            and self.status()["order"]["may_execute"]
        )

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()

    def psql(self, *statements, variables=()):
        """(stdout, stderr) of psql, unaligned, without headers."""
        words = [
            "psql",
            "-X",
            "-q",
            "-A",
            "-t",
            "-h",
            self.host,
            "-p",
            str(self.sql),
            "-U",
            "app",
            "-d",
            "bank",
            "-v",
            "VERBOSITY=verbose",
        ]
        for statement in statements:
            words += ["-c", statement]
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout.strip(), done.stderr.strip()

    def query(self, statement):
        out, problem = self.psql(statement)
        if problem:
            raise AssertionError(f"{statement} at {self.name}: {problem}")
        return out


class Cluster:
    """Nodes of one schema; `with Cluster(3) as cluster:` stops them and removes their data."""

    def __init__(self, count, schema=BANK, flags=(), prepare=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="anabranch-interop-"))
        ports = free_ports(3 * count)
        self.nodes = [
            Node(chr(ord("a") + i), self.folder, ports[3 * i : 3 * i + 3], schema) for i in range(count)
        ]
        for node in self.nodes:
            node.flags = list(flags)
        if prepare:
            prepare(self.nodes)

    def __enter__(self):
        for node in self.nodes:
            node.start(self.nodes)
        for node in self.nodes:
            wait_for(node.ready, what=f"node {node.name}")
        self.wait_primary()
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait_primary(self, among=None):
        def find():
            return next(
                (n for n in (among or self.nodes) if n.process.poll() is None and n.is_primary()), None
            )

        return wait_for(find, what="a primary")

    def others(self, node):
        return [n for n in self.nodes if n is not node]

    def agree(self, statement, seconds=5):
        """All nodes give one answer to the statement, within the time; that answer."""

        def same():
            answers = set()
            for node in self.nodes:
                out, problem = node.psql(statement)
                if "57P03" in problem:
                    return False  # it fetches a state, or waits for the primary
                if problem:
                    raise AssertionError(f"{statement} at {node.name}: {problem}")
                answers.add(out)
            return len(answers) == 1

        wait_for(same, seconds, "agreement")
        return self.nodes[0].query(statement)

    def digests(self):
        return {json.dumps(node.status()["tables"], sort_keys=True) for node in self.nodes}


if __name__ == "__main__":
    unittest.main()
