import Bytes
import Telemetry

/// `/proc/sys/fs/file-nr`: open files, free ones (always 0), and how many there may be.
struct FileDescriptorsCollector: Collector {
    static let description = CollectorDescription("filefd", "Open files of the whole host.") {
        FileDescriptorsCollector($0)
    }

    private let file: HostFile

    init(_ context: CollectorContext) { file = HostFile(context.paths.proc("sys/fs/file-nr"), .one) }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try reader.load(file)
        var fields = FieldCursor(reader.text)
        guard let allocated = fields.nextNumber(), fields.next(), let maximum = fields.nextNumber() else {
            throw CollectorError.failed("\(file.path): expected three numbers")
        }
        batch.sample("node_filefd_allocated", .gauge, "Files that are open.", allocated)
        batch.sample("node_filefd_maximum", .gauge, "Files that may be open.", maximum)
    }
}
