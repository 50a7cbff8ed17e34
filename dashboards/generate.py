#!/usr/bin/env python3
"""Writes every dashboard's JSON; with --check tells instead which ones differ from what it would write."""

import json
import pathlib
import sys

sys.dont_write_bytecode = True
import agent  # noqa: E402
import alerts  # noqa: E402
import containers  # noqa: E402
import host  # noqa: E402
import security  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
DASHBOARDS = {
    "tocsin.json": agent.build, "host.json": host.build, "containers.json": containers.build, "alerts.json": alerts.build,
    "security.json": security.build,
}


def main(arguments):
    if arguments not in ([], ["--check"]):
        print("usage: generate.py [--check]", file=sys.stderr)
        return 2
    stale = []
    for name, build in DASHBOARDS.items():
        text = json.dumps(build(), indent=2, ensure_ascii=False) + "\n"
        path = HERE / name
        if not arguments:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    for name in stale:
        print("dashboards/%s is not what generate.py writes: run `make dashboards`" % name, file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
