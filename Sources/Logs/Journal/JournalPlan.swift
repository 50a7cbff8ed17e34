import Bytes
import Telemetry

/// What of an entry matters to one configuration: the slots of its fields, and what is made of them.
struct JournalPlan: Sendable {
    let message: Int
    let messageID: Int
    let dropped: Int
    let lineBreak: Int
    let streamID: Int
    let partialMessage: Int
    let partialID: Int
    let containerID: Int
    let priority: Int
    let sourceTime: Int
    let processID: Int
    /// Slots whose values decide the stream, and the labels they become.
    let keys: [(slot: Int, label: String)]
    /// Slots kept as structured metadata, by name.
    let metadata: [(slot: Int, name: String)]
    /// Relabelling may look at anything: all fields become labels, and no result can be remembered.
    let readsAll: Bool
    let filter: JournalFilter
    let unitSlots: [Int]
    let unitFromInit: Int
    let identifier: Int

    /// Longer values are cut before they become labels; Loki takes 2048 bytes.
    static let labelLimit = 4096

    init(
        _ journal: JournalConfiguration, filter: JournalFilter, relabelInputs: [String]?, fields: inout JournalFields
    ) {
        message = fields.slot("MESSAGE")
        messageID = fields.slot("MESSAGE_ID")
        dropped = fields.slot("N_DROPPED")
        lineBreak = fields.slot("_LINE_BREAK")
        streamID = fields.slot("_STREAM_ID")
        partialMessage = fields.slot("CONTAINER_PARTIAL_MESSAGE")
        partialID = fields.slot("CONTAINER_PARTIAL_ID")
        containerID = fields.slot("CONTAINER_ID_FULL")
        priority = fields.slot("PRIORITY")
        sourceTime = fields.slot("_SOURCE_REALTIME_TIMESTAMP")
        processID = fields.slot("_PID")
        identifier = fields.slot(JournalFilter.identifierField)
        readsAll = relabelInputs == nil
        self.filter = filter

        var keys: [(slot: Int, label: String)] = []
        for label in Set(relabelInputs ?? []).sorted() {
            guard let field = Self.field(ofLabel: label) else { continue }
            let slot = fields.slot(field)
            if !keys.contains(where: { $0.slot == slot }) { keys.append((slot, "__journal_" + field.lowercased())) }
        }
        var units: [Int] = []
        if filter.readsUnits {
            units = JournalFilter.unitFields.map { fields.slot($0) }
            for (slot, field) in zip(units, JournalFilter.unitFields) where !keys.contains(where: { $0.slot == slot }) {
                keys.append((slot, "__journal_" + field.lowercased()))
            }
        }
        if filter.readsIdentifiers, !keys.contains(where: { [identifier] in $0.slot == identifier }) {
            keys.append((identifier, "__journal_syslog_identifier"))
        }
        self.keys = keys
        unitSlots = units
        unitFromInit = filter.readsUnits ? fields.slot("UNIT") : -1
        metadata = journal.structuredMetadata.map { name in
            (fields.slot(name.uppercased()), Self.metadataName(name))
        }
        for match in filter.excludedMatches { fields.exclude(match.field, value: Array(match.value.utf8)) }
    }

    /// `__journal__systemd_unit` is made of `_SYSTEMD_UNIT`; nil for labels that are not the journal's.
    static func field(ofLabel label: String) -> String? {
        if label == "__journal_priority_keyword" { return "PRIORITY" }
        guard label.hasPrefix("__journal_") else { return nil }
        let field = label.dropFirst("__journal_".count).uppercased()
        return JournalMatches.isFieldName(field) ? field : nil
    }

    /// `_PID` is kept as `pid`.
    static func metadataName(_ field: String) -> String { String(field.lowercased().drop { $0 == "_" }) }

    /// syslog's names, as promtail has them.
    static let priorities = ["emerg", "alert", "crit", "error", "warning", "notice", "info", "debug"]

    /// Makes the bytes that stand for all values that decide the stream.
    @inline(__always)
    func makeKey(_ fields: borrowing JournalFields, into key: inout ByteBuffer) {
        key.removeAll()
        for entry in keys {
            guard fields.has(entry.slot) else {
                key.append(littleEndian: UInt16.max)
                continue
            }
            let value = fields.value(entry.slot)
            let length = min(value.byteCount, Self.labelLimit)
            key.append(littleEndian: UInt16(truncatingIfNeeded: length))
            key.append(value.slice(0, length))
        }
        if unitFromInit >= 0 { key.append(isFromInit(fields) ? 1 : 0) }
    }

    private func isFromInit(_ fields: borrowing JournalFields) -> Bool { fields.value(processID).equals("1") }

    /// Whether the entry passes the filters that libsystemd cannot apply. Allocates: once per distinct key.
    func accepts(_ fields: borrowing JournalFields) -> Bool {
        guard filter.readsUnits || filter.readsIdentifiers else { return true }
        var units: [String] = []
        // UNIT= counts where the service manager says it: anyone may set the field.
        for slot in unitSlots where fields.has(slot) && (slot != unitFromInit || isFromInit(fields)) {
            units.append(String(lossy: fields.value(slot)))
        }
        return filter.accepts(units: units, identifier: String(lossy: fields.value(identifier)))
    }

    /// The labels that relabelling sees. Allocates: once per distinct key.
    func labels(_ fields: borrowing JournalFields, adding constant: LabelSet) -> LabelSet {
        var labels = LabelSet()
        if readsAll {
            for item in fields.items {
                let name = String(lossy: fields.bytes(item.name))
                guard JournalMatches.isFieldName(name) else { continue }
                labels["__journal_" + name.lowercased()] = Self.text(fields.bytes(item.value))
            }
        } else {
            for entry in keys where fields.has(entry.slot) { labels[entry.label] = Self.text(fields.value(entry.slot)) }
        }
        let digit = fields.value(priority)
        if digit.byteCount == 1, (0x30...0x37).contains(digit.byte(at: 0)) {
            labels["__journal_priority_keyword"] = Self.priorities[Int(digit.byte(at: 0) - 0x30)]
        }
        return labels.overridden(by: constant)
    }

    private static func text(_ value: RawSpan) -> String {
        String(lossy: value.slice(0, min(value.byteCount, labelLimit)))
    }
}
