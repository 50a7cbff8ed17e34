import Bytes

/// What `/proc/stat` says of one CPU, in ticks (proc_stat(5)).
struct CPUTimes: Equatable {
    /// The columns: user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice.
    private(set) var columns: InlineArray<10, UInt64>

    /// Ticks in a second, the kernel's USER_HZ; 100 on every architecture that Linux still runs on.
    static let ticksPerSecond = 100.0
    /// Ticks by which the idle time must go back for the CPU to count as another one.
    private static let jump: UInt64 = 300

    init() { columns = InlineArray(repeating: 0) }

    /// The columns behind the CPU's name; what an old kernel lacks is 0. Nil where not even the first four are there.
    init?(_ fields: inout FieldCursor) {
        columns = InlineArray(repeating: 0)
        var count = 0
        while count < 10, let value = fields.nextInteger() {
            columns[count] = value
            count += 1
        }
        if count < 4 { return nil }
    }

    /// Takes the newer times, never going back: the kernel's idle and iowait do (they are computed, not counted), which a
    /// scraper would take for a restart. Idle time that falls by three seconds or more means that the CPU was taken out
    /// and put in again, and begins anew.
    mutating func advance(to new: CPUTimes) {
        if columns[3] >= Self.jump, new.columns[3] <= columns[3] - Self.jump {
            self = new
            return
        }
        for index in 0..<10 { columns[index] = max(columns[index], new.columns[index]) }
    }

    func seconds(_ column: Int) -> Double { Double(columns[column]) / Self.ticksPerSecond }

    static func == (a: CPUTimes, b: CPUTimes) -> Bool {
        for index in 0..<10 where a.columns[index] != b.columns[index] { return false }
        return true
    }
}

/// The times of all CPUs from one collection to the next.
struct CPUHistory {
    private struct Entry {
        var times = CPUTimes()
        /// The round it was last seen in.
        var round = -1
    }

    /// By number.
    private var entries: [Entry] = []
    private var round = 0
    /// CPUs that Linux can have.
    private static let most = 8192

    /// Begins a collection. A CPU that the last one did not see was offline and is forgotten.
    mutating func begin() { round += 1 }

    /// What to report for a CPU that now has `times`; nil where there is no such CPU.
    mutating func advance(_ cpu: UInt64, to times: CPUTimes) -> CPUTimes? {
        guard let index = Int(exactly: cpu), index < Self.most else { return nil }
        while entries.count <= index { entries.append(Entry()) }
        if entries[index].round == round - 1 {
            entries[index].times.advance(to: times)
        } else {
            entries[index].times = times
        }
        entries[index].round = round
        return entries[index].times
    }
}
