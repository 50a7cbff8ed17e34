import Bytes

/// Counts by name, which come again with each page: names that were there before cost no allocation.
struct NameCounts {
    private var names: [[UInt8]] = []
    private(set) var counts: [Int] = []
    /// By the name's checksum.
    private var places: [UInt32: Int] = [:]
    /// Names remembered; then it begins anew.
    private static let most = 16_384

    /// Begins a count.
    mutating func reset() {
        if names.count > Self.most {
            names.removeAll()
            counts.removeAll()
            places.removeAll()
        }
        for place in counts.indices { counts[place] = 0 }
    }

    mutating func add(_ count: Int, to name: RawSpan) {
        let checksum = name.crc32c()
        if let place = places[checksum] {
            if isNamed(place, name) {
                counts[place] += count
                return
            }
            // Two names of one checksum: rare enough to look through all.
            for other in names.indices where isNamed(other, name) {
                counts[other] += count
                return
            }
        } else {
            places[checksum] = names.count
        }
        names.append([UInt8](name))
        counts.append(count)
    }

    /// Calls `body` with each name that was counted.
    func forEach(_ body: (_ name: RawSpan, _ count: Int) -> Void) {
        for place in names.indices where counts[place] > 0 {
            let name = names[place]
            body(name.span.bytes, counts[place])
        }
    }

    private func isNamed(_ place: Int, _ name: RawSpan) -> Bool {
        let known = names[place]
        return known.span.bytes.equals(name)
    }
}
