"""A real systemd with a bus, logind and units of every kind, in namespaces; node_exporter and the agent run beside it."""

import os
import re
import shutil
import subprocess
import time

from cases_unit import SYSTEMD, Booted, hierarchy
from context import Skip

NODE_EXPORTER = "prometheus-node-exporter"
# What a collection is asked for, the same of both.
OPTIONS = ["--collector.disable-defaults", "--collector.systemd", "--collector.systemd.enable-task-metrics",
           "--collector.systemd.enable-restarts-metrics", "--collector.systemd.enable-start-time-metrics",
           r"--collector.systemd.unit-exclude=.+\.(automount|device|mount|scope|slice)"]
SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:\\.|[^"\\])*)"')

UNITS = {
    # Boots with what units need to be of every state; `reached` says when all of it is there.
    "test.target": "[Unit]\nRequires=systemd-journald.service dbus.service\n"
                   "Wants=systemd-logind.service broken.service flapping.service steady.service forks.service "
                   "soon.timer later.timer talk.socket a\\x2db.service of@x:y.service gone.service\n",
    "broken.service": "[Service]\nType=oneshot\nExecStart=/bin/false\n",
    # Started anew three times by systemd, then stays.
    "flapping.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=on-failure\nRestartSec=100ms\nTasksMax=7\n"
                        "ExecStart=/bin/sh -c 'n=$$(cat /run/n || echo 0); echo $$((n+1)) > /run/n; "
                        "[ $$n -lt 3 ] && exit 1; exec sleep 10000'\n",
    "steady.service": "[Service]\nType=exec\nTasksMax=infinity\nExecStart=/bin/sh -c 'sleep 10000 & sleep 10000'\n",
    "forks.service": "[Service]\nType=forking\nExecStart=/bin/sh -c 'sleep 10000 &'\n",
    "starts.service": "[Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=/bin/sleep 10000\n",
    "a\\x2db.service": "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n",
    "of@.service": "[Service]\nType=idle\nExecStart=/bin/sleep 10000\n",
    "soon.timer": "[Timer]\nOnActiveSec=1s\nAccuracySec=1ms\n",
    "soon.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n",
    "later.timer": "[Timer]\nOnCalendar=2095-01-01\n",
    "later.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n",
    "talk.socket": "[Socket]\nListenStream=/run/talk.sock\nAccept=yes\nMaxConnections=2\n",
    "talk@.service": "[Service]\nExecStart=/bin/cat\nStandardInput=socket\n",
}


def libraries(binary):
    """Shared libraries that are not below /usr, as a debug build has some: the small system lacks them."""
    listed = subprocess.run(["ldd", binary], capture_output=True, check=False).stdout.decode()
    found = {os.path.realpath(path) if path.startswith("/lib") else path for path in re.findall(r"=> (/\S+)", listed)}
    return sorted(path for path in found if not path.startswith("/usr/"))


def write(tree, path, text, mode=0o644):
    path = os.path.join(tree, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def samples(page):
    """(name, labels) → value of an exposition, the labels as a sorted tuple; and the type of each family."""
    found, types = {}, {}
    for line in page.splitlines():
        if line.startswith("# TYPE "):
            types[line.split(" ")[2]] = line.split(" ")[3]
        match = SAMPLE.match(line)
        if match:
            name, labels, value = match.groups()
            found[name, tuple(sorted(LABEL.findall(labels or "")))] = float(value)
    return found, types


def family(found, name):
    """labels → value of one family, the labels as a dictionary."""
    return [(dict(labels), value) for (have, labels), value in found.items() if have == name]


class BootedHost(Booted):
    def __init__(self, c, units=None, configuration=None, files=None):
        for tool in ("unshare", "nsenter", "ip", "curl", "dbus-daemon", "busctl", SYSTEMD):
            if not shutil.which(tool):
                raise Skip("%s is not installed" % tool)
        if os.geteuid() != 0 or not hierarchy():
            raise Skip("needs root and cgroups of version 2")
        tree = c.folder("tree")
        for name, text in {**UNITS, **(units or {})}.items():
            write(tree, "etc/systemd/system/" + name, text)
        for path, text in (files or {}).items():
            write(tree, path, text)
        if configuration:
            write(tree, "etc/tocsin/tocsin.yaml", configuration)
        shutil.copy(c.binary, os.path.join(c.folder("tree", "opt"), "tocsin"))
        for library in libraries(c.binary):
            os.makedirs(os.path.dirname(tree + library), exist_ok=True)
            shutil.copy(library, tree + library)
        super().__init__(c, tree)
        self.context = c

    def background(self, *command):
        """Starts a command beside the services; its process ID as systemd's namespace sees it."""
        log = open(self.context.path("background.log"), "ab")
        self.context.closing.append(log.close)
        before = set(self.run("pgrep", "-x", os.path.basename(command[0])[:15], check=False).split())
        process = subprocess.Popen(
            ["nsenter", "-t", str(self.child), "-m", "-p", "-C", "-u", "-i", "-n", "-r", "-w", *command],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.context.closing.append(lambda: (process.kill(), process.wait()))
        limit = time.monotonic() + 10
        while time.monotonic() < limit:
            new = set(self.run("pgrep", "-x", os.path.basename(command[0])[:15], check=False).split()) - before
            if new:
                return int(new.pop())
            time.sleep(0.05)
        raise RuntimeError("%s does not start" % command[0])

    def node_exporter(self, *flags):
        """Starts it and returns its process ID."""
        if not shutil.which(NODE_EXPORTER):
            raise Skip("no " + NODE_EXPORTER)
        pid = self.background(NODE_EXPORTER, "--web.listen-address=127.0.0.1:9100", *(flags or OPTIONS))
        self.context.eventually(lambda: "node_" in self.get(9100, check=False), 20, "node_exporter does not answer")
        return pid

    def agent(self):
        """Starts the agent with the configuration given and returns its process ID."""
        pid = self.background("/opt/tocsin", "run", "--config", "/etc/tocsin/tocsin.yaml", "--state-dir", "/tmp/state")
        self.context.eventually(lambda: "node_" in self.get(9464, check=False), 20, "the agent does not answer")
        return pid

    def get(self, port, query="", seconds=15, check=True):
        return self.run("curl", "-s", "-m", str(seconds), "-H", "X-Prometheus-Scrape-Timeout-Seconds: 10",
                        "http://127.0.0.1:%d/metrics%s" % (port, query), check=check)

    def collected(self, *flags):
        """What `tocsin metrics` prints."""
        return self.run("/opt/tocsin", "metrics", *(flags or OPTIONS))

    def shown(self, unit, name):
        return self.run("systemctl", "show", "-P", name, unit).strip()

    def ticks(self, pid):
        """CPU time of a process in seconds; of systemd itself for 1."""
        fields = self.run("cat", "/proc/%d/stat" % pid).rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def settle(self):
        """Waits until what the units do by themselves has been done; leaves one that never gets done starting."""
        self.run("systemctl", "start", "--no-block", "starts.service")

        def is_done():
            return (self.shown("flapping.service", "NRestarts") == "3"
                    and self.shown("flapping.service", "SubState") == "running"
                    and self.shown("soon.timer", "LastTriggerUSec") not in ("", "n/a")
                    and self.shown("soon.service", "ActiveState") == "inactive"
                    and "failed" == self.shown("broken.service", "ActiveState"))
        self.context.eventually(is_done, 20, "the units do not come to rest")
