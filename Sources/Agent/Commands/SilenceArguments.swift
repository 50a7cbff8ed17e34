import Alerting
import ArgumentParser
import Bytes
import Configuration
import Glibc
import Telemetry

/// What commands about silences have in common.
enum SilenceArguments {
    /// Matchers as Alertmanager writes them; a word without an operator at the first place is the alert's name.
    static func matchers(_ texts: [String]) throws -> [LabelMatcher] {
        var result: [LabelMatcher] = []
        for (index, text) in texts.enumerated() {
            do {
                if index == 0, !text.contains(where: { "=~{\"".contains($0) }) {
                    result.append(try LabelMatcher("alertname", .equal, text))
                } else {
                    result += try MatcherSyntax.matchers(text).matchers
                }
            } catch {
                throw ValidationError(
                    "\(text): \(error); expected a matcher such as team=\"db\" or alertname=~\"Disk.*\"")
            }
        }
        return result
    }

    /// Milliseconds since 1970 of a time, or of so long after `now`.
    static func time(_ text: String, _ option: String, after now: Int64) throws -> Int64 {
        if let seconds = DurationText.seconds(text), seconds < 1e10 { return now + Int64(seconds * 1000) }
        if let time = APITime.milliseconds(text) { return time }
        throw ValidationError("\(option): expected a duration such as 2h or a time such as 2026-01-31T12:00:00Z")
    }

    static func duration(_ text: String, _ option: String) throws -> Int64 {
        guard let seconds = DurationText.seconds(text), seconds > 0, seconds < 1e10 else {
            throw ValidationError("\(option): expected a duration such as 2h, more than 0")
        }
        return Int64(seconds * 1000)
    }

    /// Who gives the command.
    static var user: String {
        for name in ["SUDO_USER", "USER", "LOGNAME"] {
            if let value = getenv(name), value.pointee != 0 { return String(cString: value) }
        }
        return "uid \(getuid())"
    }

    /// Runs what a command does; exit code 1 with its name and what went wrong.
    static func run(_ command: String, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as ExitCode {
            throw error
        } catch {
            Terminal.complain("tocsin \(command): \(error)")
            throw ExitCode(1)
        }
    }
}

/// Who made a silence, and why.
struct SilenceOrigin: ParsableArguments {
    @Option(help: "Why, for people.") var comment = ""

    @Option(help: "Who. Default: this user.") var author: String?

    func silence(
        id: String = "", _ matchers: [LabelMatcher], from start: Int64, to end: Int64, annotations: LabelSet = [:],
        otherwise: String = ""
    ) -> Silence {
        Silence(
            id: id, matchers: matchers, startsAt: start, endsAt: end, createdBy: author ?? SilenceArguments.user,
            comment: comment.isEmpty ? otherwise : comment, annotations: annotations)
    }
}

extension AlertmanagerClient {
    /// The id of the silence that was set.
    func set(_ silence: Silence) throws -> String {
        let answer = try post("/silences", silence.posted)
        guard let id = try JSONValue(parsing: answer.span.bytes)["silenceID"]?.string else {
            throw AgentClient.Failure(description: "the answer names no silence")
        }
        return id
    }

    func silence(_ id: String) throws -> Silence {
        let answer = try get("/silence/\(id)")
        return try Silence.shown(try JSONValue(parsing: answer.span.bytes)).get()
    }
}
