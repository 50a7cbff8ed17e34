import Glibc
import Telemetry
import Testing

@testable import Logs

@Suite("files in other encodings", .serialized)
struct EncodingTests {
    private func wide(_ text: String, big: Bool = false, mark: Bool = false) -> [UInt8] {
        ((mark ? "\u{feff}" : "") + text).utf16.flatMap {
            big ? [UInt8($0 >> 8), UInt8($0 & 0xff)] : [UInt8($0 & 0xff), UInt8($0 >> 8)]
        }
    }

    @Test("a UTF-16 file with a mark, written byte by byte, over restarts and a rotation", arguments: [false, true])
    func marked(_ isBig: Bool) {
        let bench = FileBench()
        bench.start()
        let first = wide("čeština 日本語\r\n😀Ċ\nਊ \u{0a00}", big: isBig, mark: true)
        for (index, byte) in first.enumerated() {
            bench.write("app.log", bytes: [byte])
            if index == 1 || index % 19 == 0 {
                #expect(bench.wait { bench.sink.positions(prefix: "file:").count == 1 })
                bench.restart()
            }
        }
        #expect(bench.expect(["", ""]) == ["čeština 日本語", "😀Ċ"])
        bench.stopSource()
        bench.write("app.log", bytes: wide("end\nopen", big: isBig))
        bench.move("app.log", "app.log.1")
        bench.write("app.log", "plain é\n")
        bench.start()
        let expected = ["čeština 日本語", "😀Ċ", "ਊ \u{0a00}end", "open", "plain é"]
        #expect(bench.expect(expected) == expected)
    }

    @Test("the first byte of a mark waits for the second; a UTF-8 mark is no text, however it comes")
    func splitMark() {
        let bench = FileBench()
        bench.start()
        for byte: [UInt8] in [[0xef], [0xbb], [0xbf], [0x61], [0x0a]] {
            bench.write("app.log", bytes: byte)
            usleep(5000)
        }
        #expect(bench.expect([""]) == ["a"])
    }

    @Test("a named encoding, over a restart and truncations")
    func named() {
        let bench = FileBench()
        bench.encoding = "windows-1252"
        bench.write("app.log", bytes: [0x80, 0xfc, 0x0d, 0x0a, 0xe9])
        bench.start()
        #expect(bench.expect([""]) == ["€ü"])
        bench.restart()
        bench.write("app.log", bytes: [0xe8, 0x0a])
        #expect(bench.expect(["", ""]) == ["€ü", "éè"])
        bench.truncate("app.log")
        bench.write("app.log", bytes: wide("zwei\n", mark: true))
        #expect(bench.expect(["", "", ""]) == ["€ü", "éè", "zwei"])
        bench.truncate("app.log")
        bench.write("app.log", bytes: [0xc4, 0x0a])
        #expect(bench.expect(["", "", "", ""]) == ["€ü", "éè", "zwei", "Ä"])
    }

    @Test("a long line is cut between characters", arguments: ["utf-16le", "utf-16be", "shift_jis", "latin1"])
    func longLines(_ encoding: String) {
        let bench = FileBench()
        bench.encoding = encoding
        bench.limits.maxLineSize = 1000
        bench.limits.maxJoinedSize = 4_000_000
        let unit = encoding == "latin1" ? "grün " : encoding == "shift_jis" ? "日本語 " : "日本語😀"
        let text = String(repeating: unit, count: 60_000)
        let bytes: [UInt8] =
            switch encoding {
            case "latin1": text.unicodeScalars.map { UInt8($0.value) }
            case "shift_jis":
                Array(repeating: [0x93, 0xfa, 0x96, 0x7b, 0x8c, 0xea, 0x20], count: 60_000).flatMap { $0 }
            default: wide(text, big: encoding == "utf-16be")
            }
        bench.write("app.log", bytes: bytes)
        bench.start()
        #expect(bench.wait { bench.sink.lines.count > 100 })
        bench.restart()
        bench.write(
            "app.log", bytes: encoding.hasPrefix("utf") ? wide("\nx\n", big: encoding == "utf-16be") : [10, 0x78, 10])
        #expect(bench.wait { bench.sink.texts.last == "x" })
        let texts = bench.sink.texts.dropLast()
        #expect(texts.joined() == text)
        #expect(texts.allSatisfy { $0.utf8.count <= 1000 })
        #expect(bench.sink.lines[texts.count - 1].metadata["line_part"] == String(texts.count))
    }
}
