"""The dashboards: a real Prometheus scrapes the agent and is asked every query of every panel and variable."""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from agent import free_port
from cases_alerting import Pings, Webhook, alerting, begun, post
from cases_containers import Dockerd
from cases_exporter_containers import BUSYBOX, Trees, connect, start
from context import Failure, Skip, case
from webtools import Prometheus

DASHBOARDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dashboards")
sys.path.insert(0, DASHBOARDS)
import check  # noqa: E402

# Series that come with the first that there is to count.
LATER = {
    "alertmanager_notifications_failed_total": "no notification was given up",
    "alertmanager_notifications_suppressed_total": "no notification was held back",
    "tocsin_alert_flapping_changes_suppressed_total": "no alert flapped",
    # The cases bans-… have these.
    "f2b_firewall_packets_total": "no jail enforces", "f2b_firewall_elements": "no jail enforces",
    "f2b_firewall_restores_total": "no jail enforces", "f2b_firewall_errors_total": "no jail enforces",
    "tocsin_ban_action_changes_total": "no jail enforces", "tocsin_ban_action_queued": "no jail enforces",
}

# Names in a query without data here, and what this host or this moment lacks. The names themselves must be served for
# a tree of files that has the subject.
ABSENT = {
    **LATER,
    "node_hwmon_temp_celsius": "no sensors",
    "node_thermal_zone_temp": "no thermal zones",
    "container_fs_": "this kernel's blkio counts no device",
    "tocsin_unit_": "systemd does not run",
    "ALERTS": "this Prometheus evaluates no rules",
}
# The same for queries that tell something only in some states: what marks them, and the state.
STATES = {
    "f2b_jail_banned_total{job=\"node\", instance=~\".+\"}[1h])) > 0": "nobody is banned",
    "deriv(": "no file system fills up",
    "node_scrape_collector_success{job=\"node\", instance=~\".+\"} == 0": "no collector fails",
    "node_disk_read_time_seconds_total": "nothing was read from a disk",
}
FILLED = {"$__rate_interval": "20s", "$__range": "1m", "$__interval": "2s", "${datasource}": "prometheus",
          'job=~"$job"': 'job="node"', "$instance": ".+", "$project": ".*", "$name": ".+"}


def filled(expression):
    for name, value in FILLED.items():
        expression = expression.replace(name, value)
    if "$" in expression:
        raise Failure("a variable is not known: " + expression)
    return expression


def queries(dashboard):
    """(where, expression) of every panel that asks Prometheus."""
    for panel in dashboard["panels"]:
        if panel.get("datasource", {}).get("type") == "loki":
            continue
        for target in panel.get("targets", ()):
            yield "%s: %s %s" % (dashboard["title"], panel["title"], target["refId"]), filled(target["expr"])


def asked(prometheus, path):
    """What the API answers; its own words where it refuses."""
    try:
        return json.loads(prometheus.get("/api/v1/" + path))["data"]
    except urllib.error.HTTPError as error:
        raise Failure("%s: %s" % (urllib.parse.unquote(path), error.read().decode())) from None


def variables(dashboard, prometheus):
    """Asks for the values of every variable, as Grafana does; the names of those without any."""
    empty = []
    for variable in dashboard["templating"]["list"]:
        if variable["type"] != "query":
            continue
        selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
        values = asked(prometheus, "label/%s/values?match[]=%s" % (label, urllib.parse.quote(filled(selector))))
        if not values:
            empty.append("%s: variable %s" % (dashboard["title"], variable["name"]))
    return empty


def boards():
    found = []
    for path in sorted(glob.glob(os.path.join(DASHBOARDS, "*.json"))):
        with open(path, encoding="utf-8") as file:
            found.append(json.load(file))
    return found


def fixture(c):
    """The names served for a host of files that has sensors, units and a container of cgroup version 2."""
    trees = Trees(c.folder("tree"), 1, 2)
    trees.write("sys/class/hwmon/hwmon0/name", "board\n")
    trees.write("sys/class/hwmon/hwmon0/temp1_input", "41000\n")
    trees.write("sys/class/thermal/thermal_zone0/type", "acpitz\n")
    trees.write("sys/class/thermal/thermal_zone0/temp", "42000\n")
    trees.write("sys/class/thermal/thermal_zone0/policy", "step_wise\n")
    cgroups = os.path.join(trees.root, "sys", "fs", "cgroup")
    shutil.copytree(os.path.join(cgroups, "docker", "%064x" % 1), os.path.join(cgroups, "system.slice", "ssh.service"))
    done = subprocess.run([c.binary, "metrics"] + ["--path.%s=%s" % pair for pair in trees.paths.items()],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    if done.returncode:
        raise Failure("tocsin metrics ends with %d: %s" % (done.returncode, done.stderr.decode()[-300:]))
    return check.exported(done.stdout.decode())


def populate(c):
    """Containers with limits, a network, restarts, a failing health check; the daemon."""
    if not shutil.which("nsenter") or not shutil.which("ip"):
        raise Skip("needs nsenter and ip")
    daemon = Dockerd(c)
    start(daemon, "busy", "while :; do :; done", "--cpus", "0.2", "--memory", "64m", "--pids-limit", "50",
          "--label", "com.docker.compose.project=shop", "--health-cmd", BUSYBOX + " false", "--health-interval", "1s",
          "--health-retries", "1")
    start(daemon, "idle", "while :; do %s dd if=/dev/zero of=/file bs=1M count=4 conv=fsync 2>/dev/null; %s sleep 1; done"
          % (BUSYBOX, BUSYBOX), "--memory", "64m")
    start(daemon, "crash", "exit 3", "--restart", "on-failure:2")
    pids = [int(daemon.run("inspect", "-f", "{{.State.Pid}}", name)[1]) for name in ("busy", "idle")]
    connect(*pids)
    return daemon


@case("dashboards-queries")
def dashboards_queries(c):
    """Every query of every panel and variable is valid and has data, but for what this host lacks."""
    daemon = populate(c)
    with open(c.path("textfile", "one.prom"), "w") as file:
        file.write("backup_last_success_timestamp_seconds 1\n")
    server, webhook, pings = c.server(), Webhook(), Pings()
    journal = {"job_name": "journal", "journal": {"path": c.folder("journal"), "labels": {"job": "journal"}}}
    agent = c.agent([server], [c.files(), journal], metrics={"collectors": {
        "containers": {"enabled": True, "docker_data_root": [daemon.data]}, "tcpstat": {"enabled": True},
        "processes": {"enabled": True}, "textfile": {"enabled": True, "directory": [c.folder("textfile")]}}},
        jails={"native": [{"name": "door", "files": [c.path("door.log")], "patterns": ["^doord: no entry from <ip>$"]}]},
        alerting=dict(alerting(webhook), heartbeat={"url": pings.url, "interval": "1s"})).start()
    begun(c, agent)
    post(agent, [{"labels": {"alertname": "A"}}])
    prometheus = Prometheus(c, "127.0.0.1:%d" % agent.port, job_name="node", scrape_interval="2s", scrape_timeout="2s")
    with open(c.path("logs", "a.log"), "a") as file, open(c.path("door.log"), "a") as door:
        for number in range(8):
            door.write("%d doord: no entry from 203.0.113.9\n" % time.time())
            door.flush()
            file.write("line %d\n" % number)
            file.flush()
            time.sleep(2)
    c.eventually(lambda: prometheus.query('count_over_time(up{job="node"}[1m])') >= [6], 60,
                 lambda: "no six scrapes: %s" % (prometheus.target(),))
    known = fixture(c) | check.exported(agent.get("/metrics", timeout=20)[1])
    # Whoever evaluates rules writes these; they are on no page.
    known |= {"ALERTS", "ALERTS_FOR_STATE", *LATER}
    count, absent, wrong = 0, [], []
    for dashboard in boards():
        wrong += variables(dashboard, prometheus)
        for where, expression in queries(dashboard):
            count += 1
            names = check.names_in(expression)
            wrong += ["%s: nothing serves %s" % (where, name) for name in sorted(names - known)]
            if asked(prometheus, "query?query=" + urllib.parse.quote(expression))["result"]:
                continue
            reason = next((text for prefix, text in ABSENT.items() if any(name.startswith(prefix) for name in names)),
                          None) or next((text for mark, text in STATES.items() if mark in expression), None)
            (absent if reason else wrong).append("%s: %s" % (where, reason or "no data for " + expression))
    prometheus.stop()
    webhook.stop()
    pings.server.shutdown()
    if wrong:
        raise Failure("%d of %d queries:\n    %s" % (len(wrong), count, "\n    ".join(wrong)))
    return "queries=%d without_data=%d" % (count, len(absent))


@case("dashboards-names")
def dashboards_names(c):
    """What the public dashboard 1860 and node-mixin's alerts use, and node_exporter serves on this host, the agent
    serves too."""
    binary = shutil.which("prometheus-node-exporter")
    if not binary:
        raise Skip("no prometheus-node-exporter")
    with open(os.path.join(DASHBOARDS, "names.txt"), encoding="utf-8") as file:
        used = {line.strip() for line in file if line.strip() and not line.startswith("#")}
    port = free_port()
    with open(c.path("node_exporter.log"), "wb") as log:
        process = subprocess.Popen([binary, "--web.listen-address=127.0.0.1:%d" % port], stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log)
    c.closing.append(lambda: (process.kill(), process.wait()))
    page = []

    def answers():
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port, timeout=10) as answer:
                page.append(answer.read().decode())
                return True
        except OSError:
            return False
    c.eventually(answers, 20, "node_exporter does not answer")
    done = subprocess.run([c.binary, "metrics"], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    c.require(done.returncode == 0, "tocsin metrics ends with %d" % done.returncode)
    # What node_exporter says of itself is not the host's.
    wanted = {name for name in used & check.exported(page[-1])
              if name.startswith("node_") and name != "node_exporter_build_info"}
    c.require(len(wanted) > 100, "node_exporter serves only %d of these names" % len(wanted))
    missing = sorted(wanted - check.exported(done.stdout.decode()))
    c.require(not missing, "the agent lacks %s" % ", ".join(missing))
    return "names=%d" % len(wanted)
