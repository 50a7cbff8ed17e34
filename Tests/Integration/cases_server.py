"""Destinations: every status, broken connections, several at once, tenants, TLS, order after an outage."""

import os
import ssl
import subprocess
import time

import faults
from agent import client
from context import Failure, Skip, case, merged
from loki import Limits
from writers import Writer


def quarantined(agent, lines):
    """How many of these lines the agent can show: in a quarantine file, or at least counted in its metrics."""
    text = []
    for folder, _, names in os.walk(agent.state):
        for name in names:
            path = os.path.join(folder, name)
            if "quarantine" in path[len(agent.state) :]:
                with open(path, "rb") as file:
                    text.append(file.read())
    text = b"".join(text)
    in_files = sum(line[:200] in text for line in lines)
    return in_files, int(agent.total(r"^tocsin_.*(quarantin|rejected|dropped).*_total$"))


def require_quarantined(c, agent, lines):
    files, counted = 0, 0
    def enough():
        nonlocal files, counted
        files, counted = quarantined(agent, lines)
        return files >= len(lines) or counted >= len(lines)
    c.eventually(enough, 10, "%d lines were refused; %d in quarantine files, %d counted" % (len(lines), files, counted))
    return "quarantine_files=%d counted=%d" % (files, counted)


@case("status-hold")
def hold(c):
    """260, 401, 403, 404, 429 and 5xx for a while, one after the other: the lines wait and arrive."""
    server = c.server()
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([server], [c.files()]).start()
    for code in (260, 401, 403, 404, 429, 500, 502, 503, 504):
        server.plan = faults.While(faults.Status(code))
        writer.write(300)
        c.eventually(lambda: server.plan.hits >= 2, 30, "%d is not retried (%d requests)" % (code, server.plan.hits))
        if code in (260, 401):
            c.eventually(lambda: str(code) in str(agent.ready()[1]) or agent.ready()[0] == 503, 5,
                         "readiness says nothing of %d: %s" % (code, agent.ready()))
        server.plan.active = False
        c.eventually(lambda: server.loki.accepted >= writer.number, 40,
                     "after %d only %d of %d lines arrive" % (code, server.loki.accepted, writer.number))
    return c.judge(server, merged(writer))


@case("status-200")
def status_200(c):
    """200 is delivered, like 204: nothing is sent again."""
    server = c.server()
    server.plan = lambda request: faults.Status(200, store=True)
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    c.agent([server], [c.files()]).start()
    writer.write(2000)
    verdict = c.judge(server, merged(writer))
    time.sleep(1)
    c.require(server.loki.repeated == 0, "%d lines came again after a 200" % server.loki.repeated)
    return verdict


@case("status-413")
def too_large(c):
    """413 above 30 kB: the block is split until it passes; a single line above goes to the quarantine."""
    server = c.server()
    server.max_body = 30_000
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([server], [c.files()]).start()
    big = b"toobig " + c.random.randbytes(40_000).hex().encode()
    writer.write(5000)
    writer.file.write(big + b"\n")
    writer.write(5000)
    verdict = c.judge(server, merged(writer))
    c.require(server.codes.get(413), "the server never said 413")
    return "%s %s" % (verdict, require_quarantined(c, agent, [big]))


@case("status-400-parse")
def parse_error(c):
    """A request refused whole because of one entry: all others arrive, that one is quarantined."""
    server = c.server()
    server.plan = lambda request: faults.Status(400) if request.holds(b"poison") else None
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([server], [c.files()]).start()
    poison = []
    for at in range(3):
        writer.write(700)
        poison.append(b"poison %d" % at)
        writer.file.write(poison[-1] + b"\n")
        writer.write(700)
    verdict = c.judge(server, merged(writer))
    return "%s requests=%d %s" % (verdict, sum(v for v in server.codes.values()), require_quarantined(c, agent, poison))


@case("status-400-partial")
def partial(c):
    """400 after storing the valid rest: only the refused lines are missing, none is sent for ever, all are counted."""
    server = c.server(limits=Limits(max_line_size=1000))
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([server], [c.files()]).start()
    refused = []
    for at in range(20):
        writer.write(100)
        refused.append(b"toolong %d " % at + b"y" * 3000)
        writer.file.write(refused[-1] + b"\n")
    lines = merged(writer)
    verdict = c.judge(server, lines)
    time.sleep(2)
    again = max(server.loki.rejected.values())
    c.require(again <= 6, "a refused line was pushed %d times" % again)
    return "%s refused=%d pushed_at_most=%d %s" % (verdict, len(refused), again, require_quarantined(c, agent, refused))


@case("status-429-stream")
def stream_limit(c):
    """A stream over its rate limit waits; the other streams of the same requests go on meanwhile."""
    server = c.server()
    plan = server.plan = faults.While(faults.Limited(lambda stream: b"hot.log" in stream.raw))
    hot = Writer(c.path("logs", "hot.log"), "hot", rate=500, seed=c.seed)
    cool = Writer(c.path("logs", "cool.log"), "cool", rate=500, seed=c.seed + 1)
    c.agent([server], [c.files()]).start()
    c.writing(hot, cool)
    time.sleep(5)
    have = {tag: sum(e[1].startswith(b"w=" + tag) for _, s in server.loki.streams() for e in list(s.entries))
            for tag in (b"hot", b"cool")}
    written = cool.number
    plan.active = False
    c.require(have[b"hot"] == 0, "the harness let the limited stream in")
    c.require(have[b"cool"] >= written * 0.4, "while one stream was limited, only %d of %d lines of the other arrived" % (
        have[b"cool"], written))
    verdict = c.judge(server, merged(hot, cool))
    return "%s cool_while_limited=%d/%d" % (verdict, have[b"cool"], written)


@case("connections-broken")
def connections(c):
    """Stalls, resets before and after storing, half-closed connections, answers that are slow or no HTTP."""
    server = c.server()
    server.plan = faults.Every(2, [faults.Reset(), faults.Reset(True), faults.Stall(5), faults.Stall(5, True),
                                   faults.HalfClose(5), faults.HalfClose(5, True), faults.SlowAnswer(1), faults.Garbage()])
    writer = Writer(c.path("logs", "a.log"), "a", rate=2000, seed=c.seed)
    c.agent([server], [c.files()]).start()
    c.writing(writer)
    time.sleep(min(c.seconds, 20))
    lines = merged(writer)
    server.plan = faults.Nothing()
    verdict = c.judge(server, lines, seconds=60)
    return "%s codes=%s" % (verdict, server.codes)


@case("destinations-one-down")
def one_down(c):
    """Of three destinations with tenants of their own one is down and one stalls: the third gets all at once, the
    others all later, over a kill."""
    up, down, slow = (c.server(name=name) for name in ("up", "down", "slow"))
    down.stop()
    stall = slow.plan = faults.While(faults.Stall(30))
    clients = [client(up, "up", tenant_id="t-up"), client(down, "down", tenant_id="t-down"), client(slow, "slow")]
    writer = Writer(c.path("logs", "a.log"), "a", rate=1000, seed=c.seed)
    agent = c.agent(clients, [c.files()]).start()
    c.writing(writer)
    time.sleep(4)
    behind = writer.number - up.loki.accepted
    c.require(behind < 3500, "the destination that is up is %d lines behind after 4 s" % behind)
    agent.kill()
    agent.start()
    time.sleep(2)
    stall.active = False
    slow.stop()
    slow.start()
    down.start()
    lines = merged(writer)
    verdicts = [c.judge(up, lines, tenant="t-up"), c.judge(down, lines, tenant="t-down"),
                c.judge(slow, lines, tenant="")]
    return "\n    ".join(str(v) for v in verdicts)


@case("outage-in-order")
def in_order(c):
    """After an outage the backlog goes before fresh lines of its stream: Loki's window, here 3 s, refuses nothing."""
    server = c.server(limits=Limits(out_of_order_window=3))
    writer = Writer(c.path("logs", "a.log"), "a", rate=3000, seed=c.seed)
    agent = c.agent([server], [c.files()]).start()
    c.writing(writer)
    time.sleep(2)
    server.stop()
    time.sleep(min(c.seconds, 15))
    agent.kill()
    agent.start()
    server.start()
    time.sleep(4)
    verdict = c.judge(server, merged(writer))
    c.require(not server.loki.rejected, "%d lines were refused as too far behind" % len(server.loki.rejected))
    return verdict


def certificates(c):
    """A private CA, a server's and a client's certificate, and a CA that signed nothing."""
    folder = c.folder("tls")
    def openssl(*arguments):
        done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.decode())
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    for name in ("ca", "other"):
        openssl("req", "-x509", *key, "-keyout", name + ".key", "-out", name + ".pem", "-subj", "/CN=" + name)
    with open(os.path.join(folder, "ext"), "w") as file:
        file.write("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    for name in ("server", "client"):
        openssl("req", *key[:-2], "-keyout", name + ".key", "-out", name + ".csr", "-subj", "/CN=" + name)
        openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out",
                name + ".pem", "-days", "2", "-extfile", "ext")
    return lambda name: os.path.join(folder, name)


@case("tls")
def tls(c):
    """TLS with a private CA, a client certificate and basic authentication; a wrong CA delivers nothing, loses nothing."""
    try:
        at = certificates(c)
    except FileNotFoundError:
        raise Skip("openssl is not installed") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(at("server.pem"), at("server.key"))
    context.load_verify_locations(at("ca.pem"))
    context.verify_mode = ssl.CERT_REQUIRED
    server = c.server(tls=context)
    right = {"ca_file": at("ca.pem"), "cert_file": at("client.pem"), "key_file": at("client.key")}
    wrong = dict(right, ca_file=at("other.pem"))
    with open(at("password"), "w") as file:
        file.write("s3cret-pass\n")
    basic = {"username": "user", "password_file": at("password")}
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([client(server, tls_config=wrong, basic_auth=basic)], [c.files()]).start()
    writer.write(500)
    time.sleep(3)
    c.require(server.loki.accepted == 0, "delivered to a server whose certificate it cannot trust")
    agent.terminate()
    agent.config["logs"]["clients"] = [client(server, tls_config=right, basic_auth=basic)]
    agent.write()
    agent.start()
    writer.write(500)
    verdict = c.judge(server, merged(writer))
    c.require(server.headers_seen.get("authorization") == "Basic dXNlcjpzM2NyZXQtcGFzcw==",
              "authorization was %r" % server.headers_seen.get("authorization"))
    with open(agent.log) as file:
        c.require("s3cret-pass" not in file.read(), "the password is in the log")
    return verdict


@case("status-every-second")
def every_second(c):
    """Every second push a 500, half of them having stored: repeats are droppable, each has its first time stamp."""
    server = c.server()
    server.plan = faults.Every(2, [faults.Status(500), faults.Status(500, store=True)])
    writer = Writer(c.path("logs", "a.log"), "a", rate=4000, seed=c.seed)
    c.agent([server], [c.files()]).start()
    c.writing(writer)
    time.sleep(min(c.seconds, 10))
    lines = merged(writer)
    server.plan = faults.Nothing()
    verdict = c.judge(server, lines)
    if verdict.repeated > len(lines):
        raise Failure("%d repeats of %d lines: %s" % (verdict.repeated, len(lines), verdict))
    return verdict
