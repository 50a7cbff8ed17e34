import Configuration
import Glibc
import Telemetry

/// `sns_configs`.
package struct SNSConfiguration: ReceiverConfiguration {
    package static let kind = "sns"
    package static let templateKeys = [
        TemplateKey("api_url", "", "The API, where it is not the region's own."),
        TemplateKey("topic_arn", "", "The topic to publish to; one of these three."),
        TemplateKey("phone_number", "", "The telephone to send an SMS to."),
        TemplateKey("target_arn", "", "The device or application to push to."),
        TemplateKey("subject", #"{{ template "sns.default.subject" . }}"#, "At most 100 characters; for mails."),
        TemplateKey("message", #"{{ template "sns.default.message" . }}"#, "At most 256 KiB; an SMS 1600 characters."),
    ]
    package var options: ReceiverOptions
    var signature = Signature()
    var attributes: [(name: MessageField, value: MessageField)] = []

    package static let configurationKeys: [ConfigurationKey] =
        ReceiverOptions.keys(templateKeys, sendsResolved: true) + [
            ConfigurationKey("sigv4", "mapping", "`region`, `access_key`, `secret_key`."),
            ConfigurationKey("attributes", "mapping of templates", "Attributes of the message."),
            .ignored("use_aws_http_client", "there is one HTTP client"),
        ]

    package init(_ reader: MappingReader) {
        options = ReceiverOptions(reader, Self.templateKeys, sendsResolved: true)
        signature = reader.section("sigv4") ?? signature
        for entry in reader.value("attributes")?.entries() ?? [] {
            let key = TemplateKey("attributes", "", "")
            let name = ValueReader(
                node: YAMLNode(content: .scalar(entry.key, isPlain: true), position: entry.keyPosition),
                name: "attributes", context: reader.context)
            attributes.append((MessageField(name, key), MessageField(entry.value, key)))
        }
        let targets = ["topic_arn", "phone_number", "target_arn"].filter { !options[$0].template.isEmpty }
        if targets.count != 1 {
            reader.report("expected one of topic_arn, phone_number and target_arn, found \(targets.count)")
        }
    }

    package func needs(_ global: GlobalConfiguration) -> [String] {
        var needs: [String] = []
        if signature.region.isEmpty { needs.append("expected sigv4's region, or AWS_REGION in the environment") }
        if signature.credentials == nil {
            needs.append("expected sigv4's access_key and secret_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        }
        return needs
    }

    package func integrations(
        _ global: GlobalConfiguration, _ environment: ReceiverEnvironment
    ) -> [any Integration] {
        [SNSReceiver(configuration: self, client: client(global, environment), environment: environment)]
    }

    struct Signature: ConfigurationSection, Sendable {
        var region = ""
        var credentials: AWSSignature.Credentials?

        static let configurationKeys: [ConfigurationKey] = [
            ConfigurationKey("region", "string", "AWS's region; else `AWS_REGION` of the environment."),
            ConfigurationKey("access_key", "string", "Who signs; else `AWS_ACCESS_KEY_ID` of the environment."),
            ConfigurationKey("secret_key", "secret", "With what; else `AWS_SECRET_ACCESS_KEY`."),
            .refused("profile", "profiles are not supported; use access_key and secret_key"),
            .refused("role_arn", "taking on a role is not supported; use the keys of a user that may publish"),
            .refused("external_id", "taking on a role is not supported"),
        ]

        init() { self.init { name in getenv(name).map { String(cString: $0) } } }

        private init(_ variable: (String) -> String?) {
            region = variable("AWS_REGION") ?? variable("AWS_DEFAULT_REGION") ?? ""
            if let key = variable("AWS_ACCESS_KEY_ID"), let secret = variable("AWS_SECRET_ACCESS_KEY") {
                credentials = .init(
                    key: key, secret: Secret(secret), token: variable("AWS_SESSION_TOKEN").map { Secret($0) })
            }
        }

        init(_ reader: MappingReader) {
            self.init(reader.context.surroundings.variable)
            region = reader.string("region") ?? region
            let key = reader.string("access_key")
            let secret = reader.string("secret_key")
            if (key == nil) != (secret == nil) {
                reader.report("expected access_key and secret_key together, found only one")
            }
            if let key, let secret { credentials = .init(key: key, secret: Secret(secret)) }
        }
    }
}
