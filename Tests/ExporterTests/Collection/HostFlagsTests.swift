import Telemetry
import Testing

@testable import Exporter

@Suite("node_exporter's flags")
struct HostFlagsTests {
    @Test("paths, switches and options are taken")
    func flags() throws {
        var host = HostConfiguration()
        try HostFlags.parse(
            [
                "--path.procfs=/host/proc/", "--path.sysfs", "/host/sys", "--no-collector.loadavg",
                "--collector.meminfo",
            ],
            into: &host)
        #expect(host.paths == HostPaths(proc: "/host/proc", sys: "/host/sys"))
        #expect(host.enabled == ["loadavg": false, "meminfo": true])
        try HostFlags.parse(["--collector.disable-defaults"], into: &host)
        #expect(try host.makeCollectors().map(\.name) == ["meminfo"])
    }

    @Test(
        "a wrong flag is named, with the nearest right one",
        arguments: [
            ("--collector.loadavgg", "did you mean --collector.loadavg?"), ("--path.procfs", "wants a value"),
            ("loadavg", "flags begin with --"), ("--web.listen-address=:9100", "unknown flag"),
        ])
    func wrong(argument: String, message: String) {
        var host = HostConfiguration()
        do {
            try HostFlags.parse([argument], into: &host)
            Issue.record("\(argument) was taken")
        } catch {
            #expect("\(error)".contains(message), "\(error)")
        }
    }
}
