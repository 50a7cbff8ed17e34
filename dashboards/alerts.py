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
    )
