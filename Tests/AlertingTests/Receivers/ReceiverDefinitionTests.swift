import Configuration
import TestSupport
import Testing

@testable import Alerting

@Suite struct ReceiverDefinitionTests {
    private func problems(_ text: String, files: [String: String] = [:]) -> [String] {
        do throws(ConfigurationError) {
            _ = try ReceiversFile.read(text, files: files)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test(
        "what is wrong or missing is told with its place",
        arguments: [
            (
                "receivers: [{name: r, slack_configs: [{channel: x}]}]",
                "am.yml:1:39: slack_configs: expected api_url or app_token, here or as slack_api_url or slack_app_token in global"
            ),
            (
                "receivers: [{name: r, slack_configs: [{api_url: 'http://h', chanel: x}]}]",
                "am.yml:1:61: unknown key \"chanel\"; did you mean channel?"
            ),
            (
                "receivers: [{name: r, slack_configs: [{api_url: 'http://h', update_message: true}]}]",
                "update_message needs app_token"
            ),
            ("receivers: [{name: r, webhook_configs: [{}]}]", "webhook_configs: expected url or url_file"),
            (
                "receivers: [{name: r, webhook_configs: [{url: 'http://h', url_file: /f}]}]",
                "expected only one of url and url_file, found both"
            ),
            ("receivers: [{name: r, webhook_configs: [{url: 'ftp://h'}]}]", "am.yml:1:47: url: expected http://"),
            (
                "receivers: [{name: r, webhook_configs: [{url: 'http://h', payload: {a: '{{ .x '}}]}]",
                "payload: template: payload:1"
            ),
            ("receivers: [{name: r, email_configs: [{}]}]", "to is missing"),
            (
                "receivers: [{name: r, email_configs: [{to: a@b}]}]",
                "expected smarthost, here or as smtp_smarthost in global"
            ),
            ("receivers: [{name: r, email_configs: [{to: a@b, from: c@d, smarthost: mail}]}]", "expected host:port"),
            (
                "receivers: [{name: r, email_configs: [{to: a@b, from: c@d, smarthost: 'm:25', auth_username: u}]}]",
                "auth_username has neither"
            ),
            ("receivers: [{name: r, pagerduty_configs: [{}]}]", "expected routing_key"),
            ("receivers: [{name: r, telegram_configs: [{chat_id: 1}]}]", "expected bot_token"),
            ("receivers: [{name: r, telegram_configs: [{chat_id: x, bot_token: t}]}]", "expected a whole number"),
            (
                "receivers: [{name: r, telegram_configs: [{chat_id: 1, bot_token: t, parse_mode: Html}]}]",
                "did you mean HTML"
            ),
            ("receivers: [{name: r, opsgenie_configs: [{}]}]", "expected api_key"),
            ("receivers: [{name: r, pushover_configs: [{token: t}]}]", "expected user_key"),
            ("receivers: [{name: r, sns_configs: [{sigv4: {region: r}}]}]", "expected one of topic_arn"),
            ("receivers: [{name: r, sns_configs: [{topic_arn: t}]}]", "expected sigv4's region"),
            ("receivers: [{name: r, sms_configs: [{to: ['1']}]}]", "expected account_sid"),
            ("receivers: [{name: r, exec_configs: [{command: [ls]}]}]", "whole path"),
            (
                "receivers: [{name: r, victorops_configs: []}]",
                "am.yml:1:23: receiver \"r\": victorops_configs: not supported by this version; use webhook_configs"
            ),
            (
                "receivers: [{name: r, jira_configs: [{}]}]",
                "receiver \"r\": jira_configs: not supported by this version"
            ),
            ("receivers: [{name: r, mattermost_configs: [{}]}]", "use slack_configs with the incoming webhook's URL"),
            (
                "receivers: [{name: r, discord_configs: [{webhook_url: 'http://h', title: '{{ template \"nope\" . }}'}]}]",
                "am.yml:1:74: title: no template \"nope\" is defined"
            ),
            (
                "receivers: [{name: r, discord_configs: [{webhook_url: 'http://h', title: '{{ .x '}]}]",
                "am.yml:1:74: title: template: title:1"
            ),
            (
                "receivers: [{name: r, webhook_configs: [{url: 'http://h', http_config: {oauth2: {}}}]}]",
                "client_id is missing"
            ),
            (
                "receivers: [{name: r, webhook_configs: [{url: 'http://h', http_config: {basic_auth: {username: u}, authorization: {credentials: x}}}]}]",
                "expected one way to log in"
            ),
            ("global: {slack_api_url: 'nope'}\nreceivers: [{name: r, slack_configs: [{}]}]", ""),
            ("global: {smtp_smarthost: x}", "am.yml:1:26: smtp_smarthost: expected host:port"),
            ("global: {resolve_timout: 5m}", "did you mean resolve_timeout?"),
        ])
    func wrong(text: String, expected: String) {
        let found = problems(text)
        guard !expected.isEmpty else { return #expect(found.isEmpty, "\(found)") }
        #expect(found.contains { $0.contains(expected) }, "\(found)")
    }

    @Test("global settings fill what receivers leave out")
    func global() throws {
        let text = """
            global:
              smtp_smarthost: localhost:25
              smtp_from: a@b
              slack_api_url_file: /etc/slack
              opsgenie_api_key: k
              telegram_bot_token: t
              victorops_api_key: ignored
            receivers:
              - name: all
                email_configs: [{to: x@y}]
                slack_configs: [{}]
                opsgenie_configs: [{}]
                telegram_configs: [{chat_id: -1}]
            """
        let file = try ReceiversFile.read(text, files: ["/etc/slack": "http://h\n"])
        #expect(
            file.contents.receivers[0].entries.map { type(of: $0).kind } == ["email", "slack", "telegram", "opsgenie"])
        #expect(file.warnings.map(\.message) == ["victorops_api_key is ignored: no receiver of this version needs it"])
        #expect(try ReceiversFile.read(text).warnings.contains { $0.message.contains("/etc/slack cannot be read now") })
    }

    @Test("secrets are not shown")
    func secrets() {
        let found = problems(
            "receivers: [{name: r, slack_configs: [{api_url: 's3cret', app_token: [s3cret]}], webhook_configs: [{url: s3cret}]}]"
        )
        #expect(found.count >= 3 && !found.contains { $0.contains("s3cret") }, "\(found)")
    }

    @Test("no configuration makes it crash")
    func random() {
        let seed = SeededRandom.seed()
        var random = SeededRandom(seed: seed)
        let keys =
            ReceiverKinds.all.flatMap { $0.configurationKeys.map(\.name) }
            + GlobalConfiguration.configurationKeys.map(\.name)
        let kinds = ReceiverDefinition.configurationKeys.map(\.name)
        let values = [
            "x", "''", "1", "-1", "99999999999999999999", "true", "[]", "{}", "[a, {b: c}]", "{a: [1], b: null}",
            "null",
            "'{{ .Status }}'", "'{{ .'", "'{{ template \"x\" . }}'", "http://h/p", "1h", "'\\\0é'", "[[[]]]", "a@b",
            "h:1",
        ]
        for _ in 0..<1000 {
            func pick(_ list: [String]) -> String { list[Int.random(in: 0..<list.count, using: &random)] }
            func mapping() -> String {
                var seen: Set<String> = []
                let pairs = (0..<Int.random(in: 0...6, using: &random)).compactMap { _ -> String? in
                    let key = pick(keys)
                    return seen.insert(key).inserted ? "\(key): \(pick(values))" : nil
                }
                return "{" + pairs.joined(separator: ", ") + "}"
            }
            let text = "global: \(mapping())\nreceivers: [{name: r, \(pick(kinds)): [\(mapping()), \(pick(values))]}]"
            _ = problems(text)
        }
    }
}
