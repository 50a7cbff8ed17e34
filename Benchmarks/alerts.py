#!/usr/bin/env python3
"""A storm of alerts: what 10,000 at once in 500 groups cost, and whether their notifications keep to their timers.

alerts.py --binary .build/release-tree/release/tocsin [--alerts 10000] [--groups 500]

The alerts are posted to the agent's API v2 at once; a webhook takes the notifications. Printed are the memory that the agent's own
allocations grew by (anonymous, at its largest), when the first and the last group were told after `group_wait`, and the CPU it took.
"""
import argparse
import os
import shutil
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Tests", "Integration"))

from agent import Agent, wait_for
from cases_alerting import Webhook, alerting, post

WAIT = 2.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--groups", type=int, default=500)
    arguments = parser.parse_args()
    directory, webhook = tempfile.mkdtemp(), Webhook()
    agent = Agent(arguments.binary, directory, [], [], rules={"default_pack": False}, metrics={"scrape_configs": []},
                  alerting=alerting(webhook, group_by=["group"], group_wait="%gs" % WAIT, group_interval="5m", repeat_interval="4h")).start()
    try:
        wait_for(lambda: agent.get("/api/v2/status")[0] == 200, 20)
        post(agent, [{"labels": {"alertname": "Warm"}}])
        wait_for(lambda: webhook.taken, 20)
        time.sleep(2)
        before, cpu, most, isOver = agent.memory()["anon"], agent.cpu_seconds(), [0], threading.Event()

        def watch():
            while not isOver.wait(0.05):
                most[0] = max(most[0], agent.memory()["anon"])

        watcher = threading.Thread(target=watch)
        watcher.start()
        begin = time.monotonic()
        post(agent, [{"labels": {"alertname": "Disk%d" % (i % 20), "group": "g%d" % (i % arguments.groups), "instance": "host-%d:9100" % i,
                                 "severity": "page"}, "annotations": {"summary": "disk %d of the host is nearly full" % i}}
                     for i in range(arguments.alerts)])
        posted = time.monotonic()
        wait_for(lambda: len(webhook.taken) > arguments.groups, 60)
        time.sleep(1)
        isOver.set()
        watcher.join()
        told = sum(len(body["alerts"]) for body in webhook.taken[1:])
        print("%d of %d alerts told in %d notifications of %d groups" % (told, arguments.alerts, len(webhook.taken) - 1, arguments.groups))
        print("taken after %.2f s; group_wait %g s after that: first told %+.2f s, last %+.2f s" % (
            posted - begin, WAIT, webhook.times[1] - posted - WAIT, webhook.times[-1] - posted - WAIT))
        print("memory: %.1f MiB before, at most %.1f MiB more, %.1f MiB more afterwards; CPU %.2f s" % (
            before / 1024, (most[0] - before) / 1024, (agent.memory()["anon"] - before) / 1024, agent.cpu_seconds() - cpu))
        return 0 if told == arguments.alerts else 1
    finally:
        agent.stop()
        webhook.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
