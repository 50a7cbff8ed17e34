import Glibc

/// A directory that is removed with its owner.
final class TemporaryFiles: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/tocsin-test-XXXXXX".utf8CString)
        path = mkdtemp(&template).map { String(cString: $0) } ?? "/nowhere"
    }

    deinit { Self.remove(path) }

    /// Writes a file below the directory, which may lie in new directories; `age` seconds old.
    @discardableResult
    func write(_ name: String, _ text: String, age: Int = 0) -> String {
        let file = "\(path)/\(name)"
        var directory = path
        for part in name.split(separator: "/").dropLast() {
            directory += "/\(part)"
            mkdir(directory, 0o755)
        }
        guard let stream = fopen(file, "w") else { return file }
        fputs(text, stream)
        fclose(stream)
        if age > 0 {
            let then = time(nil) - age
            var times = [timespec(tv_sec: then, tv_nsec: 0), timespec(tv_sec: then, tv_nsec: 0)]
            utimensat(AT_FDCWD, file, &times, 0)
        }
        return file
    }

    private static func remove(_ path: String) {
        if let directory = opendir(path) {
            var names: [String] = []
            while let entry = readdir(directory) {
                names.append(
                    withUnsafePointer(to: &entry.pointee.d_name) {
                        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                    })
            }
            closedir(directory)
            for name in names where name != "." && name != ".." { remove("\(path)/\(name)") }
            rmdir(path)
        } else {
            unlink(path)
        }
    }
}
