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
        # What was in flight is still to be read here: it came before this kill, not after it.
        seen = -1
        while seen < len(webhook.taken):
            seen = len(webhook.taken)
            time.sleep(0.2)
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


@case("alerting-history")
def alerting_history(c):
    """What became of an alert shows in `tocsin alerts history`, with and without the agent, and as a stream of the logs."""
    webhook = Webhook()
    webhook.code = 503
    section = alerting(webhook, group_interval="30s")
    agent = begun(c, c.agent([], [], rules={"default_pack": False}, alerting=section).start())
    c.require(post(agent, [{"labels": {"alertname": "Disk", "host": "a"}}, {"labels": {"alertname": "CPU"}}]) == 200, "not taken")

    def history(*words):
        code, out, err = agent.command("alerts", "history", "--json", "--config", agent.path, *words)
        c.require(code == 0, err)
        return [json.loads(line) for line in out.splitlines()]

    c.eventually(lambda: any(event["event"] == "retried" for event in history("--alert", "Disk")), 15, "no attempt shows")
    webhook.code = 200
    c.eventually(lambda: any(event["event"] == "notified" for event in history("host=a")), 15, "no success shows")
    kinds = [event["event"] for event in history("--alert", "Disk")]
    c.require(kinds[:3] == ["received", "grouped", "retried"] and kinds[-1] == "notified", "events: %s" % kinds)
    last = history("--alert", "Disk", "--limit", "1")[0]
    c.require(last["receiver"] == "hook" and last["integration"] == "webhook" and int(last["attempt"]) > 1, "told: %s" % last)
    c.require(all(event["alerts"][0]["alertname"] == "CPU" for event in history("--alert", "CPU")), "others show")
    table = agent.command("alerts", "history", "--event", "retried", "--config", agent.path)[1].decode()
    c.require("503" in table and "Disk" in table, "the table lacks the error: %s" % table)
    c.require(agent.command("alerts", "history", "a=~(")[0] == 2, "a wrong matcher passes")
    count = len(history())

    def logged():
        return agent.logs('{job="tocsin", stream="alerts"} |= "alert=Disk"')

    c.eventually(lambda: any("event=notified" in entry["line"] for entry in logged()), 10, "it is not in the logs")
    lines = len(logged())
    c.require(lines == len(kinds), "%d lines for %d events" % (lines, len(kinds)))
    agent.kill()
    c.require(len(history()) == count, "without an agent there are others")
    begun(c, agent.start())
    time.sleep(2)
    c.require(len([entry for entry in logged() if "event=notified" in entry["line"]]) == 1, "logged again after a kill")
    agent.stop()
    nowhere = c.path("nowhere")
    code, out, err = agent.command("alerts", "history", "--config", agent.path, "--state-dir", nowhere)
    c.require(code == 1 and not out and nowhere + "/alerts/history: No such file or directory" in err.decode(),
              "without agent and state: %d, %s%s" % (code, out, err))
    webhook.stop()
    return "%d events" % count


class Pings:
    """Counts the requests that it gets."""

    def __init__(self):
        self.count = 0
        kept = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                kept.count += 1
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/ping" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@case("alerting-heartbeat")
def alerting_heartbeat(c):
    """The heartbeat stops while a receiver fails, says why, and goes on when it works again."""
    webhook, pings = Webhook(), Pings()
    section = alerting(webhook)
    section["heartbeat"] = {"url": pings.url, "interval": "1s", "failing_for": "2s"}
    agent = begun(c, c.agent([], [], rules={"default_pack": False, "evaluation_interval": "1s"}, alerting=section).start())
    c.eventually(lambda: pings.count > 1, 20, "no heartbeat")
    webhook.code = 503
    post(agent, [{"labels": {"alertname": "A"}}])

    def shown():
        code, out, err = agent.command("alerts", "--config", agent.path)
        c.require(code == 0, err)
        return out.decode()

    c.eventually(lambda: "heartbeat withheld: hook/webhook has been failing" in shown(), 20, "it does not say why")
    before = pings.count
    time.sleep(2.5)
    c.require(pings.count == before, "it beats on: %d and %d" % (before, pings.count))
    c.require(agent.total("tocsin_heartbeat_withheld", reason="delivery") == 1, "no metric says so")
    c.require("hook/webhook" in agent.get("/-/ready")[1], "readiness does not say so")
    webhook.code = 200
    c.eventually(lambda: pings.count > before + 1, 20, "it does not go on")
    c.require("heartbeat" not in shown(), "it still says that something is wrong")
    agent.stop()
    webhook.stop()
    pings.server.shutdown()
    return "%d heartbeats" % pings.count


@case("alerting-flapping")
def alerting_flapping(c):
    """An alert that flaps is told once as such and once when it has settled, over a kill between."""
    webhook = Webhook()
    section = alerting(webhook, group_wait="0s")
    section["flapping"] = {"changes": 4, "window": "1m", "settle": "4s"}
    agent = begun(c, c.agent([], [], rules={"default_pack": False}, alerting=section).start())
    for change in range(9):
        alert = {"labels": {"alertname": "A"}}
        if change % 2:
            alert["endsAt"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        post(agent, [alert])
        time.sleep(1.1 if change < 4 else 0.3)
        if change == 6:
            agent.kill()
            begun(c, agent.start())
    texts = [body["alerts"][0]["annotations"].get("flapping") for body in webhook.taken]
    c.require(len([text for text in texts if text]) == 1, "the webhook got %s" % texts)
    c.require(agent.total("tocsin_alerts_flapping") == 1, "no metric says so")
    count = len(webhook.taken)
    c.eventually(lambda: len(webhook.taken) > count, 15, "it was not told how it settled")
    time.sleep(1.5)
    c.require(len(webhook.taken) == count + 1 and webhook.told()[-1] == ("A", "firing"), "told: %s" % webhook.told())
    c.require("flapping" not in webhook.taken[-1]["alerts"][0]["annotations"], "it is still said to flap")
    agent.stop()
    webhook.stop()
    return "%d notifications for 9 changes" % len(webhook.taken)
def said(agent, *words):
    """The exit code of a command and what it wrote."""
    code, out, err = agent.command(*words)
    return code, out.decode(), err.decode()


def shown(c, agent, *words, code=0):
    """What a command says to people."""
    got, out, err = said(agent, *words, "--config", agent.path)
    c.require(got == code, "%s: exit code %d: %s%s" % (" ".join(words), got, out, err))
    return out.strip()


def silences(agent, query=""):
    return json.loads(agent.get("/api/v2/silences" + query)[1])


@case("alerting-silences")
def alerting_silences(c):
    """Silences by command: for a time, until resolved over a kill, while a command runs, and after its kill."""
    webhook = Webhook()
    agent = begun(c, c.agent([], [], rules={"default_pack": False}, alerting=alerting(webhook)).start())
    added = shown(c, agent, "silence", "add", "Disk", 'host=~"a|b"', "--for", "2h", "--comment", "new disk", "--author", "me")
    kept = silences(agent)
    c.require(len(kept) == 1 and kept[0]["id"] == added and kept[0]["createdBy"] == "me", "the agent has %s" % kept)
    listed = shown(c, agent, "silence", "list", "Disk")
    c.require(added in listed and "new disk" in listed and 'host=~"a|b"' in listed, listed)
    c.require("no silence" in shown(c, agent, "silence", "list", "alertname=Other"), "the filter does not filter")
    shown(c, agent, "silence", "add", "A", "--url", "http://127.0.0.1:%d" % agent.port, "--starts", "1h")
    c.require("pending" in shown(c, agent, "silence", "list", "A"), "it does not begin later")
    shown(c, agent, "silence", "expire", added)
    c.require(added not in shown(c, agent, "silence", "list"), "it was not ended")
    c.require("expired" in shown(c, agent, "silence", "list", "--expired", "Disk"), "it is not kept")
    shown(c, agent, "silence", "expire", "00000000-0000-0000-0000-000000000000", code=1)
    shown(c, agent, "alerts", "ack", "Raid", code=1)

    raid = {"labels": {"alertname": "Raid", "host": "a"}}
    post(agent, [raid])
    c.eventually(lambda: webhook.told() == [("Raid", "firing")], 20, "the webhook got %s" % webhook.taken)
    ack = shown(c, agent, "alerts", "ack", "Raid")
    c.require("when resolved" in shown(c, agent, "silence", "list", "Raid"), "it is no acknowledgement")
    agent.kill()
    begun(c, agent.start())
    post(agent, [{"labels": {"alertname": "Raid", "host": "b"}}])
    c.eventually(lambda: len(webhook.taken) == 2, 20, "an alert that came later was held back")
    c.require([a["labels"]["host"] for a in webhook.taken[1]["alerts"]] == ["b"], "it told %s" % webhook.taken[1])
    post(agent, [dict(raid, endsAt="2026-01-01T00:00:00Z", startsAt="2025-12-31T00:00:00Z")])
    c.eventually(lambda: [s for s in silences(agent) if s["id"] == ack][0]["status"]["state"] == "expired", 5,
                 "it did not end with its alert")

    run = ("silence", "while", "team=x", "--lease", "3s", "--config", agent.path, "--", "sh", "-c")
    code, out, err = said(agent, *run, "sleep 4; exit 7")
    c.require(code == 7 and not out, "exit code %d, %s%s" % (code, out, err))
    made = silences(agent, "?filter=team=x")
    c.require([s["status"]["state"] for s in made] == ["expired"], "one silence, renewed and ended, was expected: %s" % made)
    command = subprocess.Popen([agent.binary, *run, "sleep 30"])
    c.eventually(lambda: any(s["status"]["state"] == "active" for s in silences(agent, "?filter=team=x")), 5, "none is active")
    command.terminate()
    c.require(command.wait(5) == 143, "a signal is not passed on")
    c.require(not any(s["status"]["state"] == "active" for s in silences(agent, "?filter=team=x")), "it goes on after a signal")
    command = subprocess.Popen([agent.binary, *run, "sleep 1"])
    c.eventually(lambda: any(s["status"]["state"] == "active" for s in silences(agent, "?filter=team=x")), 5, "none is active")
    command.kill()
    command.wait(5)
    c.eventually(lambda: not any(s["status"]["state"] == "active" for s in silences(agent, "?filter=team=x")), 5,
                 "it goes on though nobody renews it")
    code, out, err = said(agent, *run[:-2], "/nowhere")
    c.require(code == 127 and "No such file" in err, "exit code %d, %s" % (code, err))
    agent.stop()
    code, out, err = said(agent, *run, "echo ran")
    c.require(code == 125 and "nothing was run" in err and not out, "without an agent: %d %s%s" % (code, out, err))
    webhook.stop()


@case("alerting-silence-signals")
def alerting_silence_signals(c):
    """A signal that comes while the silence is made ends it, and the command is not run."""
    asked, command, mark = [], [], c.path("ran")

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self, body=b"{}"):
            asked.append(self.command)
            if self.command == "GET":
                command[0].terminate()
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            self.answer(json.dumps({"silenceID": "a"}).encode())

        def do_GET(self):
            self.answer(json.dumps({
                "id": "a", "matchers": [{"name": "team", "value": "x", "isRegex": False, "isEqual": True}], "createdBy": "me", "comment": "why",
                "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2126-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z",
                "status": {"state": "active"}}).encode())

        def do_DELETE(self):
            self.answer()

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command.append(subprocess.Popen(
        [c.binary, "silence", "while", "team=x", "--url", "http://127.0.0.1:%d" % server.server_address[1], "--", "touch", mark],
        stderr=subprocess.PIPE))
    said = command[0].communicate(timeout=20)[1].decode()
    server.shutdown()
    server.server_close()
    c.require(command[0].returncode == 143, "exit code %d: %s" % (command[0].returncode, said))
    c.require(asked[:2] == ["POST", "GET"] and asked[2:] == ["DELETE"], "the server was asked %s" % asked)
    c.require(not os.path.exists(mark) and "nothing was run" in said, "the command was run: %s" % said)


@case("alerting-maintenance")
def alerting_maintenance(c):
    """A maintenance window holds back what it names and is shown as a silence."""
    webhook = Webhook()
    section = alerting(webhook)
    section["maintenance"] = [{"name": "always", "matchers": ["team=x"], "time_intervals": [{}], "comment": "why"}]
    agent = begun(c, c.agent([], [], rules={"default_pack": False}, alerting=section).start())
    post(agent, [{"labels": {"alertname": "A", "team": "x"}}, {"labels": {"alertname": "B"}}])
    c.eventually(lambda: webhook.told() == [("B", "firing")], 20, "the webhook got %s" % webhook.taken)
    window = silences(agent)[0]
    held = {a["labels"]["alertname"]: a["status"]["silencedBy"] for a in json.loads(agent.get("/api/v2/alerts")[1])}
    c.require(held == {"A": [window["id"]], "B": []}, "held back: %s" % held)
    c.require("maintenance always: why" in shown(c, agent, "silence", "list"), "it is not listed")
    agent.config["alerting"]["maintenance"][0]["matchers"] = ["team=y"]
    agent.write()
    c.require(agent.request("POST", "/-/reload")[0] == 200, "it was not reloaded")
    c.eventually(lambda: ("A", "firing") in webhook.told(), 20, "it was not told after the window")
    agent.config["alerting"]["maintenance"][0]["time_intervals"] = ["none"]
    agent.write()
    code, out, err = said(agent, "check", "--config", agent.path)
    c.require(code == 1 and 'undefined time interval "none"' in err, "check says %s%s" % (out, err))
    agent.stop()
    webhook.stop()


@case("alerting-trials")
def alerting_trials(c):
    """`tocsin test route` finds the receivers that amtool finds, and `tocsin test notify` says what came of each way."""
    webhook = Webhook()
    section = {
        "route": {"receiver": "root", "group_by": ["alertname"], "routes": [
            {"receiver": "page", "matchers": ['severity="page"'], "continue": True, "group_wait": "5s"},
            {"receiver": "db", "matchers": ['team=~"db|sql"'], "mute_time_intervals": ["always"],
             "routes": [{"receiver": "backup", "matchers": ["alertname=Backup"]}]}]},
        "receivers": [{"name": "root"}, {"name": "page", "webhook_configs": [{"url": webhook.url}]},
                      {"name": "db", "pagerduty_configs": [{"routing_key": "very-secret"}]},
                      {"name": "backup", "webhook_configs": [
                          {"url": webhook.url}, {"url": "http://127.0.0.1:1/", "http_config": {}}]}],
        "time_intervals": [{"name": "always", "time_intervals": [{}]}]}
    path = c.path("alertmanager.yml")
    with open(path, "w") as file:
        json.dump(section, file)
    agent = c.agent([], [], rules={"default_pack": False}, alerting={"file": path})
    agent.write()
    for labels in (["severity=page"], ["severity=page", "team=sql"], ["team=db", "alertname=Backup"], ["team=d"], ["a=b c"],
                   ["severity=page", "team=db", "alertname=Backup"]):
        found = json.loads(shown(c, agent, "test", "route", "--json", *labels))["receivers"]
        if AMTOOL:
            done = subprocess.run([AMTOOL, "config", "routes", "test", "--config.file", path, *labels],
                                  capture_output=True, text=True, timeout=30)
            c.require(",".join(found) == done.stdout.strip(), "%s: %s, amtool says %s" % (labels, found, done.stdout))
    text = shown(c, agent, "test", "route", "severity=page team=db alertname=X", "--payload", "--tree")
    for part in ('{}/{severity="page"}', '{alertname="X"}', "5s after", "muted now by mute_time_interval always", "no agent answers",
                 '"groupKey":', "webhook is sent application/json", "pagerduty is sent", '* '):
        c.require(part in text, "%s is missing in\n%s" % (part, text))
    c.require("very-secret" not in text, "a secret is shown")
    c.require(not webhook.taken, "a trial has sent something")

    out = shown(c, agent, "test", "notify", "page", "severity=page", "--resolve")
    c.require(out.count(" ok ") == 2 and webhook.told() == [("TestNotification", "firing"), ("TestNotification", "resolved")],
              "%s\n%s" % (out, webhook.taken))
    c.require("this is a test" in json.dumps(webhook.taken[0]), "nothing says that it is a test")
    out = shown(c, agent, "test", "notify", "backup", code=1)
    c.require(" ok " in out and " failed " in out, out)
    shown(c, agent, "test", "notify", "pager", code=1)
    begun(c, agent.start())
    shown(c, agent, "silence", "add", "team=db", "--comment", "quiet")
    c.require("quiet" in shown(c, agent, "test", "route", "team=db"), "the agent's silence is not seen")
    agent.stop()
    webhook.stop()


@case("alerting-bans")
def alerting_bans(c):
    """What jails do is a stream of the logs, each event once over a kill, and reaches Loki; bans raise one alert, whatever their number."""
    webhook, server = Webhook(), c.server()
    c.folder("doors")
    section = {"alert": {"team": "doors"}, "native": [
        {"name": "door", "files": [c.path("doors", "door.log")], "patterns": ["^doord: no entry from <ip>$"], "max_retry": 1,
         "alert": {"severity": "warning"}, "silent_after": "90m"},
        {"name": "calm", "files": [c.path("doors", "door.log")], "patterns": ["^doord: out with <ip>$"], "max_retry": 1, "alert": False}]}
    agent = begun(c, c.agent([server], [], rules={"default_pack": False}, alerting=alerting(webhook, group_wait="3s"), jails=section).start())

    def knock(*lines):
        with open(c.path("doors", "door.log"), "a") as file:
            file.write("".join("%d doord: %s\n" % (time.time(), line) for line in lines))

    def logged():
        return sorted(entry["line"].split(" until=")[0] for entry in agent.logs('{job="tocsin", stream="bans"}'))

    def expected(*addresses):
        return sorted("event=observed jail=%s address=%s network=%s" % address for address in addresses)

    first = [("door", "203.0.113.%d" % number, "203.0.113.0/24") for number in range(1, 200)]
    first += [("door", "2001:db8:1:2::/64", "2001:db8:1:2::/64"), ("calm", "198.51.100.7", "198.51.100.0/24")]
    knock(*("no entry from 203.0.113.%d" % number for number in range(1, 200)), "no entry from 2001:db8:1:2::3", "out with 198.51.100.7")
    c.eventually(lambda: logged() == expected(*first), 10, lambda: "in the logs are %d lines" % len(logged()))
    entry = agent.logs('{job="tocsin", stream="bans"} |= "2001:db8:1:2::/64"')[0]
    known = {**entry.get("labels", {}), **entry.get("metadata", {})}
    c.require(known.get("network") == "2001:db8:1:2::/64" and known.get("event") == "observed" and known.get("jail") == "door", entry)
    c.eventually(lambda: webhook.told("firing"), 10, "no alert")
    time.sleep(2)
    c.require(len(webhook.taken) == 1 and webhook.told() == [("JailBans", "firing")], "200 bans are told by %s" % webhook.told())
    told = webhook.taken[0]["alerts"][0]
    labels = {name: told["labels"].get(name) for name in ("alertname", "jail", "severity", "team")}
    c.require(labels == {"alertname": "JailBans", "jail": "door", "severity": "warning", "team": "doors"} and told["labels"].get("instance"),
              "labels: %s" % told["labels"])
    c.require(told["annotations"]["top_networks"].startswith("203.0.113.0/24 (") and "would ban" in told["annotations"]["summary"], told)
    values = {(name, found.get("jail")): value for name, found, value in agent.metrics() if name.startswith("tocsin_jail_")}
    c.require(values["tocsin_jail_silent_after_seconds", "door"] == 5400 and values["tocsin_jail_silent_after_seconds", "calm"] == 86400
              and abs(values["tocsin_jail_last_line_timestamp_seconds", "door"] - time.time()) < 60
              and values["tocsin_jail_undated_lines_total", "door"] == 0, values)
    agent.kill()
    begun(c, agent.start())
    knock("no entry from 192.0.2.77")
    # What a jail only observed is not kept: its bans are found, and told, again.
    again = ("door", "192.0.2.77", "192.0.2.0/24")
    c.eventually(lambda: len(logged()) == 2 * len(first) + 1, 10, lambda: "after a kill there are %d lines" % len(logged()))
    c.require(logged() == expected(*first, *first, again), "after a kill there are other lines")
    c.eventually(lambda: any(b'stream="bans"' in stream.raw for _, stream in server.loki.streams()), 10, "nothing reaches Loki")
    agent.config["jails"]["log"] = False
    agent.write()
    c.require(agent.request("POST", "/-/reload")[0] == 200, "it does not reload")
    knock("no entry from 192.0.2.78")
    c.eventually(lambda: len(json.loads(agent.get("/api/bans?jail=door")[1])["bans"]) == 202, 10, "no ban without a log")
    time.sleep(1.5)
    c.require(len(logged()) == 2 * len(first) + 1, "told in the log that is switched off")
    webhook.stop()
    agent.stop()
