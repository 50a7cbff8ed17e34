#!/usr/bin/env python3
"""How long a page of metrics takes to parse and to turn into samples of known series, as a ratio to a C loop of memchr and
strtod over the same page in the same run.

    swift build -c release --scratch-path .build/release-tree --product ScrapeRunner
    python3 Benchmarks/parse.py --runner .build/release-tree/release/ScrapeRunner

The page has 237 families of all types, as many as the page that Prometheus measures its parser with. Exits with 1 when a
ratio is above its bound.
"""
import argparse
import pathlib
import random
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
BOUNDS = {"parse": 10.0, "cache": 16.0}


def page(families, seed=1):
    """A page of the text format: counters, gauges, histograms and summaries with labels."""
    rng = random.Random(seed)
    lines = []
    for number in range(families):
        kind = ["counter", "gauge", "histogram", "summary", "gauge"][number % 5]
        name = f"app_{rng.choice(['http', 'db', 'queue', 'cache', 'runtime'])}_{kind}_metric_{number}"
        if kind == "counter":
            name += "_total"
        lines += [f"# HELP {name} What family {number} counts or measures, in one sentence.", f"# TYPE {name} {kind}"]
        for series in range(rng.randrange(1, 8)):
            labels = f'handler="/api/v1/{series}",method="{rng.choice(["GET", "POST"])}",status="{rng.choice([200, 404])}"'
            if kind in ("counter", "gauge"):
                value = rng.choice([rng.randrange(10**9), round(rng.random() * 1e4, 6), f"{rng.random():.12e}"])
                lines.append(f"{name}{{{labels}}} {value}")
            elif kind == "histogram":
                total = 0
                for bound in ["0.005", "0.01", "0.05", "0.1", "0.5", "1", "5", "+Inf"]:
                    total += rng.randrange(1000)
                    lines.append(f'{name}_bucket{{{labels},le="{bound}"}} {total}')
                lines += [f"{name}_sum{{{labels}}} {rng.random() * 1e5}", f"{name}_count{{{labels}}} {total}"]
            else:
                for quantile in ["0.5", "0.9", "0.99"]:
                    lines.append(f'{name}{{{labels},quantile="{quantile}"}} {rng.random()}')
                lines += [f"{name}_sum{{{labels}}} {rng.random() * 1e5}", f"{name}_count{{{labels}}} {series}"]
    return "\n".join(lines) + "\n"


def figures(output):
    words = output.split()
    return {words[i]: float(words[i + 1]) for i in range(0, len(words) - 1, 2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runner", required=True)
    parser.add_argument("--rounds", default="300")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "page.prom"
        file.write_text(page(237))
        loop = pathlib.Path(folder) / "parsepage"
        subprocess.run(["cc", "-O2", "-o", loop, HERE / "parsepage.c"], check=True)
        base = figures(
            subprocess.run([loop, file, arguments.rounds], check=True, capture_output=True, text=True).stdout)
        failed = False
        for mode, bound in BOUNDS.items():
            run = subprocess.run(
                [arguments.runner, mode, file, arguments.rounds], check=True, capture_output=True, text=True)
            got = figures(run.stdout)
            assert got["samples"] == base["samples"], (got, base)
            ratio = got["nanoseconds"] / base["nanoseconds"]
            failed |= ratio > bound
            print(
                f"{mode}: {got['samples']:.0f} samples, {got['bytes'] / 1000:.0f} kB: {got['nanoseconds'] / 1000:.0f} us "
                f"({got['nanoseconds'] / got['samples']:.0f} ns per sample), {ratio:.2f} times the C loop "
                f"({base['nanoseconds'] / 1000:.0f} us); bound {bound}")
        return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
