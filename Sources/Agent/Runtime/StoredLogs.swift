import Glibc
import Logs
import Loki
import Telemetry

/// Reads lines from the files of a store that no agent has open.
struct StoredLogs {
    let directory: String

    func stream(_ request: LogRequest, to printer: EntryPrinter) throws {
        let files = try StoreFiles(directory: directory)
        var search = LogSearch(request.query) { (at, metadataOnly, record) throws(StoreError) in
            try files.read(at: at, metadataOnly: metadataOnly, into: &record)
        }
        var (entries, location) = try search.newest(request.limit, from: request.start, until: request.end)
        printer.print(entries)
        while request.isFollowing {
            entries.removeAll(keepingCapacity: true)
            if try search.next(at: &location, from: request.start, into: &entries) {
                printer.print(entries)
            } else {
                sleep(1)
            }
        }
    }
}
