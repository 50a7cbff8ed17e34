import Bytes
import Glibc

/// iconv(3) from an encoding in which a newline is the one byte 0x0a, to UTF-8.
final class CharacterConverter {
    private let handle: iconv_t

    init(_ name: String) throws(TranscoderError) {
        // It fails with (iconv_t)-1.
        guard let handle = iconv_open("UTF-8", name), Int(bitPattern: handle) != -1 else {
            throw TranscoderError(
                description: "the encoding \"\(name)\" is not known; `iconv -l` lists the names that are")
        }
        self.handle = handle
        var probe = ByteBuffer()
        let newline: [UInt8] = [0x0a]
        guard append(newline.span.bytes, to: &probe) == 0, probe.bytes.equals("\n") else {
            throw TranscoderError(
                description: "lines cannot be found in the encoding \"\(name)\", whose newline is not the byte 0x0a; "
                    + "use utf-16le, utf-16be or an encoding that has ASCII in it")
        }
    }

    deinit { iconv_close(handle) }

    /// Appends `line` as UTF-8; returns how many bytes had to be replaced by U+FFFD.
    func append(_ line: RawSpan, to text: inout ByteBuffer) -> Int {
        var replaced = 0
        line.withUnsafeBytes { source in
            iconv(handle, nil, nil, nil, nil)
            guard let base = source.baseAddress else { return }
            var next: UnsafeMutablePointer<CChar>? = UnsafeMutableRawPointer(mutating: base)
                .assumingMemoryBound(to: CChar.self)
            var left = source.count
            while left > 0 {
                var status: Int32 = 0
                _ = text.appendUninitialized(atLeast: max(64, left * 2)) { room in
                    var target = room.baseAddress?.assumingMemoryBound(to: CChar.self)
                    var free = room.count
                    status = iconv(handle, &next, &left, &target, &free) == Int(bitPattern: UInt.max) ? errno : 0
                    return room.count - free
                }
                // E2BIG: there was not room for all of it; go round again.
                if status == EILSEQ || status == EINVAL {
                    text.append("\u{FFFD}" as StaticString)
                    replaced += 1
                    next = next.map { $0 + 1 }
                    left -= 1
                }
            }
        }
        return replaced
    }
}
