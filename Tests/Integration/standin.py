#!/usr/bin/env python3
"""A deliberately simple agent with the face of the real one, to try the cases themselves before and apart from it.

It follows plain files and docker's logs over renames, keeps every batch in one pickle file and pushes it until it is taken. With
STANDIN_LOSE=TEXT it loses lines that hold the text, with STANDIN_RESTAMP=1 it gives a new time stamp to whatever it
sends again: the cases must find both. What it does not know (compressed siblings, copytruncate, pods, journals,
splitting, quarantine, reload, `logs`) fails its cases, rightly.
"""

import calendar
import glob
import http.client
import http.server
import json
import os
import pickle
import signal
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import pushproto
import snappyblock

LOSE = os.environ.get("STANDIN_LOSE", "").encode()
RESTAMP = os.environ.get("STANDIN_RESTAMP")


class Standin:
    def __init__(self, config):
        self.config = config
        self.state = config["state_dir"]
        os.makedirs(self.state, exist_ok=True)
        self.batches = []
        self.positions = {}
        self.more = threading.Condition()
        self.ending = threading.Event()
        self.last = 0
        self.store = open(os.path.join(self.state, "store"), "a+b")
        self.recover()

    def recover(self):
        """Reads what is stored; what was torn by a kill goes."""
        self.store.seek(0)
        while True:
            good = self.store.tell()
            try:
                batch, positions = pickle.load(self.store)
            except Exception:
                self.store.truncate(good)
                return
            self.batches.append(batch)
            self.positions.update(positions)
            self.last = max([self.last] + [entry[0] for _, entries in batch for entry in entries])

    def targets(self):
        for scrape in self.config["logs"]["scrape_configs"]:
            for group in scrape.get("static_configs", ()):
                labels = {k: v for k, v in group["labels"].items() if not k.startswith("__")}
                for path in glob.glob(group["labels"]["__path__"], recursive=True):
                    yield path, dict(labels, filename=path), False
            for docker in scrape.get("docker_sd_configs", ()):
                for path in glob.glob(os.path.join(docker["data_root"], "containers", "*", "*-json.log")):
                    with open(os.path.join(os.path.dirname(path), "config.v2.json")) as file:
                        yield path, {"container": json.load(file)["Name"].lstrip("/")}, True

    @staticmethod
    def joined(data):
        """Docker's records as (stream, time, text), and how far they are whole."""
        found, open_parts, end, whole = [], {}, 0, 0
        for record in data.split(b"\n")[:-1]:
            end += len(record) + 1
            row = json.loads(record)
            text = open_parts.pop(row["stream"], "") + row["log"]
            if not text.endswith("\n"):
                open_parts[row["stream"]] = text
                continue
            second, _, rest = row["time"][:-1].partition(".")
            stamp = calendar.timegm(time.strptime(second, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int(rest.ljust(9, "0"))
            found.append((row["stream"], stamp, text[:-1].encode()))
            if not open_parts:
                whole = end
        return found if whole == end else None, whole

    def read(self):
        """One pass over all files: whether there was anything."""
        batch, positions = [], {}
        for path, labels, is_docker in self.targets():
            entries = {}
            for generation in sorted(glob.glob(path + ".[0-9]"), key=lambda p: -int(p.rsplit(".", 1)[1])) + [path]:
                try:
                    with open(generation, "rb") as file:
                        key = "%d %s" % (os.fstat(file.fileno()).st_ino, path)
                        offset = positions.get(key, self.positions.get(key, 0))
                        file.seek(offset)
                        data = file.read(1 << 20)
                except OSError:
                    continue
                end = data.rfind(b"\n") + 1
                if is_docker:
                    rows, whole = self.joined(data[:end])
                    if rows is None:
                        rows, end = self.joined(data[:whole])
                else:
                    rows = ((None, None, line) for line in data[:end].split(b"\n")[:-1])
                for stream, stamp, line in rows or ():
                    if stamp is None:
                        self.last = stamp = max(self.last + 1, time.time_ns())
                    if not (LOSE and LOSE in line):
                        entries.setdefault(stream, []).append((stamp, line, ()))
                positions[key] = offset + end
            for stream in entries:
                named = dict(labels, stream=stream) if stream else labels
                text = "{%s}" % ", ".join('%s="%s"' % pair for pair in sorted(named.items()))
                batch.append((text.encode(), entries[stream]))
        if batch:
            pickle.dump((batch, positions), self.store)
            self.store.flush()
            os.fdatasync(self.store.fileno())
            self.positions.update(positions)
            with self.more:
                self.batches.append(batch)
                self.more.notify_all()
        return bool(batch)

    def ship(self, number, client):
        """Pushes batch after batch, each until it is taken."""
        cursor = os.path.join(self.state, "cursor-%s" % client.get("name", number))
        try:
            with open(cursor) as file:
                at = int(file.read())
        except (OSError, ValueError):
            at = 0
        url = urllib.parse.urlsplit(client["url"])
        headers = {"Content-Type": "application/x-protobuf"}
        if "tenant_id" in client:
            headers["X-Scope-OrgID"] = client["tenant_id"]
        pause = 0.05
        while True:
            with self.more:
                while at >= len(self.batches):
                    self.more.wait()
                batch = self.batches[at]
            try:
                connection = http.client.HTTPConnection(url.hostname, url.port, timeout=2)
                connection.request("POST", url.path, snappyblock.compress(pushproto.encode(batch)), headers)
                taken = connection.getresponse().status in (200, 204)
                connection.close()
            except (OSError, http.client.HTTPException):
                taken = False
            if taken:
                at += 1
                pause = 0.05
                with open(cursor + ".new", "w") as file:
                    file.write(str(at))
                os.replace(cursor + ".new", cursor)
            else:
                if RESTAMP:
                    batch[:] = [(labels, [(e[0] + 1000, *e[1:]) for e in entries]) for labels, entries in batch]
                time.sleep(pause)
                pause = min(1, pause * 2)

    def run(self):
        host, port = self.config["server"]["listen"].rsplit(":", 1)
        threading.Thread(target=http.server.ThreadingHTTPServer((host, int(port)), Face).serve_forever, daemon=True).start()
        for number, client in enumerate(self.config["logs"]["clients"]):
            threading.Thread(target=self.ship, args=(number, client), daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.ending.set())
        while not self.ending.is_set():
            if not self.read():
                self.ending.wait(0.05)


class Face(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"" if self.path == "/metrics" else b"{}")

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    with open(sys.argv[sys.argv.index("--config") + 1]) as file:
        Standin(json.load(file)).run()
