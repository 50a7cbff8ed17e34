import Bytes

/// The samples of one collection, scrape or probe, flat: what collectors write, what `/metrics` renders, what the
/// series store and remote write take.
///
/// Text (names, help, labels) lies in one buffer; families and samples are small records that point into it. A batch
/// is emptied and filled again and then allocates nothing. Labels are kept as the text format writes them,
/// `cpu="0",mode="user"`, escaped, without braces: rendering copies them, and a series is found again by these
/// bytes without taking them apart.
///
///     let seconds = batch.family("node_cpu_seconds_total", .counter, "Seconds the CPUs spent in each mode.")
///     batch.startLabels()
///     batch.label("cpu", name)
///     batch.label("mode", "user")
///     batch.sample(seconds, batch.endLabels(), value)
///
/// At the cap on samples or text further ones are left out and counted in `dropped`.
package struct SampleBatch: ~Copyable {
    /// A family of this batch.
    package struct FamilyID: Sendable, Equatable {
        package let index: Int32
        package init(index: Int32) { self.index = index }
    }

    /// Bytes of the batch's text.
    package struct TextRange: Sendable, Equatable {
        package var offset: Int32
        package var length: Int32
        package static let empty = TextRange(offset: 0, length: 0)
    }

    /// A finished set of labels; it can serve any number of samples.
    package struct Labels: Sendable, Equatable {
        package var text: TextRange
        /// Whether a label's name is none of `[a-zA-Z_][a-zA-Z0-9_]*`; such names stand in quotes.
        package var hasQuotedName: Bool
        package static let none = Labels(text: .empty, hasQuotedName: false)
    }

    package struct Family: Sendable {
        package var name: TextRange
        package var help: TextRange
        /// As OpenMetrics' `# UNIT` gave it; empty where none did.
        package var unit: TextRange
        package var type: MetricType
    }

    package struct Sample: Sendable {
        package var family: FamilyID
        package var suffix: SampleSuffix
        package var labels: Labels
        package var value: Double
        /// Milliseconds since 1970, or `noTimestamp`.
        package var timestamp: Int64
    }

    package struct Exemplar: Sendable {
        /// Of the sample it belongs to.
        package var sample: Int32
        package var labels: Labels
        package var value: Double
        /// Milliseconds since 1970, or `noTimestamp`.
        package var timestamp: Int64
    }

    package static let noTimestamp = Int64.min

    package internal(set) var text: ByteBuffer
    package internal(set) var families: [Family] = []
    package internal(set) var samples: [Sample] = []
    package internal(set) var exemplars: [Exemplar] = []
    /// Samples left out at the cap.
    package internal(set) var dropped = 0
    /// Samples and bytes of text it takes.
    package let sampleLimit: Int
    package let textLimit: Int

    // The labels being written.
    var labelStart = 0
    var labelsAreQuoted = false
    var isWritingLabels = false

    package init(sampleLimit: Int = 100_000, textLimit: Int = 32 << 20) {
        self.sampleLimit = sampleLimit
        self.textLimit = min(textLimit, Int(Int32.max) / 2)
        text = ByteBuffer()
    }

    package var isEmpty: Bool { samples.isEmpty }

    /// Whether it takes no more samples: what costs much to find out need not be found out any more.
    package var isFull: Bool { samples.count >= sampleLimit }

    /// The bytes of a name, help or label text.
    @_lifetime(borrow self)
    package func bytes(_ range: TextRange) -> RawSpan {
        text.bytes.extracting(Int(range.offset)..<Int(range.offset &+ range.length))
    }

    /// Empties it, keeping the memory.
    package mutating func removeAll() {
        text.removeAll()
        families.removeAll(keepingCapacity: true)
        samples.removeAll(keepingCapacity: true)
        exemplars.removeAll(keepingCapacity: true)
        dropped = 0
    }

    /// Takes back all that was written after `mark`: for a source that turns out to be wrong halfway.
    package mutating func roll(back mark: Mark) {
        text.truncate(to: mark.text)
        families.removeLast(families.count - mark.families)
        samples.removeLast(samples.count - mark.samples)
        exemplars.removeLast(exemplars.count - mark.exemplars)
    }

    /// How much there is at a moment.
    package struct Mark: Sendable {
        var text: Int
        var families: Int
        var samples: Int
        var exemplars: Int
    }

    package var mark: Mark {
        Mark(text: text.count, families: families.count, samples: samples.count, exemplars: exemplars.count)
    }

    /// Adds all that `other` has.
    package mutating func append(_ other: borrowing SampleBatch) {
        guard text.count + other.text.count <= textLimit else {
            dropped += other.samples.count + other.dropped
            return
        }
        let base = Int32(text.count)
        let first = Int32(families.count)
        func moved(_ range: TextRange) -> TextRange { TextRange(offset: range.offset + base, length: range.length) }
        func moved(_ labels: Labels) -> Labels {
            Labels(text: moved(labels.text), hasQuotedName: labels.hasQuotedName)
        }
        text.append(other.text.bytes)
        for family in other.families {
            families.append(
                Family(
                    name: moved(family.name), help: moved(family.help), unit: moved(family.unit), type: family.type))
        }
        let room = max(0, sampleLimit - samples.count)
        let base32 = Int32(samples.count)
        for sample in other.samples.prefix(room) {
            samples.append(
                Sample(
                    family: FamilyID(index: sample.family.index + first), suffix: sample.suffix,
                    labels: moved(sample.labels), value: sample.value, timestamp: sample.timestamp))
        }
        for exemplar in other.exemplars where exemplar.sample < room {
            exemplars.append(
                Exemplar(
                    sample: exemplar.sample + base32, labels: moved(exemplar.labels), value: exemplar.value,
                    timestamp: exemplar.timestamp))
        }
        dropped += other.dropped + max(0, other.samples.count - room)
    }
}
