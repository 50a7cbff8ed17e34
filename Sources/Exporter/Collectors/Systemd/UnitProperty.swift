/// What only a question for each unit tells.
enum UnitProperty {
    case serviceType, mountType, restarts, accepted, connections, refused, lastTrigger, activeSince, tasks, mostTasks

    /// Where in D-Bus's names it stands.
    var interface: String {
        switch self {
        case .serviceType, .restarts, .tasks, .mostTasks: "org.freedesktop.systemd1.Service"
        case .mountType: "org.freedesktop.systemd1.Mount"
        case .accepted, .connections, .refused: "org.freedesktop.systemd1.Socket"
        case .lastTrigger: "org.freedesktop.systemd1.Timer"
        case .activeSince: "org.freedesktop.systemd1.Unit"
        }
    }

    var name: String {
        switch self {
        case .serviceType, .mountType: "Type"
        case .restarts: "NRestarts"
        case .accepted: "NAccepted"
        case .connections: "NConnections"
        case .refused: "NRefused"
        case .lastTrigger: "LastTriggerUSec"
        case .activeSince: "ActiveEnterTimestamp"
        case .tasks: "TasksCurrent"
        case .mostTasks: "TasksMax"
        }
    }

    /// What stands for "none" in numbers of 64 bits.
    private static let none = UInt64.max

    /// The value of a sample; nil where there is none to give.
    func sample(_ value: UInt64) -> Double? {
        switch self {
        case .lastTrigger, .activeSince: Double(value) / 1e6
        case .tasks, .mostTasks: value == Self.none ? nil : Double(value)
        default: Double(value)
        }
    }
}
