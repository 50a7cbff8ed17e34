import Glibc
import Testing

/// A directory of configuration files that goes away with its test.
final class ConfigurationFiles {
    let path: String

    init(_ files: [String: String]) throws {
        var template = Array("/tmp/tocsin-jails-XXXXXX".utf8CString)
        let made = mkdtemp(&template)
        path = String(cString: try #require(made))
        for (name, text) in files { try write(name, text) }
    }

    deinit { system("rm -rf '\(path)'") }

    func write(_ name: String, _ text: String) throws { try write(name, bytes: Array(text.utf8)) }

    func append(_ name: String, _ text: String) throws {
        let file = try #require(fopen(path + "/" + name, "a"))
        defer { fclose(file) }
        fputs(text, file)
    }

    func write(_ name: String, bytes: [UInt8]) throws {
        var folder = path
        for part in name.split(separator: "/").dropLast() {
            folder += "/" + part
            mkdir(folder, 0o700)
        }
        let file = try #require(fopen(path + "/" + name, "w"))
        defer { fclose(file) }
        _ = bytes.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
    }
}
