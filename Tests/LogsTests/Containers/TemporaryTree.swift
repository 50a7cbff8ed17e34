import Glibc

@testable import Logs

/// A directory for one test, removed with it.
final class TemporaryTree {
    let path: String

    init() {
        var template = Array("/tmp/tocsin-containers-XXXXXX".utf8CString)
        path = mkdtemp(&template).map { String(cString: $0) } ?? "/tmp"
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        if unlink(path) == 0 { return }
        for name in (try? ContainerFiles.names(path)) ?? [] { remove("\(path)/\(name)") }
        rmdir(path)
    }

    func directory(_ name: String) {
        var built = path
        for part in name.split(separator: "/") {
            built += "/\(part)"
            mkdir(built, 0o755)
        }
    }

    func write(_ name: String, _ text: String) {
        if let slash = name.lastIndex(of: "/") { directory(String(name[..<slash])) }
        guard let file = fopen("\(path)/\(name)", "w") else { return }
        fputs(text, file)
        fclose(file)
    }
}
