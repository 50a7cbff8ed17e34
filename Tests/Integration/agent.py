"""The agent under test as a process: its configuration, its commands, its HTTP face, what it costs."""

import atexit
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import time

_alive = set()


@atexit.register
def _end_all():
    for process in list(_alive):
        if process.poll() is None:
            process.kill()


class AgentError(Exception):
    """The agent did not do what every case relies on."""


def keep_page(body):
    """For scripts/list-families --labels: where TOCSIN_PAGES names a directory."""
    folder = os.environ.get("TOCSIN_PAGES")
    if folder:
        with open(os.path.join(folder, "%d-%d.prom" % (os.getpid(), len(os.listdir(folder)))), "w", encoding="utf-8") as file:
            file.write(body)


def free_port():
    """Below the ports that the kernel gives to connections: cases run beside each other."""
    while True:
        port = random.SystemRandom().randrange(12000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def wait_for(condition, seconds, interval=0.05):
    """Whether `condition()` became true within the time."""
    limit = time.monotonic() + seconds
    while True:
        if condition():
            return True
        if time.monotonic() >= limit:
            return False
        time.sleep(interval)


def client(server, name="a", **more):
    """A destination for the configuration."""
    made = {"name": name, "url": server if isinstance(server, str) else server.url, "timeout": "2s",
            "backoff_config": {"min_period": "50ms", "max_period": "1s"}}
    made.update(more)
    return made


class Agent:
    """One configuration and the process that runs it, again and again."""

    def __init__(self, binary, directory, clients, scrape_configs, name="agent", **sections):
        self.binary, self.directory = os.path.abspath(binary), directory
        self.port = free_port()
        self.state = os.path.join(directory, "state")
        self.path = os.path.join(directory, name + ".yaml")
        self.log = os.path.join(directory, name + ".log")
        self.config = {"state_dir": self.state, "server": {"listen": "127.0.0.1:%d" % self.port},
                       "store": {"max_size": "1GiB", "retention": "24h"},
                       "logs": {"clients": clients, "scrape_configs": scrape_configs},
                       # What becomes of the default pack's alerts is none of the lines that cases count.
                       "alerting": {"history": {"log": False}}}
        self.config.update(sections)
        self.process = None
        self.is_wanted = False
        self.starts = 0
        self.write()

    def write(self):
        """Writes the configuration; JSON is YAML in flow style."""
        temporary = self.path + ".new"
        with open(temporary, "w") as file:
            json.dump(self.config, file, indent=1)
        os.replace(temporary, self.path)

    def start(self, wait=True, extra=(), environment=None):
        log = open(self.log, "ab")
        self.process = subprocess.Popen(
            [self.binary, "run", "--config", self.path, "--log-level", "debug", *extra],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory, env={**os.environ, **(environment or {})})
        log.close()
        _alive.add(self.process)
        self.starts += 1
        self.is_wanted = True
        if wait and not wait_for(self.is_healthy, 20):
            raise AgentError("not healthy after 20 s (exit code %s); its log ends:\n%s" % (
                self.process.poll(), self.log_tail()))
        return self

    def is_healthy(self):
        if self.process.poll() is not None:
            raise AgentError("ended with %s; its log ends:\n%s" % (self.process.returncode, self.log_tail()))
        try:
            return self.get("/-/healthy", timeout=1)[0] == 200
        except OSError:
            return False

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def check_alive(self):
        """An error where it has ended though nobody told it to."""
        if self.is_wanted and self.process.poll() is not None:
            raise AgentError("ended by itself with %s; its log ends:\n%s" % (self.process.returncode, self.log_tail()))

    def kill(self):
        """SIGKILL, and away. An agent that had already ended by itself is an error."""
        code = self.process.poll()
        self.is_wanted = False
        self.process.kill()
        self.process.wait()
        _alive.discard(self.process)
        if code is not None:
            raise AgentError("ended by itself with %s; its log ends:\n%s" % (code, self.log_tail()))

    def terminate(self, limit=5.0, signal_number=signal.SIGTERM):
        """Seconds until it ended after the signal; an error beyond `limit` or with another exit code than 0."""
        self.check_alive()
        self.is_wanted = False
        start = time.monotonic()
        self.process.send_signal(signal_number)
        try:
            code = self.process.wait(limit + 10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AgentError("still running %g s after signal %d" % (limit + 10, signal_number)) from None
        finally:
            _alive.discard(self.process)
        took = time.monotonic() - start
        if code != 0:
            raise AgentError("ended with %s after signal %d; its log ends:\n%s" % (
                code, signal_number, self.log_tail()))
        if took > limit:
            raise AgentError("took %.1f s to end after signal %d" % (took, signal_number))
        return took

    def stop(self):
        """Ends it in whatever way; for the end of a case."""
        if self.is_running:
            self.process.kill()
            self.process.wait()
        _alive.discard(self.process)

    def log_tail(self, lines=15):
        try:
            with open(self.log, "rb") as file:
                return b"\n".join(file.read().splitlines()[-lines:]).decode("utf-8", "replace")
        except OSError:
            return ""

    def request(self, method, path, timeout=5):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read().decode("utf-8", "replace")
            if path == "/metrics":
                keep_page(body)
            return answer.status, body
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def get(self, path, timeout=5):
        return self.request("GET", path, timeout)

    def ready(self):
        """(status, decoded body) of /-/ready."""
        status, body = self.get("/-/ready")
        try:
            return status, json.loads(body)
        except ValueError:
            raise AgentError("/-/ready answers %d with no JSON: %r" % (status, body[:200])) from None

    def metrics(self):
        """[(name, {label: value}, number)] of /metrics."""
        found = []
        for line in self.get("/metrics")[1].splitlines():
            match = re.match(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)", line)
            if match and not line.startswith("#"):
                labels = dict(re.findall(r'([a-zA-Z0-9_]+)="((?:[^"\\]|\\.)*)"', match.group(2) or ""))
                found.append((match.group(1), labels, float(match.group(3))))
        return found

    def trouble(self, name="a"):
        """The sentence that readiness has for a destination; empty where all is well."""
        return next((part["reason"] for part in self.ready()[1]["parts"] if part["name"] == "destination/" + name), "")

    def total(self, pattern, **labels):
        """The sum of all samples whose name matches and whose labels match these patterns."""
        return sum(value for name, have, value in self.metrics() if re.search(pattern, name) and all(
            re.search(want, have.get(label, "")) for label, want in labels.items()))

    def command(self, *arguments, timeout=30):
        """(exit code, standard output, standard error)"""
        done = subprocess.run([self.binary, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=timeout, cwd=self.directory, check=False)
        return done.returncode, done.stdout, done.stderr

    def logs(self, query, *more):
        """The decoded lines of `tocsin logs --json`."""
        code, out, err = self.command("logs", query, "--json", "--config", self.path, *more)
        if code != 0:
            raise AgentError("logs %s exits with %d: %s" % (query, code, err.decode("utf-8", "replace")[:400]))
        return [json.loads(line) for line in out.splitlines() if line.strip()]

    def cpu_seconds(self):
        """User and system seconds so far."""
        with open("/proc/%d/stat" % self.process.pid) as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """{"rss", "anon"} in KiB."""
        found = {}
        with open("/proc/%d/smaps_rollup" % self.process.pid) as file:
            for line in file:
                name, _, rest = line.partition(":")
                if name in ("Rss", "Anonymous"):
                    found[{"Rss": "rss", "Anonymous": "anon"}[name]] = int(rest.split()[0])
        return found

    def peak_rss(self):
        """The most it ever had resident, in KiB."""
        with open("/proc/%d/status" % self.process.pid) as file:
            return int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1))

    def wakeups(self):
        """Voluntary context switches of all threads."""
        count = 0
        for thread in os.listdir("/proc/%d/task" % self.process.pid):
            try:
                with open("/proc/%d/task/%s/status" % (self.process.pid, thread)) as file:
                    count += int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", file.read()).group(1))
            except OSError:
                continue
        return count
