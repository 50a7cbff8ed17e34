import Glibc

/// What a directory holds.
enum DirectoryListing {
    struct Entry: Sendable {
        var name: String
        /// `DT_DIR`, `DT_REG`, `DT_LNK`, … or `DT_UNKNOWN`.
        var type: UInt8
    }

    /// All names in the directory but `.` and `..`; those that are not UTF-8 are left out.
    static func entries(of directory: String) throws(FileError) -> [Entry] {
        guard let stream = opendir(directory) else { throw FileError(code: errno, path: directory) }
        defer { closedir(stream) }
        var entries: [Entry] = []
        while let entry = readdir(stream) {
            let type = entry.pointee.d_type
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(validatingCString: $0) }
            }
            guard let name, name != ".", name != ".." else { continue }
            entries.append(Entry(name: name, type: type))
        }
        return entries
    }

    static func join(_ directory: String, _ name: String) -> String {
        directory.hasSuffix("/") ? directory + name : directory + "/" + name
    }

    /// Directory and last component of an absolute path.
    static func split(_ path: String) -> (directory: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let directory = path[..<slash]
        return (directory.isEmpty ? "/" : String(directory), String(path[path.index(after: slash)...]))
    }

    /// The path with all symbolic links resolved, or nil.
    static func resolved(_ path: String) -> String? {
        guard let raw = realpath(path, nil) else { return nil }
        defer { free(raw) }
        return String(validatingCString: raw)
    }
}
