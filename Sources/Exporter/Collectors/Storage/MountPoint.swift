import Bytes

/// A line of `/proc/PID/mountinfo` (proc_pid_mountinfo(5)).
struct MountPoint: Equatable, Sendable {
    /// Unique among the mounts that there are.
    var id: String
    var major: String
    var minor: String
    /// Absolute; escapes undone.
    var path: [UInt8]
    /// What is mounted, as the kernel writes it.
    var device: String
    var type: String
    var isReadOnly: Bool

    /// Nil for a line that is not as it should be.
    init?(_ line: RawSpan) {
        var fields = FieldCursor(line)
        guard fields.next(), fields.field.unsigned != nil else { return nil }
        id = String(lossy: fields.field)
        guard fields.next(), fields.next() else { return nil }
        let number = fields.field
        guard let colon = number.firstIndex(of: 0x3a), number.extracting(0..<colon).unsigned != nil,
            number.extracting((colon + 1)..<number.byteCount).unsigned != nil
        else { return nil }
        major = String(lossy: number.extracting(0..<colon))
        minor = String(lossy: number.extracting((colon + 1)..<number.byteCount))
        guard fields.next(), fields.next(), fields.field.byteCount > 0, fields.field.byte(at: 0) == 0x2f else {
            return nil
        }
        path = Self.unescaped(fields.field)
        guard fields.next() else { return nil }
        isReadOnly = Self.has("ro", in: fields.field)
        // Any number of optional fields, then a hyphen.
        repeat {
            guard fields.next() else { return nil }
        } while !fields.field.equals("-" as StaticString)
        guard fields.next() else { return nil }
        type = String(lossy: fields.field)
        guard fields.next() else { return nil }
        device = String(lossy: fields.field)
        if fields.next(), Self.has("ro", in: fields.field) || Self.has("emergency_ro", in: fields.field) {
            isReadOnly = true
        }
    }

    /// The ids of those of which statfs(2) reads memory only, that neither ask a server nor wait for a disk, and to
    /// which no way leads through one that may.
    static func sure(among mounts: [MountPoint]) -> Set<String> {
        let fromMemory = ["ext2", "ext3", "ext4", "xfs", "tmpfs", "ramfs"]
        let others = mounts.filter { !fromMemory.contains($0.type) }
        let sure = mounts.filter { mount in
            fromMemory.contains(mount.type) && !others.contains { mount.isAtOrBelow($0.path) }
        }
        return Set(sure.map(\.id))
    }

    private func isAtOrBelow(_ other: [UInt8]) -> Bool {
        path.starts(with: other)
            && (path.count == other.count || other.last == 0x2f || path[other.count] == 0x2f)
    }

    /// All mounts of the text; `odd` is how many lines were not as they should be.
    static func all(in text: RawSpan, odd: inout Int) -> [MountPoint] {
        var mounts: [MountPoint] = []
        var lines = LineCursor(text)
        while lines.next() {
            if let mount = MountPoint(lines.line) { mounts.append(mount) } else { odd += 1 }
        }
        return mounts
    }

    /// Blanks, line feeds and backslashes stand as `\040`.
    private static func unescaped(_ field: RawSpan) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(field.byteCount)
        var offset = 0
        while offset < field.byteCount {
            let byte = field.byte(at: offset)
            if byte == 0x5c, offset + 3 < field.byteCount {
                var value = 0
                for place in 1...3 {
                    let digit = Int(field.byte(at: offset + place)) - 0x30
                    value = (0...7).contains(digit) && value >= 0 ? value * 8 + digit : -1
                }
                if (1...255).contains(value) {
                    result.append(UInt8(value))
                    offset += 4
                    continue
                }
            }
            result.append(byte)
            offset += 1
        }
        return result
    }

    /// Whether one of the options, which stand between commas, is `word`.
    private static func has(_ word: StaticString, in options: RawSpan) -> Bool {
        var start = 0
        while start <= options.byteCount {
            let end = options.firstIndex(of: 0x2c, from: start) ?? options.byteCount
            if options.extracting(start..<end).equals(word) { return true }
            start = end + 1
        }
        return false
    }
}
