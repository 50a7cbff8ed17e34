import Bytes
import Configuration
import Glibc

extension HTTPClientConfiguration.Credential {
    /// Reads the secret again from the file it came from; false where there is none or it cannot be read, and the
    /// secret is as it was. Line ends at the end do not belong to it.
    mutating func reload() -> Bool {
        guard !file.isEmpty else { return false }
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var content = [UInt8](repeating: 0, count: 64 << 10)
        let length = content.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        guard length > 0 else { return false }
        var bytes = content[..<length]
        while let last = bytes.last, last == 0x0a || last == 0x0d { bytes.removeLast() }
        let fresh = Secret(String(decoding: bytes, as: UTF8.self))
        guard fresh != secret else { return false }
        secret = fresh
        return true
    }
}
