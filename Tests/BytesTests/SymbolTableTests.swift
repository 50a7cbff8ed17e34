import Bytes
import TestSupport
import Testing

@Suite("Symbol table")
struct SymbolTableTests {
    @Test("symbols are numbered as they come, each once", arguments: [SeededRandom.seed()])
    func numbers(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var table = SymbolTable()
        for _ in 0..<2 {
            var known: [String: Int] = [:]
            for _ in 0..<5000 {
                let text =
                    String(repeating: "é", count: Int.random(in: 0...3, using: &random))
                    + String(Int.random(in: 0..<2000, using: &random))
                let number = table.number(of: text)
                #expect(number == known[text] ?? known.count)
                known[text] = number
                #expect(String(lossy: table.symbol(number)) == text)
            }
            #expect(table.count == known.count)
            table.removeAll()
            #expect(table.count == 0 && table.number(of: "") == 0 && table.symbol(0).byteCount == 0)
            table.release()
        }
    }
}
