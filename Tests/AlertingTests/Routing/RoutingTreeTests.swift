import Configuration
import Telemetry
import TestSupport
import Testing

@testable import Alerting

@Suite struct RoutingTreeTests {
    private static func tree(_ text: String) throws -> RoutingTree {
        RoutingTree(try AlertingConfigurationTests.read(text).contents.route)
    }

    @Test("the deepest match takes an alert; later ones beside it only after continue")
    func matchesDepthFirst() throws {
        let tree = try Self.tree(
            """
            receivers: [{name: r}, {name: a}, {name: b}, {name: c}, {name: d}]
            route:
              receiver: r
              routes:
                - {receiver: a, matchers: [team=db], continue: true, routes: [{receiver: b, matchers: [env=prod]}]}
                - {receiver: c, matchers: ['team=~"d.*"']}
                - {receiver: d, matchers: [team=db]}
            """)
        func receivers(_ labels: LabelSet) -> [String] { tree.match(labels).map { tree.routes[$0].receiver } }
        #expect(receivers(["team": "web"]) == ["r"])
        #expect(receivers(["team": "db"]) == ["a", "c"])
        #expect(receivers(["team": "db", "env": "prod"]) == ["b", "c"])
        #expect(receivers(["team": "dx"]) == ["c"])
    }

    @Test func writesGroupKeysAsAlertmanager() throws {
        let tree = try Self.tree(
            """
            receivers: [{name: r}]
            route:
              receiver: r
              group_by: [alertname, job]
              routes: [{matchers: [severity="page", 'a!~"x\\"y"']}, {group_by: ['...']}]
            """)
        let labels: LabelSet = ["alertname": "X", "severity": "page", "job": "a\"b\n"]
        let route = tree.routes[tree.match(labels)[0]]
        #expect(
            route.groupKey(route.groupLabels(of: labels))
                == #"{}/{a!~"x\"y",severity="page"}:{alertname="X", job="a\"b\n"}"#)
        let other = tree.routes[2]
        #expect(other.groupKey(other.groupLabels(of: ["z": "1", "y": "2"])) == #"{}/{}:{y="2", z="1"}"#)
    }

    @Test("random trees and label sets lead to the receivers that amtool 0.25 finds", .enabled(if: Amtool.path != nil))
    func agreesWithAmtool() throws {
        var random = SeededRandom(seed: SeededRandom.seed())
        let directory = TestDirectory()
        for _ in 0..<40 {
            var count = 0
            let routes = Self.routes(depth: 0, &count, &random)
            let names = (0..<count).map { "{name: r\($0)}" } + ["{name: root}"]
            let text = "receivers: [\(names.joined(separator: ", "))]\nroute: {receiver: root, routes: [\(routes)]}\n"
            let tree = try Self.tree(text)
            try directory.write("config.yml", text)
            for _ in 0..<6 {
                var labels = LabelSet()
                for name in ["a", "b", "c"] where Bool.random(using: &random) {
                    labels[name] = ["1", "2", "12", "x y"].randomElement(using: &random)
                }
                let found = tree.match(labels).map { tree.routes[$0].receiver }.joined(separator: ",")
                let words = labels.labels.map { "\($0.name)=\"\($0.value)\"" }
                let result = Amtool.run(
                    ["config", "routes", "test", "--config.file", directory.path + "/config.yml"] + words,
                    standardError: true)
                // A warning may stand before it.
                #expect(result.output.split(separator: "\n").last.map(String.init) == found, "\(text)\n\(labels)")
            }
        }
    }

    private static func routes(depth: Int, _ count: inout Int, _ random: inout SeededRandom) -> String {
        (0..<Int.random(in: depth == 0 ? 1...4 : 0...3, using: &random)).map { _ in
            let name = "r\(count)"
            count += 1
            let matchers = (0..<Int.random(in: 0...2, using: &random)).map { _ in
                let label = ["a", "b", "c", "d"].randomElement(using: &random) ?? "a"
                let operation = ["=", "!=", "=~", "!~"].randomElement(using: &random) ?? "="
                let value = ["1", "2", "1.*", "1|2", "", "x y"].randomElement(using: &random) ?? ""
                return "'\(label)\(operation)\"\(value)\"'"
            }
            let below = depth < 2 ? routes(depth: depth + 1, &count, &random) : ""
            return "{receiver: \(name), matchers: [\(matchers.joined(separator: ", "))], "
                + "continue: \(Bool.random(using: &random)), routes: [\(below)]}"
        }.joined(separator: ", ")
    }
}
