"""Files in trouble: several jobs for one, notices that the kernel dropped, disks that fail for a while."""

import os
import shutil
import signal
import subprocess
import time

from context import Skip, case, merged
from writers import Writer

QUEUE = "/proc/sys/fs/inotify/max_queued_events"

# Reads of files whose path ends in TOCSIN_EIO fail while the file TOCSIN_EIO_FLAG exists.
FAULTS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int fails(int fd) {
    const char *suffix = getenv("TOCSIN_EIO"), *flag = getenv("TOCSIN_EIO_FLAG");
    char name[64], path[4096];
    if (!suffix || !flag || access(flag, F_OK)) return 0;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length < (ssize_t)strlen(suffix)) return 0;
    path[length] = 0;
    return !strcmp(path + length - strlen(suffix), suffix);
}
ssize_t pread(int fd, void *data, size_t size, off_t offset) {
    static ssize_t (*real)(int, void *, size_t, off_t);
    if (!real) real = (ssize_t (*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread");
    if (fails(fd)) { errno = EIO; return -1; }
    return real(fd, data, size, offset);
}
ssize_t pread64(int fd, void *data, size_t size, off_t offset) { return pread(fd, data, size, offset); }
"""


@case("files-two-jobs")
def two_jobs(c):
    """Two jobs name the same files: each gets every line once, through rotations, kills and reloads that add a third."""
    server = c.server()
    writers = [Writer(c.path("logs", "s%d.log" % n), "s%d" % n, rate=500, seed=c.seed + n) for n in (1, 2)]
    jobs = []
    for name in ("first", "second", "third"):
        # A line is known by its text, so each job has a tenant of its own.
        jobs.append(dict(c.files(job=name), job_name=name,
                         relabel_configs=[{"target_label": "__tenant_id__", "replacement": name}]))
    agent = c.agent([server], jobs[:2]).start()
    c.writing(*writers)
    time.sleep(1)
    kills = max(5, c.kills // 5)
    for turn in range(kills):
        time.sleep(c.random.uniform(0.2, 1.5))
        writers[turn % 2].rename(2)
        agent.config["logs"]["scrape_configs"] = jobs[1::-1] if turn % 3 else jobs
        agent.write()
        if turn % 2:
            agent.kill()
            agent.start()
        else:
            agent.process.send_signal(signal.SIGHUP)
    time.sleep(1)
    lines = merged(*writers)
    verdicts = []
    c.eventually(lambda: all(len(have(server, name)) >= len(lines) for name in ("first", "second")), 60,
                 "not every line arrives for both jobs")
    for name in ("first", "second"):
        verdicts.append("%s: %s" % (name, c.judge(server, lines, tenant=name, seconds=5)))
    c.require(have(server, "third"), "the job that is added gets nothing")
    again = [line for line, times in have(server, "third").items() if times > 1]
    c.require(not again, "the job that is added gets %d lines twice" % len(again))
    return "; ".join(verdicts)


def have(server, tenant):
    """{line: in how many forms} of what has arrived for a tenant."""
    lines = {}
    with server.loki.lock:
        for stream in server.loki.tenants.get(tenant, {}).values():
            for _, line, _ in stream.entries:
                lines[line] = lines.get(line, 0) + 1
    return lines


@case("files-notices-lost")
def notices_lost(c):
    """The kernel's queue of notices overflows: new files, new lines and exchanged directories are found at once."""
    if os.geteuid() != 0 or not os.access(QUEUE, os.W_OK):
        raise Skip("needs root and a writable %s" % QUEUE)
    server = c.server()
    for name in ("d1", "d2"):
        c.folder("logs", name)
    old = Writer(c.path("logs", "d1", "old.log"), "old", seed=c.seed)
    old.write(100)
    with open(QUEUE) as file:
        before = file.read().strip()
    agent = c.agent([server], [c.files("*/*.log")])
    try:
        # An instance keeps the length that holds when it is made.
        with open(QUEUE, "w") as file:
            file.write("8")
        agent.start()
        c.settle(server, 100)
    finally:
        with open(QUEUE, "w") as file:
            file.write(before)
    time.sleep(1.5)
    agent.process.send_signal(signal.SIGSTOP)
    try:
        for n in range(200):
            open(c.path("logs", "d2", "noise%d" % n), "w").close()
            os.unlink(c.path("logs", "d2", "noise%d" % n))
        # None of this is told of any more.
        old.write(100)
        shutil.rmtree(c.path("logs", "d2", ""))
        new = Writer(c.path("logs", "d2", "new.log"), "new", seed=c.seed + 1)
        new.write(100)
    finally:
        agent.process.send_signal(signal.SIGCONT)
    c.eventually(lambda: server.loki.accepted >= 300, 5, "what the kernel did not tell of is not found at once")
    time.sleep(1)
    # The directory that came in the place of the old one is watched too.
    later = Writer(c.path("logs", "d2", "later.log"), "later", seed=c.seed + 2)
    later.write(100)
    c.eventually(lambda: server.loki.accepted >= 400, 5, "a file in the exchanged directory is not found at once")
    return c.judge(server, merged(old, new, later))


@case("files-io-errors", needs="mounts")
def io_errors(c):
    """Reads of one file fail with EIO for a while: it is named, the others go on, and nothing of it is lost."""
    compiler = shutil.which("cc")
    if not compiler:
        raise Skip("needs a C compiler")
    library, flag = c.path("faults.so"), c.path("flag")
    done = subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, "-x", "c", "-", "-ldl"],
                          input=FAULTS.encode(), capture_output=True, check=False)
    if done.returncode:
        raise Skip("the C compiler fails: %s" % done.stderr.decode()[:200])
    server = c.server()
    bad = Writer(c.path("logs", "bad.log"), "bad", seed=c.seed)
    good = Writer(c.path("logs", "good.log"), "good", seed=c.seed + 1)
    bad.write(500)
    good.write(500)
    agent = c.agent([server], [c.files()])
    os.environ.update(LD_PRELOAD=library, TOCSIN_EIO="/bad.log", TOCSIN_EIO_FLAG=flag)
    try:
        agent.start()
    finally:
        for name in ("LD_PRELOAD", "TOCSIN_EIO", "TOCSIN_EIO_FLAG"):
            del os.environ[name]
    c.settle(server, 1000)
    open(flag, "w").close()
    bad.write(300)
    good.write(300)
    c.eventually(lambda: server.loki.accepted >= 1300, 10, "the other file does not go on")

    def is_named():
        return "bad.log: Input/output error" in str(agent.ready()[1])

    c.eventually(is_named, 10, "readiness does not name the file")
    for _ in range(25):
        c.require(is_named(), "readiness forgets the file while it cannot be read")
        time.sleep(0.2)
    with open(agent.log, "rb") as file:
        told = file.read().count(b"bad.log: Input/output error")
    c.require(told == 1, "the same trouble was told %d times" % told)
    c.require(server.loki.accepted == 1300, "lines came from a file that cannot be read")
    os.unlink(flag)
    bad.rename()
    bad.write(200)
    verdict = c.judge(server, merged(bad, good))
    c.eventually(lambda: agent.ready()[0] == 200 and not is_named(), 10, "readiness does not recover")
    return verdict
