import Configuration
import Glibc
import Jails
import Telemetry
import Testing

@testable import Agent

@Suite struct JailPlannerTests {
    private func plan(_ text: String, labels: LabelSet = [:]) throws -> JailsRoad.Plan {
        let file = try ConfigurationFile<JailsSection>(Array(text.utf8), file: "t.yaml")
        return JailPlanner(file.contents, stateDirectory: "/nowhere").plan(labels: labels)
    }

    private static let actions = "actions: [{name: list, file: {path: /tmp/list, format: plain}}]"

    @Test("a jail of fail2ban's that cannot run is there for its bans, where the agent's firewall holds them")
    func broken() throws {
        var template = Array("/tmp/tocsin-planner-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let files = [
            "jail.conf": "[gate]\nenabled = true\nfilter = gate\nlogpath = /a\nmaxretry = x\n",
            "gate.conf": "[Definition]\nfailregex = no entry from <HOST>$\n",
        ]
        let filters = path + "/filter.d"
        try #require(mkdir(filters, 0o700) == 0)
        defer {
            for file in [path + "/jail.conf", filters + "/gate.conf"] { unlink(file) }
            rmdir(filters)
            rmdir(path)
        }
        for (name, text) in files {
            let file = try #require(fopen(name == "jail.conf" ? path + "/" + name : filters + "/" + name, "w"))
            fputs(text, file)
            fclose(file)
        }
        for (key, count) in [("ban_with: firewall", 1), ("ban_with: commands", 0)] {
            let plan = try plan("{mode: enforce, fail2ban: {config_dir: \(path), \(key)}}")
            #expect(plan.problems.contains { $0.contains("jail.conf:5: jail [gate]: maxretry") })
            let gate = plan.jails.filter { $0.settings.name == "gate" }
            #expect(gate.count == count && gate.allSatisfy { $0.sources.isEmpty && $0.usesFirewall })
        }
    }

    @Test(
        "bans by hand are enforced where something else uses the firewall, or where all is to be enforced",
        arguments: [
            ("{mode: observe, native: [{name: a, files: /a, filter: sshd}]}", true),
            ("{mode: observe, native: [{name: a, files: /a, filter: sshd, mode: enforce}]}", false),
            (
                "{mode: observe, \(actions), native: [{name: a, files: /a, filter: sshd, mode: enforce, actions: [list]}]}",
                true
            ),
            ("{mode: enforce, \(actions), native: [{name: a, files: /a, filter: sshd, actions: [list]}]}", false),
        ])
    func manual(text: String, isObserving: Bool) throws {
        let plan = try plan(text)
        #expect(plan.jails.last?.settings.name == JailPlan.manualName)
        #expect(plan.jails.last?.settings.isObserving == isObserving)
        #expect(plan.jails.contains(where: \.usesFirewall) == !isObserving)
    }

    @Test(
        "alerts have the labels of all jails under those of their own; silence matters where not the journal alone is read"
    )
    func alerts() throws {
        let jails = try plan(
            """
            alert: {team: web, severity: page}
            silent_after: 2h
            native:
              - {name: a, files: /a, filter: sshd}
              - {name: b, journal: _COMM=sshd, filter: sshd, alert: {severity: low}}
              - {name: c, journal: _COMM=sshd, logs: '{job="x"}', filter: sshd, alert: false, silent_after: 0}
              - {name: d, journal: _COMM=sshd, filter: sshd, alert: true, silent_after: 1h}
              - {name: e, logs: '{job="x"}', filter: sshd}
            """, labels: ["instance": "h"]
        ).jails
        func labels(_ jail: String, _ severity: String) -> LabelSet {
            ["alertname": "JailBans", "instance": "h", "jail": jail, "severity": severity, "team": "web"]
        }
        #expect(
            jails.map(\.alert) == [
                labels("a", "page"), labels("b", "low"), nil, labels("d", "page"), labels("e", "page"), nil,
            ])
        #expect(jails.map(\.silentAfter) == [7200, nil, nil, 3600, 7200, nil])
        #expect(try plan("native: [{name: a, files: /a, filter: sshd}]").jails.map(\.alert) == [nil, nil])
        #expect(try plan("native: [{name: a, files: /a, filter: sshd}]").jails.first?.silentAfter == 86_400)
        let own = try plan("native: [{name: a, files: /a, filter: sshd, alert: true}]").jails
        #expect(own.first?.alert == ["alertname": "JailBans", "jail": "a", "severity": "info"])
    }

    @Test(
        "says who does not refuse over IPv6",
        arguments: [("", 1), (", ports: [22]", 0), (", ports: [22], protocols: [tcp, udp]", 1), (", mode: observe", 0)])
    func refusing(keys: String, count: Int) throws {
        let plan = try plan(
            "{mode: enforce, native: [{name: a, files: /a, filter: sshd, reject: true\(keys)}]}")
        #expect(plan.warnings.count { $0.contains("jail a: over IPv6") } == count)
        #expect(plan.warnings.count == count)
    }
}
