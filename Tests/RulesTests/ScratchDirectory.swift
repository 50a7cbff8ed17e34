import Bytes
import Glibc

/// A directory of its own, deleted with it.
final class ScratchDirectory: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/tocsin-rules-XXXXXX".utf8CString)
        path = mkdtemp(&template).map { String(cString: $0) } ?? "/tmp"
    }

    deinit {
        let directory = StoreDirectory(path: path)
        for name in (try? directory.names()) ?? [] { unlink(directory.file(name)) }
        rmdir(path)
    }

    func names(_ suffix: String) throws -> [String] {
        try StoreDirectory(path: path).names().filter { $0.hasSuffix(suffix) }.sorted()
    }

    func contents(_ name: String) throws -> [UInt8] {
        let file = try StoreFile(path: path + "/" + name, flags: O_RDONLY)
        var buffer = ByteBuffer()
        try file.read(at: 0, length: Int(try file.size()), into: &buffer)
        return [UInt8](buffer.bytes)
    }

    func overwrite(_ name: String, _ bytes: [UInt8]) throws {
        let file = try StoreFile(path: path + "/" + name, flags: O_WRONLY | O_TRUNC)
        try file.write(bytes.span.bytes, RawSpan(), at: 0, faults: DiskFaults())
    }
}
