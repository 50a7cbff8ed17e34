/// The cipher suites that a web configuration may name: those of Go's `crypto/tls` that it does not call insecure.
package enum CipherSuite: String, Sendable, CaseIterable {
    case aes128GCM = "TLS_AES_128_GCM_SHA256"
    case aes256GCM = "TLS_AES_256_GCM_SHA384"
    case chaCha20 = "TLS_CHACHA20_POLY1305_SHA256"
    case ecdheECDSAAES128GCM = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
    case ecdheECDSAAES256GCM = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
    case ecdheECDSAChaCha20 = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
    case ecdheECDSAChaCha20Old = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305"
    case ecdheRSAAES128GCM = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    case ecdheRSAAES256GCM = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
    case ecdheRSAChaCha20 = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
    case ecdheRSAChaCha20Old = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305"
    case ecdheECDSAAES128CBC = "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"
    case ecdheECDSAAES256CBC = "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"
    case ecdheRSAAES128CBC = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
    case ecdheRSAAES256CBC = "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"
    case rsaAES128GCM = "TLS_RSA_WITH_AES_128_GCM_SHA256"
    case rsaAES256GCM = "TLS_RSA_WITH_AES_256_GCM_SHA384"
    case rsaAES128CBC = "TLS_RSA_WITH_AES_128_CBC_SHA"
    case rsaAES256CBC = "TLS_RSA_WITH_AES_256_CBC_SHA"

    /// TLS 1.3 has its own suites, which name no key exchange.
    package var isTLS13: Bool { !rawValue.contains("_WITH_") }

    /// `ECDHE-RSA-AES128-GCM-SHA256` for `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`.
    var openSSLName: String {
        if isTLS13 { return rawValue }
        var parts = rawValue.split(separator: "_").dropFirst().filter { $0 != "WITH" && $0 != "CBC" }.map(String.init)
        // RSA alone is left out, "AES_128" is one word, and ChaCha20's digest is understood.
        if parts.first == "RSA" { parts.removeFirst() }
        if let at = parts.firstIndex(of: "AES") { parts.replaceSubrange(at...at + 1, with: ["AES" + parts[at + 1]]) }
        if parts.contains("CHACHA20") { parts.removeAll { $0 == "SHA256" } }
        return parts.joined(separator: "-")
    }
}
