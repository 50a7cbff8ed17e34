import ArgumentParser
import Bytes
import Exporter
import Glibc
import Telemetry

/// `tocsin metrics`: one collection to standard output; needs no running agent.
struct MetricsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics", abstract: "Collect the host's metrics once and print them.",
        discussion: """
            Takes node_exporter's flags: --path.procfs, --path.sysfs, --path.rootfs, --path.udev.data,
            --[no-]collector.NAME, --collector.NAME.OPTION=VALUE, --collector.disable-defaults.
            """)

    @Flag(help: "OpenMetrics instead of the text format.") var openmetrics = false

    @Option(help: "Give up on collectors after so many seconds.") var timeout = 10.0

    @Argument(parsing: .allUnrecognized, help: .hidden) var flags: [String] = []

    func run() throws {
        var host = HostConfiguration()
        let collectors: [(name: String, collector: any Collector)]
        do {
            try HostFlags.parse(flags, into: &host)
            collectors = try host.makeCollectors()
        } catch {
            Terminal.complain("tocsin metrics: \(error)")
            throw ExitCode(2)
        }
        let collection = HostCollection(
            collectors, sampleLimit: host.sampleLimit, metrics: MetricRegistry(),
            onProblem: { Terminal.complain("\($0): \($1)") })
        var batch = SampleBatch()
        collection.collect(.all, timeout: timeout, into: &batch)
        var exposition = Exposition()
        var buffer = ByteBuffer()
        exposition.render(batch, as: openmetrics ? .openMetrics : .text, into: &buffer)
        for example in exposition.duplicateExamples { Terminal.complain("duplicate: \(example)") }
        buffer.bytes.withUnsafeBytes { bytes in
            var offset = 0
            while offset < bytes.count {
                let written = write(STDOUT_FILENO, bytes.baseAddress.map { $0 + offset }, bytes.count - offset)
                if written < 0 { break }
                offset += written
            }
        }
    }
}
