"""The judgement at the end of a case: what of what was written has arrived, and in how many forms."""


class Verdict:
    """Compares what was written with what one push server accepted.

    `expected` maps each line written (bytes) to its exact time stamp in ns, or to None where the agent gives it.
    A line has arrived when some stream holds it. Repeats of the same stream, time stamp, line and metadata are such as
    Loki drops (`repeated`); the same line in a second stream or under a second time stamp is a `conflict`.
    """

    def __init__(self, expected, server, tenant=None, excused=()):
        self.expected = len(expected)
        self.missing, self.conflicts, self.wrong_time, self.unknown = [], [], [], []
        self.repeated = self.disordered = self.excused = 0
        self.problems = list(server.problems)
        seen = {}
        with server.loki.lock:
            for name, streams in server.loki.tenants.items():
                if tenant is not None and name != tenant:
                    continue
                for stream in streams.values():
                    for (stamp, line, metadata), times in stream.entries.items():
                        self.repeated += times - 1
                        seen.setdefault(line, []).append((stream.raw, stamp, metadata))
        excused = set(excused)
        self.stamps = {}
        order = {}
        for line, stamp in expected.items():
            forms = seen.pop(line, None)
            if forms is None:
                if line in excused:
                    self.excused += 1
                else:
                    self.missing.append(line)
                continue
            self.stamps[line] = forms[0][1]
            if len(forms) > 1:
                self.conflicts.append((line, forms))
            # Entries with one time stamp are spread by a nanosecond each, so that their order survives.
            if stamp is not None and not 0 <= forms[0][1] - stamp < 1_000_000:
                self.wrong_time.append((line, stamp, forms[0][1]))
            last = order.get(forms[0][0])
            if last is not None and forms[0][1] <= last:
                self.disordered += 1
            order[forms[0][0]] = max(forms[0][1], last or 0)
        self.unknown = list(seen)

    @property
    def ok(self):
        return not (self.missing or self.conflicts or self.wrong_time or self.problems)

    def __str__(self):
        text = "written=%d lost=%d dup_droppable=%d dup_conflicting=%d wrong_time=%d disordered=%d unknown=%d" % (
            self.expected, len(self.missing), self.repeated, len(self.conflicts), len(self.wrong_time),
            self.disordered, len(self.unknown))
        if self.excused:
            text += " refused_by_server=%d" % self.excused
        for name, rows in (("lost", self.missing), ("conflict", self.conflicts), ("wrong_time", self.wrong_time),
                           ("problem", self.problems)):
            if rows:
                text += "\n    first %s: %s" % (name, _shorten(rows[0]))
                if len(rows) > 1:
                    text += "\n    last %s: %s" % (name, _shorten(rows[-1]))
        if self.missing and self.unknown:
            text += "\n    an unknown line: %s" % _shorten(self.unknown[0])
        return text


def _shorten(row):
    text = repr(row)
    return text if len(text) < 400 else text[:400] + "…"
