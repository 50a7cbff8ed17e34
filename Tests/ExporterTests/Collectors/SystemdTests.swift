import Bytes
import Glibc
import Telemetry
import TestSupport
import Testing

@testable import Exporter

/// An answer's values as the client hands them on.
private func values(_ texts: [String]) -> ByteBuffer {
    var buffer = ByteBuffer()
    for text in texts {
        buffer.append(text)
        buffer.append(0)
    }
    return buffer
}

/// A unit as ListUnits has it.
private func unit(_ name: String, _ active: String, load: String = "loaded") -> [String] {
    [name, "What it is", load, active, "sub", "", "/path/\(name)", "0", "", "/"]
}

@Suite struct SystemdTests {
    @Test("units are listed with name, how they were loaded, state and path")
    func listing() {
        let text = values(unit("a.service", "active") + unit("b.timer", "failed", load: "not-found"))
        var units = UnitListing(text.bytes)
        var seen: [[String]] = []
        while units.next() {
            seen.append(
                [
                    String(lossy: units.name), String(lossy: units.loadState), String(lossy: units.activeState),
                    String(lossy: units.path),
                ])
        }
        let isTorn = units.isTorn
        #expect(!isTorn)
        #expect(
            seen == [
                ["a.service", "loaded", "active", "/path/a.service"],
                ["b.timer", "not-found", "failed", "/path/b.timer"],
            ])
    }

    @Test("an answer that ends within a unit is torn, wherever it ends", arguments: 1..<10)
    func torn(_ count: Int) {
        let text = values(unit("a.service", "active") + unit("b.service", "active").prefix(count))
        var units = UnitListing(text.bytes)
        var count = 0
        while units.next() { count += 1 }
        let isTorn = units.isTorn
        #expect(isTorn && count == 1)
    }

    @Test("anything at all is read as a listing without harm")
    func fuzz() {
        let seed = SeededRandom.seed()
        var random = SeededRandom(seed: seed)
        let filter = NameFilter(include: nil, exclude: nil)
        let table = UnitTable()
        for _ in 0..<500 {
            var buffer = ByteBuffer()
            for _ in 0..<Int.random(in: 0..<400, using: &random) {
                buffer.append(
                    UInt8.random(in: 0..<4, using: &random) == 0 ? 0 : UInt8.random(in: 0...255, using: &random))
            }
            var reading = SystemdReading()
            table.begin(loadTime: "1")
            _ = reading.take(buffer.bytes, filter: filter, table: table)
            _ = LogindLists.sessions(buffer.bytes)
            _ = LogindLists.seats(buffer.bytes)
            _ = SystemdVersion.number(in: buffer.bytes)
        }
    }

    @Test("all units are counted by state, loaded ones that the patterns let through are told")
    func reading() throws {
        let text = values(
            unit("c.socket", "reloading") + unit("f", "reloading") + unit("b.mount", "active")
                + unit("d.service", "inactive", load: "not-found") + unit("e.timer", "failed")
                + unit("a.service", "active"))
        var reading = SystemdReading()
        let table = UnitTable()
        table.begin(loadTime: "")
        let filter = NameFilter(include: nil, exclude: try Regex(#"\A(?:.+\.mount)\z"#))
        let isWhole = reading.take(text.bytes, filter: filter, table: table)
        #expect(isWhole)
        let counts = UnitState.allCases.map { reading.counts[$0.rawValue] }
        #expect(counts == [0, 2, 0, 1, 1])
        #expect(reading.otherCounts.map(\.state) == ["reloading"] && reading.otherCounts.map(\.count) == [2])
        #expect(reading.listed.map(\.kind) == [.service, .socket, .timer, .other])
        #expect(reading.listed.map(\.state) == [.active, nil, .failed, nil])
    }

    @Test(
        "the version is the first number of three digits or more",
        arguments: [
            ("252.39-1~deb12u2", 252.39), ("v255", 255), ("systemd 12 1234.5.6", 1234.5), ("219", 219), ("257.", 257),
            ("257~rc1-1", 257), ("12.345", 345),
        ])
    func version(_ text: String, _ number: Double) {
        var buffer = ByteBuffer()
        buffer.append(text)
        #expect(SystemdVersion.number(in: buffer.bytes) == number)
    }

    @Test("a text without such a number is no version", arguments: ["", "12", "v9.12", "unknown"])
    func noVersion(_ text: String) {
        var buffer = ByteBuffer()
        buffer.append(text)
        #expect(SystemdVersion.number(in: buffer.bytes) == nil)
    }

    @Test("numbers that stand for none are none, times are seconds")
    func numbers() {
        #expect(UnitProperty.tasks.sample(.max) == nil)
        #expect(UnitProperty.mostTasks.sample(7) == 7)
        #expect(UnitProperty.lastTrigger.sample(1_500_000) == 1.5)
        #expect(UnitProperty.refused.sample(3) == 3)
    }

    @Test("logind's lists are read, unknown kinds are others")
    func logind() {
        let seats = LogindLists.seats(values(["seat0", "/s/seat0", "seat1", "/s/seat1"]).bytes)
        #expect(seats == ["seat0", "seat1"])
        let sessions = LogindLists.sessions(
            values(["1", "0", "root", "seat0", "/a", "c2", "1000", "u", "", "/b", "torn", "1"]).bytes)
        #expect(sessions.map(\.seat) == ["seat0", ""] && sessions.map(\.path) == ["/a", "/b"])
        let kinds = values(["tty", "tablet"])
        var cursor = BusValues(kinds.bytes)
        _ = cursor.next()
        #expect(LogindSession.known(cursor.value, among: LogindSession.types) == "tty")
        _ = cursor.next()
        #expect(LogindSession.known(cursor.value, among: LogindSession.types) == "other")
    }
}

@Suite struct UnitTableTests {
    private func number(_ table: UnitTable, _ name: String) -> Int {
        var buffer = ByteBuffer()
        buffer.append(name)
        return table.number(of: buffer.bytes, path: buffer.bytes)
    }

    private func setType(_ table: UnitTable, _ unit: Int) {
        var buffer = ByteBuffer()
        buffer.append("simple")
        table.setType(unit, to: buffer.bytes)
    }

    @Test("units have their places by name, however they came")
    func ranks() {
        let table = UnitTable()
        table.begin(loadTime: "1")
        let units = ["b", "a-c", "c", "a"].map { number(table, $0) }
        #expect(units.map { table.rank($0) } == [2, 1, 3, 0])
        #expect(table.rank(number(table, "aa")) == 2)
    }

    @Test("a type holds from page to page, until systemd reads its units anew or the unit was away")
    func types() {
        let table = UnitTable()
        table.begin(loadTime: "5")
        let unit = number(table, "a.service")
        setType(table, unit)
        table.begin(loadTime: "5")
        #expect(number(table, "a.service") == unit && table.knowsType(unit))
        table.begin(loadTime: "6")
        #expect(number(table, "a.service") == unit && !table.knowsType(unit))
        setType(table, unit)
        table.begin(loadTime: "6")
        table.begin(loadTime: "6")
        #expect(number(table, "a.service") == unit && !table.knowsType(unit))
    }

    @Test("where systemd does not say when it read its units, a type holds for minutes")
    func withoutLoadTime() {
        let table = UnitTable()
        let start = Timestamp.monotonic
        table.begin(loadTime: "", now: start)
        let unit = number(table, "a.service")
        setType(table, unit)
        table.begin(loadTime: "", now: start.adding(seconds: 200))
        #expect(number(table, "a.service") == unit && table.knowsType(unit))
        table.begin(loadTime: "", now: start.adding(seconds: 400))
        #expect(number(table, "a.service") == unit && !table.knowsType(unit))
    }

    @Test("units that are gone do not pile up")
    func bounded() {
        let table = UnitTable()
        var highest = 0
        for page in 0..<200 {
            table.begin(loadTime: "1")
            for index in 0..<50 { highest = max(highest, number(table, "run-\(page)-\(index).service")) }
        }
        #expect(highest < 400)
    }
}

@Suite struct BusTests {
    @Test("a name must match from end to end, and the exclusion holds beside an inclusion")
    func wholeNames() throws {
        let table = [
            CollectorOption("unit_include", .pattern, default: ".+", "I"),
            CollectorOption("unit_exclude", .pattern, default: #".+\.(mount|slice)"#, "E"),
        ]
        let plain = try CollectorOptions(table).wholeNameFilter("unit")
        #expect(plain.allows("a.service") && plain.allows("a.mount.service") && !plain.allows("a.mount"))
        let some = try CollectorOptions(table, values: ["unit_include": "a|b.*"]).wholeNameFilter("unit")
        #expect(some.allows("a") && !some.allows("ab") && some.allows("b.service") && !some.allows("b.mount"))
        let all = try CollectorOptions(table, values: ["unit_exclude": ""]).wholeNameFilter("unit")
        #expect(all.allows("a.mount"))
    }

    @Test("where nobody is, both collectors have nothing and no problem")
    func absent() throws {
        let host = FakeHost()
        for collector in ["systemd", "logind"] {
            let lines = try host.samples(of: collector)
            #expect(lines.isEmpty)
        }
    }

    @Test("an answer is waited for no longer than the page")
    func deadline() {
        var reader = HostReader()
        let before = Timestamp.monotonic
        let own = reader.deadline(within: 5).seconds(since: before)
        #expect(own >= 5 && own < 6)
        reader.deadline = before.adding(seconds: 2)
        let page = reader.deadline(within: 5).seconds(since: before)
        #expect(page > 1.5 && page < 2)
    }
}
