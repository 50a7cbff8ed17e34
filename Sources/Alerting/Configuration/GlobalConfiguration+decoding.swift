import Configuration
import Transport

extension GlobalConfiguration: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] =
        [
            ConfigurationKey(
                "resolve_timeout", "duration", default: "5m", "When an alert that came without an end counts as ended."),
            ConfigurationKey("http_config", "mapping", "How requests are made; see [http_config](#http_config)."),
            ConfigurationKey("smtp_from", "string", "The sender of mails."),
            ConfigurationKey("smtp_smarthost", "host:port", "The mail server."),
            ConfigurationKey("smtp_hello", "string", default: "localhost", "What this host calls itself to it."),
            ConfigurationKey("smtp_auth_username", "string", "For PLAIN, LOGIN and CRAM-MD5."),
            ConfigurationKey("smtp_auth_password", "secret", "For PLAIN and LOGIN."),
            ConfigurationKey("smtp_auth_password_file", "secret file", "A file with the password."),
            ConfigurationKey("smtp_auth_identity", "string", "For PLAIN, where it is not the user's name."),
            ConfigurationKey("smtp_auth_secret", "secret", "For CRAM-MD5."),
            ConfigurationKey("smtp_auth_secret_file", "secret file", "A file with the secret."),
            ConfigurationKey(
                "smtp_require_tls", "bool", default: "true", "Whether to send without TLS; not needed on loopback."),
            ConfigurationKey("smtp_tls_config", "mapping", "Certificates; see [tls_config](#tls_config)."),
            ConfigurationKey("smtp_force_implicit_tls", "bool", "TLS from the first byte; by itself on port 465."),
            ConfigurationKey("slack_api_url", "secret", "The URL of Slack's incoming webhook."),
            ConfigurationKey("slack_api_url_file", "secret file", "A file with it."),
            ConfigurationKey("slack_app_token", "secret", "A bot's token, in place of a URL."),
            ConfigurationKey("slack_app_token_file", "secret file", "A file with it."),
            ConfigurationKey(
                "slack_app_url", "URL", default: GlobalConfiguration().slack.appURL, "Where a bot's messages go."),
            ConfigurationKey(
                "pagerduty_url", "URL", default: GlobalConfiguration().pagerDutyURL, "PagerDuty's Events API v2."),
            ConfigurationKey(
                "opsgenie_api_url", "URL", default: GlobalConfiguration().opsgenieURL, "Opsgenie's API."),
            ConfigurationKey("opsgenie_api_key", "secret", "Opsgenie's API key."),
            ConfigurationKey("opsgenie_api_key_file", "secret file", "A file with it."),
            ConfigurationKey(
                "telegram_api_url", "URL", default: GlobalConfiguration().telegramURL, "Telegram's bot API."),
            ConfigurationKey("telegram_bot_token", "secret", "The bot's token."),
            ConfigurationKey("telegram_bot_token_file", "secret file", "A file with it."),
        ]
        + [
            "victorops_api_key", "victorops_api_key_file", "victorops_api_url", "webex_api_url", "wechat_api_url",
            "wechat_api_secret", "wechat_api_secret_file", "wechat_api_corp_id", "jira_api_url", "rocketchat_api_url",
            "rocketchat_token", "rocketchat_token_file", "rocketchat_token_id", "rocketchat_token_id_file",
            "mattermost_webhook_url", "mattermost_webhook_url_file",
        ].map { .ignored($0, "no receiver of this version needs it") }

    package init(_ reader: MappingReader) {
        self.init()
        resolveTimeout = reader.duration("resolve_timeout") ?? resolveTimeout
        http = reader.section("http_config", ReceiverHTTP.self)?.client ?? http
        smtp = SMTP(reader)
        slack.url = reader.secretReference("slack_api_url", orFile: "slack_api_url_file")
        slack.token = reader.secretReference("slack_app_token", orFile: "slack_app_token_file")
        slack.appURL = reader.serviceURL("slack_app_url") ?? slack.appURL
        if slack.url != nil, slack.token != nil {
            reader.report("expected only one of slack_api_url and slack_app_token, found both", at: "slack_app_token")
        }
        pagerDutyURL = reader.serviceURL("pagerduty_url") ?? pagerDutyURL
        opsgenieURL = reader.serviceURL("opsgenie_api_url") ?? opsgenieURL
        opsgenieKey = reader.secretReference("opsgenie_api_key", orFile: "opsgenie_api_key_file")
        telegramURL = reader.serviceURL("telegram_api_url") ?? telegramURL
        telegramToken = reader.secretReference("telegram_bot_token", orFile: "telegram_bot_token_file")
    }
}

extension GlobalConfiguration.SMTP {
    fileprivate init(_ reader: MappingReader) {
        self.init()
        from = reader.string("smtp_from") ?? from
        smarthost = reader.smarthost("smtp_smarthost") ?? smarthost
        hello = reader.string("smtp_hello") ?? hello
        username = reader.string("smtp_auth_username") ?? username
        identity = reader.string("smtp_auth_identity") ?? identity
        password = reader.secretReference("smtp_auth_password", orFile: "smtp_auth_password_file")
        secret = reader.secretReference("smtp_auth_secret", orFile: "smtp_auth_secret_file")
        requiresTLS = reader.bool("smtp_require_tls")
        tls = reader.section("smtp_tls_config")
        beginsWithTLS = reader.bool("smtp_force_implicit_tls")
    }
}

extension MappingReader {
    /// An `http://`, `https://` or `unix:` URL, reported where it is none.
    func serviceURL(_ key: String) -> String? {
        guard let value = value(key), let text = value.string() else { return nil }
        do {
            _ = try HTTPTarget(parsing: text)
            return text
        } catch {
            // It may be a secret: what was found is not shown.
            value.report(error.description)
            return nil
        }
    }

    /// `host:port`
    func smarthost(_ key: String) -> String? {
        guard let value = value(key), let text = value.string() else { return nil }
        guard SMTPServer(text) != nil else {
            value.report("expected host:port, such as mail.example.com:587, found \"\(text)\"")
            return nil
        }
        return text
    }
}
