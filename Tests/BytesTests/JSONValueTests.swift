import Bytes
import TestSupport
import Testing

@Suite("JSON documents")
struct JSONValueTests {
    private func parse(_ bytes: [UInt8]) throws(JSONError) -> JSONValue { try JSONValue(parsing: bytes.span.bytes) }

    @Test("all kinds of values are read")
    func values() throws {
        let text = #" {"a": [1, -2.5e3, true, false, null, ""], "b": {"c\n": "\u20ac"}, "e": {}, "f": [], "a2": 0} "#
        let value = try parse(Array(text.utf8))
        #expect(value["a"]?.elements == [.number(1), .number(-2500), .bool(true), .bool(false), .null, .string("")])
        #expect(value["b"]?["c\n"]?.string == "€")
        #expect(value["e"]?.members.isEmpty == true && value["f"]?.elements.isEmpty == true)
        #expect(value["nothing"] == nil)
    }

    @Test(
        "what is no JSON is refused",
        arguments: [
            "", " ", "{", "[", "[1", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "tru", "nul", "\"", "01x",
            "-", "1.", "1e", "[1] 2", "\"\\x\"",
        ])
    func refused(_ text: String) {
        #expect(throws: JSONError.self) { try self.parse(Array(text.utf8)) }
    }

    @Test("nesting has a limit")
    func depth() throws {
        _ = try parse(Array((String(repeating: "[", count: 64) + String(repeating: "]", count: 64)).utf8))
        #expect(throws: JSONError.self) { try self.parse(Array(String(repeating: "[", count: 100_000).utf8)) }
    }

    @Test("damaged documents never crash, and the scanner passes what the reader reads")
    func fuzz() {
        var random = SeededRandom(seed: SeededRandom.seed())
        let sample = Array(#"{"a":[1,-2.5e3,true,null,"x\u20ac\n"],"b":{"c":"d","e":[{}]}}"#.utf8)
        let alphabet = Array(#"{}[]":,\u0tn -e."#.utf8) + [0xff]
        for _ in 0..<30_000 {
            var bytes = sample
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let byte = alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = byte
            }
            bytes.removeLast(
                Int.random(in: 0...3, using: &random) == 0 ? Int.random(in: 0..<bytes.count, using: &random) : 0)
            var offset = 0
            let isSkipped = JSONScanner.skipValue(bytes.span.bytes, &offset)
            let value = try? parse(bytes)
            if value != nil { #expect(isSkipped) }
            // One by one the elements are the same, and so is what is wrong.
            var document: [UInt8] = [0x5b]
            document += bytes
            document.append(0x2c)
            document += sample
            document.append(0x5d)
            var elements: [JSONValue] = []
            let isArray = try? JSONValue.forEachElement(of: document.span.bytes) { elements.append($0) }
            #expect((isArray == true ? elements : nil) == (try? parse(document))?.elements)
            let isItselfArray = try? JSONValue.forEachElement(of: bytes.span.bytes) { _ in }
            #expect((isItselfArray == nil) == (value == nil))
        }
    }
}
