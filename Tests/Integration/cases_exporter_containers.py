"""Container metrics against a real dockerd, its own statistics and the files of the cgroups themselves."""

import datetime
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import time

from agent import Agent, keep_page
from cases_containers import Dockerd
from context import ALONE, Failure, Skip, case

BUSYBOX = "/bin/busybox"


class Page:
    """What `tocsin metrics` prints."""

    def __init__(self, c, *flags):
        done = subprocess.run([c.binary, "metrics", "--collector.disable-defaults", "--collector.containers", *flags],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
        if done.returncode:
            raise Failure("tocsin metrics ends with %d: %s" % (done.returncode, done.stderr.decode()[-300:]))
        self.complaints = done.stderr.decode()
        self.samples = []
        keep_page(done.stdout.decode())
        for line in done.stdout.decode().splitlines():
            match = re.match(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$", line)
            if match and not line.startswith("#"):
                labels = dict(re.findall(r'([a-zA-Z0-9_]+)="((?:[^"\\]|\\.)*)"', match.group(2) or ""))
                self.samples.append((match.group(1), labels, float(match.group(3))))

    def all(self, family, **labels):
        return [(have, value) for name, have, value in self.samples
                if name == family and all(have.get(k) == v for k, v in labels.items())]

    def one(self, family, **labels):
        found = self.all(family, **labels)
        if len(found) != 1:
            raise Failure("%d samples of %s%s: %s" % (len(found), family, labels, found[:3]))
        return found[0][1]


class Engine(http.client.HTTPConnection):
    """dockerd's API over its socket, for what the command line rounds."""

    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.unix = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self.unix)

    def json(self, path):
        self.request("GET", path)
        return json.loads(self.getresponse().read())


def start(daemon, name, script, *options, network="none"):
    return daemon.run("run", "-d", "--name", name, "--network", network, *options, "tocsin-test:1", BUSYBOX, "sh", "-c",
                      script)[1]


def cgroup_directories(pid):
    """{controller: directory} of a process; "" for version 2."""
    mounts = {}
    with open("/proc/self/mountinfo") as file:
        for line in file:
            front, _, back = line.partition(" - ")
            kind, _, options = back.split()[:3]
            point, root = front.split()[4], front.split()[3]
            if root != "/":
                continue
            if kind == "cgroup2":
                mounts.setdefault("", point)
            elif kind == "cgroup":
                for name in options.split(","):
                    mounts.setdefault(name, point)
    found = {}
    with open("/proc/%d/cgroup" % pid) as file:
        for line in file:
            _, names, path = line.rstrip("\n").split(":", 2)
            for name in names.split(","):
                if name in mounts:
                    found[name] = mounts[name] + path
    return found


def flat(path):
    with open(path) as file:
        return {parts[0]: int(parts[1]) for parts in (line.split() for line in file) if len(parts) == 2}


def number(path):
    with open(path) as file:
        text = file.read().strip()
    return 0 if text == "max" or (text.isdigit() and int(text) >= 1 << 62) else int(text)


def expected(directories):
    """What the files of a cgroup say, by family: (value, tolerance). The kernel counts memory in batches for each CPU."""
    batch = 1 << 20
    memory = directories.get("memory")
    values = {}
    if memory:
        stat = flat(memory + "/memory.stat")
        usage = number(memory + "/memory.usage_in_bytes")
        cpu = flat(directories["cpu"] + "/cpu.stat")
        values.update({
            "container_cpu_usage_seconds_total": (number(directories["cpuacct"] + "/cpuacct.usage") / 1e9, 0.02),
            "container_cpu_cfs_throttled_seconds_total": (cpu["throttled_time"] / 1e9, 0.2),
            "container_memory_usage_bytes": (usage, batch),
            "container_memory_working_set_bytes": (usage - stat["total_inactive_file"], batch),
            "container_memory_rss": (stat["total_rss"], batch),
            "container_memory_cache": (stat["total_cache"], batch),
            "container_oom_events_total": (flat(memory + "/memory.oom_control")["oom_kill"], 0),
            "container_spec_memory_limit_bytes": (number(memory + "/memory.limit_in_bytes"), 0),
            "container_threads": (number(directories["pids"] + "/pids.current"), 0),
            "container_threads_max": (number(directories["pids"] + "/pids.max"), 0)})
    else:
        unified = directories[""]
        stat = flat(unified + "/memory.stat")
        usage = number(unified + "/memory.current")
        cpu = flat(unified + "/cpu.stat")
        values.update({
            "container_cpu_usage_seconds_total": (cpu["usage_usec"] / 1e6, 0.02),
            "container_cpu_cfs_throttled_seconds_total": (cpu["throttled_usec"] / 1e6, 0.2),
            "container_memory_usage_bytes": (usage, batch),
            "container_memory_working_set_bytes": (usage - stat["inactive_file"], batch),
            "container_memory_rss": (stat["anon"], batch),
            "container_memory_cache": (stat["file"], batch),
            "container_oom_events_total": (flat(unified + "/memory.events")["oom_kill"], 0),
            "container_spec_memory_limit_bytes": (number(unified + "/memory.max"), 0),
            "container_threads": (number(unified + "/pids.current"), 0),
            "container_threads_max": (number(unified + "/pids.max"), 0)})
    values["container_cpu_cfs_periods_total"] = (cpu["nr_periods"], 2)
    values["container_cpu_cfs_throttled_periods_total"] = (cpu["nr_throttled"], 2)
    return values


def connect(first, second):
    """A pair of interfaces between two containers' networks, and some traffic."""
    def inside(pid, *command):
        subprocess.run(["nsenter", "-t", str(pid), "-n", *command], check=True, capture_output=True, timeout=20)
    inside(first, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", str(second))
    for pid, address in ((first, "10.99.0.1/24"), (second, "10.99.0.2/24")):
        inside(pid, "ip", "addr", "add", address, "dev", "eth0")
        inside(pid, "ip", "link", "set", "eth0", "up")
    inside(first, "busybox", "ping", "-c", "3", "-s", "1000", "10.99.0.2")


def near(have, want, tolerance, what):
    if abs(have - want) > tolerance:
        raise Failure("%s is %r, expected %r (give or take %r)" % (what, have, want, tolerance))


@case("exporter-containers-docker", needs=ALONE)
def exporter_docker(c):
    """A real dockerd: values against its own statistics, its descriptions and the cgroups' files; limits, an OOM kill,
    restarts, health, networks, names that change."""
    if not shutil.which("nsenter") or not shutil.which("ip"):
        raise Skip("needs nsenter and ip")
    # What a container in the host's network leaves mounted; undone after dockerd's end.
    c.closing.append(lambda: subprocess.run(
        ["umount", os.path.join(c.directory, "dk", "exec", "netns", "default")], capture_output=True, check=False))
    daemon = Dockerd(c)
    work = "i=0; while [ $i -lt 9 ]; do %s sleep 1000 & i=$((i+1)); done; " % BUSYBOX
    start(daemon, "cpu", work + "while :; do :; done", "--cpus", "0.3", "--memory", "64m", "--pids-limit", "50",
          "--label", "com.docker.compose.project=shop", "--label", "secret=1")
    start(daemon, "memory", "x=$(%s dd if=/dev/zero bs=1M count=20 2>/dev/null | %s tr '\\0' a); "
          "%s dd if=/dev/zero of=/file bs=1M count=15 2>/dev/null; %s sleep 1000; echo $x" % ((BUSYBOX,) * 4),
          "--memory", "128m", "--memory-reservation", "32m")
    start(daemon, "oom", "(%s dd if=/dev/zero of=/dev/null bs=64M count=1); exec %s sleep 1000" % (BUSYBOX, BUSYBOX),
          "--memory", "16m", "--memory-swap", "16m")
    start(daemon, "dead", "exec %s dd if=/dev/zero of=/dev/null bs=64M count=1" % BUSYBOX, "--memory", "16m",
          "--memory-swap", "16m")
    start(daemon, "crash", "exit 3", "--restart", "on-failure:2")
    start(daemon, "hostnet", "exec %s sleep 1000" % BUSYBOX, network="host")
    start(daemon, "health", "exec %s sleep 1000" % BUSYBOX, "--health-cmd", BUSYBOX + " false", "--health-interval",
          "1s", "--health-retries", "1")
    start(daemon, "joined", "exec %s sleep 1000" % BUSYBOX, network="container:memory")

    def inspect(name):
        return json.loads(daemon.run("inspect", name)[1])[0]

    def page():
        made = Page(c, "--collector.containers.docker-data-root=" + daemon.data)
        c.require(not made.complaints, "tocsin metrics complains: " + made.complaints)
        return made
    c.eventually(lambda: inspect("crash")["RestartCount"] == 2 and not inspect("crash")["State"]["Running"], 30,
                 "docker does not restart")
    c.eventually(lambda: inspect("health")["State"]["Health"]["Status"] == "unhealthy", 30, "docker finds it healthy")
    c.eventually(lambda: inspect("dead")["State"]["OOMKilled"], 30, "nothing was killed")
    connect(inspect("cpu")["State"]["Pid"], inspect("memory")["State"]["Pid"])
    time.sleep(2)

    # Nothing moves while it is compared.
    compared = 0
    engine = Engine(daemon.host[len("unix://"):])
    frozen = ("cpu", "memory", "oom")
    for name in frozen:
        daemon.run("pause", name)
    time.sleep(0.3)
    seen = page()
    for name in frozen:
        info = inspect(name)
        for family, (value, tolerance) in expected(cgroup_directories(info["State"]["Pid"])).items():
            near(seen.one(family, name=name), value, tolerance, "%s of %s" % (family, name))
            compared += 1
        stats = engine.json("/containers/%s/stats?stream=false&one-shot=true" % info["Id"])
        near(seen.one("container_cpu_usage_seconds_total", name=name),
             stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9, 0.02, "CPU of %s by docker" % name)
        throttling = stats["cpu_stats"]["throttling_data"]
        near(seen.one("container_cpu_cfs_throttled_periods_total", name=name), throttling["throttled_periods"], 2,
             "throttled periods of %s by docker" % name)
        memory = stats["memory_stats"]
        near(seen.one("container_memory_usage_bytes", name=name), memory["usage"], 1 << 20,
             "memory of %s by docker" % name)
        near(seen.one("container_spec_memory_limit_bytes", name=name), memory["limit"], 0, "limit of " + name)
        near(seen.one("container_threads", name=name), stats["pids_stats"]["current"], 0, "threads of " + name)
        inactive = memory["stats"].get("total_inactive_file", memory["stats"].get("inactive_file"))
        near(seen.one("container_memory_working_set_bytes", name=name), memory["usage"] - inactive, 1 << 20,
             "working set of %s by docker" % name)
        compared += 6
    for name in frozen:
        daemon.run("unpause", name)

    for name in ("cpu", "memory", "oom", "hostnet", "health"):
        info = inspect(name)
        begun = info["State"]["StartedAt"]
        seconds = datetime.datetime.fromisoformat(begun[:19] + "+00:00").timestamp() + float("0" + begun[19:-1])
        near(seen.one("container_start_time_seconds", name=name), seconds, 1e-3, "start of " + name)
        near(seen.one("container_spec_memory_limit_bytes", name=name), info["HostConfig"]["Memory"], 0, "limit of " + name)
        near(seen.one("container_threads_max", name=name), info["HostConfig"]["PidsLimit"] or 0, 0, "threads of " + name)
        labels = seen.all("container_last_seen", name=name)[0][0]
        c.require(labels["image"] == "tocsin-test:1" and info["Id"] in labels["id"], "labels of %s: %s" % (name, labels))
        compared += 3
    near(seen.one("container_spec_cpu_quota", name="cpu") / seen.one("container_spec_cpu_period", name="cpu"), 0.3, 0,
         "the share of a CPU")
    near(seen.one("container_spec_memory_reservation_limit_bytes", name="memory"), 32 << 20, 0, "the reservation")
    c.require(seen.one("container_cpu_cfs_throttled_periods_total", name="cpu") > 3, "the busy one was not throttled")
    c.require(seen.one("container_memory_rss", name="memory") > 15 << 20, "20 MB of anonymous memory are not seen")
    c.require(seen.one("container_memory_cache", name="memory") > 10 << 20, "15 MB of page cache are not seen")
    near(seen.one("container_processes", name="cpu"), 10, 0, "processes of cpu")
    near(seen.one("container_oom_events_total", name="oom"), 1, 0, "OOM kills")
    near(seen.one("tocsin_container_oom_killed", name="dead"), 1, 0, "the OOM flag of the dead one")
    near(seen.one("tocsin_container_exit_code", name="dead"), 137, 0, "the exit code of the dead one")
    near(seen.one("tocsin_container_running", name="dead"), 0, 0, "the dead one runs")
    near(seen.one("tocsin_container_restarts_total", name="crash"), 2, 0, "restarts")
    near(seen.one("tocsin_container_exit_code", name="crash"), 3, 0, "the exit code of the crashed one")
    near(seen.one("tocsin_container_health", name="health", state="unhealthy"), 1, 0, "health")
    near(seen.one("container_health_state", name="health"), 0, 0, "health as cAdvisor has it")

    project = seen.all("container_last_seen", name="cpu")[0][0]
    c.require(project.get("container_label_com_docker_compose_project") == "shop", "no label of compose: %s" % project)
    c.require(not any("secret" in key for key in project), "a label that was not asked for: %s" % project)
    for name in ("cpu", "memory"):
        with open("/proc/%d/net/dev" % inspect(name)["State"]["Pid"]) as file:
            fields = [line.split(":")[1].split() for line in file if line.strip().startswith("eth0:")][0]
        near(seen.one("container_network_receive_packets_total", name=name, interface="eth0"), int(fields[1]), 4,
             "packets that %s got" % name)
        c.require(seen.one("container_network_transmit_bytes_total", name=name, interface="eth0") > 3000,
                  "the traffic of %s is not seen" % name)
    shared = seen.all("container_network_receive_bytes_total", name="hostnet") + seen.all(
        "container_network_receive_bytes_total", name="joined")
    c.require(not shared, "interfaces of the host or of another container: %s" % shared)

    # A name that changes, a container that goes.
    daemon.run("rename", "hostnet", "renamed")
    daemon.run("rm", "-f", "memory")
    later = page()
    c.require(later.all("container_last_seen", name="renamed") and not later.all("container_last_seen", name="hostnet"),
              "the new name is not seen")
    c.require(not later.all("container_last_seen", name="memory"), "the removed one is still there")
    with open("/proc/stat") as file:
        cpus = len(re.findall(r"^cpu\d+ ", file.read(), re.M))
    near(later.one("machine_cpu_cores"), cpus, 0, "CPUs")
    near(later.one("machine_memory_bytes"), os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), 0, "memory")
    return "compared=%d samples=%d" % (compared, len(seen.samples))


class Trees:
    """A host of files with so many containers, in cgroup v1 and v2, to measure a collection with."""

    def __init__(self, root, count, version):
        self.root = root
        self.version = version
        self.write("proc/1/net/dev", "Inter-|\n face |\n  eth0: 1 2 3 4 0 0 0 0 1 2 3 4 0 0 0 0\n")
        os.makedirs(root + "/proc/1/ns", exist_ok=True)
        os.symlink("net:[1]", root + "/proc/1/ns/net")
        self.write("proc/stat", "cpu 1 2 3\ncpu0 1 2 3\nbtime 1700000000\n")
        self.write("proc/meminfo", "MemTotal: 8000 kB\nMemFree: 3000 kB\n")
        controllers = ("memory", "cpu", "cpuacct", "blkio", "pids")
        mounts = ["30 22 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"] if version == 2 else [
            "3%d 22 0:3%d / /sys/fs/cgroup/%s rw - cgroup cgroup rw,%s" % (n, n, name, name)
            for n, name in enumerate(controllers)]
        self.write("proc/1/mountinfo", "\n".join(mounts) + "\n")
        for n in range(count):
            self.container("%064x" % (n + 1), 1000 + n)

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)

    def container(self, identifier, pid):
        padding = "".join("other_%d %d\n" % (n, n) for n in range(30))
        stat = "%spgfault 7\npgmajfault 6\ntotal_cache 3\ntotal_rss 5\ntotal_inactive_file 1\nanon 5\nfile 3\n" % padding
        v2 = {"cpu.stat": "usage_usec 9\nuser_usec 5\nsystem_usec 4\nnr_periods 3\nnr_throttled 1\nthrottled_usec 5\n",
              "memory.current": "99\n", "memory.peak": "100\n", "memory.swap.current": "0\n", "memory.stat": stat,
              "memory.events": "low 0\nmax 3\noom 1\noom_kill 1\n", "io.stat": "8:0 rbytes=1 wbytes=2 rios=3 wios=4\n",
              "pids.current": "2\n", "cgroup.procs": "%d\n" % pid, "memory.max": "max\n", "cpu.max": "max 100000\n",
              "pids.max": "max\n", "cpu.weight": "100\n", "memory.low": "0\n", "memory.swap.max": "max\n"}
        for subject in ("cpu", "memory", "io"):
            v2[subject + ".pressure"] = "some avg10=0 avg60=0 avg300=0 total=1\nfull avg10=0 avg60=0 avg300=0 total=1\n"
        v1 = {"cpuacct": {"cpuacct.usage": "9\n", "cpuacct.usage_user": "5\n", "cpuacct.usage_sys": "4\n"},
              "cpu": {"cpu.stat": "nr_periods 3\nnr_throttled 1\nthrottled_time 5\n", "cpu.cfs_quota_us": "-1\n",
                      "cpu.cfs_period_us": "100000\n", "cpu.shares": "1024\n"},
              "memory": {"memory.usage_in_bytes": "99\n", "memory.max_usage_in_bytes": "100\n", "memory.failcnt": "0\n",
                         "memory.stat": stat, "memory.oom_control": "oom_kill 1\n", "cgroup.procs": "%d\n" % pid,
                         "memory.limit_in_bytes": "9223372036854771712\n"},
              "blkio": {"blkio.throttle.io_service_bytes_recursive": "8:0 Read 1\n8:0 Write 2\n",
                        "blkio.throttle.io_serviced_recursive": "8:0 Read 1\n8:0 Write 2\n"},
              "pids": {"pids.current": "2\n", "pids.max": "max\n"}}
        for name, files in ({"": v2} if self.version == 2 else v1).items():
            for file, text in files.items():
                self.write("sys/fs/cgroup/%s/docker/%s/%s" % (name, identifier, file), text)
        self.write("proc/%d/net/dev" % pid, "Inter-|\n face |\n  eth0: 1 2 3 4 0 0 0 0 1 2 3 4 0 0 0 0\n")
        os.makedirs("%s/proc/%d/ns" % (self.root, pid), exist_ok=True)
        os.symlink("net:[%d]" % (pid + 10), "%s/proc/%d/ns/net" % (self.root, pid))
        self.write("root/var/lib/docker/containers/%s/config.v2.json" % identifier, json.dumps({
            "ID": identifier, "Name": "/c%d" % pid, "State": {"Running": True, "Pid": pid,
                                                              "StartedAt": "2026-01-02T03:04:05.5Z"},
            "Config": {"Image": "nginx:1", "Labels": {"com.docker.compose.project": "shop"}}}))
        self.write("root/var/lib/docker/containers/%s/hostconfig.json" % identifier, '{"NetworkMode": "bridge"}')

    @property
    def paths(self):
        return {"procfs": self.root + "/proc", "sysfs": self.root + "/sys", "rootfs": self.root + "/root"}


def cost(c, paths, collectors, pages=30):
    """(CPU milliseconds a page, samples of containers, KiB of anonymous memory)"""
    agent = Agent(c.binary, c.folder("cost%d" % len(c.agents)), [], [], metrics={
        "paths": paths, "disable_default_collectors": True, "collectors": collectors})
    c.agents.append(agent)
    agent.start()
    for _ in range(3):
        agent.get("/metrics", timeout=20)
    before = agent.cpu_seconds()
    for _ in range(pages):
        text = agent.get("/metrics", timeout=20)[1]
    spent = (agent.cpu_seconds() - before) / pages * 1000
    memory = agent.memory()["anon"]
    agent.terminate()
    return spent, sum(line.startswith(("container_", "tocsin_container_")) for line in text.splitlines()), memory


@case("exporter-containers-cost", needs=ALONE)
def exporter_cost(c):
    """CPU of a page with 10, 100 and 500 containers on both versions of cgroups, the page without them taken off."""
    told = []
    for version in (1, 2):
        for count in (10, 100, 500):
            trees = Trees(c.folder("host-%d-%d" % (version, count)), count, version)
            idle = cost(c, trees.paths, {})[0]
            spent, samples, memory = cost(c, trees.paths, {"containers": {"enabled": True}})
            c.require(samples > count * 35, "%d samples of %d containers on v%d" % (samples, count, version))
            told.append("v%d/%d=%.1fms,%dsamples,%dKiB" % (version, count, spent - idle, samples, memory))
            c.require(spent - idle < 10 + count * 0.4, "a page costs too much: " + told[-1])
    return " ".join(told)
