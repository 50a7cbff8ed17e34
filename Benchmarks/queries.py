#!/usr/bin/env python3
"""PromQL through whole processes: the agent and Prometheus asked over HTTP about the same samples in their own stores.

queries.py --binary .build/release-tree/release/tocsin [--seconds 2]

Some 4,800 series of a host (those of promql.py), a sample every 15 s for two hours, sent to both by remote write. 200 rules are asked as
instant queries, then range queries over the last hour; the CPU that the process took, to the nanosecond, less that of asking for `1` as often.
"""
import argparse
import http.client
import re
import shutil
import struct
import sys
import tempfile
import time
import urllib.parse

from promql import END, RANGES, RULES, STEP, host
from series import compress, field, started_agent, started_prometheus, varint


def samples():
    """(encoded labels, values) of each series."""
    script = host()[0].splitlines()[1:]
    for line in script:
        name, labels, values = re.match(r"\s*(\w+)\{(.*?)\} (.*)$", line).groups()
        pairs = dict(re.findall(r'(\w+)="([^"]*)"', labels), __name__=name)
        yield b"".join(field(1, field(1, key.encode()) + field(2, value.encode())) for key, value in sorted(pairs.items())), [
            float(value) for value in values.split()]


def fill(servers):
    """Sends all samples to each; how many series they are of, and the last time in seconds."""
    made, now = list(samples()), int(time.time() * 1000)
    ticks = END // STEP
    for tick in range(ticks):
        at = varint(now - (ticks - 1 - tick) * STEP * 1000)
        body = compress(b"".join(
            field(1, labels + field(2, b"\x09" + struct.pack("<d", values[tick]) + b"\x10" + at)) for labels, values in made))
        for server in servers:
            server.send([body])
    return len(made), now / 1000


class Asker:
    def __init__(self, server):
        self.server = server
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def ask(self, path):
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            sys.exit("%s answers %d to %s: %s" % (self.server.name, answer.status, path, body[:300]))
        return body

    def cost(self, paths, seconds):
        """CPU microseconds of asking all of them once: the least of some rounds."""
        best, end = float("inf"), time.monotonic() + seconds
        for number in range(1000):
            begin = self.usage()
            for path in paths:
                self.ask(path)
            if number > 0:
                best = min(best, self.usage() - begin)
            if time.monotonic() > end and number > 1:
                return best * 1e6
        return best * 1e6

    def usage(self):
        # Threads end with their queries in the agent; what they took stays in the process's own clock.
        return time.clock_gettime(clock_of(self.server.process.pid))


def clock_of(pid):
    """The CPU clock of a process: what clock_getcpuclockid(3) gives."""
    return (~pid) << 3 | 2


def path(query, end, isRange):
    if isRange:
        return "/api/v1/query_range?" + urllib.parse.urlencode({"query": query, "start": "%.3f" % (end - 3600), "end": "%.3f" % end, "step": str(STEP)})
    return "/api/v1/query?" + urllib.parse.urlencode({"query": query, "time": "%.3f" % end})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--seconds", type=float, default=2, help="for each query")
    arguments = parser.parse_args()
    if not shutil.which("prometheus"):
        sys.exit("no prometheus: install it (Debian: prometheus)")
    directory = tempfile.mkdtemp(prefix="tocsin-queries-")
    servers = []
    try:
        servers = [started_agent(arguments.binary, directory, 3), started_prometheus(directory)]
        count, end = fill(servers)
        askers = [Asker(server) for server in servers]
        rules = [RULES[number % len(RULES)] % (number // len(RULES) + 1) for number in range(200)]
        print("%d series; CPU microseconds of the agent and of Prometheus, ratio" % count)
        worst = 0
        for name, queries, isRange in [("200 rules once", rules, False)] + [(query, [query], True) for query in RANGES]:
            figures = []
            for asker in askers:
                nothing = asker.cost([path("1", end, isRange)] * len(queries), min(arguments.seconds, 1))
                figures.append(asker.cost([path(query, end, isRange) for query in queries], arguments.seconds) - nothing)
            worst = max(worst, figures[0] / figures[1])
            print("%-90s %10.0f %10.0f  %.2f" % (name[:90], *figures, figures[0] / figures[1]))
        print("worst ratio %.2f" % worst)
    finally:
        for server in servers:
            server.process.kill()
            server.process.wait()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
