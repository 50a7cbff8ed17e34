"""Scraping through the agent: targets that docker's labels name."""

import json
import os
import shutil
import subprocess

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


@case("scrape-docker")
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
