import PushServer
import Telemetry

@testable import Alerting

/// What a delivery comes to, its reason aside.
enum ReceiverOutcome: Equatable {
    case delivered
    case refused
    /// With what the service asks to wait.
    case retry(after: Double? = nil)

    static let retry = ReceiverOutcome.retry()

    init(_ result: DeliveryResult) {
        switch result {
        case .delivered: self = .delivered
        case .refused: self = .refused
        case .retry(_, let after): self = .retry(after: after)
        }
    }

    /// The result of one attempt against a server that always answers with `reply`.
    static func deliver(
        _ receiver: String, _ reply: PushServer.Reply, memory: DeliveryMemory = [:], timeout: Double = 5
    ) throws -> DeliveryResult {
        let server = PushServer { _ in reply }
        defer { server.stop() }
        let integration = try ReceiverBench().integration(
            ReceiverSamples.file(receiver), server, timeout: timeout)
        return integration.deliver(SampleNotifications.mixed, memory: memory, stop: StopToken())
    }
}
