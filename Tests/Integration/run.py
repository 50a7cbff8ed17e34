#!/usr/bin/env python3
"""Drives the built agent against servers that misbehave and logs that rotate, and judges what has arrived.

run.py --binary PATH [--case NAME]… [--jobs N] [--kills N] [--seconds S] [--seed N] [--keep] [--list]
"""

import argparse
import glob
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from agent import AgentError
from context import ALONE, CASES, NEEDS, Context, Failure, Skip

# Each file registers its cases.
for path in sorted(glob.glob(os.path.join(HERE, "cases_*.py"))):
    importlib.import_module(os.path.basename(path)[:-3])


def run(name, arguments):
    """"passed", "failed" or "skipped", having printed the case's line."""
    context = Context(name, arguments.binary, arguments.kills, arguments.seconds, arguments.seed)
    begin = time.monotonic()
    outcome, text = "failed", ""
    try:
        text = str(CASES[name](context) or "")
        outcome = "passed"
    except Skip as reason:
        outcome, text = "skipped", str(reason)
    except (Failure, AgentError) as error:
        text = str(error)
    except Exception:
        text = "the harness itself: " + traceback.format_exc()
    except BaseException:
        # Interrupted: daemons, mounts and agents of the case must not stay behind.
        context.close(arguments.keep)
        raise
    if outcome == "failed":
        text += "\n    seed %d; run it alone: --case %s --seed %d --keep" % (arguments.seed, name, arguments.seed)
        if arguments.keep:
            text += "\n    kept in %s" % context.directory
    print("%-7s %-32s %5.1f s  %s" % (outcome, name, time.monotonic() - begin, text), flush=True)
    context.close(arguments.keep)
    return outcome


class Beside:
    """Cases in processes of their own, `jobs` at a time, those with needs of their own first."""

    # Longer than any case takes on a busy machine.
    LONGEST = 400

    def __init__(self, jobs, arguments):
        self.jobs, self.arguments, self.running = jobs, arguments, {}

    def start(self, name):
        command = [sys.executable, os.path.abspath(__file__), "--case", name, "--binary", self.arguments.binary]
        for option in ("kills", "seconds", "seed"):
            command += ["--" + option, str(getattr(self.arguments, option))]
        command += ["--keep"] if self.arguments.keep else []
        # Into a file: a pipe that a daemon of the case holds open would never end.
        output = tempfile.TemporaryFile()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        self.running[name] = (process, output, time.monotonic())

    def ended(self):
        """The name, the outcome and what was printed of each that has come to its end."""
        for name, (process, output, begin) in list(self.running.items()):
            late = time.monotonic() - begin > self.LONGEST
            if process.poll() is None and not late:
                continue
            if late:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            del self.running[name]
            output.seek(0)
            # Between the seed and the counts.
            lines = output.read().decode(errors="replace").splitlines()[1:-1]
            outcome = next((line.split()[0] for line in lines if line.split()[1:2] == [name]), "")
            if late or outcome not in ("passed", "failed", "skipped"):
                outcome = "failed"
                lines.append("failed  %-32s ended with %s" % (name, "no end" if late else process.returncode))
            yield name, outcome, "\n".join(lines)

    def run(self, names):
        waiting = sorted(names, key=lambda name: (NEEDS[name] == ALONE, NEEDS[name] is None))
        outcomes = {}
        try:
            while waiting or self.running:
                taken = {NEEDS[name] for name in self.running} - {None}
                for name in waiting:
                    need = NEEDS[name]
                    if len(self.running) >= self.jobs or ALONE in taken or need in taken:
                        continue
                    if need == ALONE and self.running:
                        continue
                    waiting.remove(name)
                    self.start(name)
                    break
                else:
                    time.sleep(0.1)
                for name, outcome, text in self.ended():
                    print(text, flush=True)
                    outcomes[name] = outcome
        finally:
            for process, _, _ in self.running.values():
                process.terminate()
            for process, _, _ in self.running.values():
                process.wait()
        return outcomes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary")
    parser.add_argument("--case", action="append", help="a case's name, or the start of several")
    parser.add_argument("--jobs", type=int, default=1, help="cases at a time; one that fails beside others is tried alone")
    parser.add_argument("--kills", type=int, default=50, help="kills in the storm over files; a fifth in the others")
    parser.add_argument("--seconds", type=float, default=20, help="length of what is measured in time")
    parser.add_argument("--seed", type=int, default=int(time.time()) & 0xFFFFFF)
    parser.add_argument("--keep", action="store_true", help="leave the directories of the cases")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    if arguments.list:
        for name, function in CASES.items():
            print("%-32s %s" % (name, " ".join(function.__doc__.split())))
        return 0
    if not arguments.binary or not os.access(arguments.binary, os.X_OK):
        parser.error("--binary must name the built agent; %r cannot be run" % arguments.binary)
    # Cases run it from directories of their own.
    arguments.binary = os.path.abspath(arguments.binary)
    names = list(CASES)
    if arguments.case:
        for wanted in arguments.case:
            if not any(name.startswith(wanted) for name in names):
                parser.error("there is no case %r; --list shows them" % wanted)
        names = [n for n in names if any(n == w or w not in CASES and n.startswith(w) for w in arguments.case)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print("seed %d" % arguments.seed, flush=True)
    if arguments.jobs < 2 or len(names) < 2:
        outcomes = {name: run(name, arguments) for name in names}
        unsteady = []
    else:
        outcomes = Beside(arguments.jobs, arguments).run(names)
        unsteady = [name for name in names if outcomes[name] == "failed"]
        if unsteady:
            print("what failed beside others, alone:", flush=True)
            outcomes.update(Beside(1, arguments).run(unsteady))
    counts = [list(outcomes.values()).count(kind) for kind in ("passed", "failed", "skipped")]
    unsteady = [name for name in unsteady if outcomes[name] != "failed"]
    if unsteady:
        print("failed beside others and not alone: " + ", ".join(unsteady))
    print("%d passed, %d failed, %d skipped" % tuple(counts))
    return 1 if counts[1] else 0


if __name__ == "__main__":
    sys.exit(main())
