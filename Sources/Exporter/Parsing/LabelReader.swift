import Bytes
import Telemetry

/// Reads what stands between the braces of a sample, in either format.
struct LabelReader: ~Copyable {
    /// What the formats differ in.
    struct Rules {
        /// Blanks between tokens, labels without a comma between them, line feeds in values: the text format.
        var isLenient: Bool
        /// Whether a string without a value is the metric's name; an exemplar has none.
        var allowsName: Bool

        static let text = Rules(isLenient: true, allowsName: true)
        static let openMetrics = Rules(isLenient: false, allowsName: true)
        static let exemplar = Rules(isLenient: false, allowsName: false)
    }

    /// Of a label, where its name and value stand unescaped in `decoded`.
    private struct Label {
        var nameStart: Int32
        var nameEnd: Int32
        var valueEnd: Int32
    }

    private var labels: [Label] = []
    private var decoded = ByteBuffer()

    /// Reads from behind the opening brace to behind the closing one. `name` is where the metric's name stands, without
    /// its quotes; given already or found here.
    mutating func read(
        _ page: RawSpan, _ offset: inout Int, _ rules: Rules, name: inout Range<Int>?,
        into batch: inout SampleBatch
    ) throws(ExpositionError) -> SampleBatch.Labels {
        if let found = Self.canonical(page, offset) {
            let start = offset
            offset = found.end + 1
            if found.end == start { return .none }
            guard found.last > start, found.place < found.last else {
                return batch.labels(verbatim: page.slice(start, found.end))
            }
            batch.startLabels()
            if found.place > start { batch.append(verbatim: page.slice(start, found.place - 1)) }
            batch.append(verbatim: page.slice(found.last, found.end))
            batch.append(verbatim: page.slice(found.place, found.last - 1))
            return batch.endLabels()
        }
        labels.removeAll(keepingCapacity: true)
        decoded.removeAll()
        try take(page, &offset, rules, &name)
        return write(into: &batch)
    }

    /// Labels that are as a batch keeps them, but that the last may belong elsewhere: Go's clients write `le` and `quantile`
    /// behind the others.
    private struct Canonical {
        /// Where the closing brace stands.
        var end: Int
        /// Where the last label begins, and where it belongs.
        var last: Int
        var place: Int
    }

    /// Nil where the labels have to be looked at more closely, whatever the reason.
    private static func canonical(_ page: RawSpan, _ start: Int) -> Canonical? {
        let limit = page.byteCount
        var index = start
        var previous = start..<start
        guard index < limit else { return nil }
        if page.byte(at: index) == 0x7d { return Canonical(end: index, last: start, place: start) }
        while true {
            let nameStart = index
            while index < limit, isNameByte(page.byte(at: index)) { index += 1 }
            let name = nameStart..<index
            guard index > nameStart, page.byte(at: nameStart) > 0x39, index &+ 1 < limit,
                page.byte(at: index) == 0x3d, page.byte(at: index &+ 1) == 0x22
            else { return nil }
            let isInOrder =
                previous.isEmpty
                || page.slice(previous.lowerBound, previous.upperBound).compare(page.slice(nameStart, index)) < 0
            index += 2
            guard let end = canonicalValueEnd(page, index), end + 1 < limit else { return nil }
            index = end + 1
            if page.byte(at: index) == 0x7d {
                if isInOrder { return Canonical(end: index, last: nameStart, place: nameStart) }
                guard let place = place(of: name, in: page, from: start) else { return nil }
                return Canonical(end: index, last: nameStart, place: place)
            }
            guard isInOrder, page.byte(at: index) == 0x2c else { return nil }
            previous = name
            index += 1
        }
    }

    /// Before which of the labels from `start` on the one named `name` belongs; nil where one has that name.
    private static func place(of name: Range<Int>, in page: RawSpan, from start: Int) -> Int? {
        var index = start
        while index < name.lowerBound {
            guard let equals = page.firstIndex(of: 0x3d, from: index),
                let end = canonicalValueEnd(page, equals + 2)
            else { return nil }
            let order = page.slice(index, equals).compare(page.slice(name.lowerBound, name.upperBound))
            if order == 0 { return nil }
            if order > 0 { return index }
            index = end + 2
        }
        return nil
    }

    /// Where the closing quote of a value stands.
    private static func canonicalValueEnd(_ page: RawSpan, _ start: Int) -> Int? {
        let limit = page.byteCount
        var index = start
        var all: UInt8 = 0
        while index < limit {
            let byte = page.byte(at: index)
            if byte == 0x22 { return all < 0x80 || page.slice(start, index).isUTF8 ? index : nil }
            if byte == 0x5c {
                guard index + 1 < limit else { return nil }
                switch page.byte(at: index + 1) {
                case 0x22, 0x5c, 0x6e: index += 2
                default: return nil
                }
                continue
            }
            guard byte != 0x0a, byte != 0 else { return nil }
            all |= byte
            index += 1
        }
        return nil
    }

    /// The labels one by one, into `labels`.
    private mutating func take(
        _ page: RawSpan, _ offset: inout Int, _ rules: Rules, _ metric: inout Range<Int>?
    ) throws(ExpositionError) {
        while true {
            Self.skipBlanks(page, &offset, rules)
            guard offset < page.byteCount else { throw ExpositionError("a label's name or }", in: page, at: offset) }
            if page.byte(at: offset) == 0x7d {
                offset += 1
                return
            }
            let start = offset
            let isQuoted = page.byte(at: offset) == 0x22
            let name = try Self.name(page, &offset)
            let nameEnd = offset
            Self.skipBlanks(page, &offset, rules)
            let next = offset < page.byteCount ? page.byte(at: offset) : 0
            if isQuoted, next == 0x2c || next == 0x7d {
                guard rules.allowsName else { throw ExpositionError("= and the label's value", in: page, at: offset) }
                guard metric == nil else {
                    throw ExpositionError(
                        "one name of the metric", in: page, at: start, to: nameEnd)
                }
                metric = name
                offset += 1
                if next == 0x7d { return }
                continue
            }
            guard next == 0x3d else { throw ExpositionError("= and the label's value", in: page, at: offset) }
            offset += 1
            Self.skipBlanks(page, &offset, rules)
            let value = try Self.value(page, &offset, rules)
            try append(page, name, value, isQuoted: isQuoted)
            Self.skipBlanks(page, &offset, rules)
            if offset < page.byteCount, page.byte(at: offset) == 0x2c {
                offset += 1
            } else if !rules.isLenient {
                guard offset < page.byteCount, page.byte(at: offset) == 0x7d else {
                    throw ExpositionError("a comma or }", in: page, at: offset)
                }
            }
        }
    }

    private mutating func append(
        _ page: RawSpan, _ name: Range<Int>, _ value: Range<Int>, isQuoted: Bool
    ) throws(ExpositionError) {
        let nameStart = decoded.count
        if isQuoted {
            guard page.slice(name.lowerBound, name.upperBound).isUTF8 else {
                throw ExpositionError("a label's name in UTF-8", in: page, at: name.lowerBound, to: name.upperBound)
            }
            guard !name.isEmpty else { throw ExpositionError("a label's name", in: page, at: name.lowerBound - 1) }
            Self.unescape(page, name, into: &decoded)
        } else {
            decoded.append(page.slice(name.lowerBound, name.upperBound))
        }
        let nameEnd = decoded.count
        guard page.slice(value.lowerBound, value.upperBound).isUTF8 else {
            throw ExpositionError("a label's value in UTF-8", in: page, at: value.lowerBound, to: value.upperBound)
        }
        Self.unescape(page, value, into: &decoded)
        labels.append(
            Label(nameStart: Int32(nameStart), nameEnd: Int32(nameEnd), valueEnd: Int32(decoded.count)))
    }

    /// Sorts the labels taken and writes them.
    private mutating func write(into batch: inout SampleBatch) -> SampleBatch.Labels {
        if labels.isEmpty { return .none }
        // Insertion: there are few, and most come in order.
        for index in 1..<max(labels.count, 1) {
            var place = index
            while place > 0, order(labels[place - 1], labels[place]) > 0 {
                labels.swapAt(place - 1, place)
                place -= 1
            }
        }
        batch.startLabels()
        for label in labels {
            batch.label(
                named: decoded.bytes.slice(Int(label.nameStart), Int(label.nameEnd)),
                decoded.bytes.slice(Int(label.nameEnd), Int(label.valueEnd)))
        }
        return batch.endLabels()
    }

    private func order(_ a: Label, _ b: Label) -> Int {
        decoded.bytes.slice(Int(a.nameStart), Int(a.nameEnd))
            .compare(decoded.bytes.slice(Int(b.nameStart), Int(b.nameEnd)))
    }
}

extension LabelReader {
    static func skipBlanks(_ page: RawSpan, _ offset: inout Int, _ rules: Rules) {
        guard rules.isLenient else { return }
        while offset < page.byteCount, page.byte(at: offset) == 0x20 || page.byte(at: offset) == 0x09 { offset += 1 }
    }

    /// A label's name, plain or in quotes; the range is without them.
    private static func name(_ page: RawSpan, _ offset: inout Int) throws(ExpositionError) -> Range<Int> {
        if page.byte(at: offset) == 0x22 {
            return try quoted(page, &offset, allowsNUL: false, allowsLineFeed: true, "a label's name or }")
        }
        let start = offset
        guard isNameByte(page.byte(at: offset)), page.byte(at: offset) > 0x39 else {
            throw ExpositionError("a label's name or }", in: page, at: offset)
        }
        while offset < page.byteCount, isNameByte(page.byte(at: offset)) { offset += 1 }
        return start..<offset
    }

    private static func value(
        _ page: RawSpan, _ offset: inout Int, _ rules: Rules
    ) throws(ExpositionError) -> Range<Int> {
        let expected = "a label's value in double quotes"
        guard offset < page.byteCount, page.byte(at: offset) == 0x22 else {
            throw ExpositionError(expected, in: page, at: offset)
        }
        return try quoted(page, &offset, allowsNUL: true, allowsLineFeed: rules.isLenient, expected)
    }

    /// A string in quotes; the range is what stands between them, escaped. A backslash never stands before a line feed.
    static func quoted(
        _ page: RawSpan, _ offset: inout Int, allowsNUL: Bool, allowsLineFeed: Bool, _ expected: String
    ) throws(ExpositionError) -> Range<Int> {
        let quote = offset
        offset += 1
        while offset < page.byteCount {
            switch page.byte(at: offset) {
            case 0x22:
                offset += 1
                return (quote + 1)..<(offset - 1)
            case 0x5c:
                offset += 1
                guard offset < page.byteCount, page.byte(at: offset) != 0x0a else {
                    throw ExpositionError(expected, in: page, at: quote, to: offset)
                }
            case 0 where !allowsNUL: throw ExpositionError("no NUL in a name", in: page, at: offset)
            case 0x0a where !allowsLineFeed: throw ExpositionError(expected, in: page, at: quote, to: offset)
            default: break
            }
            offset += 1
        }
        throw ExpositionError("\(expected), closed", in: page, at: quote)
    }

    /// `\\`, `\"` and `\n` become what they stand for; before anything else a backslash is one.
    static func unescape(_ page: RawSpan, _ range: Range<Int>, into buffer: inout ByteBuffer) {
        var clean = range.lowerBound
        var index = range.lowerBound
        while index + 1 < range.upperBound {
            guard page.byte(at: index) == 0x5c else {
                index += 1
                continue
            }
            let next = page.byte(at: index + 1)
            if next == 0x5c || next == 0x22 || next == 0x6e {
                buffer.append(page.slice(clean, index))
                buffer.append(next == 0x6e ? 0x0a : next)
                clean = index + 2
            }
            index += 2
        }
        buffer.append(page.slice(clean, range.upperBound))
    }

    @inline(__always)
    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x61...0x7a).contains(byte) || (0x41...0x5a).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x5f
    }
}
