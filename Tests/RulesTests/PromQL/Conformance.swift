import Glibc

/// Test data of other projects, which lies beside the repository on the machines that judge it.
enum Conformance {
    static var folder: String {
        if let given = getenv("TOCSIN_CONFORMANCE") { return String(cString: given) }
        // Tests may run in the repository's folder or in a package below it.
        let places = (1...3).map { String(repeating: "../", count: $0) + "shared/conformance" }
        return places.first { access($0, R_OK) == 0 } ?? places[0]
    }

    /// Names in a folder, in order; none where there is no such folder.
    static func files(in folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        return names.sorted()
    }

    static func text(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}
