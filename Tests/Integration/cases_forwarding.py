"""Alerts forwarded to real Alertmanagers, and told from here while none takes them."""

import datetime
import json
import os
import re
import shutil
import subprocess
import threading
import time
import urllib.request

from agent import free_port
from cases_alerting import Webhook, alerting, post
from context import Skip, case

ALERTMANAGER = os.environ.get("ALERTMANAGER") or shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
PROMETHEUS = os.environ.get("PROMETHEUS") or shutil.which("prometheus")


class Flags:
    """A file of the textfile collector: samples that a case sets, and the sections of an agent that reads them every second."""

    def __init__(self, c, rules):
        self.path = c.path("flags", "flags.prom")
        self.rules = c.path("rules.yaml")
        with open(self.rules, "w") as file:
            json.dump({"groups": [{"name": "g", "interval": "1s", "rules": rules}]}, file)
        self.sections = {
            "metrics": {"global": {"scrape_interval": "1s", "external_labels": {"site": "x"}}, "scrape_configs": [],
                        "collectors": {"textfile": {"directory": os.path.dirname(self.path)}}},
            "rules": {"files": [self.rules], "default_pack": False, "resend_delay": "1s"}}

    def write(self, **values):
        with open(self.path + ".new", "w") as file:
            file.write("".join("%s %d\n" % pair for pair in values.items()))
        os.replace(self.path + ".new", self.path)


class Alertmanager:
    """Debian's Alertmanager with one webhook, started again and again on one port."""

    def __init__(self, c, name, webhook):
        self.port, self.directory, self.process = free_port(), c.folder(name), None
        self.config = c.path(name, "config.yml")
        section = alerting(webhook)
        with open(self.config, "w") as file:
            json.dump(section, file)
        c.closing.append(self.kill)

    def start(self, c):
        self.process = subprocess.Popen(
            [ALERTMANAGER, "--config.file", self.config, "--storage.path", os.path.join(self.directory, "data"),
             "--web.listen-address", "127.0.0.1:%d" % self.port, "--cluster.listen-address", "", "--log.level", "error"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        c.eventually(self.is_ready, 20, "Alertmanager does not start")
        return self

    def is_ready(self):
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d/-/ready" % self.port, timeout=1) as answer:
                return answer.status == 200
        except OSError:
            return False

    def kill(self, gently=False):
        if self.process:
            self.process.terminate() if gently else self.process.kill()
            self.process.wait()
            self.process = None


@case("forwarding-fallback")
def forwarding_fallback(c):
    """Alerts go to both Alertmanagers; with one killed all is as before, with both this agent tells, over a kill, and hands back."""
    if not ALERTMANAGER:
        raise Skip("no Alertmanager")
    theirs, others, ours = Webhook(), Webhook(), Webhook()
    first, second = Alertmanager(c, "one", theirs).start(c), Alertmanager(c, "two", others).start(c)
    flags = Flags(c, [{"alert": name, "expr": "%s == 1" % name.lower()} for name in ("One", "Two", "Three", "Four")])
    flags.write(one=1, two=0, three=0, four=0)
    section = alerting(ours)
    section.update(fallback_after="2s", alert_relabel_configs=[{"target_label": "by", "replacement": "rule"}], alertmanagers=[{
        "static_configs": [{"targets": ["127.0.0.1:%d" % first.port, "127.0.0.1:%d" % second.port, "127.0.0.1:1"]}],
        "relabel_configs": [{"source_labels": ["__address__"], "regex": ".*:1", "action": "drop"}]}])
    agent = c.agent([], [], alerting=section, **flags.sections).start()

    def sees(webhook, *wanted):
        c.eventually(lambda: webhook.told() == list(wanted), 20, lambda: "got %s instead of %s" % (webhook.told(), list(wanted)))

    for webhook in (theirs, others):
        sees(webhook, ("One", "firing"))
    labels = theirs.taken[0]["alerts"][0]["labels"]
    c.require((labels.get("site"), labels.get("by")) == ("x", "rule"), "other labels: %s" % labels)
    c.require(ours.told() == [], "told from here though Alertmanagers took it: %s" % ours.told())
    answer = json.loads(agent.get("/api/v1/alertmanagers")[1])["data"]
    c.require([entry["url"] for entry in answer["activeAlertmanagers"]] == [
        "http://127.0.0.1:%d/api/v2/alerts" % one.port for one in (first, second)], "other Alertmanagers: %s" % answer)
    c.require([entry["url"] for entry in answer["droppedAlertmanagers"]] == ["http://127.0.0.1:1/api/v2/alerts"], "%s" % answer)

    first.kill()
    flags.write(one=1, two=1, three=0, four=0)
    sees(others, ("One", "firing"), ("Two", "firing"))
    time.sleep(3)
    c.require(ours.told() == [], "told from here though one took it: %s" % ours.told())

    second.kill()
    flags.write(one=1, two=1, three=1, four=0)
    c.eventually(lambda: sorted(ours.told()) == [("One", "firing"), ("Three", "firing"), ("Two", "firing")], 20,
                 lambda: "not taken over: %s" % ours.told())
    agent.kill()
    agent.start()
    first.start(c)
    second.start(c)
    flags.write(one=1, two=1, three=1, four=1)
    for webhook in (theirs, others):
        c.eventually(lambda: ("Four", "firing") in webhook.told() and ("Three", "firing") in webhook.told(), 20,
                     lambda: "not handed back: %s" % webhook.told())
    time.sleep(3)
    c.require(len(ours.told()) == 3, "told again from here: %s" % ours.told())
    flags.write(one=0, two=0, three=0, four=0)
    c.eventually(lambda: sorted(ours.told("resolved")) == [("One", "resolved"), ("Three", "resolved"), ("Two", "resolved")], 20,
                 lambda: "ends were not told: %s" % ours.told())
    c.eventually(lambda: ("Four", "resolved") in theirs.told() and ("Four", "resolved") in others.told(), 20, "no end from Alertmanager")
    c.require(len(ours.told()) == 6, "told more than once: %s" % ours.told())
    numbers = {name: agent.total("prometheus_notifications_" + name + "$") for name in ("sent_total", "errors_total", "alertmanagers_discovered")}
    c.require(numbers["sent_total"] > 0 and numbers["alertmanagers_discovered"] == 2, "%s" % numbers)
    agent.stop()
    for webhook in (theirs, others, ours):
        webhook.stop()


class Mails:
    """A mail server (aiosmtpd) that keeps (subject, text) of what it gets."""

    SCRIPT = """
import email, email.policy, json, time
from aiosmtpd.controller import Controller
class Handler:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        print(json.dumps([str(mail["Subject"]), envelope.rcpt_tos]), flush=True)
        return "250 OK"
controller = Controller(Handler(), hostname="127.0.0.1", port=%d)
controller.start()
print(json.dumps("ready"), flush=True)
time.sleep(3600)
"""

    def __init__(self, c):
        self.port, self.taken = free_port(), []
        self.process = subprocess.Popen(["/usr/bin/python3", "-c", self.SCRIPT % self.port], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        c.closing.append(self.process.kill)
        if self.process.stdout.readline().strip() != '"ready"':
            raise Skip("no aiosmtpd")
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.taken.append(json.loads(line))


@case("alerting-silence-url")
def alerting_silence_url(c):
    """`tocsin silence … --url` with a real Alertmanager: what it makes, lists and ends, and what is said when it refuses."""
    if not ALERTMANAGER:
        raise Skip("no Alertmanager")
    webhook = Webhook()
    alertmanager = Alertmanager(c, "am", webhook).start(c)
    url = "http://127.0.0.1:%d" % alertmanager.port

    def silence(*words, code=0, url=url):
        done = subprocess.run([c.binary, "silence", *words, "--url", url], capture_output=True, text=True, timeout=30, check=False)
        c.require(done.returncode == code, "%s: exit code %d: %s%s" % (" ".join(words), done.returncode, done.stdout, done.stderr))
        c.require(not (code and done.stdout), "it failed and prints %s" % done.stdout)
        return (done.stderr if code else done.stdout).strip()

    def there():
        with urllib.request.urlopen(url + "/api/v2/silences", timeout=10) as answer:
            return {one["id"]: one for one in json.load(answer)}

    matchers = [{"name": "alertname", "value": "Disk", "isRegex": False, "isEqual": True},
                {"name": "host", "value": "a|b", "isRegex": True, "isEqual": True},
                {"name": "env", "value": "tést \"x\"", "isRegex": False, "isEqual": False}]
    made = silence("add", "Disk", 'host=~"a|b"', 'env!="tést \\"x\\""', "--for", "2h", "--comment", "new <disk>", "--author", "me")
    kept = there()[made]
    c.require(sorted(kept["matchers"], key=lambda one: one["name"]) == sorted(matchers, key=lambda one: one["name"]), "other matchers: %s" % kept)
    c.require((kept["createdBy"], kept["comment"], kept["status"]["state"]) == ("me", "new <disk>", "active"), "another silence: %s" % kept)
    c.require(abs(seconds(kept["endsAt"]) - seconds(kept["startsAt"]) - 7200) < 2, "another time: %s" % kept)
    later = silence("add", "team=web", "--starts", "1h", "--for", "30m")
    c.require(there()[later]["status"]["state"] == "pending", "it has begun: %s" % there()[later])
    post(alertmanager, [{"labels": {"alertname": "Disk", "host": "a"}}, {"labels": {"alertname": "Other"}}])
    c.eventually(lambda: webhook.told() == [("Other", "firing")], 15, lambda: "told %s" % webhook.told())

    listed = silence("list")
    c.require(made in listed and later in listed and 'host=~"a|b"' in listed and "new <disk>" in listed, listed)
    listed = silence("list", "team=web")
    c.require(later in listed and made not in listed, "the filter does not filter: %s" % listed)
    c.require(len(json.loads(silence("list", "--json"))) == 2, "other JSON")
    silence("expire", made)
    c.require(there()[made]["status"]["state"] == "expired", "it goes on: %s" % there()[made])
    c.require(made not in silence("list") and made in silence("list", "--expired"), "what is over is shown, or is not")

    # What it refuses is told in its own words, and what cannot be reached by where it was looked for.
    said = silence("expire", "11111111-2222-3333-4444-555555555555", code=1)
    c.require("not found" in said or "404" in said, said)
    said = silence("expire", "nonsense", code=1)
    c.require("uuid" in said, said)
    said = silence("list", code=1, url="http://me:hunter2@127.0.0.1:%d" % free_port())
    c.require("127.0.0.1" in said and "hunter2" not in said, said)
    said = silence("list", code=1, url=webhook.url)
    c.require("501" in said, said)
    silence("list", code=1, url="nowhere")
    silence("expire", later)
    webhook.stop()
    return "%d silences" % len(there())


@case("alerting-full-disk")
def alerting_full_disk(c):
    """A disk that fills up ends in Slack, a mail and an Alertmanager, in each once; so does its end."""
    if not ALERTMANAGER:
        raise Skip("no Alertmanager")
    disk = c.folder("disk")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tocsin-test", disk], capture_output=True, check=False)
    if done.returncode != 0:
        raise Skip("cannot mount a tmpfs: %s" % done.stderr.decode().strip())
    c.closing.insert(0, lambda: subprocess.run(["umount", "-l", disk], check=False))
    # Process 1 may be in another namespace, where nobody sees the mount.
    proc = c.folder("proc")
    for name in os.listdir("/proc"):
        if not name.isdigit():
            os.symlink("/proc/" + name, os.path.join(proc, name))
    os.mkdir(os.path.join(proc, "1"))
    shutil.copyfile("/proc/self/mountinfo", os.path.join(proc, "1", "mountinfo"))
    slack, theirs, mails = Webhook(), Webhook(), Mails(c)
    alertmanager = Alertmanager(c, "am", theirs).start(c)
    rules = c.path("rules.yaml")
    with open(rules, "w") as file:
        json.dump({"groups": [{"name": "disk", "interval": "1s", "rules": [{
            "alert": "DiskFull", "for": "2s", "labels": {"severity": "page"},
            "expr": 'node_filesystem_avail_bytes{mountpoint="%s"} / node_filesystem_size_bytes < 0.1' % disk,
            "annotations": {"summary": "{{ $labels.mountpoint }} has {{ $value | humanizePercentage }} left"}}]}]}, file)
    agent = c.agent([], [], metrics={"global": {"scrape_interval": "1s"}, "scrape_configs": [], "paths": {"procfs": proc}},
                    rules={"files": [rules], "default_pack": False, "resend_delay": "1s"}, alerting={
        "policy": "both", "alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:%d" % alertmanager.port]}]}],
        "route": {"receiver": "ops", "group_by": ["alertname"], "group_wait": "1s", "group_interval": "1s"},
        "receivers": [{"name": "ops",
                       "slack_configs": [{"api_url": slack.url, "channel": "#ops", "send_resolved": True, "text": "{{ .CommonAnnotations.summary }}"}],
                       "email_configs": [{"to": "ops@x.example", "from": "host@x.example", "smarthost": "127.0.0.1:%d" % mails.port, "send_resolved": True}]}]}).start()
    time.sleep(2)
    c.require(not slack.taken and not mails.taken and not theirs.taken, "told of a disk with room")

    def told():
        return ([body["attachments"][0]["title"][:9] for body in slack.taken], [subject[:9] for subject, _ in mails.taken], theirs.told())

    with open(os.path.join(disk, "filler"), "wb") as file:
        file.write(bytes(7900 << 10))
    firing = (["[FIRING:1"], ["[FIRING:1"], [("DiskFull", "firing")])
    c.eventually(lambda: told() == firing, 30, lambda: "told %s" % (told(),))
    attachment = slack.taken[0]["attachments"][0]
    c.require(slack.taken[0]["channel"] == "#ops" and attachment["text"].startswith(disk + " has "), "another message: %s" % slack.taken[0])
    c.require(mails.taken[0][1] == ["ops@x.example"], "another recipient: %s" % mails.taken)
    time.sleep(2)
    c.require(told() == firing, "told again: %s" % (told(),))
    os.unlink(os.path.join(disk, "filler"))
    over = (["[FIRING:1", "[RESOLVED"], ["[FIRING:1", "[RESOLVED"], [("DiskFull", "firing"), ("DiskFull", "resolved")])
    c.eventually(lambda: told() == over, 30, lambda: "told %s" % (told(),))
    time.sleep(2)
    c.require(told() == over, "told again: %s" % (told(),))
    agent.stop()
    slack.stop()
    theirs.stop()


def shared(body):
    """A webhook's payload without what 0.25 does not have, or what names the host."""
    return {key: value for key, value in body.items() if key not in ("notification_reason", "routeLabels", "externalURL")}


def plain(body):
    """That without what hangs on when each side looked."""
    kept = shared(body)
    kept["alerts"] = [{key: value for key, value in alert.items() if key not in ("startsAt", "endsAt", "generatorURL")} |
                      {"over": not alert["endsAt"].startswith("0001")} for alert in body["alerts"]]
    return kept


NEVER = "0001-01-01T00:00:00Z"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def lives(c, hook):
    """Of each alert, by fingerprint: when it began and, once it is over, when it ended; the same in all that was told of it."""
    found = {}
    for body in hook.taken:
        for alert in body["alerts"]:
            c.require(TIME.fullmatch(alert["startsAt"]) and TIME.fullmatch(alert["endsAt"]), "no times: %s" % alert)
            c.require((alert["endsAt"] == NEVER) == (alert["status"] == "firing"), "status and end say different things: %s" % alert)
            began, ended = found.setdefault(alert["fingerprint"], (alert["startsAt"], NEVER))
            c.require(alert["startsAt"] == began, "%s began at %s and %s" % (alert["labels"], began, alert["startsAt"]))
            if alert["endsAt"] != NEVER:
                c.require(ended in (NEVER, alert["endsAt"]), "%s ended at %s and %s" % (alert["labels"], ended, alert["endsAt"]))
                c.require(seconds(alert["endsAt"]) > seconds(began), "it ended before it began: %s" % alert)
                found[alert["fingerprint"]] = (began, alert["endsAt"])
    return found


def compare_posted(c, alertmanager, agent, theirs, ours):
    """What is posted to both with its times is told, and given out, with the same times and fingerprints to the letter."""
    labels = {"alertname": "Posted", "host": 'a "b" \\ é', "severity": "page"}
    alert = {"labels": labels, "annotations": {"summary": "<s>"}, "generatorURL": "http://g/?a=b&c=d", "startsAt": "2026-01-01T10:00:00.250Z"}
    later = datetime.datetime.fromtimestamp(time.time() + 600, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.500Z")
    other = {"labels": {"alertname": "Posted", "host": "c"}, "startsAt": "2026-01-01T10:30:00Z", "endsAt": later}

    def told(hook, states):
        """The last notification of the group, where it is the one that is waited for."""
        bodies = [body for body in hook.taken if body["groupLabels"] == {"alertname": "Posted"}]
        return bodies and [a["status"] for a in bodies[-1]["alerts"]] == states and shared(bodies[-1])

    def both_tell(states):
        c.eventually(lambda: told(theirs, states) and told(ours, states), 20, lambda: "%s and %s" % (theirs.taken[-1:], ours.taken[-1:]))
        left, right = told(theirs, states), told(ours, states)
        c.require(left == right, "they differ:\n%s\n%s" % (json.dumps(left, sort_keys=True), json.dumps(right, sort_keys=True)))

    def given(port):
        with urllib.request.urlopen("http://127.0.0.1:%d/api/v2/alerts?filter=alertname=Posted" % port, timeout=10) as answer:
            alerts = json.load(answer)
        kept = [{key: value for key, value in alert.items() if key != "updatedAt"} for alert in alerts]
        for one in kept:
            one["status"].pop("mutedBy", None)
        return sorted(kept, key=lambda one: one["labels"]["host"])

    for one in (alertmanager, agent):
        post(one, [alert, other])
    both_tell(["firing", "firing"])
    left, right = given(alertmanager.port), given(agent.port)
    # The end of one that came without is a `resolve_timeout` after it was posted.
    ends = [seconds(side[0].pop("endsAt")) for side in (left, right)]
    c.require(abs(ends[0] - ends[1]) < 5 and abs(ends[0] - time.time() - 300) < 30, "other ends: %s" % ends)
    c.require(left == right, "the API differs:\n%s\n%s" % (json.dumps(left, sort_keys=True), json.dumps(right, sort_keys=True)))
    over = dict(alert, endsAt="2026-01-01T12:00:00.750Z")
    for one in (alertmanager, agent):
        post(one, [over, dict(other, endsAt="2026-01-01T12:00:01Z")])
    both_tell(["resolved", "resolved"])


@case("alerting-prometheus")
def alerting_prometheus(c):
    """One rule file in Prometheus with Alertmanager and in the agent: both webhooks get the same, field by field, over a restart and repeats."""
    if not ALERTMANAGER or not PROMETHEUS:
        raise Skip("no Prometheus or no Alertmanager")
    theirs, ours = Webhook(), Webhook()
    flags = Flags(c, [
        {"alert": "Plain", "expr": "one == 1", "labels": {"severity": "page"},
         "annotations": {"summary": "{{ $labels.instance }} <is> {{ $value }}", "link": "{{ \"a&b\" | toUpper }}"}},
        {"alert": "Grouped", "expr": "two > 1", "labels": {"severity": "warn"}, "annotations": {"value": "{{ $value | humanize }}"}},
        {"alert": "Grouped", "expr": "three > 1", "labels": {"severity": "page"}}])
    flags.write(one=1, two=2048, three=0)
    options = {"group_by": ["alertname"], "group_wait": "1s", "group_interval": "2s", "repeat_interval": "4s"}
    alertmanager = Alertmanager(c, "am", theirs)
    with open(alertmanager.config, "w") as file:
        json.dump(alerting(theirs, **options), file)
    alertmanager.start(c)
    port = free_port()
    page = subprocess.Popen(["/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", os.path.dirname(flags.path), str(port)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    c.closing.append(page.kill)
    job = [{"job_name": "flags", "metrics_path": "/flags.prom", "fallback_scrape_protocol": "PrometheusText0.0.4",
            "static_configs": [{"targets": ["127.0.0.1:%d" % port], "labels": {"instance": "h"}}]}]
    config = c.path("prometheus.yml")
    with open(config, "w") as file:
        # Without external labels, which are part of a fingerprint and which alerts that stay here do not get.
        json.dump({"global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                   "rule_files": [flags.rules], "scrape_configs": [{k: v for k, v in job[0].items() if not k.startswith("fallback")}],
                   "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:%d" % alertmanager.port]}]}]}}, file)
    prometheus = subprocess.Popen(
        [PROMETHEUS, "--config.file", config, "--storage.tsdb.path", c.folder("tsdb"), "--web.listen-address", "127.0.0.1:%d" % free_port(),
         "--rules.alert.resend-delay", "1s", "--log.level", "error"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    c.closing.append(prometheus.kill)
    flags.sections["metrics"].update(scrape_configs=job, collectors={"textfile": {"enabled": False}})
    flags.sections["metrics"]["global"]["external_labels"] = {}
    agent = c.agent([], [], alerting=alerting(ours, **options), **flags.sections).start()

    def both(count):
        c.eventually(lambda: len(theirs.taken) >= count and len(ours.taken) >= count, 30,
                     lambda: "%d and %d notifications" % (len(theirs.taken), len(ours.taken)))

    both(2)
    # Alertmanager writes what it told when it ends in peace; nothing is news after a restart.
    alertmanager.kill(gently=True)
    agent.terminate()
    alertmanager.start(c)
    agent.start()
    both(4)
    flags.write(one=0, two=2048, three=7)
    c.eventually(lambda: all(("Plain", "resolved") in hook.told() and hook.told().count(("Grouped", "firing")) >= 3 for hook in (theirs, ours)),
                 30, lambda: "%s and %s" % (theirs.told(), ours.told()))
    flags.write(one=0, two=0, three=0)
    c.eventually(lambda: all(hook.told().count(("Grouped", "resolved")) >= 2 for hook in (theirs, ours)), 30,
                 lambda: "%s and %s" % (theirs.told(), ours.told()))

    def story(hook):
        """By group, each state of it once: how often one repeats, and when, hangs on timers."""
        groups = {}
        for body in hook.taken:
            text = plain(body)
            states = groups.setdefault(body["groupKey"], [])
            if not states or states[-1] != text:
                states.append(text)
        return groups

    left, right = story(theirs), story(ours)
    c.require(left == right, "they differ:\n%s\n%s" % (json.dumps(left, indent=1, sort_keys=True), json.dumps(right, indent=1, sort_keys=True)))
    before, now = lives(c, theirs), lives(c, ours)
    c.require(before.keys() == now.keys(), "other fingerprints: %s and %s" % (before, now))
    for key, times in before.items():
        # Each side scrapes, and evaluates, at its own second; what fires from the start on does so when its side is up.
        began, ended = [abs(seconds(one) - seconds(other)) for one, other in zip(times, now[key])]
        c.require(began < 30 and ended < 5, "%s: %s and %s" % (key, times, now[key]))
    compare_posted(c, alertmanager, agent, theirs, ours)
    agent.stop()
    theirs.stop()
    ours.stop()
    return "%d and %d notifications" % (len(theirs.taken), len(ours.taken))
