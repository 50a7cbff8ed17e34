"""Writers of numbered lines, and what happens to the files they write."""

import gzip
import json
import os
import random
import shutil
import threading
import time

PIECE = 16 << 10


def rfc3339nano(nanoseconds):
    """As Go prints it: without trailing zeros."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return text + ((".%09d" % rest).rstrip("0") if rest else "") + "Z"


class Writer(threading.Thread):
    """Writes lines to a plain file at a rate; `lines` maps each to its exact time stamp, or None.

    The lock is held around each batch: whoever rotates takes it where the writer must not write meanwhile.
    """

    def __init__(self, path, name, rate=1000, seed=1, long_every=0):
        super().__init__(daemon=True, name="writer " + name)
        self.path, self.tag, self.rate, self.long_every = path, name.encode(), rate, long_every
        self.random = random.Random(seed)
        self.lines = {}
        self.number = 0
        self.lock = threading.RLock()
        self.finished = threading.Event()
        self.error = None
        self.file = None
        self.open()

    def open(self):
        self.file = open(self.path, "ab", buffering=0)

    def line(self):
        """The next line's text; numbered, so that no two are the same."""
        self.number += 1
        size = self.random.randrange(20, 260)
        if self.long_every and self.number % self.long_every == 0:
            size = self.random.choice((PIECE - 60, PIECE + 1, 40_000, 70_000))
        text = b"w=%s n=%09d " % (self.tag, self.number)
        return text + b"abcdefghij" * (size // 10)

    def record(self, text, nanoseconds):
        """The bytes that stand for one line in the file."""
        self.lines[text] = None
        return text + b"\n"

    def write(self, count):
        """Writes so many lines now."""
        with self.lock:
            now = time.time_ns()
            data = b"".join(self.record(self.line(), now + i) for i in range(count))
            view = memoryview(data)
            while view:
                view = view[self.file.write(view) :]

    def run(self):
        try:
            start, written = time.monotonic(), 0
            while not self.finished.is_set():
                due = int((time.monotonic() - start) * self.rate) - written
                if due > 0:
                    # A stalled harness must not turn into a burst beyond any real writer's.
                    if due > self.rate:
                        start += (due - self.rate) / self.rate
                        due = self.rate
                    self.write(due)
                    written += due
                self.finished.wait(0.01)
        except Exception as error:  # a dead writer must fail the case, not shorten it
            self.error = error

    def stop(self):
        self.finished.set()
        if self.is_alive():
            self.join()
        if self.error:
            raise self.error

    def shift(self, compress_from=0):
        """Moves path.n to path.n+1, compressed from number `compress_from` on, as logrotate's delaycompress does."""
        numbers = sorted((int(rest.split(".")[0]), rest) for rest in (
            name[len(os.path.basename(self.path)) + 1 :] for name in os.listdir(os.path.dirname(self.path))
            if name.startswith(os.path.basename(self.path) + ".")) if rest.split(".")[0].isdigit())
        for number, rest in reversed(numbers):
            old, new = "%s.%s" % (self.path, rest), "%s.%d%s" % (self.path, number + 1, rest[len(str(number)) :])
            os.rename(old, new)
            if compress_from and number + 1 >= compress_from and not new.endswith(".gz"):
                compress(new)

    def rename(self, compress_from=0):
        """Rotation by rename and create."""
        with self.lock:
            self.shift(compress_from)
            os.rename(self.path, self.path + ".1")
            old = self.file
            self.open()
            old.close()

    def copytruncate(self, compress_from=0):
        """Rotation by copy and truncate; the writer waits, so that nothing is lost between the two."""
        with self.lock:
            self.shift(compress_from)
            shutil.copyfile(self.path, self.path + ".1")
            os.truncate(self.path, 0)


def compress(path):
    """path becomes path.gz, as gzip does it: written beside, then the plain one goes."""
    with open(path, "rb") as source, open(path + ".tmp", "wb") as raw:
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=1) as target:
            shutil.copyfileobj(source, target, 1 << 20)
    os.rename(path + ".tmp", path + ".gz")
    os.unlink(path)


class DockerWriter(Writer):
    """A container's json-file log as dockerd writes it, with 16 KiB records of longer lines."""

    def __init__(self, root, identifier, name, rate=1000, seed=1, long_every=200, labels=None, image="busybox:1.36"):
        self.folder = os.path.join(root, "containers", identifier)
        os.makedirs(self.folder, exist_ok=True)
        config = {"ID": identifier, "Name": "/" + name, "Created": "2026-01-01T00:00:00Z",
                  "State": {"Running": True, "Pid": 1}, "Image": "sha256:" + "0" * 64, "LogPath": "",
                  "Config": {"Image": image, "Labels": labels or {}, "Tty": False, "Hostname": identifier[:12]},
                  "NetworkSettings": {"Networks": {"bridge": {}}}}
        path = os.path.join(self.folder, identifier + "-json.log")
        config["LogPath"] = path
        with open(os.path.join(self.folder, "config.v2.json"), "w") as file:
            json.dump(config, file)
        with open(os.path.join(self.folder, "hostconfig.json"), "w") as file:
            json.dump({"LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "20"}},
                       "NetworkMode": "default"}, file)
        super().__init__(path, name, rate, seed, long_every)

    def record(self, text, nanoseconds):
        self.lines[text] = nanoseconds
        stream = "stderr" if self.number % 5 == 0 else "stdout"
        stamp = rfc3339nano(nanoseconds)
        whole = text + b"\n"
        return b"".join(
            b'{"log":%s,"stream":"%s","time":"%s"}\n' % (
                json.dumps(whole[at : at + PIECE].decode()).encode(), stream.encode(), stamp.encode())
            for at in range(0, len(whole), PIECE))


class PodWriter(Writer):
    """A container's log under /var/log/pods as containerd writes it, with P and F records."""

    def __init__(self, root, pod, container="app", namespace="default", rate=1000, seed=1, long_every=200):
        folder = os.path.join(root, "%s_%s_%s" % (namespace, pod, "11111111-2222-3333-4444-555555555555"), container)
        os.makedirs(folder, exist_ok=True)
        super().__init__(os.path.join(folder, "0.log"), pod, rate, seed, long_every)
        self.rotations = 0

    def record(self, text, nanoseconds):
        self.lines[text] = nanoseconds
        stream = b"stderr" if self.number % 5 == 0 else b"stdout"
        stamp = rfc3339nano(nanoseconds).encode()
        pieces = [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
        return b"".join(b"%s %s %s %s\n" % (stamp, stream, b"F" if at == len(pieces) - 1 else b"P", piece)
                        for at, piece in enumerate(pieces))

    def rename(self, compress_from=0):
        """As kubelet does it: 0.log.<time>, the one before compressed."""
        with self.lock:
            self.rotations += 1
            folder = os.path.dirname(self.path)
            if compress_from:
                for name in sorted(os.listdir(folder)):
                    if name.startswith("0.log.") and not name.endswith((".gz", ".tmp")):
                        compress(os.path.join(folder, name))
            stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(time.time() + self.rotations))
            os.rename(self.path, "%s.%s" % (self.path, stamp))
            old = self.file
            self.open()
            old.close()
