"""The dashboard of jails: who fails, who is banned, and whether bans keep them out."""

from panels import dashboard, graph, loki, ranking, rate, row, select, stat, total


def number(expression):
    return "sum(" + expression + ") or vector(0)"


def build():
    return dashboard(
        "tocsin-security", "Tocsin: security",
        "Failures and bans of each jail, what the firewall stops, and whether jails work.",
        "f2b_jail_count",
        row(
            "Now",
            stat("Banned", "Bans that hold in jails that enforce them.", (number(select("f2b_jail_banned_current")), "")),
            stat("Would be banned", "Bans that would hold in jails that only observe.",
                 (number(select("tocsin_jail_observed_current")), "")),
            stat("Failing", "Whose failures are counted at the moment.", (number(select("f2b_jail_failed_current")), "")),
            stat("Jails", "Jails that run.", (number(select("f2b_jail_count")), "")),
            stat("Problems", "What is wrong with jails; readiness and `tocsin bans list --jails` say what.",
                 (number(select("f2b_errors")), ""), bad_above=1),
            stat("Stopped", "Packets in a second that the firewall keeps out.",
                 (number(rate("f2b_firewall_packets_total", 'set!~"allowed.*"')), ""), unit="pps"),
        ),
        row(
            "Who fails and who is banned",
            graph("Failures", "Failures found in a second, by jail.",
                  (total(rate("f2b_jail_failed_total"), "jail"), "{{jail}}"), unit="cps", width=12, stacked=True),
            graph("Bans", "New bans in an hour, by jail.",
                  ("sum by (jail) (increase(" + select("f2b_jail_banned_total") + "[1h]))", "{{jail}}"), width=12, stacked=True),
            graph("Bans that hold", "By jail.",
                  (total(select("f2b_jail_banned_current"), "jail"), "{{jail}}"), width=12, stacked=True),
            graph("Would be banned", "Bans that would hold, of jails that only observe.",
                  (total(select("tocsin_jail_observed_current"), "jail"), "{{jail}}"), width=12, stacked=True),
            ranking("Top networks", "The /24 and /64 with most bans, those that are only observed among them: from the log of bans, in Loki.",
                    ('topk(10, sum by (network) (count_over_time({job="tocsin", stream="bans"} | logfmt'
                     ' | event=~"banned|observed" | network!="" [$__range])))', "{{network}}"), width=24),
        ),
        row(
            "Whether it helps",
            graph("Packets stopped", "Packets that the firewall keeps out in a second, by set.",
                  (total(rate("f2b_firewall_packets_total", 'set!~"allowed.*"'), "set"), "{{set}}"), unit="pps", width=12),
            graph("Failures per ban", "Failures that a ban takes; much more than the jail's retries mean bans that do not hold.",
                  ("sum by (jail) (increase(" + select("f2b_jail_failed_total") + "[1h])) / (sum by (jail) (increase("
                   + select("f2b_jail_banned_total") + "[1h])) > 0)", "{{jail}}"), width=12),
            graph("In the firewall", "Networks that each jail has there.",
                  (total(select("f2b_firewall_elements"), "jail"), "{{jail}}"), width=12, stacked=True),
            graph("Restored", "Times that others had changed the firewall's table, and changes the kernel refused.",
                  (total(rate("f2b_firewall_restores_total")), "restored"),
                  (total(rate("f2b_firewall_errors_total")), "refused"), unit="cps", width=12),
        ),
        row(
            "Whether jails work",
            graph("Lines", "Lines read in a second, by jail; none for long means that a jail reads the wrong place.",
                  (total(rate("tocsin_jail_lines_total"), "jail"), "{{jail}}"), unit="cps", width=12),
            graph("What became of failures", "By event.",
                  (total(rate("tocsin_jail_events_total"), "event"), "{{event}}"), unit="cps", width=12),
            graph("Actions", "Bans and their ends that actions were given, by result.",
                  (total(rate("tocsin_ban_action_changes_total"), "action", "result"), "{{action}} {{result}}"), unit="cps", width=12),
            graph("Waiting for actions", "Changes that wait for an action.",
                  (total(select("tocsin_ban_action_queued"), "action"), "{{action}}"), width=12),
        ),
        variables=(loki(),),
    )
