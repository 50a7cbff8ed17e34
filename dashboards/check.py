#!/usr/bin/env python3
"""Tells which series of a dashboard an exposition lacks.

usage: check.py DASHBOARD.json METRICS.txt [--ignore NAME]...

METRICS.txt is what /metrics answers, in either format. A family that is announced by a TYPE line counts as
exported even while it has no samples. Exit code 0: nothing lacks; 1: something does; 2: used wrong."""

import json
import re
import sys

# What stands between quotes, brackets and braces, and after by (...), holds no metric names.
STRIPPED = re.compile(
    r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|\[[^\]]*\]'
    r"|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
MATCHERS = re.compile(r"\{[^{}]*\}")
NAME = re.compile(r"(?<![\w:$.])[a-zA-Z_:][\w:]*")
KEYWORDS = {"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "group_left", "group_right",
            "inf", "nan", "Inf", "NaN", "start", "end", "atan2"}


def names_in(expression):
    """The metric names of a PromQL expression."""
    found = set()
    text = MATCHERS.sub(" ", STRIPPED.sub(" ", expression))
    for match in NAME.finditer(text):
        rest = text[match.end():].lstrip()
        # A name before a parenthesis is a function or an aggregation.
        if match.group() not in KEYWORDS and not rest.startswith("("):
            found.add(match.group())
    return found - {"sum", "min", "max", "avg", "count", "topk", "bottomk", "quantile", "group", "stddev"}


def expressions(node):
    if isinstance(node, dict):
        # What is put to Loki names labels and streams.
        if node.get("datasource") == {"type": "loki", "uid": "${loki}"}:
            return
        for key, value in node.items():
            if key == "expr" and isinstance(value, str):
                yield value
            else:
                yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)


def variable_names(dashboard):
    for variable in dashboard.get("templating", {}).get("list", []):
        match = re.match(r"label_values\(\s*([a-zA-Z_:][\w:]*)", str(variable.get("definition", "")))
        if match:
            yield match.group(1)


def exported(text):
    """The names of all series of an exposition."""
    names = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = (line.split(" ") + [""])[:4]
            names.add(name)
            if kind == "counter":
                names.add(name if name.endswith("_total") else name + "_total")
            if kind == "histogram":
                names.update(name + suffix for suffix in ("_bucket", "_sum", "_count"))
            if kind == "summary":
                names.update(name + suffix for suffix in ("_sum", "_count"))
        elif line and not line.startswith("#"):
            names.add(re.match(r"[^\s{]*", line).group())
    return names


def main(arguments):
    ignored, files = set(), []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--ignore":
            ignored.add(next(rest, ""))
        else:
            files.append(argument)
    if len(files) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    with open(files[0], encoding="utf-8") as file:
        dashboard = json.load(file)
    with open(files[1], encoding="utf-8") as file:
        available = exported(file.read())
    wanted = set(variable_names(dashboard))
    for expression in expressions(dashboard):
        wanted |= names_in(expression)
    if not wanted:
        print("%s names no series at all" % files[0], file=sys.stderr)
        return 1
    missing = sorted(wanted - available - ignored)
    for name in missing:
        print("%s names %s, which %s does not have" % (files[0], name, files[1]), file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
