import Telemetry

/// `/proc/sys/kernel/hung_task_detect_count`, since Linux 6.15.
struct KernelHungCollector: Collector {
    static let description = CollectorDescription("kernel_hung", "Tasks that the kernel found hanging.") {
        KernelHungCollector($0)
    }

    private let file: HostFile

    init(_ context: CollectorContext) { file = HostFile(context.paths.proc("sys/kernel/hung_task_detect_count"), .one) }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        batch.sample(
            "node_kernel_hung_tasks_total", .counter, "Tasks found hanging since the host was booted.",
            try reader.wholeNumber(in: file))
    }
}
