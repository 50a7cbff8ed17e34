import Bytes
import Glibc
import TestSupport
import Testing

@testable import Exporter

/// Version 1, `O=Tocsin, CN=example.org`, from 2020-01-01 to 2055-01-02 03:04:05.
private let plain = """
    -----BEGIN CERTIFICATE-----
    MIIBNzCB3gIBATAKBggqhkjOPQQDAjAnMRQwEgYDVQQDDAtleGFtcGxlLm9yZzEP
    MA0GA1UECgwGVG9jc2luMCAXDTIwMDEwMTAwMDAwMFoYDzIwNTUwMTAyMDMwNDA1
    WjAnMRQwEgYDVQQDDAtleGFtcGxlLm9yZzEPMA0GA1UECgwGVG9jc2luMFkwEwYH
    KoZIzj0CAQYIKoZIzj0DAQcDQgAEbqiDSgawqGTGFB5z0h/le2DeVLGCZZNnbSCw
    xncJeBrs1I16cFJFq9JJSRYBH7LFRa5MifurrKDrjwn1eq+QUjAKBggqhkjOPQQD
    AgNIADBFAiEA20iZUwdvCS/gMlzMFc6w9jox83XbbGx0J5PM29mJMSUCIEYQtkA7
    kk37818nSIg0LTxwllPwPbcKCG/aJMGfp60v
    -----END CERTIFICATE-----

    """

/// Version 3, `O=Tocsin only`.
private let modern = """
    -----BEGIN CERTIFICATE-----
    MIIBgjCCASegAwIBAgIUFaXvwMyVXRAlpkxTvdtysYvPiPwwCgYIKoZIzj0EAwIw
    FjEUMBIGA1UECgwLVG9jc2luIG9ubHkwHhcNMjYxMTIxMDUzNzM1WhcNMzYxMTE4
    MDUzNzM1WjAWMRQwEgYDVQQKDAtUb2NzaW4gb25seTBZMBMGByqGSM49AgEGCCqG
    SM49AwEHA0IABG6og0oGsKhkxhQec9If5Xtg3lSxgmWTZ20gsMZ3CXga7NSNenBS
    RavSSUkWAR+yxUWuTIn7q6yg648J9XqvkFKjUzBRMB0GA1UdDgQWBBQdvvybUb+D
    jQ3cZJtbOynIb3uZtTAfBgNVHSMEGDAWgBQdvvybUb+DjQ3cZJtbOynIb3uZtTAP
    BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQD6dvloVh+JlXf0fWNF
    7B/7GYxHA2oP6hJI2NnDebghCQIhAKMj7Y1kbggJUHOBd9nSrDiPGBkrao+4pvZ/
    eKYeM/ms
    -----END CERTIFICATE-----

    """

private let modernExpiry: Int64 = 2110599455

private func certificates(_ bytes: [UInt8], limit: Int = 100) -> (found: [Certificate], odd: Int) {
    var odd = 0
    let found = Certificate.all(in: bytes.span.bytes, limit: limit, odd: &odd)
    return (found, odd)
}

private func der(_ pem: String) -> [UInt8] {
    let text = pem.split(separator: "\n").filter { !$0.contains("-----") }.joined()
    let bytes = Array(text.utf8)
    guard let decoded = Base64.decoded(bytes.span.bytes) else {
        Issue.record("no Base64")
        return []
    }
    return decoded
}

@Suite struct CertificateTests {
    @Test("names and times of a certificate, in PEM between other text, and in DER")
    func names() {
        let text =
            "Bag Attributes\n    localKeyID: 01\n" + plain + "-----BEGIN PRIVATE KEY-----\nMAA=\n"
            + "-----END PRIVATE KEY-----\n" + modern.replacing("\n", with: "\r\n")
        let (found, odd) = certificates(Array(text.utf8))
        #expect(odd == 0)
        #expect(found.count == 2)
        #expect(found.first?.subject == "example.org")
        #expect(found.first?.issuer == "example.org")
        #expect(found.first?.notBefore == 1_577_836_800)
        #expect(found.first?.notAfter == 2_682_471_845)
        #expect(found.last?.subject == "Tocsin only")
        #expect(found.last?.notAfter == modernExpiry)
        #expect(certificates(der(plain) + der(modern)).found == found)
        #expect(certificates(Array(text.utf8), limit: 1).found == Array(found.prefix(1)))
    }

    @Test(
        "times of both forms",
        arguments: [
            ("500101000000Z", 0x17, -631_152_000), ("491231235959Z", 0x17, 2_524_607_999),
            ("19700101000000Z", 0x18, 0), ("99991231235959Z", 0x18, 253_402_300_799),
            ("20240229120000Z", 0x18, 1_709_208_000),
            ("20241301000000Z", 0x18, nil), ("2024010100000Z", 0x18, nil), ("20240101000000+0100", 0x18, nil),
            ("", 0x17, nil),
            ("240101000000Z", 0x16, nil),
        ] as [(String, UInt8, Int64?)])
    func times(_ text: String, _ tag: UInt8, _ expected: Int64?) {
        #expect(Certificate.time(Array(text.utf8).span.bytes, tag: tag) == expected)
    }

    @Test(
        "Base64, and what is none",
        arguments: [
            ("", ""), ("TQ==", "M"), ("TWE=", "Ma"), ("TWFu", "Man"), ("TWF", nil), ("TW=u", nil), ("T!Fu", nil),
            ("====", nil),
        ] as [(String, String?)])
    func base64(_ text: String, _ expected: String?) {
        #expect(Base64.decoded(Array(text.utf8).span.bytes) == expected.map { Array($0.utf8) })
    }

    @Test("a certificate that is cut or changed anywhere is another or none")
    func fuzz() {
        let seed = SeededRandom.seed()
        var random = SeededRandom(seed: seed)
        let whole = der(modern)
        for length in 0..<whole.count {
            #expect(certificates(Array(whole.prefix(length))).found.isEmpty)
        }
        let text = Array((plain + modern).utf8)
        for _ in 0..<4000 {
            var bytes = Bool.random(using: &random) ? whole : text
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            #expect(certificates(bytes).found.count <= 3)
        }
    }

    @Test("files that fit, one that is renewed, one that cannot be read, one that is none")
    func files() throws {
        let host = FakeHost("")
        host.write("root/etc/tls/a.pem", plain + plain)
        host.write("root/etc/tls/b.pem", "nothing")
        let collection = try host.collection([
            "--collector.disable-defaults", "--collector.certificates", "--collector.certificates.files=/etc/tls/*.pem",
            "--collector.certificates.files=/nowhere/*",
        ])
        let labels = #"{issuer="example.org",path="/etc/tls/a.pem",subject="example.org"}"#
        #expect(
            sampleLines(of: collection) == [
                #"tocsin_certificate_file_readable{path="/etc/tls/a.pem"} 1"#,
                #"tocsin_certificate_file_readable{path="/etc/tls/b.pem"} 0"#,
                "tocsin_certificate_not_after_timestamp_seconds\(labels) 2.682471845e+09",
                "tocsin_certificate_not_before_timestamp_seconds\(labels) 1.5778368e+09",
            ])
        host.write("root/etc/tls/a.pem", modern)
        host.remove("root/etc/tls/b.pem")
        let later = sampleLines(of: collection)
        #expect(later.contains(#"tocsin_certificate_file_readable{path="/etc/tls/b.pem"} 0"#))
        #expect(later.contains { $0.contains("Tocsin only") })
        #expect(!later.contains { $0.contains("example.org") })
    }
}
