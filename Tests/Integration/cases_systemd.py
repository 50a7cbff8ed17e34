"""The collectors `systemd` and `logind` against a real systemd, its bus and its logind, beside node_exporter."""

import json
import os
import re
import signal
import struct
import subprocess
import time

from buspeer import BusPeer, answer, refusal, text
from buspeer import signal as bus_signal
from bootedhost import OPTIONS, BootedHost, family, samples
from cases_unit import UNIT
from context import ALONE, Failure, case

# Of a page what is the collectors'.
OWN = re.compile(r"node_(systemd|logind)_")
# Not in 1.5, which Debian has.
LATER = {"node_systemd_virtualization_info"}
HOLD = ("import socket,time\nheld=[]\nfor _ in range(3):\n    s=socket.socket(socket.AF_UNIX); s.connect('/run/talk.sock')\n"
        "    held.append(s); time.sleep(0.3)\ntime.sleep(1000)\n")


def own(page):
    """The collector's samples and types."""
    found, types = samples(page)
    return ({key: value for key, value in found.items() if OWN.match(key[0]) and key[0] not in LATER},
            {name: kind for name, kind in types.items() if OWN.match(name) and name not in LATER})


def compare(c, ours, theirs, what):
    """The same samples, labels, values and types."""
    (mine, my_types), (other, other_types) = own(ours), own(theirs)
    c.require(len(other) > 50, "%s: node_exporter has only %d samples" % (what, len(other)))
    wrong = ["%s %s: ours %s, theirs %s" % (name, dict(labels), mine.get((name, labels)), other.get((name, labels)))
             for name, labels in sorted(set(mine) | set(other))
             if mine.get((name, labels)) != other.get((name, labels))]
    wrong += ["%s: ours is a %s, theirs a %s" % (name, my_types.get(name), other_types.get(name))
              for name in sorted(set(my_types) | set(other_types)) if my_types.get(name) != other_types.get(name)]
    c.require(not wrong, "%s: %d differ:\n    %s" % (what, len(wrong), "\n    ".join(wrong[:12])))
    return len(other)


def success(page, collector="systemd"):
    return dict((labels["collector"], value) for labels, value in family(
        samples(page)[0], "node_scrape_collector_success")).get(collector)


def value(page, metric, /, **labels):
    """Of the sample with all of these labels; None without one."""
    return next((value for have, value in family(samples(page)[0], metric) if labels.items() <= have.items()), None)


def state(page, unit):
    return next((labels["state"] for labels, value in family(samples(page)[0], "node_systemd_unit_state")
                 if labels["name"] == unit and value == 1), None)


def against_systemctl(c, host, page):
    """The state of every unit as systemctl has it; how many there are."""
    shown = {}
    for block in host.run("systemctl", "show", "--all", "-p", "Id,LoadState,ActiveState", "*").split("\n\n"):
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if fields.get("LoadState") == "loaded":
            shown[fields["Id"]] = fields["ActiveState"]
    units = {labels["name"].replace("\\\\", "\\"): state(page, labels["name"])
             for labels, _ in family(samples(page)[0], "node_systemd_unit_state")}
    wanted = {unit: active for unit, active in shown.items()
              if not re.search(r"\.(automount|device|mount|scope|slice)$", unit)}
    wrong = ["%s: %s, by systemctl %s" % (unit, units.get(unit), wanted.get(unit))
             for unit in sorted(set(units) | set(wanted)) if units.get(unit) != wanted.get(unit)]
    c.require(not wrong, "units differ: " + "; ".join(wrong[:10]))
    return len(units)


@case("systemd-units", needs="systemd")
def systemd_units(c):
    """Units of every state and kind: the same families, types, labels and values as node_exporter's in the same place, and
    the states that systemctl shows; over the bus, over systemd's own socket, and with patterns."""
    host = BootedHost(c)
    host.settle()
    host.background("python3", "-c", HOLD)
    c.eventually(lambda: host.shown("talk.socket", "NRefused") == "1", 10, "the third connection is not refused")
    host.node_exporter()
    page = host.collected()
    count = compare(c, page, host.get(9100), "over the bus")
    compare(c, host.collected(*OPTIONS, "--collector.systemd.private"), host.get(9100), "over systemd's own socket")
    units = against_systemctl(c, host, page)
    for unit, expected in (("broken.service", "failed"), ("flapping.service", "active"), ("starts.service", "activating"),
                           ("soon.timer", "active"), ("talk.socket", "active"), ("later.service", "inactive")):
        c.require(state(page, unit) == expected, "%s is %s, expected %s" % (unit, state(page, unit), expected))
    # Where the pids controller is not in this hierarchy nobody knows how many.
    tasks = host.shown("steady.service", "TasksCurrent")
    tasks = int(tasks) if tasks.isdigit() else None
    for name, unit, expected in (
            ("service_restart_total", "flapping.service", 3), ("unit_tasks_max", "flapping.service", 7),
            ("unit_tasks_current", "steady.service", tasks), ("timer_last_trigger_seconds", "later.timer", 0),
            ("unit_start_time_seconds", "broken.service", 0), ("unit_tasks_max", "steady.service", None),
            ("socket_accepted_connections_total", "talk.socket", int(host.shown("talk.socket", "NAccepted"))),
            ("socket_current_connections", "talk.socket", 2), ("socket_refused_connections_total", "talk.socket", 1)):
        got = value(page, "node_systemd_" + name, name=unit)
        c.require(got == expected, "%s of %s is %s, expected %s" % (name, unit, got, expected))
    c.require(abs(value(page, "node_systemd_timer_last_trigger_seconds", name="soon.timer") - time.time()) < 120,
              "the timer's last time is not now")
    c.require(value(page, "node_systemd_system_running") == 0, "the system runs although a unit failed")
    types = {labels["type"] for labels, _ in family(samples(page)[0], "node_systemd_unit_state")}
    c.require(types >= {"", "oneshot", "exec", "forking", "idle", "simple", "notify"}, "types: %s" % types)
    # Patterns hold for whole names, and the exclusion beside an inclusion.
    for flags in (["--collector.systemd.unit-include=(broken|talk).*"], ["--collector.systemd.unit-include=broken"],
                  [r"--collector.systemd.unit-exclude=.+\.service"], ["--collector.systemd.unit-exclude=.+.targe"],
                  ["--collector.systemd.unit-include=.+mount|broken.service", "--collector.systemd.unit-exclude="]):
        theirs = host.background("prometheus-node-exporter", "--web.listen-address=127.0.0.1:9101", *OPTIONS[:-1], *(
            flags if "exclude" in " ".join(flags) else flags + OPTIONS[-1:]))
        c.eventually(lambda: "node_" in host.get(9101, check=False), 20, "node_exporter does not answer")
        (mine, _), (other, _) = own(host.collected(*OPTIONS[:-1], *flags)), own(host.get(9101))
        c.require(set(mine) == set(other), "%s: %s" % (flags, sorted(set(mine) ^ set(other))[:6]))
        host.run("kill", str(theirs))
    return "units=%d samples=%d, as node_exporter has them" % (units, count)


def resources(host, pid):
    """What each descriptor is, without the files of the state directory, which the agent opens when it first needs them;
    and the number of threads."""
    descriptors = host.run("sh", "-c", "cd /proc/%d/fd && for fd in *; do readlink $fd || true; done" % pid).split("\n")
    threads = host.run("grep", "Threads:", "/proc/%d/status" % pid).split()[1]
    return sorted(re.sub(r"\[[0-9]+\]", "", name) for name in descriptors
                  if name and "/var/lib/tocsin/" not in name), int(threads)


def require_no_more(c, before, after, what):
    """One descriptor more and two threads more are the moment's."""
    more = list(after[0])
    for name in before[0]:
        if name in more:
            more.remove(name)
    c.require(len(after[0]) <= len(before[0]) + 1 and after[1] <= before[1] + 2,
              "%s: %d descriptors and %d threads before, %d and %d after, of them new: %s"
              % (what, len(before[0]), before[1], len(after[0]), after[1], ", ".join(more)))


def timed(host, **more):
    begin = time.monotonic()
    page = host.get(9464, **more)
    return page, time.monotonic() - begin


def hang(c, host, pid, name):
    """Stops a process; pages keep to the deadline, cost the one collector, and do not wait again; then it goes on."""
    before = resources(host, int(host.shown("tocsin.service", "MainPID")))
    os.kill(pid, signal.SIGSTOP)
    try:
        took = []
        for number in range(4):
            page, seconds = timed(host)
            took.append(seconds)
            c.require(success(page) == 0 and value(page, "node_systemd_version") is None,
                      "%s stopped: success is %s" % (name, success(page)))
            c.require(success(page, "loadavg") == 1 and value(page, "node_load1") is not None,
                      "%s stopped: other collectors lack" % name)
            c.require(seconds < (7 if number == 0 else 1.5), "%s stopped: page %d took %.1f s" % (name, number, seconds))
    finally:
        os.kill(pid, signal.SIGCONT)
    c.eventually(lambda: success(host.get(9464)) == 1, 10, "%s goes on, the collector does not" % name)
    after = resources(host, int(host.shown("tocsin.service", "MainPID")))
    require_no_more(c, before, after, name + " stopped")
    return "%s stopped: %.1f s, then %.2f" % (name, took[0], max(took[1:]))


@case("systemd-trouble", needs="systemd")
def systemd_trouble(c):
    """The agent's unit, as its own user: systemd read anew, executed anew and stopped, the bus stopped and gone: a page
    never waits longer than its deadline, only the one collector lacks, it comes back by itself, nothing is left open."""
    with open(UNIT) as file:
        unit = file.read().replace("/usr/local/bin/", "/opt/")
    configuration = json.dumps({"server": {"listen": "127.0.0.1:9464"}, "logs": {"scrape_configs": []},
                                "metrics": {"collectors": {"systemd": {"enabled": True}}}})
    host = BootedHost(c, {"tocsin.service": unit, "late.service": "[Service]\nType=simple\nExecStart=/bin/sleep 10000\n"},
                      configuration)
    host.settle()
    host.run("systemctl", "start", "tocsin", "late")
    c.eventually(lambda: success(host.get(9464, check=False)) == 1, 20, "the collector does not work under the unit")
    c.require(host.shown("tocsin.service", "User") == "tocsin", "it runs as root")
    page = host.get(9464)
    against_systemctl(c, host, page)
    c.require(value(page, "node_systemd_unit_state", name="late.service", state="active", type="simple") == 1,
              "late.service is not as written")
    # Read anew with another type, stopped, started.
    host.run("sh", "-c", "sed -i s/simple/exec/ /etc/systemd/system/late.service && systemctl daemon-reload && "
                         "systemctl restart late")
    c.eventually(lambda: value(host.get(9464), "node_systemd_unit_state", name="late.service", state="active",
                               type="exec") == 1, 5, "the new type is not seen")
    host.run("systemctl", "daemon-reexec")
    page = host.get(9464)
    c.require(success(page) == 1, "after daemon-reexec the first page fails")
    main = int(host.shown("tocsin.service", "MainPID"))
    before = resources(host, main)
    told = [hang(c, host, host.child, "systemd")]
    bus = int(host.shown("dbus.service", "MainPID"))
    # systemctl is deaf with the bus, so all is asked before.
    inside = {}
    for line in host.run("sh", "-c", "cat /proc/%d/status" % bus).splitlines():
        inside[line.split(":")[0]] = line.split(":", 1)[1].strip()
    c.require(inside["Name"] == "dbus-daemon", "the bus is %s" % inside["Name"])
    outside = next(int(pid) for pid in os.listdir("/proc") if pid.isdigit() and inner(pid) == (str(bus), host.child))
    told.append(hang(c, host, outside, "the bus"))
    # Gone, and there again: node_exporter's collector needs no more than that to be without its connection.
    host.run("sh", "-c", "systemctl stop dbus.socket; systemctl kill -s KILL dbus.service; systemctl stop dbus.service", check=False)
    page, seconds = timed(host)
    c.require(success(page) == 0 and success(page, "loadavg") == 1 and seconds < 1.5,
              "without a bus: success %s after %.1f s" % (success(page), seconds))
    host.run("systemctl", "start", "dbus.socket", "dbus.service")
    # systemd takes its name on the new bus in its own time.
    c.eventually(lambda: success(host.get(9464)) == 1, 5, "the bus is back and pages still fail")
    for _ in range(30):
        host.get(9464, "?collect[]=systemd")
    after = resources(host, main)
    require_no_more(c, before, after, "after all of it")
    return "; ".join(told)


@case("systemd-private", needs="systemd")
def systemd_private(c):
    """Root over systemd's own socket, without a bus: pages are had, systemd keeps no connection of ours, and one that is
    stopped costs the collector alone."""
    host = BootedHost(c, configuration=json.dumps(
        {"server": {"listen": "127.0.0.1:9464"}, "logs": {"scrape_configs": []}}))
    host.settle()
    host.run("sh", "-c", "systemctl stop dbus.socket dbus.service", check=False)
    main = host.agent()
    c.require(success(host.get(9464)) == 1, "root without a bus does not find systemd's own socket")

    def open_files():
        return len(os.listdir("/proc/%d/fd" % host.child)), len(resources(host, main)[0])
    before = open_files()
    for _ in range(40):
        c.require(success(host.get(9464, "?collect[]=systemd")) == 1, "a page fails")
    after = open_files()
    # What the agent opens for other ends in its first seconds is not meant, one more with each page is.
    c.require(after[0] <= before[0] + 1 and after[1] <= before[1] + 10, "open files: %s before, %s after" % (before, after))
    os.kill(host.child, signal.SIGSTOP)
    try:
        took = []
        for number in range(6):
            page, seconds = timed(host)
            took.append(seconds)
            c.require(success(page) == 0 and success(page, "loadavg") == 1 and seconds < (7 if number == 0 else 1.5),
                      "page %d of a stopped systemd: success %s after %.1f s" % (number, success(page), seconds))
    finally:
        os.kill(host.child, signal.SIGCONT)
    c.eventually(lambda: success(host.get(9464)) == 1, 10, "systemd goes on, the collector does not")
    return "stopped: %.1f s, then %.2f" % (took[0], max(took[1:]))


def session(**environment):
    """A service that PAM opens a session for, as it does for whoever logs in."""
    lines = "".join("Environment=%s=%s\n" % pair for pair in environment.items())
    return "[Service]\nPAMName=test-session\nUser=daemon\n%sExecStart=/bin/sleep 10000\n" % lines


@case("logind-sessions", needs="systemd")
def logind_sessions(c):
    """Sessions that a real logind has of several kinds: the same series as node_exporter's; a session that ends; logind that
    does not run and is not started for it."""
    sessions = {
        "s-plain.service": session(),
        "s-wayland.service": session(XDG_SESSION_TYPE="wayland", XDG_SESSION_CLASS="greeter"),
        "s-x11.service": session(XDG_SESSION_TYPE="x11", XDG_SESSION_CLASS="background"),
        "s-web.service": session(XDG_SESSION_TYPE="web", XDG_SESSION_CLASS="user"),
        "s-seat.service": session(XDG_SESSION_TYPE="tty", XDG_SEAT="seat0", XDG_VTNR="3"),
        # Over the network, as far as login(1) is told.
        "s-remote.service": "[Service]\nExecStart=/usr/bin/script -qc 'login -h 192.0.2.7 -f root' /dev/null\n"
                            "StandardInput=tty-force\nTTYPath=/dev/ptmx\n",
    }
    host = BootedHost(c, sessions, files={
        "etc/pam.d/test-session": "auth required pam_permit.so\naccount required pam_permit.so\n"
                                  "session required pam_systemd.so\n"})
    host.run("systemctl", "start", *sessions)
    options = ["--collector.disable-defaults", "--collector.logind"]

    def listed():
        return json.loads(host.run("loginctl", "list-sessions", "--output=json"))
    c.eventually(lambda: len(listed()) == len(sessions), 10, lambda: "sessions: %s" % listed())
    host.node_exporter(*options)
    ours, theirs = host.collected(*options), host.get(9100)
    count = compare(c, ours, theirs, "logind")
    found, _ = samples(ours)
    kinds = {tuple(labels[name] for name in ("seat", "remote", "type", "class"))
             for labels, number in family(found, "node_logind_sessions") if number}
    host.run("systemctl", "stop", "s-web.service")
    c.eventually(lambda: len(listed()) == len(sessions) - 1, 10, "the session does not end")
    compare(c, host.collected(*options), host.get(9100), "after a session's end")
    host.run("systemctl", "stop", "systemd-logind.service")
    host.run("systemctl", "mask", "--runtime", "systemd-logind.service")
    page = host.collected(*options)
    c.require(success(page, "logind") == 0 and not family(samples(page)[0], "node_logind_sessions"),
              "without logind there are sessions")
    return "a real systemd-logind; samples=%d kinds=%s" % (count, sorted(kinds))


def endless(connection, call):
    """Signals instead of an answer, until the other side goes."""
    while True:
        connection.sendall(bus_signal() * 100)


def nested(_, call):
    """A variant in a variant, sixty times."""
    return answer(call, "v", b"\1v\0" * 59 + b"\1s\0" + text("deep"))


# What a peer does, by what it is called in a failure; and whether asking it ends at once.
PEERS = {
    "says nothing": ({"greets": False}, False),
    "answers no call": ({"script": lambda *_: b""}, False),
    "closes": ({"script": lambda *_: None}, True),
    "knows no such name": ({"script": lambda _, call: refusal(call, "org.freedesktop.DBus.Error.ServiceUnknown")}, True),
    "refuses": ({"script": lambda _, call: refusal(call, "org.freedesktop.DBus.Error.AccessDenied")}, True),
    "speaks HTTP": ({"greets": False, "first": b"HTTP/1.1 400 Bad Request\r\n\r\n"}, True),
    "sends noise": ({"script": lambda *_: bytes(range(256)) * 64}, True),
    "announces 2 GiB": ({"script": lambda _, call: answer(call, "s", text("x"), length=1 << 31)}, True),
    "announces 100 MiB": ({"script": lambda _, call: answer(call, "s", text("x"), length=100 << 20)}, False),
    "answers another call": ({"script": lambda _, call: answer(call + 7777, "s", text("x"))}, False),
    "answers a text": ({"script": lambda _, call: answer(call, "s", text("x"))}, True),
    "answers nothing": ({"script": lambda _, call: answer(call)}, None),
    "answers a number": ({"script": lambda _, call: answer(call, "t", struct.pack("<Q", 1 << 63))}, True),
    "nests deeply": ({"script": nested}, True),
    "sends signals only": ({"script": endless}, False),
}


@case("bus-peers", needs="systemd")
def bus_peers(c):
    """Peers on the bus's socket that are silent, closed, wrong or noisy: the page comes in time, the collectors that ask
    them fail or have nothing, the others are on it."""
    slowest = 0
    for name, (behaviour, is_quick) in PEERS.items():
        path = c.path("bus-%d" % len(c.closing))
        peer = BusPeer(path, **behaviour)
        c.closing.append(peer.stop)
        begin = time.monotonic()
        done = subprocess.run(
            [c.binary, "metrics", "--timeout", "3", "--collector.disable-defaults", "--collector.systemd", "--collector.logind",
             "--collector.loadavg"], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False,
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=" + path})
        took = time.monotonic() - begin
        page = done.stdout.decode()
        c.require(done.returncode == 0 and value(page, "node_load1") is not None, "a peer that %s: exit code %d, %s" % (
            name, done.returncode, done.stderr.decode()[-300:]))
        c.require(took < 4 and (not is_quick or took < 1.5), "a peer that %s: %.1f s" % (name, took))
        c.require(is_quick is None or success(page) == 0, "a peer that %s: success is %s" % (name, success(page)))
        c.require(peer.accepted >= 1, "a peer that %s was not asked" % name)
        slowest = max(slowest, took)
    return "peers=%d slowest=%.1f s of 3" % (len(PEERS), slowest)


# How many units, and how many pages we and node_exporter give: it takes a second for one of a thousand units.
SIZES = ((200, 200, 40), (1000, 100, 10))


@case("systemd-many", needs=ALONE)
def systemd_many(c):
    """200 and 1,000 units: all of them are on the page, and what a page costs the agent, systemd and the bus is less than
    with node_exporter."""
    told = []
    for size, *pages in SIZES:
        host = BootedHost(c, {"many@.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n"}, json.dumps(
            {"server": {"listen": "127.0.0.1:9464"}, "logs": {"scrape_configs": []}, "metrics": {
                "disable_default_collectors": True, "collectors": {"systemd": {"enabled": True}}}}))
        host.settle()
        lacking = size - len(host.run("systemctl", "list-units", "--all", "--no-legend", "--plain").splitlines())
        # A unit that another names is loaded, and costs nothing else.
        host.run("sh", "-c", "{ echo [Unit]; for n in $(seq %d); do echo After=many@$n.service; done; } > "
                             "/etc/systemd/system/names.target && systemctl daemon-reload && systemctl start names.target"
                 % (lacking - 2))
        bus = int(host.shown("dbus.service", "MainPID"))
        agent, exporter = host.agent(), host.node_exporter(*OPTIONS[:2], OPTIONS[-1])
        compare(c, host.get(9464), host.get(9100), "%d units" % size)
        costs = []
        for port, main, count in zip((9464, 9100), (agent, exporter), pages):
            pids = (main, 1, bus)
            before = [host.ticks(pid) for pid in pids]
            host.run("curl", "-s", "-o", "/dev/null", "http://127.0.0.1:%d/metrics?[1-%d]" % (port, count), seconds=120)
            costs.append([(host.ticks(pid) - start) * 1000 / count for pid, start in zip(pids, before)])
        ours, theirs = costs
        c.require(sum(ours) < sum(theirs), "%d units cost %s ms a page, with node_exporter %s" % (size, ours, theirs))
        told.append("%d units, ms a page of itself, systemd, bus: ours %s, node_exporter's %s" % (
            size, *(" ".join("%.1f" % cost for cost in row) for row in costs)))
        host.stop()
        c.closing.remove(host.stop)
    return "; ".join(told)


def inner(pid):
    """A process's ID in its own namespace, and whose child it is outside; nothing where it is gone."""
    try:
        with open("/proc/%s/status" % pid) as file:
            fields = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        return fields["NSpid"].split("\t")[-1], int(fields["PPid"])
    except (OSError, KeyError):
        return None
