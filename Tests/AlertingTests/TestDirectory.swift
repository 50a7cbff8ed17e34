import Bytes
import Glibc

/// A directory of its own, deleted with it.
final class TestDirectory: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/tocsin-alerting-XXXXXX".utf8CString)
        path = mkdtemp(&template).map { String(cString: $0) } ?? "/tmp"
    }

    deinit {
        let directory = StoreDirectory(path: path)
        for name in (try? directory.names()) ?? [] { unlink(directory.file(name)) }
        rmdir(path)
    }

    func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        let file = try StoreFile(path: path + "/" + name, flags: O_WRONLY | O_CREAT | O_TRUNC)
        try file.write(bytes.span.bytes, RawSpan(), at: 0, faults: DiskFaults())
    }

    func contents(_ name: String) throws -> [UInt8] {
        let file = try StoreFile(path: path + "/" + name, flags: O_RDONLY)
        var buffer = ByteBuffer()
        try file.read(at: 0, length: Int(try file.size()), into: &buffer)
        return [UInt8](buffer.bytes)
    }
}
