"""Containers: docker's json-file logs and CRI logs as written by their runtimes, and a dockerd of our own."""

import os
import shutil
import socket
import subprocess
import threading
import time

from agent import wait_for
from cases_files import storm
from context import Failure, Skip, case, merged
from writers import DockerWriter, PodWriter, compress, rfc3339nano


def identifier(n):
    return ("%02x" % n) * 32


def docker(root, **more):
    return {"job_name": "docker", "docker_sd_configs": [{"data_root": root, **more}], "relabel_configs": [
        {"source_labels": ["__meta_docker_container_name"], "regex": "/?(.*)", "target_label": "container"},
        {"source_labels": ["__meta_docker_container_label_com_docker_compose_project"], "target_label": "project"},
        {"source_labels": ["__meta_docker_container_log_stream"], "target_label": "stream"}]}


def labels_of(server):
    return {tuple(stream.pairs) for _, stream in server.loki.streams()}


@case("docker-files")
def docker_files(c):
    """Containers with partial records and labels, one that appears later: text, time stamps and labels are exact."""
    root = c.folder("docker")
    server = c.server()
    first = DockerWriter(root, identifier(1), "web-1", labels={"com.docker.compose.project": "shop"}, long_every=50)
    first.write(1000)
    c.agent([server], [docker(root)]).start()
    first.write(1000)
    time.sleep(0.5)
    second = DockerWriter(root, identifier(2), "db", long_every=50)
    second.write(1000)
    first.rename()
    first.write(500)
    verdict = c.judge(server, merged(first, second))
    for name, project in (("web-1", "shop"), ("db", None)):
        for stream in ("stdout", "stderr"):
            want = {"container": name, "stream": stream}
            if project:
                want["project"] = project
            if not any(want.items() <= dict(have).items() for have in labels_of(server)):
                raise Failure("no stream with %s; there are %s" % (want, sorted(labels_of(server))))
    return verdict


@case("docker-storm", needs="docker")
def docker_storm(c):
    """Three containers, rotation by rename with compressed ones, partials, kills, faults, an outage."""
    root = c.folder("docker")
    server = c.server()
    writers = [DockerWriter(root, identifier(n), "c%d" % n, rate=700, seed=c.seed + n) for n in (1, 2, 3)]
    agent = c.agent([server], [docker(root)]).start()
    c.writing(*writers)
    return storm(c, writers, agent, server, max(5, c.kills // 5), lambda: [w.rename(2) for w in writers[:2]],
                 lambda turn: writers[turn % 3].rename(compress_from=2) if turn % 12 == 0 else None)


@case("docker-unlinked")
def docker_unlinked(c):
    """max-file=1: the log is unlinked and made anew while the destination is down; what was open is read to its end."""
    root = c.folder("docker")
    server = c.server()
    writer = DockerWriter(root, identifier(1), "one", seed=c.seed)
    c.agent([server], [docker(root)]).start()
    writer.write(500)
    c.eventually(lambda: server.loki.accepted >= 500, 20, "nothing arrives")
    server.stop()
    writer.write(8000)
    time.sleep(1.5)
    os.unlink(writer.path)
    writer.open()
    writer.write(500)
    time.sleep(0.5)
    server.start()
    return c.judge(server, merged(writer))


@case("cri-storm", needs="docker")
def cri_storm(c):
    """Three pods, P and F records, kubelet's rotation with gzip, kills, faults, an outage."""
    root = c.folder("pods")
    server = c.server()
    writers = [PodWriter(root, "pod-%d" % n, rate=700, seed=c.seed + n) for n in (1, 2, 3)]
    agent = c.agent([server], [{"job_name": "pods", "cri": {"path": root}, "relabel_configs": [
        {"action": "labelmap", "regex": "__meta_kubernetes_(namespace|pod_name|pod_container_name)"},
        {"target_label": "job", "replacement": "pods"}]}]).start()
    c.writing(*writers)
    text = storm(c, writers, agent, server, max(5, c.kills // 5), lambda: [w.rename(1) for w in writers[:2]],
                 lambda turn: writers[turn % 3].rename(compress_from=1) if turn % 16 == 0 else None)
    if not any("pod-1" in dict(have).values() for have in labels_of(server)):
        raise Failure("no stream names its pod; there are %s" % sorted(labels_of(server)))
    return text


class Dockerd:
    """A docker daemon of our own with a private root: no network, no firewall, busybox as the only image."""

    def __init__(self, c):
        for tool in ("dockerd", "docker", "containerd", "runc", "busybox"):
            if not shutil.which(tool):
                raise Skip("%s is not installed (Debian: docker.io, busybox-static)" % tool)
        if os.geteuid() != 0:
            raise Skip("a dockerd needs root")
        self.c = c
        # Socket paths have 108 bytes at most, so the root is not in the case's deep directory.
        self.root = os.path.join(c.directory, "dk")
        os.makedirs(self.root)
        self.host = "unix://%s/d.sock" % self.root
        self.log = open(os.path.join(self.root, "log"), "wb")
        self.data = os.path.join(self.root, "data")
        self.process = subprocess.Popen(
            ["dockerd", "--data-root", self.data, "--exec-root", os.path.join(self.root, "exec"), "-H", self.host, "-p",
             os.path.join(self.root, "pid"), "--bridge", "none", "--iptables=false", "--ip6tables=false",
             "--storage-driver", "vfs"], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        c.closing.append(self.stop)
        if not wait_for(lambda: self.run("version", check=False)[0] == 0, 30, 0.3):
            with open(os.path.join(self.root, "log")) as file:
                raise Skip("dockerd does not start here: %s" % file.read()[-300:].replace("\n", " "))
        image = os.path.join(c.directory, "image")
        os.makedirs(os.path.join(image, "bin"))
        shutil.copy(shutil.which("busybox"), os.path.join(image, "bin", "busybox"))
        subprocess.run("tar -C %s -c . | docker -H %s import - tocsin-test:1" % (image, self.host), shell=True, check=True,
                       stdout=subprocess.DEVNULL)

    def run(self, *arguments, check=True):
        done = subprocess.run(["docker", "-H", self.host, *arguments], capture_output=True, check=False, timeout=60)
        if check and done.returncode:
            raise RuntimeError("docker %s: %s" % (arguments[0], done.stderr.decode()))
        return done.returncode, done.stdout.decode().strip()

    def container(self, name, count, driver="json-file", pause=20000, burst=20):
        """Writes so many numbered lines, every 97th a long one, then sleeps."""
        script = ("i=0; b=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; l=$b; "
                  "for k in 1 2 3 4 5 6 7 8 9; do l=$l$l; done; r=${R:-0}; "
                  "[ -f /run/r ] && r=1; /bin/busybox mkdir -p /run; : > /run/r; "
                  "while [ $i -lt %d ]; do i=$((i+1)); t=$b; [ $((i %% 97)) = 0 ] && t=$l; "
                  "if [ $((i %% 5)) = 0 ]; then echo \"c=%s r=$r n=$i $t\" >&2; else echo \"c=%s r=$r n=$i $t\"; fi; "
                  "[ $((i %% %d)) = 0 ] && /bin/busybox usleep %d; done; exec /bin/busybox sleep 1000" % (
                      count, name, name, burst, pause))
        options = ["--log-driver", driver]
        if driver == "json-file":
            options += ["--log-opt", "max-size=1m", "--log-opt", "max-file=3"]
        self.run("run", "-d", "--name", name, "--network", "none", "--label", "com.docker.compose.project=real", *options,
                 "tocsin-test:1", "/bin/busybox", "sh", "-c", script)

    @staticmethod
    def lines(name, count, runs=1):
        b = b"x" * 50
        return [b"c=%s r=%d n=%d %s" % (name.encode(), r, i, b * 512 if i % 97 == 0 else b)
                for r in range(runs) for i in range(1, count + 1)]

    def stop(self):
        self.run("ps", "-q", check=False)
        code, out = self.run("ps", "-aq", check=False)
        if code == 0 and out:
            self.run("rm", "-f", *out.split(), check=False)
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


@case("docker-real", needs="docker")
def docker_real(c):
    """A real dockerd: rotation with max-size=1m max-file=3, 25 kB lines, a restart, kills; stdout and stderr."""
    daemon = Dockerd(c)
    server = c.server()
    agent = c.agent([server], [docker(daemon.data, host=daemon.host)]).start()
    count = 6000
    for name in ("one", "two"):
        daemon.container(name, count)
    time.sleep(2)
    for _ in range(3):
        time.sleep(c.random.uniform(0.5, 2))
        agent.kill()
        agent.start()
    expected = dict.fromkeys(daemon.lines("one", count) + daemon.lines("two", count))
    c.settle(server, len(expected), 90, idle=15)
    daemon.run("restart", "-t", "0", "two")
    expected.update(dict.fromkeys(daemon.lines("two", count, runs=2)))
    verdict = c.judge(server, expected, seconds=90, idle=15)
    rotated = sum(name.count("-json.log.") for _, _, names in os.walk(daemon.data) for name in names)
    c.require(rotated > 0, "the harness saw no rotation")
    c.require(any(dict(have).get("container") == "one" for have in labels_of(server)),
              "no stream names its container; there are %s" % sorted(labels_of(server)))
    return "%s rotated_files=%d" % (verdict, rotated)


@case("docker-real-local")
def docker_local(c):
    """The `local` log driver leaves no readable file: its lines come through the API, over a kill, once."""
    daemon = Dockerd(c)
    server = c.server()
    agent = c.agent([server], [docker(daemon.data, host=daemon.host)]).start()
    daemon.container("loc", 1500)
    daemon.container("api", 1500, driver="local")
    time.sleep(2)
    agent.kill()
    agent.start()
    expected = dict.fromkeys(daemon.lines("loc", 1500) + daemon.lines("api", 1500))
    return c.judge(server, expected, seconds=60, idle=15)


@case("docker-compressed-while-down", needs="docker")
def docker_compressed(c):
    """Two rotations while the agent is down, the older one compressed, with a partial record across each."""
    root = c.folder("docker")
    server = c.server()
    writer = DockerWriter(root, identifier(1), "gz", seed=c.seed, long_every=7)
    agent = c.agent([server], [docker(root)]).start()
    writer.write(800)
    time.sleep(1)
    agent.kill()
    for _ in range(2):
        writer.write(500)
        text = writer.line() + b"z" * 40_000
        record = writer.record(text, time.time_ns())
        cut = record.index(b"\n") + 1
        writer.file.write(record[:cut])
        writer.rename()
        writer.file.write(record[cut:])
    compress(writer.path + ".2")
    writer.write(200)
    agent.start()
    return c.judge(server, merged(writer))


class Proxy:
    """A socket between the agent and dockerd that can be cut: connections break and new ones are refused."""

    def __init__(self, c, path, target):
        self.path, self.target = path, target
        self.connections, self.lock = set(), threading.Lock()
        self.listener = None
        self.events = 0
        c.closing.append(self.cut)
        self.join()

    def join(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(64)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def cut(self):
        # Closing alone does not end an accept that waits.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.drop()

    def drop(self):
        """Breaks the connections there are; new ones are welcome."""
        with self.lock:
            for connection in self.connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue
            self.connections.clear()

    def accept(self, listener):
        while True:
            try:
                client = listener.accept()[0]
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.target)
            with self.lock:
                self.connections |= {client, server}
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=pair, daemon=True).start()

    def pump(self, source, sink):
        try:
            while data := source.recv(1 << 16):
                self.events += data.count(b"GET /events")
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@case("docker-real-events", needs="docker")
def docker_events(c):
    """events: true and no other look at the containers: some appear, die and are renamed, also while the stream is cut."""
    daemon = Dockerd(c)
    server = c.server()
    proxy = Proxy(c, os.path.join(daemon.root, "p.sock"), daemon.host.removeprefix("unix://"))
    agent = c.agent([server], [docker(daemon.data, host="unix://" + proxy.path, events=True,
                                      refresh_interval="1h")]).start()
    c.eventually(lambda: proxy.events > 0, 10, "the event stream is not opened")

    def lives(name, count, seconds):
        c.eventually(lambda: sum(b"c=%s " % name.encode() in line for line in lines_of(server)) >= count, seconds,
                     "not all lines of container %s arrive" % name)

    def names():
        return {dict(have).get("container") for have in labels_of(server)}

    daemon.container("early", 300, driver="local")
    lives("early", 300, 10)
    # The stream breaks, dockerd is there.
    proxy.drop()
    daemon.container("between", 300, driver="local")
    lives("between", 300, 10)
    # dockerd cannot be reached while much happens.
    proxy.cut()
    daemon.container("late", 300, driver="local")
    daemon.container("brief", 300, driver="local")
    time.sleep(2)
    daemon.run("kill", "brief")
    daemon.run("rename", "early", "renamed")
    daemon.run("rm", "-f", "between")
    proxy.join()
    lives("late", 300, 30)
    lives("brief", 300, 30)
    # Its next lines come under its new name.
    daemon.run("restart", "-t", "0", "renamed")
    c.eventually(lambda: "renamed" in names(), 20, "the new name is not used; there are %s" % sorted(map(str, names())))
    expected = dict.fromkeys(daemon.lines("early", 300, runs=2) + daemon.lines("between", 300)
                             + daemon.lines("late", 300) + daemon.lines("brief", 300))
    verdict = c.judge(server, expected, seconds=30)
    c.eventually(lambda: agent.ready()[0] == 200, 10, "readiness does not recover")
    c.eventually(lambda: agent.total("^tocsin_store_positions$") == 3, 20, "positions of containers that are gone stay")
    return verdict


def lines_of(server):
    with server.loki.lock:
        return [line for streams in server.loki.tenants.values() for stream in streams.values()
                for _, line, _ in stream.entries]


@case("podman-removed", needs="docker")
def podman_removed(c):
    """Podman containers are removed with their logs: what was in them is read to the end, the open line too, and closed."""
    root = c.folder("storage")
    server = c.server()
    expected = {}

    def record(text, flag="F"):
        stamp = time.time_ns()
        return stamp, "%s stdout %s %s\n" % (rfc3339nano(stamp), flag, text)

    def path(name):
        return os.path.join(c.folder("storage", name, "userdata"), "ctr.log")

    for name in ("stays", "goes"):
        with open(path(name), "w") as file:
            for n in range(200):
                stamp, text = record("%s %d" % (name, n))
                expected[b"%s %d" % (name.encode(), n)] = stamp
                file.write(text)
    agent = c.agent([server], [{"job_name": "podman", "podman": {"paths": [root]}}]).start()
    c.settle(server, 400)
    active = lambda: agent.total("^promtail_files_active_total$")
    c.eventually(lambda: active() == 2, 10, "two logs are not followed")
    with open(path("goes"), "a") as file:
        for n in range(200, 400):
            stamp, text = record("goes %d" % n)
            expected[b"goes %d" % n] = stamp
            file.write(text)
        stamp, text = record("open ", "P")
        expected[b"open and cut"] = stamp
        file.write(text)
        file.write(record("and cut", "P")[1])
    shutil.rmtree(os.path.join(root, "goes"))
    verdict = c.judge(server, expected)
    c.eventually(lambda: active() == 1, 20, "the removed container's log is still followed")
    with open(path("stays"), "a") as file:
        stamp, text = record("stays on")
        expected[b"stays on"] = stamp
        file.write(text)
    return c.judge(server, expected) if verdict.ok else verdict
