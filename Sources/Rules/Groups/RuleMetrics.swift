import Telemetry

/// The metrics of rules, under Prometheus's names with our own prefix.
struct RuleMetrics: Sendable {
    private let registry: MetricRegistry

    init(_ registry: MetricRegistry) { self.registry = registry }

    func group(_ definition: RuleGroupDefinition, interval: Int64) -> RuleGroupMetrics {
        RuleGroupMetrics(registry, definition, interval: interval)
    }
}

/// Those of one group.
struct RuleGroupMetrics: Sendable {
    private let registry: MetricRegistry
    private let labels: LabelSet
    private let evaluations: Counter
    private let failures: Counter
    private let duration: Histogram
    private let iterations: Counter
    private let missed: Counter
    private let lastDuration: Gauge
    private let lastEvaluation: Gauge
    private let lastSamples: Gauge

    fileprivate init(_ registry: MetricRegistry, _ definition: RuleGroupDefinition, interval: Int64) {
        let labels: LabelSet = ["rule_group": definition.key]
        self.registry = registry
        self.labels = labels
        evaluations = registry.counter(
            "tocsin_rule_evaluations_total", help: "Rule evaluations.", labels)
        failures = registry.counter(
            "tocsin_rule_evaluation_failures_total", help: "Rule evaluations that failed.", labels)
        duration = registry.histogram(
            "tocsin_rule_evaluation_duration_seconds", help: "Seconds that the evaluation of one rule took.",
            bounds: [0.001, 0.01, 0.1, 1, 10], [:])
        iterations = registry.counter(
            "tocsin_rule_group_iterations_total", help: "Evaluations of the group, those that were missed included.",
            labels)
        missed = registry.counter(
            "tocsin_rule_group_iterations_missed_total",
            help: "Evaluations that a slow one before them left no time for.",
            labels)
        lastDuration = registry.gauge(
            "tocsin_rule_group_last_duration_seconds", help: "Seconds that the group's last evaluation took.", labels)
        lastEvaluation = registry.gauge(
            "tocsin_rule_group_last_evaluation_timestamp_seconds", help: "The group's last evaluation, since 1970.",
            labels)
        lastSamples = registry.gauge(
            "tocsin_rule_group_last_evaluation_samples", help: "Samples that the group's last evaluation wrote.", labels
        )
        registry.gauge("tocsin_rule_group_interval_seconds", help: "Seconds between evaluations of the group.", labels)
            .set(Double(interval) / 1000)
        registry.gauge("tocsin_rule_group_rules", help: "Rules in the group.", labels).set(definition.rules.count)
    }

    func take(_ outcome: RuleGroup.Outcome, slot: Int64, seconds: Double) {
        evaluations.add(outcome.evaluations)
        failures.add(outcome.failures)
        for seconds in outcome.durations { duration.observe(seconds) }
        iterations.add()
        lastDuration.set(seconds)
        lastEvaluation.set(Double(slot) / 1000)
        lastSamples.set(outcome.samples)
    }

    /// Slots that were skipped.
    func miss(_ count: Int) {
        missed.add(count)
        iterations.add(count)
    }

    func remove() { registry.removeAll(matching: labels) }
}
