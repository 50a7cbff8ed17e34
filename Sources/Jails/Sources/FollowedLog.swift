import Bytes
import Glibc
import Logs

/// A log that jails read: through renaming, truncation and restarts, each line once.
///
/// Jails read on their own, apart from the log road: a store that is full makes that wait, and bans must not. The second reading
/// comes from the page cache.
final class FollowedLog {
    let path: String
    /// The end was reached once: what comes now is written now.
    private(set) var isLive = false
    /// Something may have changed since it was last read to its end.
    var isDue = true
    /// The watch of the open file.
    var watch: Int32 = -1
    /// There is a new file of that name, empty so far; this is the old one, to which lines may still be written.
    private(set) var awaitsSuccessor = false

    private var descriptor: Int32 = -1
    private var identity: FileIdentity?
    /// Of the next byte to read.
    private var next: UInt64 = 0
    /// The beginning of a line whose end is not there yet.
    private var rest = ByteBuffer()
    /// The rest of a line that is longer than any filter reads is passed over.
    private var isSkipping = false

    /// Turns lines into UTF-8; nil where they are that.
    private var transcoder: Transcoder?
    private var text = ByteBuffer()

    private static let chunkSize = 256 << 10
    private static let longestLine = Filter.longestLine

    /// - Parameter encoding: one with ASCII in it that `Transcoder` knows; empty for UTF-8, as is one it does not know.
    init(path: String, encoding: String = "") {
        self.path = path
        guard !encoding.isEmpty, let transcoder = try? Transcoder(encoding: encoding), transcoder.unitSize == 1 else {
            return
        }
        self.transcoder = consume transcoder
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    var isOpen: Bool { descriptor >= 0 }

    /// How the first reading finds its place.
    enum Start {
        /// Only what is written from now on.
        case end
        /// The first line of this time or later; `timeOf` says what time a line has.
        case time(Double, timeOf: (RawSpan) -> Double?)
    }

    /// Opens the file for the first time.
    func open(_ start: Start) throws(FileError) {
        try open()
        let size = try FileStatus.of(descriptor: descriptor, path: path).size
        switch start {
        case .end:
            next = size
            isLive = true
        case .time(let time, let timeOf):
            next = seek(time, size, timeOf)
            if next == 0 { openRotated(time, timeOf) }
        }
    }

    /// Begins in the file before, where that was written to since `time`. At its end the one of our name follows.
    private func openRotated(_ time: Double, _ timeOf: (RawSpan) -> Double?) {
        guard let (name, old) = newestRotated(), Double(old.modified) / 1e9 >= time else { return }
        let rotated = Glibc.open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard rotated >= 0 else { return }
        close(descriptor)
        descriptor = rotated
        identity = old.identity
        next = seek(time, old.size, timeOf)
    }

    /// `auth.log.1`, `auth.log-20261128`; not what is compressed.
    private func newestRotated() -> (path: String, status: FileStatus)? {
        guard let slash = path.utf8.lastIndex(of: 0x2f) else { return nil }
        let (directory, base) = (String(path[...slash]), String(path[path.utf8.index(after: slash)...]))
        var newest: (path: String, status: FileStatus)?
        for name in ConfigurationLayers.names(in: directory) where name.hasPrefix(base) {
            let ending = name.utf8.dropFirst(base.utf8.count)
            guard ending.first == 0x2e || ending.first == 0x2d,
                ending.allSatisfy({ ASCII.isDigit($0) || $0 == 0x2e || $0 == 0x2d }),
                let status = try? FileStatus.of(path: directory + name), status.isRegular,
                status.modified > newest?.status.modified ?? .min
            else { continue }
            newest = (directory + name, status)
        }
        return newest
    }

    private func open() throws(FileError) {
        // A FIFO of that name must not hold us.
        let opened = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard opened >= 0 else { throw FileError(code: errno, path: path) }
        do throws(FileError) {
            let status = try FileStatus.of(descriptor: opened, path: path)
            guard status.isRegular else { throw FileError(code: EISDIR, path: path) }
            identity = status.identity
        } catch {
            close(opened)
            throw error
        }
        if descriptor >= 0 { close(descriptor) }
        descriptor = opened
        next = 0
    }

    /// Reads a chunk and gives out its whole lines, without their ends. False where there is no more for now.
    ///
    /// - Returns: whether there may be more.
    func read(_ body: (RawSpan) -> Void) throws(FileError) -> Bool {
        guard descriptor >= 0 else {
            try open()
            return true
        }
        var code: Int32 = 0
        let before = rest.count
        let count = rest.appendUninitialized(atLeast: Self.chunkSize) { room in
            let count = pread(descriptor, room.baseAddress, min(room.count, Self.chunkSize), off_t(next))
            if count < 0 { code = errno }
            return max(0, count)
        }
        if code == EINTR { return true }
        if code != 0 { throw FileError(code: code, path: path) }
        if count == 0 { return try atEnd(body) }
        next += UInt64(count)
        giveOut(from: before, body)
        return true
    }

    private func giveOut(from searched: Int, _ body: (RawSpan) -> Void) {
        var start = 0
        var search = searched
        while let end = rest.bytes.firstIndex(of: 0x0a, from: search) {
            if isSkipping { isSkipping = false } else { give(rest.bytes.slice(start, end), body) }
            start = end + 1
            search = start
        }
        rest.removeFirst(start)
        guard rest.count > Self.longestLine else { return }
        // A filter reads no more of it anyhow.
        if !isSkipping { give(rest.bytes.slice(0, Self.longestLine), body) }
        isSkipping = true
        rest.removeAll()
    }

    private func give(_ line: RawSpan, _ body: (RawSpan) -> Void) {
        var end = line.byteCount
        while end > 0, line.byte(at: end - 1) == 0x0d { end -= 1 }
        let whole = line.slice(0, end)
        guard transcoder != nil else { return body(whole) }
        text.removeAll()
        transcoder?.append(whole, to: &text)
        Self.giveOut(text, body)
    }

    private static func giveOut(_ text: borrowing ByteBuffer, _ body: (RawSpan) -> Void) { body(text.bytes) }

    /// Looks whether the file is still the one of that name.
    private func atEnd(_ body: (RawSpan) -> Void) throws(FileError) -> Bool {
        isDue = false
        isLive = true
        let open = try FileStatus.of(descriptor: descriptor, path: path)
        if open.size < next {
            // Truncated, as copytruncate does it.
            next = 0
            forget()
            return open.size > 0
        }
        // Something came between the reading and the look.
        if open.size > next { return true }
        let named: FileStatus
        do throws(FileError) {
            named = try FileStatus.of(path: path)
        } catch {
            // Renamed, and the new one is not there yet; what is still written goes to the old one.
            if error.isMissing { return false }
            throw error
        }
        guard named.identity != identity, named.isRegular else { return false }
        // logrotate makes the new one before it tells whoever writes.
        awaitsSuccessor = named.size == 0
        if awaitsSuccessor { return false }
        // The last to the old one came before the first to the new one.
        if try FileStatus.of(descriptor: descriptor, path: path).size > next { return true }
        // Its last line will not get its end any more.
        if !rest.isEmpty, !isSkipping { give(rest.bytes, body) }
        forget()
        try self.open()
        watch = -1
        return true
    }

    private func forget() {
        rest.removeAll()
        isSkipping = false
    }

    /// Where to begin so that no line of `time` or later is missed; lines in the order of their times, as logs have them.
    private func seek(_ time: Double, _ size: UInt64, _ timeOf: (RawSpan) -> Double?) -> UInt64 {
        var low: UInt64 = 0
        var high = size
        var window = ByteBuffer(capacity: Self.chunkSize)
        while high - low > UInt64(Self.chunkSize) {
            let middle = low + (high - low) / 2
            window.removeAll()
            let count = window.appendUninitialized(atLeast: Self.chunkSize) {
                max(0, pread(descriptor, $0.baseAddress, min($0.count, Self.chunkSize), off_t(middle)))
            }
            guard count > 0, let first = Self.firstDated(window.bytes, timeOf) else {
                high = middle
                continue
            }
            if first.time < time { low = middle + UInt64(first.start) } else { high = middle }
        }
        return low
    }

    private static func firstDated(_ window: RawSpan, _ timeOf: (RawSpan) -> Double?) -> (start: Int, time: Double)? {
        guard var start = window.firstIndex(of: 0x0a).map({ $0 + 1 }) else { return nil }
        while let end = window.firstIndex(of: 0x0a, from: start) {
            if let time = timeOf(window.slice(start, end)) { return (start, time) }
            start = end + 1
        }
        return nil
    }
}
