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
            ("query", "expression"), ("query 'sum('", "1:5: parse error"), ("query up --step 5m", "--step"),
            ("query up --range yesterday", "--range"), ("query up --range 5m --step 0s", "--step"),
            ("query up --time yesterday", "--time"), ("query up down", "down"), ("query up --limit 5", "--limit"),
            ("alerts now", "now"), ("alerts --follow", "--follow"), ("rules nonsense", "nonsense"),
            ("rules check", "files"), ("rules check --json r.yaml", "--json"), ("rules explain", "alert"),
            ("rules explain A B", "B"), ("rules backtest", "file"),
            ("rules backtest r.yaml --since yesterday", "--since"),
            ("rules backtest r.yaml --until tomorrow", "--until"),
            ("rules backtest r.yaml --since 1h --until 2h", "--since"),
            ("silence add", "matchers"), ("silence add 'a=~\"(\"'", "missing closing"),
            ("silence add A --for soon", "--for"),
            ("silence add A --until yesterday", "--until"), ("silence add A --for 1h --until 2h", "--until"),
            ("silence expire", "ids"), ("silence while A", "command after --"),
            ("silence while A --lease x -- true", "--lease"),
            ("silence until-resolved", "matchers"), ("alerts ack A --at-most 0", "--at-most"),
            ("test route 'a!=b'", "label=value"), ("test notify", "receiver"), ("test notify r 'a=~b'", "label=value"),
            ("test rules", "files"), ("test jail", "--filter NAME or --jail NAME"),
            ("test rules --run '(' r.yaml", "--run"), ("test promql", "files"),
            ("test rules /nowhere/t.yaml", "/nowhere/t.yaml: No such file"),
            ("test promql /nowhere/t.test", "/nowhere/t.test: No such file"), ("test promql /", "/: Is a directory"),
        ])
    func usedWrongly(arguments: String, named: String) throws {
        let (code, output) = try tocsin(arguments)
        #expect(code == 2)
        #expect(output.contains(named), "\(output)")
        #expect(output.split(separator: "\n").count == 1, "\(output)")
    }

    @Test(
        "something is wrong: exit code 1 and a message with the path",
        arguments: ["check", "run", "logs", "query up", "alerts", "rules explain A", "silence list", "test route"])
    func wrong(command: String) throws {
        let (code, output) = try tocsin("\(command) --config /nowhere/tocsin.yaml")
        #expect(code == 1)
        #expect(output.contains("/nowhere/tocsin.yaml:1:1: cannot be read: No such file or directory"), "\(output)")
    }

    /// Files in a directory that goes afterwards.
    private func withFiles(_ files: [String: String], _ body: (String) throws -> Void) throws {
        var template = Array("/tmp/tocsin-command-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer {
            for name in files.keys { unlink("\(folder)/\(name)") }
            rmdir(folder)
        }
        for (name, text) in files {
            let file = try #require(fopen("\(folder)/\(name)", "w"))
            fputs(text.replacing("FOLDER", with: folder), file)
            fclose(file)
        }
        try body(folder)
    }

    private static let rules = """
        groups:
        - name: g
          rules:
          - alert: Quick
            expr: up == 0
          - alert: Bool
            expr: up == bool 0
            for: 5m
            annotations: {summary: s}
        """

    @Test("rule files are checked with the configuration, remarks included, each with its place")
    func checkedRules() throws {
        try withFiles(["t.yaml": "rules: {files: [FOLDER/*.rules]}\n", "a.rules": Self.rules]) { folder in
            let (code, output) = try tocsin("check --config \(folder)/t.yaml")
            #expect(code == 0)
            for remark in [
                "4:5: group \"g\", \"Quick\": has no `for`", "4:5: group \"g\", \"Quick\": has no annotations",
                "6:5: group \"g\", \"Bool\": compares with `bool`",
            ] { #expect(output.contains("warning: \(folder)/a.rules:\(remark)"), "\(output)") }
            let json = try tocsin("check --json --config \(folder)/t.yaml").output
            #expect(json.contains("\"ok\":true,\"errors\":[],\"warnings\":[\"\(folder)/a.rules:4:5: "), "\(json)")
            #expect(try tocsin("rules check --strict \(folder)/a.rules").code == 1)
            #expect(try tocsin("rules check \(folder)/a.rules").output.contains("a.rules: 2 rules, ok"))
        }
        try withFiles(["t.yaml": "rules: {files: [FOLDER/b.rules]}\n"]) { folder in
            let (code, output) = try tocsin("check --config \(folder)/t.yaml")
            #expect(
                code == 1 && output == "\(folder)/b.rules:1:1: cannot be read: No such file or directory\n", "\(output)"
            )
        }
    }

    @Test("tests of files are told in one list of JSON, and one that fails is exit code 1")
    func tests() throws {
        let script = "load 1m\n  a 1 2\n\neval instant at 1m a\n  a 3\n"
        try withFiles(["a.test": script, "b.test": script.replacing("a 3", with: "a 2"), "a.yaml": "tests: []\n"]) {
            folder in
            let (code, output) = try tocsin("test promql --json \(folder)/a.test \(folder)/b.test")
            #expect(code == 1)
            let head =
                "[{\"file\":\"\(folder)/a.test\",\"passed\":0,\"failed\":1,\"failures\":[{\"line\":4,\"query\":\"a\","
            let tail = "{\"file\":\"\(folder)/b.test\",\"passed\":1,\"failed\":0,\"failures\":[]}]\n"
            #expect(output.hasPrefix(head) && output.hasSuffix(tail), "\(output)")
            let text = try tocsin("test promql \(folder)/a.test \(folder)/b.test").output
            #expect(
                text.hasSuffix(
                    "a.test: 0 passed, 1 failed\n\(folder)/b.test: 1 passed, 0 failed\n1 passed, 1 failed\n"), "\(text)"
            )
            let rules = try tocsin("test rules --json \(folder)/a.yaml")
            #expect(rules.code == 0)
            #expect(
                rules.output
                    == "[{\"file\":\"\(folder)/a.yaml\",\"passed\":true,\"tests\":0,\"warnings\":[],\"failures\":[]}]\n"
            )
        }
    }

    @Test("asked for help or the version: exit code 0", arguments: ["--help", "run --help", "version", "--version"])
    func right(arguments: String) throws {
        let (code, output) = try tocsin(arguments)
        #expect(code == 0)
        #expect(!output.isEmpty)
    }
}
