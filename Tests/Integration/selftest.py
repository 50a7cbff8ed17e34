#!/usr/bin/env python3
"""Tests of the harness itself: its decoders, its fake Loki and its judgement, which must be able to fail."""

import importlib.machinery
import importlib.util
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import faults
import pushproto
import remotewrite
import snappyblock
from loki import go_time
from pushserver import PushServer
from verdict import Verdict

VECTOR = bytes.fromhex("0a230a097b6a6f623d2274227d12160a080880e2cfaa061001120268691a060a016b120176")
VECTOR_STREAMS = [(b'{job="t"}', [(1700000000000000001, b"hi", ((b"k", b"v"),))])]


def post(server, body, tenant=None, kind="application/x-protobuf", timeout=5):
    headers = {"Content-Type": kind} if kind else {"Content-Type": ""}
    if tenant:
        headers["X-Scope-OrgID"] = tenant
    request = urllib.request.Request(server.url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def push(server, streams, **options):
    return post(server, snappyblock.compress(pushproto.encode(streams)), **options)


class Decoding(unittest.TestCase):
    def test_vector(self):
        self.assertEqual(len(VECTOR), 37)
        self.assertEqual(pushproto.decode(VECTOR), VECTOR_STREAMS)
        self.assertEqual(pushproto.encode(VECTOR_STREAMS), VECTOR)
        block = b"\x25\x90" + VECTOR
        self.assertEqual(snappyblock.decompress(block), VECTOR)
        self.assertEqual(snappyblock.decompress_plain(block), VECTOR)
        self.assertEqual(snappyblock.compress_literal(VECTOR), block)

    def test_plain_and_libsnappy_agree(self):
        for seed in range(60):
            source = random.Random(seed)
            words = [source.randbytes(source.randrange(1, 40)) for _ in range(8)]
            data = b"".join(source.choice(words) for _ in range(source.randrange(0, 12000)))
            self.assertEqual(snappyblock.decompress_plain(snappyblock.compress(data)), data, "seed %d" % seed)
            self.assertEqual(snappyblock.decompress(snappyblock.compress_literal(data)), data, "seed %d" % seed)

    def test_damage_is_refused(self):
        for seed in range(300):
            source = random.Random(seed)
            block = bytearray(snappyblock.compress(VECTOR * 50))
            for _ in range(source.randrange(1, 4)):
                block[source.randrange(len(block))] = source.randrange(256)
            try:
                pushproto.decode(snappyblock.decompress_plain(bytes(block)))
            except (snappyblock.SnappyError, pushproto.PushError):
                pass
        with self.assertRaises(snappyblock.SnappyError):
            snappyblock.decompress(b"\xff\x06\x00\x00sNaPpY" + VECTOR)
        for cut in range(1, len(VECTOR)):
            with self.assertRaises(pushproto.PushError, msg="cut at %d" % cut):
                pushproto.decode(VECTOR[:cut])

    def test_labels(self):
        self.assertEqual(pushproto.parse_labels('{a="x", b="y\\"\\n\\\\\\u00e9"}'), [("a", "x"), ("b", 'y"\n\\é')])
        for bad in ('{}', 'a="x"', '{b="x", a="y"}', '{a="x", a="y"}', '{a="x",b="y"}', '{a="x}', '{0a="x"}', '{a=x}',
                    '{a="\\q"}', '{a="x"', '{a="\n"}'):
            with self.assertRaises(pushproto.PushError, msg=bad):
                pushproto.parse_labels(bad)


class Serving(unittest.TestCase):
    def setUp(self):
        self.server = PushServer().start()
        self.addCleanup(self.server.stop)
        self.now = time.time_ns()

    def entries(self, *lines, at=0):
        return [(self.now + at + i, line, ()) for i, line in enumerate(lines)]

    def stored(self, tenant=""):
        return sorted(e[1] for t, s in self.server.loki.streams() if t == tenant for e in s.entries)

    def test_stores_and_drops_repeats(self):
        streams = [(b'{job="a"}', self.entries(b"1", b"2"))]
        self.assertEqual(push(self.server, streams)[0], 204)
        self.assertEqual(push(self.server, streams)[0], 204)
        self.assertEqual(self.stored(), [b"1", b"2"])
        self.assertEqual(self.server.loki.repeated, 2)
        push(self.server, streams, tenant="t")
        self.assertEqual(self.stored("t"), [b"1", b"2"])

    def test_is_strict(self):
        body = snappyblock.compress(pushproto.encode([(b'{job="a"}', self.entries(b"1"))]))
        self.assertEqual(post(self.server, body, kind="application/json")[0], 400)
        self.assertEqual(post(self.server, body, kind=None)[0], 400)
        self.assertEqual(post(self.server, b"junk")[0], 400)
        self.assertEqual(push(self.server, [(b'{b="1", a="2"}', self.entries(b"1"))])[0], 400)
        self.assertEqual(push(self.server, [(b'{}', self.entries(b"1"))])[0], 400)
        self.assertEqual(push(self.server, [])[0], 422)
        self.assertEqual(len(self.server.problems), 5)
        self.assertEqual(self.stored(), [])

    def test_validation_stores_the_valid_rest(self):
        day = 86400 * 1_000_000_000
        entries = self.entries(b"good", b"x" * (300 << 10)) + [(self.now - 8 * day, b"old", ()),
                                                              (self.now + day, b"new", ())]
        code, body = push(self.server, [(b'{job="a"}', entries)])
        self.assertEqual(code, 400)
        self.assertIn("max entry size '262144' bytes exceeded for stream '{job=\"a\", service_name=\"a\"}'", body)
        self.assertIn("has timestamp too old", body)
        self.assertIn("has timestamp too new", body)
        self.assertEqual(self.stored(), [b"good"])
        code, body = push(self.server, [(b'{job="a"}', self.entries(b"late", at=-2 * 3600 * 1_000_000_000))])
        self.assertEqual(code, 400)
        self.assertRegex(body, r"(?s)ignored, reason: 'entry too far behind.*total ignored: 1 out of 1 for stream: \{job")

    def test_partial_and_limited(self):
        self.server.plan = faults.Partial(lambda s, e: "entry refused" if e[1] == b"bad" else None)
        plan = self.server.plan
        self.server.plan = lambda request: plan
        self.assertEqual(push(self.server, [(b'{job="a"}', self.entries(b"bad", b"good"))]), (400, "entry refused"))
        self.assertEqual(self.stored(), [b"good"])
        self.server.plan = lambda request: faults.Limited(lambda stream: stream.raw == b'{job="b"}')
        code, body = push(self.server, [(b'{job="b"}', self.entries(b"hot")), (b'{job="c"}', self.entries(b"cool"))])
        self.assertEqual(code, 429)
        self.assertIn("Per stream rate limit exceeded (limit: 3MB/sec)", body)
        self.assertIn("total ignored: 1 out of 1 for stream: {job=\"b\", service_name=\"b\"}", body)
        self.assertEqual(self.stored(), [b"cool", b"good"])

    def test_every_status(self):
        for code in sorted(faults.BODIES):
            self.server.plan = lambda request: faults.Status(code)
            self.assertEqual(push(self.server, VECTOR_STREAMS), (code, faults.BODIES[code]))
        self.assertEqual(self.server.loki.accepted, 0)
        self.server.plan = faults.Nothing()
        self.server.max_body = 10
        self.assertEqual(push(self.server, VECTOR_STREAMS)[0], 413)

    def test_broken_connections(self):
        for store in (False, True):
            for fault in (faults.Reset(store), faults.HalfClose(0.2, store), faults.Stall(0.2, store),
                          faults.Garbage(store)):
                before = self.server.loki.accepted + self.server.loki.repeated
                self.server.plan = lambda request: fault
                with self.assertRaises(Exception, msg=fault):
                    push(self.server, [(b'{job="a"}', self.entries(b"1"))])
                after = self.server.loki.accepted + self.server.loki.repeated
                self.assertEqual(after - before, int(store), fault)
        self.server.plan = lambda request: faults.SlowAnswer(0.2)
        self.assertEqual(push(self.server, [(b'{job="a"}', self.entries(b"2"))])[0], 200)

    def test_down_and_up_again(self):
        port = self.server.port
        held = socket.create_connection(("127.0.0.1", port))
        self.addCleanup(held.close)
        self.server.stop()
        with self.assertRaises(urllib.error.URLError):
            push(self.server, VECTOR_STREAMS)
        self.server.start()
        self.assertEqual(self.server.port, port)
        self.assertEqual(push(self.server, [(b'{job="a"}', self.entries(b"1"))])[0], 204)

    def test_speed(self):
        entries = [(self.now + i, b"%09d " % i + b"x" * 150, ()) for i in range(20000)]
        body = snappyblock.compress(pushproto.encode([(b'{job="a"}', entries)]))
        start = time.process_time()
        self.assertEqual(post(self.server, body)[0], 204)
        print("decoded, validated and stored %.0f lines per CPU second" % (20000 / (time.process_time() - start)))

    def test_go_time(self):
        self.assertEqual(go_time(1700000000_100000000), "2023-11-14 22:13:20.1 +0000 UTC")
        self.assertEqual(go_time(1700000000_000000000), "2023-11-14 22:13:20 +0000 UTC")


class Judging(unittest.TestCase):
    def setUp(self):
        self.server = PushServer()
        self.now = time.time_ns()
        self.lines = [b"n=%09d" % i for i in range(1000)]
        self.entries = [(self.now + i, line, ()) for i, line in enumerate(self.lines)]
        self.expected = dict.fromkeys(self.lines)

    def push(self, entries, labels=b'{job="a"}'):
        return self.server.loki.push("", [(labels, entries)])

    def test_whole(self):
        self.push(self.entries)
        self.push(self.entries[200:300])
        verdict = Verdict(self.expected, self.server)
        self.assertTrue(verdict.ok, verdict)
        self.assertEqual((verdict.repeated, verdict.disordered), (100, 0))

    def test_one_lost_line_fails(self):
        self.push(self.entries[:500] + self.entries[501:])
        verdict = Verdict(self.expected, self.server)
        self.assertFalse(verdict.ok)
        self.assertEqual(verdict.missing, [b"n=000000500"])

    def test_second_timestamp_fails(self):
        self.push(self.entries)
        self.push([(self.now + 5000, b"n=000000003", ())])
        verdict = Verdict(self.expected, self.server)
        self.assertFalse(verdict.ok)
        self.assertEqual(len(verdict.conflicts), 1)

    def test_second_stream_fails(self):
        self.push(self.entries)
        self.push(self.entries[:1], b'{job="b"}')
        self.assertFalse(Verdict(self.expected, self.server).ok)

    def test_wrong_timestamp_fails(self):
        self.push(self.entries)
        exact = {line: self.now + i for i, line in enumerate(self.lines)}
        self.assertTrue(Verdict(exact, self.server).ok)
        exact[b"n=000000007"] -= 2_000_000
        self.assertFalse(Verdict(exact, self.server).ok)

    def test_broken_protocol_fails(self):
        self.push(self.entries)
        self.server.problems.append("Content-Type None")
        self.assertFalse(Verdict(self.expected, self.server).ok)

    def test_excused(self):
        self.push(self.entries[1:])
        self.assertTrue(Verdict(self.expected, self.server, excused=[b"n=000000000"]).ok)


class RemoteWriting(unittest.TestCase):
    """The receiver finds what the specification forbids."""

    HEAD1 = {"content-type": remotewrite.V1, "x-prometheus-remote-write-version": "0.1.0",
             "content-encoding": "snappy", "user-agent": "tocsin/1.0.0"}
    HEAD2 = dict(HEAD1, **{"content-type": remotewrite.V2, "x-prometheus-remote-write-version": "2.0.0"})
    NOW = 1_700_000_000_000

    @staticmethod
    def sized(number, data):
        return pushproto._put(number << 3 | 2, data)

    def sample(self, at):
        return self.sized(2, b"\x09" + bytes(8) + b"\x10" + pushproto._put_varint(at))

    def body1(self, pairs, *times):
        labels = b"".join(self.sized(1, self.sized(1, name) + self.sized(2, text)) for name, text in pairs)
        return self.sized(1, labels + b"".join(self.sample(at) for at in times))

    def body2(self, symbols, refs, at=NOW):
        return b"".join(self.sized(4, symbol) for symbol in symbols) + self.sized(
            5, self.sized(1, bytes(refs)) + self.sample(at))

    def problems(self, headers, body, method="POST"):
        return remotewrite.Request(method, headers, snappyblock.compress(body)).problems

    def test_sound(self):
        good = self.body1([(b"__name__", b"a"), (b"b", b"c")], self.NOW, self.NOW + 1)
        self.assertEqual(self.problems(self.HEAD1, good), [])
        self.assertEqual(self.problems(self.HEAD2, self.body2([b"", b"__name__", b"a"], [1, 2])), [])

    def test_broken(self):
        name = (b"__name__", b"a")
        for pairs in ([(b"b", b"c"), name], [name, (b"b", b"")], [(b"b", b"c")], [name, name], [name, (b"", b"c")]):
            self.assertTrue(self.problems(self.HEAD1, self.body1(pairs, self.NOW)), pairs)
        for times in ([], [self.NOW, self.NOW], [self.NOW, self.NOW - 1], [self.NOW // 1000]):
            self.assertTrue(self.problems(self.HEAD1, self.body1([name], *times)), times)
        for symbols, refs in (([b"__name__", b"a"], [0, 1]), ([b"", b"__name__", b"a", b"a"], [1, 2]),
                              ([b"", b"__name__", b"a"], [1]), ([b"", b"__name__", b"a"], [1, 9])):
            self.assertTrue(self.problems(self.HEAD2, self.body2(symbols, refs)), symbols)
        good = self.body1([name], self.NOW)
        for header in self.HEAD1:
            self.assertTrue(self.problems(dict(self.HEAD1, **{header: "x"}), good), header)
        self.assertTrue(self.problems(self.HEAD1, good, "PUT"))
        framed = b"\xff\x06\x00\x00sNaPpY" + good
        self.assertTrue(remotewrite.Request("POST", self.HEAD1, framed).problems)


class Ordering(unittest.TestCase):
    """What scripts/order-functions reads in callgrind's profiles."""

    def test_called(self):
        path = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "order-functions"
        loader = importlib.machinery.SourceFileLoader("order_functions", str(path))
        script = importlib.util.module_from_spec(importlib.util.spec_from_loader("order_functions", loader))
        loader.exec_module(script)
        with tempfile.TemporaryDirectory() as directory:
            profile = pathlib.Path(directory) / "out.1"
            # Names stand once, also where a function is only a callee; a recursive one has its depth behind it.
            profile.write_text("""ob=(1) /usr/lib/libc.so.6
fn=(1) memcpy
10 3
cob=(2) /tmp/x/tocsin
cfn=(2) $s5first
calls=1 0
ob=(2)
fn=(2)
10 3
fn=(3) $s6second'2
cfn=(4) $s9unentered
""")
            self.assertEqual(list(script.called(profile)), ["$s5first", "$s6second"])


class Running(unittest.TestCase):
    """Whole cases against the stand-in: they pass on a sound agent and fail on one that loses or restamps a line."""

    def cases(self, *names, **environment):
        here = os.path.dirname(os.path.abspath(__file__))
        command = [sys.executable, os.path.join(here, "run.py"), "--binary", os.path.join(here, "standin.py"),
                   "--seconds", "3", "--seed", "7"]
        for name in names:
            command += ["--case", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120,
                              env=dict(os.environ, **environment))
        return done.stdout

    def test_sound(self):
        out = self.cases("files-plain", "status-every-second")
        self.assertIn("2 passed, 0 failed, 0 skipped", out, out)

    def test_loses_one_line(self):
        out = self.cases("files-plain", STANDIN_LOSE="w=a n=000003000")
        self.assertIn("0 passed, 1 failed, 0 skipped", out, out)
        self.assertIn("lost=1 ", out, out)

    def test_restamps(self):
        out = self.cases("status-every-second", STANDIN_RESTAMP="1")
        self.assertIn("0 passed, 1 failed, 0 skipped", out, out)
        self.assertRegex(out, "dup_conflicting=[1-9]", out)


if __name__ == "__main__":
    unittest.main()
