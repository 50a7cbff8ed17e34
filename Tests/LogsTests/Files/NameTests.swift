import Logging
import Telemetry
import TestSupport
import Testing

@testable import Logs

@Suite("names of files")
struct NameTests {
    @Test(
        "rotated names are told from others",
        arguments: [
            ("app.log.1", "app.log", true), ("app.log.12.gz", "app.log", true), ("app.log-20260101", "app.log", true),
            ("app-20260101.log", "app.log", true), ("app.log-2026-01-01T10:00:00", "app.log", true),
            ("app.20260101.log.gz", "app.log", true), ("app.1.log", "app.log", true),
            ("0.log.20260101-120000.gz", "0.log", true), ("abc-json.log.1", "abc-json.log", true),
            ("app_20260101", "app", true), ("app.log", "app.log", false), ("app.log.old", "app.log", false),
            ("app.log.", "app.log", false), ("app.log-1", "app.log", false), ("app2.log", "app.log", false),
            ("app.log.1.2", "app.log", false), ("app.log.123456789", "app.log", true),
            ("other.log.1", "app.log", false),
            ("app.log1", "app.log", false), ("app.log.1x", "app.log", false), ("", "app.log", false),
            ("20260101.log", ".log", false), ("app.log.99999999999999999999999999", "app.log", true),
        ])
    func rotated(_ name: String, _ base: String, _ isRotated: Bool) {
        #expect((RotatedName(name, of: base) != nil) == isRotated)
        #expect(RotatedName.bases(of: name).contains(base) == isRotated)
    }

    @Test("a rotated name's bases are just those of which it is one, for random names")
    func randomBases() {
        var random = SeededRandom(seed: 4711)
        let parts = ["a", "log", ".", "-", "_", "1", "7", "20260101", "T", ".gz", "12", "é", ".log"]
        func name() -> String {
            (0..<Int.random(in: 1..<8, using: &random)).map { _ in parts.randomElement(using: &random) ?? "" }.joined()
        }
        for _ in 0..<20_000 {
            let base = name()
            let other = Bool.random(using: &random) ? base + name() : name()
            guard other != base else { continue }
            #expect(
                RotatedName.bases(of: other).contains(base) == (RotatedName(other, of: base) != nil),
                "seed 4711: \(other) of \(base)")
        }
    }

    @Test("older and newer by name")
    func order() throws {
        let names = ["a.log.3", "a.log.2.gz", "a.log.1"].compactMap { RotatedName($0, of: "a.log") }
        #expect(
            names.count == 3 && names[0].isOlder(than: names[1]) == true && names[2].isOlder(than: names[1]) == false)
        let dated = ["a-20260101.log", "a.log-20260102"].compactMap { RotatedName($0, of: "a.log") }
        #expect(dated.count == 2 && dated[0].isOlder(than: dated[1]) == true && dated[0].isOlder(than: names[0]) == nil)
    }

    @Test(
        "globs",
        arguments: [
            ("/var/log/*.log", "/var/log/a.log", true), ("/var/log/*.log", "/var/log/a/b.log", false),
            ("/var/log/*.log", "/var/log/.log", false), ("/var/log/.*", "/var/log/.x", true),
            ("/var/log/**/*.log", "/var/log/a.log", true), ("/var/log/**/*.log", "/var/log/a/b/c.log", true),
            ("/var/log/**", "/var/log/a/b", true), ("/a/{b,c}/d", "/a/c/d", true), ("/a/{b,c{1,2}}/d", "/a/c2/d", true),
            ("/a/{b,c}/d", "/a/e/d", false), ("/a/[a-c]x", "/a/bx", true), ("/a/[!a-c]x", "/a/bx", false),
            ("/a/[^a-c]x", "/a/dx", true), ("/a/[]]x", "/a/]x", true), ("/a/?", "/a/é", true), ("/a/?", "/a/ab", false),
            ("/a/[", "/a/[", true), ("/a/\\*", "/a/*", true), ("/a/\\*", "/a/b", false), ("/a/*b*c", "/a/xbxbyc", true),
            ("/a//b", "/a/b", true), ("/a/{b", "/a/{b", true), ("", "", true), ("/a/*", "/a", false),
        ])
    func glob(_ pattern: String, _ path: String, _ isMatch: Bool) {
        #expect(Glob(pattern).matches(path) == isMatch)
    }

    @Test("no pattern and no name harm the glob")
    func globFuzz() {
        var random = SeededRandom(seed: 99)
        let bytes = Array("/*?[]!^-{},\\ab.é\u{0}".utf8) + [0xff]
        func text() -> String {
            let length = Int.random(in: 0..<24, using: &random)
            return String(
                decoding: (0..<length).map { _ in bytes.randomElement(using: &random) ?? 0 }, as: UTF8.self)
        }
        for _ in 0..<20_000 { _ = Glob(text()).matches(text()) }
        let literal = (0..<2000).map { _ in text() }
        for path in literal where !path.utf8.contains(where: { "*?[\\{".utf8.contains($0) }) {
            #expect(Glob(path).matches(path), "seed 99: \(path)")
        }
    }

    @Test("a position survives its encoding, and nothing else is taken for one")
    func positions() {
        var random = SeededRandom(seed: 7)
        for _ in 0..<5_000 {
            var position = FilePosition(path: "/var/log/é-\(random.next() % 1000).log")
            position.isCompressed = Bool.random(using: &random)
            position.isFinished = Bool.random(using: &random)
            position.sequence = random.next() >> 8
            position.modified = Int64(bitPattern: random.next())
            position.offset = random.next() >> 2
            position.size = random.next() >> 1
            position.head = Fingerprint(length: Int.random(in: 0...256, using: &random), hash: random.next())
            let tail = Int.random(in: 0...64, using: &random)
            position.tail = Fingerprint(length: min(tail, Int(clamping: position.offset)), hash: random.next())
            var place = FilePosition.Place(offset: position.offset)
            place.cut = LineCut(parts: Int.random(in: 0...9, using: &random), byteCount: 77)
            place.joinStarts = [position.offset / 2, nil]
            position.places = [place]
            if Bool.random(using: &random) {
                position.keys = ["a", "é", ""]
                position.places += [FilePosition.Place(offset: position.offset + 5), place]
            }
            var bytes = position.encoded()
            #expect(FilePosition(decoding: bytes) == position)
            switch random.next() % 3 {
            case 0: bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
            case 1: bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8(truncatingIfNeeded: random.next())
            default: bytes = bytes.map { _ in UInt8(truncatingIfNeeded: random.next()) }
            }
            if let other = FilePosition(decoding: bytes) {
                #expect(FilePosition(decoding: other.encoded()) == other, "seed 7")
            }
        }
    }

    @Test("ten thousand files in one directory are found in no time, and again after a restart")
    func manyFiles() throws {
        let bench = FileBench()
        // Files are counted per process: other tests' would be closed.
        bench.tuning.descriptorLimit = 400
        let count = 10_000
        for number in 0..<count { bench.write("pod-\(number)_ns-20260101.\(number % 7).log", "x\n") }
        for _ in 0..<2 {
            bench.start()
            #expect(
                bench.wait(60) {
                    bench.sink.lines.count == count && bench.sink.positions(prefix: "file:").count == count
                })
            bench.stopSource()
        }
        #expect(bench.sink.lines.count == count)
        #expect(bench.sink.commits < 60)
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let context = SourceContext(
            store: bench.sink, metrics: bench.metrics, readiness: bench.readiness, logger: logger, stop: StopToken())
        let engine = FileEngine(
            name: "files", context: context, tuning: bench.tuning, watcher: try ChangeWatcher(descriptors: []))
        engine.configure([bench.job])
        try engine.discover(.monotonic)
        let begin = Timestamp.monotonic
        try engine.discover(.monotonic)
        let seconds = Timestamp.monotonic.seconds(since: begin)
        print("a look at \(count) known files took \(seconds) s")
        #expect(seconds < 20)
        engine.closeAll()
    }
}
