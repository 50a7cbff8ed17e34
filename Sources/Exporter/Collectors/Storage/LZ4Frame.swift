import Bytes

/// The LZ4 frame format (lz4_Frame_format.md 1.6.4), in which apt keeps its lists on small systems. Checksums are not
/// verified: apt verified what it downloaded.
struct LZ4Frame: ~Copyable {
    private var hasBlockChecksums = false
    /// What came last, which later blocks refer to, and what a block yields.
    private var output: [UInt8] = []

    private static let window = 64 << 10
    /// Of a block, as the format has it, with room for data that does not compress.
    static let longestBlock = 4 << 20

    static let magic: UInt32 = 0x184d_2204

    /// Takes the frame's header, from its first byte on, of which there must be 7; returns how long it is. Nil for what
    /// is none.
    mutating func start(_ bytes: RawSpan) -> Int? {
        guard bytes.byteCount >= 7, bytes.load(littleEndian: 0, as: UInt32.self) == Self.magic else { return nil }
        let flags = bytes.byte(at: 4)
        guard flags >> 6 == 1 else { return nil }
        hasBlockChecksums = flags & 0x10 != 0
        output = []
        // A size of the whole and the number of a dictionary may follow, then a checksum.
        return 7 + (flags & 0x08 != 0 ? 8 : 0) + (flags & 0x01 != 0 ? 4 : 0)
    }

    /// Bytes behind a block.
    var blockTrailer: Int { hasBlockChecksums ? 4 : 0 }

    /// Decodes a block and appends what it yields to `text`; false where it is damaged.
    mutating func decode(_ block: RawSpan, isCompressed: Bool, into text: inout ByteBuffer) -> Bool {
        if output.count > Self.window { output.removeFirst(output.count - Self.window) }
        let start = output.count
        guard isCompressed ? expand(block) : copy(block) else { return false }
        output.span.bytes.extracting(start..<output.count).withUnsafeBytes { text.append($0) }
        return true
    }

    private mutating func copy(_ block: RawSpan) -> Bool {
        output.append(contentsOf: [UInt8](block))
        return true
    }

    /// Sequences of literals and a copy of what came before; the last has literals alone.
    private mutating func expand(_ block: RawSpan) -> Bool {
        let limit = output.count + Self.longestBlock
        var offset = 0
        while offset < block.byteCount {
            let token = block.byte(at: offset)
            offset += 1
            guard let literals = Self.length(Int(token >> 4), block, &offset), literals <= block.byteCount - offset,
                output.count + literals <= limit
            else { return false }
            output.append(contentsOf: [UInt8](block.extracting(offset..<(offset + literals))))
            offset += literals
            if offset == block.byteCount { return true }
            guard let distance = block.load(littleEndian: offset, as: UInt16.self).map({ Int($0) }), distance > 0,
                distance <= output.count
            else { return false }
            offset += 2
            guard let rest = Self.length(Int(token & 15), block, &offset), output.count + rest + 4 <= limit else {
                return false
            }
            var source = output.count - distance
            for _ in 0..<(rest + 4) {
                output.append(output[source])
                source += 1
            }
        }
        return true
    }

    /// 15 goes on in the following bytes, as long as they are 255.
    private static func length(_ nibble: Int, _ block: RawSpan, _ offset: inout Int) -> Int? {
        guard nibble == 15 else { return nibble }
        var length = nibble
        while true {
            guard offset < block.byteCount, length <= longestBlock else { return nil }
            let byte = block.byte(at: offset)
            offset += 1
            length += Int(byte)
            if byte != 255 { return length }
        }
    }
}
