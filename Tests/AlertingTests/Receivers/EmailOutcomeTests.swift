import PushServer
import Telemetry
import Testing

@testable import Alerting

/// What a mail server's answers mean: RFC 5321, 4.2.1, has 4xx for what passes and 5xx for what does not. Whatever breaks
/// is tried again, as Alertmanager does.
@Suite struct EmailOutcomeTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var answers: [String: String]
        var outcome: ReceiverOutcome
        var options = ""
        var timeout = 10.0
        var testDescription: String { "\(answers) \(options)" }
    }

    private static let login = "auth_username: user, auth_password: p, "
    private static let offersLogin = "250-test\r\n250 AUTH PLAIN"
    private static let offersTLS = "250-test\r\n250 STARTTLS"

    private static let rows: [Row] = [
        Row(answers: [:], outcome: .delivered),
        // It was taken: how the connection ends is nobody's trouble.
        Row(answers: ["QUIT": ""], outcome: .delivered), Row(answers: ["QUIT": "421 bye"], outcome: .delivered),
        // A server that does not know EHLO is greeted with HELO.
        Row(answers: ["EHLO": "502 what", "HELO": "250 test"], outcome: .delivered),
        Row(answers: ["GREETING": "421 too busy"], outcome: .retry),
        Row(answers: ["GREETING": "554 no service for you"], outcome: .refused),
        Row(answers: ["GREETING": "HTTP/1.1 400 Bad Request"], outcome: .retry, timeout: 0.5),
        Row(answers: ["GREETING": ""], outcome: .retry),
        Row(answers: ["EHLO": ""], outcome: .retry),
        Row(answers: ["EHLO": "421 closing", "HELO": "421 closing"], outcome: .retry),
        Row(answers: ["EHLO": "550 go away", "HELO": "550 go away"], outcome: .refused),
        Row(answers: ["MAIL": "451 local error"], outcome: .retry),
        Row(answers: ["MAIL": "452 full"], outcome: .retry),
        Row(answers: ["MAIL": "550 sender unknown"], outcome: .refused),
        Row(answers: ["MAIL": "552 too large"], outcome: .refused),
        Row(answers: ["MAIL": ""], outcome: .retry),
        Row(answers: ["RCPT": "450 greylisted"], outcome: .retry),
        Row(answers: ["RCPT": "421 closing"], outcome: .retry),
        Row(answers: ["RCPT": "550 no such user"], outcome: .refused),
        Row(answers: ["RCPT": "554 relay access denied"], outcome: .refused),
        Row(answers: ["RCPT": ""], outcome: .retry),
        Row(answers: ["DATA": "451 not now"], outcome: .retry),
        Row(answers: ["DATA": "554 no valid recipients"], outcome: .refused),
        Row(answers: ["DATA": ""], outcome: .retry),
        Row(answers: ["END": "451 queue full"], outcome: .retry),
        Row(answers: ["END": "452 no space"], outcome: .retry),
        Row(answers: ["END": "554 looks like spam"], outcome: .refused),
        Row(answers: ["END": ""], outcome: .retry),
        Row(answers: ["EHLO": offersLogin, "LOGIN": "235 welcome"], outcome: .delivered, options: login),
        Row(answers: ["EHLO": offersLogin, "LOGIN": "535 wrong"], outcome: .refused, options: login),
        Row(answers: ["EHLO": offersLogin, "LOGIN": "534 too weak"], outcome: .refused, options: login),
        // RFC 4954, 6: the server's own trouble.
        Row(answers: ["EHLO": offersLogin, "LOGIN": "454 try later"], outcome: .retry, options: login),
        Row(answers: ["EHLO": offersLogin, "LOGIN": ""], outcome: .retry, options: login),
        // STARTTLS that is not there, is refused, or breaks: never in the clear where it is required.
        Row(answers: [:], outcome: .retry, options: "require_tls: true, "),
        Row(answers: ["EHLO": offersTLS, "STARTTLS": "454 not now"], outcome: .retry, options: "require_tls: true, "),
        Row(answers: ["EHLO": offersTLS, "STARTTLS": ""], outcome: .retry, options: "require_tls: true, "),
        Row(
            answers: ["EHLO": offersTLS, "STARTTLS": "220 go\r\nthis is no TLS"], outcome: .retry,
            options: "require_tls: true, "),
        Row(
            answers: ["EHLO": offersTLS, "STARTTLS": "454 not now"], outcome: .delivered,
            options: "require_tls: false, "),
        Row(answers: [:], outcome: .retry, options: "force_implicit_tls: true, "),
    ]

    @Test("answers of a mail server", arguments: rows)
    func answers(row: Row) throws {
        let server = ScriptedSMTP(row.answers)
        defer { server.stop() }
        let integration = try ReceiverBench().integration(
            """
            global: {smtp_from: a@host.example, smtp_smarthost: 'URL'}
            receivers: [{name: r, email_configs: [{\(row.options)to: 'b@x.example'}]}]
            """, url: "127.0.0.1:\(server.port)", timeout: row.timeout)
        let result = integration.deliver(SampleNotifications.mixed, memory: [:], stop: StopToken())
        #expect(ReceiverOutcome(result) == row.outcome, "\(result)")
        if row.options.contains("require_tls: true") {
            #expect(!server.commands.contains { $0.hasPrefix("MAIL") || $0.hasPrefix("AUTH") })
        }
    }

    @Test("a server that says nothing is given up")
    func silent() throws {
        let server = ScriptedSMTP(["END": "250-more comes"])
        defer { server.stop() }
        let integration = try ReceiverBench().integration(
            """
            global: {smtp_from: a@host.example, smtp_smarthost: 'URL'}
            receivers: [{name: r, email_configs: [{to: 'b@x.example'}]}]
            """, url: "127.0.0.1:\(server.port)", timeout: 0.3)
        guard
            case .retry(let reason, nil) = integration.deliver(
                SampleNotifications.mixed, memory: [:], stop: StopToken())
        else {
            Issue.record("not tried again")
            return
        }
        #expect(reason.contains("timed out"))
    }
}
