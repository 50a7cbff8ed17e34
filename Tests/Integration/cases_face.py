"""The face: configuration errors, reload, readiness, `tocsin logs`, metrics."""

import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from agent import client
from cases_containers import docker
from cases_journal import journal
from context import Failure, case, merged
from journals import REMOTE, Remote
from writers import DockerWriter, Writer

GOOD = """state_dir: %(state)s
server: {listen: "127.0.0.1:0"}
logs:
  clients:
    - url: http://127.0.0.1:9/loki/api/v1/push
  scrape_configs:
    - job_name: files
      static_configs:
        - targets: [localhost]
          labels: {job: files, __path__: /nowhere/*.log}
"""

# (what is wrong, text to replace, its replacement, line, pattern the message must have)
BAD = [
    ("unknown key", "      static_configs:", "      static_config:", 8, r"static_configs"),
    ("wrong type", "    - url: http://127.0.0.1:9/loki/api/v1/push", "    - url: [1]", 5, r"(?i)url|text|string"),
    ("bad duration", "  clients:\n", "  clients:\n    - {url: \"http://a/\", timeout: 5 parsecs}\n", 5, r"(?i)parsecs|duration"),
    ("broken YAML", "  scrape_configs:\n", "  scrape_configs: [\n", None, r""),
    ("no such scheme", "url: http://", "url: gopher://", 5, r"(?i)gopher|http"),
    ("duplicate key", "logs:\n", "state_dir: /other\nlogs:\n", 3, r"(?i)state_dir|duplicate|twice"),
    ("bad label name", "{job: files,", "{9job: files,", 10, r"(?i)9job"),
]


@case("check-configuration")
def check(c):
    """`tocsin check` passes a good file with 0 and refuses bad ones with 1 and file:line:column; `run` refuses them too."""
    agent = c.agent([client("http://127.0.0.1:9/")], [c.files()])
    path = c.path("check.yaml")
    good = GOOD % {"state": c.path("state-check")}
    def write(text):
        with open(path, "w") as file:
            file.write(text)
    write(good)
    code, out, err = agent.command("check", "--config", path)
    c.require(code == 0, "a good file is refused with %d: %s" % (code, (out + err).decode()))
    wrong = []
    for what, old, new, line, pattern in BAD:
        c.require(old in good, "the harness: %r is not in the file" % old)
        write(good.replace(old, new, 1))
        code, out, err = agent.command("check", "--config", path)
        text = (out + err).decode("utf-8", "replace")
        lines = [int(at) for at in re.findall(r"check\.yaml:(\d+):\d+:", text)]
        if code != 1 or not lines or not re.search(pattern, text) or line and line not in lines:
            wrong.append("%s: exit %d, line %s wanted, %r" % (what, code, line, text[:300]))
    code, out, err = agent.command("run", "--config", path, timeout=10)
    if code != 1 or b"check.yaml:" not in out + err:
        wrong.append("run with a bad file: exit %d, %r" % (code, (out + err)[:300]))
    code, out, err = agent.command("check", "--config", c.path("missing.yaml"))
    if code == 0 or b"missing.yaml" not in out + err:
        wrong.append("a missing file: exit %d, %r" % (code, (out + err)[:300]))
    code, out, err = agent.command("run", "--no-such-option")
    if code not in (2, 64):
        wrong.append("a wrong option: exit %d where 2 means used wrong" % code)
    if wrong:
        raise Failure("\n    ".join(wrong))
    return "%d bad files refused in place" % len(BAD)


@case("reload")
def reload(c):
    """SIGHUP, POST and a change of the file reload while lines are written; a bad file changes nothing."""
    server, second = c.server(), c.server()
    writer = Writer(c.path("logs", "a.log"), "a", rate=2000, seed=c.seed)
    late = Writer(c.path("more", "b.log"), "b", seed=c.seed)
    late.write(500)
    agent = c.agent([server], [c.files()]).start()
    process = agent.process.pid
    c.writing(writer)
    more = {"job_name": "more", "static_configs": [
        {"targets": ["localhost"], "labels": {"job": "more", "__path__": c.path("more", "*.log")}}]}
    time.sleep(1)
    agent.config["logs"]["scrape_configs"].append(more)
    agent.write()
    agent.process.send_signal(signal.SIGHUP)
    c.eventually(lambda: any(b"more" in s.raw for _, s in server.loki.streams()), 15, "SIGHUP brings no new job")
    with open(agent.path) as file:
        good = file.read()
    with open(agent.path, "w") as file:
        file.write(good.replace('"scrape_configs"', '"scrap_configs"'))
    status, body = agent.request("POST", "/-/reload", timeout=15)
    c.require(status >= 400 and "agent.yaml:" in body, "a bad file is answered with %d %r" % (status, body[:300]))
    late.write(500)
    c.eventually(lambda: sum(len(s.entries) for _, s in server.loki.streams() if b"more" in s.raw) >= 1000, 15,
                 "a bad file has stopped what was running")
    agent.config["logs"]["clients"].append(client(second, "second"))
    agent.write()
    status, body = agent.request("POST", "/-/reload", timeout=15)
    c.require(status == 200, "POST /-/reload answers %d %r" % (status, body[:300]))
    late.write(500)
    c.eventually(lambda: second.loki.accepted > 0, 15, "POST brings no new destination")
    agent.config["logs"]["scrape_configs"].pop()
    agent.write()
    time.sleep(4)
    before = sum(len(s.entries) for _, s in server.loki.streams() if b"more" in s.raw)
    late.write(500)
    time.sleep(2)
    after = sum(len(s.entries) for _, s in server.loki.streams() if b"more" in s.raw)
    c.require(after == before, "the changed file was not noticed: a job that is gone still reads")
    c.require(agent.process.pid == process and agent.is_running, "the process is not the same any more")
    verdict = c.judge(server, merged(writer))
    c.require(verdict.repeated == 0, "reloading sent lines again: %s" % verdict)
    return verdict


def mentions(body, *words):
    text = json.dumps(body).lower()
    return all(word.lower() in text for word in words)


def troubled(body, words):
    """Whether a part that is not well names one of the words."""
    return any(part.get("state") != "ok" and any(mentions(part, word) for word in words) for part in body.get("parts", ()))


@case("readiness")
def readiness(c):
    """Ready when all is well; a bad socket, an unreadable file and an unreachable destination each show, the rest goes on."""
    server = c.server()
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    writer.write(100)
    agent = c.agent([server], [c.files()]).start()
    c.eventually(lambda: agent.ready()[0] == 200, 15, "not ready though all is well: %s" % (agent.ready(),))
    for path in ("/health", "/ready", "/-/healthy", "/-/ready", "/metrics"):
        status = agent.get(path)[0]
        c.require(status == 200, "%s answers %d" % (path, status))
    agent.terminate()
    # Root reads everything; a directory under the name of a log is unreadable for everybody.
    os.mkdir(c.path("logs", "directory.log"))
    with open(c.path("not-docker.sock"), "w") as file:
        file.write("x")
    agent.config["logs"]["clients"].append(client("http://127.0.0.1:1/loki/api/v1/push", "nowhere"))
    agent.config["logs"]["scrape_configs"] += [
        {"job_name": "dock", "docker_sd_configs": [{"data_root": c.path("no-such-root"), "host": "unix://" + c.path("not-docker.sock")}]},
        {"job_name": "jour", "journal": {"path": c.path("no-such-journal"), "labels": {"job": "j"}}}]
    agent.write()
    agent.start()
    writer.write(400)
    lines = merged(writer)
    verdict = c.judge(server, lines)
    c.eventually(lambda: mentions(agent.ready()[1], "nowhere"), 15,
                 "readiness does not name the unreachable destination: %s" % (agent.ready(),))
    for words in (("dock", "no-such-root", "not-docker.sock"), ("jour", "no-such-journal")):
        c.eventually(lambda: troubled(agent.ready()[1], words), 15,
                     "no part that is not ok names any of %s: %s" % (words, agent.ready()))
    status = agent.ready()[0]
    c.require(status == 503, "readiness is %d with three broken parts" % status)
    c.require(agent.get("/-/healthy")[0] == 200, "not healthy, though only parts are broken")
    return verdict


@case("logs-command")
def logs(c):
    """`tocsin logs` finds what was written: selectors, filters, limit, since, running and not, and follows."""
    server = c.server()
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    writer.write(3000)
    agent = c.agent([server], [c.files()]).start()
    c.settle(server, 3000)
    everything = {line.decode() for line in writer.lines}
    def compare(state):
        found = agent.logs('{job="files"}', "--since", "1h", "--limit", "10000")
        have = [row["line"] for row in found]
        c.require(set(have) == everything and len(have) == len(everything),
                  "%s: %d lines, %d of them distinct, where %d were written" % (state, len(have), len(set(have)), len(everything)))
        c.require(all(row["labels"].get("job") == "files" for row in found), "%s: labels are missing" % state)
        some = [line for line in everything if " n=0000001" in line and "abcdefghij" in line and not re.search("n=.*5 ", line)]
        got = agent.logs('{job=~"fil.*"} |= " n=0000001" |= "abcdefghij" !~ "n=.*5 "', "--since", "1h", "--limit", "10000")
        c.require(sorted(row["line"] for row in got) == sorted(some), "%s: a filter finds %d where %d match" % (
            state, len(got), len(some)))
        c.require(len(agent.logs('{job="files"}', "--since", "1h", "--limit", "7")) == 7, "%s: --limit 7" % state)
        c.require(agent.logs('{job="other"}', "--since", "1h", "--limit", "7") == [], "%s: another job's lines" % state)
    compare("running")
    follow = subprocess.Popen([agent.binary, "logs", '{job="files"} |= "needle"', "--json", "--follow", "--config", agent.path],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=c.directory)
    c.closing.append(follow.kill)
    time.sleep(1)
    writer.file.write(b"the needle of this case\n")
    begin = time.monotonic()
    os.set_blocking(follow.stdout.fileno(), False)
    seen = b""
    while b"\n" not in seen and time.monotonic() - begin < 10:
        seen += follow.stdout.read() or b""
        time.sleep(0.05)
    follow.kill()
    follow.wait()
    c.require(b"the needle of this case" in seen, "--follow does not show a new line within 10 s: %r" % seen[:200])
    everything.add("the needle of this case")
    agent.terminate()
    compare("stopped")
    code, _, err = agent.command("logs", '{job=}', "--config", agent.path)
    c.require(code != 0 and err, "a broken selector exits with %d" % code)
    return "3001 lines found, running and stopped"


@case("metrics")
def metrics(c):
    """What was read, stored and sent is counted, with promtail's names beside."""
    server = c.server()
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    writer.write(2000)
    agent = c.agent([server], [c.files()]).start()
    c.settle(server, 2000)
    time.sleep(1)
    names = {name for name, _, _ in agent.metrics()}
    wanted = ("promtail_sent_entries_total", "promtail_sent_bytes_total", "promtail_read_lines_total",
              "promtail_read_bytes_total", "promtail_files_active_total", "promtail_targets_active_total")
    missing = [name for name in wanted if name not in names]
    c.require(not missing, "not exported: %s" % missing)
    sent = agent.total(r"^promtail_sent_entries_total$")
    c.require(sent == 2000, "promtail_sent_entries_total is %g where 2000 were sent" % sent)
    own = [name for name in names if name.startswith("tocsin_")]
    c.require(len(own) >= 15, "only %d tocsin_ metrics" % len(own))
    return "%d names of its own" % len(own)


@case("dashboard")
def dashboard(c):
    """With a source of each kind: the dashboard's series, promtail's names and the documented ones are exported; promtool agrees."""
    server = c.server()
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    writer.write(500)
    container = DockerWriter(c.folder("docker"), "ab" * 32, "web", seed=c.seed)
    container.write(300)
    jobs = [c.files(), docker(c.folder("docker"), host="unix://" + c.path("no-docker.sock"))]
    expected = 800
    if os.path.exists(REMOTE):
        remote = Remote(c.path("journal", "system.journal"), c)
        expected += len(remote.write([b"entry %d" % n for n in range(200)]))
        jobs.append(journal(c.folder("journal")))
    agent = c.agent([server], jobs).start()
    c.settle(server, expected, 40)
    time.sleep(1)
    page = c.path("metrics.txt")
    text = agent.get("/metrics")[1]
    with open(page, "w") as file:
        file.write(text)
    root = os.path.join(os.path.dirname(__file__), "..", "..")
    check = [sys.executable, os.path.join(root, "dashboards", "check.py"), os.path.join(root, "dashboards", "tocsin.json"), page]
    done = subprocess.run(check, capture_output=True, check=False)
    c.require(done.returncode == 0, "the dashboard names what is not there:\n%s" % done.stderr.decode())
    families = set(re.findall(r"(?m)^# TYPE (\S+)", text))
    with open(os.path.join(root, "docs", "logs.md")) as file:
        table = file.read().split("## Metrics\n", 1)[-1].split("\n## ", 1)[0]
    documented = {name for row in table.splitlines() if row.startswith("| `")
                  for name in re.findall(r"`([a-z0-9_]+)", row.split("|")[1])}
    elsewhere = set()
    for path in glob.glob(os.path.join(root, "docs", "*.md")):
        with open(path) as file:
            elsewhere |= set(re.findall(r"`([a-z0-9_]+)", file.read()))
    # The host's and the containers' families have cases of their own.
    strangers = sorted(name for name in families - documented - elsewhere if not re.match("process_|node_|container_|machine_", name))
    c.require(not strangers, "in no page of docs: %s" % ", ".join(strangers))
    absent = sorted(name for name in documented - families if "journal" not in name or len(jobs) > 2)
    # These come with what they count.
    absent = [name for name in absent if name not in ("tocsin_labels_moved_total",)]
    c.require(not absent, "in the table of docs/logs.md, not exported: %s" % ", ".join(absent))
    counted = {name: agent.total("^%s$" % name) for name in ("promtail_docker_target_entries_total", "promtail_read_lines_total")}
    c.require(counted["promtail_docker_target_entries_total"] == 300, "docker's lines: %s" % counted)
    promtool = shutil.which("promtool")
    if promtool:
        done = subprocess.run([promtool, "check", "metrics"], input=text.encode(), capture_output=True, check=False)
        # Names of promtail, node_exporter and cAdvisor break the rules of names; anything else is ours.
        ours = [line for line in (done.stdout + done.stderr).decode().splitlines() if not re.match("promtail_|node_|container_|f2b_jail_count ", line)]
        c.require(not ours, "promtool: %s" % "\n".join(ours))
    return "%d families%s" % (len(families), "" if promtool else " (no promtool)")
