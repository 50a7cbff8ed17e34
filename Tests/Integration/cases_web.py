"""The HTTP face as the web configuration file wants it: TLS, passwords, who may ask; scraped by a real Prometheus."""

import http.client
import json
import os
import pty
import re
import shutil
import socket
import ssl
import stat
import subprocess
import time

from agent import free_port
from context import Failure, Skip, case
from webtools import Authority, Prometheus, WebAgent, curl, tls


def accepted_by_promtool(c, agent):
    """The toolkit itself has to take the file that we take."""
    if not shutil.which("promtool"):
        raise Skip("no promtool")
    done = subprocess.run(["promtool", "check", "web-config", agent.web], capture_output=True, timeout=20, check=False)
    c.require(done.returncode == 0, "promtool refuses the file: %s" % (done.stdout + done.stderr).decode())


@case("web-prometheus-basic")
def basic(c):
    """Prometheus scrapes over TLS with a user and a password; a wrong password and none are refused."""
    authority = Authority(c.folder("tls"))
    certificate = authority.issue("server")
    agent = WebAgent(c, "")
    agent.write_web({"tls_server_config": tls(certificate), "basic_auth_users": {"prom": agent.hash("right", 10)}})
    accepted_by_promtool(c, agent)
    agent.start()
    job = {"scheme": "https", "tls_config": {"ca_file": authority.path, "server_name": "localhost"}}
    prometheus = Prometheus(c, "127.0.0.1:%d" % agent.port, basic_auth={"username": "prom", "password": "right"}, **job)
    c.eventually(lambda: prometheus.query("count_over_time(up[1m])") >= [5], 30, "no five scrapes: %s" % (prometheus.target(),))
    c.require(prometheus.query("min_over_time(up[1m])") == [1], "a scrape failed: %s" % (prometheus.target(),))
    c.require(prometheus.query("tocsin_build_info") == [1], "no sample has arrived")
    prometheus.stop()
    slowest = max(prometheus_durations(agent, authority))
    for user in ("prom:wrong", "nobody:right", None):
        options = ["-u", user] if user else []
        _, status, headers, _, _ = curl("--cacert", authority.path, *options, "https://localhost:%d/metrics" % agent.port)
        c.require(status == 401 and "basic" in headers.get("www-authenticate", "").lower(), "%s: %d" % (user, status))
    return "cached_request_ms=%.0f" % (slowest * 1000)


def prometheus_durations(agent, authority):
    """Seconds that five requests took whose password is known already."""
    times = []
    for _ in range(5):
        begin = time.monotonic()
        _, status, _, _, error = curl("--cacert", authority.path, "-u", "prom:right", "https://localhost:%d/metrics" % agent.port)
        times.append(time.monotonic() - begin)
        if status != 200:
            raise Failure("%d %s" % (status, error))
    return times


@case("web-prometheus-rotation")
def rotation(c):
    """Prometheus scrapes with a client's certificate while the server's is replaced twice: no scrape fails, a connection
    that was open lives on, and new ones get the new certificate."""
    authority = Authority(c.folder("tls"))
    certificate = authority.issue("server")
    client = authority.issue("client", "DNS:prometheus.example")
    section = tls(certificate, client_auth_type="RequireAndVerifyClientCert", client_ca_file=authority.path,
                  min_version="TLS12")
    agent = WebAgent(c, {"tls_server_config": section})
    accepted_by_promtool(c, agent)
    # The toolkit in Prometheus 2.42 does not know this key yet.
    agent.write_web({"tls_server_config": dict(section, client_allowed_sans=["prometheus.example"])})
    agent.start()
    job = {"scheme": "https", "tls_config": {"ca_file": authority.path, "server_name": "localhost",
                                             "cert_file": client[0], "key_file": client[1]}}
    prometheus = Prometheus(c, "127.0.0.1:%d" % agent.port, **job)
    c.eventually(lambda: prometheus.query("up") == [1], 20, "no scrape: %s" % (prometheus.target(),))
    context = ssl.create_default_context(cafile=authority.path)
    context.load_cert_chain(*client)
    def connect():
        made = context.wrap_socket(socket.create_connection(("127.0.0.1", agent.port), 10), server_hostname="localhost")
        return made, made.getpeercert()["serialNumber"]
    kept, serial = connect()
    spoken = http.client.HTTPConnection("localhost")
    spoken.sock = kept
    def ask(connection):
        connection.request("GET", "/-/healthy")
        answer = connection.getresponse()
        answer.read()
        return answer.status == 200 and connection.sock is kept
    c.require(ask(spoken), "no answer")
    serials = [serial]
    for turn in range(2):
        authority.issue("next", to="server")
        def is_new():
            connection, serial = connect()
            connection.close()
            if serial in serials:
                return False
            serials.append(serial)
            return True
        c.eventually(is_new, 20, "the new certificate is not noticed")
        c.require(ask(spoken), "the old connection has ended")
        time.sleep(3)
    kept.close()
    c.require(prometheus.query("min_over_time(up[5m])") == [1], "a scrape failed: %s" % (prometheus.target(),))
    scrapes = prometheus.query("count_over_time(up[5m])")[0]
    code, _, _, _, error = curl("--cacert", authority.path, "https://localhost:%d/metrics" % agent.port)
    c.require(code in (35, 56), "without a certificate: %d %s" % (code, error))
    c.require(agent.is_running and agent.starts == 1, "the agent was restarted")
    return "scrapes=%d certificates=%d" % (scrapes, len(serials))


@case("web-openssl")
def versions(c):
    """`openssl s_client` gets the versions and ciphers of the file and no others; changing the file changes them."""
    authority = Authority(c.folder("tls"))
    certificate = authority.issue("server")
    agent = WebAgent(c, {"tls_server_config": tls(certificate)}).start()
    def spoken(*options):
        done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % agent.port, *options],
                              input=b"", capture_output=True, timeout=20, check=False)
        return re.findall(r"New, (\S+), Cipher is (\S+)", done.stdout.decode("utf-8", "replace"))
    checks = [
        ({}, ["-tls1_2"], "TLSv1.2"), ({}, ["-tls1_3"], "TLSv1.3"), ({}, ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], None),
        ({}, ["-tls1_2", "-cipher", "AES256-SHA"], None),
        ({"min_version": "TLS13"}, ["-tls1_2"], None), ({"max_version": "TLS12"}, ["-tls1_3"], None),
        ({"max_version": "TLS12", "cipher_suites": ["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"]}, [],
         "ECDHE-ECDSA-CHACHA20-POLY1305"),
        ({"min_version": "TLS10"}, ["-tls1", "-cipher", "ALL:@SECLEVEL=0"], "TLSv1"),
    ]
    for index, (more, options, wanted) in enumerate(checks):
        if index and more != checks[index - 1][0]:
            agent.write_web({"tls_server_config": tls(certificate, **more)})
            status, body = agent.request("POST", "/-/reload")
            c.require(status == 200, "reload: %d %s" % (status, body))
        found = spoken(*options)
        good = found == [("(NONE)", "(NONE)")] if wanted is None else found and wanted in found[0]
        # TLS 1.0 and 1.1 are printed under the name of the version in which their ciphers came.
        if wanted == "TLSv1":
            good = found and found[0][1] != "(NONE)"
        c.require(good, "%s %s: %s instead of %s" % (more, options, found, wanted))
    return "%d handshakes" % len(checks)


@case("web-bad-file")
def bad_file(c):
    """A bad file at the start is an error with file and line, for `check` too; later it changes nothing, is counted and
    shown, until it is good again."""
    authority = Authority(c.folder("tls"))
    certificate = authority.issue("server")
    agent = WebAgent(c, 'basic_auth_users:\n  prom: "no hash"\n')
    for command in ("check", "run"):
        code, out, err = agent.command(command, "--config", agent.path, timeout=15)
        c.require(code == 1 and b"web.yml:2:9:" in out + err, "%s: %d %s" % (command, code, out + err))
        c.require(b"no hash" not in out + err, "what may be a password is shown")
    good = {"tls_server_config": tls(certificate), "basic_auth_users": {"prom": agent.hash("right")}}
    agent.write_web(good)
    code, out, err = agent.command("check", "--config", agent.path)
    c.require(code == 0, "a good file is refused: %s" % (out + err))
    agent.start()
    ask = lambda: curl("--cacert", authority.path, "-u", "prom:right", "https://localhost:%d/metrics" % agent.port)[1]
    c.require(ask() == 200, "no answer")
    agent.write_web("tls_server_confg: {}\n")
    part = lambda: [p for p in agent.ready()[1]["parts"] if p["name"] == "web_config"][0]
    c.eventually(lambda: part()["state"] == "degraded", 15, "the bad file does not show")
    c.require("web.yml:1:1" in part()["reason"] and "tls_server_config" in part()["reason"], part()["reason"])
    c.require(agent.total("^tocsin_web_config_reload_failures_total$") == 1, "not counted once")
    c.require(agent.total("^tocsin_web_config_reload_success$") == 0, "said to be good")
    c.require(ask() == 200, "what the file said before does not hold any more")
    status, body = agent.request("POST", "/-/reload")
    c.require(status == 500 and "web.yml:1:1" in body, "reload says %d %s" % (status, body))
    agent.write_web(dict(good, http_server_config={"headers": {"X-Frame-Options": "deny"}}))
    c.eventually(lambda: part()["state"] == "ok", 15, "the good file does not show")
    _, _, headers, _, _ = curl("--cacert", authority.path, "https://localhost:%d/metrics" % agent.port)
    c.require(headers.get("x-frame-options") == "deny", "the new header is not there")


def own_address():
    """An address of this host that is not a loopback one; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            address = probe.getsockname()[0]
        except OSError:
            raise Skip("no address but the loopback ones") from None
    if address.startswith("127."):
        raise Skip("no address but the loopback ones")
    return address


@case("web-policy")
def policy(c):
    """On another address than loopback only /metrics and health answer, until a password has been given or a
    certificate shown; the unix socket has its mode."""
    address = own_address()
    authority = Authority(c.folder("tls"))
    certificate = authority.issue("server", "IP:" + address)
    client = authority.issue("client")
    agent = WebAgent(c, "")
    agent.config["server"]["listen"] = ["%s:%d" % (address, agent.port), "unix:%s?mode=0600" % agent.socket]
    agent.write()
    agent.start()
    c.require(stat.S_IMODE(os.stat(agent.socket).st_mode) == 0o600, "the socket's mode is wrong")
    plain, secure = "http://%s:%d" % (address, agent.port), "https://%s:%d" % (address, agent.port)
    paths = ["/metrics", "/-/healthy", "/-/ready", "/api/v1/logs?query={}"]
    def statuses(base, *options):
        return [curl("-g", *options, base + path)[1] for path in paths]
    c.require(statuses(plain) == [200, 200, 200, 403], "without authentication: %s" % statuses(plain))
    with open(c.path("large"), "w") as file:
        file.write("x" * 100_000)
    large = ("--data-binary", "@" + c.path("large"), "-H", "Expect:")
    status = curl(*large, plain + "/-/reload")[1]
    c.require(status == 413, "a large body of nobody in particular: %d" % status)
    def change(web):
        agent.write_web(web)
        status, body = agent.request("POST", "/-/reload")
        c.require(status == 200, "reload: %d %s" % (status, body))
    change({"basic_auth_users": {"u": agent.hash("p")}})
    c.require(statuses(plain) == [401] * 4, "without a password: %s" % statuses(plain))
    c.require(statuses(plain, "-u", "u:p") == [200] * 4, "with a password: %s" % statuses(plain, "-u", "u:p"))
    change({"tls_server_config": tls(certificate, client_auth_type="VerifyClientCertIfGiven", client_ca_file=authority.path)})
    shown = ("--cacert", authority.path, "--cert", client[0], "--key", client[1])
    c.require(statuses(secure, "--cacert", authority.path) == [200, 200, 200, 403], "TLS without a certificate")
    c.require(statuses(secure, *shown) == [200] * 4, "with a certificate: %s" % statuses(secure, *shown))
    status = curl(*large, *shown, secure + "/-/reload")[1]
    c.require(status == 200, "a large body of somebody known: %d" % status)
    c.require("HTTPS" in curl(plain + "/metrics")[3], "HTTP without TLS is not told so")


@case("web-unix-prometheus")
def through_a_proxy(c):
    """Prometheus cannot ask a unix socket itself: a real nginx hands it on, compressed or not; both sides see every scrape succeed."""
    if not shutil.which("nginx"):
        raise Skip("no nginx")
    agent = WebAgent(c, "")
    agent.config["server"]["listen"] = "unix:" + agent.socket
    agent.write()
    agent.start(wait=False)
    c.eventually(lambda: os.path.exists(agent.socket), 20, "no socket")
    port, folder = free_port(), c.folder("nginx")
    with open(os.path.join(folder, "nginx.conf"), "w") as file:
        file.write("""daemon off; pid nginx.pid; error_log error.log; worker_processes 1; user root;
events { worker_connections 64; }
http {
  access_log access.log; client_body_temp_path body; proxy_temp_path proxied; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  server { listen 127.0.0.1:%d; location / { proxy_pass http://unix:%s; } }
}
""" % (port, agent.socket))
    proxy = subprocess.Popen(["nginx", "-p", folder, "-c", os.path.join(folder, "nginx.conf")], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end():
        if proxy.poll() is None:
            proxy.terminate()
            proxy.wait(10)

    c.closing.append(end)
    prometheus = Prometheus(c, "127.0.0.1:%d" % port)
    c.eventually(lambda: prometheus.query("count_over_time(up[1m])") >= [5], 30, "no five scrapes: %s" % (prometheus.target(),))
    # nginx may have begun to listen after the first scrape.
    c.require(prometheus.query("sum_over_time(up[1m]) >= bool count_over_time(up[1m]) - 1") == [1], "scrapes failed: %s" % (prometheus.target(),))
    samples = prometheus.query("scrape_samples_scraped")
    c.require(samples and samples[0] > 100, "too few samples: %s" % samples)
    c.require(prometheus.query("count(node_cpu_seconds_total) > 0"), "no sample of the host has arrived")
    for form in ([], ["--compressed"]):
        _, status, _, body, error = curl(*form, "http://127.0.0.1:%d/metrics" % port)
        c.require(status == 200 and "node_load1" in (body if isinstance(body, str) else body.decode()), "%s: %d %s" % (form, status, error))
    return "samples=%d" % samples[0]


@case("web-logs-command")
def logs_command(c):
    """`tocsin logs` finds the lines through the unix socket, and in the files where only TLS is listened to."""
    authority = Authority(c.folder("tls"))
    agent = WebAgent(c, "")
    agent.write_web({"tls_server_config": tls(authority.issue("server")), "basic_auth_users": {"u": agent.hash("p")}})
    agent.config["logs"]["scrape_configs"] = [c.files()]
    agent.write()
    with open(c.path("logs", "a.log"), "w") as file:
        file.write("".join("line %d\n" % number for number in range(100)))
    agent.start()
    found = lambda: len(agent.logs('{job="files"}', "--since", "1h"))
    c.eventually(lambda: found() == 100, 20, "the socket gives %d lines" % found())
    agent.config["server"]["listen"] = agent.config["server"]["listen"][:1]
    agent.path = c.path("other.yaml")
    agent.write()
    c.require(found() == 100, "the files give %d lines" % found())


@case("web-hash-password")
def hash_password(c):
    """`hash-password` asks twice on a terminal without an echo, takes one line of a pipe, and refuses what bcrypt
    would cut off."""
    agent = WebAgent(c, "")
    text = agent.hash("from a pipe", 5)
    c.require(re.fullmatch(r"\$2b\$05\$[./A-Za-z0-9]{53}", text), text)
    c.require(agent.hash("x", 10).startswith("$2b$10$"), "the cost is not the one asked for")
    def terminal(first, second):
        pid, master = pty.fork()
        if pid == 0:
            os.execv(agent.binary, [agent.binary, "hash-password", "--cost", "4"])
        shown = b""
        def wait(prompt):
            nonlocal shown
            limit = time.monotonic() + 10
            while prompt not in shown and time.monotonic() < limit:
                shown += os.read(master, 1024)
        wait(b"Password: ")
        os.write(master, first + b"\n")
        wait(b"Again: ")
        os.write(master, second + b"\n")
        try:
            while data := os.read(master, 1024):
                shown += data
        except OSError:
            pass
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(master)
        return code, shown
    code, shown = terminal(b"s3cret", b"s3cret")
    c.require(code == 0 and b"$2b$04$" in shown and b"s3cret" not in shown, "%d %r" % (code, shown))
    made = re.search(rb"\$2b\$04\$\S{53}", shown).group().decode()
    code, shown = terminal(b"s3cret", b"other")
    c.require(code == 1 and b"not the same" in shown, "%d %r" % (code, shown))
    for bad in (b"", b"x" * 73, b"a\0b"):
        done = subprocess.run([agent.binary, "hash-password"], input=bad, capture_output=True, timeout=20, check=False)
        c.require(done.returncode == 1 and done.stderr and not done.stdout, "%r: %r" % (bad, done))
    code, _, _ = agent.command("hash-password", "--cost", "31")
    c.require(code == 2, "cost 31: %d" % code)
    agent.write_web(json.dumps({"basic_auth_users": {"u": made}}))
    agent.start()
    c.require(curl("-u", "u:s3cret", "http://127.0.0.1:%d/metrics" % agent.port)[1] == 200, "the hash does not work")
