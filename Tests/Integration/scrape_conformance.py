#!/usr/bin/env python3
"""Scrapes the same nasty targets with Prometheus and with our scraper and compares every sample of every scrape, stale
markers included.

The case `scrape-conformance` of run.py does it; by hand:

    swift build --scratch-path .build/debug-tree --product ScrapeRunner
    python3 Tests/Integration/scrape_conformance.py --runner .build/debug-tree/debug/ScrapeRunner [--only CASE] [--verbose]

Each case is a target that answers its first scrape with its first answer and so on, the last again and again, to each of
the two by itself. Prometheus (Debian's `prometheus`) hands its samples to a remote-write receiver here. Compared are the
scrapes one by one: series, values, markers, the series about the scrape (but for its duration), and apart from them the
samples with timestamps of their own. Prints `N passed, M failed`; exits with 1 if one failed, with 3 without Prometheus.

What differs from Prometheus 2.42 on purpose is not among the cases: a series that stood before the error of a broken page
gets its stale marker with that scrape (Prometheus forgets it); a page without a content type is refused as Prometheus 3
does it, unless `fallback_scrape_protocol` is given, as it is here; `le="1"` becomes `le="1.0"`, as in Prometheus 3; labels
in another order are the same series. Markers of Prometheus's for series that never had a sample are not compared.
"""
import argparse
import gzip
import http.server
import json
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from agent import free_port
from snappyblock import decompress

TEXT = {"Content-Type": "text/plain; version=0.0.4"}
OPEN = {"Content-Type": "application/openmetrics-text; version=1.0.0; charset=utf-8"}


def text(body, **headers):
    return {"status": 200, "headers": {**TEXT, **headers}, "body": body.encode()}


def openmetrics(body):
    return {"status": 200, "headers": OPEN, "body": body.encode()}


def zipped(body):
    return {"status": 200, "headers": {**TEXT, "Content-Encoding": "gzip"}, "body": gzip.compress(body.encode())}


def relabel(**rule):
    return {"metric_relabel_configs": [rule]}


MANY = "".join(f'm{{i="{i}"}} {i}\n' for i in range(200))
# By name: answers, and keys of the job.
def cases(now):
    """The pages and keys of each case, where it is `now`, milliseconds since 1970."""
    # Remote write leaves out what is older than its own start.
    soon = now + 60_000
    return {
        "plain": ([text('# TYPE a counter\n# HELP a Help.\na 1\nb{x="y"} 2.5\n'), text('a 2\nb{x="y"} 3\n')], {}),
        "stale": ([text("a 1\nb 1\n"), text("b 2\n"), text("a 3\nb 3\n"), text("")], {}),
        "values": ([text("a NaN\nb +Inf\nc -inf\nd 1e-300\ne 123456789.123456789\nf .5\n")], {}),
        "escapes": ([text('a{x="q\\"b\\\\s\\nn",y="\\x",z="ü"} 1\n')], {}),
        "blanks": ([text('a { y = "2" , x="1" , } 1  \n\n#comment\n# another\nb\t2\n')], {}),
        "labels_order": ([text('a{z="1",b="2",a="3"} 1\n')], {}),
        "empty_label": ([text('a{x=""} 1\nb{x="",y="1"} 1\n')], {}),
        "conflict": ([text('a{job="other",instance="mine",exported_job="x"} 1\n')], {}),
        "honor": ([text('a{job="other",instance=""} 1\nb 2\n')], {"honor_labels": True}),
        "duplicate": ([text("a 1\na 1\nb 2\n"), text("a 2\na 3\n")], {}),
        "duplicate_label": ([text('a{x="1",x="2"} 1\n'), text("b 1\n")], {}),
        "name_label": ([text('a{__name__="b"} 1\n'), text("b 1\n")], {}),
        "timestamps": (
            [text(f"a 1 {soon - 5000}\nb 1\n"), text(f"a 2 {soon - 4000}\nb 2\n"), text("b 3\n"), text(f"a 4 {soon}\nb 4\n")], {}),
        "timestamps_repeated": ([text(f"a 1 {soon - 5000}\n"), text(f"a 1 {soon - 5000}\n"), text(f"a 2 {soon - 5000}\n")], {}),
        "timestamps_backwards": ([text(f"a 1 {soon - 5000}\n"), text(f"a 2 {soon - 9000}\n"), text(f"a 3 {soon - 1000}\n")], {}),
        "timestamps_ahead": ([text(f"a 1 {now + 3600_000}\nb 1\n"), text("b 1\n")], {}),
        "timestamps_deaf": ([text(f"a 1 {now - 5000}\n"), text("")], {"honor_timestamps": False}),
        "timestamp_then_none": ([text("a 1\n"), text(f"a 2 {now - 60_000}\n"), text("a 3\n")], {}),
        "openmetrics": (
            [
                openmetrics(
                    '# TYPE c counter\n# UNIT c_seconds seconds\n# TYPE h histogram\nc_total{a="b"} 5 # {id="x"} 1\n'
                    'c_created{a="b"} 1000.5\nh_bucket{le="+Inf"} 1\nh_count 1\nh_sum 2\n# TYPE i info\ni_info{v="1"} 1\n# EOF\n'),
                openmetrics("# TYPE c counter\nc_total 6\n# EOF\n"),
            ],
            {}),
        "openmetrics_no_eof": ([openmetrics("# TYPE a gauge\n"), openmetrics("# EOF\n")], {}),
        "openmetrics_time": ([openmetrics(f"a 1 {(soon - 3000) / 1000}\n# EOF\n")], {}),
        "status": ([text("a 1\n"), {**text("a 2\n"), "status": 500}, {**text("a 2\n"), "status": 204, "body": b""}, text("a 3\n")], {}),
        "broken": ([text("a 1\nb 1\n"), text("{ } 1\na 2\n"), text("a 3\nb 3\n")], {}),
        "broken_value": ([text("a one\n"), text("a 1_0\n"), text("a 0x1p3\n"), text("a 1\r\n"), text("a 1\n")], {}),
        "nul": ([text("a 1\n\0b 2\n")], {}),
        "gzip": ([zipped("a 1\n"), zipped(MANY)], {}),
        "gzip_broken": ([text("a 1\n", **{"Content-Encoding": "gzip"}), zipped("a 1\n")], {}),
        "no_type": ([{"status": 200, "headers": {}, "body": b"a 1\n"}], {}),
        "html_type": ([{"status": 200, "headers": {"Content-Type": "text/html"}, "body": b"a 1\n"}], {}),
        "redirect": ([{"status": 302, "headers": {"Location": "/elsewhere"}, "body": b""}], {}),
        "redirect_not_followed": (
            [{"status": 302, "headers": {"Location": "/elsewhere"}, "body": b""}], {"follow_redirects": False}),
        "truncated": ([text("a 1\nb 1\n"), {**text("a 2\n"), "claim": 400}, text("a 3\nb 3\n")], {}),
        "half_closed": ([text("a 1\n"), {"close": True}, text("a 3\n")], {}),
        "slow": ([text("a 1\n"), {**text("a 2\n"), "delay": 2.5}, text("a 3\n")], {}),
        "sample_limit": ([text("a 1\n"), text(MANY), text("a 2\nb 2\n")], {"sample_limit": 2}),
        "label_limit": ([text("a 1\n"), text('b{x="1",y="2"} 1\n'), text("a 2\n")], {"label_limit": 4}),
        "name_length": ([text("a 1\n"), text('b{longer_than_ten="2"} 1\n'), text("a 2\n")], {"label_name_length_limit": 12}),
        "value_length": ([text("a 1\n"), text('b{x="' + "v" * 30 + '"} 1\n'), text("a 2\n")], {"label_value_length_limit": 20}),
        "body_limit": ([text("a 1\n"), text(MANY), text("a 22222\nb 22222\n"), text("a 22222\nb 2222\n")], {"body_size_limit": "16B"}),
        "metric_drop": ([text("go_x 1\na 2\n")], relabel(source_labels=["__name__"], regex="go_.*", action="drop")),
        "metric_rename": (
            [text("old_x 1\n"), text("old_y 1\n")],
            relabel(source_labels=["__name__"], regex="old_(.*)", target_label="__name__", replacement="new_$1")),
        "metric_merge": ([text('a{x="1"} 1\na{x="2"} 2\n'), text('a{x="2"} 2\n')], relabel(regex="x", action="labeldrop")),
        "metric_nameless": ([text("a 1\n"), text("b 1\n")], relabel(regex="__name__", action="labeldrop")),
        "params": ([text("a 1\n")], {"params": {"x": ["1", "2"]}}),
        "parameter_relabel": (
            [text("a 1\n")],
            {"relabel_configs": [{"source_labels": ["__address__"], "target_label": "instance", "replacement": "n"},
                                 {"source_labels": ["job"], "target_label": "extra", "replacement": "$1-x"}]}),
        "many_then_few": ([text(MANY), text('m{i="7"} 1\n'), text(MANY)], {}),
    }


# Of the run that goes on: written anew when it begins, as a time of their own that is minutes old is refused.
CASES = cases(int(time.time() * 1000))
SCRAPES = 6


class Targets(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen = {}
    lock = threading.Lock()

    def do_GET(self):
        if self.path.startswith("/elsewhere"):
            return self.answer(text("a 1\n"))
        name = self.path.split("?")[0].strip("/")
        client = "prometheus" if self.headers.get("User-Agent", "").startswith("Prometheus") else "tocsin"
        with self.lock:
            count = self.seen.get((client, name), 0)
            self.seen[client, name] = count + 1
        answers = CASES[name][0]
        return self.answer(answers[min(count, len(answers) - 1)])

    def answer(self, answer):
        if answer.get("close"):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        time.sleep(answer.get("delay", 0))
        try:
            self.send_response(answer["status"])
            for header, value in answer["headers"].items():
                self.send_header(header, value)
            if answer["status"] != 204:
                self.send_header("Content-Length", str(answer.get("claim", len(answer["body"]))))
            self.end_headers()
            self.wfile.write(answer["body"])
            if "claim" in answer:
                self.close_connection = True
        except OSError:
            self.close_connection = True

    def log_message(self, *_):
        pass


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    samples = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.samples.extend(write_request(decompress(body)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def fields(data):
    """The fields of a protobuf message: (number, value)."""
    position = 0

    def varint():
        nonlocal position
        value = shift = 0
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while position < len(data):
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint()
        elif tag & 7 == 1:
            yield tag >> 3, data[position:position + 8]
            position += 8
        else:
            length = varint()
            yield tag >> 3, data[position:position + length]
            position += length


def write_request(data):
    for number, series in fields(data):
        if number != 1:
            continue
        labels, samples = {}, []
        for part, value in fields(series):
            if part == 1:
                pair = dict(fields(value))
                labels[pair[1].decode()] = pair[2].decode()
            elif part == 2:
                sample = dict(fields(value))
                bits = struct.unpack("<Q", sample.get(1, b"\0" * 8))[0]
                number_value = struct.unpack("<d", sample.get(1, b"\0" * 8))[0]
                stamp = sample.get(2, 0)
                samples.append((stamp, "stale" if bits == 0x7ff0000000000002 else repr(number_value)))
        for stamp, value in samples:
            yield labels, stamp, value


def scrapes(samples):
    """By job: a list of scrapes, each {series: value}, and the samples with times of their own."""
    result = {}
    by_job = {}
    for labels, stamp, value in samples:
        job = labels.get("job")
        by_job.setdefault("honor" if job == "other" else job, []).append((labels, stamp, value))
    for job, rows in by_job.items():
        times = sorted({stamp for labels, stamp, _ in rows if labels["__name__"] == "up"})
        frames = [{} for _ in times]
        own = set()
        for labels, stamp, value in rows:
            series = json.dumps(dict(sorted(labels.items())))
            if labels["__name__"] == "scrape_duration_seconds" and value != "stale":
                value = "any"
            if stamp in times:
                frames[times.index(stamp)].setdefault(series, value)
            else:
                own.add((series, stamp, value))
        result[job] = (frames, own)
    return result


def configuration(port, ours, names):
    jobs = []
    for name in names:
        keys = CASES[name][1]
        job = {
            "job_name": name, "scrape_interval": "1s", "scrape_timeout": "1s", "metrics_path": f"/{name}",
            "static_configs": [{"targets": [f"127.0.0.1:{port}"]}], **keys}
        if ours:
            job["fallback_scrape_protocol"] = "PrometheusText0.0.4"
        jobs.append(job)
    return jobs


def normal(value):
    """A sample's value in one form."""
    if value in ("stale", "any"):
        return value
    return "nan" if value.startswith("nan") else repr(float(value))


def serve(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def conformance(command, folder, names=None):
    """Scrapes with both for some seconds; by name of each case in which they differ, how."""
    CASES.update(cases(int(time.time() * 1000)))
    names = names or list(CASES)
    targets, receiver = serve(Targets), serve(Receiver)
    folder = pathlib.Path(folder)
    theirs, ours = folder / "prometheus.yml", folder / "ours.yml"
    theirs.write_text(json.dumps({
        "scrape_configs": configuration(targets.server_address[1], False, names),
        "remote_write": [{"url": f"http://127.0.0.1:{receiver.server_address[1]}/",
                          "queue_config": {"batch_send_deadline": "500ms"}}],
    }))
    ours.write_text(json.dumps({"scrape_configs": configuration(targets.server_address[1], True, names)}))
    Targets.seen.clear()
    Receiver.samples.clear()
    web = free_port()
    prometheus = subprocess.Popen(
        ["prometheus", f"--config.file={theirs}", f"--storage.tsdb.path={folder}/data",
         f"--web.listen-address=127.0.0.1:{web}", "--log.level=error"], stderr=subprocess.DEVNULL)
    seconds = SCRAPES + 5
    runner = None
    try:
        with open(folder / "ours.json", "wb") as output:
            runner = subprocess.Popen([command, "scrape", ours, str(seconds)], stdout=output, stderr=subprocess.DEVNULL)
        runner.wait(timeout=seconds + 20)
        time.sleep(3)
    finally:
        for process in filter(None, (prometheus, runner)):
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for server in (targets, receiver):
            server.shutdown()
    with open(folder / "ours.json", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    got = scrapes((row["labels"], row["time"], normal(row["value"])) for row in rows)
    wanted = scrapes((labels, stamp, normal(value)) for labels, stamp, value in Receiver.samples)
    found = {name: compare(wanted.get(name, ([], set())), got.get(name, ([], set()))) for name in names}
    return {name: problems for name, problems in found.items() if problems}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runner", required=True)
    parser.add_argument("--only")
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    if shutil.which("prometheus") is None:
        print("skipped: prometheus is not installed")
        return 3
    names = [arguments.only] if arguments.only else list(CASES)
    with tempfile.TemporaryDirectory(prefix="tocsin-scrape-") as folder:
        failures = conformance(arguments.runner, folder, names)
    for name, problems in failures.items():
        print(f"FAILED {name}")
        for problem in problems[:20 if arguments.verbose else 4]:
            print(f"    {problem}")
    print(f"{len(names) - len(failures)} passed, {len(failures)} failed")
    return 1 if failures else 0


def compare(wanted, got):
    problems = []
    seen = set()
    count = min(len(wanted[0]), len(got[0]), SCRAPES)
    if count < 4:
        problems.append(f"scrapes: Prometheus {len(wanted[0])}, we {len(got[0])}")
    for number in range(count):
        a, b = wanted[0][number], got[0][number]
        for series in sorted(a.keys() | b.keys()):
            never = a.get(series) == "stale" and series not in seen
            if a.get(series, "stale") != "stale":
                seen.add(series)
            if a.get(series) != b.get(series) and not (never and series not in b):
                problems.append(
                    f"scrape {number + 1}: {series} is {b.get(series, 'missing')}, Prometheus has "
                    f"{a.get(series, 'nothing')}")
    for sample in sorted(wanted[1] - got[1]):
        problems.append(f"missing {sample}")
    for sample in sorted(got[1] - wanted[1]):
        problems.append(f"too many {sample}")
    return problems


if __name__ == "__main__":
    sys.exit(main())
