import Glibc

/// Runs of bits that grow side by side in cells of 32 bytes: many short streams without an allocation of their own.
///
/// A `CellChain` names one run. Nothing is ever taken back but with the whole arena, so that what is in a chain stays
/// readable while it grows. Appending is O(1); memory comes in pages of 36 KiB.
package struct CellArena: ~Copyable {
    private static let cellsPerPage = 1024
    private static let wordsPerCell = 4
    // Links, a UInt32 for each cell, lie behind the cells of their page.
    private static let pageSize = cellsPerPage * (wordsPerCell * 8 + 4)

    private var pages: [UnsafeMutableRawPointer] = []
    private var count = 0

    package init() {}

    deinit { for page in pages { free(page) } }

    /// Bytes allocated.
    package var byteCount: Int { pages.count * Self.pageSize }

    /// Adds the low `length` bits of `bits`, the lowest first; `length` is at most 64, and the bits above it are 0.
    @inline(__always)
    package mutating func append(_ bits: UInt64, _ length: Int, to chain: inout CellChain) {
        assert(length >= 0 && length <= 64 && (length == 64 || bits >> UInt64(length) == 0), "bits above the length")
        guard length > 0 else { return }
        let offset = Int(chain.bitCount & 63)
        if chain.bitCount & 255 == 0 { extend(&chain) }
        merge(bits << UInt64(offset), into: chain)
        let room = 64 - offset
        if length < room {
            chain.bitCount &+= UInt32(length)
            return
        }
        chain.bitCount &+= UInt32(room)
        guard length > room else { return }
        if chain.bitCount & 255 == 0 { extend(&chain) }
        merge(bits >> UInt64(room), into: chain)
        chain.bitCount &+= UInt32(length - room)
    }

    /// Appends the words of a chain to `words`, the first bit lowest; bits behind its end are 0 or of what came later.
    package func copy(_ chain: CellChain, to words: inout [UInt64]) {
        var left = (Int(chain.bitCount) + 63) / 64
        var cell = Int(chain.first)
        while left > 0 {
            let (page, base) = place(cell)
            for word in 0..<min(left, Self.wordsPerCell) {
                words.append(page.load(fromByteOffset: base + word * 8, as: UInt64.self))
            }
            left -= Self.wordsPerCell
            if left > 0 { cell = Int(page.load(fromByteOffset: Self.linkOffset(cell), as: UInt32.self)) }
        }
    }

    @inline(__always)
    private func place(_ cell: Int) -> (UnsafeMutableRawPointer, Int) {
        precondition(cell < count, "a cell outside the arena")
        return (pages[cell / Self.cellsPerPage], cell % Self.cellsPerPage * (Self.wordsPerCell * 8))
    }

    private static func linkOffset(_ cell: Int) -> Int {
        cellsPerPage * wordsPerCell * 8 + cell % cellsPerPage * 4
    }

    @inline(__always)
    private func merge(_ word: UInt64, into chain: CellChain) {
        let (page, base) = place(Int(chain.last))
        let address = page + (base + Int(chain.bitCount >> 6 & 3) * 8)
        address.storeBytes(of: address.load(as: UInt64.self) | word, as: UInt64.self)
    }

    private mutating func extend(_ chain: inout CellChain) {
        if count == pages.count * Self.cellsPerPage {
            guard let page = calloc(1, Self.pageSize) else {
                // As for a buffer: nothing sensible can run on without memory.
                fatalError("out of memory: cannot grow an arena")
            }
            pages.append(page)
        }
        let cell = count
        count += 1
        precondition(count < Int(UInt32.max), "an arena of 128 GiB")
        if chain.isEmpty {
            chain.first = UInt32(cell)
        } else {
            let (page, _) = place(Int(chain.last))
            page.storeBytes(of: UInt32(cell), toByteOffset: Self.linkOffset(Int(chain.last)), as: UInt32.self)
        }
        chain.last = UInt32(cell)
    }
}

/// A run of bits in a `CellArena`. A copy of it goes on to name the bits that were there when it was made.
package struct CellChain: Sendable {
    fileprivate var first: UInt32 = 0
    fileprivate var last: UInt32 = 0
    package fileprivate(set) var bitCount: UInt32 = 0

    package init() {}

    package var isEmpty: Bool { bitCount == 0 }
}
