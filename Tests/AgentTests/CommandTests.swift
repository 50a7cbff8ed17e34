import Glibc
import Testing

@Suite("The command line")
struct CommandTests {
    /// Runs the binary that was built beside the tests: its exit code and all that it prints.
    private func tocsin(_ arguments: String) throws -> (code: Int32, output: String) {
        var name = [CChar](repeating: 0, count: 4096)
        let length = readlink("/proc/self/exe", &name, name.count - 1)
        let own = String(decoding: name[..<max(0, length)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var folder = own.split(separator: "/").dropLast().joined(separator: "/")
        // Under `swift test` the runner itself may be another program; the bundle's path is an argument then.
        for argument in CommandLine.arguments where argument.contains(".xctest") {
            folder = argument.split(separator: "/").prefix { !$0.hasSuffix(".xctest") }.joined(separator: "/")
        }
        let binary = "/\(folder)/tocsin"
        try #require(access(binary, X_OK) == 0, "no \(binary)")
        let pipe = try #require(popen("cd / && '\(binary)' \(arguments) 2>&1 </dev/null", "r"))
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = fread(&buffer, 1, buffer.count, pipe)
            if count == 0 { break }
            output += buffer[..<count]
        }
        let status = pclose(pipe)
        return ((status >> 8) & 0xff, String(decoding: output, as: UTF8.self))
    }

    @Test(
        "used wrongly: one line that names what is wrong, and exit code 2",
        arguments: [
            ("run --no-such-option", "--no-such-option"), ("nonsense", "nonsense"), ("run --log-level loud", "loud"),
            ("logs '{job=}'", "column 6"), ("logs '{job=\"a\"} |= x'", "expected"),
            ("logs --since yesterday", "--since"),
            ("logs --limit 0", "--limit"), ("run --listen", "--listen"),
        ])
    func usedWrongly(arguments: String, named: String) throws {
        let (code, output) = try tocsin(arguments)
        #expect(code == 2)
        #expect(output.contains(named), "\(output)")
        #expect(output.split(separator: "\n").count == 1, "\(output)")
    }

    @Test("something is wrong: exit code 1 and a message with the path", arguments: ["check", "run", "logs"])
    func wrong(command: String) throws {
        let (code, output) = try tocsin("\(command) --config /nowhere/tocsin.yaml")
        #expect(code == 1)
        #expect(output.contains("/nowhere/tocsin.yaml:1:1: cannot be read: No such file or directory"), "\(output)")
    }

    @Test("asked for help or the version: exit code 0", arguments: ["--help", "run --help", "version", "--version"])
    func right(arguments: String) throws {
        let (code, output) = try tocsin(arguments)
        #expect(code == 0)
        #expect(!output.isEmpty)
    }
}
