"""Whom the installed fail2ban bans for a log, by its own classes of a filter, of failures and of bans, on a clock that follows the log:

    /usr/bin/python3 Benchmarks/jailbans.py CONFDIR JAIL FILTER LOG TIMES MAXRETRY FINDTIME BANTIME

FILTER may have parameters in brackets. TIMES has a line with the time of every line of LOG, in seconds since 1970. Prints for each ban,
when it is over or the log at its end, a JSON object: "jail", "target", "time" (of the last failure before it) and "end". The interpreter
must be the one that has fail2ban's modules.
"""
import json
import logging
import sys

from fail2ban.client.filterreader import FilterReader
from fail2ban.helpers import extractOptions
from fail2ban.server.banmanager import BanManager
from fail2ban.server.filter import Filter
from fail2ban.server.mytime import MyTime
from fail2ban.server.ticket import BanTicket

directory, name, given, log, times, retries, find_time, ban_time = sys.argv[1:]
logging.getLogger("fail2ban").setLevel(logging.ERROR)


class Jail:
    """Takes what the filter hands over, as a server's thread of actions does."""

    def __init__(self):
        self.name, self.bans = name, BanManager()
        self.bans.setBanTime(int(ban_time))

    def putFailTicket(self, ticket):
        self.settle()
        self.bans.addBanTicket(BanTicket.wrap(ticket))

    def settle(self):
        for ticket in self.bans.unBanList(MyTime.time()):
            self.tell(ticket)

    def tell(self, ticket):
        print(json.dumps({"jail": name, "target": str(ticket.getID()), "time": int(ticket.getTime()),
                          "end": int(ticket.getEndOfBanTime(int(ban_time)))}))


jail = Jail()
chosen, options = extractOptions(given)
reader = FilterReader(chosen, name, options, share_config=None, basedir=directory)
reader.read()
reader.getOptions(None)
filter = Filter(jail, useDns="no")
filter.setFindTime(int(find_time))
filter.setMaxRetry(int(retries))
for command in reader.convert():
    option, value = command[2], command[3]
    if option == "prefregex":
        filter.prefRegex = value
    elif option == "maxlines":
        filter.setMaxLines(value)
    elif option == "datepattern":
        filter.setDatePattern(value)
    elif option in ("addfailregex", "addignoreregex"):
        add = filter.addFailRegex if option == "addfailregex" else filter.addIgnoreRegex
        for pattern in value if isinstance(value, list) else [value]:
            add(pattern)
with open(log) as lines, open(times) as clock:
    for line, now in zip(lines, clock):
        MyTime.setTime(int(now))
        # As the loop that waits for a log to change does again and again.
        filter.performSvc()
        filter.processLineAndAdd(line.rstrip("\n"))
for _, ticket in sorted(jail.bans._BanManager__banList.items()):
    jail.tell(ticket)
