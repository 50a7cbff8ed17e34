import Bytes

/// What a parser of expositions writes with, and how a sample's whole name is read back.
extension SampleBatch {
    /// Begins a family of this name, of which nothing else is known yet.
    package mutating func family(named name: RawSpan) -> FamilyID {
        families.append(Family(name: write(name), help: .empty, unit: .empty, type: .untyped))
        return FamilyID(index: Int32(families.count - 1))
    }

    package mutating func set(type: MetricType, of family: FamilyID) { families[Int(family.index)].type = type }

    package mutating func set(help: RawSpan, of family: FamilyID) { families[Int(family.index)].help = write(help) }

    /// Renames a family. Its samples are renamed with it.
    package mutating func set(name: RawSpan, of family: FamilyID) { families[Int(family.index)].name = write(name) }

    /// A whole set of labels that is as a batch keeps it already: sorted, no blanks, `\`, `"` and line feed escaped and
    /// nothing else.
    package mutating func labels(verbatim text: RawSpan, hasQuotedName: Bool = false) -> Labels {
        Labels(text: write(text), hasQuotedName: hasQuotedName)
    }

    /// Labels of the set begun that are as a batch keeps them already.
    package mutating func append(verbatim labels: RawSpan) {
        if text.count > labelStart { text.append(0x2c) }
        text.append(labels)
    }

    /// A label of the set begun, its name and value unescaped. A name that the text format cannot have stands in quotes.
    package mutating func label(named name: RawSpan, _ value: RawSpan) {
        if text.count > labelStart { text.append(0x2c) }
        if SampleBatch.isPlainLabelName(name) {
            text.append(name)
        } else {
            labelsAreQuoted = true
            text.append(0x22)
            text.appendEscaped(name)
            text.append(0x22)
        }
        text.append("=\"" as StaticString)
        text.appendEscaped(value)
        text.append(0x22)
    }

    /// Appends the name a sample has on a page: the family's and its suffix. A counter's `_created` stands where its
    /// `_total` would.
    package func appendName(of sample: Sample, to buffer: inout ByteBuffer) {
        let family = families[Int(sample.family.index)]
        var name = bytes(family.name)
        if sample.suffix == .created || sample.suffix == .total, family.type == .counter,
            name.byteCount > 6, name.extracting((name.byteCount - 6)..<name.byteCount).equals("_total" as StaticString)
        {
            name = name.extracting(0..<(name.byteCount - 6))
        }
        buffer.append(name)
        buffer.append(sample.suffix.text)
    }

    private mutating func write(_ bytes: RawSpan) -> TextRange {
        let start = text.count
        text.append(bytes)
        return TextRange(offset: Int32(clamping: start), length: Int32(clamping: text.count - start))
    }

    /// Whether `name` is `[a-zA-Z_][a-zA-Z0-9_]*`.
    private static func isPlainLabelName(_ name: RawSpan) -> Bool {
        for offset in 0..<name.byteCount {
            switch name.byte(at: offset) {
            case 0x41...0x5a, 0x61...0x7a, 0x5f: break
            case 0x30...0x39 where offset > 0: break
            default: return false
            }
        }
        return name.byteCount > 0
    }
}
