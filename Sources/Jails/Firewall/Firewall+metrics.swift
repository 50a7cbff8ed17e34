import Telemetry

extension Firewall {
    /// Numbers only: addresses are never labels.
    static func families(_ rules: [String: [KernelTable.Rule]], _ counts: [String: Int]) -> [MetricRegistry.Family] {
        var packets: [LabelSet: MetricValue] = [:]
        var bytes: [LabelSet: MetricValue] = [:]
        var elements: [LabelSet: MetricValue] = [:]
        for (chain, rules) in rules where chain != FirewallRule.baseChain {
            for rule in rules {
                let labels: LabelSet = ["set": rule.comment]
                packets[labels] = .computed { Double(rule.packets) }
                bytes[labels] = .computed { Double(rule.bytes) }
            }
        }
        for (jail, count) in counts {
            elements[["jail": jail]] = .computed { Double(count) }
        }
        return [
            MetricRegistry.Family(
                name: "f2b_firewall_packets_total",
                help: "Packets that a rule of the firewall has stopped (sets of `allowed`: let pass).",
                type: .counter, series: packets),
            MetricRegistry.Family(
                name: "f2b_firewall_bytes_total", help: "Bytes of those packets.", type: .counter, series: bytes),
            MetricRegistry.Family(
                name: "f2b_firewall_elements", help: "Networks that a jail has in the firewall.", type: .gauge,
                series: elements),
        ].filter { !$0.series.isEmpty }
    }
}
