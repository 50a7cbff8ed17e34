"""Filters of fail2ban's: its stock configuration and its annotated sample logs, where they are at hand."""

import json
import os
import re
import subprocess
import sys

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
