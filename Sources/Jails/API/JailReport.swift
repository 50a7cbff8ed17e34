import Bytes

/// How one jail is doing.
package struct JailStatus: Sendable, Equatable {
    package var name: String
    package var isObserving = false
    /// Files, the journal, selectors: where its lines come from.
    package var sources: [String] = []
    /// Addresses with failures within its find time.
    package var failing = 0
    /// Since the start of the agent.
    package var failures: UInt64 = 0
    package var banned = 0
    /// Since the start of the agent.
    package var bans: UInt64 = 0
    /// Addresses whose failures were forgotten, and bans that ended, before their time for want of room.
    package var evictedFailing: UInt64 = 0
    package var evictedBans: UInt64 = 0
    package var actions: [String] = []
    /// What is wrong with it, one sentence each.
    package var problems: [String] = []

    package init(name: String) { self.name = name }

    package func write(into json: inout JSONWriter) {
        json.beginObject()
        json.key("name")
        json.string(name)
        json.key("mode")
        json.string(isObserving ? "observe" : "enforce")
        for (key, texts) in [("sources", sources), ("actions", actions), ("problems", problems)] {
            json.key(key)
            json.beginArray()
            for text in texts { json.string(text) }
            json.endArray()
        }
        for (key, value) in [
            ("currently_failed", UInt64(failing)), ("total_failed", failures), ("currently_banned", UInt64(banned)),
            ("total_banned", bans),
        ] {
            json.key(key)
            json.integer(value)
        }
        json.endObject()
    }
}

extension Ban {
    /// The object of a ban in the API: times are RFC 3339, durations seconds, -1 for ever.
    package func write(into json: inout JSONWriter, now: Double) {
        json.beginObject()
        for (key, text) in [("ip", target.description), ("jail", jail)] {
            json.key(key)
            json.string(text)
        }
        json.key("time")
        json.string(Self.text(time))
        json.key("end")
        if duration < 0 { json.null() } else { json.string(Self.text(end)) }
        json.key("ban_time")
        json.number(duration < 0 ? -1 : duration)
        json.key("remaining")
        json.number(duration < 0 ? -1 : max(0, remaining(at: now)).rounded())
        json.key("count")
        json.integer(count)
        json.key("failures")
        json.integer(failures)
        json.key("origin")
        json.string(origin.description)
        if !matches.isEmpty {
            json.key("matches")
            json.beginArray()
            for line in matches { json.string(line) }
            json.endArray()
        }
        json.endObject()
    }

    private static func text(_ seconds: Double) -> String {
        BanEvent.text(seconds)
    }
}

extension Ban.Origin: CustomStringConvertible {
    package var description: String {
        switch self {
        case .failures: "failures"
        case .manual(let comment): comment.isEmpty ? "manual" : "manual: \(comment)"
        case .list(let name): "list \(name)"
        case .peer(let name): "peer \(name)"
        }
    }
}
