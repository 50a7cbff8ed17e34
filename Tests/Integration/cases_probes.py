"""Probes: each kind against a server of ours, those that fail included, and the names against blackbox_exporter."""

import http.server
import json
import os
import re
import shutil
import socket
import socketserver
import ssl
import struct
import subprocess
import threading
import time
import urllib.request

from agent import free_port
from context import Skip, case


class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/redirect":
            return self.answer(302, b"", {"Location": "/page"})
        if self.path == "/slow":
            time.sleep(5)
        if self.path == "/secret" and self.headers.get("Authorization") is None:
            return self.answer(401, b"")
        self.answer(503 if self.path == "/broken" else 200, b"hello, probe", {"Last-Modified": "Fri, 20 Nov 2026 10:00:00 GMT"})

    def answer(self, status, body, headers={}):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Names(socketserver.BaseRequestHandler):
    """Answers every question with 192.0.2.1, but `gone.test` with NXDOMAIN."""

    def handle(self):
        query, sock = self.request
        missing = b"\4gone" in query
        answer = query[:2] + struct.pack(">HHHHH", 0x8183 if missing else 0x8180, 1, 0 if missing else 1, 0, 0) + query[12:]
        if not missing:
            answer += b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([192, 0, 2, 1])
        sock.sendto(answer, self.client_address)


class Mail(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 mail.test ready\r\n")
        try:
            if self.rfile.readline().strip() == b"EHLO probe":
                self.wfile.write(b"250 welcome\r\n")
        except ConnectionError:
            pass  # a probe that only opens the connection


def serve(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def certificate(c, days):
    name = c.path("cert-%d" % days)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-subj", "/C=DE/O=A, B+OU=\"x\"/O=C/emailAddress=a@b.test/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,DNS:*.site.test,IP:127.0.0.1", "-days", str(days), "-keyout", name + ".key", "-out", name + ".crt"],
        check=True, capture_output=True)
    return name + ".crt", name + ".key"


def families(text):
    """Name to label names of what a page has."""
    found = {}
    for line in text.splitlines():
        if line.startswith("probe_"):
            name, _, rest = line.partition("{")
            labels = set(re.findall(r'([a-zA-Z0-9_]+)="(?:[^"\\]|\\.)*"', rest))
            found[name.split(" ")[0]] = labels - {"job", "instance", "probe"}
    return found


@case("probes")
def probes(c):
    """HTTP, TCP, TLS, DNS and ICMP probes tell what is there and what is not, and a certificate's expiry to the second."""
    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    site_port = serve(site)
    cert, key = certificate(c, 40)
    secure = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    secure_port = serve(secure)
    older = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    older.socket = context.wrap_socket(older.socket, server_side=True)
    older_port = serve(older)
    names = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Names)
    mail = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail)
    names_port, mail_port = serve(names), serve(mail)
    closed = free_port()
    base = "http://127.0.0.1:%d" % site_port
    wanted = {
        "page": (1, {"http": base + "/page", "fail_if_body_not_matches_regexp": ["hello"]}),
        "redirect": (1, {"http": base + "/redirect"}),
        "redirect-not-followed": (1, {"http": base + "/redirect", "follow_redirects": False, "valid_status_codes": [302]}),
        "broken": (0, {"http": base + "/broken"}),
        "wrong-body": (0, {"http": base + "/page", "fail_if_body_matches_regexp": ["hel+o"]}),
        "slow": (0, {"http": base + "/slow", "timeout": "500ms"}),
        "secret": (1, {"http": base + "/secret", "basic_auth": {"username": "u", "password": "p"}}),
        "no-secret": (0, {"http": base + "/secret"}),
        "secure": (1, {"http": "https://localhost:%d/page" % secure_port, "tls_config": {"ca_file": cert}, "fail_if_not_ssl": True}),
        "older": (1, {"http": "https://localhost:%d/page" % older_port, "tls_config": {"insecure_skip_verify": True}}),
        "untrusted": (0, {"http": "https://localhost:%d/page" % secure_port}),
        "handshake": (1, {"tls": "localhost:%d" % secure_port, "tls_config": {"ca_file": cert}}),
        "untrusted-handshake": (0, {"tls": "localhost:%d" % secure_port}),
        "no-handshake": (0, {"tls": "127.0.0.1:%d" % site_port}),
        "open": (1, {"tcp": "127.0.0.1:%d" % mail_port}),
        "talk": (1, {"tcp": "127.0.0.1:%d" % mail_port,
                     "query_response": [{"expect": "^220 "}, {"send": "EHLO probe"}, {"expect": "^250"}]}),
        "wrong-talk": (0, {"tcp": "127.0.0.1:%d" % mail_port, "timeout": "1s", "query_response": [{"expect": "^999"}]}),
        "closed": (0, {"tcp": "127.0.0.1:%d" % closed}),
        "name": (1, {"dns": "a.test", "server": "127.0.0.1:%d" % names_port, "answer_matches": "IN A 192\\.0\\.2\\.1$"}),
        "no-name": (0, {"dns": "gone.test", "server": "127.0.0.1:%d" % names_port}),
        "no-name-wanted": (1, {"dns": "gone.test", "server": "127.0.0.1:%d" % names_port, "valid_rcodes": ["NXDOMAIN"]}),
        "no-server": (0, {"dns": "a.test", "server": "127.0.0.1:%d" % closed, "timeout": "1s"}),
        "ping": (1, {"icmp": "127.0.0.1"}),
        "ping6": (1, {"icmp": "::1"}),
        "no-ping": (0, {"icmp": "no-such-host.invalid"}),
    }
    if not os.path.exists("/proc/net/if_inet6"):
        del wanted["ping6"]
    agent = c.agent([], [], metrics={"probes": [dict(probe, name=name, interval="5s", timeout=probe.get("timeout", "3s")) for name, (_, probe) in wanted.items()]})
    agent.start()

    def results():
        page = agent.get("/metrics")[1]
        return {line.split('probe="')[1].split('"')[0]: float(line.split(" ")[-1]) for line in page.splitlines() if line.startswith("probe_success{")}

    c.eventually(lambda: len(results()) == len(wanted), 20, "not every probe has run")
    page = agent.get("/metrics")[1]
    wrong = [name for name, (success, _) in wanted.items() if results()[name] != success]
    c.require(not wrong, "another result than expected: %s\n%s" % (wrong, agent.log_tail(40)))

    def value(name, probe, **labels):
        for line in page.splitlines():
            if line.startswith(name + "{") and 'probe="%s"' % probe in line and all('%s="%s"' % item in line for item in labels.items()):
                return float(line.split(" ")[-1])
        return None

    expiry = subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-enddate"], capture_output=True, text=True).stdout.strip()
    seconds = ssl.cert_time_to_seconds(expiry.split("=")[1])
    for probe in ("secure", "handshake", "untrusted-handshake"):
        c.require(value("probe_ssl_earliest_cert_expiry", probe) == seconds, "%s: expiry %s, not %s" % (probe, value("probe_ssl_earliest_cert_expiry", probe), seconds))
    c.require(value("probe_http_redirects", "redirect") == 1 and value("probe_http_status_code", "redirect") == 200, "the redirect was not followed")
    c.require(value("probe_http_status_code", "broken") == 503, "503 is not shown")
    c.require(value("probe_http_last_modified_timestamp_seconds", "page") == 1795168800, "Last-Modified is not shown")
    c.require(value("probe_failed_due_to_regex", "wrong-body") == 1, "the pattern's failure is not shown")
    c.require(value("probe_dns_answer_rrs", "name") == 1, "the answer is not counted")
    c.require(value("probe_icmp_duration_seconds", "ping", phase="rtt") > 0, "no round trip time")
    phases = [value("probe_http_duration_seconds", "secure", phase=phase) for phase in ("resolve", "connect", "tls", "processing", "transfer")]
    c.require(all(phase is not None for phase in phases) and phases[2] > 0, "phases: %s" % phases)
    more = compare(c, page, wanted, cert)
    for server in (site, secure, older, names, mail):
        server.shutdown()
    return "%d probes as expected%s" % (len(wanted), more)


def told(text, name):
    """What a page says of TLS: each sample of these families with its labels but the target's, and its value."""
    found = set()
    for line in text.splitlines():
        if line.startswith(name):
            series, _, value = line.rpartition(" ")
            pairs = re.findall(r'([a-zA-Z0-9_]+)="((?:[^"\\]|\\.)*)"', series)
            found.add((tuple(sorted(pair for pair in pairs if pair[0] not in ("job", "instance", "probe"))), float(value)))
    return found


def compare(c, page, wanted, cert):
    """Families and labels against blackbox_exporter's for the same targets; what is said of TLS and certificates in full."""
    binary = shutil.which("prometheus-blackbox-exporter")
    if not binary:
        return "; no blackbox_exporter to compare with"
    port = free_port()
    modules = {"page": {"prober": "http", "http": {"preferred_ip_protocol": "ip4"}}, "open": {"prober": "tcp", "tcp": {"preferred_ip_protocol": "ip4"}},
               "secure": {"prober": "http", "http": {"preferred_ip_protocol": "ip4", "tls_config": {"ca_file": cert}}},
               "older": {"prober": "http", "http": {"preferred_ip_protocol": "ip4", "tls_config": {"insecure_skip_verify": True}}},
               "handshake": {"prober": "tcp", "tcp": {"preferred_ip_protocol": "ip4", "tls": True, "tls_config": {"ca_file": cert}}},
               "ping": {"prober": "icmp", "icmp": {"preferred_ip_protocol": "ip4"}}, "name": {"prober": "dns", "dns": {"query_name": "a.test", "preferred_ip_protocol": "ip4"}}}
    path = c.path("blackbox.json")
    with open(path, "w") as file:
        json.dump({"modules": modules}, file)
    process = subprocess.Popen([binary, "--config.file=" + path, "--web.listen-address=127.0.0.1:%d" % port], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        missing = []
        for name in modules:
            probe = wanted[name][1]
            target = probe.get("server") or probe.get("http") or probe.get("tcp") or probe.get("tls") or probe.get("icmp")
            url = "http://127.0.0.1:%d/probe?module=%s&target=%s" % (port, name, target)
            c.eventually(lambda: reachable(url), 10, "blackbox_exporter does not answer")
            text = urllib.request.urlopen(url, timeout=10).read().decode()
            own = "\n".join(line for line in page.splitlines() if 'probe="%s"' % name in line)
            theirs, ours = families(text), families(own)
            missing += ["%s: %s" % (name, family) for family, labels in theirs.items() if ours.get(family) != labels]
            for family in ("probe_tls_version_info", "probe_ssl_last_chain_info", "probe_ssl_earliest_cert_expiry",
                           "probe_ssl_last_chain_expiry_timestamp_seconds"):
                c.require(told(text, family) == told(own, family) and (name not in ("secure", "older", "handshake") or told(own, family)),
                          "%s of %s is %s, blackbox_exporter's %s" % (family, name, told(own, family), told(text, family)))
        c.require(not missing, "blackbox_exporter has other families: %s" % missing)
    finally:
        process.terminate()
        process.wait()
    return "; families equal to blackbox_exporter's"


def reachable(url):
    try:
        return urllib.request.urlopen(url, timeout=5).status == 200
    except OSError:
        return False
