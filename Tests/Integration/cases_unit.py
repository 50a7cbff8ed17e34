"""packaging/tocsin.service, started by a real systemd that is PID 1 of namespaces and of a small tree of its own."""

import json
import os
import shutil
import signal
import subprocess
import time

from agent import wait_for
from context import ALONE, Skip, case

HERE = os.path.dirname(os.path.abspath(__file__))
UNIT = os.path.join(HERE, "..", "..", "packaging", "tocsin.service")
SYSTEMD = "/lib/systemd/systemd"
CONTAINER = "ab" * 32

# Makes the tree, of which /usr is the host's, and becomes systemd in it.
INSIDE = r"""
set -e
mount --make-rprivate /
mount -t tmpfs -o size=800m tmpfs "$1"
cd "$1"
mkdir -p usr etc var/log/journal var/lib var/tmp run tmp proc sys dev root opt
for d in bin sbin lib lib32 lib64 libx32; do
    if [ -L /$d ]; then cp -a /$d $d; elif [ -d /$d ]; then mkdir $d; mount --bind /$d $d; fi
done
mount --rbind /usr usr
cp -a /etc/. etc/
rm -rf etc/systemd/system etc/tocsin
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs tmpfs sys/fs/cgroup
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
cp -a "$2"/. .
[ ! -e var/log/secret.log ] || chown 0:0 var/log/secret.log
grep -q '^tocsin:' etc/group || echo 'tocsin:x:977:' >> etc/group
grep -q '^tocsin:' etc/passwd || echo 'tocsin:x:977:977::/var/lib/tocsin:/usr/sbin/nologin' >> etc/passwd
ip link set lo up
exec chroot . /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=test.target --log-target=console --show-status=no
"""


def hierarchy():
    """Where cgroups of version 2 are mounted, or nothing."""
    with open("/proc/mounts") as file:
        return next((line.split()[1] for line in file if line.split()[2] == "cgroup2"), None)


class Booted:
    """The systemd, and commands run beside it."""

    def __init__(self, c, tree):
        self.group = os.path.join(hierarchy(), "tocsin-test-%d" % os.getpid())
        os.makedirs(self.group, exist_ok=True)
        script, root = c.path("inside.sh"), c.folder("root")
        with open(script, "w") as file:
            file.write(INSIDE)
        self.log = open(c.path("boot.log"), "wb")
        enter = "echo $$ > %s/cgroup.procs && exec unshare -m -p -f -C -u -i -n bash %s %s %s" % (
            self.group, script, root, tree)
        self.process = subprocess.Popen(["bash", "-c", enter], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, start_new_session=True)
        self.child = None
        c.closing.append(self.stop)
        if not wait_for(self.is_up, 20, 0.2):
            with open(c.path("boot.log")) as file:
                raise Skip("systemd does not boot here: %s" % file.read()[-300:].replace("\n", " "))

    def is_up(self):
        if self.child is None:
            with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)) as file:
                children = file.read().split()
            if not children:
                return False
            with open("/proc/%s/comm" % children[0]) as file:
                if file.read().strip() != "systemd":
                    return False
            self.child = int(children[0])
        return self.run("systemctl", "is-system-running", check=False).strip() in ("running", "degraded")

    def run(self, *command, check=True, seconds=30):
        done = subprocess.run(["nsenter", "-t", str(self.child), "-m", "-p", "-C", "-u", "-i", "-n", "-r", "-w", *command],
                              capture_output=True, check=False, timeout=seconds)
        if check and done.returncode:
            raise RuntimeError("%s: %d: %s" % (" ".join(command), done.returncode, done.stderr.decode()))
        return done.stdout.decode()

    def stop(self):
        if self.child:
            # The init of a PID namespace takes everything in it along.
            os.kill(self.child, signal.SIGKILL)
        self.process.terminate()
        self.process.wait(10)
        self.log.close()
        time.sleep(0.2)
        for folder, _, _ in os.walk(self.group, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                continue


def make_tree(c):
    """What the small system has of its own."""
    tree = c.folder("tree")

    def write(path, text, mode=0o644):
        path = os.path.join(tree, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)

    with open(UNIT) as file:
        write("etc/systemd/system/tocsin.service", file.read().replace("/usr/local/bin/", "/opt/"))
    write("etc/systemd/system/test.target", "[Unit]\nRequires=systemd-journald.service\nWants=tocsin.service\n")
    write("etc/systemd/system/chatty.service",
          "[Service]\nLogNamespace=web\nExecStart=/bin/sh -c 'i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo born $i; "
          "done; exec sleep 100'\n")
    write("etc/tocsin/tocsin.yaml", json.dumps({"server": {"listen": "127.0.0.1:9464"}, "logs": {"scrape_configs": [
        {"job_name": "journal", "journal": {"namespace": "*", "labels": {"job": "journal"}}},
        {"job_name": "docker", "docker_sd_configs": [{}]},
        {"job_name": "files", "static_configs": [
            {"targets": ["localhost"], "labels": {"job": "files", "__path__": "/var/log/*.log"}}]}]}}))
    write("var/log/secret.log", "a line for root alone\n", 0o600)
    folder = "var/lib/docker/containers/%s/" % CONTAINER
    write(folder + "config.v2.json", json.dumps(
        {"ID": CONTAINER, "Name": "/web", "State": {"Running": True, "Pid": 1}, "LogPath": "",
         "Config": {"Image": "i", "Labels": {}, "Tty": False}}), 0o600)
    write(folder + "hostconfig.json", '{"LogConfig":{"Type":"json-file","Config":{}}}', 0o600)
    write(folder + CONTAINER + "-json.log", json.dumps(
        {"log": "a line of a container\n", "stream": "stdout",
         "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}) + "\n", 0o640)
    for part in ("var/lib/docker", "var/lib/docker/containers", folder):
        os.chmod(os.path.join(tree, part), 0o710)
    shutil.copy(c.binary, os.path.join(c.folder("tree", "opt"), "tocsin"))
    return tree


@case("unit-systemd", needs=ALONE)
def unit_systemd(c):
    """The unit under a real systemd: user, groups, the one capability, state directory and filters let it read journals,
    container logs and files of root; reload, restart after a kill, stop."""
    for tool in ("unshare", "nsenter", "ip", "curl", SYSTEMD):
        if not shutil.which(tool):
            raise Skip("%s is not installed" % tool)
    if os.geteuid() != 0 or not hierarchy():
        raise Skip("needs root and cgroups of version 2")
    system = Booted(c, make_tree(c))

    def has(text):
        return text in system.run("curl", "-s", "http://127.0.0.1:9464/api/v1/logs?limit=5000", check=False)

    def shows(name):
        return system.run("systemctl", "show", "-P", name, "tocsin").strip()

    for text in ("a line for root alone", "a line of a container", '"job":"journal"'):
        c.eventually(lambda: has(text), 15, "%r is not read; %s" % (text, system.run(
            "journalctl", "-u", "tocsin", "-o", "cat", "-n", "5", check=False)))
    c.require('"ready":true,"degraded":false' in system.run("curl", "-s", "http://127.0.0.1:9464/-/ready"), "not ready")
    status = system.run("cat", "/proc/%s/status" % shows("MainPID"))
    for line in ("CapEff:\t0000000000001004", "CapBnd:\t0000000000001004", "NoNewPrivs:\t1", "Seccomp:\t2"):
        c.require(line in status, "expected %r in the process's status" % line)
    c.require("\nUid:\t0" not in status, "it runs as root")
    system.run("systemctl", "start", "chatty")
    c.eventually(lambda: system.run("curl", "-s", "http://127.0.0.1:9464/api/v1/logs?limit=5000").count(
        '"line":"born ') == 500, 15, "not all lines of a unit with LogNamespace= are there")
    system.run("systemctl", "reload", "tocsin")
    c.eventually(lambda: has("configuration reloaded"), 10, "systemctl reload does not reload")
    system.run("systemctl", "kill", "-s", "KILL", "tocsin")
    c.eventually(lambda: shows("NRestarts") == "1" and shows("SubState") == "running", 10, "it is not started again")
    c.eventually(lambda: has("a line for root alone"), 15, "after the restart its store is not there")
    begin = time.monotonic()
    system.run("systemctl", "stop", "tocsin")
    took = time.monotonic() - begin
    c.require(shows("Result") == "success" and took < 5, "stopping: %s after %.1f s" % (shows("Result"), took))
    return "stopped in %.2f s" % took
