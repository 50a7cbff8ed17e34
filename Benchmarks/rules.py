#!/usr/bin/env python3
"""Rules through whole processes: what 200 typical rules of a host cost the agent and Prometheus, over the same samples in their own stores.

rules.py --binary .build/release-tree/release/tocsin [--seconds 30]

The series of queries.py, sent to both by remote write. Eight groups of 25 alerts each are evaluated once a second by both processes at the same
time; the CPU that each took, to the nanosecond, less what it takes for as long without any rules.
"""
import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import urllib.request

from promql import RULES
from queries import clock_of, fill
from series import started_agent, started_prometheus


def groups():
    rules = [RULES[number % len(RULES)] % (number // len(RULES) + 1) for number in range(200)]
    return [{"name": "g%d" % group, "interval": "1s", "rules": [
        {"alert": "A%d" % number, "expr": rules[number], "for": "5m", "annotations": {"summary": "{{ $labels.instance }} {{ $value }}"}}
        for number in range(group * 25, group * 25 + 25)]} for group in range(8)]


def evaluated(server):
    """How many rules are loaded, and those that have failed."""
    with urllib.request.urlopen("http://127.0.0.1:%d/api/v1/rules" % server.port, timeout=30) as answer:
        rules = [rule for group in json.load(answer)["data"]["groups"] for rule in group["rules"]]
    return len(rules), [rule["lastError"] for rule in rules if rule["health"] == "err"]


def cost(servers, seconds):
    before = [time.clock_gettime(clock_of(server.process.pid)) for server in servers]
    time.sleep(seconds)
    return [time.clock_gettime(clock_of(server.process.pid)) - begin for server, begin in zip(servers, before)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--seconds", type=float, default=30, help="with rules, and without")
    arguments = parser.parse_args()
    if not shutil.which("prometheus"):
        sys.exit("no prometheus: install it (Debian: prometheus)")
    directory = tempfile.mkdtemp(prefix="tocsin-rules-")
    path, servers = os.path.join(directory, "rules.yml"), []
    with open(path, "w") as file:
        file.write("groups: []\n")
    try:
        servers = [started_agent(arguments.binary, directory, 3, files=[path]), started_prometheus(directory, files=[path])]
        count, _ = fill(servers)
        time.sleep(5)
        without = cost(servers, arguments.seconds)
        with open(path, "w") as file:
            json.dump({"groups": groups()}, file)
        for server in servers:
            server.process.send_signal(signal.SIGHUP)
        # The first evaluations bind selectors.
        time.sleep(5)
        figures = [(used - idle) / arguments.seconds for used, idle in zip(cost(servers, arguments.seconds), without)]
        for server in servers:
            loaded, errors = evaluated(server)
            if loaded != 200 or errors:
                sys.exit("%s has %d rules, failed: %s" % (server.name, loaded, errors[:3]))
        print("%d series, 200 rules once a second for %g s: %.1f ms of CPU an evaluation of all, Prometheus %.1f: ratio %.2f" % (
            count, arguments.seconds, figures[0] * 1e3, figures[1] * 1e3, figures[0] / figures[1]))
    finally:
        for server in servers:
            server.process.kill()
            server.process.wait()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
