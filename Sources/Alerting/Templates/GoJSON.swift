/// A JSON document as Go's `encoding/json` writes it: what receivers of webhooks compare byte by byte.
package indirect enum GoJSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([GoJSON])
    /// Members in their order.
    case object([Member])

    package struct Member: Sendable, Equatable {
        package var name: String
        package var value: GoJSON
    }

    /// An object with members in this order.
    package static func members(_ members: KeyValuePairs<String, GoJSON>) -> GoJSON {
        .object(members.map { Member(name: $0.key, value: $0.value) })
    }

    /// An object with members in order of their names, as Go writes maps.
    package static func map(_ members: [(String, GoJSON)]) -> GoJSON {
        .object(
            members.sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }
                .map { Member(name: $0.0, value: $0.1) })
    }

    /// Without spaces; `<`, `>` and `&` escaped, as Go does unless it is told otherwise.
    package var text: String {
        var output: [UInt8] = []
        write(to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    package var bytes: [UInt8] {
        var output: [UInt8] = []
        write(to: &output)
        return output
    }

    private func write(to output: inout [UInt8]) {
        switch self {
        case .null: output += "null".utf8
        case .bool(let value): output += (value ? "true" : "false").utf8
        case .integer(let value): output += String(value).utf8
        case .number(let value): output += GoJSON.number(value).utf8
        case .string(let text): GoJSON.quote(text, to: &output)
        case .array(let elements):
            output.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                element.write(to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let members):
            output.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                GoJSON.quote(member.name, to: &output)
                output.append(UInt8(ascii: ":"))
                member.value.write(to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
    }

    /// JSON has no number for what is not finite; Go refuses it, here it is null.
    private static func number(_ value: Double) -> String {
        guard value.isFinite else { return "null" }
        if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 { return String(whole) }
        return value.description
    }

    private static func quote(_ text: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\"".utf8
            case "\\": output += "\\\\".utf8
            case "\n": output += "\\n".utf8
            case "\r": output += "\\r".utf8
            case "\t": output += "\\t".utf8
            case "<", ">", "&", "\u{2028}", "\u{2029}": escape(scalar, to: &output)
            case _ where scalar.value < 0x20: escape(scalar, to: &output)
            default: output += UTF8.encode(scalar).map { Array($0) } ?? []
            }
        }
        output.append(UInt8(ascii: "\""))
    }

    private static func escape(_ scalar: Unicode.Scalar, to output: inout [UInt8]) {
        let digits = String(scalar.value, radix: 16)
        output += ("\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits).utf8
    }
}
