import Bytes
import Glibc
import Telemetry

/// The clock, its zone, and where the kernel has the time from (`sys/devices/system/clocksource`).
struct TimeCollector: Collector {
    static let description = CollectorDescription("time", "The clock and its sources.") { TimeCollector($0) }

    private struct Source {
        var index: Int
        var available: String
        var current: String
    }

    private let directory: HostDirectory
    private var sources: [Source] = []

    init(_ context: CollectorContext) {
        directory = HostDirectory(context.paths.sys("devices/system/clocksource"))
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        let now = Timestamp.now
        batch.sample("node_time_seconds", .gauge, "The host's clock, seconds since 1970.", now.secondsSince1970)
        var seconds = time_t(now.parts.seconds)
        var local = tm()
        if localtime_r(&seconds, &local) != nil {
            let zone = batch.family(
                "node_time_zone_offset_seconds", .gauge, "Seconds by which the host's zone is ahead of UTC.")
            let name = local.tm_zone.map { String(cString: $0) } ?? ""
            batch.sample(zone, batch.labels("time_zone", name), Double(local.tm_gmtoff))
        }
        // What follows is no part of the clock: a host without it has the time all the same.
        guard let isChanged = try? directory.refresh() else { return }
        if isChanged { findSources() }
        let available = batch.family(
            "node_time_clocksource_available_info", .gauge, "Sources of time that the kernel could use; always 1.")
        let current = batch.family(
            "node_time_clocksource_current_info", .gauge, "The source of time that the kernel uses; always 1.")
        for source in sources {
            for (family, path) in [(available, source.available), (current, source.current)] {
                guard reader.loadAttribute(path) else { continue }
                var names = FieldCursor(reader.text)
                while names.next() {
                    batch.startLabels()
                    batch.label("clocksource", names.field)
                    batch.label("device", source.index)
                    batch.sample(family, batch.endLabels(), 1)
                }
            }
        }
    }

    private mutating func findSources() {
        let names = directory.names.filter { $0.hasPrefix("clocksource") && $0.count > "clocksource".count }
        sources = names.enumerated().map { index, name in
            let path = "\(directory.path)/\(name)"
            return Source(
                index: index, available: path + "/available_clocksource", current: path + "/current_clocksource")
        }
    }
}
