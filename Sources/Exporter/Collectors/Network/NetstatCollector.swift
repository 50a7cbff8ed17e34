import Bytes
import Telemetry

/// `/proc/net/netstat`, `snmp` and `snmp6`, the fields that a pattern chooses.
///
/// The first two have a line of names and a line of numbers for each protocol, both beginning with it; `snmp6` has one
/// name and number on each line.
struct NetstatCollector: Collector {
    static let description = CollectorDescription(
        "netstat", "Counters of IP, TCP, UDP and ICMP.",
        options: [CollectorOption("fields", .pattern, default: defaultFields, "Fields to report, as Tcp_InSegs.")]
    ) { try NetstatCollector($0) }

    static let defaultFields =
        "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)"
        + "|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)"
        + "|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)"
        + "|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$"

    private let paired: [HostFile]
    private let single: HostFile
    private let filter: NameFilter

    init(_ context: CollectorContext) throws {
        paired = [HostFile(context.paths.proc("net/netstat"), .one), HostFile(context.paths.proc("net/snmp"), .one)]
        single = HostFile(context.paths.proc("net/snmp6"), .one)
        filter = NameFilter(include: try context.options.pattern("fields"), exclude: nil)
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        var key = ByteBuffer(capacity: 64)
        for file in paired {
            try reader.load(file)
            let unreadable = writePairs(of: reader.text, &key, into: &batch)
            if unreadable > 0 { reader.odd("\(file.path): \(unreadable) lines or values cannot be read") }
        }
        // Absent where IPv6 is switched off.
        guard try reader.loadIfPresent(single) else { return }
        let unreadable = writeLines(of: reader.text, &key, into: &batch)
        if unreadable > 0 { reader.odd("\(single.path): \(unreadable) lines cannot be read") }
    }

    private func writePairs(of text: RawSpan, _ key: inout ByteBuffer, into batch: inout SampleBatch) -> Int {
        var unreadable = 0
        var lines = LineCursor(text)
        var names = RawSpan()
        while lines.next() {
            if names.byteCount == 0 {
                names = lines.line
                continue
            }
            var name = FieldCursor(names)
            var value = FieldCursor(lines.line)
            guard name.next(), value.next(), name.field.equals(value.field),
                let protocolEnd = name.field.lastIndex(of: 0x3a)
            else {
                // One line of the two is missing: this one may be the names of the next pair.
                names = lines.line
                unreadable += 1
                continue
            }
            let kind = name.field.slice(0, protocolEnd)
            while name.next() {
                guard value.next() else {
                    unreadable += 1
                    break
                }
                if !write(kind, name.field, value.field, &key, into: &batch) { unreadable += 1 }
            }
            names = RawSpan()
        }
        return unreadable
    }

    private func writeLines(of text: RawSpan, _ key: inout ByteBuffer, into batch: inout SampleBatch) -> Int {
        var unreadable = 0
        var lines = LineCursor(text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            // `Ip6InReceives` is the field InReceives of the protocol Ip6.
            guard fields.next(), let six = fields.field.firstIndex(of: 0x36) else { continue }
            let kind = fields.field.slice(0, six + 1)
            let name = fields.field.slice(six + 1, fields.field.byteCount)
            guard fields.next(), write(kind, name, fields.field, &key, into: &batch) else {
                unreadable += 1
                continue
            }
        }
        return unreadable
    }

    /// Returns whether a wanted field could be read.
    private func write(
        _ kind: RawSpan, _ name: RawSpan, _ value: RawSpan, _ key: inout ByteBuffer, into batch: inout SampleBatch
    ) -> Bool {
        guard kind.isNamePart, name.isNamePart else { return false }
        key.removeAll()
        key.append(kind)
        key.append(0x5f)
        key.append(name)
        guard filter.allows(key.bytes) else { return true }
        guard let number = value.number else { return false }
        let family = batch.family(.untyped, help: "A counter of netstat or snmp.") { text in
            text.append("node_netstat_" as StaticString)
            text.append(kind)
            text.append(0x5f)
            text.append(name)
        }
        batch.sample(family, .none, number)
        return true
    }
}
