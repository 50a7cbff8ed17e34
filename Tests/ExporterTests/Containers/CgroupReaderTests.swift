import Bytes
import Testing

@testable import Exporter

private func usage(_ text: String, _ take: (inout CgroupUsage, RawSpan) -> Void) -> CgroupUsage {
    var buffer = ByteBuffer()
    buffer.append(text)
    var usage = CgroupUsage()
    take(&usage, buffer.bytes)
    return usage
}

@Suite("The files of cgroups")
struct CgroupReaderTests {
    @Test(
        "limits that are none are 0, and what is no number is nothing",
        arguments: [
            ("max\n", 0.0), ("9223372036854771712\n", 0), ("9223372036854710272", 0), ("-1", 0), ("0", 0),
            ("67108864\n", 67_108_864), ("18446744073709551615", 0), ("", nil), ("x", nil), ("-2", nil),
        ] as [(String, Double?)])
    func limits(text: String, expected: Double?) {
        var buffer = ByteBuffer()
        buffer.append(text)
        let limit = CgroupUsage.limit(buffer.bytes)
        #expect(limit == expected)
    }

    @Test(
        "a weight becomes shares as cAdvisor has it",
        arguments: [("1", 2.0), ("100", 2597), ("10000", 262_144), ("0", nil), ("10001", nil)] as [(String, Double?)])
    func shares(text: String, expected: Double?) {
        #expect(usage(text) { $0.takeV2Weight($1) }[.cpuShares] == expected)
    }

    @Test("a quota and its period stand in one file")
    func quota() {
        let limited = usage("50000 100000\n") { $0.takeV2CPULimit($1) }
        #expect(limited[.cpuQuota] == 50_000 && limited[.cpuPeriod] == 100_000)
        let unlimited = usage("max 100000\n") { $0.takeV2CPULimit($1) }
        #expect(unlimited[.cpuQuota] == nil && unlimited[.cpuPeriod] == 100_000)
    }

    @Test("odd lines about devices cost themselves only")
    func devices() {
        let text = "8:0 rbytes=1 wbytes=x rios=3\nrubbish\n8:x rbytes=9\n99999999999:1 rbytes=9\n\n8:16 wios=4 dios"
        let found = usage(text) { $0.takeV2IO($1) }
        #expect(found.devices.count == 2 && found.oddLines == 3)
        #expect(found.devices[0] == .init(major: 8, minor: 0, readBytes: 1, reads: 3))
        #expect(found.devices[1] == .init(major: 8, minor: 16, writes: 4))
    }

    @Test("devices of version 1 are told apart by their operations")
    func legacyDevices() {
        let found = usage(
            "8:0 Read 1\n8:0 Write 2\n8:0 Async 3\n8:0 Total 3\n253:1 Read 7\nx Read 1\n8:0 Read\nTotal 10"
        ) {
            $0.takeV1IO($1, areBytes: true)
        }
        #expect(found.devices.map(\.readBytes) == [1, 7] && found.devices[0].writtenBytes == 2)
        #expect(found.oddLines == 2)
    }

    @Test("devices have a cap")
    func manyDevices() {
        let text = (0..<1000).map { "8:\($0) rbytes=1\n" }.joined()
        let found = usage(text) { $0.takeV2IO($1) }
        #expect(found.devices.count == 256 && found.oddLines == 744)
    }

    @Test("the working set is never below zero")
    func workingSet() {
        var usage = CgroupUsage()
        usage.deriveWorkingSet()
        #expect(usage[.workingSet] == nil)
        usage[.memory] = 10
        usage.deriveWorkingSet()
        #expect(usage[.workingSet] == 10)
        usage[.inactiveFile] = 11
        usage.deriveWorkingSet()
        #expect(usage[.workingSet] == 0)
    }

    @Test("old kernels give user and system time in ticks")
    func ticks() {
        let found = usage("user 150\nsystem 50\n") { $0.takeV1Times($1) }
        #expect(found[.cpuUser] == 1.5 && found[.cpuSystem] == 0.5)
    }
}
