/// The pauses between attempts at one notification: half a second, then half as much again each time, a minute at most.
struct DeliveryBackoff: Sendable {
    private var next: Double
    private static let factor = 1.5
    private static let longest = 60.0

    /// - Parameter first: seconds.
    init(first: Double = 0.5) { next = first }

    /// Seconds before the next attempt, at least those that the service asked for.
    mutating func pause(asked: Double?) -> Double {
        defer { next = min(next * Self.factor, Self.longest) }
        return max(next, min(asked ?? 0, 86_400))
    }
}
