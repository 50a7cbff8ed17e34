import COpenSSL

/// What of a TLS server's settings could not be used, and why.
package struct TLSContextError: Error, Sendable, Equatable {
    package enum Part: Sendable { case library, certificate, key, authorities, versions, ciphers, groups }

    package var part: Part
    package var reason: String
}

/// The settings of a TLS server: certificate, key, versions, ciphers, and what is asked of clients.
package struct TLSSettings: Sendable, Equatable {
    /// What is asked of a client. The names are those of Go's `crypto/tls`.
    package enum ClientAuthentication: String, Sendable, CaseIterable {
        case none = "NoClientCert"
        case request = "RequestClientCert"
        case requireAny = "RequireAnyClientCert"
        case verifyIfGiven = "VerifyClientCertIfGiven"
        case requireAndVerify = "RequireAndVerifyClientCert"

        package var verifies: Bool { self == .verifyIfGiven || self == .requireAndVerify }
        package var demands: Bool { self == .requireAny || self == .requireAndVerify }
    }

    package enum Version: String, Sendable, CaseIterable, Comparable {
        case tls10 = "TLS10"
        case tls11 = "TLS11"
        case tls12 = "TLS12"
        case tls13 = "TLS13"

        /// As it goes over the wire.
        var code: Int32 { 0x0301 + Int32(Version.allCases.firstIndex(of: self) ?? 0) }

        package static func < (a: Version, b: Version) -> Bool { a.code < b.code }
    }

    package enum Group: String, Sendable, CaseIterable {
        case p256 = "CurveP256"
        case p384 = "CurveP384"
        case p521 = "CurveP521"
        case x25519 = "X25519"

        var name: String { rawValue.hasPrefix("CurveP") ? "P-" + rawValue.dropFirst(6) : rawValue }
    }

    /// PEM.
    package var certificates: [UInt8] = []
    /// PEM.
    package var key: [UInt8] = []
    /// PEM; empty for nobody.
    package var authorities: [UInt8] = []
    package var clientAuthentication = ClientAuthentication.none
    /// Subject alternative names of which a client needs one; empty: any.
    package var allowedNames: [String] = []
    package var minimumVersion = Version.tls12
    package var maximumVersion = Version.tls13
    /// Empty: OpenSSL's defaults among those with forward secrecy.
    package var cipherSuites: [CipherSuite] = []
    package var prefersServerCiphers = true
    /// Empty: OpenSSL's defaults.
    package var groups: [Group] = []

    package init() {}
}

/// OpenSSL's context for all connections with the same settings. Loads libssl.so.3 when the first one is made.
package final class TLSContext: Sendable {
    // OpenSSL counts its references under locks, and nothing is changed once it is made.
    nonisolated(unsafe) private let context: OpaquePointer
    /// Whether a certificate that a client shows has been verified.
    package let verifiesClients: Bool

    package init(_ settings: TLSSettings) throws(TLSContextError) {
        var part = COPENSSL_LIBRARY
        var message = [CChar](repeating: 0, count: 256)
        guard let made = TLSContext.make(settings, &part, &message) else {
            let end = message.firstIndex(of: 0) ?? message.endIndex
            let reason = String(decoding: message[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw TLSContextError(part: TLSContext.part(part), reason: reason)
        }
        context = made
        verifiesClients = settings.clientAuthentication.verifies
    }

    deinit { copenssl_context_free(context) }

    func session() -> OpaquePointer? { copenssl_session_new(context) }

    private static func make(
        _ settings: TLSSettings, _ part: inout copenssl_part, _ message: inout [CChar]
    ) -> OpaquePointer? {
        var raw = copenssl_settings()
        raw.minimum_version = settings.minimumVersion.code
        raw.maximum_version = settings.maximumVersion.code
        raw.asks = settings.clientAuthentication == .none ? 0 : 1
        raw.demands = settings.clientAuthentication.demands ? 1 : 0
        raw.verifies = settings.clientAuthentication.verifies ? 1 : 0
        raw.prefers_server_ciphers = settings.prefersServerCiphers ? 1 : 0
        func text(_ parts: [String]) -> [CChar] {
            (parts.joined(separator: ":").utf8 + [0]).map { CChar(bitPattern: $0) }
        }
        let old = settings.cipherSuites.filter { !$0.isTLS13 }.map(\.openSSLName)
        let new = settings.cipherSuites.filter(\.isTLS13).map(\.openSSLName)
        let ciphers = text(old)
        let suites = text(new)
        let groups = text(settings.groups.map(\.name))
        let names = settings.allowedNames.reduce(into: [UInt8]()) { $0 += Array($1.utf8) + [0] } + [0]
        return settings.certificates.withUnsafeBytes { certificates in
            settings.key.withUnsafeBytes { key in
                settings.authorities.withUnsafeBytes { authorities in
                    ciphers.withUnsafeBufferPointer { ciphers in
                        suites.withUnsafeBufferPointer { suites in
                            groups.withUnsafeBufferPointer { groups in
                                names.withUnsafeBytes { names in
                                    raw.certificates = certificates.bindMemory(to: CChar.self).baseAddress
                                    raw.certificates_length = certificates.count
                                    raw.key = key.bindMemory(to: CChar.self).baseAddress
                                    raw.key_length = key.count
                                    raw.authorities = authorities.bindMemory(to: CChar.self).baseAddress
                                    raw.authorities_length = authorities.count
                                    if !old.isEmpty { raw.ciphers = ciphers.baseAddress }
                                    if !new.isEmpty { raw.suites = suites.baseAddress }
                                    if !settings.groups.isEmpty { raw.groups = groups.baseAddress }
                                    if !settings.allowedNames.isEmpty {
                                        raw.allowed_names = names.bindMemory(to: CChar.self).baseAddress
                                    }
                                    return copenssl_context_new(&raw, &part, &message, message.count)
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    private static func part(_ part: copenssl_part) -> TLSContextError.Part {
        switch part {
        case COPENSSL_CERTIFICATE: .certificate
        case COPENSSL_KEY: .key
        case COPENSSL_AUTHORITIES: .authorities
        case COPENSSL_VERSIONS: .versions
        case COPENSSL_CIPHERS: .ciphers
        case COPENSSL_GROUPS: .groups
        default: .library
        }
    }
}
