import Bytes
import Glibc
import Telemetry

/// systemd's units and their states, asked of systemd over D-Bus.
///
/// The list of units is one answer. The rest has to be asked for unit by unit: what changes (sockets, timers, what
/// options add) for each page, with many questions under way at a time; the type of a service once, and again when systemd
/// has read its units anew.
struct SystemdCollector: Collector {
    static let description = CollectorDescription(
        "systemd", "Units of systemd and their states, timers, sockets.",
        options: [
            CollectorOption(
                "unit_include", .pattern, default: ".+",
                "Only units of which the whole name matches; `unit_exclude` holds too."),
            CollectorOption(
                "unit_exclude", .pattern, default: #".+\.(automount|device|mount|scope|slice)"#,
                "No units of which the whole name matches."),
            CollectorOption(
                "enable_restarts_metrics", .bool, default: "false",
                "How often services were restarted: a question for each."),
            CollectorOption(
                "enable_start_time_metrics", .bool, default: "false",
                "Since when units are active: a question for each that is."),
            CollectorOption(
                "enable_task_metrics", .bool, default: "false",
                "Tasks that services have and may have: two questions for each."),
            CollectorOption(
                "private", .bool, default: "false",
                "Ask systemd over its own socket instead of the bus, which only root may; root does so by itself where no bus is."
            ),
            CollectorOption("timeout", .duration, default: "5s", "How long systemd may take for a page."),
        ]
    ) { try SystemdCollector($0) }

    private enum Tag: Int {
        case listing, version, virtualization, state, loadTime
    }

    private let filter: NameFilter
    private let client: BusClient
    private let timeout: Double
    private let asksRestarts: Bool
    private let asksStartTimes: Bool
    private let asksTasks: Bool
    private let table = UnitTable()
    private var reading = SystemdReading()

    private static let name = "org.freedesktop.systemd1"
    private static let manager = "org.freedesktop.systemd1.Manager"
    private static let path = "/org/freedesktop/systemd1"

    init(_ context: CollectorContext) throws {
        let options = context.options
        filter = try options.wholeNameFilter("unit")
        let direct = BusRoute.systemd(context.paths)
        if options.bool("private") {
            client = BusClient([direct])
        } else {
            client = BusClient([.system(context.paths)] + (geteuid() == 0 ? [direct] : []))
        }
        timeout = options.duration("timeout") ?? 5
        asksRestarts = options.bool("enable_restarts_metrics")
        asksStartTimes = options.bool("enable_start_time_metrics")
        asksTasks = options.bool("enable_task_metrics")
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        let deadline = reader.deadline(within: timeout)
        do throws(BusError) {
            do throws(BusError) {
                try read(&reader, until: deadline)
            } catch .lost where !client.isFresh {
                // The connection was kept from an earlier page; systemd or the bus may have been started anew since.
                try read(&reader, until: deadline)
            }
            client.finish()
        } catch {
            client.finish()
            throw error.collectorError
        }
        write(into: &batch)
    }

    // MARK: Asking

    private mutating func read(_ reader: inout HostReader, until deadline: Timestamp) throws(BusError) {
        reading.removeAll()
        try client.begin(&reader, until: deadline)
        // The list comes last, when it is known whether types still hold.
        try ask(property: "Version", .version)
        try ask(property: "Virtualization", .virtualization)
        try ask(property: "SystemState", .state)
        try ask(property: "UnitsLoadTimestampMonotonic", .loadTime)
        try client.send(BusCall(Self.name, Self.path, Self.manager, "ListUnits"), tag: Tag.listing.rawValue)
        while let answer = try client.receive(&reader, until: deadline) { try take(answer, reader.text) }
        prepareQuestions()
        try askQuestions(&reader, until: deadline)
    }

    private func ask(property: String, _ tag: Tag) throws(BusError) {
        try client.send(BusCall(Self.name, Self.path, property: property, of: Self.manager), tag: tag.rawValue)
    }

    private mutating func take(_ answer: BusClient.Answer, _ text: RawSpan) throws(BusError) {
        guard let tag = Tag(rawValue: answer.tag) else { return }
        if let error = answer.error {
            if BusError.namelessErrors.contains(error) {
                throw .absent("\(Self.name): nobody at the bus has this name")
            }
            // Properties that this systemd does not have.
            guard tag == .listing else { return }
            throw .refused(call: "ListUnits", error: error)
        }
        if tag == .listing {
            table.begin(loadTime: reading.loadTime)
            guard reading.take(text, filter: filter, table: table) else { throw .unreadable(call: "ListUnits") }
            return
        }
        var values = BusValues(text)
        guard values.next() else { return }
        switch tag {
        case .version:
            reading.version = String(lossy: values.value)
            reading.versionNumber = SystemdVersion.number(in: values.value) ?? 0
        case .virtualization: reading.virtualization = String(lossy: values.value)
        case .state: reading.isRunning = values.value.equals("running" as StaticString)
        case .loadTime: reading.loadTime = String(lossy: values.value)
        case .listing: break
        }
    }

    private mutating func prepareQuestions() {
        for index in reading.listed.indices {
            let listed = reading.listed[index]
            func ask(_ property: UnitProperty) {
                reading.questions.append(.init(listed: index, property: property, answer: nil))
            }
            switch listed.kind {
            case .service:
                if !table.knowsType(listed.unit) { ask(.serviceType) }
                if asksRestarts { ask(.restarts) }
                if asksTasks {
                    ask(.tasks)
                    ask(.mostTasks)
                }
            // What is mounted may change without systemd's reading anything.
            case .mount: ask(.mountType)
            case .socket:
                ask(.accepted)
                ask(.connections)
                ask(.refused)
            case .timer: ask(.lastTrigger)
            case .other: break
            }
            if asksStartTimes, listed.state == .active { ask(.activeSince) }
        }
    }

    private mutating func askQuestions(_ reader: inout HostReader, until deadline: Timestamp) throws(BusError) {
        var next = 0
        while true {
            while next < reading.questions.count, client.pendingCount < BusClient.window {
                let question = reading.questions[next]
                let path = table.path(reading.listed[question.listed].unit)
                let property = question.property
                try client.send(
                    BusCall(Self.name, path, property: property.name, of: property.interface), tag: next)
                next += 1
            }
            guard let answer = try client.receive(&reader, until: deadline) else { return }
            // A unit may be gone since it was listed, a property unknown to this systemd.
            guard answer.error == nil else { continue }
            var values = BusValues(reader.text)
            guard values.next() else { continue }
            let question = reading.questions[answer.tag]
            switch question.property {
            case .serviceType, .mountType:
                table.setType(reading.listed[question.listed].unit, to: values.value)
            default: reading.questions[answer.tag].answer = values.value.unsigned
            }
        }
    }

    // MARK: Writing

    private func write(into batch: inout SampleBatch) {
        batch.startLabels()
        batch.label("version", reading.version)
        let version = batch.endLabels()
        batch.sample(
            batch.family("node_systemd_version", .gauge, "systemd's version."), version, reading.versionNumber)
        // An empty one is bare metal.
        let virtualization = reading.virtualization.map { $0.isEmpty ? "none" : $0 } ?? "unknown"
        let virtualizationLabels = batch.labels("virtualization_type", virtualization)
        batch.sample(
            batch.family("node_systemd_virtualization_info", .gauge, "What systemd found it runs on; always 1."),
            virtualizationLabels, 1)
        if let isRunning = reading.isRunning {
            batch.sample(
                "node_systemd_system_running", .gauge, "Whether the system is up and no unit failed.", isRunning ? 1 : 0
            )
        }
        let families = SystemdFamilies(in: &batch)
        for state in UnitState.allCases {
            batch.sample(families.units, batch.labels("state", state.name), Double(reading.counts[state.rawValue]))
        }
        for other in reading.otherCounts {
            batch.sample(families.units, batch.labels("state", other.state), Double(other.count))
        }
        for listed in reading.listed {
            for state in UnitState.allCases {
                batch.startLabels()
                table.writeName(listed.unit, into: &batch)
                batch.label("state", state.name)
                table.writeType(listed.unit, into: &batch)
                batch.sample(families.state, batch.endLabels(), listed.state == state ? 1 : 0)
            }
            // Known only by being asked for, and asked for only while a unit is active.
            if asksStartTimes, listed.state != .active, let family = families.family(of: .activeSince) {
                batch.sample(family, table.name(listed.unit, into: &batch), 0)
            }
        }
        for question in reading.questions {
            guard let family = families.family(of: question.property), let answer = question.answer,
                let value = question.property.sample(answer)
            else { continue }
            batch.sample(family, table.name(reading.listed[question.listed].unit, into: &batch), value)
        }
    }
}
