"""A remote write receiver of both versions: decodes requests by hand, holds each to the specification, keeps what it took.

Formats: Prometheus `prompb/remote.proto`, `prompb/types.proto`, `prompb/io/prometheus/write/v2/types.proto`; rules: the
remote write specifications 1.0 and 2.0.
"""

import http.server
import math
import re
import struct
import threading
import time

import snappyblock

STALE = 0x7FF0000000000002
V1 = "application/x-protobuf"
V2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"


class WireError(ValueError):
    """The bytes are not the message they claim to be."""


def fields(data):
    """(number, wire type, value) of each field; a sized one's value is its bytes, a fixed one's its bits."""
    at, end = 0, len(data)
    while at < end:
        tag, at = varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            if at + 8 > end:
                raise WireError("fixed64 cut off")
            value, at = struct.unpack_from("<Q", data, at)[0], at + 8
        elif kind == 2:
            length, at = varint(data, at)
            if at + length > end:
                raise WireError("field %d of %d bytes where %d are left" % (number, length, end - at))
            value, at = data[at : at + length], at + length
        else:
            raise WireError("wire type %d" % kind)
        if number == 0:
            raise WireError("field number 0")
        yield number, kind, value


def varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data):
            raise WireError("varint cut off")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, at
        shift += 7
        if shift > 63:
            raise WireError("varint of more than ten bytes")


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def known(data, **kinds):
    """The fields as {name: [values]}; `kinds` is name=(number, wire type). Others are an error."""
    names = {pair: name for name, pair in kinds.items()}
    out = {name: [] for name in kinds}
    for number, kind, value in fields(data):
        if (number, kind) not in names:
            raise WireError("unexpected field %d of wire type %d" % (number, kind))
        out[names[number, kind]].append(value)
    return out


def one(values, default=0):
    if len(values) > 1:
        raise WireError("a field stands twice")
    return values[0] if values else default


class Series:
    """Labels as (name, value) pairs; samples as (time, bits, start); exemplars as (labels, time, bits)."""

    def __init__(self, labels, samples, exemplars, metadata=None):
        self.labels, self.samples, self.exemplars, self.metadata = labels, samples, exemplars, metadata


def decode1(data):
    """([Series], [(type, family, help, unit)])"""
    message = known(data, series=(1, 2), metadata=(3, 2))
    series = []
    for body in message["series"]:
        parts = known(body, labels=(1, 2), samples=(2, 2), exemplars=(3, 2))
        exemplars = []
        for part in parts["exemplars"]:
            exemplar = known(part, labels=(1, 2), value=(2, 1), time=(3, 0))
            exemplars.append((labels1(exemplar["labels"]), signed(one(exemplar["time"])), one(exemplar["value"])))
        samples = []
        for part in parts["samples"]:
            sample = known(part, value=(1, 1), time=(2, 0))
            samples.append((signed(one(sample["time"])), one(sample["value"]), 0))
        series.append(Series(labels1(parts["labels"]), samples, exemplars))
    metadata = []
    for body in message["metadata"]:
        parts = known(body, type=(1, 0), family=(2, 2), help=(4, 2), unit=(5, 2))
        metadata.append((one(parts["type"]),) + tuple(one(parts[n], b"").decode() for n in ("family", "help", "unit")))
    return series, metadata


def labels1(bodies):
    pairs = []
    for body in bodies:
        pair = known(body, name=(1, 2), value=(2, 2))
        pairs.append((one(pair["name"], b"").decode(), one(pair["value"], b"").decode()))
    return pairs


def decode2(data):
    """([Series], symbols)"""
    message = known(data, symbols=(4, 2), series=(5, 2))
    symbols = [symbol.decode() for symbol in message["symbols"]]

    def labels(packed):
        refs, at = [], 0
        while at < len(packed):
            ref, at = varint(packed, at)
            if ref >= len(symbols):
                raise WireError("reference %d of %d symbols" % (ref, len(symbols)))
            refs.append(ref)
        if len(refs) % 2:
            raise WireError("an odd number of label references")
        return [(symbols[refs[i]], symbols[refs[i + 1]]) for i in range(0, len(refs), 2)]

    series = []
    for body in message["series"]:
        parts = known(body, labels=(1, 2), samples=(2, 2), exemplars=(4, 2), metadata=(5, 2))
        samples = []
        for part in parts["samples"]:
            sample = known(part, value=(1, 1), time=(2, 0), start=(3, 0))
            samples.append((signed(one(sample["time"])), one(sample["value"]), signed(one(sample["start"]))))
        exemplars = []
        for part in parts["exemplars"]:
            exemplar = known(part, labels=(1, 2), value=(2, 1), time=(3, 0))
            exemplars.append((labels(one(exemplar["labels"], b"")), signed(one(exemplar["time"])), one(exemplar["value"])))
        metadata = None
        if parts["metadata"]:
            body = known(one(parts["metadata"]), type=(1, 0), help=(3, 0), unit=(4, 0))
            metadata = (one(body["type"]), symbols[one(body["help"])], symbols[one(body["unit"])])
        series.append(Series(labels(one(parts["labels"], b"")), samples, exemplars, metadata))
    return series, symbols


class Request:
    """One request as it came and what the specification says against it."""

    def __init__(self, method, headers, body):
        self.at, self.method, self.headers, self.body = time.monotonic(), method, headers, body
        self.answered = self.at
        self.status = 0
        self.problems = []
        self.series, self.metadata, self.symbols = [], [], []
        self.version = 0
        try:
            self._read()
        except (WireError, snappyblock.SnappyError, UnicodeDecodeError) as error:
            self.problems.append("undecodable: %s" % error)
        self.samples = sum(len(one_series.samples) for one_series in self.series)

    def _read(self):
        kind = self.headers.get("content-type")
        version = self.headers.get("x-prometheus-remote-write-version")
        if self.method != "POST":
            self.problems.append("method %s" % self.method)
        if (kind, version) not in ((V1, "0.1.0"), (V2, "2.0.0")):
            self.problems.append("Content-Type %r with version %r" % (kind, version))
        if self.headers.get("content-encoding") != "snappy":
            self.problems.append("Content-Encoding %r" % self.headers.get("content-encoding"))
        if not re.fullmatch(r"tocsin/\d+\.\d+\.\d+", self.headers.get("user-agent", "")):
            self.problems.append("User-Agent %r" % self.headers.get("user-agent"))
        # A framed stream would begin with its identifier, which the plain decoder does not take for a block.
        data = snappyblock.decompress_plain(self.body)
        self.version = 2 if kind == V2 else 1
        if self.version == 1:
            self.series, self.metadata = decode1(data)
        else:
            self.series, self.symbols = decode2(data)
            if not self.symbols or self.symbols[0] != "":
                self.problems.append("the first symbol is not empty")
            if len(set(self.symbols)) != len(self.symbols):
                self.problems.append("a symbol stands twice")
        times = {}
        for series in self.series:
            self._check(series, times)

    def _check(self, series, times):
        names = [name for name, _ in series.labels]
        values = dict(series.labels)
        if names != sorted(names, key=lambda name: name.encode()):
            self.problems.append("labels not sorted: %s" % names)
        if len(set(names)) != len(names):
            self.problems.append("a label stands twice: %s" % names)
        if not all(name and value for name, value in series.labels):
            self.problems.append("an empty name or value: %s" % series.labels)
        if "__name__" not in values:
            self.problems.append("no __name__: %s" % series.labels)
        if not series.samples:
            self.problems.append("a series without samples: %s" % series.labels)
        key = tuple(series.labels)
        for at, _, _ in series.samples:
            # Milliseconds of this century, not seconds or nanoseconds.
            if not 10**12 < at < 4 * 10**12:
                self.problems.append("time %d" % at)
            if at <= times.get(key, -1):
                self.problems.append("time %d after %d: %s" % (at, times[key], series.labels))
            times[key] = at


class Receiver:
    """Listens on a port of 127.0.0.1. `answer(request, number)` gives a status, or (status, headers), or None to close. With
    `expects_cuts` requests that end in their middle are counted in `cuts` alone."""

    def __init__(self, answer=None, port=0, expects_cuts=False):
        self.expects_cuts, self.cuts = expects_cuts, 0
        self.answer = answer or (lambda request, number: 204)
        self.requests = []
        self.taken = {}
        self.starts = {}
        self.exemplars = []
        self.metadata = {}
        self.repeated = 0
        self.problems = []
        self.lock = threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                length = int(self.headers.get("Content-Length", "-1"))
                body = self.rfile.read(max(0, length))
                if receiver.expects_cuts and length != len(body):
                    receiver.cuts += 1
                    self.close_connection = True
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, headers, body)
                status, extra = receiver.took(request)
                if status is None:
                    self.close_connection = True
                    self.connection.close()
                    return
                request.answered = time.monotonic()
                try:
                    self.send_response(status)
                    for name, value in extra.items():
                        self.send_header(name, value)
                    if status != 204:
                        self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    pass

            do_GET = do_PUT = do_POST

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = "http://127.0.0.1:%d/api/v1/write" % self.port
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def start(self):
        self.thread.start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def took(self, request):
        with self.lock:
            number = len(self.requests)
            self.requests.append(request)
            self.problems += request.problems
            answer = self.answer(request, number)
            status, extra = answer if isinstance(answer, tuple) else (answer, {})
            request.status = status or 0
            if status is not None and 200 <= status < 300:
                self.keep(request)
                if request.version == 2 and not extra:
                    extra = {"X-Prometheus-Remote-Write-Samples-Written": str(request.samples),
                             "X-Prometheus-Remote-Write-Exemplars-Written":
                                 str(sum(len(series.exemplars) for series in request.series))}
            return status, extra

    def keep(self, request):
        for series in request.series:
            stored = self.taken.setdefault(tuple(series.labels), [])
            for at, bits, start in series.samples:
                if stored and at <= stored[-1][0]:
                    if (at, bits) in stored:
                        self.repeated += 1
                    else:
                        self.problems.append("time %d behind %d: %s" % (at, stored[-1][0], series.labels))
                    continue
                stored.append((at, bits))
                self.starts[tuple(series.labels)] = start
            self.exemplars += series.exemplars
            if series.metadata:
                self.metadata[dict(series.labels)["__name__"]] = series.metadata
        for kind, family, text, unit in request.metadata:
            self.metadata[family] = (kind, text, unit)

    def named(self, name, **labels):
        """Samples by the whole label set, of series of that name with these labels."""
        wanted = {("__name__", name), *labels.items()}
        with self.lock:
            return {key: list(samples) for key, samples in self.taken.items() if wanted <= set(key)}


def value(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def bits(number):
    return struct.unpack("<Q", struct.pack("<d", number))[0]


def is_nan(number_bits):
    return math.isnan(value(number_bits)) and number_bits != STALE
