"""The dashboard of alerts and of the rules that raise them."""

from panels import dashboard, graph, quantile, rate, row, select, stat, total


def alerts(state, *matchers):
    """Alerts in a state: they have the job and instance of what they are about."""
    return select("ALERTS", 'alertstate="%s"' % state, *matchers)


def number(expression):
    return "count(" + expression + ") or vector(0)"


def build():
    return dashboard(
        "tocsin-alerts", "Tocsin: alerts",
        "What fires, what is about to, what fired before, and whether the rules are evaluated in time.",
        "tocsin_rule_group_rules",
        row(
            "Now",
            stat("Critical", "Alerts that fire with the severity critical.",
                 (number(alerts("firing", 'severity="critical"')), ""), bad_above=1),
            stat("Warnings", "Alerts that fire with the severity warning.",
                 (number(alerts("firing", 'severity="warning"')), ""), bad_above=1),
            stat("Firing", "All alerts that fire.", (number(alerts("firing")), "")),
            stat("Pending", "Alerts whose condition is met, not yet for long enough.", (number(alerts("pending")), "")),
            stat("Cannot be loaded", "Rule files and groups that are wrong; RuleLoadFailed names them.",
                 ("sum(" + select("tocsin_rule_load_failures") + ") or vector(0)", ""), bad_above=1),
            stat("State not saved", "Agents that cannot write the state of their alerts.",
                 ("sum(" + select("tocsin_rule_state_write_failed") + ") or vector(0)", ""), bad_above=1),
        ),
        row(
            "Alerts",
            graph("Firing, by name", "How many alerts of each name fire.",
                  ("count by (alertname) (" + alerts("firing") + ")", "{{alertname}}"), width=12, stacked=True),
            graph("Firing, by instance", "How many alerts fire for each instance.",
                  ("count by (instance) (" + alerts("firing") + ")", "{{instance}}"), width=12, stacked=True),
            graph("Pending, by name", "How many alerts of each name may fire soon.",
                  ("count by (alertname) (" + alerts("pending") + ")", "{{alertname}}"), width=12, stacked=True),
            graph("Active for", "How long the condition of each alert has been met.",
                  ("time() - max by (alertname, instance) (" + select("ALERTS_FOR_STATE") + ")", "{{alertname}} {{instance}}"), unit="s",
                  width=12),
            graph("As the agent counts them", "Alerts by state, those about rules themselves included.",
                  (total(select("tocsin_rule_alerts"), "alertstate"), "{{alertstate}}"), width=24),
        ),
        row(
            "Rules",
            graph("Evaluations", "Rules evaluated in a second, and those that failed.",
                  (total(rate("tocsin_rule_evaluations_total")), "evaluated"),
                  (total(rate("tocsin_rule_evaluation_failures_total")), "failed"), unit="cps"),
            graph("Failures, by group", "Evaluations that failed; RuleEvaluationFailing and `tocsin rules` say why.",
                  (total(rate("tocsin_rule_evaluation_failures_total"), "rule_group"), "{{rule_group}}"), unit="cps"),
            graph("Left out, by group", "Evaluations that a slow one before them left no time for.",
                  (total(rate("tocsin_rule_group_iterations_missed_total"), "rule_group"), "{{rule_group}}"), unit="cps"),
            graph("Time of a rule", "Seconds that the evaluation of one rule takes.",
                  (quantile(0.5, "tocsin_rule_evaluation_duration_seconds"), "median"),
                  (quantile(0.99, "tocsin_rule_evaluation_duration_seconds"), "99 %"), unit="s"),
            graph("Share of the interval", "The last evaluation of each group, as part of the time it has.",
                  (select("tocsin_rule_group_last_duration_seconds") + " / " + select("tocsin_rule_group_interval_seconds"),
                   "{{instance}} {{rule_group}}"), unit="percentunit"),
            graph("Age of the last evaluation", "More than the interval: the group is late.",
                  ("time() - " + select("tocsin_rule_group_last_evaluation_timestamp_seconds"),
                   "{{instance}} {{rule_group}}"), unit="s"),
            graph("Samples written", "Recorded series and ALERTS that the last evaluation of each group wrote.",
                  (total(select("tocsin_rule_group_last_evaluation_samples"), "rule_group"), "{{rule_group}}"), width=12),
            graph("Rules, by group", "What is loaded.",
                  (total(select("tocsin_rule_group_rules"), "rule_group"), "{{rule_group}}"), width=12, stacked=True),
        ),
        row(
            "Notifications",
            stat("Heartbeat withheld", "Agents that do not tell their heartbeat's URL that they keep watch: see `tocsin alerts`.",
                 ("sum(max by (instance) (" + select("tocsin_heartbeat_withheld") + ")) or vector(0)", ""), bad_above=1),
            stat("Last heartbeat", "How long ago the oldest of them was taken.",
                 ("time() - min(" + select("tocsin_heartbeat_last_success_timestamp_seconds") + ")", ""), unit="s"),
            stat("Flapping", "Alerts that change too often to be told of each time.",
                 ("sum(" + select("tocsin_alerts_flapping") + ") or vector(0)", ""), bad_above=1),
            stat("Under way", "Notifications that are being delivered.",
                 ("sum(" + select("tocsin_notifications_under_way") + ") or vector(0)", "")),
            stat("Silences", "Those in force.",
                 ("sum(" + select("alertmanager_silences", 'state="active"') + ") or vector(0)", "")),
            stat("History lost", "Events that could not be written.",
                 ("sum(" + select("tocsin_alert_history_dropped_total") + ") or vector(0)", ""), bad_above=1),
            graph("Sent", "Notifications by way, those included that were given up.",
                  (total(rate("alertmanager_notifications_total"), "receiver_name", "integration"),
                   "{{receiver_name}} {{integration}}"), unit="cps"),
            graph("Given up", "Notifications that were not delivered before the next look at their group.",
                  (total(rate("alertmanager_notifications_failed_total"), "receiver_name", "integration", "reason"),
                   "{{receiver_name}} {{integration}} {{reason}}"), unit="cps"),
            graph("Latency", "Seconds that an attempt to deliver takes.",
                  (quantile(0.5, "alertmanager_notification_latency_seconds"), "median"),
                  (quantile(0.99, "alertmanager_notification_latency_seconds"), "99 %"), unit="s"),
            graph("Held back", "Alerts that looks at their groups held back, and changes of flapping ones.",
                  (total(rate("alertmanager_notifications_suppressed_total"), "reason"), "{{reason}}"),
                  (total(rate("tocsin_alert_flapping_changes_suppressed_total")), "flapping"), unit="cps"),
            graph("Under way, groups", "Notifications that are being delivered, and groups that are looked after.",
                  (total(select("tocsin_notifications_under_way")), "under way"),
                  (total(select("alertmanager_dispatcher_aggregation_groups")), "groups")),
            graph("Heartbeats", "By what became of them.",
                  (total(rate("tocsin_heartbeats_total"), "result"), "{{result}}"), unit="cps"),
        ),
    )
