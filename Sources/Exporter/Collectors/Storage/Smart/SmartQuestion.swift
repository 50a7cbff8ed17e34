import Bytes

/// The commands that a disk is asked with, in their order.
enum SmartQuestion {
    enum Answer: Sendable, Equatable {
        case reading(SmartReading)
        /// It stands still, and was left to.
        case asleep
    }

    static func ask(_ standard: SmartReading.Standard, _ disk: any DiskCommands) throws(DiskError) -> Answer {
        switch standard {
        case .ata: try askATA(disk)
        case .scsi: try askSCSI(disk)
        case .nvme: try askNVMe(disk)
        }
    }

    private static func askATA(_ disk: any DiskCommands) throws(DiskError) -> Answer {
        let power = try disk.scsi(ATAHealth.block(.checkPowerMode), reading: 0)
        if let registers = registers(power), ATAHealth.isAsleep(registers) { return .asleep }
        var reading = SmartReading(.ata)
        let identity = try sector(.identify, disk)
        guard let found = parsed(identity) else {
            throw DiskError(what: "IDENTIFY DEVICE", cause: .unexpected("not the answer of an ATA disk"))
        }
        reading.model = found.model
        reading.serial = found.serial
        reading.firmware = found.firmware
        guard found.hasSMART else { return .reading(reading) }
        let data = try sector(.readData, disk)
        // Thresholds are obsolete since ATA-4; most disks have them still.
        var thresholds: [UInt8] = []
        do throws(DiskError) { thresholds = try sector(.readThresholds, disk) } catch {}
        takeSectors(data, thresholds, into: &reading)
        let status = try disk.scsi(ATAHealth.block(.returnStatus), reading: 0)
        if let registers = registers(status) { reading.isHealthy = ATAHealth.isHealthy(registers) }
        // Where the registers do not come back, as through some bridges, the thresholds tell.
        if reading.isHealthy == nil, !reading.attributes.isEmpty {
            reading.isHealthy = !reading.attributes.contains { attribute in
                attribute.threshold.map { $0 > 0 && attribute.value <= $0 } ?? false
            }
        }
        return .reading(reading)
    }

    private static func sector(_ command: ATAHealth.Command, _ disk: any DiskCommands) throws(DiskError) -> [UInt8] {
        let answer = try disk.scsi(ATAHealth.block(command), reading: command.length)
        guard answer.status == 0, answer.data.count == command.length else {
            throw DiskError(what: "\(command)", cause: .unexpected(problem(answer)))
        }
        return answer.data
    }

    private static func askSCSI(_ disk: any DiskCommands) throws(DiskError) -> Answer {
        let ready = try disk.scsi(SCSIHealth.testUnitReady, reading: 0)
        if isAsleep(ready) { return .asleep }
        var reading = SmartReading(.scsi)
        let inquiry = try disk.scsi(SCSIHealth.inquiry, reading: SCSIHealth.inquiryLength)
        let serial = try disk.scsi(SCSIHealth.serialInquiry, reading: SCSIHealth.inquiryLength)
        takeInquiries(inquiry, serial, into: &reading)
        for page in SCSIHealth.Page.allCases {
            let answer = try disk.scsi(SCSIHealth.block(page), reading: SCSIHealth.logLength)
            if answer.status == 0 { takePage(page, answer, into: &reading) }
        }
        return .reading(reading)
    }

    private static func askNVMe(_ disk: any DiskCommands) throws(DiskError) -> Answer {
        var reading = SmartReading(.nvme)
        let identity = try disk.nvme(0x06, nameSpace: 0, word10: 1, reading: NVMeHealth.identifyLength)
        // The log of the whole controller.
        let log = try disk.nvme(
            0x02, nameSpace: .max, word10: NVMeHealth.logWord, reading: NVMeHealth.logLength)
        guard takeLog(identity, log, into: &reading) else {
            throw DiskError(what: "Get Log Page", cause: .unexpected("\(log.count) bytes"))
        }
        return .reading(reading)
    }
}

/// Answers given to what parses them. Apart from what throws: the compiler (6.3) makes broken code of a function that
/// throws a typed error and has spans of several arrays.
extension SmartQuestion {
    private static func registers(_ answer: SCSIAnswer) -> ATAHealth.Registers? {
        ATAHealth.registers(in: answer.sense.span.bytes)
    }

    private static func parsed(_ identity: [UInt8]) -> ATAHealth.Identity? {
        ATAHealth.identity(identity.span.bytes)
    }

    private static func takeSectors(_ data: [UInt8], _ thresholds: [UInt8], into reading: inout SmartReading) {
        reading.attributes = ATAHealth.attributes(data: data.span.bytes, thresholds: thresholds.span.bytes)
        ATAHealth.interpret(&reading)
    }

    private static func isAsleep(_ answer: SCSIAnswer) -> Bool { SCSIHealth.isAsleep(answer.sense.span.bytes) }

    private static func takeInquiries(_ inquiry: SCSIAnswer, _ serial: SCSIAnswer, into reading: inout SmartReading) {
        if inquiry.status == 0 { SCSIHealth.inquire(inquiry.data.span.bytes, into: &reading) }
        // What a disk does not have it refuses; that is no error.
        if serial.status == 0 { SCSIHealth.inquireSerial(serial.data.span.bytes, into: &reading) }
    }

    private static func takePage(_ page: SCSIHealth.Page, _ answer: SCSIAnswer, into reading: inout SmartReading) {
        SCSIHealth.read(page, answer.data.span.bytes, into: &reading)
    }

    private static func takeLog(_ identity: [UInt8], _ log: [UInt8], into reading: inout SmartReading) -> Bool {
        NVMeHealth.identify(identity.span.bytes, into: &reading)
        return NVMeHealth.read(log.span.bytes, into: &reading)
    }

    private static func problem(_ answer: SCSIAnswer) -> String {
        let sense = SCSIHealth.sense(answer.sense.span.bytes)
        let why = sense.map { "sense \($0.key)/\($0.code)/\($0.qualifier)" } ?? "\(answer.data.count) bytes"
        return "status \(answer.status), \(why)"
    }
}
