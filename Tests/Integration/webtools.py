"""What the cases of the HTTP face use: certificates, an agent asked through its unix socket, curl, a real Prometheus."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request

from agent import Agent, free_port, wait_for
from context import Failure, Skip


class UnixConnection(http.client.HTTPConnection):
    """HTTP through a socket file."""

    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class WebAgent(Agent):
    """An agent with a web configuration; the harness asks it through a unix socket, which that leaves alone."""

    def __init__(self, context, web, listen=None, **sections):
        self.socket = context.path("agent.sock")
        self.web = context.path("web.yml")
        self.write_web(web)
        super().__init__(context.binary, context.directory, [], [], **sections)
        addresses = [listen or "127.0.0.1:%d" % self.port, "unix:%s" % self.socket]
        self.config["server"] = {"listen": addresses, "web_config": self.web}
        self.write()
        context.agents.append(self)

    def write_web(self, web):
        """Text, or what becomes JSON, which is YAML in flow style."""
        with open(self.web + ".new", "w") as file:
            file.write(web if isinstance(web, str) else json.dumps(web, indent=1))
        os.replace(self.web + ".new", self.web)

    def request(self, method, path, timeout=5):
        connection = UnixConnection(self.socket, timeout)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def hash(self, password, cost=4):
        done = subprocess.run([self.binary, "hash-password", "--cost", str(cost)], input=password.encode() + b"\n",
                              capture_output=True, timeout=30, check=True)
        return done.stdout.decode().strip()


def openssl(*arguments, cwd=None, text=b""):
    done = subprocess.run(["openssl", *arguments], cwd=cwd, input=text, capture_output=True, timeout=30, check=False)
    if done.returncode != 0:
        raise Failure("openssl %s: %s" % (" ".join(arguments), done.stderr.decode()))
    return done.stdout.decode()


class Authority:
    """A certificate authority of our own in a directory, and certificates by it."""

    def __init__(self, directory, name="ca"):
        if not shutil.which("openssl"):
            raise Skip("no openssl")
        self.directory, self.name = directory, name
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-keyout", name + ".key", "-out", name + ".pem", "-subj", "/CN=" + name, cwd=directory)

    @property
    def path(self):
        return os.path.join(self.directory, self.name + ".pem")

    def issue(self, name, names="DNS:localhost,IP:127.0.0.1", to=None):
        """Paths of certificate and key; `to` overwrites another's files, the key first."""
        here = self.directory
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", name + ".key",
                "-out", name + ".csr", "-subj", "/CN=" + name, cwd=here)
        with open(os.path.join(here, name + ".ext"), "w") as file:
            file.write("subjectAltName=" + names)
        openssl("x509", "-req", "-in", name + ".csr", "-CA", self.name + ".pem", "-CAkey", self.name + ".key",
                "-CAcreateserial", "-days", "2", "-extfile", name + ".ext", "-out", name + ".pem", cwd=here)
        if to:
            for kind in (".key", ".pem"):
                os.replace(os.path.join(here, name + kind), os.path.join(here, to + kind))
            name = to
        return os.path.join(here, name + ".pem"), os.path.join(here, name + ".key")


def tls(certificate, **more):
    """A `tls_server_config` of certificate, key and more keys."""
    return {"cert_file": certificate[0], "key_file": certificate[1], **more}


def curl(*arguments, timeout=20):
    """(exit code, status, headers by lower-case name, body, standard error)"""
    done = subprocess.run(["curl", "-sS", "-i", "-m", str(timeout), *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=timeout + 10, check=False)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split()[1]) if done.returncode == 0 and len(lines[0].split()) > 1 else 0
    headers = dict((name.lower(), value) for name, value in (line.split(": ", 1) for line in lines[1:] if ": " in line))
    return done.returncode, status, headers, body.decode("utf-8", "replace"), done.stderr.decode()


class Prometheus:
    """A real Prometheus that scrapes one target every second."""

    def __init__(self, context, target, rule_files=(), **job):
        if not shutil.which("prometheus"):
            raise Skip("no prometheus")
        self.port = free_port()
        path = context.path("prometheus.yml")
        config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "rule_files": list(rule_files), "scrape_configs": [
            {"job_name": "tocsin", "static_configs": [{"targets": [target]}], **job}]}
        with open(path, "w") as file:
            json.dump(config, file)
        log = open(context.path("prometheus.log"), "wb")
        self.process = subprocess.Popen(
            ["prometheus", "--config.file=" + path, "--storage.tsdb.path=" + context.folder("tsdb"),
             "--web.listen-address=127.0.0.1:%d" % self.port], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        context.closing.append(self.stop)
        if not wait_for(self.is_ready, 30):
            raise Failure("prometheus is not ready")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def get(self, path):
        with urllib.request.urlopen("http://127.0.0.1:%d%s" % (self.port, path), timeout=5) as answer:
            return answer.read()

    def is_ready(self):
        try:
            self.get("/-/ready")
            return True
        except OSError:
            return False

    def query(self, expression):
        """The values of an instant query."""
        answer = json.loads(self.get("/api/v1/query?query=" + urllib.parse.quote(expression)))
        return [float(sample["value"][1]) for sample in answer["data"]["result"]]

    def target(self):
        """(health, last error)"""
        active = json.loads(self.get("/api/v1/targets"))["data"]["activeTargets"]
        return (active[0]["health"], active[0]["lastError"]) if active else ("", "")
