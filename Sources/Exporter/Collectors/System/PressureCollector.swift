import Bytes
import Glibc
import Telemetry

/// `/proc/pressure` (Documentation/accounting/psi.rst): microseconds that some or all tasks lost to waiting.
struct PressureCollector: Collector {
    static let description = CollectorDescription("pressure", "Time lost to waiting for CPU, memory, disks.") {
        PressureCollector($0)
    }

    private struct Resource {
        var file: HostFile
        var some: StaticString?
        var full: StaticString?
    }

    private let resources: [Resource]

    init(_ context: CollectorContext) {
        func file(_ name: String) -> HostFile { HostFile(context.paths.proc("pressure/\(name)"), .one) }
        resources = [
            // All tasks waiting for a CPU is nothing that a host as a whole can be in.
            Resource(file: file("cpu"), some: "node_pressure_cpu_waiting_seconds_total"),
            Resource(
                file: file("io"), some: "node_pressure_io_waiting_seconds_total",
                full: "node_pressure_io_stalled_seconds_total"),
            Resource(
                file: file("memory"), some: "node_pressure_memory_waiting_seconds_total",
                full: "node_pressure_memory_stalled_seconds_total"),
            // Since Linux 6.1, and without a line `some`.
            Resource(file: file("irq"), full: "node_pressure_irq_stalled_seconds_total"),
        ]
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        var isPresent = false
        for resource in resources {
            do throws(HostFileError) {
                guard try reader.loadIfPresent(resource.file) else { continue }
            } catch {
                // Built into the kernel, but switched off (`psi=0`).
                if error.code == EOPNOTSUPP { continue }
                throw error
            }
            isPresent = true
            let isRead = Self.write(resource, reader.text, into: &batch)
            if !isRead { reader.odd("\(resource.file.path): a line without a total") }
        }
        if !isPresent { throw CollectorError.absent(resources[0].file.path) }
    }

    /// Returns whether all that was expected was there.
    private static func write(_ resource: Resource, _ text: RawSpan, into batch: inout SampleBatch) -> Bool {
        var isWhole = true
        var lines = LineCursor(text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next() else { continue }
            let family: StaticString?
            if fields.field.equals("some" as StaticString) {
                family = resource.some
            } else if fields.field.equals("full" as StaticString) {
                family = resource.full
            } else {
                isWhole = false
                continue
            }
            guard let family else { continue }
            var total: Double?
            while fields.next() {
                guard fields.field.hasPrefix("total=" as StaticString) else { continue }
                total = fields.field.slice(6, fields.field.byteCount).number
            }
            guard let total else {
                isWhole = false
                continue
            }
            // Twice, as the division by a million gives another last digit than others report.
            batch.sample(family, .counter, "Seconds in which tasks waited for a resource.", total / 1000 / 1000)
        }
        return isWhole
    }
}
