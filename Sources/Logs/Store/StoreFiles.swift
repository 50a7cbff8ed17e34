import Bytes
import CLinux
import Glibc
import Telemetry

/// The store's records read from its files, without its lock: another process may be writing them, and a record it
/// has not finished is simply not there yet.
package final class StoreFiles: RecordArchive {
    private let reader: SegmentReader

    /// `directory` is the one the agent's store was opened with.
    package init(directory: String) throws(StoreError) {
        reader = SegmentReader(directory: StoreDirectory(path: directory + "/segments"))
        do throws(SystemError) {
            _ = try reader.directory.names()
        } catch {
            throw StoreError(
                error.code == ENOENT
                    ? "there is no store in \(directory): start the agent once, or name its state_dir"
                    : "cannot read the store: \(error); run this as root or as the agent's user")
        }
    }

    /// Where the oldest record begins, or nil where there is none.
    package var oldest: RecordLocation? { segments().first { !$0.isEmpty }?.start }

    /// By number, with size and time of writing; time ranges and counts take reading (`records(in:)`).
    package func segments() -> [SegmentSummary] {
        numbers().compactMap { number in
            var status = clinux_file_status()
            let path = reader.directory.file(SegmentFormat.kind.fileName(number))
            guard clinux_status_of_path(path, 0, &status) == 0, status.mode & UInt32(S_IFMT) == UInt32(S_IFREG) else {
                return nil
            }
            var segment = SegmentSummary(
                number: number, written: Timestamp(nanoseconds: status.modification_time))
            segment.end = max(status.size, SegmentFormat.firstOffset)
            return segment
        }
    }

    package func records(in segment: UInt64) throws(StoreError) -> [RecordSummary] {
        guard let limit = size(segment) else { return [] }
        do throws(SystemError) {
            return try reader.records(in: segment, limit: limit)
        } catch {
            throw StoreError(error.description)
        }
    }

    package func read(
        at location: RecordLocation, metadataOnly: Bool, into record: inout StoredRecord
    ) throws(StoreError) -> RecordReadResult {
        let numbers = numbers()
        for number in numbers where number >= location.segment {
            guard let limit = size(number) else { continue }
            let offset =
                number == location.segment ? max(location.offset, SegmentFormat.firstOffset) : SegmentFormat.firstOffset
            do throws(SystemError) {
                switch try reader.read(number, at: offset, limit: limit, metadataOnly: metadataOnly, into: &record) {
                case .record: return .record
                case .damaged(let next): return .damaged(next: RecordLocation(segment: number, offset: next))
                // In the newest segment it may be a record that is being written.
                case .torn where number != numbers.last:
                    return .damaged(next: RecordLocation(segment: number, offset: limit))
                case .torn, .end: continue
                }
            } catch {
                if error.code == ENOENT { continue }
                throw StoreError(error.description)
            }
        }
        return .end
    }

    private func numbers() -> [UInt64] {
        let names = (try? reader.directory.names()) ?? []
        return names.compactMap(SegmentFormat.kind.number(ofFileNamed:)).sorted()
    }

    /// Nil where it is gone or cannot be read.
    private func size(_ number: UInt64) -> UInt64? { try? reader.file(number).size() }
}
