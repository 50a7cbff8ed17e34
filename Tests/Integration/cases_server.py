"""Destinations: every status, broken connections, several at once, tenants, order after an outage."""

import os
import time

import faults
from agent import client
from context import Failure, case, kill_loop, merged
from loki import Limits
from verdict import Verdict
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
        c.eventually(lambda: server.plan.hits >= 2, 30, lambda: "%d is not retried (%d requests)" % (code, server.plan.hits))
        if code in (260, 401):
            c.eventually(lambda: str(code) in str(agent.ready()[1]) or agent.ready()[0] == 503, 5,
                         lambda: "readiness says nothing of %d: %s" % (code, agent.ready()))
        server.plan.active = False
        c.eventually(lambda: server.loki.accepted >= writer.number, 40,
                     lambda: "after %d only %d of %d lines arrive" % (code, server.loki.accepted, writer.number))
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


@case("tenants-own-pace")
def tenants(c):
    """One of three tenants is refused by 429, 401, 403, 404 and 260 in turn, over kills: the others lose no second."""
    server = c.server()
    writers = [Writer(c.path("logs", name + ".log"), name, rate=300, seed=c.seed + at)
               for at, name in enumerate(("good", "bad", "fine"))]
    jobs = []
    for writer in writers:
        tag = writer.tag.decode()
        jobs.append(dict(c.files(tag + ".log", __tenant_id__=tag), job_name=tag))
    agent = c.agent([server], jobs).start()
    active = faults.While(None)
    server.plan = lambda request: active(request) if request.tenant == "bad" else None
    c.writing(*writers)

    def have(tenant):
        return sum(len(s.entries) for name, s in server.loki.streams() if name == tenant)

    behind = 0
    for code in (429, 401, 403, 404, 260):
        active.fault, active.active, active.hits = faults.Status(code), True, 0
        c.eventually(lambda: active.hits >= 2, 20, lambda: "%d is not tried again" % code)
        before = have("bad")
        time.sleep(1.5)
        agent.kill()
        agent.start()
        time.sleep(1.5)
        c.require(have("bad") == before, "the harness let the tenant in")
        for writer in (writers[0], writers[2]):
            behind = max(behind, writer.number - have(writer.tag.decode()))
        c.require(behind < 600, "while a tenant got %d another is %d lines behind" % (code, behind))
        active.active = False
        c.eventually(lambda: writers[1].number - have("bad") < 300, 20,
                     lambda: "after %d the tenant is %d lines behind" % (code, writers[1].number - have("bad")))
    lines = [merged(writer) for writer in writers]
    verdicts = []
    for writer, own in zip(writers, lines):
        c.eventually(lambda: have(writer.tag.decode()) >= len(own), 30, lambda: "tenant %s lacks lines" % writer.tag)
        verdicts.append(Verdict(own, server, writer.tag.decode()))
    for verdict in verdicts:
        c.require(verdict.ok and not verdict.disordered, str(verdict))
    return "%s\n    others_behind_at_most=%d" % ("\n    ".join(str(v) for v in verdicts), behind)


@case("tenants-kill-storm")
def tenants_storm(c):
    """Tenants refused at random, answers and connections broken at random, kill -9 at random: nothing lost, each tenant in
    order."""
    server = c.server()
    writers = [Writer(c.path("logs", name + ".log"), name, rate=400, seed=c.seed + at)
               for at, name in enumerate(("one", "two", "three"))]
    jobs = []
    for writer in writers:
        tag = writer.tag.decode()
        jobs.append(dict(c.files(tag + ".log", __tenant_id__=tag), job_name=tag))
    agent = c.agent([server], jobs).start()
    mixture = faults.Mixture(c.seed, share=0.15, slow=False)
    refused = faults.Status(429)

    def plan(request):
        # Each tenant is refused for a second in three, not at the same time as the others.
        turn = int(request.time) % 3
        return refused if request.tenant == ("one", "two", "three")[turn] else mixture(request)
    server.plan = plan
    c.writing(*writers)
    kill_loop(c, agent, max(3, c.kills // 5), longest=2.0)
    lines = [merged(writer) for writer in writers]
    server.plan = faults.Nothing()
    c.settle(server, sum(len(own) for own in lines))
    verdicts = [Verdict(own, server, writer.tag.decode()) for writer, own in zip(writers, lines)]
    for verdict in verdicts:
        c.require(verdict.ok and not verdict.disordered, str(verdict))
    return "%s\n    codes=%s" % ("\n    ".join(str(v) for v in verdicts), server.codes)


@case("backlog-few-requests")
def backlog(c):
    """The small records that an outage leaves in the store go in a handful of requests, in order, over a kill."""
    server = c.server()
    server.stop()
    writer = Writer(c.path("logs", "a.log"), "a", rate=60, seed=c.seed)
    agent = c.agent([server], [c.files()]).start()
    c.writing(writer)
    time.sleep(min(c.seconds, 12))
    records = agent.total("^tocsin_store_records_total$")
    agent.kill()
    agent.start()
    lines = merged(writer)
    server.start()
    verdict = c.judge(server, lines)
    c.require(records >= 8, "the harness: only %d records" % records)
    c.require(server.requests <= 4, "%d requests for %d records" % (server.requests, records))
    c.require(verdict.disordered == 0, str(verdict))
    return "%s records=%d requests=%d" % (verdict, records, server.requests)
