"""Remote write: the sender alone, driven by a source of samples, against a receiver that holds it to the specification."""

import email.utils
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.parse
import urllib.request

from context import Failure, Skip, case
from remotewrite import STALE, V1, V2, Receiver, bits, is_nan, value

V2_MESSAGE = "io.prometheus.write.v2.Request"
SPECIALS = {"zero": 0.0, "negative": -1.5, "integer": 123456789.0, "inf": float("inf"), "-inf": float("-inf"),
            "huge": 1e308, "tiny": 1e-308, "scientific": 6.02214076e23,
            "Grüße, 世界 \U0001F514 \"quoted\" \\ \n": 1.0}


class Source:
    """The process that makes samples and sends them."""

    def __init__(self, context, url, **configuration):
        self.context = context
        self.binary = context.companion("remote-write-source")
        self.configuration = context.path("remote_write.yaml")
        with open(self.configuration, "w", encoding="utf-8") as file:
            # JSON is YAML.
            json.dump({"url": url, **configuration}, file)
        self.journal, self.metrics_file = context.path("journal"), context.path("metrics")
        self.log = context.path("source.log")
        self.process = None
        context.closing.append(self.kill)

    def start(self, **options):
        command = [self.binary, self.configuration, self.context.path("queue", "x")[:-2], "--journal", self.journal,
                   "--metrics", self.metrics_file]
        for name, given in options.items():
            command += ["--" + name] if given is True else ["--" + name, str(given)]
        if os.path.exists(self.metrics_file):
            os.unlink(self.metrics_file)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stderr=log)
        return self

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def end(self, seconds=8):
        """SIGINT, as the agent is ended; it must leave with 0 in time."""
        # Before its first tick it has not taken the signal over yet.
        self.context.eventually(lambda: os.path.exists(self.metrics_file), 10, "the source does not begin")
        begin = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure("still running %g s after SIGINT" % seconds) from None
        if status != 0:
            raise Failure("exit status %d; its log: %s" % (status, self.log_text()))
        return time.monotonic() - begin

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def ticks(self):
        """Times that were handed over."""
        with open(self.journal, encoding="ascii") as file:
            return [int(line) for line in file if line.endswith("\n")]

    def metric(self, name, **labels):
        """The sum of a family's series with these labels."""
        total = 0.0
        if not os.path.exists(self.metrics_file):
            return total
        with open(self.metrics_file, encoding="utf-8") as file:
            for line in file:
                if line.startswith(name + "{") and all('%s="%s"' % pair in line for pair in labels.items()):
                    total += float(line.rsplit(" ", 1)[1])
        return total


def receiver(context, answer=None, port=0):
    made = Receiver(answer, port).start()
    context.closing.append(made.stop)
    return made


def clean(context, server):
    context.require(not server.problems, "against the specification: %s" % server.problems[:5])


def counted(context, server, ticks, series):
    """All counters have exactly the values that were handed over at `ticks`."""
    found = server.named("source_count_total")
    context.require(len(found) == series, "%d series of %d" % (len(found), series))
    for labels, samples in found.items():
        number = int(dict(labels)["number"])
        have = dict(samples)
        missing = [at for at in ticks if at not in have]
        context.require(not missing, "series %d lacks %d of %d ticks: %s" % (number, len(missing), len(ticks), missing[:3]))
        for at, sample in samples:
            wanted = float(at % 1_000_000_000) + number / 1000
            context.require(value(sample) == wanted, "series %d at %d is %r" % (number, at, value(sample)))


def specials(context, server):
    for kind, wanted in SPECIALS.items():
        found = server.named("source_special", kind=kind)
        context.require(len(found) == 1, "%r: %d series" % (kind, len(found)))
        for _, sample in next(iter(found.values())):
            context.require(sample == bits(wanted), "%r is %r" % (kind, value(sample)))
    for _, sample in next(iter(server.named("source_special", kind="nan").values())):
        context.require(is_nan(sample), "NaN is %x" % sample)
    for name in ("source:rule:sum", "source.näme/with dots"):
        context.require(server.named(name), "no series %s" % name)
    mortal = server.named("source_mortal")
    ended = [samples for samples in mortal.values() if samples[-1][1] == STALE]
    context.require(len(ended) >= max(1, len(mortal) - 1), "%d of %d have ended" % (len(ended), len(mortal)))
    for samples in mortal.values():
        context.require(all(sample != STALE for _, sample in samples[:-1]), "a value after the marker")


def conforms(context, version):
    server = receiver(context)
    message = {} if version == 1 else {"protobuf_message": V2_MESSAGE}
    source = Source(context, server.url, send_exemplars=True, metadata_config={"send_interval": "2s"},
                    headers={"X-Scope-OrgID": "me"}, **message)
    source.start(series=40, interval=1)
    time.sleep(13)
    took = source.end()
    context.require(took < 5, "SIGINT took %.1f s" % took)
    clean(context, server)
    counted(context, server, source.ticks(), 40)
    specials(context, server)
    with_samples = [request for request in server.requests if request.samples]
    gaps = [b.at - a.at for a, b in zip(with_samples, with_samples[1:-1])]
    context.require(gaps and all(3.5 <= gap <= 7 for gap in gaps), "seconds between requests: %s" % gaps)
    context.require(all(request.version == version for request in server.requests), "the wrong version")
    context.require(all(request.headers.get("x-scope-orgid") == "me" for request in server.requests), "headers")
    context.require(server.exemplars and server.exemplars[0][0] == [("trace_id", "t0")], "no exemplars")
    known = server.metadata.get("source_count" if version == 1 else "source_count_total")
    context.require(known == (1, "Counts \"something\",\nin two lines.", "things"), "metadata: %r" % (known,))
    started = [start for labels, start in server.starts.items() if ("__name__", "source_count_total") in labels]
    context.require(all(started) if version == 2 else not any(started), "start timestamps: %s" % started[:3])
    return "%d requests, %d ticks, ended in %.1f s" % (len(server.requests), len(source.ticks()), took)


@case("remote-write-v1")
def version1(context):
    """Remote write 1.0 keeps every rule of the specification; every value, marker and label arrives; SIGINT flushes."""
    return conforms(context, 1)


@case("remote-write-v2")
def version2(context):
    """Remote write 2.0 keeps every rule: symbols, metadata with each series, start timestamps, exemplars; SIGINT flushes."""
    return conforms(context, 2)


@case("remote-write-fallback")
def fallback(context):
    """A server that answers 415 to 2.0 gets the same samples as 1.0, and 1.0 alone from then on."""
    server = receiver(context, lambda request, number: 415 if request.version == 2 else 204)
    source = Source(context, server.url, protobuf_message=V2_MESSAGE, queue_config={"batch_send_deadline": "1s"})
    source.start(series=20, interval=0.5)
    time.sleep(6)
    source.end()
    clean(context, server)
    kinds = [request.headers["content-type"] for request in server.requests]
    context.require(kinds[0] == V2 and kinds.count(V2) == 1 and set(kinds[1:]) == {V1}, "%s" % kinds)
    context.require(server.requests[0].samples == server.requests[1].samples, "another batch")
    counted(context, server, source.ticks(), 20)


@case("remote-write-refused")
def refused(context):
    """What is refused with 4xx is sent once, dropped, counted and said once; later samples go on."""
    server = receiver(context, lambda request, number: 400 if number < 3 else 204)
    source = Source(context, server.url, protobuf_message=V2_MESSAGE, queue_config={"batch_send_deadline": "1s"})
    source.start(series=10, interval=0.5)
    time.sleep(8)
    source.end()
    clean(context, server)
    bodies = [request.body for request in server.requests]
    context.require(len(set(bodies)) == len(bodies), "a refused batch was sent again")
    lost = sum(request.samples for request in server.requests[:3])
    context.require(source.metric("prometheus_remote_storage_samples_failed_total") == lost, "not counted")
    context.require(source.log_text().count("remote write drops samples") == 1, source.log_text())
    context.require(all("retry-attempt" not in request.headers for request in server.requests), "Retry-Attempt")


@case("remote-write-retry")
def retry(context):
    """5xx, resets and silence are retried with growing waits, one request at a time, and nothing is lost."""
    def answer(request, number):
        return 503 if number < 9 else None if number < 11 else 204

    server = receiver(context, answer)
    source = Source(context, server.url, queue_config={"batch_send_deadline": "1s", "max_backoff": "2s"})
    source.start(series=20, interval=0.25)
    context.eventually(lambda: any(request.status == 204 for request in server.requests), 40, "never recovered")
    time.sleep(1)
    source.end()
    clean(context, server)
    counted(context, server, source.ticks(), 20)
    gaps = [b.at - a.at for a, b in zip(server.requests, server.requests[1:])]
    context.require(all(gap >= 0.001 for gap in gaps), "less than 1 ms between requests: %s" % gaps)
    # The receiver takes its time to decode.
    gaps = [b.at - a.answered for a, b in zip(server.requests, server.requests[1:])]
    waits = gaps[:8]
    # Each lies between d and 2d, d doubling from 30 ms; a busy machine may add to any of them.
    for index, wait in enumerate(waits):
        least = min(0.03 * 2**index, 2)
        context.require(least * 0.9 <= wait <= least * 2 + 0.5, "wait %d is %.3f s" % (index, wait))
    attempts = [request.headers.get("retry-attempt") for request in server.requests[:10]]
    context.require(attempts == [None] + [str(n) for n in range(1, 10)], "Retry-Attempt: %s" % attempts)
    return "waits %s" % " ".join("%.2f" % gap for gap in gaps[:10])


@case("remote-write-rate")
def rate(context):
    """429 is retried when Retry-After, in seconds or as a date, has passed; not at all where that is switched off."""
    def answer(request, number):
        if number == 0:
            return 429, {"Retry-After": "2"}
        if number == 1:
            return 429, {"Retry-After": email.utils.formatdate(time.time() + 4, usegmt=True)}
        return 204

    server = receiver(context, answer)
    source = Source(context, server.url, queue_config={"batch_send_deadline": "1s"})
    source.start(series=10, interval=0.5)
    context.eventually(lambda: len(server.requests) > 2, 20, "no third request")
    source.end()
    clean(context, server)
    counted(context, server, source.ticks(), 10)
    first, second = (server.requests[i + 1].at - server.requests[i].at for i in (0, 1))
    context.require(2 <= first <= 3.5 and 2 <= second <= 5.5, "waited %.1f and %.1f s" % (first, second))

    shutil.rmtree(context.path("queue", "x")[:-2])
    strict = receiver(context, lambda request, number: 429 if number == 0 else 204)
    other = Source(context, strict.url, queue_config={"batch_send_deadline": "1s", "retry_on_http_429": False})
    other.start(series=10, interval=0.5)
    context.eventually(lambda: len(strict.requests) > 1, 10, "no second request")
    other.end()
    context.require(strict.requests[0].body != strict.requests[1].body, "sent again")
    context.require(other.metric("prometheus_remote_storage_samples_failed_total") == strict.requests[0].samples, "count")


@case("remote-write-unconfirmed")
def unconfirmed(context):
    """2xx to 2.0 that names no samples, or none written, counts as sent and is told; it never leads to 1.0."""
    server = receiver(context, lambda request, number: (204, {"X-Prometheus-Remote-Write-Samples-Written": "0"}))
    source = Source(context, server.url, protobuf_message=V2_MESSAGE, queue_config={"batch_send_deadline": "1s"})
    source.start(series=10, interval=0.5)
    time.sleep(4)
    source.end()
    clean(context, server)
    total = sum(request.samples for request in server.requests)
    context.require(all(request.version == 2 for request in server.requests), "fell back")
    context.require(source.metric("tocsin_remote_write_unconfirmed_samples_total") == total, "not counted")
    context.require(source.metric("prometheus_remote_storage_samples_failed_total") == 0, "failed")
    context.require(source.log_text().count("wrote 0 of") == 1, source.log_text())


@case("remote-write-kill")
def killed(context):
    """kill -9 again and again during an outage and after it: no gap but what came in the last second, no wrong order."""
    # A port that nobody listens on yet.
    idle = Receiver()
    port = idle.port
    idle.server.server_close()
    source = Source(context, "http://127.0.0.1:%d/api/v1/write" % port, queue_config={"batch_send_deadline": "1s"})
    excused = set()
    rounds = max(4, context.kills // 5)
    server = None
    for number in range(rounds):
        before = len(source.ticks()) if os.path.exists(source.journal) else 0
        source.start(series=30, interval=0.05)
        time.sleep(context.random.uniform(0.3, 5))
        at = time.time() * 1000
        source.kill()
        # What was handed over at least a second before must be there; a busy machine gets half a second more.
        excused |= {tick for tick in source.ticks()[before:] if tick > at - 1500}
        if number == rounds // 2:
            server = receiver(context, port=port)
    source.start(series=30, idle=True)
    expected = [tick for tick in source.ticks() if tick not in excused]
    wanted = ("number", "0")
    context.eventually(
        lambda: any(wanted in labels and samples and samples[-1][0] >= expected[-1]
                    for labels, samples in server.named("source_count_total").items()), 30, "the rest does not come")
    source.end()
    clean(context, server)
    counted(context, server, expected, 30)
    # A batch that was taken and whose answer the kill cut off comes again.
    most = 2000 * (rounds - rounds // 2)
    context.require(server.repeated <= most, "%d samples came again, at most %d may" % (server.repeated, most))
    return "%d kills, %d ticks, %d excused, %d repeated" % (rounds, len(expected), len(excused), server.repeated)


@case("remote-write-damage")
def damage(context):
    """A queue whose files were cut and changed at random is sent as far as it is whole, and the rest is counted."""
    idle = Receiver()
    port = idle.port
    idle.server.server_close()
    source = Source(context, "http://127.0.0.1:%d/api/v1/write" % port, queue_config={"batch_send_deadline": "1s"})
    source.start(series=500, interval=0.05)
    time.sleep(4)
    source.kill()
    folder = context.path("queue", "x")[:-2]
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        size = os.path.getsize(path)
        if not name.endswith(".rwq") or size < 200:
            continue
        with open(path, "r+b") as file:
            for _ in range(3):
                file.seek(context.random.randrange(64, size))
                file.write(context.random.randbytes(8))
            file.truncate(size - context.random.randrange(1, 50))
    server = receiver(context, port=port)
    source.start(series=500, idle=True)
    context.eventually(lambda: source.metric("tocsin_remote_write_damaged_bytes_total") > 0, 20, "no damage counted")
    context.eventually(lambda: source.metric("prometheus_remote_storage_samples_pending") == 0, 60, "does not end")
    source.end()
    clean(context, server)
    lost = source.metric("prometheus_remote_storage_samples_dropped_total", reason="damaged")
    context.require(lost > 0, "no samples counted as damaged")
    return "%d samples sent, %d counted as damaged" % (sum(r.samples for r in server.requests), lost)


@case("remote-write-prometheus")
def prometheus(context):
    """Debian's Prometheus takes remote write 1.0 and gives back every value, and none behind a stale marker."""
    binary = shutil.which("prometheus")
    if not binary:
        raise Skip("prometheus is not installed")
    idle = Receiver()
    port = idle.port
    idle.server.server_close()
    with open(context.path("prometheus.yml"), "w", encoding="ascii") as file:
        file.write("global: {scrape_interval: 1h}\n")
    log = open(context.path("prometheus.log"), "wb")
    process = subprocess.Popen(
        [binary, "--config.file=" + context.path("prometheus.yml"), "--storage.tsdb.path=" + context.folder("tsdb"),
         "--web.enable-remote-write-receiver", "--web.listen-address=127.0.0.1:%d" % port], stdout=log, stderr=log)
    context.closing.append(lambda: (process.terminate(), process.wait(10), log.close()))
    base = "http://127.0.0.1:%d" % port

    def query(path, **parameters):
        with urllib.request.urlopen(base + path + "?" + urllib.parse.urlencode(parameters), timeout=5) as answer:
            return json.load(answer)["data"]

    def ready():
        try:
            with urllib.request.urlopen(base + "/-/ready", timeout=1) as answer:
                return answer.status == 200
        except OSError:
            return False

    context.eventually(ready, 30, "Prometheus is not ready")
    # 2.42 takes no UTF-8 names.
    source = Source(context, base + "/api/v1/write", queue_config={"batch_send_deadline": "1s"}, write_relabel_configs=[
        {"source_labels": ["__name__"], "regex": "source.n.*me.*", "action": "drop"}],
        metadata_config={"send_interval": "1s"})
    source.start(series=50, interval=0.5)
    time.sleep(8)
    source.end()
    context.require(source.metric("prometheus_remote_storage_samples_failed_total") == 0, source.log_text())
    dropped = source.metric("prometheus_remote_storage_samples_dropped_total", reason="dropped_series")
    context.require(dropped == len(source.ticks()), "%d dropped by the rule" % dropped)
    ticks = source.ticks()
    counters = query("/api/v1/query", query="source_count_total[1h]")["result"]
    context.require(len(counters) == 50, "%d series" % len(counters))
    for series in counters:
        number = int(series["metric"]["number"])
        have = {round(at * 1000): float(text) for at, text in series["values"]}
        context.require(have == {at: at % 1_000_000_000 + number / 1000 for at in ticks}, "series %d differs" % number)
    have = {s["metric"]["kind"]: s["value"][1] for s in query("/api/v1/query", query="source_special")["result"]}
    context.require(have.pop("nan") == "NaN", "NaN")
    context.require({kind: float(text) for kind, text in have.items()} == SPECIALS, "%s" % have)
    mortal = query("/api/v1/query", query="source_mortal")["result"]
    context.require(len(mortal) == (0 if len(ticks) % 3 == 0 else 1), "markers do not end series: %s" % mortal)
    # A marker is no sample of a range, but it ends one.
    ends = query("/api/v1/query", query="count(count_over_time(source_mortal[1h]))")["result"]
    context.require(int(ends[0]["value"][1]) == -(-len(ticks) // 3), "%s generations" % ends)
    known = query("/api/v1/metadata")
    return "%d ticks of 50 series; %d families of metadata (2.42 keeps none from remote write)" % (len(ticks), len(known))
