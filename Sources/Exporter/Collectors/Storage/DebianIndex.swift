import Bytes
import CLinux
import Glibc

/// A list of packages in Debian's form (deb822(5)): `/var/lib/dpkg/status` and the lists that apt downloads, plain or in
/// LZ4. Read piece by piece: a list has tens of megabytes.
final class DebianIndex {
    /// What is known of a package in a list.
    struct Package: Equatable {
        var name = ""
        var architecture = ""
        var version = ""
        /// `install ok installed`; in apt's lists empty.
        var status = ""
    }

    private let path: String
    private let descriptor: Int32
    private var compressed: LZ4Frame?
    private var text = ByteBuffer()

    private static let chunk = 256 << 10
    /// Bytes of a line; a longer one is no list's.
    private static let longestLine = 4 << 20

    init(_ path: String) throws {
        self.path = path
        descriptor = clinux_open(path, O_RDONLY | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw HostFileError(path: path, code: -descriptor) }
        var head = ByteBuffer()
        if try read(7, into: &head) == 7, head.bytes.load(littleEndian: 0, as: UInt32.self) == LZ4Frame.magic {
            var frame = LZ4Frame()
            guard let length = frame.start(head.bytes) else { throw damaged }
            lseek(descriptor, off_t(length), SEEK_SET)
            compressed = consume frame
        } else {
            lseek(descriptor, 0, SEEK_SET)
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    private var damaged: CollectorError { .failed("\(path): the compressed data is damaged") }

    /// Calls `body` with each package.
    func forEach(_ body: (Package) -> Void) throws {
        var package = Package()
        func finish() {
            if !package.name.isEmpty { body(package) }
            package = Package()
        }
        while try fill() {
            var taken = 0
            while let end = text.bytes.firstIndex(of: 0x0a, from: taken) {
                let line = text.bytes.extracting(taken..<end)
                taken = end + 1
                if line.byteCount == 0 {
                    finish()
                } else if line.hasPrefix("Package: " as StaticString) {
                    package.name = String(lossy: line.extracting(9..<line.byteCount).trimmed)
                } else if line.hasPrefix("Version: " as StaticString) {
                    package.version = String(lossy: line.extracting(9..<line.byteCount).trimmed)
                } else if line.hasPrefix("Architecture: " as StaticString) {
                    package.architecture = String(lossy: line.extracting(14..<line.byteCount).trimmed)
                } else if line.hasPrefix("Status: " as StaticString) {
                    package.status = String(lossy: line.extracting(8..<line.byteCount).trimmed)
                }
            }
            text.removeFirst(taken)
            guard text.count <= Self.longestLine else { throw CollectorError.failed("\(path): a line has no end") }
        }
        finish()
    }

    /// Adds what comes next to `text`; false at the end.
    private func fill() throws -> Bool {
        guard compressed != nil else { return try read(Self.chunk, into: &text) > 0 }
        var head = ByteBuffer()
        guard try read(4, into: &head) == 4, let word = head.bytes.load(littleEndian: 0, as: UInt32.self) else {
            throw damaged
        }
        if word == 0 { return false }
        let length = Int(word & 0x7fff_ffff)
        guard length <= LZ4Frame.longestBlock else { throw damaged }
        var block = ByteBuffer()
        let trailer = compressed?.blockTrailer ?? 0
        guard try read(length + trailer, into: &block) == length + trailer else { throw damaged }
        let isDone = compressed?.decode(
            block.bytes.extracting(0..<length), isCompressed: word >> 31 == 0, into: &text)
        guard isDone == true else { throw damaged }
        return true
    }

    /// Reads so many bytes, fewer at the end.
    private func read(_ count: Int, into buffer: inout ByteBuffer) throws -> Int {
        var total = 0
        while total < count {
            var code: Int32 = 0
            let wanted = count - total
            let got = buffer.appendUninitialized(atLeast: wanted) { room -> Int in
                let got = Glibc.read(descriptor, room.baseAddress, wanted)
                if got < 0 { code = errno }
                return max(0, got)
            }
            if code == EINTR { continue }
            if code != 0 { throw HostFileError(path: path, code: code) }
            if got == 0 { break }
            total += got
        }
        return total
    }
}
