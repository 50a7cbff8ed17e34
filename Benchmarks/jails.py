#!/usr/bin/env python3
"""What looking for failures costs, in lines per CPU second: the stock filter "sshd" over an auth.log, beside fail2ban-regex and beside a
C loop of PCRE2's JIT over the same patterns in the same run, in turns. All must find the same.

    python3 Benchmarks/jails.py --binary .build/release-tree/release/tocsin

The C loop does no more than match: date, prefix and patterns one by one; it converts no date and keeps no session. What a start costs
is measured with an empty log and taken off. fail2ban-regex gets the beginning of the log only. Exits with 1 when a figure is worse than
its bound or when counts differ.
"""
import argparse
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import jaillogs

HERE = pathlib.Path(__file__).parent
# At least so many times fail2ban-regex, at least so much of the C loop, at most so many times one jail.
FAIL2BAN, LOOP, TEN = 30.0, 0.5, 2.0
FILTERS = ["sshd", "dropbear", "pam-generic", "proftpd", "pure-ftpd", "vsftpd", "wuftpd", "uwimap-auth", "webmin-auth", "perdition"]


def run(command):
    """Its output, and its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{command[0]} ended with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def counts(text, pattern):
    found = re.search(pattern, text)
    return tuple(int(number) for number in found.groups()) if found else sys.exit(f"no counts in: {text[:300]}")


def jails(folder, names, log):
    """A configuration with a jail for each filter on the one log."""
    folder.mkdir()
    for part in ("filter.d", "action.d"):
        (folder / part).symlink_to(pathlib.Path(folder.parent / "stock" / part).resolve())
    text = "[DEFAULT]\nmode = normal\nbackend = polling\nusedns = no\nignoreself = false\nmaxretry = 5\nfindtime = 10m\nbantime = 10m\n"
    text += "".join(f"[{name}]\nenabled = true\nfilter = {name}\nlogpath = {log}\n" for name in names)
    (folder / "jail.conf").write_text(text)
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--confdir", default="/etc/fail2ban", help="where the filter is")
    parser.add_argument("--python", default="/usr/bin/python3", help="the one that has fail2ban's modules")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--fail2ban-lines", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backtest", default="jails backtest --confdir",
                        help="the command that judges a configuration's logs; the directory is put behind it")
    parser.add_argument("--no-backtest", action="store_true", help="leave ten jails out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "stock").symlink_to(arguments.confdir)
        log, part, empty = folder / "auth.log", folder / "part.log", folder / "empty.log"
        seconds = arguments.lines / 10
        jaillogs.auth(log, arguments.lines, time.time() - seconds - 3600, seconds)
        with open(log) as file, open(part, "w") as copy:
            first = file.readline()
            copy.write(first)
            copy.writelines(line for line, _ in zip(file, range(arguments.fail2ban_lines - 1)))
        empty.write_text("")
        patterns = folder / "patterns"
        patterns.write_text(run([arguments.python, HERE / "jailpatterns.py", arguments.confdir, "sshd", first.rstrip()])[0])
        loop = folder / "jails"
        run(["cc", "-O2", "-o", loop, HERE / "jails.c", "-lpcre2-8"])

        ours = [arguments.binary, "test", "jail", "--filter", "sshd", "--confdir", arguments.confdir]
        fail2ban = ["fail2ban-regex", "--config", arguments.confdir]
        tasks = {
            "tocsin": (lambda file: ours + [file], log, arguments.lines, r"(\d+) matched, (\d+) ignored, \d+ missed"),
            "C": (lambda file: [loop, patterns, file], log, arguments.lines, r"hits (\d+)"),
            "fail2ban": (lambda file: fail2ban + [file, "sshd"], part, arguments.fail2ban_lines,
                         r"lines, (\d+) ignored, (\d+) matched"),
        }
        speeds, found = {task: [] for task in tasks}, {}
        for turn in range(arguments.rounds):
            for task, (command, file, lines, pattern) in tasks.items():
                text, cost = run(command(file))
                _, start = run(command(empty))
                speeds[task].append(lines / (cost - start))
                found[task] = sum(counts(text, pattern))
        matched = counts(run(ours + [part])[0], tasks["tocsin"][3])
        ignored = counts(run(fail2ban + [part, "sshd"])[0], tasks["fail2ban"][3])
        failed = found["tocsin"] != found["C"] or matched != ignored[::-1]
        print(f"{arguments.lines} lines, {found['tocsin']} hits, the C loop {found['C']}; of {arguments.fail2ban_lines} lines {matched[0]} matched "
              f"and {matched[1]} ignored, fail2ban-regex {ignored[1]} and {ignored[0]}" + ("  DIFFERENT" if failed else ""))
        best = {task: statistics.median(values) for task, values in speeds.items()}
        for task, values in speeds.items():
            print(f"{task}: {best[task]:,.0f} lines per CPU second ({', '.join(f'{value:,.0f}' for value in values)})")
        for other, bound in (("fail2ban", FAIL2BAN), ("C", LOOP)):
            ratio = best["tocsin"] / best[other]
            failed |= ratio < bound
            print(f"{ratio:.2f} times {other}; bound {bound}")
        if not arguments.no_backtest:
            backtest = [arguments.binary] + arguments.backtest.split()
            one, ten = jails(folder / "one", FILTERS[:1], log), jails(folder / "ten", FILTERS, log)
            costs = [[run(backtest + [directory])[1] for directory in (one, ten)] for _ in range(arguments.rounds)]
            ratio = statistics.median(b / a for a, b in costs)
            failed |= ratio > TEN
            print(f"ten jails on the log: {ratio:.2f} times one; bound {TEN}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
