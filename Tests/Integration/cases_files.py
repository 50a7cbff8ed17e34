"""Files: rotation in every way, kills, long and odd lines."""

import os
import threading
import time

import faults
from context import Failure, case, kill_loop, merged
from writers import Writer, compress


@case("files-plain")
def plain(c):
    """Ten thousand lines in two files, nothing in the way."""
    server = c.server()
    writers = [Writer(c.path("logs", name + ".log"), name, seed=c.seed) for name in ("a", "b")]
    agent = c.agent([server], [c.files()]).start()
    for writer in writers:
        writer.write(2500)
    time.sleep(0.5)
    for writer in writers:
        writer.write(2500)
    verdict = c.judge(server, merged(*writers))
    c.require(verdict.disordered == 0, "lines out of order: %s" % verdict)
    c.require(verdict.repeated == 0, "repeats without any trouble: %s" % verdict)
    c.require(agent.is_running, "the agent has ended")
    return verdict


def storm(c, writers, agent, server, kills, while_down=None, act=None):
    """The common storm: kills, faults of every code, an outage of a third of the run, `act(turn)` all the time."""
    plan = faults.Mixture(c.seed)
    server.plan = plan
    ended = threading.Event()
    trouble = []

    def weather():
        turn = 0
        length = max(6.0, kills * 1.8 / 3)
        begin = time.monotonic()
        down_from, is_down, was_down = length, False, False
        try:
            while not ended.wait(0.25):
                turn += 1
                passed = time.monotonic() - begin
                if not was_down and passed > down_from:
                    server.stop()
                    is_down = was_down = True
                elif is_down and passed > down_from + length:
                    server.start()
                    is_down = False
                if act:
                    act(turn)
        except Exception as error:
            trouble.append(error)
        finally:
            if is_down:
                server.start()

    thread = threading.Thread(target=weather, daemon=True)
    thread.start()
    try:
        kill_loop(c, agent, kills, while_down)
    finally:
        ended.set()
        thread.join()
    if trouble:
        raise trouble[0]
    lines = merged(*writers)
    server.plan = faults.Nothing()
    verdict = c.judge(server, lines, seconds=120, idle=20)
    return "%s kills=%d faults=%d seed=%d" % (verdict, kills, sum(plan.given.values()), c.seed)


@case("files-storm")
def files_storm(c):
    """4,000 lines/s in four files rotated by rename, copytruncate, both in turn, and in bursts; kills, every status,
    an outage of a third of the run, gzip."""
    server = c.server()
    names = ("rename", "copy", "turns", "burst")
    writers = [Writer(c.path("logs", n + ".log"), n, rate=1000, seed=c.seed + i) for i, n in enumerate(names)]
    rename, copy, turns, burst = writers
    agent = c.agent([server], [c.files()]).start()
    c.writing(*writers)

    def act(turn):
        if turn % 20 == 0:
            rename.rename(compress_from=2)
        if turn % 24 == 5:
            copy.copytruncate(compress_from=2)
        if turn % 28 == 9:
            (turns.rename if turn % 56 == 9 else turns.copytruncate)()
        if turn % 60 == 30:
            for _ in range(3):
                burst.rename()
                time.sleep(0.05)

    def while_down():
        for writer in c.random.sample(writers, 2):
            writer.rename(compress_from=2)
            time.sleep(0.1)
            writer.rename(compress_from=2)

    return storm(c, writers, agent, server, c.kills, while_down, act)


@case("files-copytruncate-storm")
def copytruncate_storm(c):
    """Copytruncate only, every second, with kills."""
    server = c.server()
    writer = Writer(c.path("logs", "copy.log"), "copy", rate=2000, seed=c.seed)
    agent = c.agent([server], [c.files()]).start()
    c.writing(writer)
    return storm(c, [writer], agent, server, max(5, c.kills // 5), None,
                 lambda turn: writer.copytruncate() if turn % 4 == 0 else None)


@case("files-rotations-in-stall")
def rotations_in_stall(c):
    """Five rotations, two of them compressed, while the destination stalls for longer than every buffer in memory."""
    server = c.server()
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    c.agent([server], [c.files()]).start()
    writer.write(1000)
    c.eventually(lambda: server.loki.accepted >= 500, 20, "nothing arrives")
    server.plan = faults.While(faults.Stall(60))
    for _ in range(5):
        writer.write(20000)
        writer.rename(compress_from=3)
        time.sleep(0.4)
    writer.write(100)
    server.plan.active = False
    server.stop()
    server.start()
    return c.judge(server, merged(writer), seconds=120)


@case("files-rotations-while-down")
def rotations_while_down(c):
    """Two renames while the agent is down, the older one compressed; then two by copytruncate."""
    server = c.server()
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([server], [c.files()]).start()
    for rotate in (writer.rename, writer.copytruncate):
        writer.write(3000)
        time.sleep(0.7)
        writer.write(500)
        agent.kill()
        for _ in range(2):
            writer.write(1500)
            rotate(compress_from=2)
            writer.write(700)
        agent.start()
    return c.judge(server, merged(writer))


@case("files-truncated-while-down")
def truncated_while_down(c):
    """Truncated while down: new content shorter than, then longer than, what was read; neither is skipped."""
    server = c.server()
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([server], [c.files()]).start()
    for after in (200, 9000):
        writer.write(3000)
        c.eventually(lambda: server.loki.accepted >= writer.number, 20, "the first lines do not arrive")
        time.sleep(0.5)
        agent.kill()
        os.truncate(writer.path, 0)
        writer.write(after)
        agent.start()
    return c.judge(server, merged(writer))


@case("files-deleted-while-reading")
def deleted_while_reading(c):
    """A file deleted with unread lines in it is read to its end; one made anew under its name from its start."""
    server = c.server()
    path = c.path("logs", "a.log")
    writer = Writer(path, "a", seed=c.seed)
    c.agent([server], [c.files()]).start()
    writer.write(1000)
    c.eventually(lambda: server.loki.accepted >= 1000, 20, "the first lines do not arrive")
    server.plan = faults.While(faults.Status(503))
    writer.write(30000)
    time.sleep(1.0)
    os.unlink(path)
    writer.write(200)
    writer.open()
    writer.write(1000)
    server.plan.active = False
    return c.judge(server, merged(writer))


@case("files-found-live")
def found_live(c):
    """New files and directories under a ** glob, a symlink, an excluded file."""
    server = c.server()
    config = c.files("**/*.log", __path_exclude__=c.path("logs", "**", "not-*.log"))
    c.agent([server], [config]).start()
    writers = []
    for at in range(5):
        writers.append(Writer(c.path("logs", "d%d" % at, "deep", "f%d.log" % at), "d%d" % at, seed=at))
        writers[-1].write(200)
        time.sleep(0.2)
    excluded = Writer(c.path("logs", "d0", "not-me.log"), "not", seed=9)
    excluded.write(50)
    outside = Writer(c.path("elsewhere", "target.txt"), "linked", seed=10)
    outside.write(100)
    os.symlink(outside.path, c.path("logs", "linked.log"))
    for writer in writers:
        writer.write(100)
    verdict = c.judge(server, merged(outside, *writers))
    c.require(verdict.unknown == [], "an excluded file was read: %r" % verdict.unknown[:1])
    return verdict


@case("files-partial-last-line")
def partial_last_line(c):
    """A last line without its end waits for it, over a kill and a rotation, and arrives once and whole."""
    server = c.server()
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([server], [c.files()]).start()
    for turn in range(6):
        text = writer.line()
        writer.lines[text] = None
        with writer.lock:
            writer.file.write(text[:15])
        time.sleep(0.4)
        if turn % 3 == 1:
            agent.kill()
            agent.start()
        with writer.lock:
            writer.file.write(text[15:] + b"\n")
        writer.write(10)
        if turn % 3 == 2:
            writer.rename()
    return c.judge(server, merged(writer))


def pieces(server, tag):
    """The line pieces whose stream of arrival starts with `tag`, joined in the order of their `line_part`."""
    found = []
    for _, stream in server.loki.streams():
        for stamp, line, metadata in stream.entries:
            part = dict(metadata).get(b"line_part")
            if part is not None:
                found.append((stamp, int(part), line))
    lines, current = [], []
    for _, part, line in sorted(found):
        if part == 1 and current:
            lines.append(b"".join(current))
            current = []
        current.append(line)
    if current:
        lines.append(b"".join(current))
    return [line for line in lines if line.startswith(tag)]


@case("files-long-lines")
def long_lines(c):
    """Lines of 300 KB, 1 MB and 10 MB arrive whole in pieces marked `line_part`; the lines around them too."""
    server = c.server()
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([server], [c.files()]).start()
    written = []
    for at, size in enumerate((300_000, 1_000_000, 10_000_000)):
        writer.write(20)
        big = b"big%d " % at + b"".join(b"%08d " % n for n in range(size // 9))
        written.append(big)
        for start in range(0, len(big), 1 << 18):
            writer.file.write(big[start : start + (1 << 18)])
            time.sleep(0.01)
        writer.file.write(b"\n")
        if at == 1:
            agent.kill()
            agent.start()
    writer.write(20)
    verdict_lines = merged(writer)
    c.eventually(lambda: len(b"".join(pieces(server, b"big"))) >= sum(map(len, written)), 60,
                 "the long lines do not arrive whole: %s of %s bytes in pieces" % (
                     sum(map(len, pieces(server, b"big"))), sum(map(len, written))))
    have = pieces(server, b"big")
    c.require(have == written, "pieces join to %s bytes where %s were written, or to something else" % (
        [len(h) for h in have], [len(w) for w in written]))
    return c.judge(server, verdict_lines)


@case("files-odd-bytes")
def odd_bytes(c):
    """NULs, invalid UTF-8, CRLF, empty lines, control characters: nothing but the bad bytes changes."""
    server = c.server()
    path = c.path("logs", "odd.log")
    lines = {}
    with open(path, "wb") as file:
        for at in range(300):
            for raw, clean in ((b"nul\x00in", b"nul\x00in"), (b"bad\xff\xfebytes", None), (b"tab\tesc\x1b[0m", b"tab\tesc\x1b[0m"),
                               ("ünï¢ødé 🔔".encode(), "ünï¢ødé 🔔".encode()), (b"cut\xe2\x82", None)):
                tag = b"n=%06d " % at
                if clean is None:
                    clean = raw.decode("utf-8", "replace").encode()
                lines[tag + clean] = None
                file.write(tag + raw + b"\n")
            file.write(b"\n")
    c.agent([server], [c.files()]).start()
    c.settle(server, len(lines))
    seen = {e[1] for _, s in server.loki.streams() for e in s.entries}
    # One or several U+FFFD per bad run are both right.
    squeeze = lambda line: b"\xef\xbf\xbd".join(p for p in line.split(b"\xef\xbf\xbd") if p)
    missing = {squeeze(line) for line in lines} - {squeeze(line) for line in seen}
    c.require(not missing, "%d lines differ or are missing, the first: %r" % (len(missing), sorted(missing)[:1]))
    c.require(not server.problems, "problems: %s" % server.problems)
    return "%d odd lines arrived" % len(lines)


@case("files-utf16")
def utf16(c):
    """UTF-16 with a byte order mark, little and big endian, arrives as UTF-8; written in odd pieces."""
    server = c.server()
    c.agent([server], [c.files()]).start()
    lines = {}
    for name, codec, mark in (("le", "utf-16-le", b"\xff\xfe"), ("be", "utf-16-be", b"\xfe\xff")):
        texts = ["%s n=%06d čeština 日本語 \N{BELL}" % (name, at) for at in range(500)]
        lines.update((text.encode(), None) for text in texts)
        data = mark + "".join(text + "\n" for text in texts).encode(codec)
        with open(c.path("logs", name + ".log"), "wb", buffering=0) as file:
            for start in range(0, len(data), 777):
                file.write(data[start : start + 777])
                if start % 7770 == 0:
                    time.sleep(0.02)
    return c.judge(server, lines)


@case("files-compressed-sibling")
def compressed_sibling(c):
    """An unread rest that is only in a gzip sibling when the agent comes back."""
    server = c.server()
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([server], [c.files()]).start()
    writer.write(2000)
    c.eventually(lambda: server.loki.accepted >= 2000, 20, "the first lines do not arrive")
    time.sleep(0.5)
    agent.kill()
    writer.write(4000)
    writer.rename()
    compress(writer.path + ".1")
    writer.write(300)
    agent.start()
    return c.judge(server, merged(writer))


@case("files-idle-repeats")
def idle_repeats(c):
    """Twenty restarts with nothing new send nothing again."""
    server = c.server()
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([server], [c.files()]).start()
    writer.write(5000)
    lines = merged(writer)
    c.settle(server, len(lines))
    time.sleep(1)
    before = server.loki.repeated
    for _ in range(10):
        agent.kill()
        agent.start()
        time.sleep(0.2)
        agent.terminate()
        agent.start()
    if server.loki.repeated != before:
        raise Failure("%d lines were sent again though nothing had happened" % (server.loki.repeated - before))
    return c.judge(server, lines)


@case("files-copytruncate-hole")
def copytruncate_hole(c):
    """A writer that does not append leaves a hole of NULs after copytruncate: they are skipped, its lines are not."""
    server = c.server()
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    writer.file.close()
    writer.file = open(writer.path, "r+b", buffering=0)
    c.agent([server], [c.files()]).start()
    for _ in range(3):
        writer.write(2000)
        time.sleep(0.8)
        writer.copytruncate()
        writer.write(300)
        time.sleep(0.4)
    return c.judge(server, merged(writer))
