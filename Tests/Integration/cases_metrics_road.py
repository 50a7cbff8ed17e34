"""The metrics road through the agent: targets scraped, probes and the host's own series sent by remote write to a real Prometheus."""

import http.server
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request

from agent import free_port
from context import Skip, case
from remotewrite import Receiver


class Page(http.server.BaseHTTPRequestHandler):
    count = 0

    def do_GET(self):
        Page.count += 1
        body = ("# TYPE app_requests_total counter\napp_requests_total{code=\"200\"} %d\napp_info{version=\"1\",job=\"theirs\"} 1\n" % Page.count).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Prometheus:
    """A Prometheus 2.42 that takes remote write."""

    def __init__(self, c, name="prometheus"):
        binary = shutil.which("prometheus")
        if not binary:
            raise Skip("no prometheus (Debian: prometheus)")
        self.port = free_port()
        self.directory = c.folder(name)
        config = os.path.join(self.directory, "prometheus.yml")
        with open(config, "w") as file:
            file.write("global: {scrape_interval: 15s}\n")
        self.arguments = [binary, "--config.file=" + config, "--storage.tsdb.path=" + os.path.join(self.directory, "data"),
                          "--web.listen-address=127.0.0.1:%d" % self.port, "--web.enable-remote-write-receiver"]
        self.log = open(os.path.join(self.directory, "log"), "ab")
        self.process = None
        self.start()
        c.closing.append(self.stop)

    def start(self):
        self.process = subprocess.Popen(self.arguments, stdout=self.log, stderr=self.log)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def query(self, query):
        url = "http://127.0.0.1:%d/api/v1/query?%s" % (self.port, urllib.parse.urlencode({"query": query}))
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)["data"]["result"]
        except OSError:
            return []


@case("metrics-road")
def road(c):
    """What the host, a scraped target and a probe have arrives at a real Prometheus with job, instance and up; a kill -9 and an
    outage leave no gap, and a reload that drops a job ends its series."""
    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    target = "127.0.0.1:%d" % site.server_address[1]
    prometheus = Prometheus(c)
    agent = c.agent([], [], metrics={
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "external_labels": {"site": "lab"}},
        "instance": "host1",
        "scrape_configs": [{"job_name": "app", "static_configs": [{"targets": [target]}]}],
        "probes": [{"name": "site", "http": "http://%s/" % target, "interval": "1s", "timeout": "1s"}],
        "remote_write": [{"name": "central", "url": "http://127.0.0.1:%d/api/v1/write" % prometheus.port,
                          "queue_config": {"batch_send_deadline": "1s"}}]})
    agent.start()
    wanted = ['up{job="node",instance="host1",site="lab"} == 1', 'up{job="app",instance="%s"} == 1' % target,
              'app_requests_total{job="app",code="200"}', 'app_info{job="app",exported_job="theirs"}',
              'probe_success{job="probe",instance="http://%s/",probe="site"} == 1' % target,
              'node_uname_info{job="node",instance="host1"}', 'rate(node_cpu_seconds_total{mode="idle"}[10s])',
              'tocsin_build_info{job="node"}', 'scrape_samples_scraped{job="app"} == 2']
    c.eventually(lambda: all(prometheus.query(query) for query in wanted), 60,
                 "Prometheus lacks: %s" % [query for query in wanted if not prometheus.query(query)])
    status, body = agent.get("/api/v1/targets")
    active = json.loads(body)["data"]["activeTargets"]
    c.require([one["health"] for one in active] == ["up"], "targets: %s" % body[:400])
    # An outage with a kill in it: everything between is there afterwards.
    begin = time.time()
    prometheus.stop()
    time.sleep(5)
    agent.kill()
    agent.start()
    time.sleep(4)
    prometheus.start()
    end = time.time()
    # Rules of one series each: how many samples of each second there are.
    query = 'count_over_time(up{job="app"}[%ds] @ %d)' % (int(end - begin), int(end))
    def gapless():
        found = prometheus.query(query)
        # One a second; the kill may cost the second that was not yet on disk and the start another.
        return found and float(found[0]["value"][1]) >= int(end - begin) - 4
    c.eventually(gapless, 60, "samples of the outage are missing: %s of %d s" % (prometheus.query(query), end - begin))
    # A job that goes takes its series along.
    agent.config["metrics"]["scrape_configs"] = []
    agent.write()
    agent.request("POST", "/-/reload")
    c.eventually(lambda: not prometheus.query('up{job="app"}'), 30, "the series of a job that is gone live on")
    c.require(prometheus.query('up{job="node"} == 1'), "the host's own series went too")
    agent.terminate()
    site.shutdown()
    return "%d queries answered, no gap over a kill in an outage" % len(wanted)


@case("metrics-road-reload")
def reload(c):
    """A reload of which one part cannot be had (a queue's directory) is refused whole: targets, collectors, remote writes and logs
    stay as they are. When it can, a remote write that has moved goes on where it was, with no sample lost between."""
    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    c.closing.append(site.shutdown)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    target = "127.0.0.1:%d" % site.server_address[1]
    first, second = Receiver().start(), Receiver().start()
    c.closing += [first.stop, second.stop]

    def write(name, server):
        return {"name": name, "url": server.url, "queue_config": {"batch_send_deadline": "1s"}}

    def job(name):
        return {"job_name": name, "static_configs": [{"targets": [target]}]}

    timing = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    agent = c.agent([], [], metrics={"global": timing, "instance": "h", "scrape_configs": [job("one")],
                                     "remote_write": [write("a", first)]})
    obstacle = os.path.join(agent.state, "remote_write", "b")
    os.makedirs(os.path.dirname(obstacle))
    open(obstacle, "w").close()
    agent.start()
    c.eventually(lambda: first.named("up", job="one"), 20, "nothing arrives")

    def running():
        """What runs, by what it shows."""
        shown = agent.metrics()
        pools = {one["scrapePool"] for one in json.loads(agent.get("/api/v1/targets")[1])["data"]["activeTargets"]}
        return (pools, any(name == "node_load1" for name, _, _ in shown),
                sorted(labels["remote_name"] + " " + labels["url"] for name, labels, _ in shown
                       if name == "prometheus_remote_storage_samples_pending"),
                [value for name, _, value in shown if name == "promtail_targets_active_total"],
                sorted(part["name"] for part in agent.ready()[1]["parts"]))

    before = running()
    agent.config["metrics"].update(
        scrape_configs=[job("two")], collectors={"loadavg": {"enabled": False}},
        remote_write=[write("a", second), write("b", second)])
    agent.config["logs"]["scrape_configs"] = [c.files()]
    agent.write()
    status, body = agent.request("POST", "/-/reload", timeout=15)
    c.require(status == 500 and obstacle in body, "a bad reload answers %d %r" % (status, body[:300]))
    c.require(running() == before, "the refused reload has changed %s to %s" % (before, running()))
    time.sleep(3)
    c.require(not second.requests, "the refused remote write sends")
    os.unlink(obstacle)
    status, body = agent.request("POST", "/-/reload", timeout=15)
    c.require(status == 200, "the good reload answers %d %r" % (status, body[:300]))
    after = running()
    c.require(after[0] == {"two"} and not after[1] and len(after[2]) == 2 and first.url not in " ".join(after[2]),
              "the good reload left %s" % (after,))
    c.eventually(lambda: second.named("up", job="two") and len(list(second.named("up", job="node").values())[0]) > 4, 20,
                 "nothing arrives at the second")
    agent.terminate()
    times = sorted({at for server in (first, second) for found in server.named("up", job="node").values() for at, _ in found})
    gaps = [b - a for a, b in zip(times, times[1:])]
    c.require(max(gaps) < 1900, "a gap of %d ms in the host's series over the reload" % max(gaps))
    c.require(not first.problems + second.problems, "against the specification: %s" % (first.problems + second.problems)[:3])
    return "refused and taken; %d samples of up, none lost" % len(times)
