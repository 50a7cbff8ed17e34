"""Prometheus's HTTP API beside a real Prometheus 2.42: the same rules over the same target, and the JSON of both field by field."""

import http.server
import json
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from context import Failure, case
from webtools import Prometheus

PAGE = """# HELP app_requests_total Requests, \\\\ and a line\\nfeed.
# TYPE app_requests_total counter
app_requests_total{code="200"} 1200
app_requests_total{code="500"} 3
# HELP app_level How full it is.
# TYPE app_level gauge
app_level{side="left"} 5
app_level{side="right"} 0.25
app_level{side="none"} NaN
app_level{side="all"} +Inf
# TYPE app_untyped untyped
app_untyped 1
# HELP app_seconds How long it takes.
# TYPE app_seconds histogram
app_seconds_bucket{le="0.5"} 2
app_seconds_bucket{le="+Inf"} 4
app_seconds_sum 2.5
app_seconds_count 4
"""

RULES = {"groups": [
    {"name": "recording", "interval": "1s", "rules": [
        {"record": "job:app_requests:sum", "expr": "sum by (job) (app_requests_total)"},
        {"record": "job:app_level:max", "expr": "max by(job)(app_level{side=~'left|right'})",
         "labels": {"kind": "gauge", "team": "app"}},
        {"record": "app:broken", "expr": "app_level * on(job) app_level"},
    ]},
    {"name": "alerting", "interval": "1s", "limit": 10, "rules": [
        {"alert": "Full", "expr": "app_level{side=\"left\"} > 4", "labels": {"severity": "page", "side_is": "{{ $labels.side }}"},
         "annotations": {"summary": "{{ $labels.instance }} is at {{ $value }}", "runbook": "https://example.org/full"}},
        {"alert": "FullForLong", "expr": "app_level > 0.2 < 10", "for": "1h", "annotations": {"summary": "{{ $value | humanize }}"}},
        {"alert": "Empty", "expr": "app_level < -1", "for": "1m30s", "labels": {"severity": "info"}},
        {"alert": "Gone", "expr": "absent(app_gone{job=\"app\"})"},
        {"alert": "Broken", "expr": "app_level * on (job) app_level"},
    ]},
    {"name": "both", "interval": "5000w", "rules": [
        {"record": "app:later", "expr": "vector(1)"}, {"alert": "Later", "expr": "vector(1)", "for": "500ms"}]},
]}

# What Prometheus 3 answers and 2.42 does not, and what of ours says so; by the path in the answer.
NEWER = {"keepFiringFor", "serverTime", "hostname", "infos", "application", "droppedTargetCounts", "GOMEMLIMIT"}
# What rules say of themselves, which nobody else has.
OUR_ALERTS = {"RuleEvaluationFailing", "RuleLoadFailed"}
# What differs from one server, moment or address to another: there the types are compared, and the form of times.
OWN = {"evaluationTime", "lastEvaluation", "activeAt", "lastScrape", "lastScrapeDuration", "yaml", "version", "revision", "branch",
       "buildUser", "buildDate", "goVersion", "startTime", "lastConfigTime", "CWD", "goroutineCount", "GOMAXPROCS", "GOMEMLIMIT",
       "GOGC", "GODEBUG", "storageRetention", "numSeries", "numLabelPairs", "chunkCount", "minTime", "maxTime", "max", "current",
       "globalUrl"}
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")


class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = PAGE.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def asked(port, path, form=None):
    """(status, content type, decoded body)"""
    url = "http://127.0.0.1:%d%s" % (port, path)
    body = urllib.parse.urlencode(form, doseq=True).encode() if form is not None else None
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=20) as answer:
            return answer.status, answer.headers["Content-Type"], decoded(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], decoded(error.read())


def decoded(text):
    try:
        return json.loads(text)
    except ValueError:
        return text.decode("utf-8", "replace")


def kind(value):
    """The JSON type; numbers are of one."""
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def compare(theirs, ours, place="", key="", own=OWN):
    """What differs, as sentences."""
    if kind(theirs) != kind(ours):
        return ["%s is %r, expected %r" % (place, ours, theirs)]
    if isinstance(theirs, dict):
        found = ["%s lacks %s" % (place, name) for name in theirs if name not in ours]
        # Recording rules without labels have said so since 3.0.
        found += ["%s has %s" % (place, name) for name in ours if name not in theirs and name not in NEWER
                  and not (name == "labels" and ours[name] == {} and theirs.get("type") == "recording")]
        for name in theirs:
            if name in ours:
                found += compare(theirs[name], ours[name], "%s.%s" % (place, name), name, own)
        return found
    if key in own:
        if isinstance(theirs, str) and TIME.match(theirs) and not TIME.match(ours):
            return ["%s is %r, expected a time such as %r" % (place, ours, theirs)]
        return []
    if isinstance(theirs, list):
        if len(theirs) != len(ours):
            return ["%s has %d elements, expected %d: %s and %s" % (place, len(ours), len(theirs), ours, theirs)]
        return [text for index, pair in enumerate(zip(theirs, ours))
                for text in compare(pair[0], pair[1], "%s[%d]" % (place, index), key, own)]
    return [] if theirs == ours else ["%s is %r, expected %r" % (place, ours, theirs)]


def requests(now):
    """(path, form or None) of every request that both answer."""
    at = "&time=%d" % now
    span = "start=%d&end=%d&step=5" % (now - 10, now)
    q = urllib.parse.quote

    def get(*paths):
        return [(path, None) for path in paths]

    queries = ["app_level", "app_requests_total > 100", "sum(app_requests_total)", "1 + 1", "time()", '"text"', "vector(NaN)",
               "app_gone", "histogram_quantile(0.9, app_seconds_bucket)", "job:app_level:max", "up{job=\"app\"}",
               'ALERTS{alertname="Full"}', "count_over_time(app_level[4s]) > bool 0", "scalar(app_untyped)"]
    wrong = ["", "sum(", "app_level +", "rate(app_level)", "app_level[5m", "foo{}}", "unknown(1)", "{}"]
    made = get(
        "/api/v1/rules", "/api/v1/rules?type=alert", "/api/v1/rules?type=record", "/api/v1/rules?type=ALERT", "/api/v1/rules?type=",
        "/api/v1/rules?type=other", "/api/v1/rules?rule_name[]=Full", "/api/v1/rules?rule_name[]=Full&rule_name[]=Gone",
        "/api/v1/rules?rule_group[]=alerting", "/api/v1/rules?rule_group[]=no", "/api/v1/rules?file[]=no.yaml",
        "/api/v1/rules?rule_group[]=both&type=alert", "/api/v1/alerts")
    for query in queries + wrong:
        made += get("/api/v1/query?query=%s%s" % (q(query), at), "/api/v1/query_range?query=%s&%s" % (q(query), span))
    made += get(
        "/api/v1/query", "/api/v1/query?query=up&time=yesterday", "/api/v1/query?query=app_level[1h]&time=%d" % now + "&timeout=no",
        "/api/v1/query_range?query=up", "/api/v1/query_range?query=up&start=5&end=1&step=1", "/api/v1/query_range?query=up&start=1&end=5&step=0",
        "/api/v1/query_range?query=up&start=1&end=5&step=-1", "/api/v1/query_range?query=up&start=1&end=50000&step=1",
        "/api/v1/query_range?query=up&start=1&end=5&step=x", "/api/v1/query_range?query=up&start=1&end=x&step=1",
        "/api/v1/query_range?query=up[5m]&%s" % span, "/api/v1/query_range?query=%s&%s" % (q("app_level"), span.replace("step=5", "step=5s")),
        "/api/v1/series?match[]=app_level", "/api/v1/series?match[]=app_level&match[]=app_untyped", "/api/v1/series",
        "/api/v1/series?match[]=app_gone", "/api/v1/series?match[]={", "/api/v1/series?match[]={a=''}",
        "/api/v1/series?match[]=app_level&start=1&end=2", "/api/v1/series?match[]=app_level&start=x",
        "/api/v1/labels?match[]={__name__=~'app_.*'}", "/api/v1/labels?match[]=app_gone", "/api/v1/labels?match[]={",
        "/api/v1/label/side/values?match[]=app_level", "/api/v1/label/no/values", "/api/v1/label/code/values?match[]=app_requests_total",
        "/api/v1/label/__name__/values?match[]={job='app',__name__=~'app.*'}", "/api/v1/label/side/values?start=1&end=2",
        "/api/v1/metadata?metric=app_level", "/api/v1/metadata?metric=app_requests_total", "/api/v1/metadata?metric=app_untyped",
        "/api/v1/metadata?metric=app_seconds", "/api/v1/metadata?metric=no", "/api/v1/metadata?limit=0", "/api/v1/metadata?limit=x",
        "/api/v1/targets", "/api/v1/targets?state=active", "/api/v1/targets?state=dropped", "/api/v1/targets?state=any",
        "/api/v1/targets/metadata?metric=app_level", "/api/v1/targets/metadata?match_target={job='app'}&metric=app_seconds",
        "/api/v1/targets/metadata?metric=no", "/api/v1/targets/metadata?limit=x",
        "/api/v1/status/config", "/api/v1/status/runtimeinfo", "/api/v1/status/buildinfo", "/api/v1/status/tsdb",
        "/api/v1/status/walreplay", "/api/v1/query_exemplars?query=app_level&start=%d&end=%d" % (now - 10, now),
        "/api/v1/query_exemplars?query=sum(&start=1&end=2", "/api/v1/query_exemplars?query=up&start=2&end=1",
        "/api/v1/query_exemplars?query=up&start=x", "/api/v1/alertmanagers", "/api/v1/scrape_pools", "/api/v1/format_query?query=sum(up)by(job)",
        "/api/v1/format_query?query=sum(")
    made += [("/api/v1/query", {"query": "app_level", "time": now}), ("/api/v1/query", {"query": "sum("}),
             ("/api/v1/query_range", {"query": "app_level", "start": now - 10, "end": now, "step": 5}),
             ("/api/v1/series", {"match[]": ["app_level", "app_untyped"]}),
             ("/api/v1/labels", {"match[]": "app_level"}),
             ("/api/v1/query_exemplars", {"query": "app_level", "start": now - 10, "end": now})]
    return made


def settled(body):
    """An answer as 3.x words it, and with what comes in any order in one."""
    if not isinstance(body, dict):
        return body
    if "error" in body:
        error = body["error"].replace("Invalid time value", "invalid time value").removeprefix('invalid parameter "query": ')
        # Where nothing is, there is no place.
        body["error"] = error.replace("unknown position: parse error: no expression", "1:1: parse error: no expression")
    data = body.get("data")
    if not isinstance(data, dict):
        return body
    if "headStats" in data:
        # How much of what there is, is each store's own.
        for name in data:
            if name != "headStats":
                data[name] = [dict(entry, name="", value=0) for entry in data[name][:1]]
    # 2.42 has groups of which no rule was asked for, and passes over the names of rules, groups and files.
    data["groups"] = [group for group in data.get("groups", []) if group["rules"]]
    for group in data["groups"]:
        for rule in group["rules"]:
            rule.get("alerts", []).sort(key=lambda alert: sorted(alert["labels"].items()))
            if "lastError" in rule:
                # Which two of several it names.
                rule["lastError"] = re.sub(r"operation: \[.*\];", "operation: […];", rule["lastError"])
    data["groups"].sort(key=lambda group: (group["file"], group["name"]))
    if "alerts" in data:
        data["alerts"] = sorted((alert for alert in data["alerts"] if alert["labels"]["alertname"] not in OUR_ALERTS),
                                key=lambda alert: sorted(alert["labels"].items()))
    return body


def chosen(body, path):
    """The groups of 2.42 that 3.x would have chosen by the request's `rule_name[]`, `rule_group[]` and `file[]`."""
    asked_for = urllib.parse.parse_qs(urllib.parse.urlparse(path).query)
    for name, field in (("rule_group[]", "name"), ("file[]", "file")):
        if name in asked_for:
            body["data"]["groups"] = [group for group in body["data"]["groups"] if group[field] in asked_for[name]]
    if "rule_name[]" in asked_for:
        for group in body["data"]["groups"]:
            group["rules"] = [rule for rule in group["rules"] if rule["name"] in asked_for["rule_name[]"]]
    return body


@case("rules-api-json")
def rules_api_json(c):
    """Every answer of Prometheus's API (rules, alerts, queries, series, labels, metadata, targets, status, and their errors) has the
    fields, types and values that Prometheus 2.42 gives over the same target and rules."""
    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    c.closing.append(site.shutdown)
    target = "127.0.0.1:%d" % site.server_address[1]
    rules = c.path("rules.yaml")
    with open(rules, "w") as file:
        json.dump(RULES, file)
    prometheus = Prometheus(c, target, job_name="app", rule_files=[rules])
    agent = c.agent([], [], metrics={
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "app", "static_configs": [{"targets": [target]}]}]},
        rules={"files": [rules], "default_pack": False, "evaluation_interval": "1s"})
    agent.start()

    def evaluated():
        for port in (prometheus.port, agent.port):
            groups = asked(port, "/api/v1/rules")[2]["data"]["groups"]
            states = [rule.get("health") for group in groups if group["name"] != "both" for rule in group["rules"]]
            if len(states) != 8 or "unknown" in states or len(asked(port, "/api/v1/alerts")[2]["data"]["alerts"]) < 4:
                return False
        return True

    c.eventually(evaluated, 40, "not all rules are evaluated")
    # A range of ten seconds wants ten seconds of samples.
    time.sleep(14)
    now = int(time.time()) - 2
    count, wrong = 0, []
    for path, form in requests(now):
        theirs, ours = (asked(port, path, form) for port in (prometheus.port, agent.port))
        if path.startswith("/api/v1/rules?") and theirs[0] == 200:
            chosen(theirs[2], path)
        count += 1
        found = []
        if theirs[0] != ours[0] or theirs[1].split(";")[0] != ours[1].split(";")[0]:
            found.append("answers %d %s, expected %d %s: %s" % (ours[0], ours[1], theirs[0], theirs[1], (ours[2], theirs[2])))
        else:
            found += compare(settled(theirs[2]), settled(ours[2]), own=OWN)
        wrong += ["%s %s: %s" % (path, "" if form is None else form, text) for text in found]
    if wrong:
        raise Failure("%d differences:\n%s" % (len(wrong), "\n".join(wrong)))
    for name, fields in (("node_memory_MemFree_bytes", {"type": "gauge", "unit": "bytes"}), ("node_cpu_seconds_total", {"type": "counter", "unit": "seconds"}),
                         ("tocsin_build_info", {"type": "gauge"}), ("up", {"type": "gauge"})):
        c.eventually(lambda: asked(agent.port, "/api/v1/metadata?metric=" + name)[2]["data"], 20, "nothing is known of " + name)
        found = asked(agent.port, "/api/v1/metadata?metric=" + name)[2]["data"][name]
        c.require(len(found) == 1 and found[0]["help"] and fields.items() <= found[0].items(), "%s: %s" % (name, found))
    agent.terminate()
    return "%d requests answered alike" % count
