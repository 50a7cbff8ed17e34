import Bytes
import Testing

@Suite("MD5")
struct MD5Tests {
    @Test(
        "digests agree with RFC 1321",
        arguments: [
            ("", 0xd41d_8cd9_8f00_b204, 0xe980_0998_ecf8_427e),
            ("a", 0x0cc1_75b9_c0f1_b6a8, 0x31c3_99e2_6977_2661),
            ("abc", 0x9001_5098_3cd2_4fb0, 0xd696_3f7d_28e1_7f72),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                0x57ed_f4a2_2be3_c955, 0xac49_da2e_2107_b67a
            ),
        ] as [(String, UInt64, UInt64)])
    func vectors(message: String, high: UInt64, low: UInt64) {
        let digest = MD5.digest(Array(message.utf8))
        #expect(digest.high == high)
        #expect(digest.low == low)
    }
}
