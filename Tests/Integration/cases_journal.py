"""journald: a real one in a namespace of our own, and journals that journal-remote writes while the agent reads."""

import os
import subprocess
import threading
import time

import faults
from agent import wait_for
from context import Failure, Skip, case, kill_loop
from journals import Journald, Remote, machine
from verdict import Verdict


def journal(path, **more):
    return {"job_name": "journal", "journal": {"path": path, "max_age": "12h", "labels": {"job": "journal"}, **more},
            "relabel_configs": [{"source_labels": ["__journal_syslog_identifier"], "target_label": "identifier"},
                                {"source_labels": ["__journal__systemd_unit"], "target_label": "unit"},
                                {"source_labels": ["__journal_priority_keyword"], "target_label": "level"}]}


def numbers(tag, first, count):
    return [b"%s n=%07d %s" % (tag, n, b"abcdefgh" * (n % 20)) for n in range(first, first + count)]


class Sender(threading.Thread):
    """Writes numbered entries to a journald until stopped."""

    def __init__(self, daemon, rate):
        super().__init__(daemon=True)
        self.journald, self.rate = daemon, rate
        self.lines = {}
        self.finished = threading.Event()
        self.error = None

    def run(self):
        number = 0
        try:
            while not self.finished.wait(0.02):
                for line in numbers(b"real", number, max(1, self.rate // 50)):
                    self.journald.send(line)
                    self.lines[line] = None
                    number += 1
        except Exception as error:
            self.error = error

    def stop(self):
        self.finished.set()
        self.join()
        if self.error:
            raise self.error
        return dict(self.lines)


@case("journald-real", needs="journald")
def journald_real(c):
    """A real journald with small files and rotations, kills of the agent, faults of the server."""
    daemon = Journald(c)
    server = c.server()
    agent = c.agent([server], [journal(daemon.folder)]).start()
    server.plan = faults.Mixture(c.seed, slow=False)
    sender = Sender(daemon, 1000)
    sender.start()
    c.closing.append(sender.finished.set)
    kill_loop(c, agent, max(5, c.kills // 5), while_down=lambda: (daemon.rotate(), time.sleep(0.3)))
    lines = sender.stop()
    server.plan = faults.Nothing()
    verdict = c.judge(server, lines, seconds=90, idle=15)
    if not any({"job": "journal", "identifier": "numbers", "level": "info"}.items() <= dict(s.pairs).items()
               for _, s in server.loki.streams()):
        raise Failure("labels are wrong: %s" % [s.pairs for _, s in server.loki.streams()])
    return "%s journal_files=%d" % (verdict, len(daemon.archived()) + 1)


@case("journald-long-fields", needs="journald")
def long_fields(c):
    """Messages over 64 KiB (compressed in the journal), with newlines, NULs and bytes that are no UTF-8, arrive whole."""
    daemon = Journald(c, "8M")
    server = c.server()
    expected = {}
    for at, message in enumerate((b"L" * 100_000, b"two\nlines", b"M" * 200_000, "žluťoučký 🔔".encode())):
        message = b"long %d " % at + message
        daemon.send(message)
        expected[message] = None
    c.agent([server], [journal(daemon.folder)]).start()
    daemon.send(b"with\x00nul")
    expected[b"with\x00nul"] = None
    return c.judge(server, expected)


@case("journal-remote-live")
def remote_live(c):
    """A journal that grows while the agent is killed: every entry with its own time, none twice."""
    server = c.server()
    remote = Remote(c.path("journal", "remote.journal"), c)
    lines = remote.write(numbers(b"live", 0, 3000), start=time.time_ns() // 1000 - 60_000_000)
    time.sleep(0.7)
    agent = c.agent([server], [journal(c.path("journal"))]).start()
    for turn in range(1, max(6, c.kills // 5)):
        lines.update(remote.write(numbers(b"live", turn * 10000, 1500)))
        time.sleep(c.random.uniform(0.1, 1.2))
        agent.kill()
        if turn % 2:
            lines.update(remote.write(numbers(b"live", turn * 10000 + 5000, 500)))
            time.sleep(0.1)
        agent.start(wait=False)
    verdict = c.judge(server, lines, seconds=60)
    c.require(verdict.disordered == 0, "entries out of order: %s" % verdict)
    return verdict


@case("journal-restart-exact")
def restart_exact(c):
    """Restarts with nothing new neither repeat the entry at the cursor nor skip the one after it."""
    server = c.server()
    remote = Remote(c.path("journal", "remote.journal"), c)
    lines = remote.write(numbers(b"exact", 0, 500))
    time.sleep(0.5)
    agent = c.agent([server], [journal(c.path("journal"))]).start()
    c.settle(server, len(lines))
    time.sleep(0.7)
    for turn in range(1, 8):
        agent.kill() if turn % 2 else agent.terminate()
        if turn > 3:
            lines.update(remote.write(numbers(b"exact", turn * 1000, 1)))
            time.sleep(0.2)
        agent.start()
        c.settle(server, len(lines), 15, 5)
        time.sleep(0.5)
    verdict = c.judge(server, lines)
    c.require(verdict.repeated == 0, "entries were sent again: %s" % verdict)
    return verdict


@case("journal-vacuum", needs="journald")
def vacuum(c):
    """Journal files vanish while unread ones wait: what is left arrives, what is gone is counted as a gap."""
    daemon = Journald(c)
    server = c.server()
    agent = c.agent([server], [journal(daemon.folder)]).start()
    sender = Sender(daemon, 2000)
    sender.start()
    c.closing.append(sender.finished.set)
    time.sleep(2)
    agent.kill()
    at_kill = len(sender.lines)
    for _ in range(4):
        time.sleep(1.2)
        daemon.rotate()
    time.sleep(1)
    archived = daemon.archived()
    c.require(len(archived) >= 3, "the harness has only %d archived journals" % len(archived))
    for path in archived[:-1]:
        os.unlink(path)
    agent.start()
    time.sleep(2)
    lines = sender.stop()
    c.settle(server, len(lines), 40, 8)
    verdict = Verdict(lines, server)
    if verdict.conflicts or verdict.problems:
        raise Failure(str(verdict))
    order = list(lines)
    gone = {order.index(line) for line in (verdict.missing[:1] + verdict.missing[-1:])}
    c.require(all(at < len(order) - 2500 for at in gone), "fresh lines are missing: %s" % verdict)
    c.require(verdict.missing == [] or verdict.missing == order[min(gone) : max(gone) + 1],
              "what is missing is not one gap: %s" % verdict)
    counted = agent.total("^tocsin_journal_gap_entries_total$")
    c.require(counted >= len(verdict.missing), "%d entries vanished, %g counted as a gap (of %d written after the kill)" % (
        len(verdict.missing), counted, len(order) - at_kill))
    return "%s counted_gap=%g" % (verdict, counted)


@case("journal-damaged", needs="journald")
def damaged(c):
    """One of several journal files is damaged in its middle: the others arrive, the agent goes on and says so."""
    daemon = Journald(c)
    server = c.server()
    sender = Sender(daemon, 3000)
    sender.start()
    c.closing.append(sender.finished.set)
    for _ in range(3):
        time.sleep(1.2)
        daemon.rotate()
    time.sleep(0.5)
    archived = daemon.archived()
    c.require(len(archived) >= 3, "the harness has only %d archived journals" % len(archived))
    victim = archived[1]
    size = os.path.getsize(victim)
    with open(victim, "r+b") as file:
        file.seek(size // 3)
        file.write(b"\xa5" * (size // 6))
    agent = c.agent([server], [journal(daemon.folder)]).start()
    time.sleep(2)
    lines = sender.stop()
    marker = b"after the damage"
    daemon.send(marker)
    c.eventually(lambda: any(e[1] == marker for _, s in server.loki.streams() for e in list(s.entries)), 30,
                 "what is written after the damaged file does not arrive; its log ends:\n%s" % agent.log_tail())
    c.settle(server, len(lines) + 1, 20, 6)
    verdict = Verdict(lines, server)
    if verdict.conflicts or verdict.problems:
        raise Failure(str(verdict))
    share = len(verdict.missing) / len(lines)
    c.require(share < 0.5, "half of all is missing after damage in one of %d files: %s" % (len(archived) + 1, verdict))
    c.require(agent.is_running, "the agent has ended")
    # journalctl is the measure of what can be read at all.
    shown = subprocess.run(["journalctl", "-D", daemon.folder, "-q", "-o", "cat"], capture_output=True, check=False)
    readable = set(shown.stdout.split(b"\n")) & set(lines)
    unread = readable & set(verdict.missing)
    c.require(not unread, "journalctl reads %d entries that have not arrived: %s" % (len(unread), verdict))
    if verdict.missing:
        counted = agent.total("^tocsin_journal_gap_entries_total$")
        c.require(abs(counted - len(verdict.missing)) <= 1,
                  "%d entries are lost, %g counted as a gap" % (len(verdict.missing), counted))
    if len(readable) < len(lines) - 20:
        c.require(agent.total("^tocsin_journal_damaged_files$") == 1, "no damaged file is counted")
        c.require(victim in agent.get("/-/ready")[1], "the damaged file is not named in /-/ready")
    return "%s (one of %d files damaged)" % (verdict, len(archived) + 1)


@case("journal-truncated")
def truncated(c):
    """A journal file is truncated while the agent has it mapped: the agent lives, says so and reads the others on."""
    server = c.server()
    first = Remote(c.path("journal", "first.journal"), c)
    lines = first.write(numbers(b"first", 0, 3000))
    agent = c.agent([server], [journal(c.path("journal"))]).start()
    c.settle(server, len(lines))
    first.close()
    os.truncate(first.path, 0)
    second = Remote(c.path("journal", "second.journal"), c)
    second.monotonic = first.monotonic + 1_000_000  # the same boot goes on
    lines.update(second.write(numbers(b"second", 0, 2000)))
    c.eventually(lambda: agent.total("tocsin_journal_errors_total", reason="truncated") >= 1, 40,
                 "no truncation is counted; its log ends:\n%s" % agent.log_tail())
    verdict = c.judge(server, lines)
    agent.check_alive()
    c.require(agent.total("tocsin_journal_reopens_total") >= 1, "the journal was not opened again")
    c.require(verdict.repeated == 0, "entries were sent again: %s" % verdict)
    return verdict


@case("journal-namespaces", needs="journald")
def namespaces(c):
    """Of a /var/log/journal of our own: `*` reads all namespaces, of this machine only and new ones too; one that is
    not there is named in /-/ready until it is."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        raise Skip("needs root and mount namespaces")
    os.makedirs("/var/log/journal", exist_ok=True)
    root = c.folder("journals")
    server = c.server()
    lines, clock = {}, [1_000_000]

    def write(directory, tag, count, wanted=True):
        remote = Remote(os.path.join(root, directory, "system%d.journal" % (clock[0] // 10_000_000)), c)
        remote.monotonic = clock[0] = clock[0] + 10_000_000
        written = remote.write(numbers(tag, 0, count))
        remote.close()
        if wanted:
            lines.update(written)

    write(machine(), b"own", 200)
    write(machine() + ".web", b"web", 200)
    write("f" * 32, b"foreign", 200, wanted=False)
    all_of_them = journal("", namespace="*")
    del all_of_them["journal"]["path"]
    late = journal("", namespace="late")
    del late["journal"]["path"]
    late["job_name"] = "late"
    late["journal"]["labels"] = {"job": "late"}
    agent = c.agent([server], [all_of_them, late])
    program = c.path("isolated")
    with open(program, "w") as file:
        file.write("#!/bin/sh\nexec unshare -m sh -c 'mount --bind \"%s\" /var/log/journal && exec \"%s\" \"$@\"' sh \"$@\"\n" % (
            root, agent.binary))
    os.chmod(program, 0o755)
    agent.binary = program
    agent.start()
    c.settle(server, len(lines))
    c.eventually(lambda: machine() + ".late" in agent.get("/-/ready")[1], 10, "the absent namespace is not named")
    write(machine() + ".late", b"late", 200)
    c.eventually(lambda: ".late" not in agent.get("/-/ready")[1], 30, "the namespace is there and still missed")
    write(machine() + ".late", b"after", 200)
    c.eventually(lambda: agent.total("^tocsin_source_read_lines_total$", source="^journal@late$") == 400, 10,
                 "the new namespace is not read from its beginning")

    def streams():
        return [(dict(s.pairs)["job"], e[1]) for _, s in server.loki.streams() for e in list(s.entries)]

    late_ones = {line for line in lines if line.startswith((b"late", b"after"))}
    for job, wanted in (("journal", set(lines)), ("late", late_ones)):
        wait_for(lambda: wanted <= {line for name, line in streams() if name == job}, 10)
        found = [line for name, line in streams() if name == job]
        c.require(len(found) == len(wanted) and set(found) == wanted, "job %s has %d lines, %d are wanted" % (
            job, len(found), len(wanted)))
    # One that comes while the agent is down is new, too; the others go on where they were.
    agent.kill()
    write(machine() + ".down", b"down", 200)
    write(machine() + ".web", b"web-on", 100)
    agent.start()
    wait_for(lambda: set(lines) <= {line for name, line in streams() if name == "journal"}, 10)
    found = [line for name, line in streams() if name == "journal"]
    c.require(len(found) == len(lines) and set(found) == set(lines), "after a restart job journal has %d lines, %d are wanted" % (
        len(found), len(lines)))
    foreign = [line for _, line in streams() if line.startswith(b"foreign")]
    c.require(not foreign, "%d lines of another machine" % len(foreign))
    expected = len(streams())
    return "lines=%d" % expected


@case("journal-namespace-born", needs="journald")
def namespace_born(c):
    """A real journald of a new namespace logs at once, while another journal is written all the time: not one entry of it is
    missed by `namespace: "*"`."""
    server = c.server()
    busy = Journald(c)
    all_of_them = journal("", namespace="*")
    del all_of_them["journal"]["path"]
    all_of_them["relabel_configs"] = [{"source_labels": ["__journal_syslog_identifier"], "regex": "numbers",
                                       "action": "keep"}, {"target_label": "job", "replacement": "born"}]
    for n in range(100):
        busy.send(b"busy before %d" % n)
    agent = c.agent([server], [all_of_them]).start()
    ended = threading.Event()
    sent = [0]

    def write():
        while not ended.wait(0.001):
            busy.send(b"busy %d" % sent[0])
            sent[0] += 1

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        c.eventually(lambda: agent.total("^tocsin_source_read_lines_total$", source="^journal@") > 500, 20,
                     "nothing is read")
        born = Journald(c, suffix="born")
        for n in range(3000):
            born.send(b"born %d" % n)
        begin = time.monotonic()
        count = lambda: len({line for _, s in server.loki.streams() for _, line, _ in list(s.entries)
                             if line.startswith(b"born ")})
        c.eventually(lambda: count() == 3000, 15, "not all entries of the new namespace arrive")
        took = time.monotonic() - begin
    finally:
        ended.set()
        thread.join()
    expected = dict.fromkeys([b"born %d" % n for n in range(3000)] + [b"busy %d" % n for n in range(sent[0])]
                             + [b"busy before %d" % n for n in range(100)])
    return "%s seconds=%.1f" % (c.judge(server, expected), took)
