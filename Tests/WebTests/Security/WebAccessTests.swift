import Configuration
import Glibc
import Logging
import Telemetry
import Testing

@testable import Web

@Suite("The web configuration in force")
struct WebAccessTests {
    private struct Setting {
        let file: WebFile
        let metrics = MetricRegistry()
        let readiness = Readiness()

        init(_ contents: String) throws { file = try WebFile(contents) }

        func access() throws -> WebAccess {
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            return try WebAccess(path: file.path, metrics: metrics, readiness: readiness, logger: logger)
        }

        var state: PartState? { readiness.all.first { $0.name == "web_config" }?.state }
        var failures: Double { metrics.total("tocsin_web_config_reload_failures_total") }
        var success: Double { metrics.total("tocsin_web_config_reload_success") }
    }

    @Test("a changed file counts, a bad one does not, and is told until it is good again")
    func reload() throws {
        let setting = try Setting("rate_limit: {interval: 1s}")
        defer { setting.file.remove() }
        let access = try setting.access()
        let first = access.rules.bucket
        #expect(first?.limit.burst == 1 && setting.state == .ok && setting.success == 1)
        access.refresh()
        #expect(access.rules.bucket === first)
        try setting.file.write("rate_limit: {interval: 1s, burst: 7}")
        access.refresh()
        #expect(access.rules.bucket?.limit.burst == 7)
        try setting.file.write("rate_limits: {}")
        access.refresh()
        access.refresh()
        #expect(access.rules.bucket?.limit.burst == 7 && setting.failures == 1 && setting.success == 0)
        guard case .degraded(let reason) = setting.state else {
            Issue.record("\(String(describing: setting.state))")
            return
        }
        #expect(reason.contains("web.yml:1:1: unknown key \"rate_limits\""))
        #expect(throws: ConfigurationError.self) { try access.reload() }
        try setting.file.write("basic_auth_users: {}")
        access.refresh()
        #expect(access.rules.bucket == nil && setting.success == 1 && setting.state == .ok)
        // A file that is gone is a bad one.
        unlink(setting.file.path)
        access.refresh()
        #expect(setting.success == 0 && setting.failures == 3)
    }

    @Test("a bad file at the start is an error")
    func start() throws {
        let setting = try Setting("tls_server_config: {cert_file: none.pem, key_file: none.key}")
        defer { setting.file.remove() }
        #expect(throws: ConfigurationError.self) { try setting.access() }
    }

    @Test("a certificate that changes is loaded; one that comes without its key waits for it")
    func certificates() throws {
        let from = Certificates.directory
        let setting = try Setting("tls_server_config: {cert_file: a.pem, key_file: a.key}")
        defer { setting.file.remove() }
        func copy(_ name: String, _ kind: String) {
            _ = shell(
                "cp \(from)/\(name).\(kind) \(setting.file.directory)/new && "
                    + "mv \(setting.file.directory)/new \(setting.file.directory)/a.\(kind)")
        }
        copy("server", "pem")
        copy("server", "key")
        let access = try setting.access()
        let first = access.tls
        access.refresh()
        #expect(access.tls === first)
        copy("second", "pem")
        access.refresh()
        #expect(access.tls === first && setting.success == 0)
        copy("second", "key")
        access.refresh()
        #expect(access.tls !== first && access.tls != nil && setting.success == 1 && setting.state == .ok)
        // A file that a bad configuration was the first to name is watched too.
        try setting.file.write("tls_server_config: {cert_file: b.pem, key_file: a.key}")
        access.refresh()
        #expect(setting.success == 0)
        _ = shell("cp \(from)/second.pem \(setting.file.directory)/b.pem")
        access.refresh()
        #expect(setting.success == 1)
    }
}
