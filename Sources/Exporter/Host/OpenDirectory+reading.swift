import CLinux
import Glibc

/// Files whose names are literals, read without a string.
extension OpenDirectory {
    /// Bytes read, or a negative errno.
    func read(_ name: StaticString, into room: UnsafeMutableRawBufferPointer, isPiecewise: Bool) -> Int {
        // A literal ends with a NUL.
        name.withUTF8Buffer { name in
            name.withMemoryRebound(to: CChar.self) { name in
                guard let start = name.baseAddress else { return -Int(EINVAL) }
                return Int(clinux_read_at(descriptor, start, room.baseAddress, room.count, isPiecewise ? 1 : 0))
            }
        }
    }

    /// The number between brackets in a namespace's link (`net:[4026531840]`); nil where it may not be read.
    package func namespace(_ name: StaticString) -> UInt64? {
        name.withUTF8Buffer { name in
            name.withMemoryRebound(to: CChar.self) { name in
                withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { room -> UInt64? in
                    guard let start = name.baseAddress, let target = room.baseAddress else { return nil }
                    let length = readlinkat(descriptor, start, target, room.count)
                    guard length > 0, let open = room[..<length].firstIndex(of: 0x5b) else { return nil }
                    var number: UInt64 = 0
                    for byte in room[(open + 1)..<length] {
                        guard (0x30...0x39).contains(byte) else { return byte == 0x5d ? number : nil }
                        let (tens, overflow) = number.multipliedReportingOverflow(by: 10)
                        if overflow { return nil }
                        number = tens &+ UInt64(byte - 0x30)
                    }
                    return nil
                }
            }
        }
    }

    /// The inode of a file below; nil where there is none.
    package func inode(_ name: StaticString) -> UInt64? {
        name.withUTF8Buffer { name in
            name.withMemoryRebound(to: CChar.self) { name in
                guard let start = name.baseAddress else { return nil }
                var status = stat()
                return fstatat(descriptor, start, &status, 0) == 0 ? UInt64(status.st_ino) : nil
            }
        }
    }
}
