"""Real nodes under load while they are killed, stopped, run out of disk or lose the network: nothing that
was acknowledged is lost, nothing is done twice, and all meet again. ANABRANCH_FAULT_SECONDS=600 makes each
campaign that long; otherwise they are short. What the kernel does not offer here is skipped."""
import fcntl
import heapq
import os
import random
import select
import shutil
import signal
import struct
import subprocess
import threading
import time
import unittest

import psycopg

from support import Cluster, small_file_system, wait_for

SECONDS = float(os.environ.get("ANABRANCH_FAULT_SECONDS", "0"))
SEED = int(os.environ.get("ANABRANCH_FAULT_SEED", str(random.randrange(1 << 32))))


class Client(threading.Thread):
    """Deposits 1 and withdraws 1 in turn, an account of its own, at one node; counts what it was told."""

    def __init__(self, node, account, durability="disk"):
        super().__init__(daemon=True)
        self.node, self.account, self.durability = node, account, durability
        self.over = threading.Event()
        self.deposited = self.withdrawn = 0  # acknowledged
        self.deposits_open = self.withdrawals_open = 0  # without an answer, or with one that leaves it open
        self.refused = 0

    def run(self):
        while not self.over.is_set():
            try:
                with psycopg.connect(
                    host=self.node.host,
                    port=self.node.sql,
                    user="app",
                    dbname="bank",
                    autocommit=True,
                    connect_timeout=2,
                ) as connection:
                    connection.execute("SET anabranch.order_timeout = '1s'")
                    connection.execute(f"SET anabranch.durability = '{self.durability}'")
                    while not self.over.is_set():
                        self.once(connection)
            except psycopg.Error:
                time.sleep(0.05)

    def once(self, connection):
        deposit = self.deposited <= 2 * self.withdrawn + 10
        try:
            procedure = "deposit" if deposit else "withdraw"
            connection.execute(f"CALL {procedure}({self.account}, 1)")
        except psycopg.Error as error:
            if error.sqlstate in ("57P03", "53100", "53200", "23514", "40001"):  # certainly not executed
                self.refused += 1
                time.sleep(0.01)
                return
            if deposit:
                self.deposits_open += 1
            else:
                self.withdrawals_open += 1
            if error.sqlstate != "40003":
                raise
        else:
            if deposit:
                self.deposited += 1
            else:
                self.withdrawn += 1

    def acknowledged(self):
        return self.deposited + self.withdrawn

    def check(self, balance, test):
        sure = self.deposited - self.withdrawn
        test.assertGreaterEqual(balance, sure - self.withdrawals_open, f"account {self.account}: lost")
        test.assertLessEqual(balance, sure + self.deposits_open, f"account {self.account}: done twice")


class Load:
    """Two clients for each node, one of them under durability quorum."""

    def __init__(self, test, nodes):
        self.test, self.nodes = test, nodes
        self.clients = []
        for number in range(2 * len(nodes)):
            nodes[0].query(f"CALL open_account({number + 1}, 'c')")
            node = nodes[number // 2]
            self.clients.append(Client(node, number + 1, "quorum" if number % 2 else "disk"))

    def __enter__(self):
        for node in self.nodes:
            wait_for(lambda node=node: node.query("SELECT count(*) FROM accounts") == str(len(self.clients)))
        for client in self.clients:
            client.start()
        self.each_gets_on("before the faults")
        return self

    def __exit__(self, *_):
        for client in self.clients:
            client.over.set()
        for client in self.clients:
            client.join(20)

    def each_gets_on(self, when):
        """Waits until every client has had another of its calls acknowledged."""
        before = [client.acknowledged() for client in self.clients]
        for client, had in zip(self.clients, before):
            wait_for(
                lambda client=client, had=had: client.acknowledged() > had,
                60,  # TCP may send again as late as it was cut off for
                f"a call of the client of account {client.account} at node {client.node.name}, {when}",
            )

    def finish(self):
        """After the faults: every client gets on again, all agree, and on what clients were told."""
        self.each_gets_on("after the faults")
        self.__exit__()
        for node in self.nodes:
            wait_for(node.ready, 30, f"node {node.name}")
        statement = "SELECT string_agg(id || '=' || balance, ' ' ORDER BY id) FROM accounts"
        wait_for(lambda: len({node.query(statement) for node in self.nodes}) == 1, 30, "agreement")
        wait_for(
            lambda: len({str(sorted(map(str, n.status()["tables"]))) for n in self.nodes}) == 1,
            30,
            "equal digests",
        )
        balances = dict(pair.split("=") for pair in self.nodes[0].query(statement).split())
        for client in self.clients:
            client.check(int(balances[str(client.account)]), self.test)
        print(
            f"{self.test.id().split('.')[-1]}: seed {SEED},"
            f" {sum(c.acknowledged() for c in self.clients)} acknowledged,"
            f" {sum(c.deposits_open + c.withdrawals_open for c in self.clients)} open,"
            f" {sum(c.refused for c in self.clients)} refused"
        )


def campaign(short, act):
    """Calls act(round) for `short` rounds, or for as long as is asked for."""
    end = time.monotonic() + SECONDS
    number = 0
    while number < short or time.monotonic() < end:
        act(number)
        number += 1


class Processes(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)

    def test_kill_9_again_and_again_under_load(self):
        with Cluster(3) as cluster, Load(self, cluster.nodes) as load:

            def act(number):
                victim = cluster.nodes[number % 3]
                time.sleep(self.random.uniform(0.1, 0.8))
                victim.kill()
                if self.random.random() < 0.3:  # sometimes two: no majority
                    other = self.random.choice(cluster.others(victim))
                    other.kill()
                    time.sleep(self.random.uniform(0, 0.3))
                    other.start(cluster.nodes)
                    wait_for(other.ready, 30, "restart")
                time.sleep(self.random.uniform(0, 0.5))
                victim.start(cluster.nodes)
                wait_for(victim.ready, 30, "restart")

            campaign(4, act)
            load.finish()

    def test_a_node_stands_still_for_a_while(self):
        with Cluster(3) as cluster, Load(self, cluster.nodes) as load:

            def act(number):
                victim = cluster.wait_primary() if number % 2 == 0 else self.random.choice(cluster.nodes)
                victim.process.send_signal(signal.SIGSTOP)
                time.sleep(self.random.uniform(5, 60) if SECONDS else 2)
                victim.process.send_signal(signal.SIGCONT)
                time.sleep(self.random.uniform(0.2, 1))

            campaign(2, act)
            load.finish()

    def test_the_disk_of_a_node_fills_up_and_is_emptied(self):
        folder = small_file_system(self, "80m")
        with Cluster(3, prepare=lambda nodes: setattr(nodes[2], "data", str(folder / "c"))) as cluster:
            c = cluster.nodes[2]
            with Load(self, cluster.nodes) as load:

                def act(_):
                    with open(folder / "filler", "wb", buffering=0) as filler:
                        try:
                            while True:
                                filler.write(bytes(65536))
                        except OSError:
                            pass
                    end = time.monotonic() + (20 if SECONDS else 4)
                    while time.monotonic() < end and c.process.poll() is None:
                        out, problem = c.psql("CALL rename_owner(1, repeat('n', 900000))")
                        if "53100" in problem:
                            break
                    self.assertIsNone(c.process.poll(), "the node has stopped")
                    # In a long campaign it may have fallen behind so far that it fetches a state.
                    self.assertTrue("53100" in problem or "57P03" in problem, problem)
                    if self.random.random() < 0.5:
                        c.kill()
                        c.start(cluster.nodes)
                        time.sleep(1)
                    (folder / "filler").unlink()
                    wait_for(c.ready, 30, "room again")

                campaign(1, act)
                load.finish()


class Spaces(unittest.TestCase):
    """Each node in a network namespace of its own; what connects them is up to the class."""

    def sh(self, *words):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise OSError(" ".join(words) + ": " + done.stderr.strip())

    def setUp(self):
        if os.geteuid() != 0 or shutil.which("ip") is None:
            self.skipTest("needs root and ip(8) for network namespaces")
        self.random = random.Random(SEED)
        self.tag = f"ab{os.getpid() % 100000}"
        self.subnet = f"10.213.{self.random.randrange(256)}"
        self.names = []
        self.addCleanup(self.remove)
        try:
            self.connect_host()
            for i in range(3):
                space = f"{self.tag}n{i}"
                self.sh("ip", "netns", "add", space)
                self.names.append(space)
                self.connect(i, space)
                self.sh("ip", "-n", space, "link", "set", "lo", "up")
        except OSError as error:
            self.skipTest(f"cannot make network namespaces here: {error}")

    def remove(self):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def cluster(self):
        def prepare(nodes):
            for i, node in enumerate(nodes):
                node.host = f"{self.subnet}.{i + 1}"
                node.wrapper = ["ip", "netns", "exec", self.names[i]]

        return Cluster(3, flags=["--trust"], prepare=prepare)


class Cables(Spaces):
    """A cable from each node to a bridge."""

    def connect_host(self):
        self.sh("ip", "link", "add", self.tag, "type", "bridge")
        self.sh("ip", "addr", "add", f"{self.subnet}.254/24", "dev", self.tag)
        self.sh("ip", "link", "set", self.tag, "up")

    def connect(self, i, space):
        cable = f"{self.tag}v{i}"
        self.sh("ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
        self.sh("ip", "link", "set", cable, "master", self.tag, "up")
        self.sh("ip", "-n", space, "addr", "add", f"{self.subnet}.{i + 1}/24", "dev", "eth0")
        self.sh("ip", "-n", space, "link", "set", "eth0", "up")

    def remove(self):
        super().remove()
        subprocess.run(["ip", "link", "del", self.tag], capture_output=True, check=False)

    def cable(self, i, state):
        self.sh("ip", "link", "set", f"{self.tag}v{i}", state)

    def test_cables_are_pulled_and_put_back_under_load(self):
        with self.cluster() as cluster, Load(self, cluster.nodes) as load:

            def act(_):
                pulled = self.random.sample(range(3), self.random.choice((1, 1, 2)))
                for i in pulled:
                    self.cable(i, "down")
                time.sleep(self.random.uniform(0.5, 20 if SECONDS else 2))
                for i in pulled:
                    self.cable(i, "up")
                time.sleep(self.random.uniform(0.5, 2))

            campaign(2, act)
            load.finish()


class Switch(threading.Thread):
    """Carries IP packets between tunnel devices, and does to those between nodes what a bad network does:
    loses some, sends some twice, and delays each by a time of its own, so that they overtake each other."""

    def __init__(self, seed):
        super().__init__(daemon=True)
        self.random = random.Random(seed)
        self.ports = {}  # last byte of the address -> file
        self.loss = self.twice = 0.0
        self.delay = (0.0, 0.0)  # seconds
        self.carried = self.lost = self.doubled = self.overtaken = 0
        self.over = threading.Event()

    def add(self, last, name):
        port = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        self.ports[last] = port
        tun_set_interface, tun_without_header = 0x400454CA, 0x1001
        fcntl.ioctl(port, tun_set_interface, struct.pack("16sH", name.encode(), tun_without_header))

    def run(self):
        poller = select.poll()
        for port in self.ports.values():
            poller.register(port, select.POLLIN)
        waiting = []  # (when, number, port, packet)
        number, newest = 0, {}
        while not self.over.is_set():
            pause = max(0.0, waiting[0][0] - time.monotonic()) if waiting else 0.1
            for port, _ in poller.poll(min(pause, 0.1) * 1000):
                for packet in self.read(port):
                    if len(packet) < 20 or packet[0] >> 4 != 4 or packet[19] not in self.ports:
                        continue
                    number += 1
                    for when in self.times(packet[15], packet[19]):
                        heapq.heappush(waiting, (when, number, self.ports[packet[19]], packet))
            while waiting and waiting[0][0] <= time.monotonic():
                _, at, port, packet = heapq.heappop(waiting)
                self.overtaken += at < newest.get((packet[15], port), 0)
                newest[packet[15], port] = max(at, newest.get((packet[15], port), 0))
                try:
                    os.write(port, packet)
                except OSError:
                    pass  # the other end is full, or gone

    def read(self, port):
        for _ in range(64):
            try:
                yield os.read(port, 65536)
            except OSError:
                return

    def times(self, source, target):
        """When a packet arrives: never, once or twice."""
        now = time.monotonic()
        if source == HOST or target == HOST:
            return [now]
        self.carried += 1
        if self.random.random() < self.loss:
            self.lost += 1
            return []
        doubled = self.random.random() < self.twice
        self.doubled += doubled
        return [now + self.random.uniform(*self.delay) for _ in range(1 + doubled)]

    def close(self):
        self.over.set()
        if self.is_alive():
            self.join()
        for port in self.ports.values():
            os.close(port)


HOST = 254


class LossyLinks(Spaces):
    """Real packets over a switch of our own, since not every kernel can lose packets on request."""

    def connect_host(self):
        self.switch = Switch(SEED)
        self.addCleanup(self.switch.close)
        self.switch.add(HOST, self.tag)
        self.sh("ip", "addr", "add", f"{self.subnet}.{HOST}/24", "dev", self.tag)
        self.sh("ip", "link", "set", self.tag, "up")

    def connect(self, i, space):
        device = f"{self.tag}t{i}"
        self.switch.add(i + 1, device)
        self.sh("ip", "link", "set", device, "netns", space)
        self.sh("ip", "-n", space, "addr", "add", f"{self.subnet}.{i + 1}/24", "dev", device)
        self.sh("ip", "-n", space, "link", "set", device, "up")

    def test_links_lose_double_delay_and_reorder_packets_under_load(self):
        self.switch.start()
        with self.cluster() as cluster, Load(self, cluster.nodes) as load:

            def act(number):
                self.switch.loss = (0.02, 0.1, 0.3)[number % 3]
                self.switch.twice = 0.02
                self.switch.delay = (0.001, self.random.choice((0.005, 0.03)))
                time.sleep(self.random.uniform(1, 20 if SECONDS else 3))

            campaign(3, act)
            self.switch.loss = self.switch.twice = 0.0
            load.finish()
        for count in (self.switch.lost, self.switch.doubled, self.switch.overtaken):
            self.assertGreater(count, 20, vars(self.switch))


if __name__ == "__main__":
    unittest.main()
