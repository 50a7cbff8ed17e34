#!/usr/bin/env python3
"""Measures the whole agent with many bans, in a network namespace of its own: needs root, unshare(1) and nft.

bans.py --binary PATH [--bans N] [--singles N] [--flood N] [--json FILE]

1. A jail bans `--bans` addresses from its log (max_retry 1): memory meanwhile and afterwards.
2. The agent ends and starts again, first with its table in the kernel, then, as after a boot, without one: the time from the process's
   start to the generation of the kernel's ruleset that has all bans, which is asked for by netlink every millisecond, and memory.
3. `--singles` lines lead to one more ban each: from the jail's decision to the kernel's acknowledgement, by the agent's own histogram, and
   from the line's writing to the ruleset's next generation, by netlink.
4. A log of `--flood` attackers, each another, is read by two jails, one with max_retry 1 and one with 5; afterwards somebody fails who
   was not among them: memory, what was dropped, and how long that one takes to be banned.

What is to be reached is printed beside. Memory is that of the whole agent, without rules and host metrics at work.
"""

import argparse
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Tests", "Integration"))

from agent import Agent, wait_for
from targets import cpu

TABLE, SET = "tocsin", "bans_ip4_32"
NETFILTER = 12
GETSET, GETGEN = 10 << 8 | 10, 10 << 8 | 16
GEN_ID, SET_COUNT = 1, 20


class Ruleset:
    """What the kernel says of the ruleset, by netlink (linux/netfilter/nf_tables.h); both questions take some microseconds."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETFILTER)
        self.socket.bind((0, 0))

    def ask(self, kind, wanted, *names):
        body = struct.pack("BBH", 1, 0, 0)
        for number, name in enumerate(names, 1):
            text = name.encode() + b"\0"
            body += struct.pack("HH", 4 + len(text), number) + text + b"\0" * (-len(text) % 4)
        self.socket.send(struct.pack("IHHII", 16 + len(body), kind, 1, 1, 0) + body)
        answer = self.socket.recv(1 << 16)
        # NLMSG_ERROR: there is no such set.
        if struct.unpack_from("H", answer, 4)[0] == 2:
            return 0
        place = 20
        while place < len(answer):
            length, number = struct.unpack_from("HH", answer, place)
            if number == wanted:
                return struct.unpack_from(">I", answer, place + 4)[0]
            place += length + 3 & ~3
        sys.exit("the kernel does not count a set's elements: needs Linux 6.16")

    def generation(self):
        """Grows with each transaction that is done."""
        return self.ask(GETGEN, GEN_ID)

    def count(self):
        return self.ask(GETSET, SET_COUNT, TABLE, SET)

    def listed(self):
        """Elements by nft's own reckoning: slow."""
        text = subprocess.run(["nft", "list", "set", "inet", TABLE, SET], capture_output=True, text=True, check=False).stdout
        return text.count(" expires ")


class Memory(threading.Thread):
    """Samples what a process has resident, in MiB, until it is told to stop."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.anonymous, self.ended = pid, 0, 0, threading.Event()
        self.start()

    def run(self):
        while not self.ended.wait(0.02):
            now = read_memory(self.pid)
            self.peak = max(self.peak, now["VmRSS"])
            self.anonymous = max(self.anonymous, now["RssAnon"])

    def finish(self):
        self.ended.set()
        self.join()
        return read_memory(self.pid)


def read_memory(pid):
    try:
        text = open("/proc/%d/status" % pid).read()
    except OSError:
        text = ""
    return {name: int(kib) / 1024 for name, kib in re.findall(r"^(VmRSS|VmHWM|RssAnon):\s+(\d+) kB", text, re.M)} or {
        "VmRSS": 0, "VmHWM": 0, "RssAnon": 0}


def told(name, value, goal, unit):
    print("%-66s %8.2f %s (goal: at most %g, ratio %.2f)" % (name, value, unit, goal, value / goal), flush=True)
    return value


def jail(name, log, retries, **more):
    return {"name": name, "files": [log], "patterns": ["^%s: no entry from <ip>$" % name], "max_retry": retries, "find_time": "10m",
            "ban_time": "6h", **more}


def write(log, name, addresses, times=1):
    with open(log, "a") as file:
        stamp = int(time.time())
        for address in addresses:
            file.write(("%d %s: no entry from %s\n" % (stamp, name, address)) * times)


def addresses(count, first):
    """Others for each first number: in 20.0.0.0/6, which nobody here has."""
    return ["%d.%d.%d.%d" % (20 + (n >> 24), n >> 16 & 255, n >> 8 & 255, n & 255) for n in
            (first + (place * 7919) % count for place in range(count))]


class Bench:
    def __init__(self, arguments):
        self.arguments, self.results = arguments, {}
        self.directory = tempfile.mkdtemp(prefix="tocsin-bench-")
        self.log = os.path.join(self.directory, "door.log")
        open(self.log, "w").close()
        self.ruleset = Ruleset()
        self.agent = self.make("agent", [jail("door", self.log, 1)])

    def make(self, name, native, **firewall):
        folder = os.path.join(self.directory, name)
        os.makedirs(folder)
        return Agent(self.arguments.binary, folder, [], [], logs={"scrape_configs": []}, rules={"default_pack": False},
                     jails={"mode": "enforce", "native": native, "firewall": {"max_bans_per_minute": 1_000_000, **firewall}})

    def start(self, agent):
        """A started agent, and when it was."""
        before = time.monotonic()
        agent.start(wait=False, extra=("--log-level", "error"))
        return before

    def metric(self, agent, name):
        return sum(float(value) for value in re.findall(r"^%s (\S+)$" % re.escape(name), agent.get("/metrics", 60)[1], re.M))

    def ban(self):
        count = self.arguments.bans
        self.start(self.agent)
        wait_for(self.agent.is_healthy, 20)
        memory = Memory(self.agent.process.pid)
        began = time.monotonic()
        write(self.log, "door", addresses(count, 0))
        if not wait_for(lambda: self.ruleset.count() >= count, 600, 0.01):
            sys.exit("%d of %d are banned" % (self.ruleset.count(), count))
        print("%d addresses banned in %.1f s" % (count, time.monotonic() - began))
        time.sleep(6)
        after = memory.finish()
        self.results["banning_peak_mib"] = told("while they are banned, resident at most", memory.peak, 60, "MiB")
        self.results["banned_mib"] = told("6 s later", after["VmRSS"], 60, "MiB")

    def restart(self, what, count):
        generation = self.ruleset.generation()
        began = self.start(self.agent)
        memory = Memory(self.agent.process.pid)
        took, found, limit = None, 0, time.monotonic() + 30
        # Of the generations in the first seconds it is the last that has all of them. While a transaction is under way the kernel counts
        # what it adds, and does not yet take off what it removes.
        while time.monotonic() < limit and (took is None or found != count or time.monotonic() - began < took + 2):
            now = self.ruleset.generation()
            if now != generation:
                took, generation = time.monotonic() - began, now
                spent = cpu(self.agent.process.pid)
            time.sleep(0.001)
            found = self.ruleset.count()
        if took is None or found != count:
            sys.exit("%d of %d bans are there again" % (found, count))
        wait_for(self.agent.is_healthy, 20)
        time.sleep(max(0, began + 8 - time.monotonic()))
        after = memory.finish()
        listed = self.ruleset.listed()
        if listed != found:
            sys.exit("nft lists %d of %d bans" % (listed, found))
        key = what.split()[0]
        self.results["restart_%s_s" % key] = told("started %s: all bans after" % what, took, 1, "s")
        print("    the agent's own processor time until then %.2f s, load %.1f on %d processors" % (spent, os.getloadavg()[0], os.cpu_count()))
        self.results["restart_%s_peak_mib" % key] = told("    resident at most", max(memory.peak, after["VmHWM"]), 60, "MiB")
        self.results["restart_%s_mib" % key] = told("    8 s later (%.1f anonymous)" % after["RssAnon"], after["VmRSS"], 60, "MiB")

    def singles(self):
        name = "tocsin_ban_action_delay_seconds_%s{action=\"firewall\"}"
        sum_before, count_before = (self.metric(self.agent, name % part) for part in ("sum", "count"))
        whole = []
        for address in addresses(self.arguments.singles, self.arguments.bans + 1000):
            generation = self.ruleset.generation()
            time.sleep(0.05)
            began = time.monotonic()
            write(self.log, "door", [address])
            while self.ruleset.generation() == generation:
                if time.monotonic() - began > 5:
                    sys.exit("%s is not banned within 5 s" % address)
                time.sleep(0.0002)
            whole.append(time.monotonic() - began)
        made = self.metric(self.agent, name % "count") - count_before
        if made < 1:
            sys.exit("the agent does not measure bans")
        mean = (self.metric(self.agent, name % "sum") - sum_before) / made
        page = self.agent.get("/metrics", 60)[1]
        within = re.findall(r'^tocsin_ban_action_delay_seconds_bucket\{action="firewall",le="0\.001"\} (\S+)$', page, re.M)
        whole.sort()
        self.results["single_ms"] = told("one more ban, decision to acknowledgement, mean of %d" % made, mean * 1000, 1, "ms")
        print("    within 1 ms since the start: %s; line to kernel: median %.1f ms, worst %.1f ms" % (
            within[0] if within else "?", whole[len(whole) // 2] * 1000, whole[-1] * 1000))

    def flood(self):
        count, log = self.arguments.flood, os.path.join(self.directory, "flood.log")
        open(log, "w").close()
        once, five = jail("flood", log, 1), jail("five", log, 5, patterns=["^flood: no entry from <ip>$"])
        agent = self.make("flooded", [once, five], max_bans_per_minute=self.arguments.rate)
        subprocess.run(["nft", "flush", "ruleset"], check=True)
        self.start(agent)
        wait_for(agent.is_healthy, 20)
        memory = Memory(agent.process.pid)
        lines = 'tocsin_jail_lines_total{jail="five"}'
        began = time.monotonic()
        for first in range(0, count, 100_000):
            write(log, "flood", addresses(min(100_000, count - first), 1 << 24 | first))
        wait_for(lambda: self.metric(agent, lines) >= count, 600, 0.25)
        print("%d attackers read by two jails in %.1f s" % (count, time.monotonic() - began))
        self.results["flood_peak_mib"] = memory.peak
        print("    resident at most %.1f MiB, %.1f of them anonymous" % (memory.peak, memory.anonymous))
        page = agent.get("/metrics", 60)[1]
        for line in re.findall(r"^(?:f2b_bans_|f2b_jail_|f2b_firewall_elements|tocsin_jail_(?:events|evicted)).*$", page, re.M):
            print("    " + line)
        began = time.monotonic()
        write(log, "flood", ["203.0.113.9"], 5)
        for name in ("five", "flood"):
            if not wait_for(lambda: '"203.0.113.9"' in agent.get("/api/bans?ip=203.0.113.9&jail=" + name)[1], 60):
                sys.exit("[%s] does not ban somebody who fails after the flood" % name)
            print("    somebody else is banned by [%s] after %.2f s" % (name, time.monotonic() - began))
        if not wait_for(self.is_out, 720, 0.2):
            sys.exit("the kernel does not keep out who failed after the flood")
        print("    the kernel keeps them out after %.2f s" % (time.monotonic() - began))
        time.sleep(6)
        print("    6 s later %.1f MiB resident" % memory.finish()["VmRSS"])
        agent.stop()

    @staticmethod
    def is_out():
        return subprocess.run(["nft", "get", "element", "inet", TABLE, SET, "{ 203.0.113.9 }"], capture_output=True, check=False).returncode == 0

    def run(self):
        try:
            if self.arguments.bans:
                self.ban()
                self.agent.terminate()
                self.restart("with its table in the kernel", self.arguments.bans)
                self.singles()
                self.agent.terminate()
                subprocess.run(["nft", "flush", "ruleset"], check=True)
                self.restart("without a table in the kernel", self.arguments.bans + self.arguments.singles)
                self.agent.terminate()
            if self.arguments.flood:
                self.flood()
            if self.arguments.json:
                with open(self.arguments.json, "w") as file:
                    json.dump(self.results, file, indent=1)
        finally:
            self.agent.stop()
            shutil.rmtree(self.directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--bans", type=int, default=100_000, help="0 for the flood alone")
    parser.add_argument("--singles", type=int, default=200)
    parser.add_argument("--flood", type=int, default=1_000_000, help="0 for none")
    parser.add_argument("--rate", type=int, default=60_000, help="max_bans_per_minute during the flood")
    parser.add_argument("--json", help="also write the results to this file")
    arguments = parser.parse_args()
    # A smaller set is compared at a start: where nothing differs nothing is sent, and there is nothing to wait for.
    if 0 < arguments.bans <= 20_000:
        parser.error("--bans: more than 20000, or 0")
    arguments.binary = os.path.abspath(arguments.binary)
    if os.environ.get("TOCSIN_BENCH_NAMESPACE") is None:
        os.execvpe("unshare", ["unshare", "--net", sys.executable, os.path.abspath(__file__), *sys.argv[1:]],
                   {**os.environ, "TOCSIN_BENCH_NAMESPACE": "1"})
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    Bench(arguments).run()


if __name__ == "__main__":
    main()
