import Bytes

/// Decides by name which devices, mounts and units are measured; the patterns run once for each name.
package final class NameFilter {
    private struct Decision {
        var name: [UInt8]
        var isAllowed: Bool
    }

    private let include: Regex?
    private let exclude: Regex?
    /// By the name's checksum, which is quicker had than a hash.
    private var decided: [UInt32: Decision] = [:]
    /// Names remembered; then it begins anew.
    private static let most = 16384

    package init(include: Regex?, exclude: Regex?) {
        self.include = include
        self.exclude = exclude
    }

    /// Whether the include pattern, if there is one, matches and the exclude pattern does not.
    package func allows(_ name: RawSpan) -> Bool {
        if include == nil, exclude == nil { return true }
        let hash = name.crc32c()
        if let known = decided[hash], known.name.span.bytes.equals(name) { return known.isAllowed }
        if decided.count >= Self.most { decided.removeAll() }
        let isAllowed = (include?.isMatch(name) ?? true) && !(exclude?.isMatch(name) ?? false)
        decided[hash] = Decision(name: [UInt8](name), isAllowed: isAllowed)
        return isAllowed
    }

    package func allows(_ name: String) -> Bool {
        if include == nil, exclude == nil { return true }
        var buffer = ByteBuffer()
        buffer.append(name)
        return allows(buffer.bytes)
    }
}
