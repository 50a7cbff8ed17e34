#!/usr/bin/env python3
"""Whether the same logs lead to the same bans: sshd, nginx and Postfix under attack, through the stock filters, judged by us and by the
installed fail2ban itself (`jailbans.py`), each on a clock that follows the log.

    python3 Benchmarks/jails_parity.py --binary .build/release-tree/release/tocsin --lines 1000000

Compares the set of (jail, address, time of the last failure before the ban, end of the ban). Exits with 1 where the two differ.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import jaillogs

HERE = pathlib.Path(__file__).parent
# Jail, filter, log.
JAILS = [
    ("sshd", "sshd", "auth"), ("nginx-http-auth", "nginx-http-auth", "nginx"),
    ("nginx-limit-req", "nginx-limit-req", "nginx"), ("postfix", "postfix[mode=extra]", "postfix")]
RETRIES, FIND_TIME, BAN_TIME = 5, 600, 600


def bans(text):
    """The bans in what a command printed: JSON objects, one a line or as "bans" of one object."""
    text = text.strip()
    try:
        whole = json.loads(text)
        found = whole["bans"] if isinstance(whole, dict) and "bans" in whole else [whole] if isinstance(whole, dict) else whole
    except json.JSONDecodeError:
        found = [json.loads(line) for line in text.splitlines()]
    return {(ban["jail"], ban["target"], int(ban["time"]), int(ban["end"])) for ban in found if "end" in ban}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--confdir", default="/etc/fail2ban", help="where filter.d and action.d are")
    parser.add_argument("--python", default="/usr/bin/python3", help="the one that has fail2ban's modules")
    parser.add_argument("--lines", type=int, default=20_000, help="of each log")
    parser.add_argument("--rate", type=float, default=2, help="lines a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--backtest", default="jails backtest --json --confdir",
                        help="the command that judges a configuration's logs; the directory is put behind it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        seconds = arguments.lines / arguments.rate
        for number, log in enumerate(("auth", "nginx", "postfix")):
            with open(folder / f"{log}.times", "w") as times:
                getattr(jaillogs, log)(folder / f"{log}.log", arguments.lines, int(time.time() - 3600 - seconds), seconds,
                                       seed=10 * arguments.seed + number, times=times)
        for part in ("filter.d", "action.d"):
            (folder / part).symlink_to(pathlib.Path(arguments.confdir, part).resolve())
        text = (f"[DEFAULT]\nmaxretry = {RETRIES}\nfindtime = {FIND_TIME}\nbantime = {BAN_TIME}\nusedns = no\nignoreself = false\n"
                "backend = polling\n")
        for jail, chosen, log in JAILS:
            text += f"[{jail}]\nenabled = true\nfilter = {chosen}\nlogpath = {folder}/{log}.log\n"
        (folder / "jail.conf").write_text(text)

        theirs = set()
        for jail, chosen, log in JAILS:
            command = [arguments.python, HERE / "jailbans.py", arguments.confdir, jail, chosen, folder / f"{log}.log",
                       folder / f"{log}.times", RETRIES, FIND_TIME, BAN_TIME]
            theirs |= bans(subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout)
        command = [arguments.binary] + arguments.backtest.split() + [str(folder)]
        ours = bans(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for jail, _, _ in JAILS:
        print(f"{jail}: {sum(ban[0] == jail for ban in ours)} bans, fail2ban {sum(ban[0] == jail for ban in theirs)}")
    for title, some in (("only ours", ours - theirs), ("only fail2ban's", theirs - ours)):
        for ban in sorted(some)[:20]:
            print(f"{title}: {ban[0]} {ban[1]} at {ban[2]} until {ban[3]}")
    return 1 if ours != theirs or not ours else 0


if __name__ == "__main__":
    sys.exit(main())
