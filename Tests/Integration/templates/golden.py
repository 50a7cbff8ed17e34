#!/usr/bin/env python3
"""What Prometheus makes of the templates in golden.txt, from `promtool test rules` and `promtool check rules`.

A line that begins with neither two spaces nor # is a template, ⏎ for a line's end. The line after it says what it gives:
`  = text|` or `  ! error`. `--write` writes these lines anew, otherwise they are compared with what promtool says.
"""
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FILE = Path(__file__).with_name("golden.txt")
NAME = "__alert_A"
SERIES = [
    ('m{instance="db-1.example.org:9100",job="node",path="/a b&c",quote="it\'s \\"x\\" <y>",uni="é✓ż",num="12.5",empty=""}', "1234.5678"),
    ('other{n="b",v="2"}', "2"),
    ('other{n="a",v="10"}', "1"),
    ('other{n="c",v="1"}', "3"),
]


def shown(text):
    return text.replace("\n", "⏎")


def meant(text):
    return text.replace("⏎", "\n")


def run(directory, *arguments):
    done = subprocess.run(["promtool", *arguments], cwd=directory, capture_output=True, text=True)
    return done.stdout + done.stderr


def rules(templates, expression="m"):
    annotations = {f"a{number:04}": text for number, text in templates}
    return {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": expression, "annotations": annotations}]}]}


def parse_errors(directory, templates):
    """The templates that are none, and why: a rule each, so that one error does not hide another."""
    group = [{"alert": "A", "expr": "m", "annotations": {f"a{number:04}": text}} for number, text in templates]
    (directory / "check.yml").write_text(json.dumps({"groups": [{"name": "g", "rules": group}]}))
    output = run(directory, "check", "rules", "check.yml")
    found = {}
    for match in re.finditer(r'annotation "a(\d{4})": (template: .*)', output):
        found[int(match[1])] = "! " + match[2]
    return found


def unquoted(text):
    """What a Go-quoted string says."""
    def one(match):
        escape = match[1]
        simple = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\", '"': '"'}
        return simple[escape] if escape in simple else chr(int(escape[1:], 16))
    return re.sub(r'\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)', one, text)


def expansions(directory, templates):
    (directory / "rules.yml").write_text(json.dumps(rules(templates)))
    test = {
        "rule_files": ["rules.yml"],
        "tests": [{
            "interval": "1m", "external_labels": {"site": "north"}, "external_url": "http://prom.example.org/x",
            "input_series": [{"series": series, "values": value} for series, value in SERIES],
            "alert_rule_test": [{"eval_time": "0m", "alertname": "A", "exp_alerts": []}],
        }],
    }
    (directory / "test.yml").write_text(json.dumps(test))
    output = run(directory, "test", "rules", "test.yml")
    found = {}
    start = output.index("Annotations:{")
    for match in re.finditer(r'a(\d{4})="((?:[^"\\]|\\.)*)"', output[start:]):
        text = unquoted(match[2])
        error = re.fullmatch(r"<error expanding template: (.*)>", text, re.S)
        found[int(match[1])] = "! " + shown(error[1]) if error else "= " + shown(text) + "|"
    return found


def results(templates):
    numbered = list(enumerate(map(meant, templates)))
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        found = parse_errors(directory, numbered)
        found |= expansions(directory, [(number, text) for number, text in numbered if number not in found])
    # An annotation without text is no annotation.
    return [found.get(number, "= |") for number, _ in numbered]


def main():
    lines = [line for line in FILE.read_text().split("\n") if not line.startswith("  ")]
    templates = [line for line in lines if line and not line.startswith("#")]
    answers = iter(results(templates))
    text = "\n".join(
        line if not line or line.startswith("#") else f"{line}\n  {next(answers)}" for line in lines)
    if "--write" in sys.argv:
        FILE.write_text(text)
    elif FILE.read_text() != text:
        old, new = FILE.read_text().split("\n"), text.split("\n")
        for place, (a, b) in enumerate(zip(old, new), 1):
            if a != b:
                print(f"golden.txt:{place}: has {a!r}, promtool says {b!r}")
        sys.exit(1)
    print(f"{len(templates)} templates agree with promtool")


main()
