import Bytes
import Telemetry

/// Who is logged in, counted by seat and kind, asked of logind over D-Bus.
struct LogindCollector: Collector {
    static let description = CollectorDescription(
        "logind", "Sessions by seat and kind.", isEnabledByDefault: false,
        options: [CollectorOption("timeout", .duration, default: "5s", "How long logind may take for a page.")]
    ) { LogindCollector($0) }

    private enum Property: Int, CaseIterable {
        case remote, type, sessionClass

        var name: String {
            switch self {
            case .remote: "Remote"
            case .type: "Type"
            case .sessionClass: "Class"
            }
        }
    }

    private let client: BusClient
    private let timeout: Double
    private var seats: [String] = []
    private var sessions: [LogindSession] = []

    private static let name = "org.freedesktop.login1"
    private static let path = "/org/freedesktop/login1"

    init(_ context: CollectorContext) {
        client = BusClient([.system(context.paths)])
        timeout = context.options.duration("timeout") ?? 5
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        let deadline = reader.deadline(within: timeout)
        do throws(BusError) {
            do throws(BusError) {
                try read(&reader, until: deadline)
            } catch .lost where !client.isFresh {
                // The connection was kept from an earlier page; the bus may have been started anew since.
                try read(&reader, until: deadline)
            }
        } catch {
            throw error.collectorError
        }
        write(into: &batch)
    }

    private mutating func read(_ reader: inout HostReader, until deadline: Timestamp) throws(BusError) {
        seats = []
        sessions = []
        try client.begin(&reader, until: deadline)
        for (tag, list) in ["ListSeats", "ListSessions"].enumerated() {
            try client.send(BusCall(Self.name, Self.path, Self.name + ".Manager", list), tag: tag)
        }
        while let answer = try client.receive(&reader, until: deadline) {
            if let error = answer.error {
                if BusError.namelessErrors.contains(error) {
                    throw .absent("\(Self.name): nobody at the bus has this name")
                }
                throw .refused(call: answer.tag == 0 ? "ListSeats" : "ListSessions", error: error)
            }
            if answer.tag == 0 {
                seats = LogindLists.seats(reader.text)
            } else {
                sessions = LogindLists.sessions(reader.text)
            }
        }
        // Sessions over the network have no seat.
        seats.append("")
        try askAboutSessions(&reader, until: deadline)
    }

    private mutating func askAboutSessions(_ reader: inout HostReader, until deadline: Timestamp) throws(BusError) {
        let properties = Property.allCases.count
        var next = 0
        while true {
            while next < sessions.count * properties, client.pendingCount < BusClient.window {
                let property = Property.allCases[next % properties]
                try client.send(
                    BusCall(
                        Self.name, sessions[next / properties].path, property: property.name, of: Self.name + ".Session"
                    ),
                    tag: next)
                next += 1
            }
            guard let answer = try client.receive(&reader, until: deadline) else { return }
            // A session may be gone since it was listed.
            guard answer.error == nil else { continue }
            var values = BusValues(reader.text)
            guard values.next() else { continue }
            let value = values.value
            let session = answer.tag / properties
            switch Property.allCases[answer.tag % properties] {
            case .remote: sessions[session].isRemote = value.equals("true" as StaticString)
            case .type: sessions[session].type = LogindSession.known(value, among: LogindSession.types)
            case .sessionClass:
                sessions[session].sessionClass = LogindSession.known(value, among: LogindSession.classes)
            }
            sessions[session].known += 1
        }
    }

    /// Every combination has a series, so that a count that falls to nothing is seen.
    private func write(into batch: inout SampleBatch) {
        let family = batch.family("node_logind_sessions", .gauge, "Sessions that logind has.")
        let whole = sessions.filter { $0.known == Property.allCases.count }
        for seat in seats {
            for isRemote in [true, false] {
                for type in LogindSession.types {
                    for sessionClass in LogindSession.classes {
                        let count = whole.count {
                            $0.seat == seat && $0.isRemote == isRemote && $0.type == type
                                && $0.sessionClass == sessionClass
                        }
                        batch.startLabels()
                        batch.label("class", sessionClass)
                        batch.label("remote", "\(isRemote)")
                        batch.label("seat", seat)
                        batch.label("type", type)
                        batch.sample(family, batch.endLabels(), Double(count))
                    }
                }
            }
        }
    }
}
