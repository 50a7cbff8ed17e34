#!/usr/bin/env python3
"""Measures the agent against the machine's own limit, in one run: ratios, not absolute figures, are what counts.

run.py --binary PATH [--lines N] [--entries N] [--only plain,docker,cri,journal,idle,limit] [--rounds N] [--json FILE]

Lines: file → store on disk → a push server on loopback that only counts; CPU seconds of the agent alone (user and
system, of all its threads, start-up included) until the server has counted every line. The limit is limit.c over the
same files, to the same server. Without --binary only the limit is measured.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "Tests", "Integration"))

from agent import Agent, client
from context import Skip
from journals import Remote

KINDS = ("plain", "docker", "cri")
CONTAINER = "ab" * 32
# Fluent Bit 5.1 with a counting server on one such machine, for scale: lines per CPU second.
FLUENT_BIT = {"plain": 329_000, "docker": 153_000}


class Bench:
    """Tools, log files and the counting server, in a directory of their own."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.directory = tempfile.mkdtemp(prefix="tocsin-bench-", dir=arguments.directory)
        self.results = {}
        for tool in ("genlogs", "limit", "countserver"):
            self.build(tool)
        self.counter = subprocess.Popen([self.path("countserver")], stdout=subprocess.PIPE)
        self.port = int(self.counter.stdout.readline().split()[1])

    def build(self, tool):
        command = [os.environ.get("CC", "cc"), "-O2", "-Wall", "-Wextra", "-Werror", "-o", self.path(tool),
                   os.path.join(HERE, tool + ".c"), "-lsnappy"]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            sys.exit("cannot build %s (Debian: gcc libsnappy-dev):\n%s" % (tool, done.stderr.decode()))

    def path(self, *parts):
        path = os.path.join(self.directory, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def counted(self, what="stats"):
        with urllib.request.urlopen("http://127.0.0.1:%d/%s" % (self.port, what), timeout=5) as answer:
            return json.load(answer)

    def log(self, kind):
        """The kind's log file where its source looks for it; made once. Recent, so that no age limit bites."""
        path = {"plain": self.path("plain", "access.log"),
                "docker": self.path("docker", "containers", CONTAINER, CONTAINER + "-json.log"),
                "cri": self.path("pods", "default_web_0a1b2c3d-0000-0000-0000-000000000000", "app", "0.log")}[kind]
        if not os.path.exists(path):
            name = "nginx" if kind == "plain" else kind
            start = int(time.time()) - self.arguments.lines // 500 - 60
            subprocess.run([self.path("genlogs"), name, str(self.arguments.lines), path, str(start)], check=True)
            if kind == "docker":
                config = {"ID": CONTAINER, "Name": "/bench", "State": {"Running": True, "Pid": 1}, "LogPath": path,
                          "Config": {"Image": "bench:1", "Labels": {}, "Tty": False}}
                with open(os.path.join(os.path.dirname(path), "config.v2.json"), "w") as file:
                    json.dump(config, file)
                with open(os.path.join(os.path.dirname(path), "hostconfig.json"), "w") as file:
                    json.dump({"LogConfig": {"Type": "json-file", "Config": {}}}, file)
        with open(path, "rb") as file:  # both start with the file in the page cache
            while file.read(1 << 20):
                pass
        return path

    def scrape(self, kind):
        return {"plain": {"job_name": "plain", "static_configs": [
                    {"targets": ["localhost"], "labels": {"job": "plain", "__path__": self.path("plain", "*.log")}}]},
                "docker": {"job_name": "docker", "docker_sd_configs": [{"data_root": self.path("docker")}],
                           "relabel_configs": [
                               {"source_labels": ["__meta_docker_container_name"], "regex": "/?(.*)",
                                "target_label": "container"},
                               {"source_labels": ["__meta_docker_container_log_stream"], "target_label": "stream"}]},
                "cri": {"job_name": "pods", "cri": {"path": self.path("pods"), "labels": {"job": "pods"}}}}[kind]

    def limit(self, kind, send):
        """The best of the rounds of limit.c."""
        command = [self.path("limit"), kind, self.log(kind), self.path("segment")]
        runs = []
        for _ in range(self.arguments.rounds):
            done = subprocess.run(command + ([str(self.port)] if send else []), capture_output=True, check=True)
            runs.append(json.loads(done.stdout))
        return max(runs, key=lambda run: run["lines_per_cpu_second"])

    def agent(self, scrape_configs, clients=None):
        state = self.path("state", "x")
        shutil.rmtree(os.path.dirname(state), ignore_errors=True)
        agent = Agent(self.arguments.binary, self.directory, clients if clients is not None else [client(
            "http://127.0.0.1:%d/loki/api/v1/push" % self.port)], scrape_configs, state_dir=os.path.dirname(state),
            store={"max_size": "4GiB", "retention": "24h"})
        agent.log = os.devnull
        return agent

    def until_counted(self, agent, entries, limit=180):
        """Runs the agent until the server has counted so many: what it cost."""
        self.counted("reset")
        begin = time.monotonic()
        agent.start(wait=False)
        anonymous = 0
        while self.counted()["entries"] < entries:
            if agent.process.poll() is not None:
                raise RuntimeError("the agent ended with %s" % agent.process.returncode)
            if time.monotonic() - begin > limit:
                raise RuntimeError("%d of %d counted after %d s" % (self.counted()["entries"], entries, limit))
            anonymous = max(anonymous, agent.memory().get("anon", 0))
            time.sleep(0.02)
        # Acknowledging and idling down belong to the work, so a moment more.
        time.sleep(0.5)
        cpu, wall = agent.cpu_seconds(), time.monotonic() - begin - 0.5
        found = self.counted()
        result = {"lines": found["entries"], "cpu_seconds": round(cpu, 3), "wall_seconds": round(wall, 3),
                  "lines_per_cpu_second": round(entries / max(cpu, 0.01)), "peak_rss_kib": agent.peak_rss(),
                  "peak_anon_kib": anonymous, "requests": found["requests"], "bad": found["bad"],
                  "repeated": found["entries"] - entries}
        agent.terminate(10)
        return result

    def best(self, make, entries):
        """The best of the rounds, each with a new state directory; the worst memory of all."""
        runs = [self.until_counted(make(), entries) for _ in range(self.arguments.rounds)]
        best = dict(max(runs, key=lambda run: run["lines_per_cpu_second"]))
        for name in ("peak_rss_kib", "peak_anon_kib"):
            best[name] = max(run[name] for run in runs)
        return best

    def lines(self, kind):
        store, sent = self.limit(kind, False), self.limit(kind, True)
        result = {"limit_to_segment": store["lines_per_cpu_second"], "limit_to_server": sent["lines_per_cpu_second"]}
        text = "%-8s limit.c %9s/s to the segment, %9s/s to the server" % (
            kind, number(store["lines_per_cpu_second"]), number(sent["lines_per_cpu_second"]))
        if self.arguments.binary and kind in self.arguments.only:
            run = self.best(lambda: self.agent([self.scrape(kind)]), self.arguments.lines)
            result["agent"] = run
            result["ratio"] = round(run["lines_per_cpu_second"] / sent["lines_per_cpu_second"], 3)
            text += "; agent %9s/s: %.2f of the limit (goal 0.60)%s, peak RSS %.1f MiB, peak anonymous %.1f MiB (goal 24)" % (
                number(run["lines_per_cpu_second"]), result["ratio"],
                ", %.1f times Fluent Bit" % (run["lines_per_cpu_second"] / FLUENT_BIT[kind]) if kind in FLUENT_BIT else "",
                run["peak_rss_kib"] / 1024, run["peak_anon_kib"] / 1024)
            if run["bad"] or run["repeated"]:
                text += "; %d bad requests, %d lines twice" % (run["bad"], run["repeated"])
        self.results[kind] = result
        print(text, flush=True)

    def journal(self):
        """Catching up with a journal of 22 fields an entry, with promtail's usual labels."""
        count = self.arguments.entries
        try:
            remote = Remote(self.path("journal", "remote.journal"))
        except Skip as reason:
            print("journal  skipped: %s" % reason)
            return
        start = time.time_ns() // 1000 - count * 100 - 10_000_000
        for at in range(0, count, 5000):
            remote.write([b"request %d served in %d ms by worker %d" % (n, n % 977, n % 16)
                          for n in range(at, min(count, at + 5000))], start=start + at * 100, step=100)
        remote.close()
        scrape = {"job_name": "journal", "journal": {"path": self.path("journal"), "max_age": "24h", "labels": {"job": "journal"}},
                  "relabel_configs": [{"source_labels": ["__journal__systemd_unit"], "target_label": "unit"},
                                      {"source_labels": ["__journal_syslog_identifier"], "target_label": "identifier"},
                                      {"source_labels": ["__journal_priority_keyword"], "target_label": "level"}]}
        run = self.best(lambda: self.agent([scrape]), count)
        self.results["journal"] = run
        print("journal  agent %s entries per CPU second (goal 300k), peak RSS %.1f MiB, peak anonymous %.1f MiB" % (
            number(run["lines_per_cpu_second"]), run["peak_rss_kib"] / 1024, run["peak_anon_kib"] / 1024), flush=True)

    def quiet(self, count):
        """A job with so many files of one line."""
        folder = os.path.dirname(self.path("quiet%d" % count, "x"))
        for n in range(count):
            with open(os.path.join(folder, "f%04d.log" % n), "w") as file:
                file.write("one line\n")
        return {"job_name": "quiet", "static_configs": [
            {"targets": ["localhost"], "labels": {"job": "quiet", "__path__": os.path.join(folder, "*.log")}}]}

    def idle(self):
        """At rest: memory, wake-ups and CPU, without and with a destination, with 500 and with 2,000 files."""
        journal = {"job_name": "journal", "journal": {"labels": {"job": "journal"}}}
        docker = {"job_name": "docker", "docker_sd_configs": [{}]}
        for name, scrape, clients in (("idle", [journal, docker], []), ("idle+client", [journal, docker], None),
                                      ("idle+500", [journal, docker, self.quiet(500)], []),
                                      ("idle+2000", [journal, docker, self.quiet(2000)], [])):
            agent = self.agent(scrape, clients).start()
            time.sleep(self.arguments.settle)
            wakeups, cpu = agent.wakeups(), agent.cpu_seconds()
            time.sleep(10)
            memory = agent.memory()
            result = {"rss_kib": memory["rss"], "anon_kib": memory["anon"], "wakeups_in_10s": agent.wakeups() - wakeups,
                      "cpu_seconds_in_10s": round(agent.cpu_seconds() - cpu, 3),
                      "threads": len(os.listdir("/proc/%d/task" % agent.process.pid))}
            agent.terminate(10)
            self.results[name] = result
            print("%-12s RSS %.1f MiB, anonymous %.1f MiB (goals 20 and 6 without a destination), %d wake-ups and %.2f s of "
                  "CPU in 10 s, %d threads" % (name, result["rss_kib"] / 1024, result["anon_kib"] / 1024,
                                               result["wakeups_in_10s"], result["cpu_seconds_in_10s"], result["threads"]),
                  flush=True)

    def close(self):
        self.counter.terminate()
        self.counter.wait()
        self.counter.stdout.close()
        if not self.arguments.keep:
            shutil.rmtree(self.directory, ignore_errors=True)


def number(value):
    return "%.2fM" % (value / 1e6) if value >= 1_000_000 else "%dk" % (value / 1000)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--entries", type=int, default=200_000, help="of the journal")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many counts")
    parser.add_argument("--settle", type=float, default=5, help="seconds before the idle measurement")
    parser.add_argument("--only", default="plain,docker,cri,journal,idle")
    parser.add_argument("--directory", help="where the log files go (1 GB); default: the system's temporary directory")
    parser.add_argument("--json", help="also write the results to this file")
    parser.add_argument("--keep", action="store_true")
    arguments = parser.parse_args()
    arguments.only = arguments.only.split(",")
    if arguments.binary:
        arguments.binary = os.path.abspath(arguments.binary)
        if not os.access(arguments.binary, os.X_OK):
            parser.error("--binary must name the built agent; %r cannot be run" % arguments.binary)
    bench = Bench(arguments)
    failed = 0
    try:
        print("load %s, %d CPUs, best of %d" % (os.getloadavg(), os.cpu_count(), arguments.rounds), flush=True)
        parts = [(kind, lambda kind=kind: bench.lines(kind)) for kind in KINDS]
        if arguments.binary:
            parts += [("journal", bench.journal), ("idle", bench.idle)]
        for name, part in parts:
            if name in arguments.only or "limit" in arguments.only and name in KINDS:
                try:
                    part()
                except Exception as error:
                    failed += 1
                    print("%-8s failed: %s" % (name, error), flush=True)
        if arguments.json:
            with open(arguments.json, "w") as file:
                json.dump(bench.results, file, indent=1)
    finally:
        bench.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
