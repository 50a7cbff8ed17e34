"""A network in namespaces: an attacker, a host, and a container behind the host's published port 8080, for IPv4 and IPv6.

    attacker 198.51.100.2, .3, 2001:db8:1::2, ::3 ── host 198.51.100.1, 2001:db8:1::1 ── container 172.17.0.2, fd00:17::2
                                                     8080 is sent on to port 80 of the container, as docker does

    with Lab() as lab:
        lab.listen("host", 2222)
        connection = lab.connect(2222)
        lab.run("host", "nft", "-f", "-", text=rules)
        assert not lab.is_alive(connection) and not lab.reaches(2222)

Needs root, iproute2 and nft. Run by itself it tries the agent's ruleset, as `nft list` shows it, and says what it cuts.
"""

import contextlib
import ctypes
import os
import socket
import subprocess
import sys
import threading

CLONE_NEWNET = 0x40000000
PARTS = ("attacker", "host", "container")
HOST = {4: "198.51.100.1", 6: "2001:db8:1::1"}
ATTACKER = {4: "198.51.100.2", 6: "2001:db8:1::2"}
# Another one behind the same wire, who has done nothing.
OTHER = {4: "198.51.100.3", 6: "2001:db8:1::3"}
PUBLISHED = 8080
# Seconds after which a packet that is not answered is taken for dropped.
PATIENCE = 0.7

DNAT = """
table inet docker {
  chain published {
    type nat hook prerouting priority dstnat;
    meta nfproto ipv4 tcp dport 8080 dnat ip to 172.17.0.2:80
    meta nfproto ipv6 tcp dport 8080 dnat ip6 to [fd00:17::2]:80
  }
}
"""


class Lab:
    """The three namespaces; gone when the block ends, with what runs in them."""

    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.names = {part: "tocsin-%d-%s" % (os.getpid(), part) for part in PARTS}
        self.own = None
        self.sockets = []

    def __enter__(self):
        self.own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.build()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for name in self.names.values():
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
        os.close(self.own)

    def build(self):
        for part in PARTS:
            subprocess.run(["ip", "netns", "add", self.names[part]], check=True)
            self.run(part, "ip", "link", "set", "lo", "up")
        self.wire("attacker", "host", "wan")
        self.wire("host", "container", "lan")
        for version, bits in ((4, 24), (6, 64)):
            self.address("host", "wan", HOST[version], bits)
            for address in (ATTACKER[version], OTHER[version]):
                self.address("attacker", "wan", address, bits)
            self.run("attacker", "ip", "route", "add", "default", "via", HOST[version])
        for version, host, container, bits in ((4, "172.17.0.1", "172.17.0.2", 16), (6, "fd00:17::1", "fd00:17::2", 64)):
            self.address("host", "lan", host, bits)
            self.address("container", "lan", container, bits)
            self.run("container", "ip", "route", "add", "default", "via", host)
        for name in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
            self.run("host", "sh", "-c", "echo 1 > /proc/sys/" + name)
        self.run("host", "nft", "-f", "-", text=DNAT)

    def wire(self, one, other, name):
        self.run(one, "ip", "link", "add", name, "type", "veth", "peer", "name", name, "netns", self.names[other])
        for part in (one, other):
            self.run(part, "ip", "link", "set", name, "up")

    def address(self, part, device, address, bits):
        # Without duplicate address detection, which takes a second.
        nodad = ["nodad"] if ":" in address else []
        self.run(part, "ip", "address", "add", "%s/%d" % (address, bits), "dev", device, *nodad)

    def run(self, part, *command, text=None):
        """Runs a command in a part's namespace and returns what it prints."""
        done = subprocess.run(["ip", "netns", "exec", self.names[part], *command], input=text, capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError("%s: %s" % (" ".join(command), done.stderr.strip() or done.stdout.strip()))
        return done.stdout

    def popen(self, part, *command, **options):
        """Starts a command in a part's namespace: the agent on the host, say. Whoever starts it ends it."""
        return subprocess.Popen(["ip", "netns", "exec", self.names[part], *command], **options)

    @contextlib.contextmanager
    def within(self, part):
        """The calling thread is in a part's namespace; sockets that it makes there stay there."""
        there = os.open("/run/netns/" + self.names[part], os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.enter(there)
            yield
        finally:
            self.enter(self.own)
            os.close(there)

    def enter(self, descriptor):
        if self.libc.setns(descriptor, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def listen(self, part, port):
        """Answers on a port of a part, over IPv4 and IPv6, with what it gets."""
        with self.within(part):
            listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        self.sockets.append(listener)
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.sockets.append(connection)
            threading.Thread(target=self.echo, args=(connection,), daemon=True).start()

    @staticmethod
    def echo(connection):
        with contextlib.suppress(OSError):
            while data := connection.recv(4096):
                connection.sendall(data)

    def connect(self, port, version=4, source=None):
        """A connection from the attacker to a port of the host, or None where there is no answer or a refusal."""
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        with self.within("attacker"):
            one = socket.socket(family, socket.SOCK_STREAM)
            try:
                one.settimeout(PATIENCE)
                one.bind((source or ATTACKER[version], 0))
                one.connect((HOST[version], port))
            except OSError:
                one.close()
                return None
        self.sockets.append(one)
        return one if self.is_alive(one) else None

    def is_alive(self, connection):
        """Whether what is sent on a connection comes back."""
        try:
            connection.settimeout(PATIENCE)
            connection.sendall(b"x")
            return connection.recv(1) == b"x"
        except OSError:
            return False

    def reaches(self, port, version=4, source=None):
        connection = self.connect(port, version, source)
        if connection is None:
            return False
        connection.close()
        return True

    def is_banned(self, set_name, address, table="tocsin"):
        """Whether the host's kernel has an address in a set."""
        done = subprocess.run(["ip", "netns", "exec", self.names["host"], "nft", "get", "element", "inet", table, set_name,
                               "{ %s }" % address], capture_output=True, text=True, check=False)
        return done.returncode == 0


# What `nft list table inet tocsin` says of a jail that bans altogether and one that bans from port 2222.
RULESET = """
table inet tocsin {
  set bans_ip4_32 { type ipv4_addr; flags timeout; }
  set bans_ip6_64 { type ipv6_addr; flags timeout; }
  set bans_ip4_24 { type ipv4_addr; flags timeout; }
  set bans_tcp_2222_ip4_32 { type ipv4_addr; flags timeout; }
  set bans_tcp_2222_ip6_128 { type ipv6_addr; flags timeout; }
  set allowed_ip4_32 { type ipv4_addr; flags timeout; }
  chain prerouting {
    type filter hook prerouting priority -310; policy accept;
    meta iiftype loopback return
    jump allowed
    jump bans
    tcp dport 2222 jump bans_tcp_2222
  }
  chain allowed {
    ip saddr @allowed_ip4_32 counter accept
  }
  chain bans {
    ip saddr @bans_ip4_32 counter drop
    ip saddr & 255.255.255.0 == @bans_ip4_24 counter drop
    ip6 saddr & ffff:ffff:ffff:ffff:: == @bans_ip6_64 counter drop
  }
  chain bans_tcp_2222 {
    ip saddr @bans_tcp_2222_ip4_32 counter drop
    ip6 saddr @bans_tcp_2222_ip6_128 counter drop
  }
}
"""

# Set, element, IP version, and whether port 2222, port 8080 and another address at port 2222 still answer.
TRIALS = (
    ("bans_ip4_32", ATTACKER[4], 4, False, False, True),
    ("bans_ip4_24", "198.51.100.0", 4, False, False, False),
    ("bans_ip6_64", "2001:db8:1::", 6, False, False, False),
    ("bans_tcp_2222_ip4_32", ATTACKER[4], 4, False, True, True),
    ("bans_tcp_2222_ip6_128", ATTACKER[6], 6, False, True, True),
)


def try_ruleset(lab):
    """Bans in each way, with connections open and new ones tried; yields what was found wrong."""
    lab.listen("host", 2222)
    lab.listen("container", 80)
    lab.run("host", "nft", "-f", "-", text=RULESET)
    for name, element, version, host, container, other in TRIALS:
        open_ones = [lab.connect(2222, version), lab.connect(PUBLISHED, version), lab.connect(2222, version, OTHER[version])]
        if None in open_ones:
            yield "%s: there is no connection before the ban" % name
            continue
        lab.run("host", "nft", "add element inet tocsin %s { %s timeout 60s }" % (name, element))
        for what, connection, wanted in zip(("host", "container", "other"), open_ones, (host, container, other)):
            if lab.is_alive(connection) != wanted:
                yield "%s: the connection to %s that was there is %s" % (name, what, "cut" if wanted else "not cut")
        for what, port, source, wanted in (("host", 2222, None, host), ("container", PUBLISHED, None, container),
                                           ("other", 2222, OTHER[version], other)):
            if lab.reaches(port, version, source) != wanted:
                yield "%s: a new connection to %s is %s" % (name, what, "refused" if wanted else "let through")
        lab.run("host", "nft", "delete element inet tocsin %s { %s }" % (name, element))
        if not lab.reaches(2222, version) or not lab.reaches(PUBLISHED, version):
            yield "%s: there is no connection after the ban" % name
    lab.run("host", "nft", "add element inet tocsin bans_ip4_24 { 198.51.100.0 }")
    lab.run("host", "nft", "add element inet tocsin allowed_ip4_32 { %s }" % ATTACKER[4])
    if not lab.reaches(2222) or lab.reaches(2222, 4, OTHER[4]):
        yield "who is allowed is not let through a ban of their network, or others are"


if __name__ == "__main__":
    with Lab() as laboratory:
        PROBLEMS = list(try_ruleset(laboratory))
    print("\n".join(PROBLEMS) or "new and open connections to host and container are cut by %d kinds of bans" % len(TRIALS))
    sys.exit(1 if PROBLEMS else 0)
