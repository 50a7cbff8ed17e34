"""Filters of fail2ban's: its stock configuration and its annotated sample logs, where they are at hand."""

import json
import os
import re
import shutil
import subprocess
import sys

import jailstream
from context import Skip, case

REPOSITORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

FILTER = """[INCLUDES]
before = common.conf

[Definition]
_daemon = doord
failregex = ^%(__prefix_line)sno entry for <F-USER>\\S+</F-USER> from <HOST>$
            <more-<mode>>
more-normal =
more-strict = ^%(__prefix_line)sknocked from <HOST>$
ignoreregex = for friend from
mode = normal
"""

COMMON = """[DEFAULT]
__prefix_line = \\s*(?:\\S+ )?%(_daemon)s(?:\\[\\d+\\])?:\\s+
_daemon = \\S+
"""


def conformance():
    base = os.environ.get("TOCSIN_CONFORMANCE") or os.path.join(REPOSITORY, "..", "shared", "conformance")
    base = os.path.abspath(base)
    judge = os.path.join(base, "judge-jails.py")
    if not os.path.exists(judge):
        raise Skip("no %s; TOCSIN_CONFORMANCE names the directory" % judge)
    return judge, os.path.join(base, "fail2ban")


@case("jails-conformance")
def jails_conformance(c):
    """Every stock filter loads, and every annotated line of fail2ban's samples is judged as fail2ban judges it."""
    judge, configuration = conformance()
    names = sorted(name[:-5] for name in os.listdir(os.path.join(configuration, "filter.d")) if name.endswith(".conf"))
    for name in names:
        # What others include is no filter by itself.
        if name.endswith("-common") or name == "common":
            continue
        done = subprocess.run([c.binary, "test", "jail", "--filter", name, "--confdir", configuration, "--machine"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        c.require(done.returncode == 0, "%s does not load: %s" % (name, done.stderr.strip()))
    done = subprocess.run([sys.executable, judge, c.binary, configuration, os.path.join(configuration, "logs")],
                          capture_output=True, text=True, check=False)
    last = done.stdout.strip().splitlines()[-1:]
    c.require(last and re.fullmatch(r"[1-9]\d* passed, 0 failed", last[0]), "%s\n%s" % (last, done.stderr[-3000:]))
    return "%d filters, %s" % (len(names), last[0])


@case("jails-test-command")
def jails_test_command(c):
    """`tocsin test jail` over a log of ours: text, JSON, parameters, a filter that is broken."""
    configuration = c.folder("fail2ban", "filter.d")
    for name, text in (("door.conf", FILTER), ("common.conf", COMMON), ("broken.conf", "[Definition]\nfailregex = (<HOST>\n")):
        with open(os.path.join(configuration, name), "w", encoding="utf-8") as file:
            file.write(text)
    log = c.path("door.log")
    with open(log, "w", encoding="utf-8") as file:
        file.write("2005-08-14 11:59:59 gate doord[7]: no entry for kim from 192.0.2.7\n"
                   "2005-08-14 11:59:59 gate doord[7]: no entry for friend from 192.0.2.8\n"
                   "2005-08-14 12:00:00 gate doord[7]: knocked from 2001:db8::9\nnothing at all\n")

    def run(*arguments):
        return subprocess.run([c.binary, "test", "jail", "--confdir", os.path.dirname(configuration), "--now", "1124013600", "--timezone", "UTC",
                               *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    done = run("--filter", "door", log)
    c.require(done.returncode == 0 and "Lines: 4, 1 matched, 1 ignored, 2 missed" in done.stdout, done.stdout + done.stderr)
    result = json.loads(run("--filter", "door", "--option", "mode=strict", "--json", log).stdout)
    found = [(failure["id"], failure["time"], failure["groups"].get("user")) for failure in result["failures"]]
    c.require(found == [("192.0.2.7", 1124020799, "kim"), ("2001:db8::9", 1124020800, None)], "found: %s" % found)
    done = run("--filter", "broken", log)
    c.require(done.returncode == 1 and "broken.conf:2: failregex" in done.stderr, done.stderr)
    c.require(run("--filter", "door", "--option", "strict", log).returncode not in (0, 1), "a wrong option was taken")


@case("jails-native-test-command")
def jails_native_test_command(c):
    """`tocsin test jail` with a filter of the agent's own: which comes first where fail2ban's has the same name; a jail's filter."""
    folder = c.folder("fail2ban", "filter.d")
    with open(os.path.join(folder, "sshd.conf"), "w", encoding="utf-8") as file:
        file.write("[Definition]\nfailregex = ^\\s*nobody from <HOST>$\n")
    log, settings = c.path("auth.log"), c.path("tocsin.yaml")
    with open(log, "w", encoding="utf-8") as file:
        file.write("Aug 14 11:59:58 gate sshd[7]: Failed password for root from 203.0.113.7 port 4711 ssh2\n"
                   "Aug 14 11:59:59 nobody from 203.0.113.8\nAug 14 11:59:59 doord: no entry from 203.0.113.9\n")
    with open(settings, "w", encoding="utf-8") as file:
        json.dump({"jails": {"native": [{"name": "door", "files": [log], "patterns": ["doord: no entry from <ip>$"]}]}}, file)

    def run(*arguments):
        done = subprocess.run([c.binary, "test", "jail", "--confdir", os.path.dirname(folder), "--json", *arguments, log],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            return done.returncode, done.stderr
        return [failure["id"] for failure in json.loads(done.stdout)["failures"]], done.stderr

    c.require(run("--filter", "sshd") == (["203.0.113.8"], ""), "fail2ban's does not come first: %s" % (run("--filter", "sshd"),))
    c.require(run("--filter", "native:sshd") == (["203.0.113.7"], ""), "not the agent's own: %s" % (run("--filter", "native:sshd"),))
    os.unlink(os.path.join(folder, "sshd.conf"))
    found, told = run("--filter", "sshd")
    c.require(found == ["203.0.113.7"] and "filter.d has no sshd; this is the filter that comes with the agent" in told, (found, told))
    c.require(run("--jail", "door", "--config", settings) == (["203.0.113.9"], ""), run("--jail", "door", "--config", settings))
    for words, code, why in (
            (("--filter", "native:nowhere"), 1, "expected one of apache, "), (("--filter", "nowhere"), 1, "nowhere"),
            (("--jail", "dor", "--config", settings), 1, "expected a jail dor, found door"),
            (("--filter", "native:sshd", "--option", "mode=x"), 2, "--option is for filters of filter.d"),
            (("--filter", "sshd", "--all-patterns"), 2, "--all-patterns is for filters of filter.d"),
            (("--filter", "sshd", "--jail", "door"), 2, "expected --filter NAME or --jail NAME")):
        got, told = run(*words)
        c.require(got == code and why in told, "%s: %s, %s" % (words, got, told))


@case("jails-check")
def jails_check(c):
    """`tocsin check` tells what is wrong with jails of either kind, with file and line, and which actions are not run."""
    folder, settings = c.folder("fail2ban"), c.path("tocsin.yaml")
    for name, text in (
            ("jail.conf", "[DEFAULT]\nenabled = true\nlogpath = /var/log/a\nignoreip = 192.0.2.0/33\n[good]\nfilter = door\naction = smtp.py[x=1]\n"
                          "[broken]\nmaxretry = many\nfilter = door\n[pattern]\nfilter = bad\n"),
            ("filter.d/door.conf", "[Definition]\nfailregex = ^no entry from <HOST>$\n"),
            ("filter.d/bad.conf", "[Definition]\nfailregex = (<HOST>\n")):
        with open(c.path("fail2ban", *name.split("/")), "w", encoding="utf-8") as file:
            file.write(text)
    native = [{"name": "web", "files": ["/var/log/w"], "patterns": ["no entry from <ip>"]},
              {"name": "refusing", "files": ["/var/log/w"], "filter": "sshd", "reject": True, "mode": "enforce"},
              {"name": "tcp", "files": ["/var/log/w"], "filter": "sshd", "reject": True, "mode": "enforce", "ports": [22]}]

    def check(*arguments, **jails):
        with open(settings, "w", encoding="utf-8") as file:
            json.dump({"jails": jails}, file)
        done = subprocess.run([c.binary, "check", *arguments, settings], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    code, out, err = check("--json", native=native, fail2ban={"config_dir": folder}, ignore=["10.0.0", "192.0.2.0/24"])
    told = json.loads(out)
    c.require(code == 1 and not told["ok"], "it is no error: %s %s" % (out, err))
    for text in (folder + "/jail.conf:9: jail [broken]: maxretry:", folder + "/filter.d/bad.conf:2: failregex"):
        c.require(sum(problem.startswith(text) for problem in told["errors"]) == 1, "errors lack %s: %s" % (text, told["errors"]))
    c.require(len(told["errors"]) == 2, told["errors"])
    for text in ("begin it with ^", "action.d/smtp.py: jail [good]: it is written in Python and is not run",
                 "jail refusing: over IPv6 it drops in silence", "/jail.conf:4: jail [good]: ignoreip: expected an address or a network",
                 "/jail.conf:4: jail [pattern]: ignoreip:", "jails.ignore: expected an address or a network, found \"10.0.0\""):
        c.require(sum(text in warning for warning in told["warnings"]) == 1, "warnings lack %s: %s" % (text, told["warnings"]))
    c.require(len(told["warnings"]) == 6, told["warnings"])
    code, out, err = check(native=native, fail2ban={"config_dir": folder})
    c.require(code == 1 and "bad.conf:2: failregex" in err and "warning: " in err and "ok" not in out, "%s %s" % (out, err))
    code, out, err = check(native=native[:1])
    c.require(code == 0 and out.endswith("ok\n") and "begin it with ^" in err, "%s %s" % (out, err))
    code, out, err = check(fail2ban={"config_dir": folder + "/nowhere"})
    c.require(code == 1 and "nowhere" in err, "no directory is all right: %s %s" % (out, err))


# What interpolation, tags, parameters and families of addresses can come to; fail2ban's own files use less.
TRICKY = {
    "jail.local": """[DEFAULT]
enabled = false
systemd_if_nologs = false
[tricky]
enabled = true
filter = tricky[opt="x <y>", mode=two]
backend = systemd
findtime = 1h
maxretry = 7
bantime = 1d
bantime.increment = yes
bantime.factor = 2
ignoreip = 192.0.2.4 10.0.0.0/8,host
    ::1
ignoreself = false
ignorecommand = /bin/x <ip>
failregex = %(known/failregex)s
            ^extra %(known/word)s <HOST> 100%%$
action = tool[p="<ip>", q='a,b']
         other[name=%(__name__)s-x][actname=named]
         other[name=else]
         tool[actname="again", tool=/x/y]
         third
[plain]
enabled = true
filter =
logpath = /var/log/a
   /var/log/b tail
   /var/log/c*.log head
action = third[bantime=55, timeout=5, chain=<known/chain>]
port = 1,2
""",
    "filter.d/tricky.conf": """[INCLUDES]
before = common.conf
[Definition]
_daemon = dd
word = w<opt>
failregex = ^%(__prefix_line)s<re-<mode>> <word>$
            ^%(word)s <known/word> <F-ID>x</F-ID>
re-one = one <HOST>
re-two = two <Init/inner> <HOST>
ignoreregex =
journalmatch = _A=1 + _B=2
   _C=3
datepattern = {^LN-BEG}
maxlines = 2
[Init]
opt = none
inner = in<opt>
y = yy
""",
    "action.d/tool.conf": """[Definition]
actionstart = <tool> start <name> <actname> <p> %(findtime)s <maxretry> <findtime> <port>
actionban = <tool> <ip> <bantime> <blocktype> <q> <matches> <known/tool> <Init/tool>
actionunban = <tool> un <lock><tool> <unknown> <a <tool>>
norestored = 1
actionstart_on_demand = False
[Init]
tool = four <lock>
lock = -w
p = pp
q = qq
blocktype = drop
[Init?family=inet6]
tool = six <lock>
""",
    "action.d/other.conf": """[DEFAULT]
actionstop = stop <name>
x = default
[Definition]
_hidden = hidden <x>
actionban = do <_hidden> <actname> %(x)s <sec/x> <default/x>
actioncheck = <actionstop> twice
actionflush = %(actioncheck)s
timeout = 9
[sec]
x = section
""",
    "action.d/third.conf": """[INCLUDES]
before = other.conf
[Definition]
actionban = third <known/x> %(known/actionban)s <bantime> "<matches>" <timeout> <F-USER>
[Init]
bantime = 77
chain = in
""",
}


@case("jails-command-stream")
def jails_command_stream(c):
    """What is read of a configuration is what the installed fail2ban reads: stock jails, all stock actions, and the tricky."""
    python = "/usr/bin/python3"
    stock = "/etc/fail2ban"
    there = subprocess.run([python, "-c", "import fail2ban.client.jailsreader"], capture_output=True, check=False)
    if there.returncode != 0 or not os.path.exists(stock + "/jail.conf"):
        raise Skip("fail2ban is not installed")
    names = sorted(name[:-5] for name in os.listdir(stock + "/action.d") if name.endswith(".conf"))
    # What others include is no action by itself.
    names = [name for name in names if not name.endswith("-common") or name in ("iptables-common", "nftables-common")]
    uses = ["%s[name=x-%s, port=\"80,443\", protocol=tcp, dest=root, chain=<known/chain>, bantime=123, blocktype=REJECT]" % (name, name)
            for name in names] + ["%s[actname=second-%s, port=ssh]" % (name, name) for name in names]
    configurations = {
        "stock": {"jail.local": "[DEFAULT]\nenabled = true\nsystemd_if_nologs = false\n"},
        "actions": {"jail.local": "[DEFAULT]\nenabled = false\nsystemd_if_nologs = false\n[sshd]\nenabled = true\naction = %s\n"
                                  "[recidive]\nenabled = true\naction = %%(action_mwl)s\n" % "\n  ".join(uses)},
        "tricky": TRICKY,
    }
    counted = []
    for title, files in configurations.items():
        directory = c.path(title)
        shutil.copytree(stock, directory)
        for name, text in files.items():
            with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                file.write(text)
        told = subprocess.run([python, jailstream.__file__, directory], capture_output=True, text=True, check=True)
        expected, problems = json.loads(told.stdout)
        done = subprocess.run([c.binary, "test", "jail", "--dump", directory], capture_output=True, text=True, check=False)
        c.require(done.returncode == 0, done.stderr)
        found, wrong = jailstream.ours(done.stdout.splitlines())
        c.require(not problems and not wrong, "%s: %s %s" % (title, problems, wrong))
        c.require(expected, "%s: fail2ban reads no jail" % title)
        different = jailstream.difference(expected, found)
        c.require(not different, "%s: %d differ\n%s" % (title, len(different), "\n".join(different[:10])))
        counted.append("%s: %d jails, %d commands" % (title, len(expected), len(done.stdout.splitlines())))
    return "; ".join(counted)
