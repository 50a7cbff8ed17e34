"""Bans that come from elsewhere: from fail2ban's database, from lists, from one's other hosts."""

import http.server
import json
import os
import shutil
import subprocess
import threading
import time

from agent import Agent
from cases_bans import Host, door, knock, lab
from context import Skip, case
from netlab import ATTACKER, HOST, OTHER
from webtools import Authority, WebAgent, tls

FILTER = "[Definition]\nfailregex = ^doord: no entry from <HOST>$\n"
JAIL = """[DEFAULT]
backend = polling
banaction = nftables
[door]
enabled = true
port = 2222
logpath = %s
maxretry = 3
bantime = 1h
"""


class Fail2ban:
    """The installed fail2ban on the lab's host, with a socket and a database of its own."""

    def __init__(self, c, network):
        if not shutil.which("fail2ban-server") or not os.path.exists("/etc/fail2ban/jail.conf"):
            raise Skip("fail2ban is not installed")
        self.network, self.directory = network, c.path("fail2ban")
        shutil.copytree("/etc/fail2ban", self.directory)
        shutil.rmtree(os.path.join(self.directory, "jail.d"))
        c.folder("logs")
        open(c.path("logs", "door.log"), "w").close()
        self.database, self.socket, self.pid = c.path("f2b.sqlite3"), c.path("f2b.sock"), c.path("f2b.pid")
        self.write("filter.d/door.conf", FILTER)
        self.write("jail.local", JAIL % c.path("logs", "door.log"))
        self.write("fail2ban.local", "[Definition]\nsocket = %s\npidfile = %s\ndbfile = %s\nlogtarget = %s\n" % (
            self.socket, self.pid, self.database, c.path("f2b.log")))
        self.process = network.popen("host", "fail2ban-server", "-f", "-c", self.directory, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
        c.closing.append(self.close)
        c.eventually(lambda: self.ask("status", "door"), 20, "fail2ban does not start")

    def write(self, name, text):
        with open(os.path.join(self.directory, name), "w") as file:
            file.write(text)

    def ask(self, *words):
        """What it answers; nothing where it does not."""
        done = subprocess.run(["fail2ban-client", "-c", self.directory, *words], capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else ""

    def close(self):
        if self.process.poll() is None:
            self.ask("stop")
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@case("bans-from-fail2ban")
def bans_from_fail2ban(c):
    """A fail2ban that runs is moved from: `migrate fail2ban` prints a section that is read, its bans are taken over once, when jails first
    enforce, and are in the kernel then; who is forgiven does not come back with the next start."""
    network = lab(c)
    network.listen("host", 2222)
    fail2ban = Fail2ban(c, network)
    fail2ban.ask("set", "door", "banip", ATTACKER[4], ATTACKER[6])
    c.eventually(lambda: not network.reaches(2222), 10, "fail2ban itself does not ban")
    done = subprocess.run([c.binary, "migrate", "fail2ban", "--confdir", fail2ban.directory], capture_output=True, text=True, check=False)
    c.require(done.returncode == 0, done.stderr)
    for line in ("[door] %s; 3 failures in 10m, 1h; firewall (tcp 2222, refused)" % c.path("logs", "door.log"),
                 "import: " + fail2ban.database, "# 2 bans that stand", "is running (process ", "nft delete table inet f2b-table"):
        c.require(line in done.stdout, "no %r in\n%s" % (line, done.stdout))
    c.require(not done.stderr, done.stderr)
    printed = c.path("printed.yaml")
    with open(printed, "w") as file:
        file.write(done.stdout)
    checked = subprocess.run([c.binary, "check", printed], capture_output=True, text=True, check=False)
    c.require(checked.returncode == 0 and not checked.stderr, checked.stderr)
    # As printed: beside fail2ban, and nothing is touched.
    host = Host(c, network, mode="observe", fail2ban={"config_dir": fail2ban.directory}, **{"import": fail2ban.database})
    c.eventually(lambda: "f2b_jail_count 2" in host.get("/metrics"), 5, "there are not two jails")
    c.require(not host.bans(), "bans are taken over while jails observe")
    # A later ban of fail2ban's comes along.
    fail2ban.ask("set", "door", "banip", OTHER[4])
    c.eventually(lambda: OTHER[4] in fail2ban.ask("status", "door"), 5, "no third ban")
    fail2ban.close()
    c.require(network.reaches(2222), "fail2ban has left its rules")
    host.agent.config["jails"]["mode"] = "enforce"
    host.agent.write()
    with network.within("host"):
        c.require(host.agent.request("POST", "/-/reload")[0] == 200, "it does not reload")
    c.eventually(lambda: len(host.bans("door")) == 3, 5, lambda: "taken over: %s" % host.bans())
    c.eventually(lambda: network.is_banned("bans_tcp_2222_reject_ip4_32", ATTACKER[4]), 5, "the kernel does not have them")
    c.require(not network.reaches(2222) and not network.reaches(2222, 6), "they do not hold")
    left = [one["end"] for one in host.bans("door")]
    c.require(all(left), "bans of an hour last for ever: %s" % left)
    c.require(host.command("bans", "remove", ATTACKER[4]).startswith("1 ban"), "it cannot be forgiven")
    host.agent.kill()
    host.start()
    c.eventually(lambda: sorted(one["ip"] for one in json.loads(host.get("/api/bans")).get("bans", [])) == sorted([ATTACKER[6], OTHER[4]]),
                 5, lambda: "after a restart: %s" % host.get("/api/bans"))
    c.require(network.reaches(2222) and not network.reaches(2222, 6), "the forgiven one is kept out, or another is not")
    # A database that is none is told of, and the agent goes on.
    host.agent.config["jails"]["import"] = fail2ban.socket + ".none"
    host.agent.write()
    with network.within("host"):
        host.agent.request("POST", "/-/reload")
        c.eventually(lambda: any(part["name"] == "bans/import" for part in host.agent.ready()[1]["parts"]), 5, "nobody is told")


class Pages(http.server.BaseHTTPRequestHandler):
    """A list with an entity tag."""

    text, asked = "", []

    def do_GET(self):
        tag = '"%d"' % hash(self.text)
        Pages.asked.append(self.headers.get("If-None-Match"))
        self.send_response(304 if Pages.asked[-1] == tag else 200)
        self.send_header("ETag", tag)
        body = b"" if Pages.asked[-1] == tag else self.text.encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@case("bans-lists")
def bans_lists(c):
    """Lists from a file and over HTTP are kept out; not who is allowed, nor the host; what is no address is counted and named. The last copy
    holds while the source is away, over a restart and a flush of the ruleset."""
    network = lab(c)
    network.listen("host", 2222)
    path = c.path("list.txt")

    def write(*lines):
        with open(path + ".new", "w") as file:
            file.write("\n".join(lines) + "\n")
        os.replace(path + ".new", path)

    # The attacker's IPv4 address is allowed, the first is the host's own.
    write("# a list", HOST[4], "%s # trailing" % OTHER[4], "no address", ATTACKER[4], "192.0.0.0/4")
    with network.within("host"):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    Pages.text, Pages.asked = ATTACKER[6] + "\n203.0.113.0/24\n203.0.113.7\n", []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    c.closing.append(server.server_close)
    c.closing.append(server.shutdown)
    host = Host(c, network, native=[door(c)], ignore=[ATTACKER[4]], lists=[
        {"name": "own", "file": path, "refresh_interval": "1s"},
        {"name": "web", "url": "http://127.0.0.1:%d/list" % server.server_address[1]}])
    c.eventually(lambda: not network.reaches(2222, 4, OTHER[4]), 5, "the file's address is not kept out")
    c.eventually(lambda: not network.reaches(2222, 6), 5, "the server's address is not kept out")
    c.require(network.reaches(2222), "who is allowed is kept out")
    c.require(network.is_banned("lists_ip4_24", "203.0.113.0") and not network.is_banned("lists_ip4_32", HOST[4]), "sets")
    page = host.get("/metrics")
    for line in ('f2b_list_networks{list="own"} 1', 'f2b_list_networks{list="web"} 2', 'f2b_list_strange_lines{list="own"} 1',
                 'f2b_list_too_wide{list="own"} 1', 'f2b_list_failures_total{list="web"} 0'):
        c.require(line in page, "the page lacks " + line)
    c.require(OTHER[4] not in page and "203.0.113" not in page, "an address is in the metrics")
    told = host.command("bans", "lists")
    c.require('1 strange lines: line 4: "no address"' in told, told)
    told = host.command("bans", "explain", "203.0.113.9")
    c.require("the list web has 203.0.113.0/24, which is kept out" in told, told)
    # A jail's ban is not mixed up with it.
    host.command("bans", "add", "203.0.113.200")
    c.require(host.command("bans", "export") == "203.0.113.200\n", "exported")
    c.require(host.command("bans", "export", "--format", "nginx") == "deny 203.0.113.200;\n", "exported for nginx")
    c.require(json.loads(host.command("bans", "export", "--format", "json"))[0]["origin"] == "manual", "exported as JSON")
    # What changes in the file changes in the kernel; what is no list changes nothing.
    write("203.0.113.64")
    c.eventually(lambda: network.reaches(2222, 4, OTHER[4]), 5, "who is no longer listed is kept out")
    write("<html>", "not found", "</html>")
    c.eventually(lambda: 'f2b_list_failures_total{list="own"} 0' not in host.get("/metrics"), 5, "a page is taken for a list")
    c.require(network.is_banned("lists_ip4_32", "203.0.113.64"), "what was good last is gone")
    network.run("host", "nft", "flush", "ruleset")
    c.eventually(lambda: network.is_banned("lists_ip4_24", "203.0.113.0"), 3, "the lists do not come back")
    server.shutdown()
    server.server_close()
    host.agent.kill()
    network.run("host", "nft", "flush", "ruleset")
    host.start()
    c.eventually(lambda: not network.reaches(2222, 6), 5, "the last copy does not hold")
    with network.within("host"):
        c.eventually(lambda: any(part["name"] == "bans/list/web" and part["reason"] for part in host.agent.ready()[1]["parts"]
                                 if part.get("reason")), 12, lambda: "nobody is told: %s" % host.agent.ready()[1])
    # What changes in the lists alone leaves the jails and what they have counted alone.
    knock(c, OTHER[4], times=2)
    c.eventually(lambda: 'f2b_jail_failed_current{jail="door"} 1' in host.get("/metrics"), 5, "the jail does not count")
    host.agent.config["jails"]["lists"] = [{"name": "own", "file": path}]
    host.agent.write()
    with network.within("host"):
        c.require(host.agent.request("POST", "/-/reload")[0] == 200, "it does not reload")
    c.eventually(lambda: network.reaches(2222, 6), 5, "a list is gone and still in force")
    c.require(network.is_banned("lists_ip4_32", "203.0.113.64"), "the other list went with it")
    c.require('tocsin_jail_lines_total{jail="door"} 2' in host.get("/metrics"), "the jail has begun anew")
    # Without lists they go, with the jail staying.
    del host.agent.config["jails"]["lists"]
    host.agent.write()
    with network.within("host"):
        c.require(host.agent.request("POST", "/-/reload")[0] == 200, "it does not reload")
    c.eventually(lambda: not network.is_banned("lists_ip4_32", "203.0.113.64"), 5, "the lists are gone and still in force")
    c.require(network.is_banned("bans_ip4_32", "203.0.113.200"), "a ban by hand went with the lists")
    # Nor has the jail begun anew, and it goes on where it was when there are lists again.
    host.agent.config["jails"]["lists"] = [{"name": "own", "file": path}]
    host.agent.write()
    with network.within("host"):
        c.require(host.agent.request("POST", "/-/reload")[0] == 200, "it does not reload")
    c.eventually(lambda: network.is_banned("lists_ip4_32", "203.0.113.64"), 5, "there are lists again, and they are not in force")
    page = host.get("/metrics")
    for line in ('tocsin_jail_lines_total{jail="door"} 2', 'f2b_jail_failed_current{jail="door"} 1'):
        c.require(line in page, "the jail has begun anew: no " + line)
    knock(c, OTHER[4], times=1)
    c.eventually(lambda: network.is_banned("bans_ip4_32", OTHER[4]), 5, "the third failure bans nobody")
    host.agent.terminate()


@case("bans-allow-lists")
def bans_allow_lists(c):
    """Whom an allow list has gets through whatever bans them: a block list, a jail, a person; who is banned already is let go. One that allows
    everybody or nobody is refused and told, and the last good one holds, over a kill and a flush of the ruleset too."""
    network = lab(c)
    network.listen("host", 2222)
    path, blocked = c.path("friends.txt"), c.path("blocked.txt")

    def write(name, *lines):
        with open(name + ".new", "w") as file:
            file.write("\n".join(lines) + "\n")
        os.replace(name + ".new", name)

    def passes():
        return network.reaches(2222) and network.reaches(2222, 4, OTHER[4])

    write(path, "203.0.113.1")
    write(blocked, OTHER[4])
    host = Host(c, network, native=[door(c)], lists=[
        {"name": "friends", "kind": "allow", "file": path, "refresh_interval": "1s"}, {"name": "own", "file": blocked}])
    knock(c, ATTACKER[4])
    c.eventually(lambda: network.is_banned("bans_ip4_32", ATTACKER[4]), 5, "the jail does not ban")
    c.eventually(lambda: not network.reaches(2222) and not network.reaches(2222, 4, OTHER[4]), 5, "nobody is kept out")
    write(path, ATTACKER[4], OTHER[4])
    c.eventually(passes, 5, "who is allowed does not get through")
    c.eventually(lambda: not network.is_banned("bans_ip4_32", ATTACKER[4]) and not host.bans(), 5, "the ban stands")
    c.require("is allowed by the list friends" in host.command("bans", "history", ATTACKER[4]), "the history does not tell why")
    explained = host.command("bans", "explain", OTHER[4])
    c.require("allowed by the list friends" in explained and "would be kept out if the list friends did not" in explained, explained)
    knock(c, ATTACKER[4])
    c.eventually(lambda: 'tocsin_jail_lines_total{jail="door"} 6' in host.get("/metrics"), 5, "the lines are not read")
    c.require("allowed by the list friends" in host.command("bans", "add", ATTACKER[4], check=False), "a person bans")
    for text, reason in (("0.0.0.0/0", "would allow 0.0.0.0/0"), ("# nobody", "has nobody to allow")):
        write(path, text)
        c.eventually(lambda: reason in host.command("bans", "lists"), 8, lambda: "nobody is told: " + host.command("bans", "lists"))
        c.require(passes() and not host.bans(), "what was good last does not hold")

    def told(text):
        with open(host.agent.log) as log:
            return sum(text in line for line in log)

    # Who looks once a second may have missed the first.
    c.eventually(lambda: told("has nobody to allow") == 1, 5, lambda: "the log tells it %d times" % told("has nobody to allow"))
    c.require(told("would allow 0.0.0.0/0") <= 1, "the log tells it again and again")
    host.agent.kill()
    network.run("host", "nft", "flush", "ruleset")
    host.start()
    c.eventually(lambda: network.is_banned("lists_ip4_32", OTHER[4]), 5, "the block list does not come back")
    c.require(passes() and not host.bans(), "after a kill who is allowed is kept out")
    host.agent.terminate()


class Node(Host):
    """One of several agents on the lab's host, each with its table."""

    def __init__(self, c, network, name, **jails):
        self.network = network
        self.agent = Agent(c.binary, c.folder(name), [], [], rules={"default_pack": False}, jails={
            "mode": "enforce", "native": [], "firewall": {"table": name}, **jails})
        c.agents.append(self.agent)
        self.start()

    def ban(self, address, jail="peers"):
        """The ban's end in seconds from now, None where there is none."""
        # There are none before the jails have started.
        for one in json.loads(self.get("/api/bans?jail=" + jail)).get("bans", []):
            if one["ip"] == address:
                end = time.mktime(time.strptime(one["end"].split(".")[0].rstrip("Z"), "%Y-%m-%dT%H:%M:%S")) - time.timezone
                return end - time.time()
        return None


@case("bans-sharing")
def bans_sharing(c):
    """A ban at one host appears at another over the feed, and at a third over a real Redis, for as long as each believes it; lifted there
    it is lifted here, but not what the host has banned itself. The feed tells nothing to who has not the secret."""
    if not shutil.which("redis-server"):
        raise Skip("redis-server is not installed")
    network = lab(c)
    socket = c.path("redis.sock")
    redis = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", c.directory],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    c.closing.append(redis.wait)
    c.closing.append(redis.terminate)
    c.eventually(lambda: os.path.exists(socket), 10, "redis does not start")
    secret = "between the hosts of this test"
    one = Node(c, network, "one", native=[door(c)], sharing={"name": "one", "secret": secret, "redis": {"address": "unix:" + socket}})
    feed = "http://127.0.0.1:%d/api/bans/feed" % one.agent.port
    two = Node(c, network, "two", sharing={"name": "two", "secret": secret, "peers": [
        {"name": "one", "url": feed, "interval": "1s", "jails": ["manual"]}]})
    three = Node(c, network, "three", sharing={"name": "three", "secret": secret, "redis": {"address": "unix:" + socket, "max_duration": "10m"}})
    stranger = Node(c, network, "stranger", sharing={"name": "x", "secret": "some other secret of 16", "peers": [
        {"name": "one", "url": feed, "interval": "1s"}]})
    with network.within("host"):
        c.require(one.agent.get("/api/bans/feed")[0] == 403, "the feed answers anybody")
        c.require(two.agent.get("/api/bans/feed?since=x")[0] == 403, "the feed answers anybody")
    one.command("bans", "add", "203.0.113.7", "203.0.113.8", HOST[4], "--for", "30m", check=False)
    knock(c, "203.0.113.9")
    c.eventually(lambda: two.ban("203.0.113.7") and two.ban("203.0.113.8"), 5, "the feed brings no ban")
    c.eventually(lambda: three.ban("203.0.113.7") and three.ban("203.0.113.9"), 5, "Redis brings no ban")
    c.require(1700 < two.ban("203.0.113.7") < 1802, "its end is another: %s" % two.ban("203.0.113.7"))
    c.require(500 < three.ban("203.0.113.7") < 602, "it is believed for longer: %s" % three.ban("203.0.113.7"))
    c.eventually(lambda: network.is_banned("bans_ip4_32", "203.0.113.7", "two"), 5, "it is not in the kernel")
    c.require(two.ban("203.0.113.9") is None, "a jail that does not count counts")
    c.require(two.bans("peers")[0]["origin"] == "peer one", "origin: %s" % two.bans("peers"))
    # Nothing goes round in circles: the third host tells what it has heard to nobody.
    c.require(not one.bans("peers") if "peers" in one.get("/api/jails") else True, "a ban came back")
    # Lifted there it is lifted here; what was banned here by hand stays.
    two.command("bans", "add", "203.0.113.7", "--for", "1h")
    one.command("bans", "remove", "203.0.113.7")
    c.eventually(lambda: two.ban("203.0.113.7") is None and three.ban("203.0.113.7") is None, 5, "it is lifted there and not here")
    c.require(two.ban("203.0.113.7", "manual"), "another host has lifted a ban of this one")
    c.require(network.is_banned("bans_ip4_32", "203.0.113.7", "two"), "the kernel has forgotten this host's own ban")
    c.require(two.ban("203.0.113.8"), "another ban was lifted as well")
    # Over restarts of either side.
    two.agent.kill()
    one.agent.kill()
    one.start()
    one.command("bans", "add", "203.0.113.10", "--for", "30m")
    two.start()
    c.eventually(lambda: two.ban("203.0.113.10") and two.ban("203.0.113.8"), 6, "nothing comes after restarts")
    one.command("bans", "remove", "203.0.113.8")
    c.eventually(lambda: two.ban("203.0.113.8") is None, 5, "what a host had banned before a restart it cannot lift")
    page = two.get("/metrics")
    c.require("f2b_shared_bans_enforced_total" in page and "203.0.113" not in page, "metrics")
    c.require(not stranger.bans("peers"), "who does not have the secret gets bans")
    with network.within("host"):
        c.eventually(lambda: any("signature" in part.get("reason", "") for part in stranger.agent.ready()[1]["parts"]), 8, "nobody is told")
    for node in (one, two, three):
        node.agent.terminate()


@case("bans-sharing-secured")
def bans_sharing_secured(c):
    """The feed over HTTPS with an authority of one's own, and a real Redis with a password and with a user of its own: bans come. With another
    authority or a wrong password none do; both are told once, in readiness and in a metric, without the password."""
    if not shutil.which("redis-server") or not shutil.which("redis-cli"):
        raise Skip("redis-server is not installed")
    network = lab(c)
    socket = c.path("redis.sock")
    redis = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", c.directory, "--requirepass", "pa55 of all"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    c.closing.append(redis.wait)
    c.closing.append(redis.terminate)
    c.eventually(lambda: os.path.exists(socket), 10, "redis does not start")
    made = subprocess.run(["redis-cli", "-s", socket, "--no-auth-warning", "-a", "pa55 of all", "ACL", "SETUSER", "hosts", "on", ">pa55 of hosts",
                           "~tocsin:*", "+xadd", "+xread", "+ping"], capture_output=True, text=True, check=False)
    if "OK" not in made.stdout:
        raise Skip("this Redis has no users: " + made.stdout)
    secret, address = "between the hosts of this test", "unix:" + socket
    authority, other = Authority(c.folder("tls")), Authority(c.folder("tls"), "other")
    one = Node.__new__(Node)
    one.network = network
    one.agent = WebAgent(c, {"tls_server_config": tls(authority.issue("server"))}, rules={"default_pack": False}, jails={
        "mode": "enforce", "native": [], "firewall": {"table": "one"},
        "sharing": {"name": "one", "secret": secret, "redis": {"address": address, "password": "pa55 of all"}}})
    one.start()

    def peer(ca):
        return [{"name": "one", "url": "https://localhost:%d/api/bans/feed" % one.agent.port, "interval": "1s", "tls_config": {"ca_file": ca.path}}]

    two = Node(c, network, "two", sharing={"name": "two", "secret": secret, "peers": peer(authority)})
    three = Node(c, network, "three", sharing={"name": "three", "secret": secret, "redis": {
        "address": address, "username": "hosts", "password": "pa55 of hosts"}})
    wrong = Node(c, network, "wrong", sharing={"name": "wrong", "secret": secret, "peers": peer(other), "redis": {
        "address": address, "password": "a wr0ng one"}})
    one.command("bans", "add", "203.0.113.7", "--for", "30m")
    c.eventually(lambda: two.ban("203.0.113.7"), 5, "the feed over TLS brings no ban")
    c.eventually(lambda: three.ban("203.0.113.7"), 5, "Redis with a user brings no ban")
    three.command("bans", "add", "203.0.113.8", "--for", "30m")
    c.eventually(lambda: one.ban("203.0.113.8"), 5, "Redis with a user takes no ban")

    def parts():
        with network.within("host"):
            return {part["name"]: part.get("reason", "") for part in wrong.agent.ready()[1]["parts"]}

    c.eventually(lambda: "WRONGPASS" in parts().get("bans/redis", ""), 5, lambda: "nobody is told: %s" % parts())
    c.eventually(lambda: "certificate" in parts().get("bans/peer/one", ""), 8, lambda: "nobody is told: %s" % parts())
    # By now it has been tried some times.
    c.eventually(lambda: 'tocsin_part_ready{part="bans/redis"} 0' in wrong.get("/metrics"), 5, "no metric tells")
    time.sleep(2)
    with open(wrong.agent.log) as file:
        lines = [line for line in file if "sharing bans" in line]
    log = "".join(lines)
    for text in ("WRONGPASS", "certificate"):
        c.require(sum(text in line for line in lines) == 1, "%s is in the log more than once, or not at all: %s" % (text, lines))
    c.require("wr0ng" not in log + wrong.get("/metrics") + str(parts()), "the password is told")
    c.require(not wrong.bans("peers"), "who has not the password, nor the authority, gets bans")
    for node in (one, two, three, wrong):
        node.agent.terminate()
