"""TLS between nodes: each proves by a certificate of the cluster's authority which node it is."""
import socket
import ssl
import struct
import unittest

from support import BANK, Cluster, Node, free_ports, make_certificate, program, wait_for


def flags(certificate, key, authority):
    return ["--cluster-certificate", certificate, "--cluster-key", key, "--cluster-ca", authority]


class ClusterTls(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(3)
        self.folder = self.cluster.folder
        self.addCleanup(self.cluster.__exit__)
        self.authority = make_certificate(self.folder, "authority")
        for node in self.cluster.nodes:
            node.flags = self.flags_of(make_certificate(self.folder, node.name, *self.authority))

    def flags_of(self, pair, authority=None):
        return [str(word) for word in flags(*pair, authority or self.authority[0])]

    def start(self):
        for node in self.cluster.nodes:
            node.start(self.cluster.nodes)
        for node in self.cluster.nodes:
            wait_for(node.ready, what=f"node {node.name}")

    def start_again_with(self, flags_of_c):
        """c was a member like the others; now it comes with these flags, and a and b go on without it."""
        self.start()
        self.cluster.wait_primary()
        a, b, c = self.cluster.nodes
        a.query("CALL open_account(1, 'ann')")
        wait_for(lambda: c.query("SELECT balance FROM accounts") == "0", what="the account at c")
        c.stop()
        c.flags = flags_of_c
        c.start(self.cluster.nodes)
        wait_for(c.ready, what="node c")
        a.query("CALL deposit(1, 5)")
        wait_for(lambda: b.query("SELECT balance FROM accounts") == "5", what="the deposit at b")

    def check_that_c_gets_nothing(self):
        c = self.cluster.nodes[2]
        self.assertEqual(c.query("SELECT balance FROM accounts"), "0")
        self.assertFalse(any(r["connected"] for r in c.status()["replicas"] if not r["self"]))

    def test_three_nodes_with_certificates_of_one_authority_converge(self):
        self.start()
        self.cluster.wait_primary()
        for number, node in enumerate(self.cluster.nodes):
            self.assertIn("TLS, peers show certificates", node.log.read_text())
            node.query(f"CALL open_account({number}, 'x')")
            node.query(f"CALL deposit({number}, {10 + number})")
        self.assertEqual(self.cluster.agree("SELECT sum(balance) FROM accounts"), "33")
        self.cluster.nodes[0].query("CALL withdraw(0, 3)")
        wait_for(lambda: len(self.cluster.digests()) == 1, what="equal digests")

    def test_a_node_with_a_certificate_of_another_authority_is_refused(self):
        foreign = make_certificate(self.folder, "foreign")
        pair = make_certificate(self.folder, "foreign_c", *foreign, subject="/CN=c")
        self.start_again_with(self.flags_of(pair, foreign[0]))
        a, _, c = self.cluster.nodes
        for node, words in (
            (a, "its certificate is not accepted"),
            (a, "peer c at 127.0.0.1:"),
            (c, "peer a at 127.0.0.1:"),
        ):
            node.wait_said(words)
        self.check_that_c_gets_nothing()

    def test_a_node_without_certificates_is_refused(self):
        self.start_again_with([])
        a, _, c = self.cluster.nodes
        a.wait_said("does not speak TLS")
        a.wait_said("peer c at 127.0.0.1:")
        self.check_that_c_gets_nothing()
        c.wait_said("it speaks TLS, and this node was started without")

    def test_no_node_can_pass_for_another(self):
        pair = make_certificate(self.folder, "b2", *self.authority, subject="/CN=b")
        self.cluster.nodes[2].flags = self.flags_of(pair)
        self.cluster.nodes[2].start(self.cluster.nodes)
        self.assertNotEqual(self.cluster.nodes[2].process.wait(30), 0)
        self.assertIn("it is for /CN=b, not for node c", self.cluster.nodes[2].log.read_text())
        # What calls itself a, with the certificate of c.
        hello = self.greeting_of_a()
        b = self.cluster.nodes[1]
        b.start(self.cluster.nodes)
        wait_for(b.ready, what="node b")
        context = ssl.create_default_context(cafile=str(self.authority[0]))
        context.check_hostname = False
        context.load_cert_chain(*make_certificate(self.folder, "c", *self.authority))
        with socket.create_connection(("127.0.0.1", b.gossip), 10) as raw:
            with context.wrap_socket(raw) as wire:
                wire.sendall(hello)
                self.assertEqual(wire.recv(1), b"")
        b.wait_said("/CN=c calls itself a, and its certificate is not that node's")
        # What does not even have one of the authority.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.load_cert_chain(*make_certificate(self.folder, "foreign"))
        with socket.create_connection(("127.0.0.1", b.gossip), 10) as raw:
            with self.assertRaises(OSError), context.wrap_socket(raw) as wire:
                wire.sendall(hello)
                self.assertEqual(wire.recv(1), b"")
                raise OSError("hung up")
        b.wait_said("a certificate of /CN=foreign refused: its certificate is not accepted")

    def greeting_of_a(self):
        """What a node without TLS says first: a frame with its name in it."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            ports = free_ports(3)
            node = Node("a", self.folder, ports)
            peers = [Node(name, self.folder, (0, listener.getsockname()[1], 0)) for name in "bc"]
            node.start(peers)
            try:
                listener.settimeout(20)
                with listener.accept()[0] as wire:
                    head = wire.recv(4, socket.MSG_WAITALL)
                    return head + wire.recv(struct.unpack("<I", head)[0], socket.MSG_WAITALL)
            finally:
                node.stop()

    def test_files_that_cannot_serve_stop_the_start_and_are_named(self):
        own = make_certificate(self.folder, "x", *self.authority)
        foreign = make_certificate(self.folder, "foreign")
        open_key = self.folder / "open.key"
        open_key.write_bytes(own[1].read_bytes())
        ports = ["--sql", "127.0.0.1:0", "--gossip", "127.0.0.1:0", "--http", "127.0.0.1:0"]
        start = ["node", BANK, "--name", "x", "--data", str(self.folder / "x"), *ports]
        for given, words in (
            (self.flags_of(own)[:4], "--cluster-ca"),
            (self.flags_of((own[0], open_key)), "chmod 600"),
            (self.flags_of((own[0], foreign[1])), "foreign.key"),
            (self.flags_of(own, foreign[0]), "signed by the authority"),
            (self.flags_of(own, open_key), "open.key"),
        ):
            with self.subTest(given):
                done = program(*start, *given)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
