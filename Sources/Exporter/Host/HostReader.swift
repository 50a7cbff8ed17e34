import Bytes
import CLinux
import Glibc
import Telemetry

/// What a collector reads with: the text of one file at a time, in memory that is used again.
///
///     try reader.load(file)
///     var lines = LineCursor(reader.text)
package struct HostReader: ~Copyable {
    private var buffer = ByteBuffer()
    /// Lines and values that could not be understood and were left out, since the last collection began.
    package private(set) var oddities = 0
    /// The first of them, for the log.
    package private(set) var firstOddity = ""
    /// When the page goes out, whether the collector is done or not, on the monotonic clock.
    package var deadline = Timestamp(nanoseconds: .max)

    package init() {}

    /// Until when to wait for another process: `seconds` at most, and not so long that nothing could be told of it.
    package func deadline(within seconds: Double) -> Timestamp {
        min(Timestamp.monotonic.adding(seconds: seconds), deadline.adding(seconds: -Self.margin))
    }

    /// Seconds.
    private static let margin = 0.05

    /// What was loaded last.
    package var text: RawSpan {
        @_lifetime(borrow self)
        get { buffer.bytes }
    }

    /// Makes the file's contents `text`.
    package mutating func load(_ file: HostFile) throws(HostFileError) {
        buffer.removeAll()
        try file.read(into: &buffer)
    }

    /// Makes the contents of a file that may be absent `text`; false where it is absent.
    package mutating func loadIfPresent(_ file: HostFile) throws(HostFileError) -> Bool {
        do throws(HostFileError) {
            try load(file)
            return true
        } catch {
            buffer.removeAll()
            if error.isAbsent { return false }
            throw error
        }
    }

    /// The number that a file holds and nothing else. Throws where it cannot be read or is none.
    package mutating func wholeNumber(in file: HostFile) throws -> Double {
        try load(file)
        guard let value = text.trimmed.number else { throw CollectorError.failed("\(file.path): expected a number") }
        return value
    }

    /// Makes an attribute of sysfs `text`, without the blanks around it; false where it cannot be read, as is usual with
    /// attributes that a driver does not have. At most 64 KiB.
    package mutating func loadAttribute(_ path: String) -> Bool {
        loadAttribute(descriptor: clinux_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0))
    }

    /// As `loadAttribute`, of a directory that is open: no path is put together.
    package mutating func loadAttribute(_ name: String, in directory: borrowing OpenDirectory) -> Bool {
        loadAttribute(descriptor: directory.open(name))
    }

    package mutating func loadAttribute(_ name: StaticString, in directory: borrowing OpenDirectory) -> Bool {
        loadAttribute(descriptor: directory.open(name))
    }

    /// Reads and closes `descriptor`, which may be one that could not be opened.
    private mutating func loadAttribute(descriptor: Int32) -> Bool {
        buffer.removeAll()
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var isRead = true
        while buffer.count < 64 << 10 {
            var wasFilled = false
            let got = buffer.appendUninitialized(atLeast: 4096) { room -> Int in
                let got = read(descriptor, room.baseAddress, 4096)
                isRead = got >= 0
                wasFilled = got == 4096
                return max(0, got)
            }
            // sysfs hands out an attribute, a page at most, in one read.
            if got == 0 || !wasFilled { break }
        }
        trim()
        return isRead
    }

    /// The number in an attribute; nil where there is none.
    package mutating func number(_ path: String) -> Double? { loadAttribute(path) ? text.number : nil }

    /// Makes what a system call writes `text`. `fill` gets at least `room` bytes and returns how many it filled, or a
    /// negative errno, which is thrown with `what` in place of a path.
    package mutating func load(
        _ what: String, room: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Int
    ) throws(HostFileError) {
        buffer.removeAll()
        var code: Int32 = 0
        _ = buffer.appendUninitialized(atLeast: room) { room -> Int in
            let filled = fill(room)
            if filled < 0 { code = Int32(clamping: -filled) }
            return max(0, filled)
        }
        if code != 0 { throw HostFileError(path: what, code: code) }
    }

    /// Makes a file of `directory` `text`; false where it cannot be read. At most 4 MiB.
    ///
    /// - Parameter isPiecewise: whether the kernel hands the file out in pieces, as it does with lists of processes and
    ///   interfaces; what it writes in one piece (most of cgroupfs) is read with one call.
    package mutating func load(
        _ name: StaticString, in directory: borrowing OpenDirectory, isPiecewise: Bool = false
    ) -> Bool {
        var wanted = 16 << 10
        while true {
            buffer.removeAll()
            var wasFilled = false
            var isRead = false
            _ = buffer.appendUninitialized(atLeast: wanted) { room -> Int in
                let got = directory.read(name, into: room, isPiecewise: isPiecewise)
                isRead = got >= 0
                wasFilled = got == room.count
                return max(0, got)
            }
            if !wasFilled || wanted >= 4 << 20 { return isRead }
            wanted = max(wanted, buffer.count) * 2
        }
    }

    private mutating func trim() {
        var end = buffer.count
        while end > 0, buffer.bytes.byte(at: end - 1) <= 0x20 { end -= 1 }
        buffer.truncate(to: end)
        var start = 0
        while start < end, buffer.bytes.byte(at: start) <= 0x20 { start += 1 }
        buffer.removeFirst(start)
    }

    /// Counts something that is not as expected and was left out.
    package mutating func odd(_ what: @autoclosure () -> String) {
        if oddities == 0 { firstOddity = what() }
        oddities += 1
    }

    package mutating func forgetOddities() {
        oddities = 0
        firstOddity = ""
    }
}
