import Glibc

/// What reading a file needs of its surroundings; tests give their own.
package struct ConfigurationSurroundings: Sendable {
    /// An environment variable's value, nil if it is not set.
    package var variable: @Sendable (String) -> String?
    /// The bytes of a (secret) file, or why not, as `No such file or directory`.
    package var read: @Sendable (String) -> Result<[UInt8], FileFailure>

    package init(
        variable: @escaping @Sendable (String) -> String?,
        read: @escaping @Sendable (String) -> Result<[UInt8], FileFailure>
    ) {
        self.variable = variable
        self.read = read
    }

    /// The process's environment and the real file system.
    package static let process = ConfigurationSurroundings(
        variable: { name in getenv(name).map { String(cString: $0) } },
        read: { path in FileContents.read(path, atMost: YAMLDocument.largestFile) })
}

/// Why a file could not be read.
package struct FileFailure: Error, Equatable {
    package var reason: String
    package init(_ reason: String) { self.reason = reason }
}

enum FileContents {
    static func read(_ path: String, atMost limit: Int) -> Result<[UInt8], FileFailure> {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return .failure(FileFailure(String(cString: strerror(errno)))) }
        defer { close(descriptor) }
        var contents: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return .failure(FileFailure(String(cString: strerror(errno)))) }
            if count == 0 { return .success(contents) }
            contents += chunk[..<count]
            guard contents.count <= limit else { return .failure(FileFailure("larger than \(limit) bytes")) }
        }
    }
}

/// Collects what is wrong while one file is read. Confined to the call that reads it.
package final class ReadingContext {
    package let file: String
    package let surroundings: ConfigurationSurroundings
    package private(set) var problems: [ConfigurationProblem] = []
    package private(set) var warnings: [ConfigurationProblem] = []
    /// Reports kept; a file of nonsense need not fill the screen or the memory.
    private static let mostProblems = 100

    package init(file: String, surroundings: ConfigurationSurroundings) {
        self.file = file
        self.surroundings = surroundings
    }

    package func report(_ message: String, at position: SourcePosition) {
        guard problems.count < ReadingContext.mostProblems else { return }
        let problem = ConfigurationProblem(file: file, position: position, message: message)
        // An aliased section is read wherever it is used, and is wrong once.
        if !problems.contains(problem) { problems.append(problem) }
    }

    package func warn(_ message: String, at position: SourcePosition) {
        guard warnings.count < ReadingContext.mostProblems else { return }
        let warning = ConfigurationProblem(file: file, position: position, message: message)
        if !warnings.contains(warning) { warnings.append(warning) }
    }

    /// A path of the file as seen from the file's own directory.
    package func resolve(_ path: String) -> String {
        guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
        return file[...slash] + path
    }
}
