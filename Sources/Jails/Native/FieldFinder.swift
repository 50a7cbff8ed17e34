import Bytes

/// Finds fields of a JSON object in one pass, without building anything.
///
/// A path is names with dots between them. `a.b` is the member `b` of the object `a`, or the member `a.b`, whichever comes first.
/// Names with escapes are not found.
struct FieldFinder {
    private let paths: [[UInt8]]
    /// How much of each path the objects around the present one have taken.
    private var taken: [Int]
    /// Where the values stand in the last line; empty for those that it does not have.
    private(set) var values: [Range<Int>]
    private var missing = 0

    init(_ paths: [String]) {
        self.paths = paths.prefix(JSONRule.mostFields).map { [UInt8]($0) }
        taken = self.paths.map { _ in 0 }
        values = self.paths.map { _ in 0..<0 }
    }

    /// False where no object begins at `offset`, or where it breaks off before all fields are found.
    mutating func find(in json: RawSpan, from offset: Int) -> Bool {
        for index in values.indices {
            values[index] = 0..<0
            taken[index] = 0
        }
        missing = paths.count
        var place = offset
        guard JSONScanner.next(json, &place) == 0x7b else { return false }
        return object(json, &place, active: UInt32.max, depth: 0)
    }

    private mutating func object(_ json: RawSpan, _ offset: inout Int, active: UInt32, depth: Int) -> Bool {
        offset += 1
        if JSONScanner.take(0x7d, json, &offset) { return true }
        repeat {
            guard JSONScanner.next(json, &offset) == 0x22 else { return false }
            let start = offset + 1
            guard JSONScanner.skipString(json, &offset) else { return false }
            let key = json.slice(start, offset - 1)
            guard JSONScanner.take(0x3a, json, &offset) else { return false }
            var wanted: UInt32 = 0
            var inside: UInt32 = 0
            for index in paths.indices where active & (1 << UInt32(index)) != 0 && values[index].isEmpty {
                switch relation(of: key, to: index) {
                case .whole: wanted |= 1 << UInt32(index)
                case .beginning: inside |= 1 << UInt32(index)
                case .none: break
                }
            }
            let isObject = JSONScanner.next(json, &offset) == 0x7b
            let value = offset
            if inside != 0, isObject, depth < JSONScanner.maximumDepth {
                move(inside, by: key.byteCount + 1)
                guard object(json, &offset, active: inside, depth: depth + 1) else { return false }
                move(inside, by: -(key.byteCount + 1))
            } else {
                guard JSONScanner.skipValue(json, &offset, depth: depth + 1) else { return false }
            }
            if wanted != 0 {
                for index in paths.indices where wanted & (1 << UInt32(index)) != 0 {
                    values[index] = value..<offset
                    missing -= 1
                }
            }
            // The rest of the line need not be read.
            if missing == 0 { return true }
        } while JSONScanner.take(0x2c, json, &offset)
        return JSONScanner.take(0x7d, json, &offset)
    }

    private mutating func move(_ mask: UInt32, by distance: Int) {
        for index in taken.indices where mask & (1 << UInt32(index)) != 0 { taken[index] += distance }
    }

    private enum Relation { case none, whole, beginning }

    private func relation(of key: RawSpan, to index: Int) -> Relation {
        let start = taken[index]
        let count = paths[index].count - start
        guard key.byteCount <= count else { return .none }
        for place in 0..<key.byteCount where key.byte(at: place) != paths[index][start + place] { return .none }
        if key.byteCount == count { return .whole }
        return paths[index][start + key.byteCount] == 0x2e ? .beginning : .none
    }
}
