import PushServer
import Rules
import Telemetry
import Testing

@testable import Alerting

/// Answers that mean something at one service only, as its documents have them.
@Suite struct ServiceAnswersTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var receiver: String
        var reply: PushServer.Reply
        var outcome: ReceiverOutcome
        var reason: String

        init(_ receiver: String, _ reply: PushServer.Reply, _ outcome: ReceiverOutcome, _ reason: String = "") {
            self.receiver = receiver
            self.reply = reply
            self.outcome = outcome
            self.reason = reason
        }

        var testDescription: String { "\(receiver) \(reply)" }
    }

    private static let slackHook = "{name: r, slack_configs: [{api_url: URL/services/T/B/x}]}"
    private static let slackBot =
        "{name: r, slack_configs: [{app_token: x, app_url: URL/api/chat.postMessage, channel: C1, update_message: true}]}"
    private static let telegram = "{name: r, telegram_configs: [{api_url: URL, bot_token: '12:ab', chat_id: -42}]}"
    private static let pushover = "{name: r, pushover_configs: [{api_url: URL/1/m.json, user_key: u, token: t}]}"
    private static let discord = "{name: r, discord_configs: [{webhook_url: URL/api/webhooks/1/t}]}"
    private static let teams = "{name: r, msteamsv2_configs: [{webhook_url: URL/workflows/1}]}"
    private static let pagerDuty = "{name: r, pagerduty_configs: [{url: URL/v2/enqueue, routing_key: k}]}"
    private static let oldPagerDuty = "{name: r, pagerduty_configs: [{url: URL/generic, service_key: k}]}"
    private static let opsgenie = "{name: r, opsgenie_configs: [{api_url: URL, api_key: k, update_alerts: true}]}"
    private static let ntfy = "{name: r, ntfy_configs: [{url: URL, topic: alerts}]}"
    private static let sns =
        "{name: r, sns_configs: [{api_url: URL/, topic_arn: 'arn:aws:sns:eu-west-1:1:t', sigv4: {region: eu-west-1, access_key: AK, secret_key: s}}]}"
    private static let twilio =
        "{name: r, sms_configs: [{url: URL/sms, account_sid: AC1, auth_token: t, from: '+1', to: ['+4712345678']}]}"
    private static let http = "{name: r, http_configs: [{url: URL/x, retry_on: [404, 409]}]}"

    private static func amazon(_ code: String) -> String {
        "<ErrorResponse><Error><Type>Sender</Type><Code>\(code)</Code><Message>m</Message></Error></ErrorResponse>"
    }

    private static let slackRows: [Row] = [
        // Incoming webhooks: `ok`, or a word with a status of 4xx or 5xx.
        Row(slackHook, .status(200, body: "ok"), .delivered),
        Row(slackHook, .status(200, body: "invalid_payload"), .refused, "invalid_payload"),
        Row(slackHook, .status(200, body: "<html>portal</html>"), .refused, "portal"),
        Row(slackHook, .status(403, body: "invalid_token"), .refused, "invalid_token"),
        Row(slackHook, .status(404, body: "no_service"), .refused, "no_service"),
        Row(slackHook, .status(410, body: "channel_is_archived"), .refused, "channel_is_archived"),
        Row(slackHook, .status(500, body: "rollup_error"), .retry, "rollup_error"),
        Row(slackHook, .status(429, headers: ["Retry-After: 30"], body: "rate_limited"), .retry(after: 30)),
        // The Web API: always an object, mostly with status 200.
        Row(slackBot, .status(200, body: #"{"ok":true,"channel":"C1","ts":"1.2"}"#), .delivered),
        Row(slackBot, .status(200, body: #"{"ok":true,"warning":"missing_charset"}"#), .delivered),
        Row(slackBot, .status(200, body: #"{"ok":false,"error":"invalid_auth"}"#), .refused, "invalid_auth"),
        Row(slackBot, .status(200, body: #"{"ok":false,"error":"channel_not_found"}"#), .refused, "channel_not_found"),
        Row(slackBot, .status(200, body: #"{"ok":false,"error":"not_in_channel"}"#), .refused, "not_in_channel"),
        Row(slackBot, .status(200, body: #"{"ok":false,"error":"msg_too_long"}"#), .refused, "msg_too_long"),
        Row(slackBot, .status(200, body: #"{"ok":false}"#), .refused),
        Row(slackBot, .status(200, body: #"{"ok":false,"error":"internal_error"}"#), .retry, "internal_error"),
        Row(slackBot, .status(200, body: #"{"ok":false,"error":"request_timeout"}"#), .retry),
        Row(slackBot, .status(200, body: #"{"ok":false,"error":"service_unavailable"}"#), .retry),
        Row(
            slackBot, .status(200, headers: ["Retry-After: 12"], body: #"{"ok":false,"error":"ratelimited"}"#),
            .retry(after: 12)),
        Row(
            slackBot, .status(429, headers: ["Retry-After: 30"], body: #"{"ok":false,"error":"ratelimited"}"#),
            .retry(after: 30)),
        Row(slackBot, .status(200, body: #"{"ok":fal"#), .retry),
    ]

    private static let chatRows: [Row] = [
        // Telegram: always an object; `error_code` repeats the status, or stands alone.
        Row(telegram, .status(200, body: #"{"ok":true,"result":{"message_id":1}}"#), .delivered),
        Row(
            telegram, .status(200, body: #"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#),
            .refused, "chat not found"),
        Row(
            telegram, .status(400, body: #"{"ok":false,"error_code":400,"description":"can't parse entities"}"#),
            .refused, "parse entities"),
        Row(telegram, .status(401, body: #"{"ok":false,"error_code":401,"description":"Unauthorized"}"#), .refused),
        Row(
            telegram, .status(403, body: #"{"ok":false,"error_code":403,"description":"bot was kicked"}"#), .refused),
        Row(
            telegram,
            .status(429, body: #"{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":35}}"#),
            .retry(after: 35)),
        Row(
            telegram,
            .status(200, body: #"{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":8}}"#),
            .retry(after: 8)),
        Row(telegram, .status(200, body: #"{"ok":false,"error_code":502,"description":"Bad Gateway"}"#), .retry),
        Row(telegram, .status(200, body: "<html>portal</html>"), .retry, "portal"),
        Row(telegram, .status(200), .retry),
        // Discord: seconds with a fraction in the body, and whole ones in the header, which are never fewer.
        Row(discord, .status(204), .delivered),
        Row(discord, .status(429, body: #"{"message":"x","retry_after":0.65,"global":false}"#), .retry(after: 0.65)),
        Row(
            discord,
            .status(429, headers: ["Retry-After: 2"], body: #"{"message":"x","retry_after":1.25,"global":true}"#),
            .retry(after: 2)),
        Row(discord, .status(404, body: #"{"message":"Unknown Webhook","code":10015}"#), .refused, "Unknown Webhook"),
        // Teams: workflows answer 202; connectors 200, with what Teams said behind them in the text.
        Row(teams, .status(202), .delivered), Row(teams, .status(200, body: "1"), .delivered),
        Row(
            teams,
            .status(
                200,
                body:
                    "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId tcid=0"
            ), .retry, "429"),
        Row(
            teams,
            .status(
                200,
                body:
                    "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413 with ContextId tcid=0"
            ), .refused, "413"),
        Row(teams, .status(413, body: "too large"), .refused),
    ]

    private static let pagerRows: [Row] = [
        Row(pagerDuty, .status(202, body: #"{"status":"success","message":"x","dedup_key":"k"}"#), .delivered),
        Row(
            pagerDuty, .status(400, body: #"{"status":"invalid event","errors":["'severity' is invalid"]}"#), .refused,
            "severity"),
        Row(pagerDuty, .status(403), .refused), Row(pagerDuty, .status(429), .retry),
        Row(oldPagerDuty, .status(403), .retry), Row(oldPagerDuty, .status(400), .refused),
        Row(oldPagerDuty, .status(200, body: #"{"status":"success"}"#), .delivered),
        Row(opsgenie, .status(202, body: #"{"result":"Request will be processed","took":0.1}"#), .delivered),
        Row(opsgenie, .status(422, body: #"{"message":"Request body is not processable"}"#), .refused, "processable"),
        Row(opsgenie, .status(429, body: #"{"message":"You are making too many requests!"}"#), .retry),
        // Pushover: 200 has status 1, 4xx another; 429 is a quota for the month.
        Row(pushover, .status(200, body: #"{"status":1,"request":"r"}"#), .delivered),
        Row(pushover, .status(200, body: #"{"status":0,"errors":["user key is invalid"]}"#), .refused, "user key"),
        Row(pushover, .status(400, body: #"{"status":0,"errors":["token is invalid"]}"#), .refused, "token"),
        Row(pushover, .status(429, body: #"{"status":0,"errors":["over its quota"]}"#), .refused, "quota"),
        Row(pushover, .status(500), .retry(after: 5)), Row(pushover, .reset, .retry(after: 5)),
        Row(ntfy, .status(200, body: #"{"id":"x","event":"message"}"#), .delivered),
        Row(ntfy, .status(429, body: #"{"code":42901,"http":429,"error":"limit reached"}"#), .retry, "limit reached"),
        Row(ntfy, .status(413, body: #"{"code":41301,"http":413,"error":"too large"}"#), .refused),
        Row(ntfy, .status(403, body: #"{"code":40301,"http":403,"error":"forbidden"}"#), .refused),
    ]

    private static let gatewayRows: [Row] = [
        // SNS: its codes, of which some pass though their status is 400.
        Row(sns, .status(200, body: "<PublishResponse/>"), .delivered),
        Row(sns, .status(400, body: amazon("Throttling")), .retry, "Throttling"),
        Row(sns, .status(400, body: amazon("ThrottlingException")), .retry),
        Row(sns, .status(400, body: amazon("KMSThrottling")), .retry),
        Row(sns, .status(400, body: amazon("RequestTimeout")), .retry),
        Row(sns, .status(429, body: amazon("Throttled")), .retry),
        Row(sns, .status(500, body: amazon("InternalError")), .retry),
        Row(sns, .status(503, body: amazon("ServiceUnavailable")), .retry),
        Row(sns, .status(400, body: amazon("InvalidParameter")), .refused, "InvalidParameter"),
        Row(sns, .status(400, body: amazon("RequestExpired")), .refused),
        Row(sns, .status(403, body: amazon("AuthorizationError")), .refused),
        Row(sns, .status(403, body: amazon("InvalidClientTokenId")), .refused),
        Row(sns, .status(404, body: amazon("NotFound")), .refused),
        Row(twilio, .status(201, body: #"{"sid":"SM1","status":"queued","error_code":null}"#), .delivered),
        Row(twilio, .status(400, body: #"{"code":21211,"message":"Invalid 'To'","status":400}"#), .refused, "21211"),
        Row(twilio, .status(401, body: #"{"code":20003,"message":"Authenticate","status":401}"#), .refused),
        Row(twilio, .status(429, body: #"{"code":20429,"message":"Too Many Requests","status":429}"#), .retry),
        Row(http, .status(409), .retry), Row(http, .status(404), .retry), Row(http, .status(400), .refused),
    ]

    private static let rows: [Row] = slackRows + chatRows + pagerRows + gatewayRows

    @Test("answers of one service", arguments: rows)
    func answers(row: Row) throws {
        let result = try ReceiverOutcome.deliver(row.receiver, row.reply)
        #expect(ReceiverOutcome(result) == row.outcome, "\(result)")
        #expect(row.reason.isEmpty || "\(result)".contains(row.reason), "\(result)")
    }

    @Test("a message of Slack that cannot be changed any more is written anew; other troubles are its own")
    func slackUpdate() throws {
        let memory = ["threadTs": "1.2", "channelId": "C9"]
        func deliver(_ update: PushServer.Reply) throws -> (ReceiverOutcome, [String]) {
            let server = PushServer { request in
                request.line.contains("chat.update")
                    ? update : .status(200, body: #"{"ok":true,"channel":"C1","ts":"5.6"}"#)
            }
            defer { server.stop() }
            let integration = try ReceiverBench().integration(ReceiverSamples.file(Self.slackBot), server)
            let result = integration.deliver(SampleNotifications.mixed, memory: memory, stop: StopToken())
            return (ReceiverOutcome(result), server.requests.map { String($0.line.split(separator: " ")[1]) })
        }
        let update = "/api/chat.update"
        for gone in ["message_not_found", "edit_window_closed", "cant_update_message"] {
            let (outcome, paths) = try deliver(.status(200, body: #"{"ok":false,"error":"\#(gone)"}"#))
            #expect(outcome == .delivered && paths == [update, "/api/chat.postMessage"])
        }
        for (reply, expected) in [
            (.status(200, body: #"{"ok":true,"channel":"C9","ts":"1.2"}"#), .delivered),
            (.status(200, body: #"{"ok":false,"error":"ratelimited"}"#), .retry),
            (.status(200, body: #"{"ok":false,"error":"token_revoked"}"#), .refused),
            (.status(429, headers: ["Retry-After: 3"]), .retry(after: 3)), (.status(503), .retry), (.reset, .retry),
            (.status(404), .refused),
        ] as [(PushServer.Reply, ReceiverOutcome)] {
            let (outcome, paths) = try deliver(reply)
            #expect(outcome == expected && paths == [update], "\(reply)")
        }
    }

    @Test("Opsgenie's further requests of one notification fail it as the first does")
    func opsgenieSteps() throws {
        let server = PushServer { $0.line.hasPrefix("PUT") ? .status(503) : .status(202) }
        defer { server.stop() }
        let integration = try ReceiverBench().integration(ReceiverSamples.file(Self.opsgenie), server)
        let result = integration.deliver(SampleNotifications.mixed, memory: [:], stop: StopToken())
        #expect(ReceiverOutcome(result) == .retry && server.requests.count == 2)
    }
}
