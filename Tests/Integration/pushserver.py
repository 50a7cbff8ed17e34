#!/usr/bin/env python3
"""A Loki push endpoint over raw sockets that decodes independently, remembers everything and misbehaves on order.

By itself: pushserver.py [--port N] [--count] prints what arrives, a line per second.
"""

import argparse
import os
import socket
import ssl
import struct
import sys
import threading
import time

import faults
import pushproto
import snappyblock
from loki import Loki

REASONS = {200: "OK", 204: "No Content", 260: "Blocked", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
           404: "Not Found", 405: "Method Not Allowed", 411: "Length Required", 413: "Request Entity Too Large",
           422: "Unprocessable Entity", 429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
           503: "Service Unavailable", 504: "Gateway Timeout"}


class Request:
    """One push as it came in."""

    __slots__ = ("number", "method", "path", "headers", "body", "tenant", "peer", "streams", "time")

    def __init__(self, number, method, path, headers, peer):
        self.number, self.method, self.path, self.headers, self.peer = number, method, path, headers, peer
        self.tenant = headers.get("x-scope-orgid", "")
        self.body = b""
        self.streams = None
        self.time = time.time()

    def decoded(self):
        """The streams, for plans that look at what is pushed."""
        if self.streams is None:
            self.streams = pushproto.decode(snappyblock.decompress(self.body))
        return self.streams

    def holds(self, needle):
        """Whether any line holds these bytes."""
        return any(needle in entry[1] for _, entries in self.decoded() for entry in entries)


class PushServer:
    """Listens from `start()` on, on a port or, with `bind="unix:/path"`, a socket; `plan(request)` names the fault for
    each request, or None."""

    def __init__(self, name="loki", port=0, limits=None, tls=None, counting=False, bind="127.0.0.1"):
        self.name, self.port, self.bind, self.tls, self.counting = name, port, bind, tls, counting
        self.loki = Loki(limits)
        self.plan = faults.Nothing()
        # A `faults.While` around a `faults.Early`: what is answered before the body is read.
        self.early = None
        self.max_body = None
        self.read_delay = 0.0
        self.requests = 0
        self.bytes = 0
        self.entries = 0
        self.largest = 0
        self.codes = {}
        self.problems = []
        self.headers_seen = {}
        self.last_push = 0.0
        self._number = 0
        self._lock = threading.Lock()
        self._connections = set()
        self._listener = None
        self._halt = threading.Event()

    @property
    def url(self):
        if self.bind.startswith("unix:"):
            return self.bind + ":/loki/api/v1/push"
        host = "[%s]" % self.bind if ":" in self.bind else self.bind
        return "%s://%s:%d/loki/api/v1/push" % ("https" if self.tls else "http", host, self.port)

    def start(self):
        """Opens the port: the given one, or a free one that is kept from then on."""
        self._halt = threading.Event()
        if self.bind.startswith("unix:"):
            listener = socket.socket(socket.AF_UNIX)
            path = self.bind[len("unix:"):]
            if os.path.exists(path):
                os.unlink(path)
            listener.bind(path)
        else:
            listener = socket.socket(socket.AF_INET6 if ":" in self.bind else socket.AF_INET)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.bind, self.port))
            self.port = listener.getsockname()[1]
        listener.listen(64)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener, self._halt), daemon=True).start()
        return self

    def stop(self):
        """Closes the port and cuts every connection, as a killed server does. `start()` brings it back."""
        self._halt.set()
        if self._listener:
            # A thread blocked in accept() keeps the port open until it is woken.
            try:
                self._listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self._listener.close()
            self._listener = None
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            _reset(connection)

    def _accept(self, listener, halt):
        while not halt.is_set():
            try:
                connection, peer = listener.accept()
            except OSError:
                return
            if connection.family != socket.AF_UNIX:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection, peer, halt), daemon=True).start()

    def _serve(self, connection, peer, halt):
        if self.tls:
            try:
                connection.settimeout(10)
                connection = self.tls.wrap_socket(connection, server_side=True)
                connection.settimeout(None)
            except (OSError, ssl.SSLError) as error:
                self._problem("tls: %s" % error, fatal=False)
                connection.close()
                return
        with self._lock:
            self._connections.add(connection)
        try:
            reader = connection.makefile("rb", buffering=1 << 18)
            while not halt.is_set():
                request = self._read(connection, reader, peer)
                if request is None or not self._answer(connection, request, halt):
                    break
        except (OSError, ValueError, ssl.SSLError):
            pass
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def _read(self, connection, reader, peer):
        line = reader.readline(8192)
        if not line:
            return None
        parts = line.decode("latin-1").split()
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            self._problem("request line %r" % line[:80])
            return None
        headers = {}
        while True:
            line = reader.readline(65536)
            if line in (b"\r\n", b"\n"):
                break
            if not line:
                return None
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        with self._lock:
            self._number += 1
            request = Request(self._number, parts[0], parts[1], headers, peer)
        length = int(headers.get("content-length", 0))
        if self.early is not None and self.early.active and length > self.early.fault.over:
            self.early.hits += 1
            connection.sendall(self.early.fault.data)
            return None
        if headers.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.body = self._body(reader, headers)
        return None if request.body is None else request

    def _body(self, reader, headers):
        if headers.get("transfer-encoding", "").lower() == "chunked":
            pieces = []
            while True:
                size = int(reader.readline(64).split(b";")[0], 16)
                piece = reader.read(size)
                reader.readline(8)
                if not size:
                    return b"".join(pieces)
                pieces.append(piece)
        length = int(headers.get("content-length", 0))
        if not self.read_delay:
            body = reader.read(length)
            return body if len(body) == length else None
        body = bytearray()
        while len(body) < length:
            piece = reader.read(min(16384, length - len(body)))
            if not piece:
                return None
            body += piece
            time.sleep(self.read_delay)
        return bytes(body)

    def _answer(self, connection, request, halt):
        """Whether the connection goes on."""
        if self.counting and isinstance(self.plan, faults.Nothing):
            with self._lock:
                self.requests += 1
                self.bytes += len(request.body)
            return _send(connection, 204, "")
        fault = self.plan(request)
        kind = type(fault)
        if kind in (faults.Reset, faults.Stall, faults.HalfClose, faults.Garbage):
            if fault.store:
                self._store(request)
            self._count(kind.__name__)
            if kind is faults.Reset:
                _reset(connection)
                return False
            if kind is faults.Garbage:
                connection.sendall(b"\x00\x01\x02 this is not HTTP\r\n\r\n")
                return False
            if kind is faults.HalfClose:
                if self.tls:
                    return False
                connection.shutdown(socket.SHUT_WR)
            halt.wait(fault.seconds)
            return False
        if kind is faults.Raw:
            if fault.store:
                self._store(request)
            self._count("Raw")
            connection.sendall(fault.data)
            limit = time.monotonic() + fault.seconds
            while fault.forever and time.monotonic() < limit and not halt.wait(fault.pause):
                connection.sendall(fault.forever)
            return fault.keeps
        if kind is faults.Status:
            if fault.store:
                self._store(request)
            code, body = fault.code, fault.body if fault.body is not None else faults.BODIES.get(fault.code, "")
        elif self.max_body is not None and len(request.body) > self.max_body:
            code, body = 413, faults.BODIES[413]
        elif kind is faults.Partial:
            code, body = self._store(request, reject=fault.reject)
        elif kind is faults.Limited:
            code, body = self._store(request, limited=fault.limited)
        else:
            code, body = self._store(request)
        self._count(code)
        if kind is faults.SlowAnswer:
            return _send_slowly(connection, code, body, fault.seconds, halt)
        return _send(connection, code, body)

    def _store(self, request, reject=None, limited=None):
        """Decodes and stores as Loki's distributor does: (status, body)."""
        if request.method != "POST":
            return 405, "method not allowed"
        if request.path.split("?")[0] not in ("/loki/api/v1/push", "/api/prom/push"):
            return 404, "404 page not found"
        kind = request.headers.get("content-type")
        if kind is None or kind.split(";")[0].strip() != "application/x-protobuf":
            self._problem("Content-Type %r" % kind)
            return 400, "mime: no media type" if kind is None else "content type %s is not supported" % kind
        coding = request.headers.get("content-encoding", "snappy")
        if coding != "snappy":
            self._problem("Content-Encoding %r" % coding)
            return 400, "Content-Encoding %q not supported" % coding
        try:
            streams = request.decoded()
        except (snappyblock.SnappyError, pushproto.PushError) as error:
            self._problem("body of %d bytes: %s" % (len(request.body), error))
            return 400, str(error)
        count = sum(len(entries) for _, entries in streams)
        with self._lock:
            self.requests += 1
            self.bytes += len(request.body)
            self.entries += count
            self.largest = max(self.largest, len(request.body))
            self.last_push = request.time
            for name in ("user-agent", "authorization", "x-scope-orgid", "content-encoding"):
                if name in request.headers:
                    self.headers_seen[name] = request.headers[name]
        status = self.loki.push(request.tenant, streams, reject, limited)
        if self.loki.protocol_errors:
            self._problem(self.loki.protocol_errors.pop())
        return status

    def _count(self, code):
        with self._lock:
            self.codes[code] = self.codes.get(code, 0) + 1

    def _problem(self, text, fatal=True):
        """What the agent itself did wrong; any of these fails a case."""
        with self._lock:
            if fatal and len(self.problems) < 20:
                self.problems.append(text)
        self._count("tls" if not fatal else "problem")


def _send(connection, code, body):
    data = body.encode()
    head = "HTTP/1.1 %d %s\r\n" % (code, REASONS.get(code, "Unknown"))
    if code != 204:
        head += "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n" % len(data)
    else:
        data = b""
    connection.sendall(head.encode() + b"\r\n" + data)
    return True


def _send_slowly(connection, code, body, seconds, halt):
    text = body.encode() + b" "
    data = b"HTTP/1.1 %d Slow\r\nContent-Length: %d\r\n\r\n" % (code if code != 204 else 200, len(text)) + text
    for at in range(len(data)):
        connection.sendall(data[at : at + 1])
        if halt.wait(seconds / len(data)):
            return False
    return True


def _reset(connection):
    """Closes with RST instead of FIN."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if isinstance(connection, ssl.SSLSocket):
            connection = socket.socket(fileno=connection.detach())
        # close() alone leaves the socket open while another thread reads from it.
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    try:
        connection.close()
    except OSError:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=3100)
    parser.add_argument("--count", action="store_true", help="count requests only, decode nothing")
    arguments = parser.parse_args()
    server = PushServer(port=arguments.port, counting=arguments.count).start()
    print("listening on %s" % server.url, flush=True)
    try:
        while True:
            time.sleep(1)
            print("requests=%d bytes=%d entries=%d repeated=%d codes=%s problems=%s" % (
                server.requests, server.bytes, server.entries, server.loki.repeated, server.codes, server.problems),
                flush=True)
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
