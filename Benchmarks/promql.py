#!/usr/bin/env python3
"""PromQL in CPU microseconds: the engine beside Prometheus on the same data.

promql.py --runner .build/release-tree/release/promql-runner [--seconds S] [--only SUBSTRING] [--without-prometheus]

5,000 series of a host, a sample every 15 s for two hours. 200 rules are evaluated as instant queries, then some range queries. Prometheus
is asked over HTTP, with the cost of asking for `1` taken off; its data are a block of its store. The engine runs over plain arrays in memory,
so its figures leave out what a store costs to decode.
"""

import argparse
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

STEP, END = 15, 7200


def host(seed=7):
    """About 5,000 series: name, labels, whether it counts."""
    made = []
    add = lambda metric, counts, /, **labels: made.append((metric, labels, counts))
    modes = ("user", "system", "idle", "iowait", "irq", "softirq", "steal", "nice")
    for cpu in range(32):
        for mode in modes:
            add("node_cpu_seconds_total", True, cpu=str(cpu), mode=mode)
    for disk in range(40):
        labels = {"device": "/dev/sd%d" % disk, "mountpoint": "/mnt/%d" % disk, "fstype": "ext4"}
        for name in ("size_bytes", "avail_bytes", "free_bytes", "files", "files_free", "readonly"):
            add("node_filesystem_" + name, False, **labels)
    for device in range(30):
        for way in ("receive", "transmit"):
            for what in ("bytes", "packets", "errs", "drop", "fifo", "compressed", "frame", "multicast", "colls", "carrier"):
                add("node_network_%s_%s_total" % (way, what), True, device="eth%d" % device)
    for device in range(20):
        for what in ("reads_completed", "writes_completed", "read_bytes", "written_bytes", "io_time_seconds", "read_time_seconds",
                     "write_time_seconds", "reads_merged", "writes_merged", "discards_completed"):
            add("node_disk_%s_total" % what, True, device="sd%d" % device)
    for container in range(200):
        labels = {"id": "/system.slice/docker-%064x.scope" % container, "name": "app-%d" % container, "image": "registry/app:%d" % (container % 9)}
        for name, counts in (("cpu_usage_seconds_total", True), ("memory_usage_bytes", False), ("memory_working_set_bytes", False),
                             ("spec_memory_limit_bytes", False), ("network_receive_bytes_total", True),
                             ("network_transmit_bytes_total", True), ("fs_reads_bytes_total", True), ("fs_writes_bytes_total", True),
                             ("last_seen", False), ("oom_events_total", True)):
            add("container_" + name, counts, **labels)
    for handler in range(50):
        for le in ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"):
            add("http_request_duration_seconds_bucket", True, handler="/h/%d" % handler, le=le)
        for code in ("200", "404", "500"):
            add("http_requests_total", True, handler="/h/%d" % handler, code=code)
    for unit in range(150):
        for state in ("active", "inactive", "failed", "activating", "deactivating"):
            add("node_systemd_unit_state", False, name="unit-%d.service" % unit, state=state)
    for name in ("MemTotal", "MemAvailable", "MemFree", "Buffers", "Cached", "SwapTotal", "SwapFree", "Slab", "Dirty", "Writeback"):
        add("node_memory_%s_bytes" % name, False)
    for name in ("node_load1", "node_load5", "node_load15", "node_filefd_allocated", "node_filefd_maximum", "node_boot_time_seconds",
                 "node_timex_offset_seconds", "node_nf_conntrack_entries", "node_nf_conntrack_entries_limit"):
        add(name, False)
    add("up", False, job="node", instance="a")
    draw = random.Random(seed)
    lines, page, families = [], [], {}
    for name, labels, counts in made:
        labels = dict(labels, instance="host", job="node") if "job" not in labels else labels
        value, step, values = draw.randrange(1000, 100000), draw.random() * 30, []
        rank = 1 + len(labels.get("le", "")) if "le" in labels else 1
        for _ in range(END // STEP):
            value = value + int(step * draw.random() * rank * 10) if counts else max(0, value + draw.randrange(-50, 51))
            values.append(value)
        text = name + "{%s}" % ",".join('%s="%s"' % one for one in sorted(labels.items()))
        lines.append("  %s %s" % (text, " ".join(map(str, values))))
        families.setdefault(name, []).append((text, values))
    for name, members in families.items():
        page.append("# TYPE %s unknown" % name)
        for text, values in members:
            page += ["%s %d %d" % (text, value, index * STEP) for index, value in enumerate(values)]
    return "load %ds\n%s\n" % (STEP, "\n".join(lines)), "\n".join(page) + "\n# EOF\n", len(made)


RULES = [
    'node_filesystem_avail_bytes{fstype!="",mountpoint!=""} / node_filesystem_size_bytes{fstype!="",mountpoint!=""} * 100 < %d and node_filesystem_readonly == 0',
    'predict_linear(node_filesystem_avail_bytes{fstype!=""}[1h], %d * 3600) < 0 and node_filesystem_readonly{fstype!=""} == 0',
    'node_filesystem_files_free / node_filesystem_files * 100 < %d',
    'rate(node_network_receive_errs_total[2m]) / rate(node_network_receive_packets_total[2m]) > %d',
    'rate(node_network_transmit_errs_total[2m]) / rate(node_network_transmit_packets_total[2m]) > %d',
    'increase(node_network_receive_drop_total[5m]) > %d0000',
    '100 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])) * 100 < -%d00000',
    'sum without (mode, cpu) (rate(node_cpu_seconds_total{mode=~"user|system|iowait"}[5m])) > %d0000',
    'avg by (instance) (rate(node_cpu_seconds_total{mode="steal"}[5m])) * 100 > %d00000',
    'node_load1 / count without (cpu, mode) (node_cpu_seconds_total{mode="idle"}) > %d0000',
    'node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes * 100 < -%d',
    '(1 - node_memory_SwapFree_bytes / node_memory_SwapTotal_bytes) * 100 > %d000000',
    'node_systemd_unit_state{state="failed"} == -%d',
    'rate(node_disk_io_time_seconds_total[5m]) > %d000',
    'rate(node_disk_read_time_seconds_total[1m]) / rate(node_disk_reads_completed_total[1m]) > %d00',
    'container_memory_working_set_bytes / container_spec_memory_limit_bytes * 100 > %d00000',
    'sum by (name) (rate(container_cpu_usage_seconds_total[3m])) * 100 > %d00000',
    'time() - container_last_seen{name!=""} < -%d00000',
    'increase(container_oom_events_total[5m]) > %d0000',
    'sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > %d',
    'histogram_quantile(0.99, sum by (le, handler) (rate(http_request_duration_seconds_bucket[5m]))) > 1%d',
    'sum by (handler) (rate(http_requests_total[5m])) > %d00000',
    'up == -%d',
    'absent(up{job="node"}) == %d',
    'changes(node_boot_time_seconds[15m]) > %d0000',
    'node_nf_conntrack_entries / node_nf_conntrack_entries_limit > %d00000',
    'abs(node_timex_offset_seconds) > %d00000000',
    'max_over_time(node_load15[30m]) < -%d',
    'topk(3, rate(container_network_receive_bytes_total[5m])) < -%d',
    'delta(node_filefd_allocated[10m]) > %d000000',
]

RANGES = [
    "rate(node_cpu_seconds_total[5m])",
    "sum by (mode) (rate(node_cpu_seconds_total[5m]))",
    "sum by (name) (container_memory_usage_bytes)",
    "histogram_quantile(0.9, sum by (le, handler) (rate(http_request_duration_seconds_bucket[5m])))",
    "histogram_quantile(0.9, rate(http_request_duration_seconds_bucket[5m]))",
    "container_memory_usage_bytes / container_spec_memory_limit_bytes",
    "node_cpu_seconds_total / on (cpu) group_left sum by (cpu) (node_cpu_seconds_total)",
    "avg_over_time(container_memory_usage_bytes[10m])",
    "max_over_time(container_memory_usage_bytes[1h])",
    "container_memory_usage_bytes and container_last_seen > 50000",
    "topk(5, rate(container_cpu_usage_seconds_total[5m]))",
    "node_network_receive_bytes_total",
    "predict_linear(node_filesystem_avail_bytes[1h], 3600)",
    "max_over_time(rate(node_disk_io_time_seconds_total[1m])[10m:1m])",
]


def queries():
    rules = [RULES[number % len(RULES)] % (number // len(RULES) + 1) for number in range(200)]
    # A dashboard's hour in steps of 15 s.
    return ["instant 5400 " + rule for rule in rules] + ["range 3600 7185 15 " + query for query in RANGES]


class Prometheus:
    def __init__(self, directory, page):
        with open(os.path.join(directory, "page.om"), "w") as file:
            file.write(page)
        data = os.path.join(directory, "data")
        subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", os.path.join(directory, "page.om"), data], check=True,
                       stdout=subprocess.DEVNULL)
        with open(os.path.join(directory, "prometheus.yml"), "w") as file:
            file.write("global: {scrape_interval: 15s}\n")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = open(os.path.join(directory, "log"), "wb")
        self.process = subprocess.Popen(
            ["prometheus", "--config.file=" + os.path.join(directory, "prometheus.yml"), "--storage.tsdb.path=" + data,
             "--web.listen-address=127.0.0.1:%d" % self.port], stdout=self.log, stderr=self.log)
        for _ in range(300):
            try:
                self.ask("query", query="1", time=0)
                return
            except OSError:
                time.sleep(0.2)
        raise SystemExit("Prometheus does not answer")

    def ask(self, path, **parameters):
        url = "http://127.0.0.1:%d/api/v1/%s?%s" % (self.port, path, urllib.parse.urlencode(parameters))
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.read()

    def cpu(self):
        with open("/proc/%d/stat" % self.process.pid) as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def measure(self, lines, seconds):
        """CPU microseconds of one round over all the lines."""
        begin, rounds, until = self.cpu(), 0, time.monotonic() + seconds
        while time.monotonic() < until or rounds < 2:
            rounds += 1
            for line in lines:
                kind, rest = line.split(" ", 1)
                if kind == "instant":
                    at, query = rest.split(" ", 1)
                    self.ask("query", query=query, time=int(at) + rounds % 20 * 15)
                else:
                    start, end, step, query = rest.split(" ", 3)
                    self.ask("query_range", query=query, start=start, end=end, step=step)
        return (self.cpu() - begin) / rounds * 1e6

    def resident(self):
        with open("/proc/%d/status" % self.process.pid) as file:
            return int(next(line for line in file if line.startswith("VmRSS")).split()[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runner", required=True)
    parser.add_argument("--seconds", type=float, default=3, help="of each of Prometheus's measurements")
    parser.add_argument("--only", default="")
    parser.add_argument("--without-prometheus", action="store_true")
    arguments = parser.parse_args()
    script, page, count = host()
    lines = [line for line in queries() if arguments.only in line]
    directory = tempfile.mkdtemp(prefix="tocsin-promql-")
    prometheus = None
    try:
        for name, text in (("load.test", script), ("queries", "\n".join(lines) + "\n")):
            with open(os.path.join(directory, name), "w") as file:
                file.write(text)
        output = subprocess.run([arguments.runner, "bench", os.path.join(directory, "load.test"), os.path.join(directory, "queries"), "0.05"],
                                check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
        ours = [float(line.split()[0]) for line in output[:-1]]
        instant = [index for index, line in enumerate(lines) if line.startswith("instant")]
        print("%d series, engine resident with data %d KiB" % (count, int(output[-1].split()[1])))
        rules = sum(ours[index] for index in instant)
        if arguments.without_prometheus:
            print("%-90s %10.0f us" % ("%d rules once" % len(instant), rules))
            for index in instant[:30]:
                print("%-90s %10.1f us" % (lines[index].split(" ", 2)[2][:90], ours[index]))
        else:
            prometheus = Prometheus(directory, page)
            empty = prometheus.measure(["instant 5400 1"] * 50, arguments.seconds) / 50
            theirs = prometheus.measure([lines[index] for index in instant], arguments.seconds * 2) - empty * len(instant)
            print("%-90s %10.0f us %10.0f us  %.2f" % ("%d rules once" % len(instant), rules, theirs, rules / theirs))
        for index, line in enumerate(lines):
            if index in instant:
                continue
            shown = line.split(" ", 4)[4][:90]
            if prometheus is None:
                print("%-90s %10.0f us" % (shown, ours[index]))
                continue
            theirs = prometheus.measure([line], arguments.seconds) - empty
            print("%-90s %10.0f us %10.0f us  %.2f" % (shown, ours[index], theirs, ours[index] / theirs))
        if prometheus:
            print("Prometheus resident %d KiB" % prometheus.resident())
    finally:
        if prometheus:
            prometheus.process.terminate()
            prometheus.process.wait()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
