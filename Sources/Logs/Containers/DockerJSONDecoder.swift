import Bytes
import Telemetry

/// Lines of docker's `json-file` driver: `{"log":"text\n","stream":"stdout","attrs":{…},"time":"…Z"}` (moby
/// `daemon/logger/jsonfilelog/jsonlog`).
package enum DockerJSONDecoder {
    /// Appends the text of one line, without its final newline, to `text`, and its `attrs` as structured metadata to
    /// `attributes`. A text without final newline is a piece of a longer line. Nil, with both buffers as they were, where
    /// the line is not of this format.
    @inline(__always)
    package static func decode(
        _ line: RawSpan, into text: inout ByteBuffer, attributes: inout ByteBuffer
    ) -> ContainerRecord? {
        let textStart = text.count
        let attributesStart = attributes.count
        if let record = decodeFast(line, &text, &attributes) { return record }
        text.truncate(to: textStart)
        attributes.truncate(to: attributesStart)
        return decodePlain(line, into: &text, attributes: &attributes)
    }

    /// The keys in dockerd's own order, without white space. Nil for anything else; the buffers may then have grown.
    @inline(__always)
    private static func decodeFast(
        _ line: RawSpan, _ text: inout ByteBuffer, _ attributes: inout ByteBuffer
    ) -> ContainerRecord? {
        guard line.load(littleEndian: 0, as: UInt64.self) == 0x223a_2267_6f6c_227b else { return nil }  // {"log":"
        let start = text.count
        var offset = 8
        guard text.append(jsonString: line, from: &offset),
            line.load(littleEndian: offset, as: UInt64.self) == 0x6d61_6572_7473_222c  // ,"stream
        else { return nil }
        let stream: ContainerStream
        let quote: UInt16
        switch line.load(littleEndian: offset &+ 8, as: UInt64.self) {
        case 0x756f_6474_7322_3a22: (stream, quote) = (.stdout, 0x2274)  // ":"stdou t"
        case 0x7265_6474_7322_3a22: (stream, quote) = (.stderr, 0x2272)  // ":"stder r"
        default: return nil
        }
        guard line.load(littleEndian: offset &+ 16, as: UInt16.self) == quote else { return nil }
        offset &+= 18
        if line.load(littleEndian: offset, as: UInt64.self) == 0x2273_7274_7461_222c {  // ,"attrs"
            offset &+= 8
            guard JSONScanner.take(0x3a, line, &offset), decodeAttributes(line, &offset, &text, &attributes) else {
                return nil
            }
        }
        guard line.load(littleEndian: offset, as: UInt64.self) == 0x3a22_656d_6974_222c else { return nil }  // ,"time":
        // The time is all there is left: its quotes and the brace.
        let end = line.byteCount &- 2
        guard end > offset &+ 9, line.byte(at: offset &+ 8) == 0x22,
            line.load(littleEndian: end, as: UInt16.self) == 0x7d22,  // "}
            let time = RFC3339.parse(line.slice(offset &+ 9, end))
        else { return nil }
        return ContainerRecord(
            time: Timestamp(nanoseconds: time), stream: stream, isPartial: !takeNewline(&text, from: start))
    }

    @inline(__always)
    private static func takeNewline(_ text: inout ByteBuffer, from start: Int) -> Bool {
        let end = text.count
        guard end > start, text.bytes.byte(at: end &- 1) == 0x0a else { return false }
        text.truncate(to: end &- 1)
        return true
    }

    /// `decode` for keys in any order, unknown ones and white space; the last of several equal keys counts.
    @inline(never)
    package static func decodePlain(
        _ line: RawSpan, into text: inout ByteBuffer, attributes: inout ByteBuffer
    ) -> ContainerRecord? {
        let textStart = text.count
        let attributesStart = attributes.count
        if let record = decodeMembers(line, &text, &attributes) { return record }
        text.truncate(to: textStart)
        attributes.truncate(to: attributesStart)
        return nil
    }

    private enum Key { case log, stream, attributes, time, other }

    private static func decodeMembers(
        _ line: RawSpan, _ text: inout ByteBuffer, _ attributes: inout ByteBuffer
    ) -> ContainerRecord? {
        let textStart = text.count
        let attributesStart = attributes.count
        var offset = 0
        var stream = ContainerStream.stdout
        var time: Int64?
        guard JSONScanner.take(0x7b, line, &offset), JSONScanner.next(line, &offset) != 0x7d else { return nil }
        repeat {
            guard let key = key(line, &offset, &text), JSONScanner.take(0x3a, line, &offset),
                let first = JSONScanner.next(line, &offset)
            else { return nil }
            switch (key, first) {
            case (.log, 0x22):
                text.truncate(to: textStart)
                offset &+= 1
                guard text.append(jsonString: line, from: &offset) else { return nil }
            case (.stream, 0x22):
                guard let found = self.stream(line, &offset, &text) else { return nil }
                stream = found
            case (.time, 0x22):
                guard let found = self.time(line, &offset, &text) else { return nil }
                time = found
            case (.attributes, 0x7b):
                attributes.truncate(to: attributesStart)
                guard decodeAttributes(line, &offset, &text, &attributes) else { return nil }
            case (.other, _), (_, 0x6e):
                guard JSONScanner.skipValue(line, &offset) else { return nil }
            default: return nil
            }
        } while JSONScanner.take(0x2c, line, &offset)
        guard JSONScanner.take(0x7d, line, &offset), JSONScanner.next(line, &offset) == nil, let time else {
            return nil
        }
        return ContainerRecord(
            time: Timestamp(nanoseconds: time), stream: stream, isPartial: !takeNewline(&text, from: textStart))
    }

    // Strings that are only looked at are decoded behind `text` and taken off again: no buffer of their own.

    private static func key(_ line: RawSpan, _ offset: inout Int, _ text: inout ByteBuffer) -> Key? {
        scratch(line, &offset, &text) { name in
            if name.equals("log") { return .log }
            if name.equals("stream") { return .stream }
            if name.equals("attrs") { return .attributes }
            return name.equals("time") ? .time : .other
        }
    }

    private static func stream(_ line: RawSpan, _ offset: inout Int, _ text: inout ByteBuffer) -> ContainerStream? {
        scratch(line, &offset, &text) { $0.equals("stdout") ? .stdout : $0.equals("stderr") ? .stderr : nil }
    }

    private static func time(_ line: RawSpan, _ offset: inout Int, _ text: inout ByteBuffer) -> Int64? {
        scratch(line, &offset, &text) { RFC3339.parse($0) }
    }

    @inline(__always)
    private static func scratch<Result>(
        _ line: RawSpan, _ offset: inout Int, _ text: inout ByteBuffer, _ read: (RawSpan) -> Result?
    ) -> Result? {
        guard JSONScanner.take(0x22, line, &offset) else { return nil }
        let start = text.count
        guard text.append(jsonString: line, from: &offset) else { return nil }
        let result = read(text.bytes.slice(start, text.count))
        text.truncate(to: start)
        return result
    }

    /// An object of strings at `offset`, as structured metadata with names that are label names. Values of other kinds
    /// and empty ones are left out.
    private static func decodeAttributes(
        _ line: RawSpan, _ offset: inout Int, _ text: inout ByteBuffer, _ attributes: inout ByteBuffer
    ) -> Bool {
        guard JSONScanner.take(0x7b, line, &offset) else { return false }
        if JSONScanner.take(0x7d, line, &offset) { return true }
        let start = text.count
        repeat {
            guard JSONScanner.take(0x22, line, &offset), text.append(jsonString: line, from: &offset) else {
                return false
            }
            LabelName.sanitise(&text, from: start)
            let valueStart = text.count
            guard JSONScanner.take(0x3a, line, &offset) else { return false }
            if JSONScanner.next(line, &offset) == 0x22 {
                offset &+= 1
                guard text.append(jsonString: line, from: &offset) else { return false }
            } else {
                guard JSONScanner.skipValue(line, &offset) else { return false }
            }
            if text.count > valueStart { append(text, start, valueStart, to: &attributes) }
            text.truncate(to: start)
        } while JSONScanner.take(0x2c, line, &offset)
        return JSONScanner.take(0x7d, line, &offset)
    }

    private static func append(
        _ text: borrowing ByteBuffer, _ start: Int, _ middle: Int, to attributes: inout ByteBuffer
    ) {
        let name = text.bytes.slice(start, middle)
        let value = text.bytes.slice(middle, text.count)
        if value.isUTF8 {
            StructuredMetadata.append(name: name, value, to: &attributes)
        } else {
            var repaired = ByteBuffer(capacity: value.byteCount + 16)
            _ = repaired.append(repairing: value)
            StructuredMetadata.append(name: name, repaired.bytes, to: &attributes)
        }
    }
}

extension StructuredMetadata {
    /// Appends one name, given as bytes, and value to `buffer`. Both must be UTF-8.
    package static func append(name: RawSpan, _ value: RawSpan, to buffer: inout ByteBuffer) {
        let pair =
            2 + Varint.length(UInt64(name.byteCount)) + name.byteCount + Varint.length(UInt64(value.byteCount))
            + value.byteCount
        buffer.append(0x1a)
        buffer.append(varint: UInt64(pair))
        buffer.append(0x0a)
        buffer.append(varint: UInt64(name.byteCount))
        buffer.append(name)
        buffer.append(0x12)
        buffer.append(varint: UInt64(value.byteCount))
        buffer.append(value)
    }
}
