/// Every receiver that talks HTTP, in its shortest form, as tests of what all of them do use it. `URL` is the server.
enum ReceiverSamples {
    static let http: [String] = [
        "{name: r, webhook_configs: [{url: URL/hook}]}",
        "{name: r, webhook_configs: [{url: URL/hook, payload: {text: '{{ .Status }}'}}]}",
        "{name: r, slack_configs: [{api_url: URL/services/T/B/x, channel: '#ops', send_resolved: true}]}",
        "{name: r, slack_configs: [{app_token: xoxb-1, app_url: URL/api/chat.postMessage, channel: C1}]}",
        "{name: r, slack_configs: [{app_token: xoxb-1, app_url: URL/api/chat.postMessage, channel: C1, update_message: true}]}",
        "{name: r, discord_configs: [{webhook_url: URL/api/webhooks/1/t}]}",
        "{name: r, telegram_configs: [{api_url: URL, bot_token: '12:ab', chat_id: -42}]}",
        "{name: r, pagerduty_configs: [{url: URL/v2/enqueue, routing_key: k}]}",
        "{name: r, pagerduty_configs: [{url: URL/create_event.json, service_key: k}]}",
        "{name: r, msteamsv2_configs: [{webhook_url: URL/workflows/1}]}",
        "{name: r, pushover_configs: [{api_url: URL/1/messages.json, user_key: u, token: t}]}",
        "{name: r, opsgenie_configs: [{api_url: URL, api_key: k}]}",
        "{name: r, ntfy_configs: [{url: URL, topic: alerts}]}",
        "{name: r, sns_configs: [{api_url: URL/, topic_arn: 'arn:aws:sns:eu-west-1:1:t', sigv4: {region: eu-west-1, access_key: AK, secret_key: s}}]}",
        "{name: r, sms_configs: [{url: URL/sms, to: ['+4712345678']}]}",
        "{name: r, sms_configs: [{url: URL/sms, account_sid: AC1, auth_token: t, from: '+1', to: ['+4712345678']}]}",
        "{name: r, http_configs: [{url: URL/any}]}",
    ]

    static func file(_ receiver: String) -> String { "receivers: [\(receiver)]" }

    /// Whether its API says in the body whether a message was taken, whatever the status.
    static func readsAnswer(_ receiver: String) -> Bool {
        receiver.contains("slack_configs") || receiver.contains("telegram_configs")
    }

    /// Whether a request has a header that is nobody else's business.
    static func sendsSecretHeader(_ receiver: String) -> Bool {
        ["app_token", "opsgenie_configs", "sns_configs", "account_sid"].contains { receiver.contains($0) }
    }

    /// What a service says when it has taken something.
    static let success = #"{"ok": true, "status": 1}"#
}
