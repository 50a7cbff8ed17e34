import Bytes

extension BanTarget {
    private static let loopback4 = IPNetwork(ipv4: 0x7f00_0000, length: 8)
    private static let multicast4 = IPNetwork(ipv4: 0xe000_0000, length: 4)
    private static let multicast6 = IPNetwork(high: 0xff00 << 48, low: 0, length: 8)
    private static let nat64 = IPNetwork(high: 0x0064_ff9b << 32, low: 0, length: 96)
    /// Longer texts are nobody's name.
    private static let longestText = 512

    /// Who a failure is about; or why nobody can be banned for it.
    ///
    /// - Parameter isText: a filter's `<F-ID>` took it, which need not be an address.
    static func checked(_ id: String, isText: Bool) -> Result<BanTarget, RefusalError> {
        if let network = IPNetwork(id) {
            if let refusal = refusal(of: network) { return .failure(RefusalError(refusal)) }
            return .success(.network(network))
        }
        guard isText, !id.isEmpty, id.utf8.count <= longestText, !looksLikeAddress(id),
            id.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f })
        else { return .failure(RefusalError(.malformed)) }
        return .success(.text(id))
    }

    struct RefusalError: Error {
        let reason: JailEvent.Refusal
        init(_ reason: JailEvent.Refusal) { self.reason = reason }
    }

    /// Nil for what may be banned.
    static func refusal(of network: IPNetwork) -> JailEvent.Refusal? {
        if network.isUnspecified, network.isAddress { return .unspecified }
        if network.length < (network.isIPv4 ? 8 : 16) { return .tooWide }
        // 0.0.0.0/8 is this network, ::/16 and narrower has nobody but the mapped and the host itself.
        if network.isIPv4 ? network.low >> 24 == 0 : network.isUnspecified { return .unspecified }
        if network.isLoopback || loopback4.contains(network) { return .loopback }
        if multicast4.contains(network) || multicast6.contains(network) { return .multicast }
        return network.isIPv4 && network.low == 0xffff_ffff ? .multicast : nil
    }

    /// Four numbers with dots between them, whatever their size.
    private static func looksLikeAddress(_ text: String) -> Bool {
        let parts = text.utf8.prefix { $0 != 0x2f }.split(separator: 0x2e, omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy(ASCII.isDigit) }
    }

    /// The network that counts and is banned for this address. Behind a NAT64 all of IPv4 has one /96.
    func scoped(_ scope: BanScope) -> BanTarget {
        guard case .network(let network) = self, !Self.nat64.contains(network) else { return self }
        return .network(network.network(network.isIPv4 ? scope.ipv4Bits : scope.ipv6Bits))
    }
}
