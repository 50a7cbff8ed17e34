import Bytes
import CLinux
import Glibc

/// Sends commands to one disk and waits for the answers, however long the disk takes.
protocol DiskCommands {
    /// A command of SCSI that reads at most `length` bytes.
    func scsi(_ block: [UInt8], reading length: Int) throws(DiskError) -> SCSIAnswer
    /// An admin command of NVMe that reads `length` bytes.
    func nvme(_ opcode: UInt8, nameSpace: UInt32, word10: UInt32, reading length: Int) throws(DiskError) -> [UInt8]
}

/// What a SCSI device answered.
struct SCSIAnswer: Sendable, Equatable {
    /// 0 for good, 2 for a check condition.
    var status: UInt8 = 0
    var data: [UInt8] = []
    var sense: [UInt8] = []
}

/// Why a disk could not be asked.
struct DiskError: Error, CustomStringConvertible {
    enum Cause: Equatable {
        /// An errno.
        case system(Int32)
        /// The controller's status.
        case refused(Int32)
        /// What came is not as it should be.
        case unexpected(String)
    }

    var what: String
    var cause: Cause

    var description: String {
        switch cause {
        case .system(let code) where code == EPERM || code == EACCES:
            "\(what): \(String(cString: strerror(code))): this wants CAP_SYS_RAWIO for disks, CAP_SYS_ADMIN for NVMe, and read access to the device"
        case .system(let code): "\(what): \(String(cString: strerror(code)))"
        case .refused(let status): "\(what): refused with status \(status)"
        case .unexpected(let why): "\(what): \(why)"
        }
    }
}

/// A disk of the kernel's: its device is opened for one round of questions.
final class DeviceCommands: DiskCommands {
    private let path: String
    private let descriptor: Int32
    /// Milliseconds that the kernel gives a command.
    private let timeout: UInt32

    /// - Parameter path: of the block device.
    init(_ path: String, timeout: Double) throws(DiskError) {
        self.path = path
        self.timeout = UInt32(min(max(timeout, 1), 600) * 1000)
        descriptor = clinux_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
        guard descriptor >= 0 else { throw DiskError(what: path, cause: .system(-descriptor)) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func scsi(_ block: [UInt8], reading length: Int) throws(DiskError) -> SCSIAnswer {
        var answer = clinux_scsi_answer()
        var code: Int32 = 0
        let data = [UInt8](unsafeUninitializedCapacity: max(length, 1)) { room, filled in
            room.initialize(repeating: 0)
            code = block.withUnsafeBytes {
                clinux_scsi_command(descriptor, $0.baseAddress, $0.count, room.baseAddress, length, timeout, &answer)
            }
            filled = code == 0 ? min(Int(answer.length), length) : 0
        }
        guard code == 0 else { throw DiskError(what: path, cause: .system(code)) }
        let sense = withUnsafeBytes(of: &answer.sense) { [UInt8]($0.prefix(Int(answer.sense_length))) }
        return SCSIAnswer(status: answer.status, data: data, sense: sense)
    }

    func nvme(_ opcode: UInt8, nameSpace: UInt32, word10: UInt32, reading length: Int) throws(DiskError) -> [UInt8] {
        var status: Int32 = 0
        let data = [UInt8](unsafeUninitializedCapacity: length) { room, filled in
            room.initialize(repeating: 0)
            status = clinux_nvme_admin(descriptor, opcode, nameSpace, word10, room.baseAddress, length, timeout)
            filled = status == 0 ? length : 0
        }
        if status < 0 { throw DiskError(what: path, cause: .system(-status)) }
        guard status == 0 else { throw DiskError(what: path, cause: .refused(status)) }
        return data
    }
}
