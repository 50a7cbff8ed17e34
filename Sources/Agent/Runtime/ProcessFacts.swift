import Glibc

/// What the kernel says of this process.
enum ProcessFacts {
    /// The working directory; empty where it is gone.
    static var directory: String {
        guard let path = getcwd(nil, 0) else { return "" }
        defer { free(path) }
        return String(cString: path)
    }

    /// As uname(2) says it.
    static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// How many threads run; 0 without /proc.
    static var threads: Int {
        var status = stat()
        guard stat("/proc/self/task", &status) == 0 else { return 0 }
        // A directory has two links and one for each directory in it.
        return max(0, Int(status.st_nlink) - 2)
    }
}
