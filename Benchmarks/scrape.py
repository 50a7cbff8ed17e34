#!/usr/bin/env python3
"""Measures one scrape of the host against node_exporter's, in one run and turn by turn.

scrape.py --binary PATH [--scrapes N] [--rounds N] [--peer prometheus-node-exporter]

Both serve the same collectors; each round is N scrapes of one, then of the other, over one kept connection with gzip, as
Prometheus does. CPU seconds are user and system of all threads between two scrapes of a warm process. Ratios count.
"""

import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "Tests", "Integration"))

from agent import Agent, free_port, wait_for

# Those that both have and that work on this host whatever it is.
COLLECTORS = ("arp conntrack cpu cpufreq diskstats dmi edac entropy filefd filesystem hwmon loadavg mdadm meminfo netclass netdev netstat "
              "nvme os powersupplyclass pressure rapl schedstat selinux sockstat softnet stat thermal_zone time timex "
              "udp_queues uname vmstat").split()


class Scraped:
    """A server, its process and what scraping it cost."""

    def __init__(self, name, pid, port, path):
        self.name, self.pid, self.path, self.best = name, pid, path, None
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.idle = self.memory("VmRSS")

    def scrape(self, coding="gzip"):
        self.connection.request("GET", self.path, headers={
            "Accept": "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "Accept-Encoding": coding,
            "X-Prometheus-Scrape-Timeout-Seconds": "10"})
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            sys.exit("%s answers %d: %s" % (self.name, answer.status, body[:300]))
        return body

    def memory(self, field):
        for line in open("/proc/%d/status" % self.pid):
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024

    def round(self, scrapes):
        for _ in range(5):
            self.scrape()
        before, times = self.ticks(), []
        for _ in range(scrapes):
            start = time.monotonic()
            self.scrape()
            times.append(time.monotonic() - start)
        spent = (self.ticks() - before) / scrapes * 1000
        if self.best is None or spent < self.best:
            self.best = spent
            self.median = sorted(times)[len(times) // 2] * 1000

    def ticks(self):
        """CPU seconds of all threads, those that have ended included."""
        fields = open("/proc/%d/stat" % self.pid).read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--scrapes", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", default="prometheus-node-exporter")
    parser.add_argument("--json", help="also write the results to this file")
    arguments = parser.parse_args()
    peer = shutil.which(arguments.peer)
    if not peer:
        sys.exit("no %s: install it (Debian: prometheus-node-exporter)" % arguments.peer)
    directory = tempfile.mkdtemp(prefix="tocsin-bench-")
    known = subprocess.run([arguments.binary, "metrics", "--timeout", "20"], capture_output=True, text=True, check=True).stdout
    ours = [name for name in COLLECTORS if 'collector="%s"' % name in known]
    lacking = sorted(set(COLLECTORS) - set(ours))
    agent = Agent(arguments.binary, directory, [], [], logs={"scrape_configs": []})
    processes = []
    try:
        agent.start()
        port = free_port()
        flags = ["--collector.disable-defaults"] + ["--collector.%s" % name for name in ours]
        other = subprocess.Popen([peer, "--web.listen-address=127.0.0.1:%d" % port, *flags],
                                 env=dict(os.environ, GOMAXPROCS="1"), stderr=open(os.path.join(directory, "peer.log"), "wb"))
        processes.append(other)
        query = "&".join("collect[]=" + name for name in ours)
        a = Scraped("tocsin", agent.process.pid, agent.port, "/metrics?" + query)
        b = Scraped(arguments.peer, other.pid, port, "/metrics")
        if not wait_for(lambda: answers(b), 10):
            sys.exit("%s does not answer: %s" % (arguments.peer, open(os.path.join(directory, "peer.log")).read()[-500:]))
        for _ in range(arguments.rounds):
            a.round(arguments.scrapes)
            b.round(arguments.scrapes)
        results = {}
        for server in (a, b):
            page = server.scrape("identity").decode()
            samples = sum(1 for line in page.splitlines() if line and line[0] != "#")
            results[server.name] = {"cpu_ms": server.best, "median_ms": server.median, "samples": samples, "bytes": len(page),
                                    "rss_mib": server.memory("VmRSS"), "anon_mib": server.memory("RssAnon"), "rss_before_mib": server.idle}
            print("%-26s %6.2f ms CPU a scrape, %6.2f ms median, %5d samples, %7d bytes, %5.1f MiB resident (%.1f before), %4.1f anonymous" % (
                server.name, server.best, server.median, samples, len(page), server.memory("VmRSS"), server.idle, server.memory("RssAnon")))
        ratio = a.best / b.best
        print("ratio of CPU: %.2f (goal: 0.30)%s" % (ratio, "; without " + " ".join(lacking) if lacking else ""))
        if arguments.json:
            with open(arguments.json, "w") as file:
                json.dump(dict(results, ratio=ratio), file, indent=1)
    finally:
        agent.stop()
        for process in processes:
            process.terminate()
            process.wait()
        shutil.rmtree(directory, ignore_errors=True)


def answers(server):
    try:
        server.scrape()
        return True
    except OSError:
        server.connection.close()
        return False


if __name__ == "__main__":
    main()
