/// All kinds of receivers.
package enum ReceiverKinds {
    package static let all: [any ReceiverConfiguration.Type] = [
        WebhookConfiguration.self, EmailConfiguration.self, SlackConfiguration.self, DiscordConfiguration.self,
        TelegramConfiguration.self, PagerDutyConfiguration.self, TeamsConfiguration.self, PushoverConfiguration.self,
        OpsgenieConfiguration.self, NtfyConfiguration.self, SNSConfiguration.self, SMSConfiguration.self,
        HTTPConfiguration.self, ExecConfiguration.self,
    ]

    /// Those of Alertmanager that are not there.
    package static let missing = [
        "victorops", "webex", "wechat", "jira", "rocketchat", "mattermost", "incidentio", "msteams",
    ]
}
