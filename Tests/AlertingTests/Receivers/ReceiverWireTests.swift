import Bytes
import PushServer
import Rules
import Synchronization
import Telemetry
import Testing

@testable import Alerting

/// What each service is sent, as its documentation has it.
@Suite struct ReceiverWireTests {
    /// All requests of one delivery, each answered with the next of `replies`, the last of them for ever.
    private func requests(
        _ receiver: String, _ notification: Alerting.Notification = SampleNotifications.mixed,
        memory: DeliveryMemory = [:],
        replies: [String] = [ReceiverSamples.success], result: DeliveryResult? = nil
    ) throws -> [PushServer.Request] {
        let count = Mutex(0)
        let server = PushServer { _ in
            let index = count.withLock { count in
                defer { count += 1 }
                return min(count, replies.count - 1)
            }
            return .status(200, body: replies[index])
        }
        defer { server.stop() }
        let integration = try ReceiverBench().integration("receivers: [{name: r, \(receiver)}]", server)
        let got = integration.deliver(notification, memory: memory, stop: StopToken())
        #expect(got == result ?? .delivered(memory: memory))
        return server.requests
    }

    private func json(_ request: PushServer.Request) throws -> JSONValue {
        try JSONValue(parsing: request.body.span.bytes)
    }

    private let key = PagerDutyReceiver.deduplicationKey(SampleNotifications.mixed.groupKey)

    @Test("Slack: an attachment to a webhook")
    func slackWebhook() throws {
        let request = try requests(
            """
            slack_configs: [{api_url: URL/services/x, channel: '#ops', text: 'n={{ len .Alerts }}', short_fields: true,
              fields: [{title: a, value: '{{ .Status }}'}, {title: b, value: c, short: false}],
              actions: [{type: button, text: Go, url: 'http://x'}, {type: button, text: Ok, name: n, confirm: {text: sure}}]}]
            """)[0]
        #expect(request.line == "POST /services/x HTTP/1.1")
        #expect(
            ReceiverBench.body(request)
                == ##"{"channel":"#ops","username":"Alertmanager","attachments":[{"title":"[FIRING:2] DiskFull (page)","##
                + #""title_link":"http://alerts.example:9093/#/alerts?receiver=team%5C.a","text":"n=3","#
                + #""fallback":"[FIRING:2] DiskFull (page) | http://alerts.example:9093/#/alerts?receiver=team%5C.a","#
                + #""callback_id":"","fields":[{"title":"a","value":"firing","short":true},{"title":"b","value":"c","short":false}],"#
                + #""actions":[{"type":"button","text":"Go","url":"http://x"},{"type":"button","text":"Ok","name":"n","confirm":{"text":"sure"}}],"#
                + #""footer":"","color":"danger","mrkdwn_in":["fallback","pretext","text"]}]}"#)
    }

    @Test("Slack: a bot's message, changed later, and sent anew when it is gone")
    func slackBot() throws {
        let receiver =
            "slack_configs: [{app_token: xoxb-1, app_url: URL/api/chat.postMessage, channel: ops, update_message: true}]"
        let answer = #"{"ok": true, "channel": "C9", "ts": "1.2"}"#
        let remembered: DeliveryMemory = ["threadTs": "1.2", "channelId": "C9"]
        let first = try requests(receiver, replies: [answer], result: .delivered(memory: remembered))
        #expect(first.map(\.line) == ["POST /api/chat.postMessage HTTP/1.1"])
        #expect(first[0].headers["authorization"] == "Bearer xoxb-1")
        let second = try requests(
            receiver, memory: remembered, replies: [answer], result: .delivered(memory: remembered))
        #expect(second.map(\.line) == ["POST /api/chat.update HTTP/1.1"])
        let changed = try json(second[0])
        #expect(changed["ts"]?.string == "1.2" && changed["channel"]?.string == "C9")
        let third = try requests(
            receiver, memory: remembered, replies: [#"{"ok": false, "error": "message_not_found"}"#, answer],
            result: .delivered(memory: remembered))
        #expect(third.map(\.line) == ["POST /api/chat.update HTTP/1.1", "POST /api/chat.postMessage HTTP/1.1"])
    }

    @Test("Slack: errors that come with status 200")
    func slackErrors() throws {
        let receiver = "slack_configs: [{api_url: URL/x}]"
        _ = try requests(
            receiver, replies: [#"{"ok": false, "error": "invalid_auth"}"#],
            result: .refused(reason: "Slack answers invalid_auth"))
        _ = try requests(
            receiver, replies: [#"{"ok": false, "error": "ratelimited"}"#],
            result: .retry(reason: "Slack answers ratelimited", after: nil))
        _ = try requests(receiver, replies: ["no_text"], result: .refused(reason: "Slack answers: no_text"))
        _ = try requests(receiver, replies: ["ok"])
    }

    @Test("Slack: a title has at most 1024 characters")
    func slackLimit() throws {
        let request = try requests("slack_configs: [{api_url: URL/x, title: '{{ printf \"%2000d\" 1 }}'}]")[0]
        let title = try json(request)["attachments"]?.elements.first?["title"]?.string ?? ""
        #expect(title.unicodeScalars.count == 1024 && title.hasSuffix("…"))
    }

    @Test("Discord: an embed in red or green")
    func discord() throws {
        let receiver =
            "discord_configs: [{webhook_url: URL/api/webhooks/1/t, username: bot, content: '{{ printf \"%3000d\" 1 }}'}]"
        let firing = try json(try requests(receiver)[0])
        let embed = try #require(firing["embeds"]?.elements.first)
        #expect(embed["title"]?.string == "[FIRING:2] DiskFull (page)")
        #expect(embed["color"]?.number == 10_038_562)
        #expect(embed["description"]?.string?.contains("Alerts Firing:") == true)
        #expect(firing["username"]?.string == "bot" && firing["content"]?.string?.unicodeScalars.count == 2000)
        let resolved = try json(try requests(receiver, SampleNotifications.resolved)[0])
        #expect(resolved["embeds"]?.elements.first?["color"]?.number == 3_066_993)
    }

    @Test("Telegram: HTML, escaped; what is too long goes as text")
    func telegram() throws {
        let receiver =
            "telegram_configs: [{api_url: URL, bot_token: '12:ab', chat_id: -42, message_thread_id: 7, message: "
        let request = try requests(receiver + "'<b>{{ (index .Alerts 2).Annotations.summary }}</b>'}]")[0]
        #expect(request.line == "POST /bot12:ab/sendMessage HTTP/1.1")
        let message = try json(request)
        #expect(message["chat_id"]?.number == -42 && message["message_thread_id"]?.number == 7)
        #expect(message["parse_mode"]?.string == "HTML")
        #expect(message["text"]?.string == "<b>&lt;b&gt;&amp;&#34;&#39;</b>")
        let long = try json(try requests(receiver + "'<b>{{ printf \"%5000d\" 1 }}</b>'}]")[0])
        #expect(long["parse_mode"] == nil && long["text"]?.string?.unicodeScalars.count == 4096)
        let empty = try json(try requests(receiver + "''}]")[0])
        #expect(empty["text"]?.string == "(no details)")
    }

    @Test("PagerDuty: trigger and resolve by the group's key")
    func pagerDuty() throws {
        let receiver = """
            pagerduty_configs: [{url: URL/v2/enqueue, routing_key: '{{ "k" }}', class: c, links: [{href: 'http://l', text: t}, {href: ''}],
              images: [{src: 'http://i', alt: a}], details: {who: '{{ .Receiver }}', num_firing: 'x'}}]
            """
        let firing = try json(try requests(receiver)[0])
        #expect(firing["routing_key"]?.string == "k" && firing["dedup_key"]?.string == key)
        #expect(firing["event_action"]?.string == "trigger" && firing["client"]?.string == "Alertmanager")
        let payload = try #require(firing["payload"])
        #expect(payload["summary"]?.string == "[FIRING:2] DiskFull (page)" && payload["severity"]?.string == "error")
        #expect(payload["source"]?.string == "Alertmanager" && payload["class"]?.string == "c")
        let details = try #require(payload["custom_details"])
        #expect(details["num_firing"]?.string == "x" && details["num_resolved"]?.number == 1)
        #expect(details["firing"]?.elements.count == 2 && details["who"]?.string == #"team\.a"#)
        #expect(firing["links"]?.elements.count == 1 && firing["images"]?.elements.first?["src"]?.string == "http://i")
        let resolved = try json(try requests(receiver, SampleNotifications.resolved)[0])
        #expect(resolved["event_action"]?.string == "resolve" && resolved["dedup_key"]?.string == key)
    }

    @Test("PagerDuty: details that make an event too large are left out")
    func pagerDutyLimit() throws {
        let request = try requests(
            "pagerduty_configs: [{url: URL/x, routing_key: k, details: {big: '{{ printf \"%600000d\" 1 }}'}}]")[0]
        #expect(request.body.count < 2000)
        #expect(try json(request)["payload"]?["custom_details"]?["error"]?.string?.contains("512 kB") == true)
    }

    @Test("PagerDuty: version 1")
    func pagerDutyOld() throws {
        let event = try json(try requests("pagerduty_configs: [{url: URL/x, service_key: k}]")[0])
        #expect(event["service_key"]?.string == "k" && event["incident_key"]?.string == key)
        #expect(event["event_type"]?.string == "trigger" && event["details"]?["num_firing"]?.number == 2)
    }

    @Test("Teams: an adaptive card that stays under 28 KB")
    func teams() throws {
        let card = try json(try requests("msteamsv2_configs: [{webhook_url: URL/w}]")[0])
        let content = try #require(card["attachments"]?.elements.first?["content"])
        #expect(card["type"]?.string == "message" && content["type"]?.string == "AdaptiveCard")
        #expect(content["body"]?.elements.first?["color"]?.string == "Attention")
        #expect(content["body"]?.elements.last?["text"]?.string?.contains("# Alerts Firing:") == true)
        let large = try requests(
            "msteamsv2_configs: [{webhook_url: URL/w, text: '{{ printf \"%60000q\" \"<\" }}<<{{ range 9000 }}<{{ end }}'}]"
        )[0]
        #expect(large.body.count <= 28_000)
    }

    @Test("Pushover: a form; emergencies ask to be acknowledged")
    func pushover() throws {
        let receiver = "pushover_configs: [{api_url: URL/1/messages.json, user_key: u, token: t, html: true, ttl: 1h}]"
        let request = try requests(receiver)[0]
        #expect(request.headers["content-type"] == "application/x-www-form-urlencoded")
        let form = ReceiverBench.form(request)
        #expect(form["token"] == "t" && form["user"] == "u" && form["html"] == "1" && form["ttl"] == "3600")
        #expect(form["title"] == "[FIRING:2] DiskFull (page)" && form["priority"] == "2")
        #expect(form["retry"] == "60" && form["expire"] == "3600")
        #expect((form["message"] ?? "").unicodeScalars.count <= 1024)
        let resolved = ReceiverBench.form(try requests(receiver, SampleNotifications.resolved)[0])
        #expect(resolved["priority"] == "0" && resolved["retry"] == nil)
        #expect(resolved["message"]?.contains("&lt;b&gt;") == true)
    }

    @Test("Opsgenie: create, change and close by alias")
    func opsgenie() throws {
        let receiver = """
            opsgenie_configs: [{api_url: URL, api_key: k, update_alerts: true, tags: 'a, b,', priority: P1,
              details: {x: '{{ .Status }}'}, responders: [{name: 'one,two', type: teams}, {username: u, type: user}, {id: '{{ .CommonLabels.no }}', type: team}]}]
            """
        let firing = try requests(receiver)
        #expect(
            firing.map(\.line) == [
                "POST /v2/alerts HTTP/1.1", "PUT /v2/alerts/\(key)/message?identifierType=alias HTTP/1.1",
                "PUT /v2/alerts/\(key)/description?identifierType=alias HTTP/1.1",
            ])
        #expect(firing.allSatisfy { $0.headers["authorization"] == "GenieKey k" })
        let alert = try json(firing[0])
        #expect(alert["alias"]?.string == key && alert["priority"]?.string == "P1")
        #expect(alert["tags"]?.elements.compactMap(\.string) == ["a", "b"])
        #expect(alert["details"]?["x"]?.string == "firing" && alert["details"]?["severity"]?.string == "page")
        #expect(
            GoJSON.array(
                (alert["responders"]?.elements ?? []).map {
                    .object($0.members.map { .init(name: $0.name, value: .string($0.value.string ?? "")) })
                }
            ).text == #"[{"name":"one","type":"team"},{"name":"two","type":"team"},{"username":"u","type":"user"}]"#)
        let resolved = try requests(receiver, SampleNotifications.resolved)
        #expect(resolved.map(\.line) == ["POST /v2/alerts/\(key)/close?identifierType=alias HTTP/1.1"])
    }

    @Test("ntfy: JSON to the root, cut to 4096 bytes")
    func ntfy() throws {
        let request = try requests(
            "ntfy_configs: [{url: URL, topic: 'a-{{ .CommonLabels.severity }}', token: tk, message: '{{ range 3000 }}é{{ end }}'}]"
        )[0]
        #expect(request.line == "POST / HTTP/1.1" && request.headers["authorization"] == "Bearer tk")
        let message = try json(request)
        #expect(message["topic"]?.string == "a-page" && message["priority"]?.number == 4)
        #expect(message["tags"]?.elements.compactMap(\.string) == ["rotating_light"])
        let text = message["message"]?.string ?? ""
        #expect(text.utf8.count <= 4096 && text.utf8.count > 4090 && text.hasSuffix("é…"))
    }

    @Test("SNS: a signed form")
    func sns() throws {
        let request = try requests(
            """
            sns_configs: [{api_url: URL/, phone_number: '+4712345678', sigv4: {region: eu-west-1, access_key: AKID, secret_key: SECRET},
              subject: "é\\n{{ .Status }}", message: '{{ printf "%2000d" 1 }}', attributes: {'{{ "a" }}': '{{ .Status }}'}}]
            """)[0]
        let form = ReceiverBench.form(request)
        #expect(form["Action"] == "Publish" && form["PhoneNumber"] == "+4712345678" && form["Subject"] == "? firing")
        #expect(form["Message"]?.unicodeScalars.count == 1600)
        #expect(form["MessageAttributes.entry.1.Name"] == "a")
        #expect(form["MessageAttributes.entry.1.Value.StringValue"] == "firing")
        #expect(form["MessageAttributes.entry.2.Name"] == "truncated")
        #expect(request.headers["x-amz-date"] == "20220125T123743Z")
        let authorization = request.headers["authorization"] ?? ""
        #expect(
            authorization.hasPrefix(
                "AWS4-HMAC-SHA256 Credential=AKID/20220125/eu-west-1/sns/aws4_request, "
                    + "SignedHeaders=content-type;host;x-amz-date, Signature="))
    }

    @Test("SMS: Twilio's form, one request for each number")
    func sms() throws {
        let twilio = "sms_configs: [{account_sid: AC1, auth_token: t, from: '+1', to: ['+2'], url: URL/Messages.json}]"
        let request = try requests(twilio)[0]
        #expect(request.headers["authorization"] == "Basic QUMxOnQ=")
        #expect(
            ReceiverBench.form(request) == ["To": "+2", "From": "+1", "Body": "[FIRING:2] DiskFull (page)"])
        let own =
            "sms_configs: [{url: URL/s, to: ['1', '2'], to_field: recipient, message_field: text, form: {key: '{{ .Status }}'}, message: hi, max_length: 10}]"
        #expect(ReceiverBench.form(try requests(own)[0]) == ["recipient": "1", "text": "hi", "key": "firing"])
    }

    @Test("generic HTTP: any method, headers, form or JSON")
    func http() throws {
        let put = try requests(
            "http_configs: [{url: 'URL/{{ .Status }}', method: PUT, content_type: text/x, body: 'b {{ .Status }}', headers: {X-S: \"a\\n{{ .Status }}\"}}]"
        )[0]
        #expect(put.line == "PUT /firing HTTP/1.1" && put.headers["content-type"] == "text/x")
        #expect(put.headers["x-s"] == "a firing" && ReceiverBench.body(put) == "b firing")
        let form = try requests("http_configs: [{url: URL, form: {a: '{{ .Status }}&'}}]")[0]
        #expect(ReceiverBench.body(form) == "a=firing%26")
        let document = try requests("http_configs: [{url: URL, json: {n: '{{ len .Alerts }}'}}]")[0]
        #expect(ReceiverBench.body(document) == #"{"n":3}"#)
    }
}
