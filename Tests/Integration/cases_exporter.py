"""The host's metrics: against node_exporter's fixtures and itself, promtool, Prometheus, and a host that hangs."""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.request

from agent import free_port, keep_page
from context import ALONE, Skip, case

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
DOCUMENT = os.path.join(REPOSITORY, "docs", "metrics.md")

# Of the collectors in the fixtures' output that we lack: what their families begin with.
LACKING = {
    "cpu_vulnerabilities": "node_cpu_vulnerabilities_", "drbd": "node_drbd_",
    "ksmd": "node_ksmd_", "lnstat": "node_lnstat_", "meminfo_numa": "node_memory_numa_",
    "mountstats": "node_mountstats_", "pcidevice": "node_pcidevice_", "qdisc": "node_qdisc_", "slabinfo": "node_slabinfo_",
    "sysctl": "node_sysctl_", "wifi": "node_wifi_", "xfrm": "node_xfrm_", "zoneinfo": "node_zoneinfo_",
}
OPTIONAL = ["buddyinfo", "cgroups", "interrupts", "processes", "softirqs"]
# Names of node_exporter, Promtail, cAdvisor and fail2ban's exporters that promtool finds fault with.
NOISE = ("node_entropy_", "node_memory_", "node_netstat_", "node_wifi_station_", "promtail_targets_active_total ",
         "container_memory_failcnt ", "f2b_jail_count ")
# Families that we have, as the fixtures' newer node_exporter does, and 1.5.0 has not; and why it has not.
NEWER = {
    "node_btrfs_commit_seconds_total": "btrfs does not read commit_stats",
    "node_btrfs_commits_total": "btrfs does not read commit_stats",
    "node_btrfs_last_commit_seconds": "btrfs does not read commit_stats",
    "node_btrfs_max_commit_seconds": "btrfs does not read commit_stats",
    "node_systemd_virtualization_info": "systemd is not asked for it",
    "node_filesystem_mount_info": "filesystem has no such family",
    "node_kernel_hung_tasks_total": "there is no collector kernel_hung",
    "node_netstat_TcpExt_TCPOFOQueue": "not in the default of netstat's fields",
    "node_netstat_TcpExt_TCPRcvQDrop": "not in the default of netstat's fields",
    "node_softnet_backlog_len": "softnet reads fewer columns",
    "node_softnet_cpu_collision_total": "softnet reads fewer columns",
    "node_softnet_flow_limit_count_total": "softnet reads fewer columns",
    "node_softnet_received_rps_total": "softnet reads fewer columns",
}
# Labels that 1.5.0 lacks.
NEWER_LABELS = {"node_disk_info": "rotational", "node_network_info": "adminstate", "node_filesystem_": "device_error"}
# What stands still while both are asked.
STILL = re.compile(
    r"node_(uname_info|os_|dmi_info|boot_time_seconds|filesystem_(size_bytes|files|readonly|device_error)$|network_(info|up|mtu_bytes|flags|iface|speed_bytes)|"
    r"memory_(MemTotal|SwapTotal|VmallocTotal|CommitLimit|Hugepagesize)_bytes|disk_info|filefd_maximum|nf_conntrack_entries_limit|"
    r"scrape_collector_success|selinux|time_zone|time_clocksource|timex_tick)")


def fixtures(c):
    """A directory with node_exporter's fixtures where its own test has them, and the expected output."""
    base = os.environ.get("TOCSIN_CONFORMANCE") or os.path.join(REPOSITORY, "..", "shared", "conformance")
    base = os.path.abspath(os.path.join(base, "node_exporter"))
    archive = os.path.join(base, "fixtures.tar.gz")
    if not os.path.exists(archive):
        raise Skip("no %s; TOCSIN_CONFORMANCE names the directory" % archive)
    target = c.folder("collector", "fixtures")
    with tarfile.open(archive) as tar:
        tar.extractall(target)
    # Node_exporter asks the running kernel for devices here; with another procfs we read this file, which the fixtures lack.
    shutil.copyfile("/proc/net/dev", os.path.join(target, "proc", "net", "dev"))
    return target, os.path.join(base, "compare.py")


def fixture_flags():
    root = "collector/fixtures"
    return ["--path.rootfs=" + root, "--path.procfs=%s/proc" % root, "--path.sysfs=%s/sys" % root, "--path.udev.data=%s/udev/data" % root,
            "--no-collector.selinux", "--no-collector.filesystem", "--no-collector.timex", "--no-collector.uname", "--no-collector.containers",
            "--no-collector.units", "--no-collector.systemd", "--no-collector.arp.netlink", "--collector.arp.device-exclude=nope", "--collector.bcache.priorityStats",
            "--collector.cpu.info", "--collector.cpu.info.bugs-include=^(cpu_meltdown|spectre_.*|mds)$",
            "--collector.cpu.info.flags-include=^(aes|avx.?|constant_tsc)$",
            "--collector.hwmon.chip-include=(applesmc|asus_nb_wmi|coretemp|hwmon4|ieee80211|nct6779)",
            "--collector.netclass.ignore-invalid-speed", "--collector.netclass.ignored-devices=(dmz|int)", "--collector.netdev.device-include=lo",
            "--collector.stat.softirq", "--collector.textfile.directory=%s/textfile/two_metric_files/" % root,
            *["--collector." + name for name in OPTIONAL]]


def collect(c, *flags):
    done = subprocess.run([c.binary, "metrics", *flags], cwd=c.directory, capture_output=True, timeout=60, check=False)
    c.require(done.returncode == 0, "tocsin metrics ends with %d: %s" % (done.returncode, done.stderr.decode("utf-8", "replace")[:800]))
    text = done.stdout.decode("utf-8", "replace")
    keep_page(text)
    return text


def read(text):
    """({family: type}, {(name, labels): value}) of a page."""
    types, samples = {}, {}
    for line in text.split("\n"):
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            types[name] = kind
        elif line and not line.startswith("#"):
            key, value = line.rsplit(" ", 1)
            name, _, labels = key.partition("{")
            samples[name, frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels))] = float(value)
    return types, samples


def documented(c, text, foreign=()):
    """Requires docs/metrics.md to list the families of this page with their types and all their labels."""
    types, samples = read(text)
    with open(DOCUMENT, encoding="utf-8") as file:
        lines = re.findall(r"^\| `((?:node|tocsin|f2b|process|container|machine|promtail|probe|logentry)_[^`]*)` \| (\w+) \|(.*?)\|", file.read(), re.M)
    rows = [row[:2] for row in lines]
    listed = {name: set(re.findall(r"`([^`]+)`", labels)) for name, _, labels in lines}
    exact = {name: kind for name, kind in rows if "*" not in name}
    patterns = [(re.compile(re.escape(name).replace(r"\*", ".+")), kind) for name, kind in rows if "*" in name]
    wrong = []
    for name, kind in types.items():
        kinds = [exact[name]] if name in exact else [k for pattern, k in patterns if pattern.fullmatch(name)]
        if name not in foreign and kind not in kinds:
            wrong.append("%s %s (listed: %s)" % (name, kind, kinds or "not"))
    c.require(not wrong, "docs/metrics.md: %d families differ: %s" % (len(wrong), ", ".join(sorted(wrong)[:60])))
    for name, labels in samples:
        family = next((n for n in (name, *(name.removesuffix(end) for end in ("_bucket", "_sum", "_count", "_created"))) if n in types), name)
        row = family if family in listed else next((n for n in listed if "*" in n and re.fullmatch(re.escape(n).replace(r"\*", ".+"), family)), None)
        have = {re.sub(r"^(container_label|container_env)_.+", r"\1_*", label) for label, _ in labels}
        if row and family not in foreign and not have <= listed[row]:
            wrong.append("%s{%s}" % (family, ",".join(sorted(have - listed[row]))))
    c.require(not wrong, "docs/metrics.md lacks labels (scripts/list-families --labels PAGE adds them): %s" % ", ".join(sorted(set(wrong))[:40]))


@case("exporter-conformance")
def conformance(c):
    """Every family of the collectors we have is as node_exporter's own test expects it, none is there besides, and docs/metrics.md lists all."""
    root, judge = fixtures(c)
    text = collect(c, *fixture_flags())
    got, expected = c.path("got.txt"), c.path("expected.txt")
    with open(got, "w", encoding="utf-8") as file:
        file.write(text)
    have = set(re.findall(r'^node_scrape_collector_success\{collector="(\w+)"\}', text, re.M))
    c.require(not have & set(LACKING), "no longer lacking: %s" % (have & set(LACKING)))
    with open(os.path.join(root, "e2e-output.txt"), encoding="utf-8") as file:
        lines = file.readlines()
    left = tuple(LACKING.values())
    kept = [line for line in lines if not line.startswith(left) and not (
        line.startswith("node_scrape_collector_success{") and line.split('"')[1] in LACKING)]
    with open(expected, "w", encoding="utf-8") as file:
        file.writelines(kept)
    done = subprocess.run([sys.executable, judge, expected, got], capture_output=True, text=True, check=False)
    c.require(done.returncode == 0, "not equal:\n%s" % done.stdout[-3000:])
    types = read(text)[0]
    theirs = read("".join(kept))[0]
    families = {name for name, _ in read("".join(kept))[1]}
    wrong = ["%s: %s, not %s" % (name, types[name], theirs[name]) for name in theirs if name in types and types[name] != theirs[name]]
    c.require(not wrong, "other types: %s" % wrong)
    textfile = set()
    for name in os.listdir(os.path.join(root, "textfile", "two_metric_files")):
        with open(os.path.join(root, "textfile", "two_metric_files", name), encoding="utf-8") as file:
            textfile |= set(re.findall(r"^# TYPE (\S+)", file.read(), re.M)) | set(re.findall(r"^(\w+)[ {]", "".join(open(file.name)), re.M))
    documented(c, text, textfile)
    return "%s of %d families; lacking: %s" % (done.stdout.strip().splitlines()[-1], len(families), ", ".join(sorted(LACKING)))


@case("exporter-live", needs=ALONE)
def live(c):
    """On this host the page has what the installed node_exporter's has: families, types, labels, and values within what passes between."""
    binary = shutil.which("prometheus-node-exporter")
    if not binary:
        raise Skip("prometheus-node-exporter is not installed")
    same = ["--collector.netdev.device-exclude=^nothing$", "--collector.diskstats.device-exclude=^(z?ram|loop|fd)\\d+$",
            "--collector.filesystem.mount-points-exclude=^/(dev|proc|sys|run|mnt)($|/)",
            r"--collector.systemd.unit-exclude=.+\.(automount|device|mount|scope|slice)"]
    port = free_port()
    process = subprocess.Popen([binary, "--web.listen-address=127.0.0.1:%d" % port, *same],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = "http://127.0.0.1:%d/metrics" % port

        def page():
            try:
                return urllib.request.urlopen(url, timeout=10).read().decode()
            except OSError:
                return ""

        c.eventually(page, 20, "node_exporter does not answer")
        first, ours, last = page(), collect(c, *same), page()
    finally:
        process.terminate()
        process.wait()
    (types, before), (our_types, have), (_, after) = read(first), read(ours), read(last)
    collectors = {dict(labels)["collector"] for name, labels in before if name == "node_scrape_collector_success"}
    ours_too = {dict(labels)["collector"] for name, labels in have if name == "node_scrape_collector_success"}
    c.require(not collectors - ours_too - set(LACKING), "collectors that we lack: %s" % (collectors - ours_too - set(LACKING)))
    wrong, compared, left = [], 0, tuple(LACKING.values())
    theirs = {name: kind for name, kind in types.items()
              if name.startswith("node_") and name != "node_exporter_build_info" and not name.startswith(left)}
    wrong += ["family %s: %s, not %s" % (name, our_types.get(name), kind) for name, kind in theirs.items() if our_types.get(name) != kind]
    wrong += ["family %s besides" % name for name in our_types if name.startswith("node_") and name not in theirs and name not in NEWER]

    def older(name, labels):
        """Without the labels that 1.5.0 has not."""
        extra = [label for start, label in NEWER_LABELS.items() if name.startswith(start) and name != "node_filesystem_mount_info"]
        return name, frozenset(pair for pair in labels if pair[0] not in extra)

    have = {older(*key): value for key, value in have.items() if key[0] in theirs}
    for key in before.keys() & after.keys():
        name, labels = key
        if name not in theirs or name.startswith("node_scrape_collector_duration"):
            continue
        if name.startswith("node_scrape_") and dict(labels)["collector"] in LACKING:
            continue
        if key not in have:
            wrong.append("missing %s%s" % (name, dict(labels)))
            continue
        compared += 1
        low, high, value = min(before[key], after[key]), max(before[key], after[key]), have[key]
        if STILL.match(name):
            fits = value == before[key]
        elif types[name] == "counter":
            fits = low - 0.05 <= value <= high + 0.05 + (0.2 if "cpu_" in name else 0)
        else:
            slack = max(0.25 * max(abs(low), abs(high)), 256 << 20 if name.endswith("_bytes") else 1000)
            fits = low - slack <= value <= high + slack or name.startswith("node_timex_")
        if not fits:
            wrong.append("%s%s: %r, not in %r...%r" % (name, dict(labels), value, low, high))
    wrong += ["besides %s%s" % (name, dict(labels)) for name, labels in have.keys() - before.keys() - after.keys() if not (
        name.startswith("node_scrape_") and dict(labels)["collector"] in ours_too - collectors)]
    c.require(not wrong, "%d differences: %s" % (len(wrong), "\n  ".join(sorted(wrong)[:60])))
    documented(c, ours)
    return "%d families, %d samples equal; newer than 1.5.0: %d families, labels %s" % (
        len(theirs), compared, sum(name in our_types for name in NEWER), ", ".join(sorted(NEWER_LABELS.values())))


def promtool(c, text):
    binary = shutil.which("promtool")
    if not binary:
        raise Skip("promtool is not installed")
    done = subprocess.run([binary, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False)
    return [line for line in (done.stdout + done.stderr).splitlines() if line]


@case("exporter-promtool")
def lint(c):
    """promtool finds no fault with the agent's page but with names that node_exporter, Promtail and cAdvisor chose."""
    agent = c.agent([], [])
    agent.start()
    text = agent.get("/metrics", timeout=20)[1]
    said = promtool(c, text)
    ours = [line for line in said if not line.startswith(NOISE)]
    c.require(not ours, "promtool: %s" % "\n  ".join(ours))
    documented(c, text)
    return "%d families; %d remarks on names of theirs" % (len(read(text)[0]), len(said))


@case("exporter-prometheus")
def prometheus(c):
    """Prometheus scrapes the agent as it likes, misses no sample, and both formats have the same."""
    binary = shutil.which("prometheus")
    if not binary:
        raise Skip("prometheus is not installed")
    agent = c.agent([], [])
    agent.start()
    port = free_port()
    with open(c.path("prometheus.json"), "w") as file:
        json.dump({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [
            {"job_name": "tocsin", "static_configs": [{"targets": ["127.0.0.1:%d" % agent.port]}]}]}, file)
    log = open(c.path("prometheus.log"), "wb")
    process = subprocess.Popen([binary, "--config.file=" + c.path("prometheus.json"), "--storage.tsdb.path=" + c.folder("tsdb"),
                                "--web.listen-address=127.0.0.1:%d" % port], stdout=log, stderr=log, cwd=c.directory)
    log.close()

    def value(query):
        try:
            answer = json.load(urllib.request.urlopen("http://127.0.0.1:%d/api/v1/query?query=%s" % (port, query), timeout=5))
        except OSError:
            return None
        result = answer["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def page(accept):
        connection = http.client.HTTPConnection("127.0.0.1", agent.port, timeout=20)
        connection.request("GET", "/metrics", headers={"Accept": accept})
        answer = connection.getresponse()
        text, kind = answer.read().decode(), answer.getheader("Content-Type")
        connection.close()
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        # OpenMetrics says when a counter began, the text format does not.
        return kind, len(lines), sum(1 for line in lines if re.match(r"\w+_created[{ ]", line))

    try:
        c.eventually(lambda: value("up") == 1, 60, "Prometheus does not see the agent up")
        seen = []

        def agrees():
            kind, open_count, created = page("application/openmetrics-text;version=1.0.0")
            plain, count, _ = page("text/plain;version=0.0.4")
            seen[:] = [kind, plain, open_count, count + created, value("scrape_samples_scraped")]
            return kind.startswith("application/openmetrics-text") and plain.startswith("text/plain") and seen[2] == seen[3] == seen[4]

        c.eventually(agrees, 30, lambda: "other counts: %s" % seen)
        c.require(value("scrape_samples_post_metric_relabeling") == seen[4], "Prometheus dropped samples")
    finally:
        process.terminate()
        process.wait()
    return "%d samples, as OpenMetrics; the same as text but for _created" % seen[2]


@case("exporter-slow", needs=ALONE)
def slow(c):
    """A hung mount, a line of 1 MB and a cut file cost themselves; the page comes in time with all else."""
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse") or not shutil.which("nsenter"):
        raise Skip("a mount of /dev/fuse wants root and nsenter")
    mountpoint, proc, texts = c.folder("hung"), c.folder("proc"), c.folder("texts")
    server = subprocess.Popen(["unshare", "--mount", "--propagation", "private", sys.executable, os.path.join(HERE, "hungfuse.py"), mountpoint],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def end():
        server.kill()
        server.wait()
        # Nothing waits in the file system any more: the agent can end.

    c.closing.append(end)
    c.require(server.stdout.readline() == b"mounted\n", "no mount: %s" % (server.stderr.read() if server.poll() is not None else ""))
    for name in os.listdir("/proc"):
        if not name.isdigit():
            os.symlink("/proc/" + name, os.path.join(proc, name))
    os.mkdir(os.path.join(proc, "1"))
    shutil.copyfile("/proc/%d/mountinfo" % server.pid, os.path.join(proc, "1", "mountinfo"))
    with open(os.path.join(texts, "long.prom"), "w") as file:
        file.write('long_metric{a="%s"} 1\n' % ("x" * (1 << 20)))
    with open(os.path.join(texts, "cut.prom"), "w") as file:
        file.write('cut_metric{a="b')
    with open(os.path.join(texts, "whole.prom"), "w") as file:
        file.write("whole_metric 7\n")
    wrapper = c.path("in-namespace")
    with open(wrapper, "w") as file:
        file.write('#!/bin/sh\nexec nsenter --target %d --mount -- "%s" "$@"\n' % (server.pid, os.path.abspath(c.binary)))
    os.chmod(wrapper, 0o755)
    agent = c.agent([], [], metrics={"paths": {"procfs": proc}, "collectors": {
        "filesystem": {"mount_timeout": "1s"}, "textfile": {"directory": [texts]}}})
    agent.binary = wrapper
    agent.start()
    took = []
    for _ in range(3):
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", agent.port, timeout=30)
        connection.request("GET", "/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": "4"})
        text = connection.getresponse().read().decode()
        connection.close()
        took.append(time.monotonic() - began)
        c.require(took[-1] < 4, "a page took %.1f s" % took[-1])
    samples = read(text)[1]
    failed = sorted(dict(labels)["collector"] for (name, labels), value in samples.items() if name == "node_scrape_collector_success" and value == 0)
    errors = {dict(labels)["mountpoint"]: value for (name, labels), value in samples.items() if name == "node_filesystem_device_error"}
    names = {name for name, _ in samples}
    for name in ("node_load1", "node_cpu_seconds_total", "node_memory_MemTotal_bytes", "whole_metric"):
        c.require(name in names, "%s is not on the page" % name)
    c.require(errors.get(mountpoint) == 1, "the hung mount is not told: %s; failed %s" % (errors, failed))
    c.require(errors.get("/") == 0 and "node_filesystem_size_bytes" in names, "the other file systems are not there: %s" % errors)
    c.require(samples.get(("node_textfile_scrape_error", frozenset())) == 1, "the cut file is not told")
    c.require("cut_metric" not in names, "the cut file was taken")
    return "pages in %s s; hung mount told; without success: %s" % (", ".join("%.2f" % t for t in took), ", ".join(failed) or "none")
