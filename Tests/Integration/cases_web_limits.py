"""The HTTP face against those who ask too much: rates, floods of passwords, slow clients, garbage."""

import socket
import ssl
import threading
import time

from context import case
from webtools import Authority, WebAgent, curl, tls


@case("web-rate-limit")
def rate_limit(c):
    """Over the rate limit is 429 with Retry-After; the unix socket is not limited."""
    agent = WebAgent(c, {"rate_limit": {"interval": "1h", "burst": 5}}).start()
    answers = [curl("http://127.0.0.1:%d/metrics" % agent.port) for _ in range(8)]
    c.require([a[1] for a in answers] == [200] * 5 + [429] * 3, "%s" % [a[1] for a in answers])
    c.require(0 < int(answers[-1][2]["retry-after"]) <= 3600, answers[-1][2])
    c.require(agent.total("^tocsin_http_refused_total$", reason="rate") == 3, "not counted")


@case("web-passwords")
def passwords(c):
    """A flood of wrong passwords neither blocks the event loop nor locks out who is known; it is bounded."""
    agent = WebAgent(c, "")
    agent.write_web({"basic_auth_users": {"u": agent.hash("right", 10)}})
    agent.start()
    url = "http://127.0.0.1:%d/-/healthy" % agent.port
    c.require(curl("-u", "u:right", url)[1] == 200, "the right password is refused")
    statuses, ended = [], threading.Event()
    def attack(number):
        while not ended.is_set():
            statuses.append(curl("-u", "u:wrong%d" % number, url)[1])
    threads = [threading.Thread(target=attack, args=(n,)) for n in range(48)]
    for thread in threads:
        thread.start()
    time.sleep(2)
    worst = 0
    for _ in range(20):
        begin = time.monotonic()
        with_password = agent.get("/-/healthy")[0]
        worst = max(worst, time.monotonic() - begin)
        c.require(with_password == 200, "the unix socket does not answer")
    known = [curl("-u", "u:right", url)[1] for _ in range(5)]
    ended.set()
    for thread in threads:
        thread.join()
    c.require(known == [200] * 5, "who is known is locked out: %s" % known)
    c.require(set(statuses) <= {401, 503} and 401 in statuses and 503 in statuses, "%s" % set(statuses))
    c.require(worst < 1.5, "the event loop was blocked for %.1f s" % worst)
    return "attempts=%d refused_at_once=%d slowest_other_ms=%.0f" % (len(statuses), statuses.count(503), worst * 1000)


@case("web-slow-clients")
def slow_clients(c):
    """Clients that dribble a handshake or a header, or say nothing, are closed after ten seconds; others are served."""
    authority = Authority(c.folder("tls"))
    agent = WebAgent(c, {"tls_server_config": tls(authority.issue("server"))}).start()
    context = ssl.create_default_context(cafile=authority.path)
    connections = []
    for number in range(90):
        connection = socket.create_connection(("127.0.0.1", agent.port), 10)
        if number % 3 == 0:
            connection = context.wrap_socket(connection, server_hostname="localhost")
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ")
        connections.append(connection)
    begin = time.monotonic()
    dribbled = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(400)
    at = 0
    while connections and time.monotonic() - begin < 25:
        for number, connection in enumerate(list(connections)):
            try:
                if isinstance(connection, ssl.SSLSocket):
                    connection.sendall(b"x")
                elif number % 2:
                    connection.sendall(dribbled[at:at + 1])
                connection.settimeout(0.001)
                try:
                    if connection.recv(1) == b"":
                        raise OSError
                except (socket.timeout, ssl.SSLWantReadError):
                    pass
                connection.settimeout(10)
            except OSError:
                connection.close()
                connections.remove(connection)
        at += 1
        c.require(curl("--cacert", authority.path, "https://localhost:%d/-/healthy" % agent.port)[1] == 200, "not served")
        time.sleep(0.3)
    took = time.monotonic() - begin
    c.require(not connections, "%d connections are still open after %.0f s" % (len(connections), took))
    c.eventually(lambda: agent.total("^tocsin_http_connections$") <= 1, 5, "connections are left over")
    return "closed_after=%.1fs timeouts=%d" % (took, agent.total("^tocsin_http_refused_total$", reason="timeout"))


@case("web-fuzz")
def fuzz(c):
    """Seeded garbage as TLS records and as HTTP heads, over TCP and inside TLS: no crash, no hang, nothing left over."""
    authority = Authority(c.folder("tls"))
    agent = WebAgent(c, {"tls_server_config": tls(authority.issue("server"))}).start()
    context = ssl.create_default_context(cafile=authority.path)
    words = [b"GET ", b"POST ", b"/metrics", b" HTTP/1.1", b"\r\n", b"Host: a", b"Content-Length: ", b"5", b":", b"%", b"\0",
             b"Transfer-Encoding: chunked", b"\r\n\r\n", b"A" * 5000, b"Upgrade: h2c", b"Expect: 100-continue", b"\xff\xfe"]
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        hello.do_handshake()
    except ssl.SSLWantReadError:
        pass
    flight = outgoing.read()
    before = None
    total = 1500
    for number in range(total):
        if number == total // 3:
            before = agent.memory()
        with socket.create_connection(("127.0.0.1", agent.port), 10) as connection:
            connection.settimeout(0.02)
            kind = number % 3
            try:
                if kind == 0:
                    data = bytearray(flight)
                    for _ in range(c.random.randrange(1, 12)):
                        data[c.random.randrange(len(data))] = c.random.randrange(256)
                    connection.sendall(bytes(data[:c.random.randrange(1, len(data) + 1)]))
                elif kind == 1:
                    connection.sendall(bytes([22, 3, c.random.randrange(5)]) + c.random.randbytes(c.random.randrange(1, 20_000)))
                else:
                    connection.settimeout(5)
                    secure = context.wrap_socket(connection, server_hostname="localhost")
                    secure.settimeout(0.02)
                    secure.sendall(b"".join(c.random.choice(words) for _ in range(c.random.randrange(1, 15))))
                    connection = secure
                connection.recv(4096)
            except OSError:
                pass
            finally:
                connection.close()
    agent.check_alive()
    c.eventually(lambda: agent.total("^tocsin_http_connections$") <= 1, 15, "connections are left over")
    c.require(curl("--cacert", authority.path, "https://localhost:%d/-/healthy" % agent.port)[1] == 200, "no answer any more")
    after = agent.memory()
    c.require(after["anon"] - before["anon"] < 4096, "memory has grown from %s to %s KiB" % (before, after))
    return "connections=%d anon_kib=%d->%d handshakes_refused=%d" % (
        total, before["anon"], after["anon"], agent.total("^tocsin_http_refused_total$", reason="handshake"))
