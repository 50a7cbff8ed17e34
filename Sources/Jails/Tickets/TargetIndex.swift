/// Small numbers for targets, given back and used again: whoever has something to say about a target keeps it in an array by its
/// number. 36 to 40 bytes a target, a quarter of a dictionary's.
struct TargetIndex {
    /// By number; nil where a number is free.
    private(set) var targets: [BanTarget?] = []
    private var free: [Int32] = []
    /// Open addressing, at most half full; numbers, -1 where there is none. Its count is a power of two.
    private var table = [Int32](repeating: -1, count: 16)

    var count: Int { targets.count - free.count }

    /// O(1), as all here.
    func number(of target: BanTarget) -> Int? {
        var place = home(of: target)
        while table[place] >= 0 {
            if targets[Int(table[place])] == target { return Int(table[place]) }
            place = next(place)
        }
        return nil
    }

    /// The target is not in it yet.
    mutating func insert(_ target: BanTarget) -> Int {
        if (count + 1) * 2 > table.count { grow() }
        let number = free.popLast().map { Int($0) } ?? targets.count
        if number == targets.count { targets.append(target) } else { targets[number] = target }
        place(number, target)
        return number
    }

    mutating func remove(_ number: Int) {
        guard let target = targets[number] else { return }
        var hole = home(of: target)
        while table[hole] != Int32(number) { hole = next(hole) }
        // What stands behind moves up, if that brings it no further than home.
        var place = next(hole)
        while table[place] >= 0, let other = targets[Int(table[place])] {
            let mask = table.count - 1
            if (place &- home(of: other)) & mask >= (place &- hole) & mask {
                table[hole] = table[place]
                hole = place
            }
            place = next(place)
        }
        table[hole] = -1
        targets[number] = nil
        free.append(Int32(number))
    }

    // Seeded for each process: nobody can choose addresses that collide.
    private func home(of target: BanTarget) -> Int { target.hashValue & (table.count - 1) }
    private func next(_ place: Int) -> Int { (place + 1) & (table.count - 1) }

    private mutating func place(_ number: Int, _ target: BanTarget) {
        var place = home(of: target)
        while table[place] >= 0 { place = next(place) }
        table[place] = Int32(number)
    }

    private mutating func grow() {
        table = [Int32](repeating: -1, count: table.count * 2)
        for (number, target) in targets.enumerated() {
            if let target { place(number, target) }
        }
    }
}
