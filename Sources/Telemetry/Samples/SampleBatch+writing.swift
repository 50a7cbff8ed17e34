import Bytes

/// What a collector writes with.
extension SampleBatch {
    /// Begins a family, or finds the one of this name that this batch has: its samples may come in any order and
    /// between those of other families. O(1).
    package mutating func family(_ name: StaticString, _ type: MetricType, _ help: StaticString) -> FamilyID {
        let nameRange = write(name)
        return add(name: nameRange, help: write(help), type: type)
    }

    /// A family whose name is only known when it is read.
    package mutating func family(_ name: String, _ type: MetricType, _ help: String) -> FamilyID {
        let start = text.count
        text.append(name)
        let nameRange = range(from: start)
        let helpStart = text.count
        text.append(help)
        return add(name: nameRange, help: range(from: helpStart), type: type)
    }

    /// A family whose name is put together from bytes by `write`.
    package mutating func family(
        _ type: MetricType, help: StaticString, name write: (inout ByteBuffer) -> Void
    ) -> FamilyID {
        let start = text.count
        write(&text)
        let nameRange = range(from: start)
        return add(name: nameRange, help: self.write(help), type: type)
    }

    private mutating func add(name: TextRange, help: TextRange, type: MetricType) -> FamilyID {
        // Its name would become part of the labels.
        assert(!isWritingLabels, "a family is begun between startLabels and endLabels")
        families.append(Family(name: name, help: help, unit: .empty, type: type))
        return FamilyID(index: Int32(families.count - 1))
    }

    /// Begins a set of labels. Labels come in the order of their names.
    package mutating func startLabels() {
        labelStart = text.count
        labelsAreQuoted = false
        isWritingLabels = true
    }

    /// A label of the set begun. An empty value is as good as no label and is left out, unless `keepsEmpty`: in
    /// expositions node_exporter writes them.
    package mutating func label(_ name: StaticString, _ value: RawSpan, keepsEmpty: Bool = true) {
        guard keepsEmpty || value.byteCount > 0 else { return }
        startLabel(name)
        text.appendEscaped(value)
        text.append(0x22)
    }

    package mutating func label(_ name: StaticString, _ value: StaticString) {
        startLabel(name)
        text.append(value)
        text.append(0x22)
    }

    package mutating func label(_ name: StaticString, _ value: String, keepsEmpty: Bool = true) {
        guard keepsEmpty || !value.isEmpty else { return }
        startLabel(name)
        text.appendEscaped(value)
        text.append(0x22)
    }

    package mutating func label(_ name: StaticString, _ value: Int) {
        startLabel(name)
        text.append(decimal: value)
        text.append(0x22)
    }

    /// A label whose name is only known when it is read. A name that the text format cannot have stands in quotes.
    package mutating func label(_ name: String, _ value: String) {
        if text.count > labelStart { text.append(0x2c) }
        if LabelSet.isValidName(name) {
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

    /// Labels of the set begun that were written before, escaped and in order: `a="1",b="2"`; or none. Their names are
    /// such as need no quotes.
    package mutating func label(written labels: RawSpan) {
        guard labels.byteCount > 0 else { return }
        if text.count > labelStart { text.append(0x2c) }
        text.append(labels)
    }

    private mutating func startLabel(_ name: StaticString) {
        if text.count > labelStart { text.append(0x2c) }
        text.append(name)
        text.append("=\"" as StaticString)
    }

    /// Ends the set begun.
    package mutating func endLabels() -> Labels {
        isWritingLabels = false
        return Labels(text: range(from: labelStart), hasQuotedName: labelsAreQuoted)
    }

    /// A set of one label.
    package mutating func labels(_ name: StaticString, _ value: RawSpan) -> Labels {
        startLabels()
        label(name, value)
        return endLabels()
    }

    package mutating func labels(_ name: StaticString, _ value: StaticString) -> Labels {
        startLabels()
        label(name, value)
        return endLabels()
    }

    package mutating func labels(_ name: StaticString, _ value: String) -> Labels {
        startLabels()
        label(name, value)
        return endLabels()
    }

    package mutating func labels(_ name: StaticString, _ value: Int) -> Labels {
        startLabels()
        label(name, value)
        return endLabels()
    }

    /// All of `labels`, in their order.
    package mutating func labels(_ labels: LabelSet) -> Labels {
        startLabels()
        for pair in labels.labels { label(pair.name, pair.value) }
        return endLabels()
    }

    /// Adds a sample.
    @inline(__always)
    package mutating func sample(
        _ family: FamilyID, _ labels: Labels = .none, _ value: Double, suffix: SampleSuffix = .none,
        timestamp: Int64 = SampleBatch.noTimestamp
    ) {
        guard samples.count < sampleLimit, text.count <= textLimit else {
            dropped += 1
            return
        }
        samples.append(
            Sample(family: family, suffix: suffix, labels: labels, value: value, timestamp: timestamp))
    }

    /// A family of one sample without labels.
    package mutating func sample(_ name: StaticString, _ type: MetricType, _ help: StaticString, _ value: Double) {
        sample(family(name, type, help), .none, value)
    }

    /// Adds an exemplar to the sample added last.
    package mutating func exemplar(_ labels: Labels, _ value: Double, timestamp: Int64 = SampleBatch.noTimestamp) {
        guard !samples.isEmpty, dropped == 0 else { return }
        exemplars.append(
            Exemplar(sample: Int32(samples.count - 1), labels: labels, value: value, timestamp: timestamp))
    }

    /// Sets the unit of a family, as `# UNIT` gives it.
    package mutating func unit(_ family: FamilyID, _ unit: RawSpan) {
        let start = text.count
        text.append(unit)
        families[Int(family.index)].unit = range(from: start)
    }

    private mutating func write(_ string: StaticString) -> TextRange {
        let start = text.count
        text.append(string)
        return range(from: start)
    }

    private func range(from start: Int) -> TextRange {
        TextRange(offset: Int32(clamping: start), length: Int32(clamping: text.count - start))
    }
}

extension ByteBuffer {
    /// Appends a label's value: `\`, `"` and line feed escaped.
    package mutating func appendEscaped(_ value: RawSpan) {
        var start = 0
        for offset in 0..<value.byteCount {
            let byte = value.byte(at: offset)
            guard byte == 0x5c || byte == 0x22 || byte == 0x0a else { continue }
            append(value.extracting(start..<offset))
            start = offset + 1
            append(0x5c)
            append(byte == 0x0a ? 0x6e : byte)
        }
        append(value.extracting(start..<value.byteCount))
    }

    package mutating func appendEscaped(_ value: String) {
        for byte in value.utf8 {
            switch byte {
            case 0x5c, 0x22:
                append(0x5c)
                append(byte)
            case 0x0a:
                append(0x5c)
                append(0x6e)
            default: append(byte)
            }
        }
    }
}
