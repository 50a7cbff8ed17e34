"""Containers: docker's json-file logs and CRI logs as written by their runtimes, and a dockerd of our own."""

import os
import shutil
import subprocess
import time

from agent import wait_for
from cases_files import storm
from context import Failure, Skip, case, merged
from writers import DockerWriter, PodWriter, compress


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


@case("docker-storm")
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


@case("cri-storm")
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


@case("docker-real")
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


@case("docker-compressed-while-down")
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
