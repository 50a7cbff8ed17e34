import Bytes
import Glibc
import Rules
import Testing

/// The expressions of Prometheus's own test scripts, where they lie on this machine.
@Suite("Expressions of Prometheus's scripts")
struct ScriptExpressionsTests {
    @Test("each is taken, or refused where the script says so")
    func scripts() throws {
        let folder = Conformance.folder + "/promqltest"
        let names = Conformance.files(in: folder).filter { $0.hasSuffix(".test") }
        if names.isEmpty {
            print("skipped: no \(folder); TOCSIN_CONFORMANCE names the directory above it")
            return
        }
        var count = 0
        for name in names {
            let text = try #require(Conformance.text(folder + "/" + name))
            for command in ScriptCommand.all(in: text) {
                count += 1
                do {
                    _ = try Expression.parse(command.expression)
                } catch {
                    if case .syntax(let message) = error, !command.fails {
                        Issue.record("\(name): \(command.expression): \(message)")
                    }
                }
            }
        }
        #expect(count > 500)
    }
}

/// An `eval` of a script: what is parsed, and whether it may fail.
private struct ScriptCommand {
    var expression: String
    var fails: Bool

    static func all(in text: String) -> [ScriptCommand] {
        var commands: [ScriptCommand] = []
        for line in text.split(separator: "\n").map(trimmed) {
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            guard let first = words.first else { continue }
            if first.hasPrefix("eval") {
                // `instant at T` or `range from A to B step S`.
                let skipped = words.count > 1 && words[1] == "instant" ? 4 : 8
                guard words.count > skipped, let start = words[skipped...].first?.startIndex else { continue }
                commands.append(ScriptCommand(expression: String(line[start...]), fails: first == "eval_fail"))
            } else if line.hasPrefix("expect fail"), !commands.isEmpty {
                commands[commands.count - 1].fails = true
            }
        }
        return commands
    }

    private static func trimmed(_ line: Substring) -> Substring {
        line.drop { $0 == " " || $0 == "\t" || $0 == "\r" }
    }
}
