#!/usr/bin/env python3
"""Measures one scrape of the host against node_exporter's, in one run and turn by turn.

scrape.py --binary PATH [--scrapes N] [--rounds N] [--peer prometheus-node-exporter]

Both serve the same collectors; each round is N scrapes of one, then of the other, over one kept connection. Three forms stand
beside each other: neither compresses; both do (the agent compresses for other hosts only, so both are asked at an address of the
host's that is not loopback's); and what a Prometheus on the host gets, which takes gzip: the peer compresses, the agent does not.
CPU seconds are what all threads ran between two scrapes of a warm process. Ratios count.
"""

import argparse
import http.client
import json
import os
import shutil
import socket
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


FORMS = {
    "identity": "neither compresses",
    "gzip": "both compress",
    "local": "gzip offered on loopback",
}


class Scraped:
    """A server, its process and what scraping it cost in each form."""

    def __init__(self, name, pid, port, path, address):
        self.name, self.pid, self.path = name, pid, path
        self.connections = {form: http.client.HTTPConnection(address if form == "gzip" and address else "127.0.0.1", port, timeout=30)
                            for form in FORMS}
        self.best, self.median = {}, {}
        self.idle = self.memory("VmRSS")

    def scrape(self, form):
        connection = self.connections[form]
        connection.request("GET", self.path, headers={
            "Accept": "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "Accept-Encoding": "identity" if form == "identity" else "gzip", "X-Prometheus-Scrape-Timeout-Seconds": "10"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            sys.exit("%s answers %d: %s" % (self.name, answer.status, body[:300]))
        if form == "gzip" and answer.getheader("Content-Encoding") != "gzip":
            sys.exit("%s did not compress" % self.name)
        return body

    def memory(self, field):
        for line in open("/proc/%d/status" % self.pid):
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024

    def round(self, form, scrapes):
        for _ in range(5):
            self.scrape(form)
        before, times = self.seconds(), []
        for _ in range(scrapes):
            start = time.monotonic()
            self.scrape(form)
            times.append(time.monotonic() - start)
        spent = (self.seconds() - before) / scrapes * 1000
        if spent < self.best.get(form, float("inf")):
            self.best[form] = spent
            self.median[form] = sorted(times)[len(times) // 2] * 1000

    def seconds(self):
        """CPU seconds of all threads that live: to the nanosecond, where ticks of a hundredth would miss short runs."""
        total = 0
        for thread in os.listdir("/proc/%d/task" % self.pid):
            try:
                total += int(open("/proc/%d/task/%s/schedstat" % (self.pid, thread)).read().split()[0])
            except (OSError, IndexError):
                pass
        return total / 1e9


def own_address():
    """An address of this host that is not loopback's; what goes there does not leave the host. None without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Sends nothing: the kernel picks the address it would send from.
            probe.connect(("192.0.2.1", 9))
            address = probe.getsockname()[0]
        except OSError:
            return None
    return None if address.startswith("127.") else address


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
    address = own_address()
    forms = [form for form in FORMS if form != "gzip" or address]
    agent = Agent(arguments.binary, directory, [], [], logs={"scrape_configs": []})
    if address:
        agent.config["server"]["listen"] = ["%s:%d" % (host, agent.port) for host in ("127.0.0.1", address)]
        agent.write()
    processes = []
    try:
        agent.start()
        port = free_port()
        flags = ["--collector.disable-defaults"] + ["--collector.%s" % name for name in ours]
        other = subprocess.Popen([peer, "--web.listen-address=:%d" % port, *flags],
                                 env=dict(os.environ, GOMAXPROCS="1"), stderr=open(os.path.join(directory, "peer.log"), "wb"))
        processes.append(other)
        query = "&".join("collect[]=" + name for name in ours)
        a = Scraped("tocsin", agent.process.pid, agent.port, "/metrics?" + query, address)
        b = Scraped(arguments.peer, other.pid, port, "/metrics", address)
        if not wait_for(lambda: answers(b), 10):
            sys.exit("%s does not answer: %s" % (arguments.peer, open(os.path.join(directory, "peer.log")).read()[-500:]))
        for _ in range(arguments.rounds):
            for form in forms:
                a.round(form, arguments.scrapes)
                b.round(form, arguments.scrapes)
        results = {}
        for server in (a, b):
            page = server.scrape("identity").decode()
            samples = sum(1 for line in page.splitlines() if line and line[0] != "#")
            results[server.name] = {"cpu_ms": server.best, "median_ms": server.median, "samples": samples, "bytes": len(page),
                                    "rss_mib": server.memory("VmRSS"), "anon_mib": server.memory("RssAnon"), "rss_before_mib": server.idle}
            print("%-26s %5d samples, %7d bytes, %5.1f MiB resident (%.1f before), %4.1f anonymous" % (
                server.name, samples, len(page), server.memory("VmRSS"), server.idle, server.memory("RssAnon")))
        ratios = {}
        for form in forms:
            ratios[form] = a.best[form] / b.best[form]
            print("%-26s %6.2f against %6.2f ms CPU a scrape, ratio %.2f (goal: 0.30); median %.2f against %.2f ms" % (
                FORMS[form], a.best[form], b.best[form], ratios[form], a.median[form], b.median[form]))
        if not address:
            print("no address but loopback's: not measured how it is when both compress")
        if lacking:
            print("without " + " ".join(lacking))
        if arguments.json:
            with open(arguments.json, "w") as file:
                json.dump(dict(results, ratios=ratios), file, indent=1)
    finally:
        agent.stop()
        for process in processes:
            process.terminate()
            process.wait()
        shutil.rmtree(directory, ignore_errors=True)


def answers(server):
    try:
        server.scrape("identity")
        return True
    except OSError:
        server.connections["identity"].close()
        return False


if __name__ == "__main__":
    main()
