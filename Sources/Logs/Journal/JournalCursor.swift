/// What a cursor says: `s=<seqnum id>;i=<seqnum>;b=<boot id>;m=<monotonic µs>;t=<realtime µs>;x=<hash>`, numbers in
/// hexadecimal, every part optional (systemd, `sd_journal_get_cursor(3)`).
///
/// libsystemd before version 254 has no call for the sequence number, so it is read from here.
struct JournalCursor: Sendable, Equatable {
    var sequenceID: Substring?
    var sequence: UInt64?
    var bootID: Substring?
    /// Microseconds since that boot.
    var monotonic: UInt64?
    /// Microseconds since 1970.
    var realtime: UInt64?
    var hash: UInt64?

    /// Nil where the text is not a cursor that libsystemd would take.
    init?(_ text: String) {
        guard text.utf8.count <= 1024 else { return nil }
        for part in text.split(separator: ";", omittingEmptySubsequences: false) {
            guard part.utf8.count >= 3, part.dropFirst().first == "=" else { return nil }
            let value = part.dropFirst(2)
            switch part.first {
            case "s":
                guard Self.isID(value) else { return nil }
                sequenceID = value
            case "b":
                guard Self.isID(value) else { return nil }
                bootID = value
            case "i": guard Self.read(value, into: &sequence) else { return nil }
            case "m": guard Self.read(value, into: &monotonic) else { return nil }
            case "t": guard Self.read(value, into: &realtime) else { return nil }
            case "x": guard Self.read(value, into: &hash) else { return nil }
            default: break
            }
        }
        let hasPlace =
            (sequenceID != nil && sequence != nil) || (bootID != nil && monotonic != nil) || realtime != nil
        guard hasPlace else { return nil }
    }

    /// Whether this entry is certainly not later than `other` in the journal. False where the two cannot be compared
    /// for sure, for then the entry has to be read: the wall clock may have been set back, and proves nothing.
    func isNotAfter(_ other: JournalCursor) -> Bool {
        if let sequence, let last = other.sequence, sequenceID != nil, sequenceID == other.sequenceID {
            return sequence <= last
        }
        if let monotonic, let last = other.monotonic, bootID != nil, bootID == other.bootID {
            // The same instant may hold two entries; the hash tells whether it is the same one.
            return monotonic < last || (monotonic == last && hash != nil && hash == other.hash)
        }
        return false
    }

    /// Whether their order is certain.
    func isComparable(with other: JournalCursor) -> Bool {
        (sequence != nil && other.sequence != nil && sequenceID != nil && sequenceID == other.sequenceID)
            || (monotonic != nil && other.monotonic != nil && bootID != nil && bootID == other.bootID)
    }

    /// Whether it tells nothing but the time: several entries may have the same.
    var isMoment: Bool { sequence == nil && hash == nil }

    func isOfMoment(_ other: JournalCursor) -> Bool {
        bootID == other.bootID && monotonic == other.monotonic && realtime == other.realtime
    }

    /// How many of journald's numbers between `earlier` and this entry were not among the `read` entries; nil for
    /// none, or where the two are not of one sequence. Entries of other sequences in between make it smaller.
    func gap(since earlier: JournalCursor, read: UInt64) -> UInt64? {
        guard let sequenceID, sequenceID == earlier.sequenceID, let first = earlier.sequence, let last = sequence,
            last > first, last - first > read
        else { return nil }
        return last - first - read
    }

    private static func read(_ digits: Substring, into number: inout UInt64?) -> Bool {
        // UInt64(_:radix:) takes a sign, libsystemd's cursors have none.
        guard digits.utf8.allSatisfy(isHexDigit), let value = UInt64(digits, radix: 16) else { return false }
        number = value
        return true
    }

    private static func isID(_ text: Substring) -> Bool {
        text.utf8.count == 32 && text.utf8.allSatisfy(isHexDigit)
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) || (0x41...0x46).contains(byte)
    }
}
