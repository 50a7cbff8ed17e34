"""What a Loki does with a decoded push: validation, storing, dropping of repeats, and its words for what it refuses."""

import datetime
import threading
import time
from dataclasses import dataclass

from pushproto import PushError, parse_labels

SERVICE_LABELS = ("service", "app", "application", "app_name", "name", "app_kubernetes_io_name", "container",
                  "container_name", "k8s_container_name", "component", "workload", "job", "k8s_job_name")
RETURNED_ERRORS = 10


@dataclass
class Limits:
    """Loki's defaults (`pkg/validation/limits.go`)."""

    max_line_size: int = 256 << 10
    max_label_names: int = 15
    max_label_name_length: int = 1024
    max_label_value_length: int = 2048
    max_metadata_size: int = 64 << 10
    max_metadata_count: int = 128
    reject_older_than: float = 7 * 86400
    creation_grace: float = 600
    out_of_order_window: float = 3600


def go_time(nanoseconds):
    """A time as Go's Time.String prints it."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    stamp = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    fraction = (".%09d" % rest).rstrip("0") if rest else ""
    return "%s%s +0000 UTC" % (stamp, fraction)


def rfc3339(nanoseconds):
    return datetime.datetime.fromtimestamp(nanoseconds // 1_000_000_000, datetime.timezone.utc).strftime(
        "%Y-%m-%dT%H:%M:%SZ")


class Stream:
    """One stream of one tenant. `entries` maps (timestamp, line, metadata) to how often it was pushed."""

    __slots__ = ("raw", "pairs", "name", "entries", "highest", "problem")

    def __init__(self, raw, limits):
        self.raw = raw
        self.pairs = parse_labels(raw.decode("utf-8"))
        self.entries = {}
        self.highest = None
        self.problem = None
        names = dict(self.pairs)
        shown = dict(names)
        if "service_name" not in names:
            shown["service_name"] = next((names[n] for n in SERVICE_LABELS if n in names), "unknown_service")
        # Loki names streams in its errors with the service_name that it has added itself.
        self.name = "{%s}" % ", ".join('%s="%s"' % pair for pair in sorted(shown.items()))
        if len(self.pairs) > limits.max_label_names:
            self.problem = "entry for stream '%s' has %d label names; limit %d" % (
                self.name, len(self.pairs), limits.max_label_names)
        for name, value in self.pairs:
            if len(name) > limits.max_label_name_length:
                self.problem = "stream '%s' has label name too long: '%s'" % (self.name, name)
            if len(value.encode()) > limits.max_label_value_length:
                self.problem = "stream '%s' has label value too long: '%s'" % (self.name, value)


class Loki:
    """The memory of one fake Loki: what was accepted, per tenant and stream."""

    def __init__(self, limits=None):
        self.limits = limits or Limits()
        self.tenants = {}
        self.lock = threading.Lock()
        self.accepted = 0
        self.repeated = 0
        self.rejected = {}
        self.protocol_errors = []

    def stream(self, tenant, raw):
        streams = self.tenants.setdefault(tenant, {})
        found = streams.get(raw)
        if found is None:
            found = streams[raw] = Stream(raw, self.limits)
        return found

    def streams(self):
        with self.lock:
            return [(tenant, s) for tenant, streams in self.tenants.items() for s in streams.values()]

    def push(self, tenant, streams, reject=None, limited=None):
        """Stores what is valid; (status, body) as Loki's distributor and ingester would answer.

        `reject(stream, entry)` gives a reason to refuse one entry, `limited(stream)` says that a stream is over its
        rate limit.
        """
        if not streams or not any(entries for _, entries in streams):
            return 422, "no streams in the request"
        errors, over = [], []
        limits = self.limits
        now = time.time_ns()
        oldest = now - int(limits.reject_older_than * 1e9)
        newest = now + int(limits.creation_grace * 1e9)
        window = int(limits.out_of_order_window * 1e9)
        with self.lock:
            for raw, entries in streams:
                try:
                    stream = self.stream(tenant, raw)
                except (PushError, UnicodeDecodeError) as error:
                    self.protocol_errors.append(str(error))
                    return 400, "error parsing labels %s: %s" % (raw.decode("utf-8", "replace"), error)
            for raw, entries in streams:
                stream = self.stream(tenant, raw)
                if stream.problem:
                    self._refuse(stream, entries)
                    errors.append(stream.problem)
                    continue
                if limited and limited(stream):
                    size = sum(len(line) for _, line, _ in entries)
                    over.append(self._over_limit(tenant, stream, entries, size))
                    continue
                behind = []
                store = stream.entries
                highest = stream.highest if stream.highest is not None else entries[0][0] if entries else 0
                for entry in entries:
                    stamp, line, metadata = entry
                    problem = None
                    if len(line) > limits.max_line_size:
                        problem = ("max entry size '%d' bytes exceeded for stream '%s' while adding an entry with "
                                   "length '%d' bytes" % (limits.max_line_size, stream.name, len(line)))
                    elif stamp < oldest:
                        problem = ("entry for stream '%s' has timestamp too old: %s, oldest acceptable timestamp is: %s"
                                   % (stream.name, rfc3339(stamp), rfc3339(oldest)))
                    elif stamp > newest:
                        problem = "entry for stream '%s' has timestamp too new: %s" % (stream.name, rfc3339(stamp))
                    elif metadata and self._metadata_too_large(metadata):
                        problem = "stream '%s' has structured metadata too large" % stream.name
                    elif reject:
                        problem = reject(stream, entry)
                    if problem:
                        self._refuse(stream, (entry,))
                        errors.append(problem)
                        continue
                    if stamp < highest - window:
                        self._refuse(stream, (entry,))
                        behind.append(entry)
                        continue
                    if stamp > highest:
                        highest = stamp
                    times = store.get(entry)
                    if times is None:
                        store[entry] = 1
                        self.accepted += 1
                    else:
                        store[entry] = times + 1
                        self.repeated += 1
                stream.highest = highest
                if behind:
                    errors.append(self._too_far_behind(tenant, stream, behind, len(entries), highest - window))
        if over:
            return 429, over[-1]
        if errors:
            return 400, errors[-1] if len(errors) == 1 else "\n".join(errors[:RETURNED_ERRORS])
        return 204, ""

    def _refuse(self, stream, entries):
        for entry in entries:
            self.rejected[entry[1]] = self.rejected.get(entry[1], 0) + 1

    def _metadata_too_large(self, metadata):
        return len(metadata) > self.limits.max_metadata_count or sum(
            len(name) + len(value) for name, value in metadata) > self.limits.max_metadata_size

    def _over_limit(self, tenant, stream, entries, size):
        reason = ("Per stream rate limit exceeded (limit: 3MB/sec) while attempting to ingest for stream '%s' totaling "
                  "%dB, consider splitting a stream via additional labels or contact your Loki administrator to see "
                  "if the limit can be increased" % (stream.name, size))
        return self._ignored(tenant, stream, entries, len(entries), lambda _: reason)

    def _too_far_behind(self, tenant, stream, behind, total, oldest):
        return self._ignored(
            tenant, stream, behind, total,
            lambda stamp: "entry too far behind, entry timestamp is: %s, oldest acceptable timestamp is: %s" % (
                rfc3339(stamp), rfc3339(oldest)))

    def _ignored(self, tenant, stream, entries, total, reason):
        lines = ["entry with timestamp %s ignored, reason: '%s',\n" % (go_time(e[0]), reason(e[0]))
                 for e in entries[:RETURNED_ERRORS]]
        return "%suser '%s', total ignored: %d out of %d for stream: %s" % (
            "".join(lines), tenant or "fake", len(entries), total, stream.name)
