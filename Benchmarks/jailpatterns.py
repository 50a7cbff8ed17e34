"""Prints what a filter looks for as the installed fail2ban expands it, a pattern a line behind its kind, as jails.c reads it:

    /usr/bin/python3 Benchmarks/jailpatterns.py CONFDIR FILTER LINE

"date" is the pattern that finds the date of LINE. The interpreter must be the one that has fail2ban's modules.
"""
import sys

from fail2ban.client.filterreader import FilterReader
from fail2ban.server.datedetector import DateDetector
from fail2ban.server.failregex import Regex

directory, name, line = sys.argv[1:]
reader = FilterReader(name, name, {}, share_config=None, basedir=directory)
reader.read()
reader.getOptions(None)
options = reader.getCombined()
detector = DateDetector()
if options.get("datepattern"):
    detector.appendTemplate(options["datepattern"])
else:
    detector.addDefaultTemplate()
print("date", detector.matchTime(line)[1].regex)
for kind, option in (("pref", "prefregex"), ("fail", "failregex")):
    for pattern in options.get(option, "").split("\n"):
        if pattern.strip():
            print(kind, Regex(pattern).getRegex().replace("{,", "{0,"))
