#!/usr/bin/env python3
"""What scraping others costs, beside Prometheus in the same run.

targets.py --binary PATH [--targets 20] [--series 1000] [--interval 15] [--seconds 180] [--peer prometheus]

Serves --targets pages of --series samples each, a third of which change from page to page, lets the agent (its own collectors and
rules off, everything scraped goes into its series store) and a Prometheus scrape them every --interval seconds, and prints what share
of a core each took and how much it holds. The first minute, in which series are met for the first time, is not counted.
"""
import argparse
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "Tests", "Integration"))

from agent import Agent, free_port, wait_for


def cpu(pid):
    """CPU seconds of all threads that live, to the nanosecond."""
    total = 0
    for thread in os.listdir("/proc/%d/task" % pid):
        try:
            total += int(open("/proc/%d/task/%s/schedstat" % (pid, thread)).read().split()[0])
        except (OSError, IndexError):
            pass
    return total / 1e9


def memory(pid):
    kept = {"Rss:": 0, "Anonymous:": 0}
    for line in open("/proc/%d/smaps_rollup" % pid):
        words = line.split()
        if words[0] in kept:
            kept[words[0]] = int(words[1]) / 1024
    return kept["Rss:"], kept["Anonymous:"]


def page_server(series):
    """A server of one page: counters, of which every third moves at each request."""
    names = ['app_requests_total{handler="/api/v1/resource/%d",method="GET",code="%d"}' % (n, 200 + n % 5) for n in range(series)]
    count = [0]

    class Page(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            count[0] += 1
            lines = ["# HELP app_requests_total Requests.", "# TYPE app_requests_total counter"]
            lines += ["%s %d" % (name, number * 7 + (count[0] * 13 if number % 3 == 0 else 0)) for number, name in enumerate(names)]
            body = ("\n".join(lines) + "\n").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--targets", type=int, default=20)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--interval", type=int, default=15)
    parser.add_argument("--seconds", type=int, default=180)
    parser.add_argument("--peer", default="prometheus")
    arguments = parser.parse_args()
    peer = shutil.which(arguments.peer) or sys.exit("no %s: install it (Debian: prometheus)" % arguments.peer)
    directory = tempfile.mkdtemp(prefix="tocsin-bench-")
    # What is served to one is not counted as asked for by the other: each has pages of its own.
    pages = {name: [page_server(arguments.series) for _ in range(arguments.targets)] for name in ("tocsin", "prometheus")}

    def job(name):
        addresses = ["127.0.0.1:%d" % server.server_port for server, _ in pages[name]]
        return {"job_name": "bench", "scrape_interval": "%ds" % arguments.interval, "scrape_timeout": "%ds" % min(10, arguments.interval),
                "static_configs": [{"targets": addresses}]}

    agent = Agent(arguments.binary, directory, [], [], logs={"scrape_configs": []})
    agent.config["metrics"] = {"disable_default_collectors": True, "scrape_configs": [job("tocsin")]}
    agent.config["rules"] = {"default_pack": False}
    agent.write()
    own = os.path.join(directory, "prometheus.yml")
    with open(own, "w") as file:
        file.write("scrape_configs:\n  - job_name: bench\n    scrape_interval: %ds\n    scrape_timeout: %ds\n    static_configs:\n      - targets: [%s]\n" % (
            arguments.interval, min(10, arguments.interval),
            ", ".join('"127.0.0.1:%d"' % server.server_port for server, _ in pages["prometheus"])))
    port = free_port()
    other = None
    try:
        agent.start()
        other = subprocess.Popen([peer, "--config.file=" + own, "--storage.tsdb.path=" + os.path.join(directory, "data"),
                                  "--web.listen-address=127.0.0.1:%d" % port, "--log.level=error"])

        def ready():
            try:
                return urllib.request.urlopen("http://127.0.0.1:%d/-/ready" % port, timeout=2).status == 200
            except OSError:
                return False

        wait_for(ready, 30) or sys.exit("%s is not ready" % peer)
        time.sleep(60)
        processes = {"tocsin": agent.process.pid, "prometheus": other.pid}
        before = {name: cpu(pid) for name, pid in processes.items()}
        asked = {name: sum(count[0] for _, count in pages[name]) for name in pages}
        start = time.monotonic()
        time.sleep(arguments.seconds)
        elapsed = time.monotonic() - start
        shares = {}
        for name, pid in processes.items():
            scrapes = sum(count[0] for _, count in pages[name]) - asked[name]
            wanted = arguments.targets * arguments.seconds / arguments.interval
            if scrapes < wanted * 0.9:
                sys.exit("%s scraped %d times, not about %d" % (name, scrapes, wanted))
            spent = cpu(pid) - before[name]
            shares[name] = spent / elapsed * 100
            resident, anonymous = memory(pid)
            print("%-10s %5d scrapes, %6.2f ms of CPU each, %5.2f %% of a core; %6.1f MiB resident, %6.1f anonymous" % (
                name, scrapes, spent / scrapes * 1000, shares[name], resident, anonymous))
        print("ratio %.2f (the agent's share is to be at most 0.5 %% of a core)" % (shares["tocsin"] / shares["prometheus"]))
    finally:
        agent.stop()
        if other:
            other.terminate()
            other.wait(10)
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
