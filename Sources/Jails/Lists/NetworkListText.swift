import Bytes

/// The text of a list of addresses as such lists are published: an address or network at the beginning of each line (plain lists,
/// FireHOL's netsets, the first column of CSV, `hosts` with whatever text behind), or an object of JSON in each line with its
/// network under `cidr`, `ip`, `network`, `prefix` or `address` (Spamhaus's DROP). `#`, `;` and `//` begin a comment.
package struct NetworkListText: Sendable, Equatable {
    package private(set) var networks: [IPNetwork] = []
    /// Lines that are neither empty nor a comment and have no network.
    package private(set) var strangeLines = 0
    /// Networks that are wider than anybody means to block: IPv4 below /8, IPv6 below /16.
    package private(set) var tooWide = 0
    package private(set) var firstTooWide: IPNetwork?
    /// The first strange line: its number and how it begins.
    package private(set) var firstStrange: (number: Int, text: String)?

    private static let keys = ["cidr", "ip", "network", "prefix", "address"]
    private static let longestLine = 64 << 10

    /// Why a document is no list: the sentence names what was found.
    package struct Failure: Error, CustomStringConvertible, Sendable, Equatable {
        package var description: String
    }

    package static func == (left: NetworkListText, right: NetworkListText) -> Bool {
        left.networks == right.networks && left.strangeLines == right.strangeLines && left.tooWide == right.tooWide
    }

    /// Throws for what has more entries than `limit`, or is something else: an empty answer, a page that says what went wrong.
    package init(parsing text: RawSpan, limit: Int) throws(Failure) {
        var number = 0
        var lines = LineCursor(text.hasPrefix("\u{feff}") ? text.slice(3, text.byteCount) : text)
        while lines.next() {
            number += 1
            read(lines.line, number)
            guard networks.count <= limit else {
                throw Failure(description: "has more than \(limit) entries, the limit (max_entries)")
            }
        }
        guard number > 0 else { throw Failure(description: "is empty") }
        // Some published lists have a head of their own, none is mostly something else.
        if strangeLines > networks.count + tooWide, let firstStrange {
            throw Failure(
                description: "is no list of addresses: expected an address or a network at the beginning of line "
                    + "\(firstStrange.number), found \"\(firstStrange.text)\"")
        }
    }

    private mutating func read(_ line: RawSpan, _ number: Int) {
        let line = line.trimmed
        guard line.byteCount > 0 else { return }
        switch line.byte(at: 0) {
        case 0x23, 0x3b: return
        case 0x2f where line.hasPrefix("//"): return
        case 0x5b where line.byteCount == 1: return
        case 0x5d where line.byteCount <= 2: return
        default: break
        }
        let isObject = line.byte(at: 0) == 0x7b
        let (field, isKnown) = isObject ? Self.member(line) : (Self.firstField(line), false)
        guard let field, let network = IPNetwork(field) else {
            if isKnown { return }
            strangeLines += 1
            if firstStrange == nil {
                firstStrange = (number, BanTextLimit.cut(String(lossy: line.slice(0, min(line.byteCount, 60))), 60))
            }
            return
        }
        guard !network.isTooWideForLists else {
            tooWide += 1
            firstTooWide = firstTooWide ?? network
            return
        }
        networks.append(network)
    }

    private static func firstField(_ line: RawSpan) -> String? {
        var start = 0
        if line.byte(at: 0) == 0x22 || line.byte(at: 0) == 0x27 { start = 1 }
        var end = start
        ends: while end < line.byteCount {
            switch line.byte(at: end) {
            case 0x20, 0x09, 0x22, 0x27, 0x2c, 0x3b, 0x23: break ends
            default: end += 1
            }
        }
        // The longest network is 49 bytes.
        return end - start <= 64 ? String(lossy: line.slice(start, end)) : nil
    }

    /// The network of a line of JSON, and whether the line may lack one: lists say in one of them how old they are.
    private static func member(_ line: RawSpan) -> (String?, isKnown: Bool) {
        let end = line.byte(at: line.byteCount - 1) == 0x2c ? line.byteCount - 1 : line.byteCount
        guard let object = try? JSONValue(parsing: line.slice(0, end), limit: longestLine) else { return (nil, false) }
        for key in keys {
            if let text = object[key]?.string { return (text, false) }
        }
        return (nil, object["type"]?.string == "metadata")
    }
}

extension IPNetwork {
    /// Wider than anybody means to block or to allow: IPv4 below /8, IPv6 below /16.
    var isTooWideForLists: Bool { length < (isIPv4 ? 8 : 16) }
}
