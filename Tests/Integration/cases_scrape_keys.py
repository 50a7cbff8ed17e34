"""Scraping through the agent: every key of a scrape configuration does what Prometheus's does."""

import hashlib
import http.server
import json
import os
import socketserver
import ssl
import threading
import time

from cases_scraping import Scripted, metrics, receiver, targets, text, values
from context import case
from proxies import HTTPProxy
from webtools import Authority


class SocketServer(socketserver.ThreadingUnixStreamServer):
    """A page over a socket file."""

    daemon_threads = True

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = b"page 1\n"
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self):
            return "socket"

        def log_message(self, *_):
            pass

    def __init__(self, c, path):
        super().__init__(path, self.Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        c.closing.append(self.shutdown)


PAGE = text("page 1\n")
LINES = "".join('line{i="%d"} 1\n' % i for i in range(10))


class Keys:
    """One job for each key of a scrape configuration, and what must come of it."""

    def __init__(self, c):
        self.c = c
        self.ca = Authority(c.folder("ca"))
        self.token = c.path("token")
        self.write(self.token, "first")
        self.write(c.path("password"), "secret\n")
        self.wanted_token = "first"
        plain = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        plain.load_cert_chain(*self.ca.issue("site", "DNS:site.test"))
        mutual = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        mutual.load_cert_chain(*self.ca.issue("local"))
        mutual.load_verify_locations(self.ca.path)
        mutual.verify_mode = ssl.CERT_REQUIRED
        answers = {
            "/elsewhere/page": PAGE, "/default": PAGE, "/params": PAGE, "/relabelled": PAGE, "/timing": PAGE,
            "/honor": text('page{job="theirs",instance="own"} 1\n'), "/exported": text('page{job="theirs",instance="own"} 1\n'),
            "/timestamps": lambda _, n: (200, {"Content-Type": "text/plain"}, b"page 1 %d\n" % ((time.time() - 100) * 1000)),
            "/deaf": lambda _, n: (200, {"Content-Type": "text/plain"}, b"page 1 %d\n" % ((time.time() - 100) * 1000)),
            "/basic": lambda h, n: PAGE(h, n) if h.headers.get("Authorization") == "Basic dXNlcjpzZWNyZXQ=" else (401, {}, b""),
            "/bearer": lambda h, n: PAGE(h, n) if h.headers.get("Authorization") == "Bearer given" else (401, {}, b""),
            "/credentials": lambda h, n: (
                PAGE(h, n) if h.headers.get("Authorization") == "Custom " + self.wanted_token else (401, {}, b"")),
            "/limited": text(LINES), "/unlimited": text(LINES), "/labels": text('page{a="1",b="2"} 1\n'),
            "/name": text('page{a_long_name="1"} 1\n'), "/value": text('page{a="long value"} 1\n'),
            "/large": text("page 1\n" + "#" * 2000 + "\n"), "/targets": PAGE, "/extra": PAGE, "/untyped": text("page 1\n", None),
            "/fallback": text("page 1\n", None), "/fallback-open": text("# TYPE page counter\npage_total 1\n# EOF\n", "application/json"),
            "/protocols": PAGE, "/redirect": lambda h, n: (302, {"Location": "/elsewhere/page"}, b""),
            "/stay": lambda h, n: (302, {"Location": "/elsewhere/page"}, b""), "/proxied": PAGE, "/unproxied": PAGE, "/headers": PAGE,
            "/metric": text('go_x 1\npage{code="404",keep="1"} 1\npage_old 2\n'), "/identity": PAGE, "/files": PAGE, "/verify": PAGE,
            "/skip": PAGE, "/named": PAGE, "/mutual": PAGE, "/nobody": PAGE, "/actions": PAGE, "/slow": self.slow,
        }
        self.site = Scripted(c, answers)
        self.secure, self.mutual = Scripted(c, answers, plain), Scripted(c, answers, mutual)
        self.proxy = c.proxy(HTTPProxy())
        # Socket paths have 108 bytes at most.
        self.socket = os.path.join(c.directory, "s")
        SocketServer(c, self.socket)

    @staticmethod
    def slow(handler, count):
        time.sleep(0.7)
        return PAGE(handler, count)

    @staticmethod
    def write(path, body):
        with open(path + ".new", "w") as file:
            file.write(body)
        os.replace(path + ".new", path)

    def jobs(self):
        ours = {"ca_file": self.ca.path}
        client = dict(zip(("cert_file", "key_file"), self.ca.issue("client", "DNS:client")))
        address = self.site.address

        def over_tls(server, **tls):
            return {"scheme": "https", "tls_config": tls, "static_configs": [{"targets": [server.address]}]}

        keys = {
            "default": {}, "elsewhere": {"metrics_path": "/elsewhere/page"},
            "labels": {"label_limit": 3}, "name": {"label_name_length_limit": 10}, "value": {"label_value_length_limit": 9},
            "params": {"params": {"a": ["1", "2"], "b c": ["ü&"]}},
            "relabelled": {"params": {"target": ["x"]}, "relabel_configs": [
                {"source_labels": ["__param_target", "__address__"], "regex": "x;(.*):.*", "target_label": "__param_target",
                 "replacement": "$1"},
                {"target_label": "__param_more", "replacement": "yes"}, {"target_label": "instance", "replacement": "renamed"},
                {"target_label": "__tmp", "replacement": "gone"}]},
            "timing": {"relabel_configs": [{"target_label": "__scrape_interval__", "replacement": "2s"},
                                           {"target_label": "__scrape_timeout__", "replacement": "1500ms"}]},
            "honor": {"honor_labels": True}, "exported": {}, "timestamps": {}, "deaf": {"honor_timestamps": False},
            "basic": {"basic_auth": {"username": "user", "password_file": self.c.path("password")}},
            "bearer": {"bearer_token": "given"},
            "credentials": {"authorization": {"type": "Custom", "credentials_file": self.token}},
            "limited": {"sample_limit": 9}, "unlimited": {"sample_limit": 10},
            "large": {"body_size_limit": "1KB", "extra_scrape_metrics": True}, "extra": {"extra_scrape_metrics": True, "sample_limit": 5},
            "targets": {"target_limit": 1, "static_configs": [{"targets": [address, "localhost:" + address.split(":")[1]]}]},
            "untyped": {}, "fallback": {"fallback_scrape_protocol": "PrometheusText0.0.4"},
            "fallback-open": {"fallback_scrape_protocol": "OpenMetricsText1.0.0"},
            "protocols": {"scrape_protocols": ["PrometheusText0.0.4", "OpenMetricsText0.0.1"]},
            "redirect": {}, "stay": {"follow_redirects": False},
            "proxied": {"proxy_url": self.proxy.url()}, "unproxied": {"proxy_url": self.proxy.url(), "no_proxy": "127.0.0.1"},
            "headers": {"headers": {"X-Scope-OrgID": "me"}, "http_headers": {"X-Other": {"values": ["one", "two"]}},
                        "enable_http2": False, "metric_name_validation_scheme": "utf8"}, "identity": {"enable_compression": False},
            "slow": {"scrape_timeout": "300ms"},
            "metric": {"metric_relabel_configs": [
                {"source_labels": ["__name__"], "regex": "go_.*", "action": "drop"},
                {"source_labels": ["__name__"], "regex": "page_(old)", "target_label": "__name__", "replacement": "page_${1}_new"},
                {"regex": "code", "action": "labeldrop"}]},
            "verify": over_tls(self.secure, **ours), "skip": over_tls(self.secure, insecure_skip_verify=True),
            "named": over_tls(self.secure, server_name="site.test", **ours),
            "mutual": over_tls(self.mutual, **ours, **client), "nobody": over_tls(self.mutual, **ours),
            "socket": {"static_configs": [{"targets": ["app"], "labels": {"__unix_socket__": self.socket, "team": "a"}}]},
            "files": {"file_sd_configs": [{"files": [self.c.path("sd", "*.json"), self.c.path("sd", "one.yml")]}]},
            "actions": {"static_configs": [{"targets": [address], "labels": {
                "Mixed": "AbC", "same": "x", "__meta_team": "b", "drop_me": "1", "empty": ""}}], "relabel_configs": [
                {"source_labels": ["Mixed"], "target_label": "low", "action": "lowercase"},
                {"source_labels": ["Mixed"], "target_label": "up", "action": "uppercase"},
                {"source_labels": ["Mixed", "same"], "separator": "-", "target_label": "joined", "regex": "(.*)-(.*)",
                 "replacement": "$2/${1}"},
                {"source_labels": ["Mixed"], "regex": "b", "target_label": "unanchored", "replacement": "wrong"},
                {"source_labels": ["same"], "modulus": 8, "target_label": "hash", "action": "hashmod"},
                {"regex": "__meta_(.*)", "action": "labelmap"}, {"regex": "drop_.*", "action": "labeldrop"},
                {"source_labels": ["same"], "target_label": "low", "action": "dropequal"},
                {"source_labels": ["same"], "target_label": "same", "action": "keepequal"},
                {"regex": "Mixed", "action": "labeldrop"},
                {"regex": "low|up|joined|hash|team|same|unanchored|instance|job|__.*", "action": "labelkeep"}]},
            "dropped": {"relabel_configs": [{"source_labels": ["__address__"], "regex": ".*", "action": "drop"}]},
            "kept": {"relabel_configs": [{"source_labels": ["__address__"], "regex": "nothing", "action": "keep"}]},
        }
        return [{"job_name": name, "metrics_path": "/" + name,
                 **({} if "file_sd_configs" in job else {"static_configs": [{"targets": [address]}]}), **job}
                for name, job in keys.items()]


@case("scrape-keys")
def scrape_keys(c):
    """Every key of the essential part of Prometheus's scrape_config does what it says: one job and one check for each."""
    keys = Keys(c)
    sd = c.folder("sd")
    keys.write(sd + "/a.json", json.dumps([{"targets": [keys.site.address], "labels": {"of": "json"}}]))
    keys.write(sd + "/one.yml", "- targets: ['%s']\n  labels: {of: yaml}\n" % keys.site.address)
    server = receiver(c)
    agent = c.agent([], [], metrics=metrics(server, scrape_configs=keys.jobs()))
    agent.start()

    errors = {}

    def state():
        """Health, the last error and the target of each job; the first of several."""
        found = {}
        for one in targets(agent):
            if one["lastError"]:
                errors[one["scrapePool"]] = one["lastError"]
            found.setdefault(one["scrapePool"], (one["health"], one["lastError"], one))
        return found

    down = {"slow": "time", "limited": "sample_limit", "labels": "label_limit", "name": "label_name_length_limit",
            "value": "label_value_length_limit", "large": "body size limit", "targets": "target_limit", "untyped": "content type",
            "stay": "302", "verify": "certificate", "nobody": ""}
    wanted = {job["job_name"]: job["job_name"] not in down for job in keys.jobs() if job["job_name"] not in ("dropped", "kept")}

    def wrong():
        have = state()
        return {name: have.get(name, ("none", "", ""))[:2] for name, is_up in wanted.items()
                if have.get(name, ("none",))[0] != ("up" if is_up else "down")}

    c.eventually(lambda: not wrong(), 30, lambda: "another health than expected: %s" % wrong())
    problems = []

    def check(name, condition, text):
        if not condition:
            problems.append("%s: %s" % (name, text))

    have = state()
    for name, reason in down.items():
        check(name, reason in have[name][1], "the error is %r" % have[name][1])
    c.eventually(lambda: all(values(server, "up", job=name) for name in wanted), 20,
                 lambda: "nothing of %s" % [name for name in wanted if not values(server, "up", job=name)])
    time.sleep(3)
    for name, is_up in wanted.items():
        # The first ones may be late on a busy machine.
        seen = set(values(server, "up", job=name)[-2:])
        check(name, seen == {1.0 if is_up else 0.0}, "up has been %s, %s" % (seen, errors.get(name)))
    asked = keys.site.asked

    def headers(name):
        return asked["/" + name][-1][1]

    def series(metric, **labels):
        return [dict(labels) for labels in server.named(metric, **labels)]

    def labels_of(name, metric="page"):
        found = [one for one in (dict(k) for k in server.taken) if one["__name__"] == metric and one.get("job") == name]
        return {k: v for k, v in found[0].items() if k not in ("__name__", "job")} if found else None

    here = {"instance": keys.site.address}
    check("default", labels_of("default") == here, "labels %s" % labels_of("default"))
    check("default", headers("default")["accept-encoding"] == "gzip" and
          headers("default")["x-prometheus-scrape-timeout-seconds"] == "1" and
          headers("default")["accept"].startswith("application/openmetrics-text;version=1.0.0"), "headers %s" % headers("default"))
    for metric in ("scrape_duration_seconds", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling",
                   "scrape_series_added"):
        check("default", labels_of("default", metric) == here, "no %s" % metric)
    check("default", not series("scrape_timeout_seconds", job="default"), "extra series that were not asked for")
    check("params", asked["/params"][-1][0] == "/params?a=1&a=2&b%20c=%C3%BC%26", asked["/params"][-1][0])
    check("relabelled", asked["/relabelled"][-1][0] == "/relabelled?more=yes&target=127.0.0.1", asked["/relabelled"][-1][0])
    check("relabelled", labels_of("relabelled") == {"instance": "renamed"}, "labels %s" % labels_of("relabelled"))
    timing = have["timing"][2]
    check("timing", (timing["scrapeInterval"], timing["scrapeTimeout"]) == ("2s", "1500ms"), "%s" % timing)
    check("timing", 0.3 < len(asked["/timing"]) / len(asked["/default"]) < 0.75 and
          headers("timing")["x-prometheus-scrape-timeout-seconds"] == "1.5", "scraped %d times, others %d" % (
              len(asked["/timing"]), len(asked["/default"])))
    check("honor", series("page", job="theirs") == [{"__name__": "page", "job": "theirs", "instance": "own"}],
          "labels %s" % series("page", job="theirs"))
    check("exported", labels_of("exported") == {"exported_job": "theirs", "exported_instance": "own", **here},
          "labels %s" % labels_of("exported"))

    def age(name):
        return time.time() - next(iter(server.named("page", job=name).values()))[-1][0] / 1000

    check("timestamps", age("timestamps") > 90, "%.0f s old" % age("timestamps"))
    check("deaf", age("deaf") < 30, "%.0f s old" % age("deaf"))
    check("unlimited", len(series("line", job="unlimited")) == 10, "%d series" % len(series("line", job="unlimited")))
    for name in ("limited", "labels", "name", "value", "large", "stay"):
        check(name, labels_of(name) is None, "samples of a scrape that failed")
    check("large", values(server, "scrape_body_size_bytes", job="large")[-1:] == [-1], "the size told is wrong")
    check("extra", (values(server, "scrape_timeout_seconds", job="extra")[-1:], values(server, "scrape_sample_limit", job="extra")[-1:],
                    values(server, "scrape_body_size_bytes", job="extra")[-1:]) == ([1], [5], [7]), "extra series are wrong")
    check("targets", sum(one["scrapePool"] == "targets" for one in targets(agent)) == 2, "not both targets fail")
    check("fallback-open", labels_of("fallback-open", "page_total") == here, "not read as OpenMetrics")
    check("protocols", headers("protocols")["accept"].split(",")[:2] == [
        "text/plain;version=0.0.4;q=0.3", "application/openmetrics-text;version=0.0.1;q=0.2"], headers("protocols")["accept"])
    check("redirect", labels_of("redirect") == here, "labels %s" % labels_of("redirect"))
    check("proxied", keys.proxy.served > 0 and "/unproxied" not in " ".join(map(str, keys.proxy.names)), "%d through the proxy, %s" % (
        keys.proxy.served, keys.proxy.names[:3]))
    check("headers", headers("headers").get("x-scope-orgid") == "me" and headers("headers").get("x-other") == "one, two", "%s" % headers("headers"))
    check("identity", headers("identity").get("accept-encoding") == "identity", "%s" % headers("identity"))
    check("metric", labels_of("metric") == {"keep": "1", **here} and labels_of("metric", "page_old_new") == here
          and not series("go_x"), "labels %s" % labels_of("metric"))
    check("metric", (values(server, "scrape_samples_scraped", job="metric")[-1:],
                     values(server, "scrape_samples_post_metric_relabeling", job="metric")[-1:]) == ([3], [2]), "counts are wrong")
    check("socket", labels_of("socket") == {"instance": "app", "team": "a"}, "labels %s" % labels_of("socket"))
    # As Prometheus: the last eight bytes of the MD5.
    hashed = str(int.from_bytes(hashlib.md5(b"x").digest()[8:], "big") % 8)
    check("actions", labels_of("actions") == {
        "low": "abc", "up": "ABC", "joined": "x/AbC", "hash": hashed, "team": "b", "same": "x", **here},
          "labels %s" % labels_of("actions"))
    dropped = json.loads(agent.get("/api/v1/targets?state=dropped")[1])["data"]["droppedTargets"]
    check("dropped", {one["scrapePool"] for one in dropped} >= {"dropped", "kept"}, "dropped are %s" % dropped)
    check("credentials", "Custom first" == headers("credentials")["authorization"], "%s" % headers("credentials"))

    # What changes while it runs: a secret in its file, and files of targets.
    keys.write(keys.token, "second")
    keys.wanted_token = "second"
    c.eventually(lambda: state()["credentials"][0] == "up" and headers("credentials")["authorization"] == "Custom second", 15,
                 "a secret that was replaced is not read again")

    def found():
        return sorted((one["labels"]["of"], one["discoveredLabels"]["__meta_filepath"].rpartition("/")[2])
                      for one in targets(agent) if one["scrapePool"] == "files")

    check("files", found() == [("json", "a.json"), ("yaml", "one.yml")], "found %s" % found())
    keys.write(sd + "/b.json", json.dumps([{"targets": [keys.site.address], "labels": {"of": "more"}}]))
    keys.write(sd + "/one.yml", "- targets: [broken\n")
    os.unlink(sd + "/a.json")
    c.eventually(lambda: found() == [("more", "b.json"), ("yaml", "one.yml")], 15, lambda: "found %s" % found())
    c.eventually(lambda: values(server, "page", job="files", of="json")[-1:] == ["stale"], 20, "a target that is gone goes on")
    agent.terminate()
    c.require(not problems, "; ".join(problems))
    c.require(not server.problems, "against the specification: %s" % server.problems[:3])
    return "%d jobs" % len(keys.jobs())
