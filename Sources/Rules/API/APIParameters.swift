import Bytes

/// What a request of Prometheus's HTTP API asks with: names and values of its query and its form, in order, the form's first.
package struct APIParameters: Sendable {
    package private(set) var items: [(name: String, value: String)]

    package init(_ items: [(name: String, value: String)]) { self.items = items }

    /// The first value; empty where there is none, as Go's `FormValue`.
    package subscript(name: String) -> String { items.first { $0.name == name }?.value ?? "" }

    package func all(_ name: String) -> [String] { items.filter { $0.name == name }.map(\.value) }

    /// Milliseconds since 1970; `standard` where the parameter is empty.
    func time(_ name: String, standard: Int64) throws(APIError) -> Int64 {
        let text = self[name]
        if text.isEmpty { return standard }
        guard let time = APIParameters.time(text) else {
            throw .invalid(name, "invalid time value for '\(name)': \(APIParameters.noTime(text))")
        }
        return time
    }

    /// Milliseconds since 1970 of a parameter that has to be there.
    func time(_ name: String) throws(APIError) -> Int64 {
        guard let time = APIParameters.time(self[name]) else { throw .invalid(name, APIParameters.noTime(self[name])) }
        return time
    }

    private static func noTime(_ text: String) -> String {
        "cannot parse \(GoText.quoted(text)) to a valid timestamp"
    }

    /// Seconds as a number, or RFC 3339.
    package static func time(_ text: String) -> Int64? {
        if let seconds = number(text) {
            guard seconds.magnitude < 1e15 else { return nil }
            let whole = seconds.rounded(.towardZero)
            let fraction = ((seconds - whole) * 1000).rounded(.toNearestOrAwayFromZero)
            return Int64(whole) * 1000 + Int64(fraction)
        }
        let bytes = Array(text.utf8)
        guard let nanoseconds = RFC3339.parse(bytes.span.bytes) else { return nil }
        let (quotient, remainder) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000)
        return remainder < 0 ? quotient - 1 : quotient
    }

    /// Seconds; nil where the parameter is empty.
    func duration(_ name: String) throws(APIError) -> Double? {
        let text = self[name]
        if text.isEmpty { return nil }
        guard let seconds = try APIParameters.duration(text, name) else {
            throw .invalid(name, APIParameters.noDuration(text))
        }
        return seconds
    }

    /// Seconds of a parameter that has to be there.
    func requiredDuration(_ name: String) throws(APIError) -> Double {
        guard let seconds = try duration(name) else { throw .invalid(name, APIParameters.noDuration("")) }
        return seconds
    }

    private static func duration(_ text: String, _ name: String) throws(APIError) -> Double? {
        if let seconds = number(text) {
            guard seconds.magnitude * 1e9 <= 0x1p63 else {
                throw .invalid(name, noDuration(text) + ". It overflows int64")
            }
            return seconds
        }
        guard let milliseconds = try? PrometheusDuration.milliseconds(text) else { return nil }
        return Double(milliseconds) / 1000
    }

    private static func noDuration(_ text: String) -> String {
        "cannot parse \(GoText.quoted(text)) to a valid duration"
    }

    /// A finite number, all of the text.
    private static func number(_ text: String) -> Double? {
        guard let first = text.utf8.first,
            first == UInt8(ascii: "-") || first == UInt8(ascii: "+")
                || first == UInt8(ascii: ".") || Lexer.isDigit(first)
        else { return nil }
        return Double(text).flatMap { $0.isFinite ? $0 : nil }
    }

    /// How many results are wanted at most; nil for all.
    func limit() throws(APIError) -> Int? {
        let text = self["limit"]
        if text.isEmpty { return nil }
        guard let limit = Int(text) else {
            throw .invalid("limit", "strconv.Atoi: parsing \(GoText.quoted(text)): invalid syntax")
        }
        guard limit >= 0 else { throw .invalid("limit", "limit must be non-negative") }
        return limit == 0 ? nil : limit
    }
}
