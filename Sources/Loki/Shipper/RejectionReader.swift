import Telemetry

/// Finds the rejections in the body of a 400 or 429.
///
/// A body is one message, or several joined with `; ` and `N errors like: `, or lines per entry. Label values may hold any
/// of the words around them, so streams are read by their grammar and each message is told by what stands before and
/// after its stream.
enum RejectionReader {
    /// The distinct rejections, at most `limit`.
    static func read(_ body: [UInt8], limit: Int = 4096) -> [PushRejection] {
        var found: Set<PushRejection> = []
        var result: [PushRejection] = []
        var position = 0
        var previousEnd = 0
        // Bounds the work on a body that is made of beginnings only.
        var failures = 0
        while result.count < limit, failures < 256, let brace = body[position...].firstIndex(of: UInt8(ascii: "{")) {
            let before = body[previousEnd..<brace]
            guard let (labels, end) = StreamLabelsReader.read(body[brace...]) else {
                if before.ends(with: "error parsing labels '") {
                    let raw = PushRejection(reason: .invalidLabels, stream: nil, extent: .all)
                    if found.insert(raw).inserted { result.append(raw) }
                }
                position = brace + 1
                failures += 1
                continue
            }
            for rejection in rejections(labels, before: before, after: body[end...])
            where found.insert(rejection).inserted { result.append(rejection) }
            position = end
            previousEnd = end
        }
        if result.isEmpty, body[...].range(of: "at least one label pair is required per stream") != nil {
            result.append(PushRejection(reason: .missingLabels, stream: [:], extent: .all))
        }
        return result
    }

    private static func rejections(
        _ stream: LabelSet, before: ArraySlice<UInt8>, after: ArraySlice<UInt8>
    ) -> [PushRejection] {
        func one(_ reason: PushRejection.Reason, _ extent: PushRejection.Extent = .all) -> [PushRejection] {
            [PushRejection(reason: reason, stream: stream, extent: extent)]
        }
        if before.ends(with: "trying to create stream ") { return one(.streamLimit) }
        if before.ends(with: "for stream: ") { return ignored(stream, before) }
        if before.ends(with: "error parsing labels '") { return one(.invalidLabels) }
        guard before.ends(with: "stream '") else { return [] }
        if before.ends(with: "attempting to ingest for stream '") { return one(.streamRateLimit) }
        if before.ends(with: "bytes exceeded for stream '"), let start = before.lastRange(of: "max entry size '") {
            return before[start...].number().map { one(.lineTooLong, .linesLonger(than: $0)) } ?? []
        }
        if before.lastRange(of: "missing required labels '") != nil { return one(.missingEnforcedLabels) }
        if let rest = after.after("' has timestamp too old: ") {
            let bound = rest.range(of: "oldest acceptable timestamp is: ").flatMap { WireTime.read(rest[$0...]) }
            return one(.tooOld, bound.map { .before($0.advanced(seconds: 1)) } ?? .all)
        }
        if let rest = after.after("' has timestamp too new: ") {
            return one(.tooFarInFuture, WireTime.read(rest).map { .from($0) } ?? .all)
        }
        if after.after("' has label name too long") != nil { return one(.labelNameTooLong) }
        if after.after("' has label value too long") != nil { return one(.labelValueTooLong) }
        if after.after("' has duplicate label name") != nil { return one(.duplicateLabelNames) }
        if after.after("' includes structured metadata") != nil { return one(.metadataDisallowed) }
        if let rest = after.after("' has structured metadata too large: ") {
            let bound = rest.range(of: "limit: '").flatMap { rest[$0...].number() }
            return one(.metadataTooLarge, bound.map { .metadataLarger(than: $0) } ?? .all)
        }
        if let rest = after.after("' has too many structured metadata labels: ") {
            let bound = rest.range(of: "limit: '").flatMap { rest[$0...].number() }
            return one(.metadataTooMany, bound.map { .metadataEntriesMore(than: $0) } ?? .all)
        }
        if let rest = after.after("' has "), rest.prefix(40).range(of: " label names; limit ") != nil {
            return one(.tooManyLabelNames)
        }
        return []
    }

    /// `entry with timestamp … ignored, reason: '…',` lines, ended by `total ignored: n out of m for stream: {…}`.
    private static func ignored(_ stream: LabelSet, _ before: ArraySlice<UInt8>) -> [PushRejection] {
        if before.range(of: "entry too far behind") != nil {
            let bound = before.lastRange(of: "oldest acceptable timestamp is: ").flatMap {
                WireTime.read(before[$0...])
            }
            return [
                PushRejection(
                    reason: .tooFarBehind, stream: stream,
                    extent: bound.map { .before($0.advanced(seconds: 1)) } ?? .all)
            ]
        }
        guard before.range(of: "out of order") != nil else { return [] }
        var result: [PushRejection] = []
        var rest = before
        while let start = rest.range(of: "entry with timestamp ") {
            rest = rest[start...]
            if let time = WireTime.read(rest) {
                result.append(PushRejection(reason: .outOfOrder, stream: stream, extent: .at(time)))
            }
        }
        return result
    }
}

extension Timestamp {
    /// This time moved by `seconds`, held at the ends of the range.
    func advanced(seconds: Double) -> Timestamp {
        let moved = Double(nanoseconds) + seconds * 1e9
        if moved >= 9.2e18 { return Timestamp(nanoseconds: .max) }
        if moved <= -9.2e18 { return Timestamp(nanoseconds: .min) }
        return Timestamp(nanoseconds: nanoseconds &+ Int64(seconds * 1e9))
    }
}

extension ArraySlice<UInt8> {
    func ends(with text: StaticString) -> Bool { suffix(text.utf8CodeUnitCount).elementsEqual(text.bytes) }

    /// What follows `text`, where the slice begins with it.
    func after(_ text: StaticString) -> ArraySlice<UInt8>? {
        starts(with: text.bytes) ? dropFirst(text.utf8CodeUnitCount) : nil
    }

    /// The index after the first occurrence of `text`, or nil.
    func range(of text: StaticString) -> Int? {
        let length = text.utf8CodeUnitCount
        guard length > 0, count >= length else { return nil }
        let pattern = text.bytes
        let first = pattern[0]
        var index = startIndex
        while let found = self[index...].firstIndex(of: first), endIndex - found >= length {
            if self[found..<(found + length)].elementsEqual(pattern) { return found + length }
            index = found + 1
        }
        return nil
    }

    /// The index after the last occurrence of `text`, or nil.
    func lastRange(of text: StaticString) -> Int? {
        var last: Int?
        var rest = self
        while let found = rest.range(of: text) {
            last = found
            rest = rest[found...]
        }
        return last
    }

    /// The decimal number the slice begins with, or nil.
    func number() -> Int? {
        let digits = prefix { (0x30...0x39).contains($0) }
        return digits.isEmpty ? nil : Int(String(decoding: digits, as: UTF8.self))
    }
}

extension StaticString {
    fileprivate var bytes: [UInt8] { withUTF8Buffer { [UInt8]($0) } }
}
