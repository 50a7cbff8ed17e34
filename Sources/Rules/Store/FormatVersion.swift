import Bytes
import Glibc
import Telemetry

/// Files of another version of the formats: those of an agent before an upgrade, or after a downgrade.
///
/// They are no damage, and not read either: they get the version as the end of their name and stay for as long as their
/// samples would have.
enum FormatVersion {
    /// The version of a log or block that has its magic and another version than ours; nil for ours, and for any other bytes.
    static func other(_ file: RawSpan) -> UInt32? {
        guard let magic = file.load(littleEndian: 0, as: UInt64.self),
            let version = file.load(littleEndian: 8, as: UInt32.self)
        else { return nil }
        switch magic {
        case LogFormat.magic:
            // A damaged version is damage.
            guard file.byteCount >= LogFormat.headerSize,
                file.load(littleEndian: 28, as: UInt32.self) == file.slice(0, 28).crc32c()
            else { return nil }
            return version == LogFormat.version ? nil : version
        case BlockFormat.magic:
            return version == BlockFormat.version || version > latestImaginable ? nil : version
        default: return nil
        }
    }

    /// A block's header has no checksum: a version beyond it is damage.
    private static let latestImaginable: UInt32 = 99

    private static let mark = ".version"

    static func fileName(_ name: String, version: UInt32) -> String { "\(name)\(mark)\(version)" }

    /// Whether a file of this name was set aside for its version.
    static func isSetAside(_ name: String) -> Bool {
        let parts = name.split(separator: ".")
        return parts.count == 3 && (parts[1] == "log" || parts[1] == "block") && parts[2].hasPrefix(mark.dropFirst())
    }
}

extension SeriesStore {
    /// Sets files of other versions aside, and deletes those that were and whose samples are past their retention. The names
    /// that are left.
    func setAsideOtherVersions(_ names: [String], _ directory: StoreDirectory, _ troubles: inout [String]) -> [String] {
        var left: [String] = []
        var aside: [UInt32: Int] = [:]
        for name in names {
            if FormatVersion.isSetAside(name) {
                removeOld(name, directory)
                continue
            }
            guard BlockFormat.numbers(ofFileNamed: name) != nil || LogFormat.number(ofFileNamed: name) != nil,
                let version = version(of: name, directory)
            else {
                left.append(name)
                continue
            }
            aside[version, default: 0] += 1
            if configuration.isReadOnly { continue }
            let new = FormatVersion.fileName(name, version: version)
            if rename(directory.file(name), directory.file(new)) != 0 { remove(name, in: directory) }
        }
        for (version, count) in aside.sorted(by: { $0.key < $1.key }) {
            metrics.otherVersionFiles.add(count)
            troubles.append(
                "\(count) of its files in \(directory.path) are of version \(version) of their format, and this agent reads "
                    + "version \(LogFormat.version): "
                    + (configuration.isReadOnly
                        ? "they are left out"
                        : "they were set aside under names that end in .version\(version), and are deleted when their samples "
                            + "are past the retention"))
        }
        return left
    }

    private func version(of name: String, _ directory: StoreDirectory) -> UInt32? {
        // What cannot be opened is told where it is read.
        guard let file = try? MappedFile(path: directory.file(name)) else { return nil }
        return file.withBytes { FormatVersion.other($0) }
    }

    private func removeOld(_ name: String, _ directory: StoreDirectory) {
        var info = stat()
        guard stat(directory.file(name), &info) == 0 else { return }
        let age = Timestamp.now.milliseconds - Int64(info.st_mtim.tv_sec) * 1000
        if age > configuration.minimumRetention { remove(name, in: directory) }
    }
}
