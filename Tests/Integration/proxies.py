"""Proxies between the agent and a push server: HTTP (forwarding and CONNECT), the same behind TLS, and SOCKS5."""

import base64
import socket
import ssl
import struct
import threading


class Proxy:
    """Listens on a free port of 127.0.0.1. `served` counts what went through, `refused` what lacked the credentials."""

    scheme = "http"

    def __init__(self, user="", password="", tls=None):
        self.user, self.password, self.tls = user, password, tls
        self.served = self.refused = 0
        self.names = []
        self.port = 0
        self._listener = None

    def url(self, credentials=None, scheme=None):
        """For `proxy_url`; `credentials` in place of the right ones."""
        if credentials is None:
            credentials = "%s:%s@" % (self.user, self.password) if self.user else ""
        return "%s://%s127.0.0.1:%d" % (scheme or ("https" if self.tls else self.scheme), credentials, self.port)

    def start(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        return self

    def stop(self):
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            self.serve(connection)
        except (OSError, ssl.SSLError, ValueError, EOFError):
            pass
        finally:
            connection.close()

    def serve(self, connection):
        raise NotImplementedError

    def connect(self, host, port):
        """To a server on this machine, and nowhere else."""
        self.names.append(host)
        host = host.strip("[]")
        if host not in ("127.0.0.1", "localhost", "::1"):
            raise OSError("not a loopback address: %s" % host)
        return socket.create_connection((host, port), timeout=10)


class HTTPProxy(Proxy):
    """Forwards requests with an absolute URI, one per connection, and tunnels CONNECT."""

    def serve(self, connection):
        head = _head(connection)
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split()
        headers = {name.strip().lower(): value.strip() for name, _, value in (l.partition(":") for l in lines[1:])}
        if self.user:
            wanted = "Basic " + base64.b64encode(("%s:%s" % (self.user, self.password)).encode()).decode()
            if headers.get("proxy-authorization") != wanted:
                self.refused += 1
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\n"
                                   b"Connection: close\r\nContent-Length: 0\r\n\r\n")
                return
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            upstream = self.connect(host, int(port))
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.served += 1
            _relay(connection, upstream)
            return
        authority, _, path = target.split("://", 1)[1].partition("/")
        host, _, port = authority.rpartition(":")
        upstream = self.connect(host, int(port))
        self.served += 1
        kept = [line for line in lines[1:] if line and not line.lower().startswith(("proxy-", "connection:"))]
        upstream.sendall("\r\n".join(["%s /%s HTTP/1.1" % (method, path), *kept, "Connection: close", "", ""]).encode())
        length = int(headers.get("content-length", 0))
        while length:
            piece = connection.recv(min(65536, length))
            if not piece:
                raise EOFError
            upstream.sendall(piece)
            length -= len(piece)
        answer = _head(upstream).split(b"\r\n")
        connection.sendall(b"\r\n".join([*answer, b"Connection: close", b"", b""]))
        body = next((int(l.split(b":")[1]) for l in answer if l.lower().startswith(b"content-length:")), 0)
        while body:
            piece = upstream.recv(min(65536, body))
            if not piece:
                break
            connection.sendall(piece)
            body -= len(piece)
        upstream.close()


class SOCKSProxy(Proxy):
    """SOCKS5 (RFC 1928), with user and password (RFC 1929) where there is a user."""

    scheme = "socks5"

    def serve(self, connection):
        version, count = _exactly(connection, 2)
        methods = _exactly(connection, count)
        method = 2 if self.user else 0
        if version != 5 or method not in methods:
            self.refused += 1
            connection.sendall(b"\x05\xff")
            return
        connection.sendall(bytes((5, method)))
        if self.user:
            _exactly(connection, 1)
            user = _exactly(connection, _exactly(connection, 1)[0])
            password = _exactly(connection, _exactly(connection, 1)[0])
            if (user.decode(), password.decode()) != (self.user, self.password):
                self.refused += 1
                connection.sendall(b"\x01\x01")
                return
            connection.sendall(b"\x01\x00")
        _, command, _, kind = _exactly(connection, 4)
        if kind == 1:
            host = socket.inet_ntop(socket.AF_INET, _exactly(connection, 4))
        elif kind == 4:
            host = socket.inet_ntop(socket.AF_INET6, _exactly(connection, 16))
        else:
            host = _exactly(connection, _exactly(connection, 1)[0]).decode()
        port, = struct.unpack(">H", _exactly(connection, 2))
        upstream = self.connect(host, port)
        connection.sendall(b"\x05\x00\x00\x01" + bytes(6))
        self.served += 1
        _relay(connection, upstream)


def _exactly(connection, count):
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def _head(connection):
    """What comes before the empty line, which is read too."""
    data = bytearray()
    while not data.endswith(b"\r\n\r\n"):
        data += _exactly(connection, 1)
        if len(data) > 65536:
            raise ValueError("a head over 64 KiB")
    return bytes(data[:-4])


def _relay(one, other):
    """Both directions until either side is done."""
    one.settimeout(None)
    other.settimeout(None)

    def copy(source, sink):
        try:
            while True:
                piece = source.recv(65536)
                if not piece:
                    break
                sink.sendall(piece)
        except (OSError, ssl.SSLError):
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    back = threading.Thread(target=copy, args=(other, one), daemon=True)
    back.start()
    copy(one, other)
    back.join()
    other.close()
