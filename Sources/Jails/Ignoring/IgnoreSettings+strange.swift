import Bytes

extension IgnoreSettings {
    /// What looks like an address or a network and is none, a sentence each: whoever wrote it thinks it holds.
    package static func remarks(on entries: [String]) -> [String] {
        entries.filter { text in
            IPNetwork(text) == nil && text.utf8.contains { $0 == 0x2e || $0 == 0x3a }
                && text.utf8.allSatisfy {
                    ASCII.isDigit($0) || (0x61...0x66).contains($0 | 0x20) || $0 == 0x2e || $0 == 0x3a || $0 == 0x2f
                }
        }.map { "expected an address or a network, found \"\($0)\": it lets nobody pass" }
    }
}
