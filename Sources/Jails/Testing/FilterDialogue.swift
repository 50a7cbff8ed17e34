import Bytes

/// A filter driven by a program: a JSON object on each line in, a JSON array of what was found out.
///
/// `{"line": "…"}`, or `{"line": "…", "time": 1124013600}` for a line whose source knows its time, is answered by
/// `[{"id", "time", "nofail", "groups", "matches", "pattern"}]`: `id` is null while a session belongs to nobody yet, `matches` counts the
/// lines of the failure, `pattern` counts from 0.
package struct FilterDialogue: ~Copyable {
    private let filter: any LineFilter
    private var writer = JSONWriter()

    package init(_ filter: any LineFilter) { self.filter = filter }

    /// The answer to one line, with its line feed.
    ///
    /// - Parameter now: seconds since 1970.
    package mutating func answer(to request: RawSpan, now: Double) throws(JSONError) -> [UInt8] {
        let value = try JSONValue(parsing: request)
        guard let line = value["line"]?.string else {
            throw JSONError(description: "expected an object with a member \"line\" that is a string")
        }
        let failures = filter.failures(in: [UInt8](line).span.bytes, time: value["time"]?.number, now: now)
        writer.buffer.removeAll()
        writer.beginArray()
        for failure in failures { Self.write(failure, &writer) }
        writer.endArray()
        writer.endLine()
        return writer.written()
    }

    package static func write(_ failure: Failure, _ writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("id")
        if let id = failure.id { writer.string(id) } else { writer.null() }
        writer.key("time")
        if failure.time == failure.time.rounded(), abs(failure.time) < 1e15 {
            writer.integer(Int64(failure.time))
        } else {
            writer.number(failure.time)
        }
        writer.key("nofail")
        writer.bool(failure.isNoFail)
        writer.key("groups")
        writer.beginObject()
        for (name, value) in failure.groups.sorted(by: { $0.key < $1.key }) {
            writer.key(name)
            switch value {
            case .text(let text): writer.string(text)
            case .list(let parts): list(parts, &writer)
            }
        }
        if !failure.users.isEmpty {
            writer.key("users")
            list(failure.users, &writer)
        }
        writer.endObject()
        writer.key("matches")
        writer.integer(failure.matches.count)
        writer.key("pattern")
        writer.integer(failure.pattern)
        writer.endObject()
    }

    private static func list(_ parts: [String], _ writer: inout JSONWriter) {
        writer.beginArray()
        for part in parts { writer.string(part) }
        writer.endArray()
    }
}
