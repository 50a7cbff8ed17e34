import Bytes
import Testing

@testable import Exporter

private func times(_ line: String) -> CPUTimes? {
    var buffer = ByteBuffer()
    buffer.append(line)
    var fields = FieldCursor(buffer.bytes)
    return CPUTimes(&fields)
}

@Suite struct CPUTimesTests {
    @Test("a CPU's times never go back, column by column")
    func monotonic() throws {
        var known = try #require(times("100 0 50 9000 70"))
        known.advance(to: try #require(times("101 0 49 8999 60")))
        #expect(known == times("101 0 50 9000 70"))
    }

    @Test("idle time that falls by three seconds is another CPU's, and all columns begin anew")
    func hotplug() throws {
        var known = try #require(times("100 0 50 9000 70"))
        known.advance(to: try #require(times("3 0 2 8701 1")))
        #expect(known == times("100 0 50 9000 70"))
        known.advance(to: try #require(times("3 0 2 8700 1")))
        #expect(known == times("3 0 2 8700 1"))
    }

    @Test("a line with fewer than four columns is none; what an old kernel lacks is 0")
    func columns() {
        #expect(times("1 2 3") == nil)
        #expect(times("1 2 3 x") == nil)
        #expect(times("1 2 3 4") == times("1 2 3 4 0 0 0 0 0 0"))
        #expect(times("1 2 3 4")?.seconds(3) == 0.04)
    }

    @Test("a CPU that was offline for a collection is forgotten, one beyond all numbers refused")
    func offline() throws {
        var history = CPUHistory()
        let first = try #require(times("100 0 0 9000"))
        let second = try #require(times("1 0 0 8999"))
        history.begin()
        #expect(history.advance(1, to: first) == first)
        history.begin()
        #expect(history.advance(1, to: second) == first)
        history.begin()
        history.begin()
        #expect(history.advance(1, to: second) == second)
        #expect(history.advance(8192, to: first) == nil)
        #expect(history.advance(.max, to: first) == nil)
    }

    @Test(
        "sets of CPUs are taken apart",
        arguments: [
            ("1,3-5,9", [1, 3, 4, 5, 9]), ("", []), ("0", [0]), ("7-3,2", [2]), ("a,1-x,4", [4]),
            ("0-99999999999,3", [3]), (",,", []),
        ])
    func sets(_ text: String, _ expected: [Int]) {
        var buffer = ByteBuffer()
        buffer.append(text)
        #expect(CPUTopology.numbers(in: buffer.bytes) == expected)
    }
}
