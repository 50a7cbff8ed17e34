import Bytes
import TestSupport
import Testing

/// The number as the text format and as OpenMetrics writes it.
private func written(_ value: Double) -> (text: String, float: String) {
    var text = ByteBuffer()
    var float = ByteBuffer()
    GoNumber.append(value, to: &text)
    GoNumber.appendFloat(value, to: &float)
    return (string(text), string(float))
}

private func string(_ buffer: borrowing ByteBuffer) -> String {
    buffer.bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
}

@Suite("Numbers as Go writes them")
struct GoNumberTests {
    /// Right-hand sides are what strconv.FormatFloat(x, 'g', -1, 64) gives.
    @Test(
        "a number has the digits and the layout of Go's strconv",
        arguments: [
            (0, "0"), (-0.0, "0"), (1, "1"), (-1, "-1"), (10, "10"), (100_000, "100000"), (953_880, "953880"),
            (999_999, "999999"), (1_000_000, "1e+06"), (-1_000_000, "-1e+06"), (4_186_624, "4.186624e+06"),
            (1_234_567.891, "1.234567891e+06"), (123_456.789, "123456.789"), (999_999.5, "999999.5"), (0.1, "0.1"),
            (0.5, "0.5"), (0.001, "0.001"), (0.0001, "0.0001"), (0.00012345, "0.00012345"), (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"), (1e21, "1e+21"), (1e20, "1e+20"), (1e100, "1e+100"), (2.5e-100, "2.5e-100"),
            (.leastNonzeroMagnitude, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"), (0.3, "0.3"),
            (0.1 + 0.2, "0.30000000000000004"), (1.0 / 3, "0.3333333333333333"), (2.0 / 3, "0.6666666666666666"),
            (1_700_000_000, "1.7e+09"), (1_732_141_234.5, "1.7321412345e+09"),
            (9_007_199_254_740_992, "9.007199254740992e+15"),
            (18_446_744_073_709_551_616, "1.8446744073709552e+19"),
            (-123.25, "-123.25"), (12.0625, "12.0625"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"),
        ] as [(Double, String)])
    func layout(value: Double, expected: String) {
        #expect(written(value).text == expected)
    }

    @Test(
        "OpenMetrics can tell every number for a float",
        arguments: [
            (0, "0.0"), (1, "1.0"), (-1, "-1.0"), (42, "42.0"), (0.5, "0.5"), (1_000_000, "1e+06"), (.infinity, "+Inf"),
            (.nan, "NaN"),
        ] as [(Double, String)])
    func floats(value: Double, expected: String) {
        #expect(written(value).float == expected)
    }

    @Test("every number reads back as itself")
    func roundTrip() {
        var generator = SeededRandom(seed: 0x7ea1)
        for _ in 0..<50_000 {
            let value = Double(bitPattern: generator.next())
            guard value.isFinite else { continue }
            let text = written(value).text
            #expect(Double(text) == value || value == 0, "seed 0x7ea1: \(value) became \(text)")
        }
        for _ in 0..<50_000 {
            let value = Double(Int64(bitPattern: generator.next()) >> Int64(generator.next() % 63)) / 1000
            let text = written(value).text
            #expect(Double(text) == value, "seed 0x7ea1: \(value) became \(text)")
        }
    }

    /// Digits without zeros at either end, and the place of the point before the first one.
    private func digits(_ text: some StringProtocol) -> (digits: String, point: Int) {
        let parts = text.split(separator: "e")
        let number = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let all = number.joined().drop { $0 == "0" }
        let shown = all.reversed().drop { $0 == "0" }.reversed()
        let zeros = number.joined().count - all.count
        return (String(shown), number[0].count - zeros + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0))
    }

    @Test("the digits are the shortest ones, and the closest of those, as Swift's own are", arguments: 0..<4)
    func shortest(kind: Int) {
        var generator = SeededRandom(seed: 0x51f7 + UInt64(kind))
        for number in 0..<5000 {
            let draw = generator.next()
            let value: Double
            switch kind {
            // Any number; one of a size that hosts have; a short decimal; a power of two and its neighbours.
            case 0: value = Double(bitPattern: draw & ~(1 << 63))
            case 1: value = Double(bitPattern: draw % (0x437 - 0x37d) << 52 + 0x37d << 52 | generator.next() >> 12)
            case 2: value = Double(draw >> (11 + generator.next() % 53)) / [1, 10, 1e3, 1e6, 1e9, 1e15][number % 6]
            default:
                let power = Double(sign: .plus, exponent: Int(draw % 2000) - 1000, significand: 1)
                value = number % 3 == 0 ? power.nextDown : number % 3 == 1 ? power : power.nextUp
            }
            guard value.isFinite, value > 0 else { continue }
            let (found, expected) = (digits(GoNumber.general(value)), digits(value.description))
            #expect(found == expected, "kind \(kind): \(value) became \(GoNumber.general(value))")
            #expect(Double(GoNumber.plain(value)) == value, "kind \(kind)")
        }
    }

    @Test(
        "the layouts of %v, of `f` and of fixed precisions",
        arguments: [
            (0, "0", "0", "0.00", "0"), (-0.0, "-0", "-0", "-0.00", "-0"), (1.5, "1.5", "1.5", "1.50", "1.5"),
            (1e20, "1e+20", "100000000000000000000", "100000000000000000000.00", "1e+20"),
            (1e21, "1e+21", "1000000000000000000000", "1000000000000000000000.00", "1e+21"),
            (0.00001, "1e-05", "0.00001", "0.00", "1e-05"),
            (-123456789.125, "-1.23456789125e+08", "-123456789.125", "-123456789.12", "-1.235e+08"),
            (0.05, "0.05", "0.05", "0.05", "0.05"), (.nan, "NaN", "NaN", "NaN", "NaN"),
            (-.infinity, "-Inf", "-Inf", "-Inf", "-Inf"),
        ] as [(Double, String, String, String, String)])
    func texts(value: Double, general: String, plain: String, fixed: String, significant: String) {
        // Plain from 1e-4 to below 1e6.
        let wanted = value.magnitude < 1e6 && value.magnitude >= 1e-4 ? plain : general
        #expect(GoNumber.general(value) == (value == 0 ? plain : wanted))
        #expect(GoNumber.plain(value) == plain)
        #expect(
            GoNumber.general(value, plainFrom: -5, plainBelow: 21)
                == (value.magnitude < 1e21 || !value.isFinite ? plain : general))
        #expect(GoNumber.fixed(value, places: 2) == fixed)
        #expect(GoNumber.significant(value, digits: 4) == significant)
    }
}
