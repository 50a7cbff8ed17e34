// The values of a series description: `1 2 _ 3x4 1+2x3 stale {{…}}`.
extension Lexer {
    mutating func value() throws(SyntaxError) -> Token? {
        guard let byte else {
            mode = .statements
            return nil
        }
        switch byte {
        case UInt8(ascii: "{") where position + 1 < text.count && text[position + 1] == UInt8(ascii: "{"):
            return try histogram()
        case 0x20, 0x09, 0x0a, 0x0d:
            position += 1
            let space = token(.space)
            skipSpace()
            return space
        case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "x"), UInt8(ascii: "_"):
            position += 1
            switch byte {
            case UInt8(ascii: "+"): return token(.add)
            case UInt8(ascii: "-"): return token(.subtract)
            case UInt8(ascii: "x"): return token(.times)
            default: return token(.blank)
            }
        case _ where Lexer.isDigit(byte): return try number()
        case UInt8(ascii: ".") where position + 1 < text.count && Lexer.isDigit(text[position + 1]):
            return try number()
        case _ where Lexer.isAlpha(byte): return word()
        default: throw failure("unexpected character in series sequence: \(GoText.quoted(take()))")
        }
    }

    /// A histogram from `{{` to `}}` as one token.
    private mutating func histogram() throws(SyntaxError) -> Token {
        position += 2
        while position + 1 < text.count {
            if text[position] == UInt8(ascii: "}"), text[position + 1] == UInt8(ascii: "}") {
                position += 2
                return token(.histogram)
            }
            position += 1
        }
        position = text.count
        throw failure("histogram description incomplete unexpected: \(GoText.quoted(take()))")
    }
}
