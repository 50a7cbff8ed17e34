"""Ways to a destination: IPv6, a Unix socket, proxies, TLS and what is wrong with it."""

import os
import ssl
import subprocess
import time

from agent import client
from context import Skip, case, merged
from proxies import HTTPProxy, SOCKSProxy
from writers import Writer


def certificates(c):
    """A private CA, a server's and a client's certificate, an expired one, and a CA that signed nothing."""
    folder = c.folder("tls")

    def openssl(*arguments):
        done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.decode())
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    try:
        for name in ("ca", "other"):
            openssl("req", "-x509", *key, "-days", "2", "-keyout", name + ".key", "-out", name + ".pem", "-subj",
                    "/CN=" + name)
    except FileNotFoundError:
        raise Skip("openssl is not installed") from None
    with open(os.path.join(folder, "ext"), "w") as file:
        file.write("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    for name, days in (("server", "2"), ("client", "2"), ("expired", "-1")):
        openssl("req", *key, "-keyout", name + ".key", "-out", name + ".csr", "-subj", "/CN=" + name)
        openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out",
                name + ".pem", "-days", days, "-extfile", "ext")
    return lambda name: os.path.join(folder, name)


def server_context(at, name="server", wants_client=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(at(name + ".pem"), at(name + ".key"))
    if wants_client:
        context.load_verify_locations(at("ca.pem"))
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def deliver(c, agent, server, writer):
    """Some lines, and some more over an interruption of every connection."""
    agent.start()
    writer.write(300)
    c.eventually(lambda: server.loki.accepted >= 300, 20, lambda: "nothing arrives; readiness says %s" % str(agent.ready()))
    server.stop()
    writer.write(300)
    time.sleep(0.5)
    server.start()
    return c.judge(server, merged(writer))


@case("way-ipv6")
def ipv6(c):
    """To [::1]."""
    try:
        server = c.server(bind="::1")
    except OSError as error:
        raise Skip("no IPv6 on loopback: %s" % error) from None
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    return deliver(c, c.agent([server], [c.files()]), server, writer)


@case("way-unix-socket")
def unix_socket(c):
    """To a Unix socket, which is not there at first."""
    server = c.server(bind="unix:" + c.path("loki.sock"))
    server.stop()
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([server], [c.files()]).start()
    writer.write(100)
    c.eventually(lambda: "loki.sock" in agent.trouble() or "connect" in agent.trouble(), 10,
                 lambda: "readiness says %s" % str(agent.ready()))
    agent.terminate()
    server.start()
    return deliver(c, agent, server, writer)


@case("way-http-proxy")
def http_proxy(c):
    """Through an HTTP proxy with a password: forwarded, or in a tunnel to a TLS server; the wrong password is named."""
    at = certificates(c)
    plain = c.server(name="plain")
    secret = c.server(name="secret", tls=server_context(at))
    proxy = c.proxy(HTTPProxy("user", "pr0xy-pass"))
    wrong = proxy.url("user:wr0ng@")
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    tls = {"ca_file": at("ca.pem")}
    agent = c.agent([client(plain, "plain", proxy_url=wrong), client(secret, "secret", proxy_url=wrong, tls_config=tls)],
                    [c.files()]).start()
    writer.write(300)
    for name in ("plain", "secret"):
        c.eventually(lambda: "407" in agent.trouble(name) and "proxy_url" in agent.trouble(name), 10,
                     lambda: "%s: readiness says %s" % (name, str(agent.ready())))
    agent.terminate()
    agent.config["logs"]["clients"] = [client(plain, "plain", proxy_url=proxy.url()),
                                       client(secret, "secret", proxy_url=proxy.url(), tls_config=tls)]
    agent.write()
    agent.start()
    writer.write(300)
    lines = merged(writer)
    verdicts = [c.judge(plain, lines), c.judge(secret, lines)]
    c.require(proxy.served >= 2 and proxy.refused >= 2, "served %d, refused %d" % (proxy.served, proxy.refused))
    with open(agent.log) as file:
        log = file.read()
    c.require("pr0xy-pass" not in log and "wr0ng" not in log, "the proxy's password is in the log")
    return "\n    ".join(str(v) for v in verdicts)


@case("way-https-proxy")
def https_proxy(c):
    """Through a proxy that is reached by TLS, its certificate signed by the private CA of tls_config."""
    at = certificates(c)
    server = c.server(tls=server_context(at))
    proxy = c.proxy(HTTPProxy(tls=server_context(at)))
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([client(server, proxy_url=proxy.url(), tls_config={"ca_file": at("other.pem")})],
                    [c.files()]).start()
    writer.write(100)
    c.eventually(lambda: "ca_file" in agent.trouble(), 10, lambda: "readiness says %s" % str(agent.ready()))
    c.require(proxy.served == 0, "a proxy that cannot be trusted was used")
    agent.terminate()
    agent.config["logs"]["clients"] = [client(server, proxy_url=proxy.url(), tls_config={"ca_file": at("ca.pem")})]
    agent.write()
    verdict = deliver(c, agent, server, writer)
    c.require(proxy.served >= 1, "the proxy was not used")
    return verdict


@case("way-socks")
def socks(c):
    """Through SOCKS5 proxies, without and with user and password, names looked up here or there."""
    open_proxy = c.proxy(SOCKSProxy())
    guarded = c.proxy(SOCKSProxy("user", "s0cks-pass"))
    servers = [c.server(name=name) for name in ("open", "guarded", "named")]
    named = servers[2].url.replace("127.0.0.1", "localhost")
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([
        client(servers[0], "open", proxy_url=open_proxy.url()),
        client(servers[1], "guarded", proxy_url=guarded.url()),
        client(named, "named", proxy_url=open_proxy.url(scheme="socks5h")),
        client(servers[1], "wrong", proxy_url=guarded.url("user:wr0ng@"), tenant_id="never")], [c.files()]).start()
    writer.write(500)
    lines = merged(writer)
    verdicts = [c.judge(server, lines) for server in servers]
    c.require("localhost" in open_proxy.names, "socks5h looked the name up itself")
    c.eventually(lambda: guarded.refused >= 1 and agent.trouble("wrong"), 10,
                 lambda: "the wrong password: readiness says %s" % str(agent.ready()))
    with open(agent.log) as file:
        log = file.read()
    c.require("s0cks-pass" not in log and "wr0ng" not in log, "the proxy's password is in the log")
    return "%s\n    wrong password: %s" % ("\n    ".join(str(v) for v in verdicts), agent.trouble("wrong"))


@case("tls")
def tls(c):
    """TLS with a private CA, a client certificate and basic authentication; a wrong CA delivers nothing, loses nothing."""
    at = certificates(c)
    server = c.server(tls=server_context(at, wants_client=True))
    right = {"ca_file": at("ca.pem"), "cert_file": at("client.pem"), "key_file": at("client.key")}
    wrong = dict(right, ca_file=at("other.pem"))
    with open(at("password"), "w") as file:
        file.write("s3cret-pass\n")
    basic = {"username": "user", "password_file": at("password")}
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([client(server, tls_config=wrong, basic_auth=basic)], [c.files()]).start()
    writer.write(500)
    time.sleep(3)
    c.require(server.loki.accepted == 0, "delivered to a server whose certificate it cannot trust")
    agent.terminate()
    agent.config["logs"]["clients"] = [client(server, tls_config=right, basic_auth=basic)]
    agent.write()
    agent.start()
    writer.write(500)
    verdict = c.judge(server, merged(writer))
    c.require(server.headers_seen.get("authorization") == "Basic dXNlcjpzM2NyZXQtcGFzcw==",
              "authorization was %r" % server.headers_seen.get("authorization"))
    with open(agent.log) as file:
        c.require("s3cret-pass" not in file.read(), "the password is in the log")
    return verdict


@case("tls-trouble")
def tls_trouble(c):
    """A wrong CA, an expired certificate, another name, a missing client certificate: each one sentence with its remedy
    in readiness, while another destination gets everything."""
    at = certificates(c)
    good = c.server(name="good")
    context = server_context(at)
    server = c.server(name="a", tls=context)
    expired = c.server(name="expired", tls=server_context(at, "expired"))
    strict = c.server(name="strict", tls=server_context(at, wants_client=True))
    ca = {"ca_file": at("ca.pem")}
    writer = Writer(c.path("logs", "a.log"), "a", seed=c.seed)
    agent = c.agent([
        client(good, "good"), client(server, "other-ca", tls_config={"ca_file": at("other.pem")}),
        client(expired, "expired", tls_config=ca), client(server, "name", tls_config=dict(ca, server_name="loki.example")),
        client(strict, "strict", tls_config=ca),
        client(server, "no-file", tls_config={"ca_file": at("none.pem")})], [c.files()]).start()
    writer.write(500)
    words = {"other-ca": ("certificate", "ca_file"), "expired": ("expired", "renew"), "name": ("name", "server_name"),
             "strict": ("certificate", "cert_file"), "no-file": ("none.pem", "ca_file")}
    seen = []
    for name, wanted in words.items():
        c.eventually(lambda: all(word in agent.trouble(name) for word in wanted), 15,
                     lambda: "%s: readiness says %r, wanted %s" % (name, agent.trouble(name), wanted))
        seen.append("%s: %s" % (name, agent.trouble(name)))
        c.require("\n" not in agent.trouble(name), "%s: more than one line" % name)
    writer.write(500)
    verdict = c.judge(good, merged(writer))
    for other in (server, expired, strict):
        c.require(other.loki.accepted == 0, "delivered to a server that is not to be trusted")
    c.require(agent.is_healthy(), "the agent is not well")
    return "%s\n    %s" % (verdict, "\n    ".join(seen))
