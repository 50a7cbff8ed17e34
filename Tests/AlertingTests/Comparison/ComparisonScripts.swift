/// What is posted to both, and when: seconds since the beginning. Groups are looked at after one second and every three from
/// then on, so what happens at 2.5, 5.5 and so on is far from all of that.
struct ComparisonScript {
    enum Action {
        case fire(String, [String: String] = [:], annotations: [String: String] = [:])
        case resolve(String, [String: String] = [:])
        /// Fires from so many seconds ago, or until so many seconds from now.
        case fireSince(String, Double)
        case fireUntil(String, Double)
        /// A matcher beside the script's own, and for how many seconds.
        case silence(String, Double)
    }

    var name: String
    /// Fields of its route beside receiver and matcher.
    var route = "group_by: [alertname]"
    /// Fields of its webhook.
    var webhook = ""
    var inhibitRules: [String] = []
    var steps: [(at: Double, action: Action)]

    static let all: [ComparisonScript] = [
        .init(name: "one", steps: [(0, .fire("A"))]),
        .init(name: "ends", steps: [(0, .fire("A")), (2.5, .resolve("A"))]),
        .init(name: "two", route: "group_by: []", steps: [(0, .fire("A")), (0, .fire("B"))]),
        .init(name: "later", route: "group_by: []", steps: [(0, .fire("A")), (2.5, .fire("B"))]),
        .init(
            name: "partly", route: "group_by: []",
            steps: [(0, .fire("A")), (0, .fire("B")), (2.5, .resolve("A")), (8.5, .resolve("B"))]),
        .init(name: "again", steps: [(0, .fire("A")), (2.5, .resolve("A")), (5.5, .fire("A"))]),
        .init(name: "flaps", steps: [(0, .fire("A")), (2.2, .resolve("A")), (2.8, .fire("A")), (8.5, .resolve("A"))]),
        .init(name: "unheard", steps: [(0, .fire("A")), (0.3, .resolve("A"))]),
        .init(
            name: "alone", route: "group_by: ['...']",
            steps: [(0, .fire("A", ["x": "1"])), (0, .fire("A", ["x": "2"]))]),
        .init(
            name: "groups", route: "group_by: [alertname, host]",
            steps: [
                (0, .fire("A", ["host": "a"])), (0, .fire("A", ["host": "b"])),
                (2.5, .fire("A", ["host": "a", "x": "y"])),
            ]),
        .init(name: "lacking", route: "group_by: [nothing, alertname]", steps: [(0, .fire("A")), (0, .fire("B"))]),
        .init(
            name: "continuing", route: "continue: true, group_by: [alertname]",
            steps: [(0, .fire("A")), (2.5, .resolve("A"))]),
        .init(
            name: "quiet", webhook: "send_resolved: false",
            steps: [(0, .fire("A")), (2.5, .resolve("A")), (5.5, .fire("A"))]),
        .init(
            name: "quietly", route: "group_by: []", webhook: "send_resolved: false",
            steps: [(0, .fire("A")), (0, .fire("B")), (2.5, .resolve("A")), (5.5, .fire("C"))]),
        .init(
            name: "inhibited",
            inhibitRules: ["source_matchers: [alertname=S], target_matchers: [alertname=T], equal: [host]"],
            steps: [(0, .fire("S", ["host": "a"])), (0.2, .fire("T", ["host": "a"])), (0.2, .fire("T", ["host": "b"]))]),
        .init(
            name: "freed", inhibitRules: ["source_matchers: [alertname=S], target_match: {alertname: T}"],
            steps: [(0, .fire("S")), (0.2, .fire("T")), (5.5, .resolve("S"))]),
        .init(
            name: "both", route: "group_by: []",
            inhibitRules: ["source_match_re: {alertname: 'S|T'}, target_match_re: {alertname: 'T|U'}"],
            steps: [(0, .fire("S")), (0, .fire("T")), (0.2, .fire("U"))]),
        .init(name: "silenced", steps: [(0, .silence("alertname=A", 3600)), (0.2, .fire("A")), (0.2, .fire("B"))]),
        .init(name: "spoken", steps: [(0, .silence("alertname=~A|C", 5.5)), (0.2, .fire("A")), (0.2, .fire("B"))]),
        .init(
            name: "hushed", route: "group_by: []",
            steps: [
                (0, .fire("A")), (0, .fire("B")), (2.5, .silence("alertname=B", 3600)), (5.5, .resolve("A")),
                (8.5, .fire("C")),
            ]),
        .init(name: "muted", route: "mute_time_intervals: [always]", steps: [(0, .fire("A"))]),
        .init(name: "unmuted", route: "mute_time_intervals: [never]", steps: [(0, .fire("A"))]),
        .init(name: "active", route: "active_time_intervals: [never, always]", steps: [(0, .fire("A"))]),
        .init(name: "inactive", route: "active_time_intervals: [never]", steps: [(0, .fire("A"))]),
        .init(
            name: "ordered", route: "group_by: []",
            steps: [
                (0, .fire("D", ["job": "b", "instance": "1"])), (0, .fire("C", ["job": "a", "instance": "2"])),
                (0, .fire("B", ["job": "a", "instance": "1", "zone": "x"])), (0, .fire("A", ["zone": "x"])),
                (0, .fire("F", ["instance": "0"])), (0, .fire("E")), (0, .fire("A", ["more": "y", "job": "a"])),
            ]),
        .init(name: "old", steps: [(0, .fireSince("A", 100))]),
        .init(name: "timed", steps: [(0, .fireUntil("A", 5.5))]),
        .init(
            name: "annotated", route: "group_by: []",
            steps: [
                (0, .fire("A", [:], annotations: ["summary": "\"é\" <&>\n", "same": "x"])),
                (0, .fire("B", [:], annotations: ["same": "x"])), (2.5, .fire("A", [:], annotations: ["same": "y"])),
                (2.6, .fire("C")),
            ]),
        .init(
            name: "truncated", route: "group_by: []", webhook: "max_alerts: 2",
            steps: [(0, .fire("A")), (0, .fire("B")), (0, .fire("C")), (2.5, .resolve("B"))]),
        .init(
            name: "nested",
            route:
                "group_by: [alertname], routes: [{matchers: ['q!~\"x\\\"y\"', 'alertname=\"A\"'], routes: [{match_re: {host: 'a|b'}}]}]",
            steps: [(0, .fire("A", ["host": "a"])), (0, .fire("A", ["host": "c"])), (0, .fire("B"))]),
        .init(
            name: "swapped", route: "group_by: []", steps: [(0, .fire("A")), (2.4, .resolve("A")), (2.6, .fire("B"))]),
        .init(name: "twice", steps: [(0, .fire("A")), (2.5, .fire("A")), (5.5, .fire("A"))]),
        .init(
            name: "escaped", route: "group_by: [alertname, path]",
            steps: [
                (0, .fire("Ä\u{1}", ["path": "C:\\x \"y\"\n\tz"])),
                (2.5, .resolve("Ä\u{1}", ["path": "C:\\x \"y\"\n\tz"])),
            ]),
        .init(name: "endless", steps: [(0, .resolve("A"))]),
        .init(
            name: "storm", route: "group_by: [g]",
            steps: (0..<30).map { (0, .fire("A\($0)", ["g": "\($0 % 5)"])) }
                + (0..<15).map { (5.5, .resolve("A\($0)", ["g": "\($0 % 5)"])) }
        ),
        .init(
            name: "instant", route: "group_by: [alertname], group_wait: 0s",
            steps: [(0, .fire("A")), (1.5, .resolve("A"))]),
        .init(
            name: "revived", route: "group_by: []",
            steps: [(0, .fire("A")), (0, .fire("B")), (2.5, .resolve("A")), (5.5, .fire("A")), (8.5, .resolve("A"))]),
        .init(
            name: "reinhibited",
            inhibitRules: ["source_matchers: [alertname=S], target_matchers: [alertname=T]"],
            steps: [(0, .fire("T")), (2.5, .fire("S")), (2.6, .resolve("T"))]),
        .init(name: "unsilenced", steps: [(0, .fire("A")), (2.5, .silence("alertname=A", 5.5)), (5.5, .resolve("A"))]),
        .init(
            name: "slow", route: "group_by: [alertname], group_wait: 4s",
            steps: [(0, .fire("A")), (2.5, .fire("A", ["x": "y"]))]),
    ]

    /// A configuration with a route for each script and all webhooks on a port.
    static func configuration(port: UInt16) -> String {
        let routes = all.map {
            "    - {receiver: \($0.name), matchers: [script=\($0.name)], \($0.route)}"
        }
        let receivers = (all.map { ($0.name, $0.webhook) } + [("root", "")]).map { name, fields in
            "  - {name: \(name), webhook_configs: [{url: 'http://127.0.0.1:\(port)/\(name)'\(fields.isEmpty ? "" : ", " + fields)}]}"
        }
        let rules = all.flatMap { script in
            script.inhibitRules.map { rule in
                // Sources and targets of one script only.
                let isOld = rule.contains("source_match:") || rule.contains("source_match_re:")
                return "  - {\(rule)\(isOld ? ", source_matchers: [script=\(script.name)]" : "")"
                    + "\(rule.contains("equal:") ? "" : ", equal: [script]")}"
            }
        }
        return """
            route:
              receiver: root
              group_wait: 1s
              group_interval: 3s
              repeat_interval: 1h
              routes:
            \(routes.joined(separator: "\n"))
            receivers:
            \(receivers.joined(separator: "\n"))
            inhibit_rules:
            \(rules.map { $0.replacing("equal: [host]", with: "equal: [host, script]") }.joined(separator: "\n"))
            time_intervals:
              - {name: always, time_intervals: [{}]}
              - {name: never, time_intervals: [{years: ['1999']}]}

            """
    }
}
