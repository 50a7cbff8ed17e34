#!/usr/bin/env python3
"""Drives the built agent against servers that misbehave and logs that rotate, and judges what has arrived.

run.py --binary PATH [--case NAME]… [--kills N] [--seconds S] [--seed N] [--keep] [--list]
"""

import argparse
import glob
import importlib
import os
import signal
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from agent import AgentError
from context import CASES, Context, Failure, Skip

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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary")
    parser.add_argument("--case", action="append", help="a case's name, or the start of several")
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
    outcomes = [run(name, arguments) for name in names]
    counts = [outcomes.count(kind) for kind in ("passed", "failed", "skipped")]
    print("%d passed, %d failed, %d skipped" % tuple(counts))
    return 1 if counts[1] else 0


if __name__ == "__main__":
    sys.exit(main())
