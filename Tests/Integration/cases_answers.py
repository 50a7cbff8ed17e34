"""Answers that no decent server gives: of odd forms, without end, before the request is read."""

import faults
from context import ALONE, case, merged
from writers import Writer

OK = b"HTTP/1.1 200 OK\r\n"
# (what, the answer): these mean delivered.
TAKEN = [
    ("chunked",
     faults.Raw(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n", True, keeps=True)),
    ("HTTP/1.0", faults.Raw(b"HTTP/1.0 204 No Content\r\n\r\n", True)),
    ("body up to the end", faults.Raw(OK + b"\r\nfine", True)),
    ("100 Continue unasked",
     faults.Raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", True, keeps=True)),
    ("103 Early Hints",
     faults.Raw(b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", True, keeps=True)),
    ("two answers at once", faults.Raw(b"HTTP/1.1 204 No Content\r\n\r\n" * 2, True, keeps=True)),
    ("204 with a body",
     faults.Raw(b"HTTP/1.1 204 No Content\r\nContent-Length: 32\r\n\r\nHTTP/1.1 204 No Content\r\nX: yyy\r\n\r\n", True,
                keeps=True)),
    ("an endless body", faults.Raw(OK + b"\r\n", True, forever=b"x" * 65536)),
]
# These do not: the lines are sent again until a better answer comes.
NOT_TAKEN = [
    ("a web page",
     faults.Raw(OK + b"Content-Type: text/html\r\nContent-Length: 44\r\n\r\n\n <!DOCTYPE html><html>Please log in</html>\n\n")),
    ("endless headers", faults.Raw(OK, forever=b"X-Bomb: " + b"x" * 8000 + b"\r\n")),
    ("one endless header", faults.Raw(OK + b"X-Bomb: ", forever=b"x" * 65536)),
    ("an endless status line", faults.Raw(b"HTTP/1.1 200 ", forever=b"x" * 65536)),
    ("100 Continue without end", faults.Raw(b"", forever=b"HTTP/1.1 100 Continue\r\n\r\n" * 100)),
    ("a header a letter at a time", faults.Raw(OK, forever=b"X", pause=0.2)),
    ("an error page without end", faults.Raw(b"HTTP/1.1 502 Bad Gateway\r\n\r\n", forever=b"x" * 65536)),
    ("half a chunk", faults.Raw(OK + b"Transfer-Encoding: chunked\r\n\r\nff\r\nok")),
    ("a chunk of negative size", faults.Raw(OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n")),
    ("half a body", faults.Raw(OK + b"Content-Length: 100\r\n\r\nok")),
    ("101 Switching Protocols", faults.Raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n")),
    ("HTTP/0.9", faults.Raw(b"delivered")),
    ("a redirect in a circle",
     faults.Raw(b"HTTP/1.1 307 Again\r\nLocation: /loki/api/v1/push\r\nContent-Length: 0\r\n\r\n", keeps=True)),
    ("a redirect to a file",
     faults.Raw(b"HTTP/1.1 307 Away\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n", keeps=True)),
]


@case("answers-strange", needs=ALONE)
def strange(c):
    """Answers of every odd form: what means delivered is not sent again, nothing else counts, memory stays small."""
    server = c.server()
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([server], [c.files()]).start()
    for what, fault in TAKEN:
        # The next answer is a refusal: who took something left over from this one for it would lose a line.
        answers = [fault, faults.Status(503)]
        server.plan = lambda request, answers=answers: answers.pop(0) if answers else None
        writer.write(50)
        c.eventually(lambda: server.loki.accepted >= writer.number, 15, lambda: "%s: nothing arrives" % what)
        writer.write(1)
        c.eventually(lambda: server.loki.accepted >= writer.number, 15, lambda: "%s: nothing arrives after it" % what)
        c.require(server.loki.repeated == 0, "%s: %d lines came again" % (what, server.loki.repeated))
    for what, fault in NOT_TAKEN:
        server.plan = faults.While(fault)
        writer.write(50)
        c.eventually(lambda: server.plan.hits >= 2, 30, lambda: "%s: not sent again" % what)
        c.require(server.loki.accepted == writer.number - 50, "the harness: %s stored" % what)
        words = "not HTTP" if what == "HTTP/0.9" else ""
        c.eventually(lambda: words in agent.trouble() != "", 5, lambda: "%s: readiness is %s" % (what, agent.ready()))
        server.plan.active = False
        c.eventually(lambda: server.loki.accepted >= writer.number, 30, lambda: "%s: nothing arrives after it" % what)
    memory = agent.peak_rss() >> 10
    c.require(memory < 80, "%d MiB were resident" % memory)
    return "%s peak=%d MiB" % (c.judge(server, merged(writer)), memory)


@case("answers-early")
def early(c):
    """A server that answers a large request, and cuts the connection, without reading the body: nothing is lost."""
    server = c.server()
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([server], [c.files()])
    with open(c.path("logs", "a.log"), "ab") as file:
        for at in range(1500):
            line = b"w=a n=%09d " % (10_000_000 + at) + c.random.randbytes(300).hex().encode()
            writer.lines[line] = None
            file.write(line + b"\n")
    answers = [b"HTTP/1.1 401 Who?\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n",
               b"HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\n"]
    agent.start()
    for answer in answers:
        server.early = faults.While(faults.Early(answer))
        writer.write(1)
        c.eventually(lambda: server.early.hits >= 2, 10, lambda: "%r is not tried again" % answer[:12])
    # That one goes on, for large requests.
    server.early = faults.While(faults.Early(answers[1], over=100_000))
    return c.judge(server, merged(writer))
