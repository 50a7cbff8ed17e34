import Rules
import Telemetry
import Transport

/// A receiver that posts one JSON document to one secret URL.
protocol JSONWebhook: Integration {
    var options: ReceiverOptions { get }
    var url: SecretReference? { get }
    var client: ServiceClient { get }
    var environment: ReceiverEnvironment { get }

    func message(_ renderer: MessageRenderer) -> GoJSON
    /// Throws where an answer of success says in its body that there is none.
    func check(_ response: HTTPResponse) throws(DeliveryFailure)
}

extension JSONWebhook {
    var sendsResolved: Bool { options.sendsResolved }

    func deliver(_ notification: Notification, memory: DeliveryMemory, stop: StopToken) -> DeliveryResult {
        .of { () throws(DeliveryFailure) in
            let renderer = MessageRenderer(kind, NotificationData(notification), environment)
            try check(client.sendJSON(try url?.read(environment) ?? "", message(renderer), stop: stop))
            return memory
        }
    }

    func check(_ response: HTTPResponse) throws(DeliveryFailure) {}
}
