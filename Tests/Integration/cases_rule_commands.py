"""`tocsin query`, `alerts` and `rules`, with an agent and without one."""

import json
import os
import re
import time

from context import case

RULES = """groups:
- name: host
  interval: 1s
  rules:
  - {record: 'host:up:count', expr: count(up)}
  - {alert: Up, expr: 'host:up:count > 0', annotations: {summary: '{{ $value }} are up'}}
  - {alert: Later, expr: up == 1, for: 1h, labels: {severity: info}, annotations: {summary: not yet}}
"""


@case("rules-commands")
def rules_commands(c):
    """The commands about rules and queries tell the running agent's state, as text and as JSON; without an agent they say so in one
    line and end with 1, but for a backtest, which reads the store's files."""
    rules = c.path("rules.yaml")
    with open(rules, "w") as file:
        file.write(RULES)
    agent = c.agent([], [], metrics={"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}}, rules={
        "files": [rules], "default_pack": False, "evaluation_interval": "1s"}).start()
    configured = ("--config", agent.path)

    def run(*arguments, code=0):
        done = agent.command(*arguments, *configured)
        c.require(done[0] == code, "%s ends with %d: %s %s" % (" ".join(arguments), done[0], done[1][-300:], done[2][-300:]))
        return done[1].decode(), done[2].decode()

    c.eventually(lambda: b"Later" in agent.command("alerts", *configured)[1] and b"firing" in agent.command("alerts", *configured)[1], 30,
                 "no alert")
    text = run("alerts")[0].splitlines()
    c.require(text[0].split() == ["STATE", "SINCE", "ALERT", "VALUE", "LABELS", "SUMMARY"], text[0])
    c.require(re.match(r"firing +\S+Z +Up +1 +1 are up$", text[1]), text[1])
    c.require(re.match(r'pending +\S+Z +Later +1 +.*severity="info" +not yet$', text[2]), text[2])
    found = json.loads(run("alerts", "--json")[0])["data"]["alerts"]
    c.require({alert["labels"]["alertname"]: alert["state"] for alert in found} == {"Up": "firing", "Later": "pending"}, "%s" % found)
    text = run("rules", "explain", "Later")[0]
    c.require("Later (group host, %s:7)" % rules in text and "The condition is met by 1 series now." in text and "fires at" in text, text)
    found = json.loads(run("rules", "explain", "Up", "--json")[0])
    c.require(len(found) == 1 and found[0]["alert"] == "Up" and found[0]["alerts"][0]["state"] == "firing", "%s" % found)
    out, err = run("rules", "explain", "Latr", code=1)
    c.require(not out and err == 'tocsin rules explain: no alerting rule is named "Latr"; did you mean Later?\n', err)
    c.require(run("query", "host:up:count")[0] == "host:up:count  1\n", "%s" % (run("query", "host:up:count"),))
    found = json.loads(run("query", "1 + 1", "--json")[0])
    c.require(found["data"]["result"][1] == "2", "%s" % found)
    out, err = run("query", "up * on (job) {__name__=~\".+\", job=\"node\"}", code=1)
    c.require(not out and err.startswith("tocsin query: found duplicate series") and err.count("\n") == 1, err)
    time.sleep(5)
    # Where links in alerts lead.
    c.require(agent.get("/")[0] == 200 and agent.get("/graph?g0.expr=up+%3D%3D+1&g0.tab=1")[0] == 302, "no link leads anywhere")
    # A subquery without a step has the interval of evaluation.
    found = json.loads(run("query", 'count_over_time(up{job="node"}[4s:])', "--json")[0])["data"]["result"]
    c.require(found and found[0]["value"][1] == "4", "%s" % found)

    def changes(lines):
        return [(one["alert"], one["from"], one["to"]) for one in lines if "alert" in one]

    expected = {("Up", "inactive", "firing"), ("Later", "inactive", "pending")}
    online = [json.loads(line) for line in run("rules", "backtest", rules, "--since", "1m", "--json")[0].splitlines()]
    c.require(set(changes(online)) == expected and online[-1]["failures"] == 0, "%s" % online)
    text = run("rules", "backtest", rules, "--since", "1m")[0].splitlines()
    c.require(text[0].startswith("TIME") and any("inactive -> firing" in line for line in text)
              and re.match(r"\d+ evaluations, 2 changes$", text[-1]), "\n".join(text))
    agent.terminate()
    for arguments in (["alerts"], ["alerts", "--json"], ["query", "up"], ["query", "up", "--json"], ["rules", "explain", "Up"]):
        out, err = run(*arguments, code=1)
        c.require(not out and err.count("\n") == 1 and "no agent with the state directory %s answers at" % agent.state in err,
                  "%s: %r %r" % (arguments, out, err))
    offline = [json.loads(line) for line in run("rules", "backtest", rules, "--since", "2m", "--json")[0].splitlines()]
    c.require(set(changes(offline)) == expected and offline[-1]["failures"] == 0, "%s" % offline)
    text = run("rules", "backtest", rules, "--since", "2m")[0]
    c.require("2 changes" in text, text)
    # What is wrong is told with its place, or with what was expected, by agents and without one.
    broken = c.path("broken.yaml")
    with open(broken, "w") as file:
        file.write("groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'up >'}\n")
    for _ in range(2):
        out, err = run("rules", "backtest", broken, code=1)
        c.require(not out and err.startswith("tocsin rules backtest: %s:4:" % broken) and "parse error" in err, err)
        out, err = run("rules", "backtest", c.path("none.yaml"), code=1)
        c.require(not out and err == "tocsin rules backtest: %s: No such file or directory\n" % c.path("none.yaml"), err)
        out, err = run("rules", "backtest", rules, "--since", "400d", code=1)
        c.require(not out and "evaluations of rules, expected at most" in err and err.count("\n") == 1, err)
        if not agent.is_running:
            agent.start()
    code, out, err = agent.command("rules", "check", c.path("none*.yaml"))
    c.require(code == 1 and not out and err.decode() == "tocsin rules check: no file is named %s\n" % c.path("none*.yaml"), "%d %r" % (code, err))
    # Two at a time use a store; the second has to say why it cannot.
    out, err = run("rules", "backtest", rules, "--state-dir", c.folder("empty"), code=1)
    c.require(not out and err.count("\n") == 1 and "no agent with the state directory" in err, err)
    agent.terminate()
    # A relative state directory is one beside the file, however that was named.
    path, state = agent.path, agent.config["state_dir"]
    agent.config["state_dir"] = "fresh"
    agent.write()
    agent.path = os.path.basename(path)
    agent.start().terminate()
    c.require(os.path.isdir(os.path.join(agent.directory, "fresh", "series")), "%s" % os.listdir(agent.directory))
    agent.path, agent.config["state_dir"] = path, state
    # `check` knows which time intervals there are.
    with open(rules, "w") as file:
        file.write("groups:\n- name: g\n  rules:\n  - {alert: A, expr: up, active: nights}\n  - {alert: B, expr: up, active: [nights, dawns]}\n")
    agent.config["alerting"] = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}], "time_intervals": [
        {"name": "nights", "time_intervals": [{"times": [{"start_time": "22:00", "end_time": "24:00"}]}]}]}
    agent.write()
    code, out, err = agent.command("check", "--config", agent.path)
    c.require(code == 1 and b"rules.yaml:5:" in err and b"dawns" in err and b"rules.yaml:4:" not in err, "%d %r %r" % (code, out, err))
    return "%d changes with the agent, %d without" % (len(changes(online)), len(changes(offline)))
