"""What a push server can do wrong, one small value per kind, and scripts that choose between them."""

import random
from dataclasses import dataclass
from typing import Callable, Optional

BODIES = {
    200: "",
    204: "",
    260: "ingestion blocked for user fake until '2030-01-01 00:00:00 +0000 UTC' with status code '260'",
    400: "error parsing labels {job=t}: 1:6: parse error: unexpected identifier \"t\" in label matching",
    401: "no org id",
    403: "access denied",
    404: "404 page not found",
    413: "<html><head><title>413 Request Entity Too Large</title></head></html>",
    422: "no streams in the request",
    429: ("ingestion rate limit exceeded for user fake (limit: 4194304 bytes/sec) while attempting to ingest '1000' lines "
          "totaling '1048576' bytes, reduce log volume or contact your Loki administrator to see if the limit can be "
          "increased"),
    500: "rpc error: code = Unknown desc = at least 2 live replicas required, could only find 1",
    502: "<html><body><h1>502 Bad Gateway</h1></body></html>",
    503: "service unavailable",
    504: "upstream request timeout",
}


@dataclass
class Status:
    """Answers with this code; nothing is stored unless `store`."""

    code: int
    store: bool = False
    body: Optional[str] = None


@dataclass
class Partial:
    """400 for the entries that `reject(stream, entry)` gives a reason for; the rest is stored."""

    reject: Callable


@dataclass
class Limited:
    """429 for the streams that `limited(stream)` is true of; the others are stored."""

    limited: Callable


@dataclass
class Stall:
    """Takes the request and never answers; the connection closes after so many seconds."""

    seconds: float = 30
    store: bool = False


@dataclass
class Reset:
    """Cuts the connection with a TCP reset, before or after storing."""

    store: bool = False


@dataclass
class HalfClose:
    """Closes its own side without an answer and keeps the other open for so many seconds."""

    seconds: float = 30
    store: bool = False


@dataclass
class SlowAnswer:
    """Stores, then answers byte by byte over so many seconds."""

    seconds: float = 1


@dataclass
class Garbage:
    """Answers with something that is not HTTP."""

    store: bool = False


@dataclass
class Raw:
    """Sends these bytes as they are, then `forever` again and again for so many seconds, and closes."""

    data: bytes
    store: bool = False
    forever: bytes = b""
    seconds: float = 20
    pause: float = 0
    keeps: bool = False


@dataclass
class Early:
    """Answers when it has read the head of a request with a body over so many bytes, and closes without reading it."""

    data: bytes
    over: int = 0


class Nothing:
    """No fault ever."""

    def __call__(self, request):
        return None


class Every:
    """A fault for every n-th request, the given ones in turn."""

    def __init__(self, n, faults):
        self.n, self.faults = n, list(faults)

    def __call__(self, request):
        if request.number % self.n:
            return None
        return self.faults[request.number // self.n % len(self.faults)]


class While:
    """The same fault as long as `active` is set."""

    def __init__(self, fault, active=True):
        self.fault, self.active = fault, active
        self.hits = 0

    def __call__(self, request):
        if not self.active:
            return None
        self.hits += 1
        return self.fault


class Mixture:
    """Everything that must not lose a line, at random with a printed seed."""

    RETRYABLE = (260, 401, 403, 404, 429, 500, 502, 503, 504)

    def __init__(self, seed, share=0.2, slow=True):
        self.random = random.Random(seed)
        self.share = share
        self.kinds = [Status(code) for code in self.RETRYABLE]
        self.kinds += [Status(500, store=True), Status(503, store=True), Reset(), Reset(store=True), Garbage(),
                       SlowAnswer(0.3)]
        if slow:
            self.kinds += [Stall(4), Stall(4, store=True), HalfClose(4), HalfClose(4, store=True)]
        self.given = {}

    def __call__(self, request):
        if self.random.random() >= self.share:
            return None
        fault = self.random.choice(self.kinds)
        name = "%s%s" % (type(fault).__name__, getattr(fault, "code", ""))
        self.given[name] = self.given.get(name, 0) + 1
        return fault
