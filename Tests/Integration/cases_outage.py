"""Remote write while things are broken: answers that are slow or cut off, a full disk, a full queue, a dead server at the end."""

import os
import signal
import socket
import struct
import subprocess
import threading
import time

from agent import free_port
from cases_remote_write import Source, clean, counted
from cases_scraping import Scripted
from context import Skip, case
from remotewrite import STALE, Receiver


class Cutter:
    """Forwards connections to a port, each cut or held as its plan says: bytes up, bytes down (None: all), seconds before the
    answer. After the last plan nothing happens any more."""

    def __init__(self, c, port, plans):
        self.target, self.plans, self.count = port, plans, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()
        c.closing.append(self.listener.close)

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            plan = self.plans[self.count] if self.count < len(self.plans) else (None, None, 0)
            self.count += 1
            server = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self.copy, args=(client, server, plan[0], 0), daemon=True).start()
            threading.Thread(target=self.copy, args=(server, client, plan[1], plan[2]), daemon=True).start()

    @staticmethod
    def copy(source, sink, most, delay):
        try:
            while True:
                data = source.recv(1 << 16)
                if not data:
                    break
                time.sleep(delay)
                sink.sendall(data if most is None else data[:most])
                if most is not None:
                    most -= len(data)
                    if most <= 0:
                        # A reset, not an end.
                        for one in (source, sink):
                            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        break
        except OSError:
            pass
        for one in (source, sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()


@case("remote-write-cut")
def cut(c):
    """Requests and answers that are cut off anywhere, held beyond the timeout or just slow lose nothing and send nothing twice but what
    a lost answer leaves open."""
    server = Receiver(expects_cuts=True).start()
    c.closing.append(server.stop)
    plans = [(100, None, 0), (1500, None, 0), (None, 0, 0), (None, 10, 0), (None, None, 2.5), (None, None, 0.8)]
    cutter = Cutter(c, server.port, plans)
    source = Source(c, "http://127.0.0.1:%d/" % cutter.port, remote_timeout="1500ms", queue_config={
        "batch_send_deadline": "500ms", "max_backoff": "500ms"})
    source.start(series=200, interval=0.25)
    c.eventually(lambda: cutter.count >= len(plans), 40, "%d connections" % cutter.count)
    time.sleep(4)
    source.end()
    clean(c, server)
    counted(c, server, source.ticks(), 200)
    repeats = [request.body for request in server.requests]
    twice = len(repeats) - len(set(repeats))
    c.require(server.cuts == 2, "%d requests were cut" % server.cuts)
    # Lost answers: the two cut ones and the one that came too late.
    c.require(twice <= 3, "%d requests came again" % twice)
    c.require(cutter.count <= len(plans) + 1, "%d connections" % cutter.count)
    c.require(source.metric("prometheus_remote_storage_samples_failed_total") == 0, "some count as refused")
    return "%d requests, %d twice" % (len(repeats), twice)


class Outage:
    """An agent that scrapes a page of many series each second, and a server that is not there yet."""

    def __init__(self, c, series=4000, **remote):
        self.c, self.port = c, free_port()
        page = "".join("line{i=\"%d\",of=\"a page of some length\"} %d\n" % (i, i * 7919 % 1000003) for i in range(series))

        def answer(_, count):
            # Values that compress no better than real ones.
            return 200, {"Content-Type": "text/plain"}, (page.replace("} ", "} 0.%d" % (time.time_ns() // 1000))).encode()

        target = Scripted(c, {"/metrics": answer})
        self.agent = c.agent([], [], metrics={
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "disable_default_collectors": True,
            "scrape_configs": [{"job_name": "app", "static_configs": [{"targets": [target.address]}]}],
            "remote_write": [{"name": "x", "url": "http://127.0.0.1:%d/" % self.port, "queue_config": {
                "batch_send_deadline": "1s", "max_backoff": "500ms"}, **remote}]})

    def receiver(self):
        server = Receiver(port=self.port).start()
        self.c.closing.append(server.stop)
        return server

    def state(self):
        """What readiness says of the remote write."""
        part = next((part for part in self.agent.ready()[1]["parts"] if part["name"] == "remote_write/x"), {})
        return str(part)

    def metric(self, name, **labels):
        return sum(value for found, have, value in self.agent.metrics()
                   if found == name and labels.items() <= have.items())

    def times(self, server):
        """When the target was scraped, as far as it has arrived whole."""
        return [at for at, bits in sorted(next(iter(server.named("line", i="7").values()), [])) if bits != STALE]


@case("remote-write-queue-full")
def queue_full(c):
    """At the queue's size the oldest samples go: counted, told by readiness and once in the log; the newest arrive."""
    outage = Outage(c, queue={"max_size": "1MiB"})
    agent = outage.agent.start()
    c.eventually(lambda: "its queue is full" in outage.state(), 60, outage.state)
    c.require("tried again" in outage.state(), "readiness says only %s" % outage.state())
    time.sleep(4)
    size = outage.metric("tocsin_remote_write_queue_bytes")
    c.require(size <= 1.1 * (1 << 20), "the queue has %d bytes" % size)
    lost = outage.metric("prometheus_remote_storage_samples_dropped_total", reason="queue_full")
    c.require(lost > 0, "nothing is counted as dropped")
    up = time.time() * 1000
    server = outage.receiver()
    c.eventually(lambda: outage.times(server) and outage.times(server)[-1] > up, 90, "the newest do not arrive")
    c.eventually(lambda: "its queue is full" not in outage.state() and "tried again" not in outage.state(), 20, outage.state)
    agent.terminate()
    c.require(not server.problems, "against the specification: %s" % server.problems[:3])
    times = outage.times(server)
    gaps = [b - a for a, b in zip(times, times[1:])]
    # What was on its way when its place in the queue was needed comes first.
    c.require(max(gaps[2:]) < 2900, "a gap of %d ms among the newest: %s" % (max(gaps[2:]), gaps))
    c.require(agent.log_tail(100000).count("remote write loses samples") == 1, "the log tells it %d times" % agent.log_tail(
        100000).count("remote write loses samples"))
    return "%d samples dropped and counted, %d taken" % (lost, sum(request.samples for request in server.requests))


@case("remote-write-too-old")
def too_old(c):
    """What has waited longer than queue.max_age is dropped, counted and told; what is younger arrives."""
    outage = Outage(c, series=50, queue={"max_age": "6s"})
    agent = outage.agent.start()
    c.eventually(lambda: outage.metric("prometheus_remote_storage_samples_dropped_total", reason="too_old") > 0, 40, "none is dropped")
    c.require("max_age are dropped" in outage.state(), "readiness says %s" % outage.state())
    server = outage.receiver()
    up = time.time() * 1000
    c.eventually(lambda: outage.times(server) and outage.times(server)[-1] > up + 2000, 20, "the newest do not arrive")
    c.require(outage.times(server)[0] > up - 10_000, "what is %.0f s old was sent" % ((up - outage.times(server)[0]) / 1000))
    c.eventually(lambda: "max_age" not in outage.state(), 10, outage.state)
    agent.terminate()
    c.require(not server.problems, "against the specification: %s" % server.problems[:3])


@case("remote-write-disk-full", needs="mounts")
def disk_full(c):
    """A disk that is full under the queue is told by readiness; samples wait in memory, and none is lost when there is room again."""
    outage = Outage(c)
    folder = os.path.join(outage.agent.state, "remote_write")
    os.makedirs(folder)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tocsin-test", folder], capture_output=True, check=False)
    if done.returncode:
        raise Skip("cannot mount a tmpfs: %s" % done.stderr.decode().strip())
    c.closing.append(lambda: subprocess.run(["umount", "-l", folder], check=False))
    agent = outage.agent.start()
    c.eventually(lambda: "cannot be written" in outage.state(), 60, outage.state)
    c.require("space" in outage.state(), "readiness does not say why: %s" % outage.state())
    time.sleep(3)
    c.require(agent.is_running, "the agent ended: %s" % agent.log_tail())
    subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
    c.eventually(lambda: "cannot be written" not in outage.state(), 20, outage.state)
    server = outage.receiver()
    up = time.time() * 1000
    c.eventually(lambda: outage.times(server) and outage.times(server)[-1] > up, 90, "samples do not arrive")
    dropped = outage.metric("prometheus_remote_storage_samples_dropped_total")
    agent.terminate()
    times = outage.times(server)
    gaps = [b - a for a, b in zip(times, times[1:])]
    c.require(dropped == 0 and max(gaps) < 2900, "%d dropped, a gap of %d ms" % (dropped, max(gaps)))
    c.require(not server.problems, "against the specification: %s" % server.problems[:3])
    return "%d scrapes, none lost" % len(times)


@case("remote-write-end")
def end(c):
    """SIGINT ends the agent within five seconds with exit code 0 while the server is away, hangs or refuses; what it had is sent after
    the next start."""
    hanging = socket.create_server(("127.0.0.1", 0))
    c.closing.append(hanging.close)
    outage = Outage(c, series=50)
    agent, told = outage.agent, []
    remote = agent.config["metrics"]["remote_write"][0]
    ends = {"away": remote["url"], "hanging": "http://127.0.0.1:%d/" % hanging.getsockname()[1]}
    refusing = Receiver(lambda request, number: 503).start()
    c.closing.append(refusing.stop)
    ends["refusing"] = refusing.url
    begin = time.time() * 1000
    for name, url in ends.items():
        remote["url"] = url
        agent.write()
        agent.start()
        c.eventually(lambda: outage.metric("tocsin_scrape_samples_total") >= 150, 30, "nothing is scraped")
        told.append("%s %.1f s" % (name, agent.terminate(signal_number=signal.SIGINT)))
    server = outage.receiver()
    remote["url"] = "http://127.0.0.1:%d/" % outage.port
    agent.write()
    agent.start()
    c.eventually(lambda: outage.times(server) and outage.metric("prometheus_remote_storage_samples_pending") == 0, 20, "not sent")
    agent.terminate(signal_number=signal.SIGINT)
    times = outage.times(server)
    c.require(times[0] < begin + 4000 and len(times) >= 9, "%d scrapes, the first %.1f s after the start" % (
        len(times), (times[0] - begin) / 1000))
    c.require(not server.problems and not refusing.problems, "against the specification: %s" % server.problems[:3])
    return ", ".join(told)


@case("remote-write-kills")
def kills(c):
    """An agent that is killed again and again while the server is away loses at most what came in the second before: every scrape that
    arrives is whole, none is missing between, and nothing comes out of order."""
    outage = Outage(c, series=50)
    agent = outage.agent
    rounds = max(5, c.kills // 8)
    for _ in range(rounds):
        agent.start()
        time.sleep(c.random.uniform(1.2, 4))
        agent.kill()
    server = outage.receiver()
    agent.start()
    up = time.time() * 1000
    c.eventually(lambda: outage.times(server) and outage.times(server)[-1] > up, 30, "nothing arrives")
    agent.terminate()
    c.require(not server.problems, "against the specification: %s" % server.problems[:3])
    times = set(outage.times(server))
    for labels, samples in server.named("line").items():
        have = {at for at, bits in samples if bits != STALE}
        c.require(have == times, "%s has %d scrapes of %d" % (dict(labels), len(have), len(times)))
    ordered = sorted(times)
    gaps = [b - a for a, b in zip(ordered, ordered[1:])]
    # The second that was not on disk yet, the start, and the wait for the next scrape.
    c.require(max(gaps) < 4500, "a gap of %d ms" % max(gaps))
    c.require(sum(gap > 1900 for gap in gaps) <= rounds, "more gaps than kills: %s" % gaps)
    return "%d kills, %d scrapes, the longest gap %d ms" % (rounds, len(times), max(gaps))
