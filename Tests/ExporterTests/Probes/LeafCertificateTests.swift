import Bytes
import TestSupport
import Testing

@testable import Exporter

/// `C=DE, O="A, B" + OU=" x#\"", O=C, emailAddress=a@b.test, CN=one, CN=#two;`, with DNS names; the expected text is what
/// blackbox_exporter 0.23 says of it.
private let fancy = """
    -----BEGIN CERTIFICATE-----
    MIICVTCCAfygAwIBAgIUbgL9ozyLXp3Sk9qWTJFmy2vC8fEwCgYIKoZIzj0EAwIw
    bDELMAkGA1UEBhMCREUxGjALBgNVBAoMBEEsIEIwCwYDVQQLDAQgeCMiMQowCAYD
    VQQKDAFDMRcwFQYJKoZIhvcNAQkBFghhQGIudGVzdDEMMAoGA1UEAwwDb25lMQ4w
    DAYDVQQDDAUjdHdvOzAeFw0yNjExMjgwNDI5NTJaFw0zNzExMTAwNDI5NTJaMGwx
    CzAJBgNVBAYTAkRFMRowCwYDVQQKDARBLCBCMAsGA1UECwwEIHgjIjEKMAgGA1UE
    CgwBQzEXMBUGCSqGSIb3DQEJARYIYUBiLnRlc3QxDDAKBgNVBAMMA29uZTEOMAwG
    A1UEAwwFI3R3bzswWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARx0IpVBvWjdoht
    PeMEaqdzQHXMJuvLSgLcqxObVcDPwY2bFwHdq7Ia0lR9S59xmE+zDBdiLgnCOqyX
    ltKk5tKGo3wwejAdBgNVHQ4EFgQUj87XRtKbgmUY6FC6GgWI+eMPwDkwHwYDVR0j
    BBgwFoAUj87XRtKbgmUY6FC6GgWI+eMPwDkwJwYDVR0RBCAwHoIJbG9jYWxob3N0
    ggsqLnNpdGUudGVzdIcEfwAAATAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMC
    A0cAMEQCIBYmLJzIh57jCACuJlVDyH04gbNfgh8a/duiKnqEDouuAiBbXhType/r
    xbj1ySBk7ci6q7XBMiOBsXxeVRwHPnrEmQ==
    -----END CERTIFICATE-----
    """

@Suite("What a probe says of a server's certificate")
struct LeafCertificateTests {
    private var bytes: [UInt8] { Array(fancy.utf8) }

    @Test("names are written as Go writes them")
    func names() throws {
        let pem = bytes
        let parsed = LeafCertificate(pem: pem.span.bytes)
        let leaf = try #require(parsed)
        #expect(leaf.subject == ##"CN=\#two\;,OU=\ x#\",O=A\, B+O=C,C=DE,1.2.840.113549.1.9.1=#0c086140622e74657374"##)
        #expect(leaf.issuer == leaf.subject)
        #expect(leaf.names == "localhost,*.site.test")
        #expect(leaf.fingerprint == "2586537d4ab2c28e0b2c638cc08ce875a98fdb2a6cf4200e0cb24f3e74db5f6f")
    }

    @Test("damage never ends the program and gives nothing or something")
    func damage() {
        var random = SeededRandom(seed: 7)
        for _ in 0..<2000 {
            var damaged = bytes
            for _ in 0..<3 {
                damaged[Int.random(in: 0..<damaged.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = LeafCertificate(pem: damaged.span.bytes)
        }
    }
}
