"""fail2ban's configuration as fail2ban reads it and as `tocsin test jail --dump` does, brought into one form: for each jail a
mapping of what is set to its values.

Run as a program with a directory it prints fail2ban's side as JSON; that wants the Python that has fail2ban."""

import json
import sys

FAMILIES = ("", "inet4", "inet6")
COMMANDS = ("actionstart", "actionstop", "actionflush", "actionreload", "actioncheck", "actionrepair", "actionban",
            "actionprolong", "actionreban", "actionunban")
SWITCHES = ("actionstart_on_demand", "actionrepair_on_unban", "norestored")
TIMES = ("findtime", "bantime")
TRUE = ("1", "on", "true", "yes")


def ours(lines):
    """From the lines that tocsin prints. Also what it says is wrong."""
    jails, problems = {}, []
    for line in lines:
        words = json.loads(line)
        if words[0] == "config-error":
            problems.append(words[1])
        elif words[0] == "add":
            jails[words[1]] = {"backend": [words[2]], "actions": {}}
        elif words[0] == "set":
            name, option, values = words[1], words[2], words[3:]
            jail = jails[name]
            if option == "addaction":
                jail["actions"][values[0]] = {}
            elif option == "action":
                jail["actions"][values[0]][values[1]] = values[2]
            elif option == "ignoreip":
                jail[option] = sorted(values[0].replace(",", " ").split())
            elif option == "addlogpath":
                jail.setdefault(option, []).append(" ".join(values))
            else:
                jail.setdefault(option, []).extend(values)
    for jail in jails.values():
        jail["actions"] = {name: commands(options) for name, options in jail["actions"].items()}
    return jails, problems


def commands(options):
    """For each command and family its text; for each switch whether it is on."""
    result = {}
    for name in COMMANDS:
        for family in FAMILIES:
            text = options.get("%s?family=%s" % (name, family), options.get(name, ""))
            if text:
                result["%s %s" % (name, family)] = text
    for name in SWITCHES:
        if name in options:
            result[name] = options[name].lower() in TRUE
    return result


def theirs(directory):
    """fail2ban's own."""
    # pylint: disable=import-error,import-outside-toplevel
    import logging
    from fail2ban.client import jailreader, jailsreader
    from fail2ban.server import action
    from fail2ban.server.mytime import MyTime
    logging.disable(logging.CRITICAL)
    # What depends on the host is not what is compared.
    jailreader.JailReader._glob = staticmethod(lambda path: [path])
    action.ADD_REPL_TAGS.clear()
    reader = jailsreader.JailsReader(basedir=directory, share_config={})
    reader.read()
    reader.getOptions()
    jails, actions, problems = {}, {}, []

    def put(name, option, values):
        jail = jails[name]
        if option == "addaction":
            actions[name, values[0]] = action.CommandAction(None, values[0]) if len(values) == 1 else None
        elif option == "action":
            setattr(actions[name, values[0]], values[1], values[2])
        elif option == "addignoreip":
            jail["ignoreip"] = sorted(values)
        elif option == "addjournalmatch":
            jail.setdefault(option, []).append(" ".join(values))
        elif option == "addlogpath":
            jail.setdefault(option, []).append(" ".join(values))
        elif option in TIMES:
            jail[option] = ["%g" % MyTime.str2seconds(values[0])]
        else:
            jail.setdefault(option, []).extend(str(value) for value in values)

    for words in reader.convert(allow_no_files=True):
        if words[0] == "config-error":
            problems.append(words[1])
        elif words[0] == "add":
            jails[words[1]] = {"backend": [words[2]]}
        elif words[0] == "set":
            put(words[1], words[2], words[3:])
        elif words[0] == "multi-set":
            for value in words[-1]:
                put(words[1], words[2], words[3:-1] + (value if isinstance(value, list) else [value]))
    for name, jail in jails.items():
        jail["actions"] = {}
        for (owner, identifier), made in actions.items():
            if owner == name:
                jail["actions"][identifier] = rendered(made) if made else {}
    return jails, problems


def rendered(made):
    """What fail2ban's server would run of an action, but for what a ban gives."""
    properties = {key: value for key, value in made._properties.items() if key != "timeout"}
    result = {}
    for name in COMMANDS:
        for family in FAMILIES:
            conditional = "family=" + family if family else ""
            text = made.replaceTag("<%s>" % name, properties, conditional=conditional)
            if text and text != "<%s>" % name:
                result["%s %s" % (name, family)] = text
    for name in SWITCHES:
        if name in properties:
            result[name] = properties[name]
    return result


def difference(expected, found):
    """What is not the same, as sentences; nothing where all is. Options that fail2ban leaves to its defaults do not count, nor does its version."""
    result = []

    def differ(*what):
        result.append(": ".join(str(item) for item in what))

    for name in sorted(set(expected) | set(found)):
        if name not in expected or name not in found:
            differ(name, "only on one side")
            continue
        want, have = expected[name], found[name]
        for option in sorted(set(want) | set(have)):
            left, right = want.get(option), have.get(option)
            if option == "actions":
                for identifier in sorted(set(left) | set(right)):
                    one, other = left.get(identifier), right.get(identifier)
                    if one is None or other is None:
                        differ(name, "action", identifier, "only on one side")
                        continue
                    for key in sorted(set(one) | set(other)):
                        if one.get(key) != other.get(key):
                            differ(name, identifier, key, "expected %r, found %r" % (one.get(key), other.get(key)))
            elif left is not None and plain(left) != plain(right or []):
                differ(name, option, "expected %r, found %r" % (left, right))
    return result


def plain(values):
    """Without empty values, and what may be true or false in Python's words."""
    if len(values) == 1 and values[0].lower() in TRUE + ("0", "off", "false", "no"):
        return [str(values[0].lower() in TRUE)]
    return [value for value in values if value != ""]


if __name__ == "__main__":
    json.dump(theirs(sys.argv[1]), sys.stdout)
