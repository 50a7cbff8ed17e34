"""The state directory: full, damaged, not writable; the end by signal."""

import glob
import os
import signal
import subprocess
import time

import faults
from agent import Agent, client
from context import Failure, Skip, case, merged
from verdict import Verdict
from writers import Writer


@case("disk-full", needs="mounts")
def disk_full(c):
    """The state's file system (a tmpfs of 24 MiB) is full for a while, over a kill: what can be read again arrives."""
    state = c.folder("state")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tocsin-test", state], capture_output=True, check=False)
    if done.returncode:
        raise Skip("cannot mount a tmpfs: %s" % done.stderr.decode().strip())
    c.closing.insert(0, lambda: subprocess.run(["umount", "-l", state], check=False))
    server = c.server()
    writer = Writer(c.path("logs", "a.log"), "a", rate=2000, seed=c.seed)
    agent = c.agent([server], [c.files()], store={"max_size": "16MiB", "retention": "1h"}).start()
    c.writing(writer)
    time.sleep(2)
    server.plan = faults.While(faults.Status(503))
    ballast = os.path.join(state, "ballast")
    with open(ballast, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            pass
    time.sleep(3)
    c.require(agent.is_running, "the agent ended on a full disk; its log ends:\n%s" % agent.log_tail())
    status, body = agent.ready()
    ready_text = "%d %s" % (status, body)
    agent.kill()
    agent.start(wait=False)
    time.sleep(2)
    c.require(agent.is_running, "the agent does not start on a full disk; its log ends:\n%s" % agent.log_tail())
    os.unlink(ballast)
    server.plan.active = False
    time.sleep(1)
    verdict = c.judge(server, merged(writer), seconds=60, idle=20)
    c.require("space" in ready_text or "full" in ready_text or status == 503,
              "readiness did not show the full disk: %s" % ready_text[:1000])
    return verdict


def segments(agent):
    """The store's files that hold blocks, oldest first: those in which a record begins."""
    found = []
    for path in glob.glob(os.path.join(agent.state, "**", "*"), recursive=True):
        if os.path.isfile(path) and os.path.getsize(path) > 32:
            with open(path, "rb") as file:
                if b"TOCREC01" in file.read(4096):
                    found.append(path)
    return sorted(found)


def flip(path, offset, count=8):
    with open(path, "r+b") as file:
        file.seek(offset)
        data = file.read(count)
        file.seek(offset)
        file.write(bytes(byte ^ 0xFF for byte in data))


@case("damaged-segment-tail")
def damaged_tail(c):
    """The last record of the last segment is damaged while down: its lines are read again, none is lost."""
    server = c.server()
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([server], [c.files()]).start()
    for how in ("flip", "cut", "zeros"):
        writer.write(2000)
        c.eventually(lambda: server.loki.accepted >= writer.number, 20, "lines do not arrive before the damage")
        server.stop()
        writer.write(3000)
        time.sleep(1.5)
        agent.kill()
        have = segments(agent)
        c.require(have, "no file under %s holds a record (magic TOCREC01)" % agent.state)
        size = os.path.getsize(have[-1])
        with open(have[-1], "rb") as file:
            data = file.read().rstrip(b"\0")
        last = data.rindex(b"TOCREC01")
        if how == "flip":
            flip(have[-1], last + (len(data) - last) * 3 // 4)
        elif how == "cut":
            os.truncate(have[-1], last + (len(data) - last) // 2)
        else:
            with open(have[-1], "r+b") as file:
                file.seek(last + 16)
                file.write(b"\0" * (len(data) - last - 16))
        agent.start()
        server.start()
        c.settle(server, writer.number, 30, 8)
        verdict = Verdict(writer.lines, server)
        if not verdict.ok:
            raise Failure("after %s at %d of %d bytes of %s: %s" % (how, last, size, have[-1], verdict))
    return c.judge(server, merged(writer))


@case("damaged-segment-middle")
def damaged_middle(c):
    """A record in the middle is damaged: it is skipped; what is missing is counted to the line, the rest arrives."""
    server = c.server()
    server.stop()
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([server], [c.files()]).start()
    for _ in range(8):
        writer.write(1000)
        time.sleep(0.5)
    agent.kill()
    path = segments(agent)[-1]
    with open(path, "rb") as file:
        data = file.read()
    starts = [at for at in range(len(data)) if data.startswith(b"TOCREC01", at)]
    c.require(len(starts) >= 3, "only %d records in %s" % (len(starts), path))
    middle = len(starts) // 2
    flip(path, starts[middle] + (starts[middle + 1] - starts[middle]) * 3 // 4)
    agent.start()
    server.start()
    lines = merged(writer)
    c.settle(server, len(lines), 40, 8)
    verdict = Verdict(lines, server)
    if verdict.conflicts or verdict.problems:
        raise Failure(str(verdict))
    damaged = agent.total(r"^tocsin_store_damaged_entries_total$")
    lost = agent.total(r"^tocsin_store_dropped_entries_total$", reason="damaged")
    c.require(lost == damaged == len(verdict.missing) > 0, "%d lines are gone, %d counted as damaged, %d as lost" % (
        len(verdict.missing), damaged, lost))
    return "%s damaged_entries_counted=%d" % (verdict, lost)


@case("damaged-checkpoint")
def damaged_checkpoint(c):
    """Every other state file in turn flipped, emptied, deleted, filled with NULs: never fatal, nothing lost."""
    server = c.server()
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([server], [c.files()]).start()
    tried = 0
    for how in ("flip", "empty", "delete", "nuls"):
        writer.write(1500)
        c.eventually(lambda: server.loki.accepted >= writer.number, 20, "lines do not arrive before the damage")
        time.sleep(0.6)
        agent.kill()
        writer.write(500)
        blocks = set(segments(agent))
        for path in sorted(glob.glob(os.path.join(agent.state, "**", "*"), recursive=True)):
            if not os.path.isfile(path) or path in blocks or os.path.basename(path).startswith("."):
                continue
            tried += 1
            size = os.path.getsize(path)
            if how == "flip" and size:
                flip(path, size // 2)
            elif how == "delete":
                os.unlink(path)
            else:
                with open(path, "wb") as file:
                    file.write(b"" if how == "empty" else b"\0" * size)
        agent.start()
        c.settle(server, writer.number, 30, 8)
        verdict = Verdict(writer.lines, server)
        if not verdict.ok:
            raise Failure("after %s: %s" % (how, verdict))
    return "%s files_damaged=%d" % (c.judge(server, merged(writer)), tried)


@case("state-unwritable")
def unwritable(c):
    """A state directory that cannot be made: one clear message with the path, exit 1, soon."""
    blocker = c.path("file-not-directory")
    with open(blocker, "w") as file:
        file.write("x")
    for state in (os.path.join(blocker, "state"), "/proc/tocsin-state"):
        agent = Agent(c.binary, c.directory, [client("http://127.0.0.1:9/loki/api/v1/push")], [c.files()], state_dir=state)
        c.agents.append(agent)
        open(agent.log, "w").close()
        agent.start(wait=False)
        try:
            code = agent.process.wait(10)
        except subprocess.TimeoutExpired:
            raise Failure("still runs with the state directory %s" % state) from None
        c.require(code in (1, 2), "exit code %s with the state directory %s" % (code, state))
        c.require(state in agent.log_tail() or blocker in agent.log_tail(),
                  "the message does not name %s:\n%s" % (state, agent.log_tail()))
    return "refused with the path named"


@case("signal-flush")
def flush(c):
    """SIGTERM and SIGINT end it within 5 s with what was read stored; nothing lost or stored twice over the restart."""
    server = c.server()
    writer = Writer(c.path("logs", "a.log"), "a", rate=4000, seed=c.seed)
    agent = c.agent([server], [c.files()]).start()
    c.writing(writer)
    took = []
    for turn in range(6):
        time.sleep(1)
        if turn == 3:
            server.plan = faults.While(faults.Stall(60))
            time.sleep(1)
        took.append(agent.terminate(5.0, signal.SIGTERM if turn % 2 else signal.SIGINT))
        if turn == 3:
            server.plan.active = False
        agent.start()
    verdict = c.judge(server, merged(writer))
    return "%s slowest_end=%.2fs" % (verdict, max(took))
