import Rules
import Telemetry

/// What receivers are given besides their configuration.
package struct ReceiverEnvironment: Sendable {
    package var templates: NotificationTemplates
    /// What requests call themselves: `tocsin/1.2.3`.
    package var userAgent: String
    /// Told of each template that failed and was replaced: the receiver's kind, the key, and why.
    package var templateFailed: @Sendable (_ kind: String, _ key: String, _ error: TemplateError) -> Void
    /// Milliseconds since 1970.
    package var clock: @Sendable () -> Int64
    /// Seconds for one request of a receiver that says nothing else.
    package var requestTimeout = ServiceClient.defaultTimeout
    /// Where it is set, nothing is sent and no secret read: what would be sent is given to it, and the delivery refused.
    package var preview: (@Sendable (PayloadPreview) -> Void)?

    package init(
        templates: NotificationTemplates, userAgent: String,
        templateFailed: @escaping @Sendable (_ kind: String, _ key: String, _ error: TemplateError) -> Void,
        clock: @escaping @Sendable () -> Int64 = { Timestamp.now.milliseconds }
    ) {
        self.templates = templates
        self.userAgent = userAgent
        self.templateFailed = templateFailed
        self.clock = clock
    }
}

/// What a receiver would send.
package struct PayloadPreview: Sendable {
    /// Its media type.
    package var type: String
    package var body: [UInt8]
}

extension ReceiverEnvironment {
    /// Shows what is to be sent where it is not to be sent; throws then.
    func show(_ type: String, _ body: [UInt8]) throws(DeliveryFailure) {
        guard let preview else { return }
        preview(PayloadPreview(type: type, body: body))
        throw .refused("only shown")
    }
}

/// Why an attempt to deliver failed.
enum DeliveryFailure: Error {
    case retry(String, after: Double? = nil)
    case refused(String)

    var result: DeliveryResult {
        switch self {
        case .retry(let reason, let after): .retry(reason: reason, after: after)
        case .refused(let reason): .refused(reason: reason)
        }
    }
}

extension DeliveryResult {
    /// What `attempt` gives: what is to be remembered, or why it failed.
    static func of(_ attempt: () throws(DeliveryFailure) -> DeliveryMemory) -> DeliveryResult {
        do {
            return .delivered(memory: try attempt())
        } catch {
            return error.result
        }
    }
}
