import Glibc

/// Runs Debian's `amtool`, where it is installed (`AMTOOL` names another).
enum Amtool {
    static let path: String? = {
        if let named = getenv("AMTOOL").map({ String(cString: $0) }) { return named }
        return access("/usr/bin/amtool", X_OK) == 0 ? "/usr/bin/amtool" : nil
    }()

    /// Its output and exit code.
    static func run(_ arguments: [String], standardError: Bool = false) -> (output: String, code: Int32) {
        guard let path else { return ("", -1) }
        var pipes: [Int32] = [0, 0]
        guard pipe(&pipes) == 0 else { return ("", -1) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, pipes[1], 1)
        if standardError {
            posix_spawn_file_actions_adddup2(&actions, pipes[1], 2)
        } else {
            posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        }
        posix_spawn_file_actions_addclose(&actions, pipes[0])
        defer { posix_spawn_file_actions_destroy(&actions) }
        let words = ([path] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        let failure = posix_spawn(&process, path, &actions, nil, words, environ)
        close(pipes[1])
        defer { close(pipes[0]) }
        guard failure == 0 else { return ("", -1) }
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(pipes[0], &chunk, chunk.count)
            if count <= 0 { break }
            output += chunk[..<count]
        }
        var status: Int32 = 0
        waitpid(process, &status, 0)
        return (String(decoding: output, as: UTF8.self), (status >> 8) & 0xff)
    }

    /// Deletes a flat directory of files.
    static func remove(_ path: String) -> Bool {
        guard let directory = opendir(path) else { return false }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { unlink(path + "/" + name) }
        }
        closedir(directory)
        return rmdir(path) == 0
    }
}
