// The values of a series description.
extension Lexer {
    mutating func value() throws(SyntaxError) -> Token? {
        mode = .ended
        return nil
    }

    mutating func histogramPart() throws(SyntaxError) -> Token? {
        mode = .ended
        return nil
    }
}
