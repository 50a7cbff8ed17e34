import Bytes
import Glibc
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Exporter

/// A disk that answers from a table: blocks of SCSI by their bytes, NVMe by the opcode.
private struct RecordedDisk: DiskCommands {
    var answers: [[UInt8]: SCSIAnswer] = [:]
    var admin: [UInt8: [UInt8]] = [:]

    func scsi(_ block: [UInt8], reading length: Int) throws(DiskError) -> SCSIAnswer {
        // As disks do with what they do not know: ILLEGAL REQUEST.
        answers[block] ?? SCSIAnswer(status: 2, sense: [0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0])
    }

    func nvme(_ opcode: UInt8, nameSpace: UInt32, word10: UInt32, reading length: Int) throws(DiskError) -> [UInt8] {
        guard let answer = admin[opcode] else { throw DiskError(what: "nvme", cause: .refused(1)) }
        return answer
    }
}

/// Sense data in descriptor form that return the registers of ATA.
private func registers(count: UInt8 = 0, mid: UInt8 = 0, high: UInt8 = 0) -> [UInt8] {
    [0x72, 1, 0, 0x1d, 0, 0, 0, 14, 0x09, 12, 0, 0, 0, count, 0, 0, 0, mid, 0, high, 0, 0x50]
}

/// A sector whose bytes add up to nothing.
private func sector(_ fill: (inout [UInt8]) -> Void) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 512)
    fill(&bytes)
    bytes[511] = 0 &- bytes[0..<511].reduce(0, &+)
    return bytes
}

private func identity(smart: Bool = true) -> [UInt8] {
    sector { bytes in
        func put(_ text: String, _ words: Range<Int>) {
            let letters = Array(text.utf8) + [UInt8](repeating: 0x20, count: words.count * 2 - text.utf8.count)
            for place in 0..<words.count {
                bytes[(words.lowerBound + place) * 2] = letters[place * 2 + 1]
                bytes[(words.lowerBound + place) * 2 + 1] = letters[place * 2]
            }
        }
        bytes[0] = 0x40
        put("S1AXJ9", 10..<20)
        put("FW1.0", 23..<27)
        put("Example Disk 2TB", 27..<47)
        bytes[82 * 2] = smart ? 1 : 0
        bytes[83 * 2 + 1] = 0x40
        bytes[85 * 2] = smart ? 1 : 0
        bytes[87 * 2 + 1] = 0x40
    }
}

private func smartData(_ attributes: [(id: UInt8, value: UInt8, worst: UInt8, raw: [UInt8])]) -> [UInt8] {
    sector { bytes in
        for (place, attribute) in attributes.enumerated() {
            let start = 2 + place * 12
            bytes[start] = attribute.id
            bytes[start + 3] = attribute.value
            bytes[start + 4] = attribute.worst
            for (offset, byte) in attribute.raw.enumerated() { bytes[start + 5 + offset] = byte }
        }
    }
}

private func smartThresholds(_ thresholds: [(UInt8, UInt8)]) -> [UInt8] {
    sector { bytes in
        for (place, (id, threshold)) in thresholds.enumerated() {
            bytes[2 + place * 12] = id
            bytes[3 + place * 12] = threshold
        }
    }
}

/// A disk of ATA: awake, 10,000 hours, 39 degrees, 5 sectors reallocated.
private func ataDisk(power: UInt8 = 0xff, mid: UInt8 = 0x4f, high: UInt8 = 0xc2) -> RecordedDisk {
    var disk = RecordedDisk()
    disk.answers[ATAHealth.block(.checkPowerMode)] = SCSIAnswer(status: 2, sense: registers(count: power))
    disk.answers[ATAHealth.block(.identify)] = SCSIAnswer(data: identity())
    disk.answers[ATAHealth.block(.readData)] = SCSIAnswer(
        data: smartData([
            (5, 95, 94, [5, 0, 0, 0, 0, 0]), (9, 89, 89, [0x10, 0x27, 0, 0, 7, 0]), (12, 99, 99, [42]),
            (194, 61, 50, [39, 0, 20, 0, 50, 0]), (240, 100, 253, [0, 0, 0, 0, 0, 1]),
        ]))
    disk.answers[ATAHealth.block(.readThresholds)] = SCSIAnswer(data: smartThresholds([(5, 36), (9, 0), (194, 0)]))
    disk.answers[ATAHealth.block(.returnStatus)] = SCSIAnswer(status: 2, sense: registers(mid: mid, high: high))
    return disk
}

private func logPage(_ page: UInt8, _ parameters: [(code: UInt16, value: [UInt8])]) -> SCSIAnswer {
    var body: [UInt8] = []
    for (code, value) in parameters {
        body += [UInt8(code >> 8), UInt8(code & 0xff), 3, UInt8(value.count)] + value
    }
    return SCSIAnswer(data: [page, 0, UInt8(body.count >> 8), UInt8(body.count & 0xff)] + body)
}

private func nvmeLog() -> [UInt8] {
    var log = [UInt8](repeating: 0, count: 512)
    log[0] = 0b1001
    log[1] = 0x3b
    log[2] = 0x01  // 315 K
    log[3] = 97
    log[4] = 10
    log[5] = 104
    log[32] = 3  // units read
    log[48 + 8] = 1  // 2^64 units written
    log[112] = 11
    log[129] = 1  // 256 hours
    log[144] = 2
    log[160] = 4
    log[176] = 6
    log[192] = 5
    log[196] = 1
    return log
}

private func reading(_ answer: SmartQuestion.Answer) -> SmartReading? {
    if case .reading(let reading) = answer { reading } else { nil }
}

@Suite struct SmartTests {
    @Test("a disk of ATA: who it is, attributes with their thresholds, hours, degrees, its verdict")
    func ata() throws {
        let found = try #require(reading(SmartQuestion.ask(.ata, ataDisk())))
        #expect(found.model == "Example Disk 2TB")
        #expect(found.serial == "S1AXJ9")
        #expect(found.firmware == "FW1.0")
        #expect(found.isHealthy == true)
        #expect(found.attributes.map(\.id) == [5, 9, 12, 194, 240])
        #expect(found.attributes[0] == .init(id: 5, value: 95, worst: 94, threshold: 36, raw: 5))
        #expect(found.attributes[2].threshold == nil)
        #expect(found.attributes[4].raw == 1 << 40)
        #expect(found.powerOnSeconds == 10_000 * 3600.0, "what makers put above the hours is left out")
        #expect(found.powerCycles == 42)
        #expect(found.temperature == 39)
    }

    @Test("the address that SMART RETURN STATUS leaves is the verdict, in either form of sense data")
    func verdict() throws {
        let failing = try #require(reading(SmartQuestion.ask(.ata, ataDisk(mid: 0xf4, high: 0x2c))))
        #expect(failing.isHealthy == false)
        let fixed: [UInt8] = [0x70, 0, 1, 0, 0x50, 0, 0xff, 10, 0, 1, 0xf4, 0x2c, 0, 0x1d, 0, 0, 0, 0]
        let registers = ATAHealth.registers(in: fixed.span.bytes)
        let found = try #require(registers)
        #expect(found == .init(error: 0, count: 0xff, low: 1, mid: 0xf4, high: 0x2c, status: 0x50))
        #expect(ATAHealth.isHealthy(found) == false)
    }

    @Test("where no registers come back the thresholds tell")
    func verdictByThresholds() throws {
        var disk = ataDisk()
        disk.answers[ATAHealth.block(.returnStatus)] = SCSIAnswer()
        #expect(try #require(reading(SmartQuestion.ask(.ata, disk))).isHealthy == true)
        disk.answers[ATAHealth.block(.readThresholds)] = SCSIAnswer(data: smartThresholds([(5, 95)]))
        #expect(try #require(reading(SmartQuestion.ask(.ata, disk))).isHealthy == false)
    }

    @Test(
        "a disk that stands still is left asleep",
        arguments: [(UInt8(0x00), true), (0x01, true), (0x80, false), (0xff, false)])
    func asleep(_ mode: UInt8, _ isAsleep: Bool) throws {
        let answer = try SmartQuestion.ask(.ata, ataDisk(power: mode))
        #expect((answer == .asleep) == isAsleep)
    }

    @Test("a sector whose checksum is wrong has no attributes")
    func damaged() {
        var data = smartData([(5, 100, 100, [1])])
        let none: [UInt8] = []
        let whole = ATAHealth.attributes(data: data.span.bytes, thresholds: none.span.bytes)
        #expect(whole.count == 1)
        data[7] ^= 1
        let torn = ATAHealth.attributes(data: data.span.bytes, thresholds: none.span.bytes)
        #expect(torn.isEmpty)
    }

    @Test("the blocks of ATA PASS-THROUGH are as SAT has them")
    func blocks() {
        #expect(ATAHealth.block(.identify) == [0x85, 8, 0x0e, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xec, 0])
        #expect(ATAHealth.block(.readData) == [0x85, 8, 0x0e, 0, 0xd0, 0, 1, 0, 0, 0, 0x4f, 0, 0xc2, 0, 0xb0, 0])
        #expect(ATAHealth.block(.readThresholds) == [0x85, 8, 0x0e, 0, 0xd1, 0, 1, 0, 0, 0, 0x4f, 0, 0xc2, 0, 0xb0, 0])
        #expect(ATAHealth.block(.returnStatus) == [0x85, 6, 0x20, 0, 0xda, 0, 0, 0, 0, 0, 0x4f, 0, 0xc2, 0, 0xb0, 0])
        #expect(ATAHealth.block(.checkPowerMode) == [0x85, 6, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xe5, 0])
    }

    @Test("a controller of NVMe: warnings, spare, use, temperature, counters of 128 bits")
    func nvme() throws {
        var identity = [UInt8](repeating: 0x20, count: 4096)
        identity.replaceSubrange(4..<10, with: Array("SER123".utf8))
        identity.replaceSubrange(24..<32, with: Array("Fast SSD".utf8))
        identity.replaceSubrange(64..<67, with: Array("1.2".utf8))
        let found = try #require(
            reading(SmartQuestion.ask(.nvme, RecordedDisk(admin: [0x06: identity, 0x02: nvmeLog()]))))
        #expect(found.serial == "SER123")
        #expect(found.model == "Fast SSD")
        #expect(found.firmware == "1.2")
        #expect(found.isHealthy == false)
        #expect(found.temperature == 42)
        #expect(found.powerOnSeconds == 256 * 3600.0)
        #expect(
            found.wear
                == SmartReading.Wear(
                    warnings: 9, spare: 97, spareThreshold: 10, used: 104, readBytes: 3 * 512_000,
                    writtenBytes: 0x1p64 * 512_000, mediaErrors: 4, unsafeShutdowns: 2, logEntries: 6, hotSeconds: 300,
                    criticalSeconds: 60))
        #expect(NVMeHealth.logWord == 0x007f_0002)
    }

    @Test("a disk of SCSI: informational exceptions, temperature, hours, counters of errors")
    func scsi() throws {
        var disk = RecordedDisk()
        disk.answers[SCSIHealth.testUnitReady] = SCSIAnswer()
        var inquiry = [UInt8](repeating: 0x20, count: 36)
        inquiry.replaceSubrange(8..<15, with: Array("EXAMPLE".utf8))
        inquiry.replaceSubrange(16..<21, with: Array("ST123".utf8))
        inquiry.replaceSubrange(32..<36, with: Array("0003".utf8))
        disk.answers[SCSIHealth.inquiry] = SCSIAnswer(data: inquiry)
        disk.answers[SCSIHealth.serialInquiry] = SCSIAnswer(data: [0, 0x80, 0, 4] + Array("Z1Y2".utf8))
        disk.answers[SCSIHealth.block(.exceptions)] = logPage(0x2f, [(0, [0x5d, 0x10, 33])])
        disk.answers[SCSIHealth.block(.temperature)] = logPage(0x0d, [(0, [0, 34]), (1, [0, 60])])
        disk.answers[SCSIHealth.block(.backgroundScan)] = logPage(0x15, [(0, [0, 0, 2, 0x58, 0, 0, 0, 0, 0, 0, 0, 0])])
        disk.answers[SCSIHealth.block(.readErrors)] = logPage(
            0x03, [(0, [0, 0, 0, 9]), (3, [0, 0, 1, 0]), (5, [0, 0, 0, 1, 0, 0, 0, 0]), (6, [0, 2])])
        let found = try #require(reading(SmartQuestion.ask(.scsi, disk)))
        #expect(found.model == "EXAMPLE ST123")
        #expect(found.serial == "Z1Y2")
        #expect(found.firmware == "0003")
        #expect(found.isHealthy == false)
        #expect(found.temperature == 34)
        #expect(found.powerOnSeconds == 600 * 60.0)
        #expect(found.errors == [.init(operation: "read", corrected: 256, uncorrected: 2, processedBytes: 1 << 32)])
        // NOT READY, INITIALIZING COMMAND REQUIRED.
        disk.answers[SCSIHealth.testUnitReady] = SCSIAnswer(
            status: 2, sense: [0x70, 0, 2, 0, 0, 0, 0, 10, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0])
        #expect(try SmartQuestion.ask(.scsi, disk) == .asleep)
    }

    @Test("no bytes of a disk make parsing leave them")
    func fuzz() throws {
        let seed = SeededRandom.seed()
        var random = SeededRandom(seed: seed)
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 0...520, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random) & (Bool.random(using: &random) ? 0xff : 0x0f)
            }
            let span = bytes.span.bytes
            _ = ATAHealth.identity(span)
            _ = ATAHealth.attributes(data: span, thresholds: span)
            _ = ATAHealth.registers(in: span)
            _ = SCSIHealth.isAsleep(span)
            var reading = SmartReading(.scsi)
            SCSIHealth.inquire(span, into: &reading)
            SCSIHealth.inquireSerial(span, into: &reading)
            for page in SCSIHealth.Page.allCases {
                var marked = bytes
                if !marked.isEmpty { marked[0] = page.rawValue }
                SCSIHealth.read(page, marked.span.bytes, into: &reading)
            }
            NVMeHealth.identify(span, into: &reading)
            _ = NVMeHealth.read(span, into: &reading)
        }
        // Whatever whole disks answer, there is an answer or an error.
        for _ in 0..<200 {
            var disk = ataDisk()
            for (block, answer) in disk.answers where Bool.random(using: &random) {
                var damaged = answer
                damaged.data.removeLast(Int.random(in: 0...damaged.data.count, using: &random))
                if !damaged.sense.isEmpty {
                    damaged.sense[Int.random(in: 0..<damaged.sense.count, using: &random)] = .random(
                        in: 0...255, using: &random)
                }
                disk.answers[block] = damaged
            }
            _ = try? SmartQuestion.ask(.ata, disk)
        }
    }
}

@Suite struct SmartCollectorTests {
    private let host = FakeHost(
        """
        --- sys/block/sda/device/vendor
        ATA
        --- sys/block/sdb/device/vendor
        SEAGATE
        --- sys/block/sdc/device/vendor
        ATA
        --- sys/block/sdc/device/power/runtime_status
        suspended
        --- sys/block/nvme0n1/size
        1
        --- sys/block/nvme0c0n1/size
        1
        --- sys/block/vda/size
        1
        """)

    private func collector(_ open: @escaping @Sendable (String) throws -> any DiskCommands) throws -> SmartCollector {
        let paths = HostPaths(proc: host.root + "/proc", sys: host.root + "/sys", root: host.root + "/root")
        let options = CollectorOptions(SmartCollector.description.options)
        return try SmartCollector(CollectorContext(paths: paths, options: options), open: open)
    }

    private func lines(_ collector: inout SmartCollector, _ reader: inout HostReader) throws -> [String] {
        var batch = SampleBatch()
        try collector.collect(into: &batch, reader: &reader)
        var exposition = Exposition()
        var buffer = ByteBuffer()
        exposition.render(batch, as: .text, into: &buffer)
        return String(lossy: buffer.bytes).split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
    }

    @Test("each disk is asked in its own tongue and once; what the kernel put to sleep is not even opened")
    func kinds() throws {
        let asked = Mutex<[String]>([])
        var collector = try collector { [root = host.root] path in
            asked.withLock { $0.append(String(path.dropFirst("\(root)/root/dev/".count))) }
            if path.hasSuffix("sda") { return ataDisk() }
            if path.hasSuffix("nvme0n1") {
                return RecordedDisk(admin: [0x06: [UInt8](repeating: 0x20, count: 4096), 0x02: nvmeLog()])
            }
            return RecordedDisk()
        }
        var reader = HostReader()
        let found = try lines(&collector, &reader)
        #expect(found.contains(#"tocsin_smart_healthy{device="sda"} 1"#))
        #expect(found.contains(#"tocsin_smart_attribute_raw{device="sda",id="5",name="reallocated_sectors"} 5"#))
        #expect(found.contains(#"tocsin_smart_attribute_threshold{device="sda",id="5",name="reallocated_sectors"} 36"#))
        #expect(
            found.contains(
                #"tocsin_smart_info{device="sda",firmware="FW1.0",model="Example Disk 2TB",serial="S1AXJ9",standard="ata"} 1"#
            ))
        #expect(found.contains(#"tocsin_smart_critical_warning{device="nvme0n1",warning="read_only"} 1"#))
        #expect(found.contains(#"tocsin_smart_critical_warning{device="nvme0n1",warning="temperature"} 0"#))
        #expect(found.contains(#"tocsin_smart_used_ratio{device="nvme0n1"} 1.04"#))
        #expect(found.contains(#"tocsin_smart_readable{device="sdb"} 1"#))
        #expect(found.contains(#"tocsin_smart_asleep{device="sdc"} 1"#))
        _ = try lines(&collector, &reader)
        #expect(asked.withLock { $0.sorted() } == ["nvme0n1", "sda", "sdb"])
    }

    @Test("a disk that hangs costs only itself")
    func hanging() throws {
        let gate = StopToken()
        defer { gate.stop() }
        var collector = try collector { path in
            if path.hasSuffix("sdb") { gate.wait(seconds: 60) }
            return path.hasSuffix("sda") ? ataDisk() : RecordedDisk()
        }
        var reader = HostReader()
        let first = try lines(&collector, &reader)
        #expect(first.contains(#"tocsin_smart_healthy{device="sda"} 1"#))
        #expect(!first.contains { $0.contains("sdb") })
        let start = Timestamp.monotonic
        let second = try lines(&collector, &reader)
        #expect(Timestamp.monotonic.seconds(since: start) < 10)
        #expect(second.contains(#"tocsin_smart_healthy{device="sda"} 1"#))
        gate.stop()
        var isBack = false
        for _ in 0..<200 where !isBack {
            isBack = try lines(&collector, &reader).contains { $0.contains(#"readable{device="sdb"}"#) }
            if !isBack { usleep(10_000) }
        }
        #expect(isBack)
    }

    @Test("a disk that cannot be asked is told, with what it wants, and the others are asked")
    func refused() throws {
        var collector = try collector { path in
            if path.hasSuffix("nvme0n1") { throw DiskError(what: path, cause: .system(EACCES)) }
            return path.hasSuffix("sda") ? ataDisk() : RecordedDisk()
        }
        var reader = HostReader()
        let found = try lines(&collector, &reader)
        #expect(found.contains(#"tocsin_smart_readable{device="nvme0n1"} 0"#))
        #expect(found.contains(#"tocsin_smart_healthy{device="sda"} 1"#))
        #expect(reader.firstOddity.contains("CAP_SYS_ADMIN"))
    }

    @Test("the ioctls reach the kernel: what is no such disk refuses them with an errno")
    func kernel() throws {
        // No file has them, nor has a device that is no disk.
        let null = try DeviceCommands("/dev/null", timeout: 1)
        #expect(throws: DiskError.self) { _ = try null.scsi(SCSIHealth.inquiry, reading: 96) }
        #expect(throws: DiskError.self) { _ = try null.nvme(6, nameSpace: 0, word10: 1, reading: 4096) }
        do {
            _ = try SmartQuestion.ask(.ata, null)
            Issue.record("/dev/null is no disk")
        } catch {
            #expect(error.cause == .system(ENOTTY))
        }
        #expect(throws: DiskError.self) { _ = try DeviceCommands("/dev/no-such-disk", timeout: 1) }
    }
}
