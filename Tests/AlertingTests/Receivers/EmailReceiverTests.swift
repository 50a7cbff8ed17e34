import Bytes
import Configuration
import Glibc
import PushServer
import Rules
import Telemetry
import Testing

@testable import Alerting

/// Against aiosmtpd, where this host's Python has it.
@Suite(.enabled(if: MailServer.isThere, "no python3 has aiosmtpd"))
struct EmailReceiverTests {
    private static let to = #"to: 'a@x.example, "B, b" <b@y.example>', "#

    private func deliver(
        _ options: String, _ modes: String = "plain", connections: Int = 1, host: String = "localhost",
        _ notification: Alerting.Notification = SampleNotifications.mixed
    ) throws -> (result: DeliveryResult, mail: JSONValue?) {
        let server = try MailServer(modes, connections)
        let unused = PushServer { _ in .status(200) }
        defer { unused.stop() }
        let filled = options.split(separator: "CERT", omittingEmptySubsequences: false).joined(
            separator: server.certificate)
        let integration = try ReceiverBench().integration(
            """
            global: {smtp_from: 'Tocsin <alerts@host.example>', smtp_hello: me.example, smtp_smarthost: '\(host):\(server.port)'}
            receivers: [{name: r, email_configs: [{\(filled.hasPrefix("to:") ? "" : Self.to)\(filled)}]}]
            """, unused)
        let result = integration.deliver(notification, memory: [:], stop: StopToken())
        return (result, try server.mails().first)
    }

    @Test("a mail as people read it: headers, text and HTML, nothing but ASCII in short lines")
    func mail() throws {
        let (result, mail) = try deliver(
            """
            text: "Grüße\\n.\\n{{ .Status }} \\n\(String(repeating: "x", count: 200))", html: '<p>ä{{ (index .Alerts 2).Annotations.summary }}</p>',
            headers: {subject: 'Störung {{ .GroupLabels.alertname }} auf allen Rechnern im großen Saal', X-Evil: "a\\r\\nBcc: z@z", reply-to: 'Jürgen <j@x.example>'}
            """)
        #expect(result == .delivered(memory: [:]))
        let got = try #require(mail)
        #expect(got["from"]?.string == "alerts@host.example" && got["hello"]?.string == "me.example")
        #expect(got["to"]?.elements.compactMap(\.string) == ["a@x.example", "b@y.example"])
        #expect(got["defects"]?.elements == [] && got["bare"]?.number == 0)
        #expect((got["longest"]?.number ?? 999) <= 78)
        let headers = try #require(got["headers"])
        #expect(headers["Subject"]?.string == "Störung DiskFull auf allen Rechnern im großen Saal")
        #expect(headers["From"]?.string == "Tocsin <alerts@host.example>")
        #expect(headers["Reply-To"]?.string == "Jürgen <j@x.example>")
        #expect(headers["X-Evil"]?.string == "a  Bcc: z@z" && headers["Bcc"] == nil)
        #expect(headers["Date"]?.string == "Tue, 25 Jan 2022 12:37:43 +0000")
        #expect(headers["Message-Id"]?.string?.hasPrefix("<1643114263000.") == true)
        #expect(got["parts"]?["text/plain"]?.string == "Grüße\r\n.\r\nfiring \r\n" + String(repeating: "x", count: 200))
        #expect(got["parts"]?["text/html"]?.string?.hasPrefix("<p>ä&lt;b&gt;&amp;&#34;&#39;</p>") == true)
    }

    @Test("the default mail, and a thread for each group and day")
    func defaults() throws {
        let (result, mail) = try deliver("threading: {enabled: true, thread_by_date: daily}")
        #expect(result == .delivered(memory: [:]))
        let headers = try #require(mail?["headers"])
        #expect(headers["Subject"]?.string == "[FIRING:2] DiskFull (page)")
        let root =
            "<alert-\(PagerDutyReceiver.deduplicationKey(SampleNotifications.mixed.groupKey).prefix(16))-2022-01-25@alertmanager>"
        #expect(headers["References"]?.string == root && headers["In-Reply-To"]?.string == root)
        #expect(mail?["parts"]?["text/html"]?.string?.contains("&lt;b&gt;&amp;&#34;&#39;") == true)
        #expect(mail?["tls"]?.bool == false)
    }

    @Test("TLS: required, from the first byte, where offered; not without trust")
    func tls() throws {
        let ca = "tls_config: {ca_file: CERT}"
        for (options, modes) in [
            ("require_tls: true, \(ca)", "starttls"), ("force_implicit_tls: true, \(ca)", "tls"),
            ("require_tls: false", "starttls"),
        ] {
            let (result, mail) = try deliver(options, modes)
            #expect(result == .delivered(memory: [:]), "\(options)")
            #expect(mail?["tls"]?.bool == true, "\(options)")
        }
        let (missing, _) = try deliver("require_tls: true")
        guard case .retry(let reason, nil) = missing else {
            Issue.record("sent without TLS")
            return
        }
        #expect(reason.contains("STARTTLS"))
        for (options, modes) in [("require_tls: true", "starttls"), ("force_implicit_tls: true", "tls")] {
            guard case .retry(let reason, nil) = try deliver(options, modes).result else {
                Issue.record("trusted an unknown certificate")
                continue
            }
            #expect(reason.contains("certificate"))
        }
        #expect(try deliver("require_tls: false").mail?["tls"]?.bool == false)
    }

    @Test("a web server whose certificate is not trusted gets nothing, and is tried again")
    func webServer() throws {
        let server = try MailServer("tls", 1)
        let unused = PushServer { _ in .status(200) }
        defer { unused.stop() }
        let integration = try ReceiverBench().integration(
            "receivers: [{name: r, webhook_configs: [{url: 'https://localhost:\(server.port)/hook'}]}]", unused)
        let result = integration.deliver(SampleNotifications.mixed, memory: [:], stop: StopToken())
        guard case .retry(let reason, nil) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(reason.contains("certificate") && reason.contains("tls_config"))
    }

    @Test("logins")
    func logins() throws {
        let user = "auth_username: user, auth_password: 'pass word'"
        let (plain, mail) = try deliver(user, "auth")
        #expect(plain == .delivered(memory: [:]))
        #expect(mail?["auth"]?.elements.last?.string == "user")
        let (secure, encrypted) = try deliver(
            "\(user), require_tls: true, tls_config: {ca_file: CERT}", "starttls,auth")
        #expect(secure == .delivered(memory: [:]) && encrypted?["tls"]?.bool == true)
        let (cram, challenged) = try deliver("auth_username: user, auth_secret: 'pass word'", "cram")
        #expect(cram == .delivered(memory: [:]))
        #expect(challenged?["auth"]?.elements.compactMap(\.string) == ["CRAM-MD5", "user"])
        let (wrong, _) = try deliver("auth_username: user, auth_password: wrong", "auth")
        guard case .refused(let reason) = wrong else {
            Issue.record("not refused: \(wrong)")
            return
        }
        #expect(reason.contains("login"))
    }

    @Test("what the server says of recipients, and a server that is not there")
    func answers() throws {
        guard case .refused = try deliver("to: no@x.example").result else {
            Issue.record("550 is not final")
            return
        }
        guard case .retry = try deliver("to: later@x.example").result else {
            Issue.record("450 is not tried again")
            return
        }
    }
}

@Suite struct EmailAddressTests {
    @Test(
        "addresses as people write them",
        arguments: [
            ("a@b", ["a@b"]), (" a@b , c@d,", ["a@b", "c@d"]), ("N <a@b>", ["a@b"]),
            (#""N, <x>" <a@b>, c@d"#, ["a@b", "c@d"]),
            (#""\", z@z" <a@b>"#, ["a@b"]), ("a", nil), ("a@", nil), ("<a@b", nil), (#""a@b"#, nil), ("a b@c", nil),
            ("a@b\r\nDATA", nil),
            ("", []),
        ] as [(String, [String]?)])
    func list(text: String, expected: [String]?) { #expect(EmailAddress.list(text) == expected) }
}

/// A process of `Tests/Integration/smtpserver.py`.
final class MailServer {
    let port: Int
    let certificate: String
    private let output: UnsafeMutablePointer<FILE>

    /// Another Python may stand before Debian's, which is the one that has its packages.
    private static let python = ["python3", "/usr/bin/python3"].first {
        system("\($0) -c 'import aiosmtpd' 2>/dev/null") == 0
    }
    static let isThere = python != nil

    init(_ modes: String, _ connections: Int) throws {
        // The sources may be seen through a link.
        let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        let real = try #require(realpath("/" + folder, nil))
        defer { free(real) }
        let script = String(cString: real) + "/../../Integration/smtpserver.py"
        let python = try #require(Self.python)
        output = try #require(popen("exec \(python) '\(script)' \(modes) \(connections)", "r"))
        let words = (Self.line(output) ?? "").split(separator: " ")
        try #require(words.count == 2)
        port = try #require(Int(words[0]))
        certificate = String(words[1])
    }

    /// All that came, once the server has ended.
    func mails() throws -> [JSONValue] {
        var mails: [JSONValue] = []
        while let line = Self.line(output) { mails.append(try JSONValue(parsing: Array(line.utf8).span.bytes)) }
        return mails
    }

    deinit { pclose(output) }

    private static func line(_ file: UnsafeMutablePointer<FILE>) -> String? {
        var bytes: [UInt8] = []
        while true {
            let byte = getc(file)
            if byte == EOF { return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self) }
            if byte == 0x0a { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(UInt8(truncatingIfNeeded: byte))
        }
    }
}
