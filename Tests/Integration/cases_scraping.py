"""Scraping through the agent: targets that docker's labels name, exemplars, and a real Prometheus beside it."""

import http.server
import json
import os
import shutil
import subprocess
import threading
import time

import scrape_conformance as conformance
from cases_containers import Dockerd
from context import Skip, case
from remotewrite import STALE, Receiver, value

BUSYBOX = "/bin/busybox"


def receiver(c):
    made = Receiver().start()
    c.closing.append(made.stop)
    return made


def metrics(server, **more):
    """`metrics:` of an agent that scrapes each second and sends everything to `server`."""
    return {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "disable_default_collectors": True,
            "remote_write": [{"url": server.url, "queue_config": {"batch_send_deadline": "1s"}}], **more}


def targets(agent):
    """Labels and the rest of the active targets."""
    return json.loads(agent.get("/api/v1/targets")[1])["data"]["activeTargets"]


def values(server, name, **labels):
    """All values of the series of that name with these labels, in order of time; "stale" for a marker."""
    found = [sample for samples in server.named(name, **labels).values() for sample in samples]
    return ["stale" if bits == STALE else value(bits) for _, bits in sorted(found)]


class Pages:
    """A dockerd with a network of its own and containers that give out a page each."""

    def __init__(self, c):
        # What a container in the host's network leaves mounted; undone after dockerd's end.
        c.closing.append(lambda: subprocess.run(
            ["umount", os.path.join(c.directory, "dk", "exec", "netns", "default")], capture_output=True, check=False))
        self.daemon = Dockerd(c)
        # Subnets of networks of one host must differ, so the case's is tried until one is free.
        for third in range(200, 256):
            code, text = self.daemon.run("network", "create", "-d", "bridge", "--subnet", "10.213.%d.0/24" % third, "pages",
                                         check=False)
            if code == 0:
                c.closing.append(self.clear)
                break
        else:
            raise Skip("docker makes no bridge here: %s" % text)

    def clear(self):
        """Before dockerd ends: its interfaces would stay."""
        names = self.daemon.run("ps", "-aq")[1].split()
        if names:
            self.daemon.run("rm", "-f", *names)
        self.daemon.run("network", "rm", "pages")

    def start(self, name, port, *labels, path="metrics", network="pages"):
        """Busybox's httpd has no content type for a name without an ending."""
        script = ("%s mkdir -p /www/stats; echo 'page{of=\"%s\"} 7' > /www/%s; exec %s httpd -f -p %d -h /www"
                  % (BUSYBOX, name, path, BUSYBOX, port))
        options = [option for label in labels for option in ("--label", label)]
        self.daemon.run("run", "-d", "--name", name, "--network", network, *options, "tocsin-test:1", BUSYBOX, "sh", "-c", script)


def contained(c, socket):
    """A program that runs the agent where docker's usual socket is `socket`."""
    for tool in ("unshare", "mount"):
        if not shutil.which(tool):
            raise Skip("needs " + tool)
    path = c.path("contained")
    with open(path, "w") as file:
        file.write("#!/bin/sh\nexec unshare --mount --propagation private sh -c 'mount -t tmpfs none /run && "
                   "ln -s %s /run/docker.sock && exec %s \"$@\"' agent \"$@\"\n" % (socket, c.binary))
    os.chmod(path, 0o755)
    if subprocess.run([path, "version"], capture_output=True, check=False).returncode:
        raise Skip("no mount namespaces here")
    return path


@case("scrape-docker", needs="docker")
def scrape_docker(c):
    """Containers of a real dockerd that have the label prometheus.io/port are found and scraped without any configuration, on
    docker's networks and on the host's; their series end when the container does, others are left alone."""
    pages = Pages(c)
    socket = pages.daemon.host[len("unix://"):]
    pages.start("web", 8080, "prometheus.io/port=8080")
    pages.start("typed", 8090, "prometheus.io/port=8090", "prometheus.io/path=/stats/page.txt", "prometheus.io/scrape=true",
                path="stats/page.txt")
    pages.start("host", 18099, "prometheus.io/port=18099", network="host")
    pages.start("unwanted", 8080, "prometheus.io/port=8080", "prometheus.io/scrape=false")
    pages.start("silent", 8080, "some=label")
    pages.start("lonely", 8080, "prometheus.io/port=8080", network="none")

    # Nothing is said of scraping.
    server = receiver(c)
    agent = c.agent([], [], metrics=metrics(server))
    agent.binary = contained(c, socket)
    agent.start()
    wanted = {"web", "typed", "host"}

    def up():
        return {one["labels"]["container"] for one in targets(agent) if one["health"] == "up"}

    c.eventually(lambda: up() == wanted, 30, lambda: "targets: %s" % targets(agent))
    for one in targets(agent):
        c.require(one["scrapePool"] == "containers" and one["labels"]["job"] == "containers", "a target: %s" % one)
    for name in wanted:
        c.eventually(lambda: 7 in values(server, "page", of=name, container=name, job="containers"), 20,
                     lambda: "no samples of %s: %s" % (name, [k for k in server.taken if ("__name__", "page") in k]))
    problem = [line for line in open(agent.log) if "lonely" in line]
    c.require(problem and "network" in problem[0], "nothing says that a container has no address: %s" % problem)
    c.require(sum("job has a problem" in line for line in open(agent.log)) == 1, "problems are told again and again")
    agent.terminate()

    # One line, and a short interval, so that what changes is soon seen.
    server = receiver(c)
    agent = c.agent([], [], metrics=metrics(server, scrape_configs=[
        {"job_name": "own", "docker_sd_configs": [{"labelled": True, "host": pages.daemon.host, "refresh_interval": "1s"}],
         "fallback_scrape_protocol": "PrometheusText0.0.4"}]))
    agent.start()
    c.eventually(lambda: up() == wanted, 30, lambda: "targets: %s" % targets(agent))
    pages.start("late", 8080, "prometheus.io/port=8080")
    c.eventually(lambda: "late" in up(), 20, "a container that starts later is not found")
    c.eventually(lambda: values(server, "up", container="late")[-1:] == [1], 20, "nothing arrives of it")
    pages.daemon.run("stop", "-t", "0", "late")
    c.eventually(lambda: not any(one["labels"]["container"] == "late" for one in targets(agent)), 20,
                 "a container that has stopped is still a target")
    for name in ("page", "up", "scrape_duration_seconds"):
        c.eventually(lambda: values(server, name, container="late")[-1:] == ["stale"], 20,
                     lambda: "%s of the stopped one ends with %s" % (name, values(server, name, container="late")[-3:]))
    c.require(up() == wanted, "the others went too: %s" % up())
    pages.daemon.run("start", "late")
    c.eventually(lambda: "late" in up() and values(server, "page", container="late")[-1:] == [7], 20, "it does not come back")
    for name in wanted:
        c.require("stale" not in values(server, "page", container=name), "the series of %s has ended" % name)
    agent.terminate()
    c.require(not server.problems, "against the specification: %s" % server.problems[:3])
    return "%d series" % len(server.taken)


class Scripted(http.server.ThreadingHTTPServer):
    """Answers each path by a function of the request handler and how often it was asked, and remembers the requests."""

    daemon_threads = True

    def __init__(self, c, answers, context=None):
        self.answers, self.asked, self.lock = answers, {}, threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = self.path.partition("?")[0]
                with outer.lock:
                    seen = outer.asked.setdefault(path, [])
                    seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                    count = len(seen)
                status, headers, body = outer.answers[path](self, count)
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        if context:
            # The handshake is the business of the thread that serves the connection.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.address = "127.0.0.1:%d" % self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        c.closing.append(self.shutdown)

    def handle_error(self, *_):
        pass


def text(body, kind="text/plain; version=0.0.4"):
    return lambda _, count: (200, {"Content-Type": kind} if kind else {}, (body % {"n": count} if "%(n)" in body else body).encode())


OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@case("scrape-exemplars")
def exemplars(c):
    """Exemplars of an OpenMetrics page arrive by remote write 1.0 and 2.0 with the right series, labels, value and time, each
    once for as long as the page shows it, and not where they are not asked for."""
    then = int(time.time()) - 5

    def page(_, count):
        # The counter's is a new one every other time; that of the first bucket has a time and stays, the second has none.
        body = ('# TYPE hits counter\nhits_total{code="200"} %d # {trace_id="t%d",note="ü\\"\\\\\\n"} 0.5\n'
                '# TYPE took_seconds histogram\n# UNIT took_seconds seconds\n'
                'took_seconds_bucket{le="0.1"} 8 # {trace_id="old"} 0.054 %d.125\n'
                'took_seconds_bucket{le="1"} 10 # {} 0.67\ntook_seconds_bucket{le="+Inf"} 10\n'
                'took_seconds_count 10\ntook_seconds_sum 5\n# TYPE plain gauge\nplain 1\n# EOF\n' % (count, count // 2, then))
        return 200, {"Content-Type": OPENMETRICS}, body.encode()

    target = Scripted(c, {"/metrics": page})
    servers = {"v1": receiver(c), "v2": receiver(c), "none": receiver(c)}
    agent = c.agent([], [], metrics=metrics(servers["v1"], scrape_configs=[
        {"job_name": "app", "static_configs": [{"targets": [target.address]}]}]))
    agent.config["metrics"]["remote_write"] = [
        {"name": name, "url": server.url, "send_exemplars": name != "none", "queue_config": {"batch_send_deadline": "1s"},
         **({"protobuf_message": "io.prometheus.write.v2.Request"} if name == "v2" else {})}
        for name, server in servers.items()]
    agent.write()
    agent.start()
    c.eventually(lambda: all(len(values(server, "hits_total", job="app")) >= 8 for server in servers.values()), 40,
                 "samples do not arrive")
    agent.terminate()
    accept = target.asked["/metrics"][0][1]["accept"]
    c.require(accept.startswith("application/openmetrics-text;version=1.0.0"), "asked for %r" % accept)
    known = {}
    for name, server in servers.items():
        c.require(not server.problems, "against the specification: %s" % server.problems[:3])
        found = {}
        for request in server.requests:
            for series in request.series:
                labels = dict(series.labels)
                for pairs, at, bits in series.exemplars:
                    key = (labels["__name__"], labels.get("le"))
                    found.setdefault(key, []).append((tuple(pairs), at, value(bits)))
                    samples = [at for at, _, _ in series.samples]
                    c.require(labels["job"] == "app" and samples, "an exemplar of %s" % labels)
        known[name] = found
        if name == "none":
            c.require(not found, "exemplars that were not asked for: %s" % found)
            continue
        c.require(set(found) == {("hits_total", None), ("took_seconds_bucket", "0.1"), ("took_seconds_bucket", "1.0")},
                  "%s has exemplars of %s" % (name, set(found)))
        c.require(found["took_seconds_bucket", "0.1"] == [((("trace_id", "old"),), then * 1000 + 125, 0.054)],
                  "%s: the one with a time: %s" % (name, found["took_seconds_bucket", "0.1"]))
        bare = found["took_seconds_bucket", "1.0"]
        c.require(len(bare) == 1 and bare[0][0] == () and bare[0][2] == 0.67, "%s: the one without labels: %s" % (name, bare))
        hits = found["hits_total", None]
        traces = [dict(pairs)["trace_id"] for pairs, _, _ in hits]
        c.require(traces == ["t%d" % n for n in range(len(traces))] and len(traces) >= 4, "%s: traces %s" % (name, traces))
        c.require(all(dict(pairs)["note"] == 'ü"\\\n' and number == 0.5 for pairs, _, number in hits), "%s: %s" % (name, hits[0],))
        times = {at for at, _ in next(iter(server.named("hits_total").values()))}
        c.require({at for _, at, _ in hits} <= times, "%s: times that no sample has: %s" % (name, hits))
    c.require(known["v1"] == known["v2"], "1.0 has %s, 2.0 %s" % (known["v1"], known["v2"]))
    return "%d exemplars by each version" % sum(len(found) for found in known["v1"].values())


@case("scrape-conformance")
def scrape_conformance(c):
    """What our scraper makes of pages of every kind, broken ones too, is sample by sample what a real Prometheus 2.42 makes."""
    if not shutil.which("prometheus"):
        raise Skip("no prometheus")
    runner = c.companion("ScrapeRunner")
    failures = conformance.conformance(runner, c.folder("conformance"))
    if failures:
        # A scrape that a busy machine made late is another one: who fails must fail again alone.
        failures = conformance.conformance(runner, c.folder("again"), list(failures))
    c.require(not failures, "; ".join("%s: %s" % (name, " | ".join(problems[:3])) for name, problems in failures.items()))
    return "%d cases as Prometheus has them" % len(conformance.CASES)
