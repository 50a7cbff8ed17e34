import Configuration
import Transport

/// `global`: what receivers take where they say nothing themselves.
package struct GlobalConfiguration: Sendable {
    /// Seconds after which an alert that came without an end counts as ended.
    package var resolveTimeout = 300.0
    package var http = HTTPClientConfiguration()
    package var smtp = SMTP()
    package var slack = Slack()
    package var pagerDutyURL = "https://events.pagerduty.com/v2/enqueue"
    package var opsgenieURL = "https://api.opsgenie.com/"
    package var opsgenieKey: SecretReference?
    package var telegramURL = "https://api.telegram.org"
    package var telegramToken: SecretReference?

    package init() {}

    package struct SMTP: Sendable {
        package var from = ""
        /// `host:port`; empty for none.
        package var smarthost = ""
        package var hello = "localhost"
        package var username = ""
        package var identity = ""
        package var password: SecretReference?
        /// For CRAM-MD5.
        package var secret: SecretReference?
        /// Nil where nothing is said: TLS then, but on loopback.
        package var requiresTLS: Bool?
        package var tls: HTTPClientConfiguration.TLSConfiguration?
        /// Nil for by the port: 465 begins with TLS.
        package var beginsWithTLS: Bool?
    }

    package struct Slack: Sendable {
        package var url: SecretReference?
        package var token: SecretReference?
        package var appURL = "https://slack.com/api/chat.postMessage"
    }
}
