import CYaml

/// One event of libyaml, with the place where it begins.
struct YAMLEvent {
    enum Kind {
        case streamStart, streamEnd, documentStart, documentEnd
        case sequenceEnd, mappingEnd
        case alias(String)
        case scalar(String, isPlain: Bool)
        case sequenceStart, mappingStart
    }

    var kind: Kind
    var position: SourcePosition
    var anchor: String?
    var tag: String?
}

/// What libyaml could not read.
struct YAMLSyntaxError: Error {
    var position: SourcePosition
    var message: String
}

/// libyaml's parser over bytes in memory.
struct YAMLEventStream: ~Copyable {
    // libyaml keeps pointers to the parser itself and to the input: both need an address that stays.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>

    init(_ bytes: [UInt8]) throws(YAMLSyntaxError) {
        parser = .allocate(capacity: 1)
        input = .allocate(capacity: max(bytes.count, 1))
        // libyaml counts a byte order mark as a column where it is told the encoding, and takes the next line for outdented.
        let text = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? bytes.dropFirst(3) : bytes[...]
        _ = input.initialize(from: text)
        guard yaml_parser_initialize(parser) == 1 else {
            parser.deallocate()
            input.deallocate()
            throw YAMLSyntaxError(position: SourcePosition(line: 1, column: 1), message: "out of memory")
        }
        yaml_parser_set_input_string(parser, input.baseAddress, text.count)
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        input.deallocate()
    }

    mutating func next() throws(YAMLSyntaxError) -> YAMLEvent {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw syntaxError() }
        defer { yaml_event_delete(&event) }
        let position = YAMLEventStream.position(event.start_mark)
        let data = event.data
        switch event.type {
        case YAML_STREAM_START_EVENT: return YAMLEvent(kind: .streamStart, position: position)
        case YAML_DOCUMENT_START_EVENT: return YAMLEvent(kind: .documentStart, position: position)
        case YAML_DOCUMENT_END_EVENT: return YAMLEvent(kind: .documentEnd, position: position)
        case YAML_SEQUENCE_END_EVENT: return YAMLEvent(kind: .sequenceEnd, position: position)
        case YAML_MAPPING_END_EVENT: return YAMLEvent(kind: .mappingEnd, position: position)
        case YAML_ALIAS_EVENT:
            return YAMLEvent(kind: .alias(YAMLEventStream.text(data.alias.anchor) ?? ""), position: position)
        case YAML_SCALAR_EVENT:
            let scalar = data.scalar
            let text = String(
                decoding: UnsafeBufferPointer(start: scalar.value, count: Int(scalar.length)), as: UTF8.self)
            return YAMLEvent(
                kind: .scalar(text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE), position: position,
                anchor: YAMLEventStream.text(scalar.anchor), tag: YAMLEventStream.text(scalar.tag))
        case YAML_SEQUENCE_START_EVENT:
            return YAMLEvent(
                kind: .sequenceStart, position: position, anchor: YAMLEventStream.text(data.sequence_start.anchor),
                tag: YAMLEventStream.text(data.sequence_start.tag))
        case YAML_MAPPING_START_EVENT:
            return YAMLEvent(
                kind: .mappingStart, position: position, anchor: YAMLEventStream.text(data.mapping_start.anchor),
                tag: YAMLEventStream.text(data.mapping_start.tag))
        default: return YAMLEvent(kind: .streamEnd, position: position)
        }
    }

    private func syntaxError() -> YAMLSyntaxError {
        let state = parser.pointee
        let problem = state.problem.map { String(cString: $0) } ?? "unreadable"
        guard state.error != YAML_READER_ERROR else {
            // Marks are not kept for bytes that are no text.
            let before = input[..<min(Int(state.problem_offset), input.count)]
            let line = before.count { $0 == 0x0a } + 1
            let column = before.reversed().prefix { $0 != 0x0a }.count + 1
            return YAMLSyntaxError(
                position: SourcePosition(line: line, column: column),
                message: "not UTF-8 text (\(problem)): save the file as UTF-8")
        }
        var message = "not valid YAML: \(problem)"
        if let context = state.context {
            message += ", \(String(cString: context)) in line \(state.context_mark.line &+ 1)"
        }
        if problem.contains("cannot start any token") {
            message += "; tabs cannot indent, and text that begins with @, ` or % needs quotes"
        } else if problem.contains("mapping values are not allowed") {
            message += "; text with \": \" in it needs quotes"
        }
        return YAMLSyntaxError(position: YAMLEventStream.position(state.problem_mark), message: message)
    }

    private static func position(_ mark: yaml_mark_t) -> SourcePosition {
        SourcePosition(line: Int(clamping: mark.line) &+ 1, column: Int(clamping: mark.column) &+ 1)
    }

    private static func text(_ pointer: UnsafeMutablePointer<UInt8>?) -> String? {
        pointer.map { String(cString: $0) }
    }
}
