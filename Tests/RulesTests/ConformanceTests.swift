import Glibc
import Rules
import Testing

/// Prometheus's own scripts, where they are at hand.
@Suite("PromQL scripts of Prometheus")
struct ConformanceTests {
    static let folder: String? = {
        let named = getenv("TOCSIN_CONFORMANCE").map { String(cString: $0) }
        for folder in [named, "../shared/conformance", "../../../shared/conformance"].compactMap({ $0 }) {
            let scripts = folder + "/promqltest"
            if access(scripts, R_OK) == 0 { return scripts }
        }
        return nil
    }()

    static var scripts: [String] {
        guard let folder, let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".test") { names.append(name) }
        }
        return names.sorted()
    }

    @Test("every evaluation passes", arguments: scripts)
    func script(_ name: String) throws {
        let folder = try #require(ConformanceTests.folder)
        let text = try #require(ScriptFile.read(folder + "/" + name))
        let report = PromQLScriptRunner.run(text)
        for failure in report.failures {
            Issue.record("\(name):\(failure.line): \(failure.query): \(failure.reason)")
        }
        print("\(name): \(report.passed) passed, \(report.failures.count) failed")
        #expect(report.passed > 0)
    }
}

enum ScriptFile {
    static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { break }
            bytes.append(contentsOf: buffer[..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
