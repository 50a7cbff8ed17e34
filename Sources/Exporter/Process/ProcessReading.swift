import Bytes

/// What `/proc` says about one process at one moment.
package struct ProcessReading: Sendable, Equatable {
    package var cpuSeconds = 0.0
    package var virtualBytes = 0.0
    /// Clock ticks after boot.
    package var startTicks = 0.0
    package var residentBytes = 0.0
    package var anonymousBytes = 0.0
    package var fileBytes = 0.0
    package var sharedBytes = 0.0

    package init() {}

    /// Takes what `/proc/PID/stat` has (proc_pid_stat(5)); returns whether it had it.
    ///
    /// The second field is the program's name in parentheses and may itself hold spaces and parentheses, so
    /// counting begins after the last one.
    package mutating func takeStat(_ text: RawSpan, ticksPerSecond: Double) -> Bool {
        guard let name = text.lastIndex(of: 0x29) else { return false }
        var found = 0
        var index = name + 1
        var field = 2
        while index < text.byteCount {
            while index < text.byteCount, text.byte(at: index) == 0x20 { index += 1 }
            let start = index
            while index < text.byteCount, text.byte(at: index) != 0x20 { index += 1 }
            field += 1
            guard [14, 15, 22, 23].contains(field), let value = Self.number(text, from: start) else { continue }
            found += 1
            switch field {
            case 14: cpuSeconds = value / ticksPerSecond
            case 15: cpuSeconds += value / ticksPerSecond
            case 22: startTicks = value
            default: virtualBytes = value
            }
        }
        return found == 4
    }

    /// Takes what `/proc/PID/status` has; returns whether it had the resident size.
    ///
    /// `RssAnon`, `RssFile` and `RssShmem` cost nothing to read; `smaps_rollup` walks all page tables for them.
    package mutating func takeStatus(_ text: RawSpan) -> Bool {
        guard let resident = Self.kilobytes("VmRSS:", in: text) else { return false }
        residentBytes = resident
        anonymousBytes = Self.kilobytes("RssAnon:", in: text) ?? 0
        fileBytes = Self.kilobytes("RssFile:", in: text) ?? 0
        sharedBytes = Self.kilobytes("RssShmem:", in: text) ?? 0
        return true
    }

    /// Seconds since 1970 at which the machine was started, from `/proc/stat`.
    package static func bootTime(_ text: RawSpan) -> Double? {
        value(after: "btime ", in: text)
    }

    private static func kilobytes(_ key: String, in text: RawSpan) -> Double? {
        value(after: key, in: text).map { $0 * 1024 }
    }

    /// The number after `key` where a line begins with it.
    private static func value(after key: String, in text: RawSpan) -> Double? {
        var line = 0
        while line < text.byteCount {
            let end = text.firstIndex(of: 0x0a, from: line) ?? text.byteCount
            if hasPrefix(key, text, at: line, end) {
                var start = line + key.utf8.count
                while start < end, text.byte(at: start) == 0x20 || text.byte(at: start) == 0x09 { start += 1 }
                return number(text, from: start)
            }
            line = end + 1
        }
        return nil
    }

    private static func hasPrefix(_ key: String, _ text: RawSpan, at start: Int, _ end: Int) -> Bool {
        guard end - start >= key.utf8.count else { return false }
        var index = start
        for byte in key.utf8 {
            if text.byte(at: index) != byte { return false }
            index += 1
        }
        return true
    }

    /// The decimal digits at `start` as a number, or nil where there are none.
    private static func number(_ text: RawSpan, from start: Int) -> Double? {
        var value = 0.0
        var index = start
        while index < text.byteCount, (0x30...0x39).contains(text.byte(at: index)) {
            value = value * 10 + Double(text.byte(at: index) - 0x30)
            index += 1
        }
        return index == start ? nil : value
    }
}
