"""Tests of rules: the same verdicts and the same words as a real promtool, on tests of ours that pass and that fail."""

import glob
import json
import os
import re
import shutil
import subprocess

from context import Failure, Skip, case

HERE = os.path.dirname(os.path.abspath(__file__))
RULES = os.path.join(HERE, "..", "..", "rules")

# Nothing is asked for at a time that lies exactly at the left end of a range with a sample: there promtool 2.42, whose ranges are
# closed, and Prometheus 3 differ.
FILES = {
    "a.yaml": {"groups": [
        {"name": "base", "rules": [
            {"record": "job:m:sum", "expr": "sum by (job) (m)"},
            {"record": "job:m:double", "expr": "job:m:sum * 2", "labels": {"kind": "double"}},
            {"alert": "High", "expr": "m > 5", "labels": {"severity": "page", "copy": "{{ $labels.job }}"},
             "annotations": {"summary": "{{ $labels.instance }} is at {{ $value }}"}},
            {"alert": "HighLong", "expr": "m > 5", "for": "2m", "labels": {"severity": "page"}},
            {"alert": "Kept", "expr": "m > 5", "keep_firing_for": "3m", "annotations": {"v": "{{ $value | humanize }}"}},
            {"alert": "LongKept", "expr": "m > 5", "for": "2m", "keep_firing_for": "2m"},
            {"alert": "Sum", "expr": "job:m:sum > 10", "annotations": {"d": "{{ $value }}"}},
            {"alert": "Scalar", "expr": "vector(scalar(m{instance='a'})) > 5"},
            {"alert": "Gone", "expr": "absent(m{job='x'})"},
        ]},
        {"name": "other", "interval": "5m", "rules": [
            {"alert": "FromAlerts", "expr": "count(ALERTS{alertname='High', alertstate='firing'}) > 0"},
            {"alert": "Since", "expr": "time() - ALERTS_FOR_STATE{alertname='HighLong'} >= 180"},
            {"alert": "Pend", "expr": "ALERTS{alertname='HighLong', alertstate='pending'}", "labels": {"alertname": "no"}},
        ]},
    ]},
    "b.yaml": {"groups": [
        {"name": "second", "rules": [
            {"record": "later", "expr": "earlier + 1"},
            {"alert": "High", "expr": "n > 1", "annotations": {"from": "b"}},
        ]},
        {"name": "first", "rules": [{"record": "earlier", "expr": "time()"}]},
    ]},
    "templates.yaml": {"groups": [{"name": "t", "rules": [
        {"alert": "T", "expr": "m > 5", "labels": {"site": "{{ $externalLabels.site }}", "empty": ""}, "annotations": {
            "url": "{{ $externalURL }}", "all": "{{ $labels }} {{ .Value }}",
            "query": "{{ with query \"sum(m)\" }}{{ . | first | value }}{{ end }}", "broken": "{{ .Foo }}",
            "loop": "{{ range query \"m\" | sortByLabel \"instance\" }}{{ .Labels.instance }}={{ .Value }} {{ end }}"}},
    ]}]},
    "empty.yaml": {"groups": [{"name": "e", "rules": [{"alert": "Empty", "expr": "m > 5", "annotations": {"a": "", "b": "x"}}]}]},
    "limited.yaml": {"groups": [{"name": "l", "limit": 1, "rules": [{"alert": "Limited", "expr": "m > 5"}]}]},
    "twice.yaml": {"groups": [{"name": "w", "rules": [{"alert": "Twice", "expr": "m > 5", "labels": {"instance": "one"}}]}]},
    "broken.yaml": {"groups": [{"name": "x", "rules": [{"alert": "B", "expr": "m >"}]}]},
    "collision.yaml": {"groups": [{"name": "c", "rules": [{"record": "r", "expr": "m", "labels": {"instance": "one"}}]}]},
    "failing.yaml": {"groups": [{"name": "f", "rules": [{"record": "r", "expr": "m * on (job) m"}]}]},
    "string.yaml": {"groups": [{"name": "s", "rules": [{"record": "s", "expr": "m[5m]"}]}]},
    "unknown.yaml": {"groups": [{"name": "u", "rules": [{"alert": "U", "expr": "m", "colour": "red"}]}]},
    "rates.yaml": {"groups": [{"name": "r", "rules": [
        {"record": "m:rate", "expr": "rate(c[4m30s])"}, {"record": "m:increase", "expr": "increase(c[4m30s])"},
        {"alert": "Fast", "expr": "rate(c[4m30s]) > 1", "for": "1m"},
    ]}]},
}

A, B = 'm{job="j",instance="a"}', 'm{job="j",instance="b"}'
PAGE = {"severity": "page", "copy": "j", "job": "j"}


def alert(labels, annotations=None):
    made = {"exp_labels": labels}
    if annotations:
        made["exp_annotations"] = annotations
    return made


def high(instance, value):
    return alert(dict(PAGE, instance=instance), {"summary": "%s is at %s" % (instance, value)})


def alerts(*tests):
    return [dict({"eval_time": time, "alertname": name}, **({"exp_alerts": list(expected)} if expected else {}))
            for time, name, *expected in tests]


def values(*tests):
    return [{"eval_time": time, "expr": expr, "exp_samples": [{"labels": l, "value": v} for l, v in samples]}
            for time, expr, *samples in tests]


def test(name, series, alert_tests=(), expr_tests=(), files=("a.yaml",), top=None, **fields):
    inner = dict({"name": name, "interval": "1m",
                  "input_series": [{"series": s, "values": v} for s, v in series.items()]}, **fields)
    if alert_tests:
        inner["alert_rule_test"] = list(alert_tests)
    if expr_tests:
        inner["promql_expr_test"] = list(expr_tests)
    return name, dict({"rule_files": list(files), "tests": [{k: v for k, v in inner.items() if v is not None}]}, **(top or {}))


def tests():
    up, both = {A: "1 6 6 6 6 1 1 1 1 1"}, {A: "6x9", B: "7x9"}
    jl = {"job": "j", "instance": "a"}
    page = {"severity": "page", "job": "j", "instance": "a"}
    yield test("fires at once", up, alerts(("0m", "High"), ("1m", "High", high("a", 6)), ("5m", "High")))
    yield test("expected and not there", up, alerts(("0m", "High", high("a", 6))))
    yield test("there and not expected", up, alerts(("1m", "High")))
    yield test("a label differs", up, alerts(("1m", "High", alert(dict(PAGE, instance="b"), {"summary": "a is at 6"}))))
    yield test("an annotation differs", up, alerts(("1m", "High", high("a", 7))))
    yield test("an annotation is missing", up, alerts(("1m", "High", alert(dict(PAGE, instance="a")))))
    yield test("a label too many", up, alerts(("1m", "High", alert(dict(PAGE, instance="a", x="y"), {"summary": "a is at 6"}))))
    yield test("two of them", both, alerts(("1m", "High", high("a", 6), high("b", 7))))
    yield test("two in another order", both, alerts(("1m", "High", high("b", 7), high("a", 6))))
    yield test("one of two is missing", both, alerts(("1m", "High", high("a", 6))))
    yield test("one is expected twice", both, alerts(("1m", "High", high("a", 6), high("a", 6))))
    yield test("an unknown alert", up, alerts(("1m", "Nobody")))
    yield test("an unknown alert is expected", up, alerts(("1m", "Nobody", alert({}))))
    yield test("for", up, alerts(("1m", "HighLong"), ("2m", "HighLong"), ("3m", "HighLong", alert(page)), ("5m", "HighLong")))
    yield test("for is not over", up, alerts(("2m", "HighLong", alert(page))))
    yield test("for is over", up, alerts(("3m", "HighLong")))
    yield test("for begins anew", {A: "6 6 1 6 6 6 6"}, alerts(("3m", "HighLong"), ("4m", "HighLong"), ("5m", "HighLong", alert(page))))
    yield test("kept", up, alerts(("4m", "Kept", alert(jl, {"v": "6"})), ("7m", "Kept", alert(jl, {"v": "6"})), ("8m", "Kept")))
    yield test("kept too long", up, alerts(("8m", "Kept", alert(jl, {"v": "6"}))))
    yield test("for and kept", up, alerts(("3m", "LongKept", alert(jl)), ("6m", "LongKept", alert(jl)), ("7m", "LongKept")))
    yield test("kept, back, over", {A: "6 1 6 1 1 1 1 1"}, alerts(("1m", "Kept", alert(jl, {"v": "6"})), ("5m", "Kept", alert(jl, {"v": "6"})), ("6m", "Kept")))
    yield test("recorded", both, (), values(("2m", "job:m:sum", ('job:m:sum{job="j"}', 13)), ("2m", "job:m:double", ('job:m:double{job="j",kind="double"}', 26))))
    yield test("recorded and wrong", both, (), values(("2m", "job:m:sum", ('job:m:sum{job="j"}', 12))))
    yield test("an alert on what is recorded", both, alerts(("0m", "Sum", alert({"job": "j"}, {"d": "13"}))))
    yield test("a scalar's vector", up, alerts(("1m", "Scalar", alert({})), ("6m", "Scalar")))
    yield test("absent", up, alerts(("1m", "Gone", alert({"job": "x"}))))
    yield test("ALERTS is seen", up, alerts(("0m", "FromAlerts"), ("1m", "FromAlerts", alert({}))))
    yield test("ALERTS_FOR_STATE", {A: "6x9"}, alerts(("2m", "Since"), ("3m", "Since", alert(page))))
    yield test("a pending alert is seen", up, alerts(("1m", "Pend", alert(dict(page, alertstate="pending")))))
    yield test("ALERTS by expression", up, (), values(("1m", "ALERTS{alertname='High'}", ('ALERTS{alertname="High",alertstate="firing",copy="j",instance="a",job="j",severity="page"}', 1)), ("2m", "count(ALERTS)", ("{}", 8))))
    yield test("between two evaluations", up, alerts(("90s", "High", high("a", 6)), ("59s", "High")))
    yield test("between, and wrong", up, alerts(("59s", "High", high("a", 6))))
    yield test("evaluations every 2 m", up, alerts(("1m", "High"), ("2m", "High", high("a", 6)), ("5m", "High", high("a", 6))), top={"evaluation_interval": "2m"})
    yield test("evaluations every 30 s", up, alerts(("2m30s", "HighLong"), ("3m", "HighLong", alert(page))), top={"evaluation_interval": "30s"})
    yield test("values every 30 s", {A: "1 6 6 6 6 6 6 1"}, alerts(("1m", "High", high("a", 6)), ("3m", "HighLong", alert(page)), ("4m", "High")), interval="30s")
    yield test("gone", {A: "6 6 _ _ _ _ _ _ _ _"}, alerts(("5m", "High", high("a", 6)), ("7m", "High")))
    yield test("stale", {A: "6 6 stale"}, alerts(("1m", "High", high("a", 6)), ("2m", "High")))
    yield test("gaps", {A: "6 _x3 6"}, alerts(("3m", "High", high("a", 6))), values(("3m", "m", ('m{job="j",instance="a"}', 6)), ("3m30s", "count_over_time(m[2m15s])")))
    yield test("growing", {A: "0+2x5 10-3x2"}, (), values(("5m", "m", (A, 10)), ("7m", "m", (A, 7)), ("8m", "m", (A, 4))))
    yield test("growing, and wrong", {A: "0+2x5"}, (), values(("5m", "m", (A, 9))))
    yield test("numbers of all kinds", {A: "1e3 -2.5 0x10 inf -inf"}, (), values(("0m", "m", (A, 1000)), ("1m", "m", (A, -2.5))))
    yield test("infinity", {A: "inf -inf"}, (), values(("0m", "m", (A, float("inf"))), ("1m", "m", (A, float("-inf")))))
    yield test("the last of two", {A: "1x5", 'm{instance="a",job="j"}': "2x5"}, (), values(("1m", "m", (A, 2))))
    yield test("rates", {"c": "0+120x20"}, alerts(("10m30s", "Fast", alert({}))), values(("10m", "m:rate", ("m:rate", 2)), ("10m", "m:increase", ("m:increase", 540))), files=("rates.yaml",))
    yield test("a scalar", {}, (), values(("1m", "1 + 1", ("{}", 2)), ("2m", "time()", ("{}", 120))))
    yield test("a string", {}, (), values(("1m", "'x'")))
    yield test("a range", up, (), values(("1m", "m[1m]")))
    yield test("nothing expected, nothing there", up, (), values(("1m", "nobody")))
    yield test("nothing there", up, (), values(("1m", "nobody", ("nobody", 1))))
    yield test("no expectation", up, (), values(("1m", "m")))
    yield test("several samples in any order", both, (), values(("1m", "m", (B, 7), (A, 6))))
    yield test("a label in the wrong place", both, (), values(("1m", "sum(m)", ('{job="j"}', 13))))
    yield test("no name any more", both, (), values(("1m", "m + 0", ('{job="j",instance="a"}', 6), ('{job="j",instance="b"}', 7))))
    yield test("a broken expression", up, (), values(("1m", "m +")))
    yield test("an expression that fails", both, (), values(("1m", "m * on (job) m")))
    yield test("broken labels", up, (), values(("1m", "m", ("m{", 1))))
    yield test("a subquery has the interval of evaluations", {A: "1x20"}, (), values(("10m30s", "count_over_time(m[4m15s:])", ('{job="j",instance="a"}', 4))))
    yield test("values that are to come are not seen", {A: "1 2 3 4"}, (), values(("90s", "m", (A, 2)), ("1m", "m offset -1m", (A, 3))), top={"evaluation_interval": "1m"})
    yield test("values after the last evaluation", {A: "1 2 3 4 5 6"}, (), values(("1m45s", "m", (A, 3))), interval="30s")
    yield test("a name at the end", up, alerts(("1m", "High", high("a", 6))), values(("1m", "m", (A, 7))))
    yield test("two mistakes", up, alerts(("1m", "High"), ("3m", "HighLong")), values(("1m", "m", (A, 7))))
    yield test("two files", dict(up, n="2x9"), alerts(("1m", "High", high("a", 6), alert({}, {"from": "b"}))), files=("a.yaml", "b.yaml"))
    yield test("a pattern of files", dict(up, n="2x9"), alerts(("1m", "High", high("a", 6), alert({}, {"from": "b"}))), files=("[ab].yaml",))
    yield test("no such file", up, alerts(("1m", "High")), files=("none-*.yaml",))
    yield test("order of groups", {"n": "1x9"}, (), values(("1m", "later", ("later", 61))), files=("b.yaml",), top={"group_eval_order": ["first", "second"]})
    yield test("order of groups, the other way", {"n": "1x9"}, (), values(("1m", "later", ("later", 1))), files=("b.yaml",), top={"group_eval_order": ["second", "first"]})
    yield test("a group is ordered twice", up, alerts(("0m", "High")), top={"group_eval_order": ["base", "base"]})
    yield test("templates", dict(both), alerts(("1m", "T", *(alert({"job": "j", "instance": i, "site": "north"}, {
        "url": "http://p.example.org/x", "all": "map[__name__:m instance:%s job:j] %s" % (i, v), "query": "13", "loop": "a=6 b=7 ",
        "broken": "<error expanding template: error executing template __alert_T: template: __alert_T:1:115: executing \"__alert_T\" at <.Foo>: can't evaluate field Foo in type struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value float64 }>"})
        for i, v in (("a", 6), ("b", 7))))), files=("templates.yaml",), external_labels={"site": "north"}, external_url="http://p.example.org/x")
    yield test("templates without labels from outside", up, alerts(("1m", "T")), files=("templates.yaml",))
    yield test("an empty annotation", up, alerts(("1m", "Empty", alert(jl, {"a": "", "b": "x"}))), files=("empty.yaml",))
    yield test("an empty annotation is not expected", up, alerts(("1m", "Empty", alert(jl, {"b": "x"}))), files=("empty.yaml",))
    yield test("an empty label is expected", up, alerts(("1m", "Empty", alert(dict(jl, c=""), {"a": "", "b": "x"}))), files=("empty.yaml",))
    yield test("a limit", both, alerts(("1m", "Limited")), files=("limited.yaml",))
    yield test("within a limit", up, alerts(("1m", "Limited", alert(jl))), files=("limited.yaml",))
    yield test("two alerts become one", both, alerts(("1m", "Twice")), files=("twice.yaml",))
    yield test("two series become one", both, (), values(("1m", "r")), files=("collision.yaml",))
    yield test("a rule that fails", both, (), values(("1m", "m")), files=("failing.yaml",))
    yield test("a rule that is no vector", both, (), values(("1m", "m")), files=("string.yaml",))
    yield test("a file that is wrong", up, alerts(("1m", "B")), files=("broken.yaml",))
    yield test("a key that nobody knows", up, alerts(("1m", "U")), files=("unknown.yaml",))
    yield test("a key of the test that nobody knows", up, alerts(("1m", "High", high("a", 6))), colour="red")
    yield test("a key at the top that nobody knows", up, alerts(("1m", "High", high("a", 6))), top={"colour": "red"})
    yield test("no alert's name", up, [{"eval_time": "1m", "exp_alerts": []}])
    yield test("broken values", {A: "1 2 x"}, alerts(("1m", "High")))
    yield test("a broken series", {"m{": "1 2"}, alerts(("1m", "High")))
    yield test("a time that is none", up, alerts(("x", "High")))
    yield test("no tests at all", {})
    yield test("", up, alerts(("1m", "High")))


# Where the words are our own: what is wrong with a file is said with line and column, errors of the engine as later versions say them.
OWN_WORDS = {"a file that is wrong", "a key that nobody knows", "a key of the test that nobody knows", "a key at the top that nobody knows",
             "no alert's name", "broken values", "a broken series", "a time that is none", "a group is ordered twice", "broken labels",
             "a broken expression", "an expression that fails", "a rule that fails", "a string", "a range", "a rule that is no vector",
             "two series become one"}


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def promtool():
    binary = shutil.which("promtool")
    if not binary:
        raise Skip("no promtool")
    return binary


@case("rule-tests-verdicts")
def rule_tests_verdicts(c):
    """Some ninety tests of ours, passing and failing, get promtool's verdicts from `tocsin test rules`, and its words."""
    binary, folder = promtool(), c.folder("tests")
    for name, text in FILES.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            json.dump(text, file)
    wrong, count, failing = [], 0, 0
    for number, (name, document) in enumerate(tests()):
        path = "%03d_test.yml" % number
        with open(os.path.join(folder, path), "w", encoding="utf-8") as file:
            # JSON has no infinity, YAML has.
            file.write(re.sub(r"(?<=: )(-?)Infinity", r"\1.inf", json.dumps(document)))
        theirs, ours = run(binary, "test", "rules", path, cwd=folder), run(c.binary, "test", "rules", path, cwd=folder)
        count, failing = count + 1, failing + (theirs[0] != 0)
        if theirs[0] != ours[0]:
            wrong.append("%s: promtool ends with %d, tocsin with %d\n%s\n%s" % (name, theirs[0], ours[0], theirs[1] + theirs[2], ours[1] + ours[2]))
        elif name not in OWN_WORDS and theirs[1:] != ours[1:]:
            wrong.append("%s: promtool says\n%s\ntocsin\n%s" % (name, theirs[1] + theirs[2], ours[1] + ours[2]))
    if wrong:
        raise Failure("%d of %d:\n%s" % (len(wrong), count, "\n".join(wrong)))
    return "tests=%d failing=%d" % (count, failing)


@case("rule-tests-pack")
def rule_tests_pack(c):
    """The tests of the default pack pass under promtool and under `tocsin test rules`."""
    binary = promtool()
    paths = sorted(glob.glob(os.path.join(RULES, "tests", "*_test.yaml")))
    for command in (binary, c.binary):
        code, output, errors = run(command, "test", "rules", *paths, cwd=RULES)
        if code or output.count("SUCCESS") != len(paths):
            raise Failure("%s ends with %d: %s" % (command, code, output[-2000:] + errors[-4000:]))
    return "files=%d" % len(paths)


@case("rule-tests-newer")
def rule_tests_newer(c):
    """What promtool 2.42 lacks: pending alerts, fuzzy comparison, a start time, an interval by default, underscores in numbers, the choice of tests,
    JSON."""
    folder = c.folder("tests")
    with open(os.path.join(folder, "a.yaml"), "w", encoding="utf-8") as file:
        json.dump(FILES["a.yaml"], file)

    def verdict(document, *arguments):
        with open(os.path.join(folder, "t.yml"), "w", encoding="utf-8") as file:
            json.dump(document, file)
        return run(c.binary, "test", "rules", "t.yml", *arguments, cwd=folder)

    series = {A: "1 6 6 6 6"}
    page = {"severity": "page", "job": "j", "instance": "a"}
    pending = {"eval_time": "2m", "alertname": "HighLong", "exp_pending": [alert(page)]}
    for expected, want in (([alert(page)], 0), ([], 1), ([alert(dict(page, x="y"))], 1)):
        code, _, errors = verdict(test("p", series, [dict(pending, exp_pending=expected)])[1])
        if code != want or (want and "exp_pending:" not in errors):
            raise Failure("pending %s: %d %s" % (expected, code, errors))
    near = test("near", {A: "0.1"}, (), values(("0m", "m + 0.2", ('{job="j",instance="a"}', 0.3))))[1]
    if (verdict(near)[0], verdict(dict(near, fuzzy_compare=True))[0]) != (1, 0):
        raise Failure("fuzzy_compare makes no difference")
    for start, seconds in (("2026-01-31T12:00:00Z", 1769860800), (1769860800, 1769860800)):
        code, _, errors = verdict(test("start", series, alerts(("1m", "High", high("a", 6))), values(("1m", "time()", ("{}", seconds + 60))),
                                       start_timestamp=start)[1])
        if code:
            raise Failure("start_timestamp %s: %s" % (start, errors))
    code, _, errors = verdict(test("readable", {A: "1_000"}, (), values(("0m", "m", (A, 1000))))[1])
    if code:
        raise Failure("1_000: %s" % errors)
    for every, time in (("1m", "1m"), ("2m", "2m")):
        code, _, errors = verdict(test("no interval", series, alerts((time, "High", high("a", 6))), interval=None,
                                       top={"evaluation_interval": every})[1])
        if code:
            raise Failure("without an interval, evaluations every %s: %s" % (every, errors))
    two = test("good", series, alerts(("1m", "High", high("a", 6))))[1]
    two["tests"] += test("bad", series, alerts(("1m", "High")))[1]["tests"]
    if [verdict(two, *more)[0] for more in ((), ("--run", "^good$"), ("--run", "bad"), ("--run", "("))] != [1, 0, 1, 2]:
        raise Failure("--run does not pick tests")
    report = json.loads(verdict(two, "--json")[1])
    if [report[0]["passed"], report[0]["tests"], [f["test"] for f in report[0]["failures"]]] != [False, 2, ["bad"]]:
        raise Failure("--json says %s" % report)
