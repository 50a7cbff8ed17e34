"""Alerts on their way to people: from a rule to a webhook, over kills, and amtool against the agent."""

import http.server
import json
import os
import random
import shutil
import subprocess
import threading
import time
import urllib.request

from context import Skip, case

AMTOOL = os.environ.get("AMTOOL") or shutil.which("amtool")


class Webhook:
    """Takes notifications as Alertmanager's webhooks get them, and keeps them."""

    def __init__(self):
        self.taken, self.times = [], []
        self.code = 200
        kept = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                code = kept.code
                if code == 200:
                    kept.times.append(time.monotonic())
                    kept.taken.append(body)
                self.send_response(code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def told(self, status=None):
        """(alertname, status of the alert) of everything, in order."""
        return [(alert["labels"]["alertname"], alert["status"]) for body in self.taken for alert in body["alerts"]
                if status is None or alert["status"] == status]


def alerting(webhook, **route):
    options = {"receiver": "hook", "group_by": ["alertname"], "group_wait": "1s", "group_interval": "1s"}
    options.update(route)
    return {"route": options, "receivers": [{"name": "hook", "webhook_configs": [{"url": webhook.url}]}]}


def begun(c, agent):
    """Once it takes alerts."""
    c.eventually(lambda: agent.get("/api/v2/status")[0] == 200, 20, "no alerting after 20 s")
    return agent


def post(agent, alerts):
    request = urllib.request.Request(
        "http://127.0.0.1:%d/api/v2/alerts" % agent.port, json.dumps(alerts).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status


@case("alerting-rule")
def alerting_rule(c):
    """A rule's alert reaches a webhook once when it begins and once when it ends, over a restart between."""
    webhook = Webhook()
    rules, flag = c.path("rules.yaml"), c.path("flag.prom")

    def write(value):
        with open(flag + ".new", "w") as file:
            file.write("wrong %d\n" % value)
        os.replace(flag + ".new", flag)

    write(1)
    with open(rules, "w") as file:
        json.dump({"groups": [{"name": "g", "interval": "1s", "rules": [
            {"alert": "Wrong", "expr": "wrong == 1", "annotations": {"summary": "it is {{ $value }}"}}]}]}, file)
    agent = c.agent(
        [], [], metrics={"global": {"scrape_interval": "1s"}, "collectors": {"textfile": {"directory": c.folder(".")}}},
        rules={"files": [rules], "default_pack": False, "resend_delay": "1s"}, alerting=alerting(webhook)).start()
    c.eventually(lambda: webhook.told() == [("Wrong", "firing")], 30, "the webhook got %s" % webhook.taken)
    c.require(webhook.taken[0]["groupKey"] == '{}:{alertname="Wrong"}', "another group key: %s" % webhook.taken)
    c.require(webhook.taken[0]["alerts"][0]["annotations"]["summary"] == "it is 1", "another text")
    agent.kill()
    agent.start()
    time.sleep(4)
    c.require(webhook.told() == [("Wrong", "firing")], "told again after a restart: %s" % webhook.told())
    write(0)
    c.eventually(lambda: len(webhook.taken) == 2, 30, "its end was not told")
    c.require(webhook.told()[1:] == [("Wrong", "resolved")], "another end: %s" % webhook.told())
    agent.stop()
    webhook.stop()


@case("alerting-kills")
def alerting_kills(c):
    """Over kills in a storm of 1,000 alerts none is lost, and none told twice but what was in flight at a kill (`--kills 250` makes 50)."""
    webhook = Webhook()
    agent = begun(c, c.agent([], [], rules={"default_pack": False}, alerting=alerting(webhook)).start())
    kills, count, chooser = max(3, c.kills // 5), 1000, random.Random(c.seed)
    names, ends = ["A%03d" % index for index in range(count)], []
    for index in range(kills):
        part = [{"labels": {"alertname": name}} for name in names[index * count // kills:(index + 1) * count // kills]]
        c.require(post(agent, part) == 200, "alerts were not taken")
        time.sleep(chooser.uniform(0.2, 1.5))
        agent.kill()
        ends.append(time.monotonic())
        begun(c, agent.start())
    c.eventually(lambda: {name for name, _ in webhook.told("firing")} == set(names), 60, "alerts were lost")
    time.sleep(3)
    tellings = {}
    for when, body in zip(webhook.times, webhook.taken):
        for alert in body["alerts"]:
            tellings.setdefault(alert["labels"]["alertname"], []).append(when)
    # A lane has four threads, each with one notification that was answered and of which it has not been written so.
    repeats = [0] * kills
    for name, times in tellings.items():
        for before in times[:-1]:
            following = [index for index, end in enumerate(ends) if end >= before]
            c.require(following, "%s was told again though no kill came after it" % name)
            repeats[following[0]] += 1
    c.require(max(repeats) <= 4, "told twice, by kill: %s" % repeats)
    agent.stop()
    webhook.stop()
    return "%d alerts, %d kills, %d told twice, %d at one kill" % (count, kills, sum(repeats), max(repeats))


@case("alerting-amtool")
def alerting_amtool(c):
    """amtool adds alerts and silences and reads the configuration."""
    if not AMTOOL:
        raise Skip("no amtool")
    webhook = Webhook()
    section = alerting(webhook)
    path = c.path("alertmanager.yml")
    with open(path, "w") as file:
        json.dump(section, file)
    agent = c.agent([], [], rules={"default_pack": False}, alerting={"file": path}).start()
    begun(c, agent)

    def amtool(*words):
        done = subprocess.run(
            [AMTOOL, "--alertmanager.url", "http://127.0.0.1:%d" % agent.port, *words], capture_output=True, text=True, timeout=30)
        # It warns on the other stream that the version is not its own.
        return done.returncode, done.stdout.strip() or (done.stderr.strip() if done.returncode else "")

    code, silence = amtool("silence", "add", "alertname=Disk", "-a", "me", "-c", "known", "-d", "1h")
    c.require(code == 0 and len(silence) == 36, silence)
    for name in ("Disk", "CPU"):
        code, text = amtool("alert", "add", name, "host=a")
        c.require(code == 0, text)
    c.eventually(lambda: webhook.told() == [("CPU", "firing")], 20, "the webhook got %s" % webhook.taken)
    c.require("CPU" in amtool("alert")[1] and "Disk" not in amtool("alert")[1], "amtool shows %s" % amtool("alert")[1])
    agent.kill()
    begun(c, agent.start())
    c.require(amtool("silence", "query", "-q")[1] == silence, "the silence is gone after a kill")
    c.require(amtool("silence", "expire", silence)[0] == 0, "it cannot be ended")
    c.eventually(lambda: ("Disk", "firing") in webhook.told(), 20, "nobody was told after the silence")
    c.require(amtool("config", "routes", "test", "a=b")[1].endswith("hook"), "the route is another")
    told = [value for name, labels, value in agent.metrics()
            if name == "alertmanager_notifications_total" and labels["integration"] == "webhook"]
    c.require(told and told[0] >= 1, "alertmanager_notifications_total is %s" % told)
    agent.stop()
    webhook.stop()
