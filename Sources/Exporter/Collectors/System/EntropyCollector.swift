import Telemetry

/// `/proc/sys/kernel/random` (random(4)).
struct EntropyCollector: Collector {
    static let description = CollectorDescription("entropy", "The kernel's source of random numbers.") {
        EntropyCollector($0)
    }

    private let available: HostFile
    private let size: HostFile

    init(_ context: CollectorContext) {
        available = HostFile(context.paths.proc("sys/kernel/random/entropy_avail"), .one)
        size = HostFile(context.paths.proc("sys/kernel/random/poolsize"), .one)
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        batch.sample(
            "node_entropy_available_bits", .gauge, "Bits of entropy at hand.", try reader.wholeNumber(in: available))
        batch.sample(
            "node_entropy_pool_size_bits", .gauge, "Bits of entropy that the pool holds.",
            try reader.wholeNumber(in: size))
    }
}
