"""Journals to read: a journald of our own in a namespace, and systemd-journal-remote writing in pieces."""

import glob
import os
import shutil
import signal
import socket
import subprocess
import time

from agent import wait_for
from context import Skip

JOURNALD = "/lib/systemd/systemd-journald"
REMOTE = "/lib/systemd/systemd-journal-remote"


def machine():
    with open("/etc/machine-id") as file:
        return file.read().strip()


class Journald:
    """A real journald for a namespace of our own: own sockets, own directory, small files, no rate limit."""

    def __init__(self, c, file_size="1M", suffix=""):
        if os.geteuid() != 0 or not os.path.exists(JOURNALD):
            raise Skip("needs root and %s" % JOURNALD)
        self.name = "tocsintest%d%s" % (os.getpid(), suffix)
        self.folder = "/var/log/journal/%s.%s" % (machine(), self.name)
        self.settings = "/run/systemd/journald@%s.conf.d" % self.name
        self.sockets = "/run/systemd/journal.%s" % self.name
        os.makedirs("/var/log/journal", exist_ok=True)
        os.makedirs(self.settings, exist_ok=True)
        with open(os.path.join(self.settings, "test.conf"), "w") as file:
            file.write("[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\nRateLimitBurst=0\nSystemMaxFileSize=%s\n"
                       "SystemMaxUse=500M\nSystemMaxFiles=500\nForwardToSyslog=no\nCompress=yes\n" % file_size)
        self.process = None
        c.closing.append(self.close)
        self.start()

    def start(self):
        self.process = subprocess.Popen([JOURNALD, self.name], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = os.path.join(self.sockets, "socket")
        if not wait_for(lambda: self.socket.connect_ex(path) == 0, 10):
            raise Skip("journald does not start here")

    def send(self, message, **fields):
        """One entry by the native protocol; waits while journald is behind."""
        data = bytearray()
        for name, value in {"MESSAGE": message, "PRIORITY": b"6", "SYSLOG_IDENTIFIER": b"numbers", **fields}.items():
            if b"\n" in value:
                data += name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
            else:
                data += name.encode() + b"=" + value + b"\n"
        self.socket.send(bytes(data))

    def rotate(self):
        self.process.send_signal(signal.SIGUSR2)

    def archived(self):
        """Closed journal files, oldest first."""
        return sorted(glob.glob(os.path.join(self.folder, "*@*.journal")), key=os.path.getmtime)

    def stop(self):
        self.socket.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def close(self):
        self.stop()
        for folder in (self.folder, self.settings, self.sockets):
            shutil.rmtree(folder, ignore_errors=True)


class Remote:
    """systemd-journal-remote fed through a pipe: a journal that grows as entries are written, times of our choosing."""

    FIELDS = (b"_TRANSPORT=journal", b"PRIORITY=6", b"SYSLOG_IDENTIFIER=numbers", b"SYSLOG_FACILITY=3",
              b"CODE_FILE=src/main.c", b"CODE_LINE=42", b"CODE_FUNC=main", b"_PID=4242", b"_UID=0", b"_GID=0",
              b"_COMM=numbers", b"_EXE=/usr/bin/numbers", b"_CMDLINE=/usr/bin/numbers --serve", b"_CAP_EFFECTIVE=0",
              b"_SYSTEMD_CGROUP=/system.slice/numbers.service", b"_SYSTEMD_UNIT=numbers.service",
              b"_SYSTEMD_SLICE=system.slice", b"_HOSTNAME=testhost", b"_RUNTIME_SCOPE=system")

    def __init__(self, path, c=None):
        if not os.path.exists(REMOTE):
            raise Skip("systemd-journal-remote is not installed")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.path, self.count = path, 0
        self.monotonic = 1_000_000
        self.process = subprocess.Popen([REMOTE, "-o", path, "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        if c:
            c.closing.append(self.close)

    def write(self, messages, start=None, step=1):
        """Writes entries a microsecond apart from `start` (µs since the epoch) on; {message: time stamp in ns}."""
        at = start if start is not None else time.time_ns() // 1000
        lines, data = {}, []
        boot = b"_BOOT_ID=" + b"1f" * 16
        host = b"_MACHINE_ID=" + b"2e" * 16
        fixed = b"\n".join(self.FIELDS + (boot, host))
        for message in messages:
            self.count += 1
            self.monotonic += step
            data.append(b"__CURSOR=x\n__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n%s\nMESSAGE=%s\n\n" % (
                at, self.monotonic, fixed, message))
            lines[message] = at * 1000
            at += step
        self.process.stdin.write(b"".join(data))
        self.process.stdin.flush()
        return lines

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
