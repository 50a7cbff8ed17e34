"""Bans that hold: a real kernel, real packets, a real sshd, in network namespaces."""

import json
import os
import shutil
import signal
import stat
import subprocess
import threading
import time

from agent import wait_for
from context import Skip, case
from journals import Journald
from netlab import ATTACKER, DNAT, HOST, Lab, OTHER, PUBLISHED

NFT = shutil.which("nft") or "/usr/sbin/nft"
SSHD = "/usr/sbin/sshd"
# What a host's own firewall looks like.
FIREWALL = """
table inet filter {
  chain input { type filter hook input priority filter; policy accept; ct state established,related accept; tcp dport 2222 accept; }
  chain forward { type filter hook forward priority filter; policy accept; }
  chain output { type filter hook output priority filter; }
}
"""


def lab(c):
    if os.geteuid() != 0 or not os.path.exists(NFT):
        raise Skip("needs root and nft")
    made = Lab()
    made.__enter__()
    c.closing.append(lambda: made.__exit__(None, None, None))
    return made


class Host:
    """The agent on the lab's host."""

    def __init__(self, c, network, **jails):
        self.network = network
        self.agent = c.agent([], [], jails={"mode": "enforce", **jails}, rules={"default_pack": False})
        self.start()

    def start(self):
        with self.network.within("host"):
            self.agent.start()
        # It answers before its jails run.
        if not wait_for(lambda: "bans" in json.loads(self.get("/api/bans")), 10):
            raise AssertionError("no jail runs: " + self.get("/api/bans"))

    def get(self, path):
        with self.network.within("host"):
            return self.agent.get(path, 30)[1]

    def command(self, *words, check=True):
        done = subprocess.run(
            ["ip", "netns", "exec", self.network.names["host"], self.agent.binary, *words, "--config", self.agent.path],
            capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise AssertionError("%s: %s" % (" ".join(words), done.stderr))
        return done.stdout + done.stderr

    def bans(self, jail=None):
        return json.loads(self.get("/api/bans" + ("?jail=" + jail if jail else "")))["bans"]


def door(c, **more):
    """A jail over a file of our own."""
    c.folder("logs")
    open(c.path("logs", "door.log"), "w").close()
    return {"name": "door", "files": [c.path("logs", "door.log")], "patterns": ["^doord: no entry from <ip>$"],
            "max_retry": 3, "ban_time": "1h", **more}


def knock(c, *addresses, times=3, text="no entry from"):
    """When the last line was written."""
    with open(c.path("logs", "door.log"), "a") as file:
        stamp = int(time.time())
        file.write("".join("%d doord: %s %s\n" % (stamp, text, one) for one in addresses for _ in range(times)))
    return time.monotonic()


@case("bans-packets")
def bans_packets(c):
    """Bans cut connections that are open and new ones, to the host and to a container behind a published port, over IPv4 and
    IPv6; nobody else. They stay while the agent restarts, come back when the ruleset is flushed, and end on time though the
    agent is dead."""
    network = lab(c)
    network.listen("host", 2222)
    network.listen("container", 80)
    host = Host(c, network, native=[
        door(c), door(c, name="short", patterns=["^doord: out with <ip>$"], ban_time="8s", ban_time_increment=False)])
    # IPv6 takes a moment to find its neighbors.
    c.eventually(lambda: all(network.reaches(port, version) for port in (2222, PUBLISHED) for version in (4, 6)), 10,
                 "the lab does not work")
    took = []
    for version in (4, 6):
        opened = [network.connect(port, version) for port in (2222, PUBLISHED)]
        c.require(all(opened), "no connections over IPv%d" % version)
        # Not all of its /64, in which the host itself is.
        name = "bans_ip4_32" if version == 4 else "bans_ip6_128"
        written = knock(c, ATTACKER[version])
        c.eventually(lambda: network.is_banned(name, ATTACKER[version]), 5, "the kernel has no ban over IPv%d" % version)
        took.append(time.monotonic() - written)
        c.require(not any(network.is_alive(one) for one in opened), "open connections go on over IPv%d" % version)
        c.require(not network.reaches(2222, version) and not network.reaches(PUBLISHED, version), "new connections work")
    c.require(network.reaches(2222, 4, OTHER[4]), "somebody else is cut off as well")
    # Away with everything, and then as Debian's /etc/nftables.conf does it at a reload of the firewall.
    network.run("host", "nft", "flush", "ruleset")
    flushed = time.monotonic()
    c.eventually(lambda: network.is_banned("bans_ip4_32", ATTACKER[4]), 3, "the bans do not come back")
    back = time.monotonic() - flushed
    c.require(not network.reaches(2222), "they are back and do not hold")
    network.run("host", "nft", "-f", "-", text="flush ruleset\n" + DNAT + FIREWALL)
    c.eventually(lambda: network.is_banned("bans_ip4_32", ATTACKER[4]), 3, "the bans do not come back after a reload of the firewall")
    c.require(network.reaches(2222, 4, OTHER[4]) and network.reaches(PUBLISHED, 4, OTHER[4]), "the reload cuts others off")
    for version in (4, 6):
        c.require(not any(network.reaches(port, version, ATTACKER[version]) for port in (2222, PUBLISHED)),
                  "not banned over IPv%d after a reload of the firewall" % version)
    first = host.bans()
    host.agent.kill()
    c.require(not network.reaches(2222), "the ban does not hold without the agent")
    host.start()
    c.require(sorted(one["ip"] for one in host.bans()) == sorted(one["ip"] for one in first), "a restart changes bans")
    c.require(not network.reaches(2222), "the ban does not hold after a restart")
    # One more, and then nobody is there to lift it.
    knock(c, OTHER[4], text="out with")
    c.eventually(lambda: network.is_banned("bans_ip4_32", OTHER[4]), 5, "no ban after a restart")
    since = time.monotonic()
    host.agent.kill()
    c.require(not network.reaches(2222, 4, OTHER[4]), "the ban does not hold without the agent")
    c.eventually(lambda: network.reaches(2222, 4, OTHER[4]), 12, "the ban does not end without the agent")
    lasted = time.monotonic() - since
    c.require(5 < lasted < 11, "a ban of 8 s lasted %.1f" % lasted)
    return "banned within %.0f and %.0f ms of the line, back %.0f ms after a flush" % (took[0] * 1000, took[1] * 1000, back * 1000)


@case("bans-commands")
def bans_commands(c):
    """Bans by hand, by network, refused ones, forgiveness, history, explanations; a jail's own port; a jail that only observes; what
    goes with a reload."""
    network = lab(c)
    network.listen("host", 2222)
    network.listen("host", 2223)
    host = Host(c, network, native=[
        door(c, ports=[2222]), {**door(c), "name": "watch", "mode": "observe"}])
    c.eventually(lambda: "f2b_jail_count 3" in host.get("/metrics"), 5, "there are not three jails")
    knock(c, ATTACKER[4])
    c.eventually(lambda: network.is_banned("bans_tcp_2222_ip4_32", ATTACKER[4]), 5, "no ban for the jail's port")
    c.require(not network.reaches(2222) and network.reaches(2223), "the ban is not for the jail's port alone")
    page = host.get("/metrics")
    for line in ('f2b_jail_banned_current{jail="door"} 1', 'f2b_jail_banned_current{jail="watch"} 0',
                 'tocsin_jail_observed_current{jail="watch"} 1', 'f2b_firewall_elements{jail="door"} 1',
                 "f2b_firewall_restores_total 0", "f2b_firewall_errors_total 0", 'f2b_firewall_packets_total{set="bans_tcp_2222_ip4_32"}',
                 'tocsin_ban_action_changes_total{action="firewall",change="ban",result="ok"} 1', 'tocsin_ban_action_queued{action="firewall"} 0',
                 'f2b_jail_failed_total{jail="door"} 3', "f2b_up 1"):
        c.require(line in page, "the page lacks " + line)
    c.require(ATTACKER[4] not in page, "an address is in the metrics")
    told = host.command("bans", "explain", ATTACKER[4])
    c.require("[door] is banned for another" in told and "[watch] would be banned" in told, told)
    c.require("[door] the kernel keeps it out" in told, told)
    c.require(host.command("bans", "remove", ATTACKER[4]).startswith("2 bans are ended"), "two jails have no ban to end")
    c.eventually(lambda: network.reaches(2222), 5, "forgiven, and still kept out")
    for refused, why in ((HOST[4], "address of this host"), ("127.0.0.1", "loopback"), ("0.0.0.0/0", "wider"), ("bob", "expected an address")):
        told = host.command("bans", "add", refused, check=False)
        c.require("tocsin bans add:" in told and why in told, "%s: %s" % (refused, told))
    c.require("is banned until" in host.command("bans", "add", "198.51.100.128/25", "--for", "1h"), "a network is not banned")
    c.require("observes" in host.command("bans", "add", ATTACKER[4], "--jail", "watch", check=False), "an observer bans")
    c.require("door" in host.command("bans", "add", ATTACKER[4], "--jail", "dor", check=False), "no hint at the jails there are")
    host.command("bans", "add", "2001:db8:1::2/127", "--for", "ever", "--comment", "enough")
    c.require(not network.reaches(2223, 6), "a network by hand is not kept out")
    listed = host.command("bans")
    c.require("for ever" in listed and "manual: enough" in listed, listed)
    # One that is refused keeps out none of the others; who is in a banned network is let in with it; slips forgive nobody.
    told = host.command("bans", "add", HOST[4], "203.0.113.0/25", check=False)
    c.require("address of this host" in told and "203.0.113.0/25 is banned" in told, told)
    with network.within("host"):
        for query in ("", "?ip=", "?jail=door", "?ip=203.0.113.5&all=true"):
            code = host.agent.request("POST", "/api/bans/remove" + query)[0]
            c.require(code == 400, "bans/remove%s is answered with %d" % (query, code))
    c.require("expected addresses" in host.command("bans", "remove", "", check=False), "nobody is named and somebody forgiven")
    c.require(host.command("bans", "remove", "203.0.113.5").startswith("1 ban is ended"), "the network's ban holds")
    for words in (("list",), ("export",), ("remove", "203.0.113.5")):
        told = host.command("bans", *words, "--jail", "dor", check=False)
        c.require('no jail is named "dor"' in told, "%s: %s" % (words, told))
    history = host.command("bans", "history", "--jail", "door")
    c.require("banned" in history and "forgotten" in history, history)
    # Without the jail its bans go, those by hand stay.
    knock(c, ATTACKER[4])
    c.eventually(lambda: network.is_banned("bans_tcp_2222_ip4_32", ATTACKER[4]), 5, "no second ban")
    host.agent.config["jails"]["native"] = [door(c, name="other")]
    host.agent.write()
    with network.within("host"):
        c.require(host.agent.request("POST", "/-/reload")[0] == 200, "it does not reload")
    c.eventually(lambda: network.reaches(2222), 5, "the jail is gone and its ban is not")
    c.require(not network.reaches(2223, 6), "a reload lifts bans by hand")
    c.require(host.command("bans", "remove", "--all").strip() == "2 bans are ended", "what is left is not two bans")
    c.eventually(lambda: network.reaches(2223, 6), 5, "all are forgiven, and one is kept out")


class Sshd:
    """A real sshd on the lab's host; what it says goes to a file as syslog daemons write it, and to a journal."""

    def __init__(self, c, network, journal):
        if not os.path.exists(SSHD) or not shutil.which("ssh"):
            raise Skip("needs openssh-server and openssh-client")
        self.network, self.journal = network, journal
        folder = c.folder("sshd")
        os.makedirs("/run/sshd", exist_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(folder, "key")], check=True)
        self.askpass = os.path.join(folder, "askpass")
        with open(self.askpass, "w") as file:
            file.write("#!/bin/sh\necho wrong\n")
        os.chmod(self.askpass, stat.S_IRWXU)
        self.log = open(c.path("logs", "auth.log"), "w", buffering=1)
        self.process = network.popen(
            "host", SSHD, "-D", "-e", "-f", "/dev/null", "-p", "2200", "-o", "HostKey=" + os.path.join(folder, "key"), "-o", "UsePAM=no",
            "-o", "PidFile=none", "-o", "MaxStartups=100", "-o", "StrictModes=no", "-o", "PermitRootLogin=yes",
            "-o", "AuthorizedKeysFile=" + os.path.join(folder, "key.pub"), stderr=subprocess.PIPE, text=True)
        c.closing.append(self.close)
        threading.Thread(target=self.relay, daemon=True).start()

    def relay(self):
        for line in self.process.stderr:
            line = line.rstrip("\r\n")
            self.log.write("%s host sshd[%d]: %s\n" % (time.strftime("%b %e %H:%M:%S"), self.process.pid, line))
            if self.journal is not None:
                self.journal.send(line.encode(), SYSLOG_IDENTIFIER=b"sshd", SYSLOG_PID=b"%d" % self.process.pid)

    def attack(self, version):
        """One login with wrong passwords; whether there was anybody to talk to."""
        done = self.network.popen(
            "attacker", "ssh", "-p", "2200", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=3",
            "-o", "NumberOfPasswordPrompts=3", "-o", "PubkeyAuthentication=no", "-b", ATTACKER[version], "root@" + HOST[version],
            env={**os.environ, "SSH_ASKPASS": self.askpass, "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            return "Permission denied" in done.communicate(timeout=6)[1]
        except subprocess.TimeoutExpired:
            # Cut off in the middle: nobody answers any more.
            done.kill()
            done.communicate()
            return False

    def login(self):
        """A session with a terminal, by key; it lasts until `logout`."""
        key = os.path.join(os.path.dirname(self.askpass), "key")
        session = self.network.popen(
            "attacker", "ssh", "-tt", "-i", key, "-p", "2200", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-b", ATTACKER[4], "root@" + HOST[4], "echo in; cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)
        if "in" not in session.stdout.readline():
            raise AssertionError("nobody can log in")
        return session

    @staticmethod
    def logout(session):
        session.stdin.close()
        session.kill()
        session.wait()

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


@case("bans-sshd", needs="journald")
def bans_sshd(c):
    """A real sshd is attacked with wrong passwords: through a file with our own filter over IPv4, and through a journal with fail2ban's
    over IPv6, it ends in a ban that the kernel enforces."""
    source = "/etc/fail2ban"
    if not os.path.exists(source + "/filter.d/sshd.conf"):
        raise Skip("fail2ban is not installed")
    network = lab(c)
    journal = Journald(c)
    c.folder("logs")
    sshd = Sshd(c, network, journal)
    settings = c.path("fail2ban")
    shutil.copytree(source, settings)
    with open(os.path.join(settings, "jail.local"), "w") as file:
        file.write("[sshd]\nenabled = true\nbackend = systemd[namespace=%s]\njournalmatch = SYSLOG_IDENTIFIER=sshd\n"
                   "port = 2200\nmaxretry = 3\nbanaction = nftables\n" % journal.name)
    host = Host(
        c, network, fail2ban={"config_dir": settings},
        native=[{"name": "ssh-file", "files": [c.path("logs", "auth.log")], "filter": "sshd", "max_retry": 3, "mode": "observe"}])
    c.eventually(lambda: len(json.loads(host.get("/api/jails"))["jails"]) == 3, 10, "there are not three jails")
    for version in (4, 6):
        c.eventually(lambda: not sshd.attack(version), 30, "the attacker is never kept out over IPv%d" % version)
        banned = host.bans("sshd")
        c.require(ATTACKER[version] in [one["ip"] for one in banned], "the journal leads to no ban: %s" % banned)
    seen = [one["ip"] for one in host.bans("ssh-file")]
    c.require(sorted(seen) == sorted([ATTACKER[4], ATTACKER[6]]), "by the file there would be %s" % seen)
    return "sshd=%d lines" % sum(1 for _ in open(c.path("logs", "auth.log")))


def utmp(c):
    """The file in which sshd writes who is logged in; made where there is none, and taken away then."""
    if not os.path.exists("/run/utmp"):
        open("/run/utmp", "w").close()
        c.closing.append(lambda: os.path.exists("/run/utmp") and os.remove("/run/utmp"))


@case("bans-action-reload")
def bans_action_reload(c):
    """A reload that changes nothing but where an action writes has it write there."""
    network = lab(c)
    paths = [c.path("one.txt"), c.path("two.txt")]

    def actions(path):
        return [{"name": "out", "file": {"path": path}}]

    host = Host(c, network, native=[door(c, actions=["firewall", "out"])], actions=actions(paths[0]))
    knock(c, ATTACKER[4])
    c.eventually(lambda: os.path.exists(paths[0]) and ATTACKER[4] in open(paths[0]).read(), 5, "the action does not write")
    host.agent.config["jails"]["actions"] = actions(paths[1])
    host.agent.write()
    with network.within("host"):
        c.require(host.agent.request("POST", "/-/reload")[0] == 200, "it does not reload")
    c.eventually(lambda: os.path.exists(paths[1]) and ATTACKER[4] in open(paths[1]).read(), 5, "it writes where it did")
    host.agent.terminate()


@case("bans-administrator")
def bans_administrator(c):
    """Somebody is logged in by a real sshd, and their address fails in a log as often as attackers do: they are not banned, the refusal is
    told in history, metrics and log, others are banned. Logged out, they are banned as well."""
    network = lab(c)
    c.folder("logs")
    utmp(c)
    sshd = Sshd(c, network, None)
    host = Host(c, network, native=[door(c)], firewall={"admin_ports": [2200]})
    session = sshd.login()
    c.closing.append(session.kill)
    if os.path.getsize("/run/utmp") == 0:
        raise Skip("this sshd writes no utmp")
    knock(c, ATTACKER[4], OTHER[4])
    c.eventually(lambda: network.is_banned("bans_ip4_32", OTHER[4]), 5, "somebody else is not banned")
    c.eventually(lambda: 'tocsin_jail_events_total{event="guarded",jail="door"} 1' in host.get("/metrics"), 5, "no refusal is counted")
    c.require(not network.is_banned("bans_ip4_32", ATTACKER[4]), "who is logged in is banned")
    c.require([one["ip"] for one in host.bans()] == [OTHER[4]], "bans: %s" % host.bans())
    history = host.command("bans", "history", ATTACKER[4])
    c.require("ignored" in history and "somebody is logged in from " + ATTACKER[4] in history, history)
    c.require("never banned here" in host.command("bans", "explain", ATTACKER[4]), "it is not explained")
    told = host.command("bans", "add", ATTACKER[4], check=False)
    c.require("somebody is logged in" in told, "a ban by hand: " + told)
    with open(host.agent.log) as log:
        c.require(any("not banned" in line and ATTACKER[4] in line for line in log), "the log does not tell")
    c.require(session.poll() is None, "the session has ended")
    sshd.logout(session)
    c.eventually(lambda: "never banned here" not in host.command("bans", "explain", ATTACKER[4]), 10, "it is still guarded after the end")
    knock(c, ATTACKER[4])
    c.eventually(lambda: network.is_banned("bans_ip4_32", ATTACKER[4]), 5, "logged out, and not banned")


@case("bans-broken-reload")
def bans_broken_reload(c):
    """A mistake in fail2ban's files lets nobody in: at a reload the jail goes on, at a start its bans stay; readiness names file and line until it is
    mended."""
    network = lab(c)
    folder = c.folder("fail2ban")
    jail = "[gate]\nenabled = true\nfilter = gate\nlogpath = %s\nmaxretry = 3\nbantime = 1h\n" % c.path("logs", "door.log")
    door(c)

    def write(name, text):
        path = os.path.join(folder, *name.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    good = {"jail.conf": jail + "action = iptables-allports\n", "filter.d/gate.conf": "[Definition]\nfailregex = no entry from <HOST>$\n",
            "action.d/iptables-allports.conf": "[Definition]\nactionban = iptables -I INPUT -s <ip> -j DROP\n[Init]\nblocktype = DROP\n"}
    for name, text in good.items():
        write(name, text)
    host = Host(c, network, fail2ban={"config_dir": folder})
    knock(c, ATTACKER[4])
    c.eventually(lambda: host.bans("gate"), 5, "no ban")

    def holds():
        return "[gate] the kernel keeps it out" in host.command("bans", "explain", ATTACKER[4])

    c.eventually(holds, 5, "the kernel does not know of the ban")
    for file, text, told in (("jail.conf", good["jail.conf"] + "[gate]\n", "jail.conf:8: section [gate] is there twice"),
                             ("jail.conf", good["jail.conf"].replace("= 3", "= x"), "jail.conf:5: jail [gate]: maxretry"),
                             ("filter.d/gate.conf", "[Definition]\nfailregex = (<HOST>\n", "gate.conf:2: failregex")):
        write(file, text)
        with network.within("host"):
            c.require(host.agent.request("POST", "/-/reload")[0] == 200, "it does not reload")
        c.eventually(lambda: told in host.get("/-/ready"), 5, "readiness does not tell %s" % told)
        c.require(host.bans("gate") and holds(), "a mistake lets in: " + told)
        knock(c, OTHER[4])
        c.eventually(lambda: len(host.bans("gate")) == 2, 5, "the jail does not go on: " + told)
        host.command("bans", "remove", OTHER[4])
        write(file, good[file])
        with network.within("host"):
            host.agent.request("POST", "/-/reload")
        c.eventually(lambda: told not in host.get("/-/ready"), 5, "readiness still tells %s" % told)
        c.require('f2b_errors{type="jail"} 0' in host.get("/metrics"), "what is mended is counted")
    # A start with a mistake: there is no jail that could go on, but whom it has banned stays out.
    write("jail.conf", good["jail.conf"].replace("= 3", "= x"))
    host.agent.kill()
    host.start()
    c.eventually(lambda: "jail [gate] does not run" in host.get("/-/ready"), 5, "readiness does not tell of the mistake")
    c.eventually(lambda: host.bans("gate") and holds(), 5, "a start with a mistake lets in")
    write("jail.conf", good["jail.conf"])
    with network.within("host"):
        host.agent.request("POST", "/-/reload")
    # Not the one who was just forgiven, within the same second.
    knock(c, "203.0.113.9")
    c.eventually(lambda: len(host.bans("gate")) == 2, 5, "what is mended does not run")
    c.require(holds(), "the first is out")


@case("bans-flood")
def bans_flood(c):
    """More attackers at once than may be banned: what is admitted and what waits is banned, what is beyond is neither in the state nor told
    as a ban, all are counted; memory stays; who fails afterwards is banned by a jail that wants one failure and by one that wants five."""
    network = lab(c)
    host = Host(c, network, firewall={"max_bans_per_minute": 1200},
                native=[door(c, max_retry=1), door(c, name="five", max_retry=5, ports=[2222])])
    count = 20_000

    def number(name):
        found = [line.rsplit(" ", 1)[1] for line in host.get("/metrics").splitlines() if line.startswith(name + " ")]
        return float(found[0]) if found else 0

    def resident():
        with open("/proc/%d/status" % host.agent.process.pid) as file:
            return [int(line.split()[1]) for line in file if line.startswith("VmRSS")][0] / 1024

    before = resident()
    knock(c, *("20.0.%d.%d" % (one >> 8, one & 255) for one in range(count)), times=1)
    c.eventually(lambda: number('tocsin_jail_lines_total{jail="five"}') >= count, 40, "the flood is not read")
    banned, dropped = number('f2b_jail_banned_total{jail="door"}'), number("f2b_bans_dropped_total")
    c.require(banned + dropped == count, "%d are banned or wait, %d dropped of %d" % (banned, dropped, count))
    c.require(11_000 < banned < 13_000, "%d are banned or wait" % banned)
    c.require(number('tocsin_jail_events_total{event="refused",jail="door"}') == dropped, "what is dropped is no refusal")
    c.require(number('f2b_jail_banned_current{jail="door"}') == banned, "what is dropped stands as a ban")
    c.require(number('f2b_jail_failed_current{jail="five"}') == count, "the other jail does not count them all")
    c.require(resident() - before < 60, "%d MiB more are resident" % (resident() - before))
    # The jail with five has its turn before what waits of the other; by hand nobody waits.
    knock(c, ATTACKER[4], times=5)
    c.eventually(lambda: network.is_banned("bans_tcp_2222_ip4_32", ATTACKER[4]), 3, "one jail's flood delays the other's ban")
    c.require(number("f2b_bans_waiting") > 9000, "nothing waits any more")
    c.require(host.command("bans", "add", OTHER[4], "--jail", "five"), "no ban by hand")
    c.eventually(lambda: network.is_banned("bans_tcp_2222_ip4_32", OTHER[4]), 3, "a ban by hand waits")
    return "%d made or waiting, %d dropped" % (banned, dropped)
