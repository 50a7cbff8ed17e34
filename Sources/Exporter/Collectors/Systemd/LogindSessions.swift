import Bytes

/// A session as logind lists it.
struct LogindSession {
    var seat: String
    var path: String
    var isRemote = false
    var type = LogindSession.other
    var sessionClass = LogindSession.other
    /// Answers that are in: a session that ends meanwhile never has all.
    var known = 0

    static let other = "other"
    /// What node_exporter has series for; other values count as `other`.
    static let types = ["other", "unspecified", "tty", "x11", "wayland", "mir", "web"]
    static let classes = ["other", "user", "greeter", "lock-screen", "background"]

    static func known(_ value: RawSpan, among values: [String]) -> String {
        values.first { value.equals($0) } ?? other
    }
}

/// What logind answers to its two lists.
enum LogindLists {
    /// ListSeats: of each seat its name and its path.
    static func seats(_ text: RawSpan) -> [String] {
        var values = BusValues(text)
        var seats: [String] = []
        while values.next() {
            seats.append(String(lossy: values.value))
            guard values.next() else { break }
        }
        return seats
    }

    /// ListSessions: of each session its name, the user's number and name, the seat and its path.
    static func sessions(_ text: RawSpan) -> [LogindSession] {
        var values = BusValues(text)
        var sessions: [LogindSession] = []
        while values.skip(4) {
            let seat = String(lossy: values.value)
            guard values.next() else { break }
            sessions.append(LogindSession(seat: seat, path: String(lossy: values.value)))
        }
        return sessions
    }
}
