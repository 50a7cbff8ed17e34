"""Prometheus's API for queries, against a real Prometheus, and `tocsin query`."""

import http.client
import json
import shutil
import struct
import time
import urllib.error
import urllib.parse
import urllib.request

from context import Skip, case
from promqlgen import Generator
from snappyblock import compress
from webtools import Prometheus


def asked(port, path, data=None, **parameters):
    """(status, decoded body) of a request with a form, or with `data` as its body."""
    body = urllib.parse.urlencode(parameters, doseq=True).encode() if data is None else data
    headers = {} if data is None else {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
    request = urllib.request.Request("http://127.0.0.1:%d/api/v1/%s" % (port, path), body, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        text = error.read()
        return error.code, json.loads(text) if text.startswith(b"{") else text.decode()


def field(number, content):
    """A protobuf field of bytes."""
    size, count = b"", len(content)
    while count >= 0x80:
        size, count = size + bytes([count & 0x7f | 0x80]), count >> 7
    return bytes([number << 3 | 2]) + size + bytes([count]) + content


def varint(number):
    out = b""
    while number >= 0x80:
        out, number = out + bytes([number & 0x7f | 0x80]), number >> 7
    return out + bytes([number])


def write_request(series):
    """prometheus.WriteRequest of [({label: value}, [(milliseconds, value)])]."""
    out = b""
    for labels, samples in series:
        pairs = b"".join(field(1, field(1, n.encode()) + field(2, v.encode())) for n, v in sorted(labels.items()))
        points = b"".join(field(2, b"\x09" + struct.pack("<d", v) + b"\x10" + varint(t)) for t, v in samples)
        out += field(1, pairs + points)
    return out


# What Prometheus 3 has and 2.42 has not, or words otherwise.
NEWER = ["(?:", "<Item 57", "unexpected duration", "bad number or duration syntax", "missing unit character",
         "bad duration syntax", "unexpected colon", "expected duration", "duration must be greater",
         "trailing commas", "in label matching, expected identifier"]


@case("queries-format")
def queries_format(c):
    """Expressions, whole and damaged, get the verdict, the words and the form that Prometheus 2.42 gives them."""
    if not shutil.which("prometheus"):
        raise Skip("no prometheus")
    agent = c.agent([], []).start()
    prometheus = Prometheus(c, "127.0.0.1:%d" % agent.port)
    generator = Generator(c.seed)
    same, excused, differing = 0, 0, []
    for index in range(3000):
        text = generator.damaged() if index % 2 else generator.expression()
        ours, theirs = (asked(port, "format_query", query=text)[1] for port in (agent.port, prometheus.port))
        if ours == theirs:
            same += 1
        elif not text or any(words in theirs.get("error", "") for words in NEWER):
            excused += 1
        else:
            differing.append((text, ours, theirs))
    print("   %d the same, %d that 3.x reads otherwise, %d differ" % (same, excused, len(differing)))
    # Numbers are printed otherwise since 3.0 (1e+06), and `_` may stand in them.
    c.require(same > 2700 and len(differing) < 30, "%s" % (differing[:5],))
    agent.terminate()


HEAVY = "quantile_over_time(0.5, vector(time())[3m:1ms])"


def heavy(agent, end):
    """A connection on which a query runs that takes minutes."""
    connection = http.client.HTTPConnection("127.0.0.1", agent.port, timeout=120)
    connection.request("GET", "/api/v1/query_range?" + urllib.parse.urlencode(
        {"query": HEAVY, "start": end - 10000, "end": end, "step": 1}))
    return connection


@case("queries-hostile")
def queries_hostile(c):
    """Queries as deep as may be do not harm the agent; one that would take minutes ends when its client goes away, and neither it nor an
    explanation or a backtest of its like holds up the end."""
    deep = ["(" * 195 + "up" + ")" * 195, "sum(" * 195 + "up" + ")" * 195, "-" * 195 + "up", " or ".join(["up"] * 995),
            " + ".join(["up"] * 995), "max_over_time(" * 98 + "up" + "[1m:1m])" * 98, "(" * 1000, "label_replace(" * 195]
    rules = c.path("rules.yaml")
    with open(rules, "w") as file:
        json.dump({"groups": [
            {"name": "deep", "rules": [{"alert": "Deep", "expr": query + " > 5"} for query in deep[:6]]},
            {"name": "heavy", "interval": "5000w", "rules": [{"alert": "Heavy", "expr": "max_over_time(%s[10000s:1s])" % HEAVY}]}]}, file)
    agent = c.agent([], [], rules={"files": [rules], "evaluation_interval": "1s", "queries": {
        "max_concurrency": 1, "max_samples": 1_000_000_000, "timeout": "60s"}}).start()

    for query in deep:
        for path, more in (("query", {}), ("query_range", {"start": 0, "end": 60, "step": 15}), ("format_query", {}), ("parse_query", {})):
            # As text: what is nested so deeply is too much for Python's reader.
            form = urllib.parse.urlencode({"query": query, **more}).encode()
            try:
                with urllib.request.urlopen("http://127.0.0.1:%d/api/v1/%s" % (agent.port, path), form, timeout=30) as answer:
                    status = answer.status if answer.read().endswith(b"}") else 0
            except urllib.error.HTTPError as error:
                status = error.code
            c.require(status in (200, 400, 422), "%s of %s: %s" % (path, query[:40], status))
        agent.check_alive()
    with urllib.request.urlopen("http://127.0.0.1:%d/api/v1/rules?rule_group[]=deep" % agent.port) as answer:
        c.require(len(json.load(answer)["data"]["groups"][0]["rules"]) == 6, "deep rules are not told")
    # A client that goes away leaves its place to others.
    first = heavy(agent, 10_000_000)
    time.sleep(1)
    first.close()
    start = time.monotonic()
    status, answer = asked(agent.port, "query", query="1")
    seconds = time.monotonic() - start
    c.require(status == 200 and seconds < 5, "after a client has gone, others wait %.1f s: %s" % (seconds, answer))
    with open(rules, "rb") as file:
        text = file.read()
    took = []
    for kind in ("query", "explain", "backtest"):
        if kind == "query":
            connection = heavy(agent, 10_000_000)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", agent.port, timeout=120)
            if kind == "explain":
                connection.request("GET", "/api/v1/rules/explain?alert=Heavy")
            else:
                heavy_only = text.replace(b"5000w", b"1s")
                now = int(time.time() * 1000)
                connection.request("POST", "/api/v1/rules/backtest?start=%d&end=%d" % (now - 5000, now), heavy_only)
        time.sleep(1.5)
        start = time.monotonic()
        agent.terminate()
        took.append(time.monotonic() - start)
        c.require(took[-1] < 5, "with a heavy %s SIGTERM takes %.1f s" % (kind, took[-1]))
        connection.close()
        if kind != "backtest":
            agent.start()
    return "ends after %s s" % ", ".join("%.1f" % seconds for seconds in took)


@case("queries-write-read")
def queries_write_read(c):
    """What comes by remote write is found by queries, series, labels and `tocsin query`, as Prometheus answers."""
    agent = c.agent([], [], rules={"queries": {"remote_write_receiver": True}}).start()
    now = int(time.time()) * 1000
    series = [({"__name__": "http_requests_total", "job": "api", "code": code},
               [(now - (30 - i) * 10_000, float(i * step)) for i in range(31)]) for code, step in (("200", 10), ("500", 1))]
    status, answer = asked(agent.port, "write", data=compress(write_request(series)))
    c.require(status == 204, "write answers %d %s" % (status, answer))
    at = now / 1000

    def result(path, **parameters):
        status, answer = asked(agent.port, path, **parameters)
        c.require(status == 200 and answer["status"] == "success", "%s: %d %s" % (path, status, answer))
        return answer["data"]

    data = result("query", query='sum(http_requests_total) by (code)', time=at)
    c.require(data == {"resultType": "vector", "result": [
        {"metric": {"code": "200"}, "value": [at, "300"]}, {"metric": {"code": "500"}, "value": [at, "30"]}]},
        "%s" % data)
    data = result("query_range", query='rate(http_requests_total{code="200"}[1m])', start=at - 60, end=at, step="30s")
    c.require(data["resultType"] == "matrix" and [point[1] for point in data["result"][0]["values"]] == ["1"] * 3,
              "%s" % data)
    c.require(len(result("series", **{"match[]": ["http_requests_total"]})) == 2, "not two series")
    c.require({"__name__", "code", "job"} <= set(result("labels")), "labels are missing")
    with urllib.request.urlopen("http://127.0.0.1:%d/api/v1/label/code/values" % agent.port) as answer:
        c.require({"200", "500"} <= set(json.loads(answer.read())["data"]), "values are missing")
    for path in ("config", "flags", "buildinfo", "runtimeinfo", "tsdb"):
        status, body = agent.get("/api/v1/status/" + path)
        c.require(status == 200 and json.loads(body)["status"] == "success", "%s: %d %s" % (path, status, body))
    status, answer = asked(agent.port, "query", query="sum(")
    c.require(status == 400 and answer["errorType"] == "bad_data", "%d %s" % (status, answer))
    code, out, err = agent.command("query", 'http_requests_total', "--time", "%d" % at, "--config", agent.path)
    c.require(code == 0 and out.decode().splitlines() == [
        'http_requests_total{code="200", job="api"}  300', 'http_requests_total{code="500", job="api"}   30'],
        "%d %s %s" % (code, out, err))
    code, out, err = agent.command("query", 'http_requests_total', "--range", "5m", "--json", "--config", agent.path)
    c.require(code == 0 and len(json.loads(out)["data"]["result"]) == 2, "%d %s %s" % (code, out, err))
    code, out, err = agent.command("query", "sum(", "--config", agent.path)
    c.require(code == 2 and b"1:5: parse error: unclosed left parenthesis" in err, "%d %s %s" % (code, out, err))
    agent.terminate()
