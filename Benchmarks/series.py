#!/usr/bin/env python3
"""The series store: what a start takes after kill -9, what it allocates, and what it takes beside Prometheus.

series.py --runner .build/release-tree/release/SeriesStoreRunner --binary .build/release-tree/release/tocsin
          [--series N] [--hours H] [--rest S] [--starts N] [--only replay|allocations|prometheus]

Replay: the runner fills a store with samples of a host, a sample every 15 s, and is killed; another one opens it, N times with the
files in the page cache and once without. Of `quiet` hosts 83 of 100 series are constant, as measured on one; of `busy` ones half.

Beside Prometheus: agent and Prometheus get the same samples of a busy host by remote write, in order of time and as fast as they
take them, in requests of one scrape each. Then both rest, for longer than Go waits with a collection of garbage; memory is what
smaps_rollup says. CPU seconds are those of the whole process until the last request is answered and half a second more. Both are
then killed, started again and asked until they answer a query with all series; at last all samples are counted. The agent runs as
it does with nothing but a series store to do: no host metrics, no logs, no rules.
"""

import argparse
import http.client
import json
import os
import random
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "Tests", "Integration"))

from agent import Agent, free_port, wait_for
from snappyblock import compress

STEP = 15


# Replay

def opened(runner, directory):
    return {name: float(value) for name, value in json.loads(subprocess.check_output([runner, "open", directory])).items()}


def forget_pages(directory):
    for name in os.listdir(directory):
        file = os.open(os.path.join(directory, name), os.O_RDONLY)
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def replay(runner, kind, series, hours, starts):
    directory = tempfile.mkdtemp(prefix="tocsin-series-")
    try:
        process = subprocess.Popen([runner, "fill", directory, kind, str(series), str(hours)], stdout=subprocess.PIPE, text=True)
        filled = json.loads(process.stdout.readline())
        process.kill()
        process.wait()
        runs = [opened(runner, directory) for _ in range(starts)]
        forget_pages(directory)
        cold = opened(runner, directory)
        lost = float(filled["samples"]) - runs[0]["samples"]
        wall = sorted(run["replay_ms"] for run in runs)
        log = sum(os.path.getsize(os.path.join(directory, name)) for name in os.listdir(directory) if name.endswith(".log"))
        print("%-5s %5.2f h  %4d blocks, %4d KiB of log  median %5.1f ms (%.1f to %.1f), CPU %5.1f ms, cold %5.1f ms; %d samples lost" % (
            kind, hours, sum(name.endswith(".block") for name in os.listdir(directory)), log / 1024, statistics.median(wall), wall[0],
            wall[-1], statistics.median(run["replay_cpu_ms"] for run in runs), cold["replay_ms"], lost))
    finally:
        shutil.rmtree(directory)


# Remote write

def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, payload):
    return bytes([number << 3 | 2]) + varint(len(payload)) + payload


class Host:
    """A busy host: half of its series constant, a fifth counters, three twentieths buckets of histograms, the rest gauges."""

    def __init__(self, count, seed=7):
        self.draw = random.Random(seed).random
        self.values = [4096.0 * number for number in range(count)]
        self.message, self.values_at, self.times_at, self.names = bytearray(), [], [], set()
        for number in range(count):
            labels = {"__name__": "host_family_%d_total" % (number % 60), "device": "device-%d" % (number // 60), "job": "bench",
                      "instance": "host-%d.example.org:9100" % (number * 5 // count)}
            self.names.add(labels["__name__"])
            head = b"".join(field(1, field(1, name.encode()) + field(2, value.encode())) for name, value in sorted(labels.items()))
            # A sample: tag, 8 bytes of the value, tag, 6 of the time in milliseconds.
            body = head + field(2, b"\x09" + bytes(8) + b"\x10" + bytes(6))
            self.message += field(1, body)
            self.values_at.append(len(self.message) - 15)
            self.times_at.append(len(self.message) - 6)

    def next(self, number, old):
        draw, place = self.draw, number % 100
        if place >= 50:
            return old
        if place < 10:
            return old + 10000 + int(draw() * 5000)
        if place < 15:
            return (round(old * 100) + int(draw() * 150)) / 100
        if place < 20:
            return old + int(draw() * 40) if draw() < 1 / 3 else old
        if place < 35:
            return old + int(draw() * place) if draw() * (place - 18) >= 3 else old
        if place < 45:
            return max(0.0, old + int(draw() * 2001 - 1000) * 4096)
        if place < 48:
            return max(0.0, (round(old * 100) + int(draw() * 41) - 20) / 100)
        return draw()

    def request(self, milliseconds):
        """The next scrape, at this time."""
        stamp = varint(milliseconds)
        assert len(stamp) == 6
        message, values = self.message, self.values
        for number, old in enumerate(values):
            new = values[number] = self.next(number, old)
            struct.pack_into("<d", message, self.values_at[number], new)
            at = self.times_at[number]
            message[at:at + 6] = stamp
        return compress(bytes(message))


class Server:
    """A process that takes remote write, and what it costs."""

    def __init__(self, name, port, data, launch):
        self.name, self.port, self.data, self.launch = name, port, data, launch
        self.cpu = 0.0
        self.process = launch()
        self.until(lambda: self.ask("1") is not None, 30)
        self.empty = self.memory()

    def until(self, condition, seconds):
        def holds():
            if self.process.poll() is not None:
                sys.exit("%s ended by itself with %s" % (self.name, self.process.returncode))
            try:
                return condition()
            except (OSError, http.client.HTTPException):
                return False
        if not wait_for(holds, seconds, 0.005):
            sys.exit("%s is not ready after %d s" % (self.name, seconds))

    def ask(self, query, at=None):
        """The value of the only element of the answer; None where there is no answer, or an empty one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            parameters = dict({"query": query}, **({"time": "%.3f" % at} if at else {}))
            connection.request("GET", "/api/v1/query?" + urllib.parse.urlencode(parameters))
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                return None
            data = json.loads(body)["data"]
            found = data["result"] if data["resultType"] == "scalar" else data["result"][0]["value"] if data["result"] else None
            return float(found[1]) if found else None
        finally:
            connection.close()

    def send(self, bodies):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        for body in bodies:
            connection.request("POST", "/api/v1/write", body, {
                "Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status not in (200, 204):
                sys.exit("%s answers %d: %s" % (self.name, answer.status, text[:300]))
        connection.close()

    def seconds(self):
        with open("/proc/%d/stat" % self.process.pid) as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Resident and anonymous, in MiB."""
        found = {}
        with open("/proc/%d/smaps_rollup" % self.process.pid) as file:
            for line in file:
                words = line.split()
                found[words[0]] = int(words[1]) / 1024 if words[1].isdigit() else 0
        return found["Rss:"], found["Anonymous:"]

    def disk(self):
        return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(self.data) for name in names)

    def restart(self, series, at):
        """Kills it; seconds from its start until a query finds all series."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        start = time.monotonic()
        self.process = self.launch()
        self.until(lambda: self.ask('count({job="bench"})', at) == series, 120)
        return time.monotonic() - start


def started_agent(binary, directory, hours, files=()):
    agent = Agent(binary, directory, [], [], rules={
        "default_pack": False, "files": list(files), "queries": {"remote_write_receiver": True, "max_samples": 100_000_000},
        "series": {"retention": "%dh" % (int(hours) + 2)}})
    agent.config["metrics"] = {"disable_default_collectors": True}
    agent.write()

    def launch():
        log = open(agent.log, "ab")
        return subprocess.Popen([os.path.abspath(binary), "run", "--config", agent.path], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    return Server("tocsin", agent.port, os.path.join(agent.state, "series"), launch)


def started_prometheus(directory, files=()):
    port, data = free_port(), os.path.join(directory, "prometheus")
    path = os.path.join(directory, "prometheus.yml")
    with open(path, "w") as file:
        json.dump({"global": {"scrape_interval": "15s"}, "rule_files": list(files)}, file)

    def launch():
        log = open(os.path.join(directory, "prometheus.log"), "ab")
        return subprocess.Popen([
            "prometheus", "--config.file=" + path, "--storage.tsdb.path=" + data, "--web.enable-remote-write-receiver",
            "--query.max-samples=100000000", "--web.listen-address=127.0.0.1:%d" % port], stdout=log, stderr=log)
    return Server("prometheus", port, data, launch)


def beside_prometheus(binary, series, hours, rest):
    if not shutil.which("prometheus"):
        sys.exit("no prometheus: install it (Debian: prometheus)")
    directory = tempfile.mkdtemp(prefix="tocsin-series-")
    servers = []
    try:
        servers.append(started_agent(binary, directory, hours))
        servers.append(started_prometheus(directory))
        ticks = int(hours * 3600 / STEP)
        end = time.time()
        before = [server.seconds() for server in servers]
        host = Host(series)
        for tick in range(ticks):
            # A scrape takes its time with some milliseconds of jitter.
            body = host.request(int((end - (ticks - 1 - tick) * STEP) * 1000) + tick * 5 % 7)
            for server in servers:
                server.send([body])
        time.sleep(0.5)
        for server, start in zip(servers, before):
            server.cpu = server.seconds() - start
        print("%d series, %g h at %d s: %d samples; resting %d s" % (series, hours, STEP, series * ticks, rest))
        time.sleep(rest)
        figures = {}
        for server in servers:
            resident, anonymous = server.memory()
            disk = server.disk()
            ready = server.restart(series, end)
            # Name by name: without it some have the same labels.
            found = sum(server.ask('sum(count_over_time(%s{job="bench"}[%ds]))' % (name, hours * 3600 + 60), end + 1) or 0
                        for name in sorted(host.names))
            figures[server.name] = {"RSS MiB": resident, "anonymous MiB": anonymous, "anonymous MiB more than when empty": anonymous - server.empty[1],
                                    "bytes a sample on disk": disk / series / ticks, "CPU s to take them": server.cpu,
                                    "s after kill -9": ready}
            print("%-10s %d samples there after kill -9, %.1f MiB resident and %.1f anonymous when empty" % (
                server.name, found, *server.empty))
        print("%-36s %10s %10s %6s" % ("", "tocsin", "prometheus", "ratio"))
        for name, ours in figures["tocsin"].items():
            theirs = figures["prometheus"][name]
            print("%-36s %10.2f %10.2f %6.2f" % (name, ours, theirs, ours / theirs))
    finally:
        for server in servers:
            server.process.kill()
            server.process.wait()
        if os.environ.get("TOCSIN_KEEP"):
            print("kept " + directory)
        else:
            shutil.rmtree(directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runner", help="SeriesStoreRunner, of a release build")
    parser.add_argument("--binary", help="tocsin, of a release build")
    parser.add_argument("--series", type=int, default=5000)
    parser.add_argument("--hours", type=float, default=6, help="beside Prometheus")
    parser.add_argument("--rest", type=float, default=150, help="seconds before memory is looked at")
    parser.add_argument("--starts", type=int, default=7)
    parser.add_argument("--only", choices=("replay", "allocations", "prometheus"))
    arguments = parser.parse_args()
    wanted = (arguments.only,) if arguments.only else ("replay", "allocations", "prometheus")
    if arguments.runner and "replay" in wanted:
        for kind in ("quiet", "busy"):
            for hours in (0.6, 0.9, 1.5, 2, 6):
                replay(arguments.runner, kind, arguments.series, hours, arguments.starts)
    if arguments.runner and "allocations" in wanted:
        print(subprocess.check_output([arguments.runner, "allocations", str(arguments.series)], text=True).strip())
    if arguments.binary and "prometheus" in wanted:
        beside_prometheus(arguments.binary, arguments.series, arguments.hours, arguments.rest)
    if not arguments.runner and not arguments.binary:
        parser.error("name --runner, --binary or both")


if __name__ == "__main__":
    main()
