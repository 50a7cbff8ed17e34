import Glibc
import Telemetry
import Testing

@Suite("Time zones")
struct TimeZoneTests {
    static let names = [
        "Europe/Oslo", "Europe/London", "Europe/Dublin", "America/New_York", "America/Sao_Paulo", "America/St_Johns",
        "Australia/Lord_Howe", "Asia/Kathmandu", "Asia/Tehran", "Africa/Casablanca", "Pacific/Apia", "Asia/Gaza",
        "Antarctica/Troll", "Etc/GMT+5", "UTC",
    ]

    /// What `date` says the offset is, in seconds, for many times at once.
    private func system(_ zone: String, _ times: [Int64]) throws -> [Int] {
        let path = "/tmp/tocsin-zones-\(getpid())-\(zone.split(separator: "/").joined(separator: "-"))"
        let file = try #require(fopen(path, "w"))
        for time in times { fputs("@\(time)\n", file) }
        fclose(file)
        defer { unlink(path) }
        let pipe = try #require(popen("TZ=\(zone) LC_ALL=C date -f \(path) +%::z", "r"))
        defer { pclose(pipe) }
        var offsets: [Int] = []
        var line = [CChar](repeating: 0, count: 64)
        while fgets(&line, Int32(line.count), pipe) != nil {
            let text = String(
                decoding: line.prefix { $0 != 10 && $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let parts = text.dropFirst().split(separator: ":").compactMap { Int($0) }
            guard parts.count == 3 else { continue }
            offsets.append((text.hasPrefix("-") ? -1 : 1) * (parts[0] * 3600 + parts[1] * 60 + parts[2]))
        }
        return offsets
    }

    @Test("offsets are those that date tells, to the second of every change from 1900 to 2100", arguments: names)
    func againstDate(_ name: String) throws {
        let zone = try #require(TimeZones.zone(named: name))
        var times: [Int64] = []
        // Every change there is, found by halving, and the seconds around it; and a time in each week.
        let week: Int64 = 7 * 86_400
        var time: Int64 = -2_208_988_800
        while time < 4_102_444_800 {
            times.append(time)
            if zone.offset(at: time) != zone.offset(at: time + week) {
                var (low, high) = (time, time + week)
                while high - low > 1 {
                    let middle = (low + high) / 2
                    if zone.offset(at: middle) == zone.offset(at: low) { low = middle } else { high = middle }
                }
                times += [low - 1, low, high, high + 1]
            }
            time += week
        }
        let expected = try system(name, times)
        #expect(expected.count == times.count)
        let wrong = zip(times, expected).filter { zone.offset(at: $0) != $1 }
        #expect(wrong.isEmpty, "\(name): \(wrong.prefix(3))")
    }

    @Test("a calendar shows the date")
    func calendar() {
        let leap = CalendarTime(seconds: 1_709_164_799)  // 2024-02-28T23:59:59Z
        #expect((leap.year, leap.month, leap.day, leap.weekday) == (2024, 2, 28, 3))
        let next = CalendarTime(seconds: 1_709_164_800)
        #expect((next.month, next.day, next.hour, next.weekday) == (2, 29, 0, 4))
        #expect(CalendarTime(seconds: -1).year == 1969)
    }

    @Test("names that lead out of the directory, and files that are no zones, are refused")
    func hostile() {
        for name in ["../../etc/passwd", "/etc/localtime", "Europe", "Europe/", "Nowhere", "zone.tab", "Europe//Oslo"] {
            #expect(TimeZones.zone(named: name) == nil, "\(name)")
        }
    }

    @Test("a zone file that is cut off or changed is refused or read, never worse")
    func damage() throws {
        let file = try #require(fopen("/usr/share/zoneinfo/Europe/Oslo", "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = fread(&bytes, 1, bytes.count, file)
        let whole = Array(bytes[..<count])
        #expect(ZoneFile(whole.span.bytes) != nil)
        for length in 0..<count {
            let cut = Array(whole[..<length])
            if let zone = ZoneFile(cut.span.bytes) { _ = zone.offset(at: 1_700_000_000) }
        }
        for index in 0..<count {
            var changed = whole
            changed[index] ^= 0xff
            if let zone = ZoneFile(changed.span.bytes) {
                for time: Int64 in [0, 1_700_000_000, 4_000_000_000, -5_000_000_000] { _ = zone.calendar(at: time) }
            }
        }
    }
}
