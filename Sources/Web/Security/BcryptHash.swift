import CCrypt
import Glibc

/// Why a password could not be hashed or compared.
package struct BcryptError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
}

/// A password's hash as bcrypt writes it: `$2b$10$`, 22 characters of salt, 31 of hash.
package struct BcryptHash: Sendable, Equatable {
    /// Costs that are taken: 4 takes a few milliseconds, each more doubles it.
    package static let costs = 4...16
    /// Bytes of a password that bcrypt looks at.
    package static let longestPassword = 72

    package let text: String
    /// Binary logarithm of the rounds.
    package let cost: Int

    /// nil where the text is no hash of bcrypt's, or its cost is outside `costs`.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 60, bytes[0] == 0x24, bytes[1] == 0x32, [0x61, 0x62, 0x79].contains(bytes[2]),
            bytes[3] == 0x24, bytes[6] == 0x24,
            bytes[4...5].allSatisfy({ (0x30...0x39).contains($0) }),
            let cost = Int(String(decoding: bytes[4...5], as: UTF8.self)), BcryptHash.costs.contains(cost),
            bytes[7...].allSatisfy(BcryptHash.isDigit)
        else { return nil }
        self.text = text
        self.cost = cost
    }

    /// Hashes a password with a new salt. Blocks for as long as the cost says.
    package init(of password: [UInt8], cost: Int) throws(BcryptError) {
        guard BcryptHash.costs.contains(cost) else {
            throw BcryptError(description: "expected a cost from 4 to 16, found \(cost)")
        }
        guard !password.isEmpty, !password.contains(0) else {
            throw BcryptError(description: "expected a password without a NUL byte, found \(password.count) bytes")
        }
        guard password.count <= BcryptHash.longestPassword else {
            throw BcryptError(
                description: "expected a password of at most 72 bytes, for bcrypt ignores the rest; found "
                    + "\(password.count)")
        }
        try BcryptHash.load()
        var generator = SystemRandomNumberGenerator()
        let salt = (0..<16).map { _ in CChar(truncatingIfNeeded: generator.next()) }
        var setting = [CChar](repeating: 0, count: Int(CCRYPT_SIZE))
        let code = ccrypt_setting("$2b$", UInt(cost), salt, salt.count, &setting)
        guard code == 0 else { throw BcryptError(description: String(cString: strerror(code))) }
        let text = try BcryptHash.crypt(password, setting)
        guard let hash = BcryptHash(text) else {
            throw BcryptError(description: "libcrypt made no bcrypt hash; is bcrypt switched off on this host?")
        }
        self = hash
    }

    /// Loads libcrypt, so that a host without it is found out at the start.
    package static func load() throws(BcryptError) {
        var message = [CChar](repeating: 0, count: 256)
        guard ccrypt_load(&message, message.count) == 0 else { throw BcryptError(description: text(message)) }
    }

    /// Whether it is this password's hash. Blocks for as long as the cost says.
    package func matches(_ password: [UInt8]) throws(BcryptError) -> Bool {
        try BcryptHash.load()
        let setting = Array(text.utf8).map { CChar(bitPattern: $0) } + [0]
        let made = try BcryptHash.crypt(password, setting)
        return equalInConstantTime(Array(made.utf8), Array(text.utf8)) && !password.contains(0)
    }

    private static func crypt(_ password: [UInt8], _ setting: [CChar]) throws(BcryptError) -> String {
        var phrase = password.map { CChar(bitPattern: $0) } + [0]
        defer { phrase.withUnsafeMutableBytes { if let base = $0.baseAddress { explicit_bzero(base, $0.count) } } }
        var hash = [CChar](repeating: 0, count: Int(CCRYPT_SIZE))
        let code = ccrypt_hash(phrase, setting, &hash)
        guard code == 0 else {
            throw BcryptError(description: "libcrypt: \(String(cString: strerror(code)))")
        }
        return text(hash)
    }

    private static func text(_ characters: [CChar]) -> String {
        let end = characters.firstIndex(of: 0) ?? characters.endIndex
        return String(decoding: characters[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// `./A-Za-z0-9`.
    private static func isDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x2e...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: false
        }
    }
}
