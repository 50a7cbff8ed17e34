import Rules
import Telemetry

/// A receiver that posts one JSON document to one secret URL.
protocol JSONWebhook: Integration {
    var options: ReceiverOptions { get }
    var url: SecretReference? { get }
    var client: ServiceClient { get }
    var environment: ReceiverEnvironment { get }

    func message(_ renderer: MessageRenderer) -> GoJSON
}

extension JSONWebhook {
    var sendsResolved: Bool { options.sendsResolved }

    func deliver(_ notification: Notification, memory: DeliveryMemory, stop: StopToken) -> DeliveryResult {
        .of { () throws(DeliveryFailure) in
            let renderer = MessageRenderer(kind, NotificationData(notification), environment)
            try client.sendJSON(try url?.read(environment) ?? "", message(renderer), stop: stop)
            return memory
        }
    }
}
