"""What every case gets: a directory, a server, the agent, and the judgement at the end."""

import os
import random
import shutil
import sys
import tempfile
import time

from agent import Agent, client, wait_for
from pushserver import PushServer
from verdict import Verdict


class Failure(Exception):
    """The case found the agent wrong."""


class Skip(Exception):
    """The case cannot run on this machine; the text says what is missing."""


CASES = {}
# What of the machine a case needs for itself: cases of the same word never run at the same time, those of `ALONE` beside none.
NEEDS = {}
ALONE = "alone"


def case(name, needs=None):
    """Registers a function as a case. Its doc comment is what the case proves."""
    def register(function):
        CASES[name] = function
        NEEDS[name] = needs
        return function
    return register


class Context:
    """One run of one case."""

    def __init__(self, name, binary, kills, seconds, seed):
        self.name, self.binary, self.kills, self.seconds, self.seed = name, binary, kills, seconds, seed
        self.random = random.Random(seed)
        self.directory = tempfile.mkdtemp(prefix="tocsin-%s-" % name)
        self.closing = []
        self.agents = []

    def path(self, *parts):
        path = os.path.join(self.directory, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def companion(self, name):
        """Another program of the package, built beside the agent or with the unit tests."""
        here = os.path.dirname(os.path.abspath(__file__))
        folders = [os.path.dirname(self.binary)] + [
            os.path.join(here, "..", "..", ".build", tree) for tree in ("release-tree/release", "debug-tree/debug")]
        for folder in folders:
            path = os.path.abspath(os.path.join(folder, name))
            if os.access(path, os.X_OK):
                return path
        raise Skip("%s is not built: swift build --product %s" % (name, name))

    def folder(self, *parts):
        path = os.path.join(self.directory, *parts)
        os.makedirs(path, exist_ok=True)
        return path

    def server(self, **options):
        server = PushServer(**options).start()
        self.closing.append(server.stop)
        return server

    def proxy(self, made):
        made.start()
        self.closing.append(made.stop)
        return made

    def agent(self, clients, scrape_configs, **sections):
        made = Agent(self.binary, self.directory, [c if isinstance(c, dict) else client(c) for c in clients],
                     scrape_configs, **sections)
        self.agents.append(made)
        return made

    def files(self, pattern="*.log", **labels):
        """A scrape configuration for files under `logs/`."""
        self.folder("logs")
        return {"job_name": "files", "static_configs": [
            {"targets": ["localhost"], "labels": {"job": "files", "__path__": self.path("logs", pattern), **labels}}]}

    def writing(self, *writers):
        """Starts writers and sees to their end."""
        for writer in writers:
            writer.start()
            self.closing.append(writer.finished.set)
        return writers

    def settle(self, server, expected, seconds=60, idle=12):
        """Waits until as much has arrived as was written, or nothing has for `idle` seconds."""
        limit = time.monotonic() + seconds
        last, since = -1, time.monotonic()
        while time.monotonic() < limit:
            for agent in self.agents:
                agent.check_alive()
            have = server.loki.accepted
            if have >= expected:
                # What comes late now can only be a repeat; it must not go unseen.
                time.sleep(0.5)
                return
            if have != last:
                last, since = have, time.monotonic()
            elif time.monotonic() - since > idle:
                return
            time.sleep(0.1)

    def judge(self, server, expected, seconds=60, tenant=None, excused=(), idle=12):
        """The verdict on all that was written; a failure where it is not clean."""
        self.settle(server, len(expected) - len(excused), seconds, idle)
        verdict = Verdict(expected, server, tenant, excused)
        if verdict.missing:
            # Lines of others and conflicts count as arrived too: only silence says that no more is coming.
            self.settle(server, sys.maxsize, seconds, idle)
            verdict = Verdict(expected, server, tenant, excused)
        if not verdict.ok:
            raise Failure(str(verdict))
        return verdict

    def require(self, condition, text):
        if not condition:
            raise Failure(text)

    def eventually(self, condition, seconds, text):
        """Waits for `condition()`; `text`, or what it returns at the end where it is a function, says what is wrong."""
        if not wait_for(condition, seconds):
            raise Failure("%s (waited %g s)" % (text() if callable(text) else text, seconds))

    def close(self, keep):
        for action in reversed(self.closing):
            try:
                action()
            except Exception as error:
                print("    closing %s: %s" % (self.name, error))
        for agent in self.agents:
            agent.stop()
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)


def merged(*writers):
    """All lines that these writers have written; ends them."""
    lines = {}
    for writer in writers:
        writer.stop()
        lines.update(writer.lines)
    return lines


def kill_loop(context, agent, kills, while_down=None, longest=3.0):
    """Kills and restarts the agent at random moments; now and then `while_down()` happens in between."""
    for _ in range(kills):
        time.sleep(context.random.uniform(0.2, longest))
        agent.kill()
        if while_down and context.random.random() < 0.3:
            while_down()
        elif context.random.random() < 0.2:
            time.sleep(context.random.uniform(0, 0.5))
        # Not waiting for health: a kill during start-up and recovery is part of the game.
        agent.start(wait=False)
    if not wait_for(agent.is_healthy, 20):
        raise Failure("not healthy after the last kill; its log ends:\n%s" % agent.log_tail())
