import Exporter
import TestSupport
import Testing

@Suite struct SysfsFuzzTests {
    /// Files cut anywhere, with bytes changed, repeated or made very long: whoever reads the file may lose or gain
    /// samples, everyone else reports what was reported before.
    @Test("a damaged file of a device costs its reader samples, and others nothing")
    func damage() throws {
        let seed = SeededRandom.seed()
        var random = SeededRandom(seed: seed)
        let host = FakeHost(SysfsHost.script)
        let collection = try host.collection(SysfsHost.flags)
        let known = Dictionary(
            uniqueKeysWithValues: collection.names.map { name in
                // What is free on a real file system changes.
                (name, sampleLines(of: collection, .only([name])).filter { !$0.contains("_bytes{device=\"/dev/vda") })
            })
        for (name, lines) in known { #expect(!lines.isEmpty, "\(name) has nothing") }
        for round in 0..<(host.files.count * 3) {
            let file = host.files[round % host.files.count]
            host.write(file.path, damaged(file.text, using: &random))
            let lines = Set(sampleLines(of: collection))
            let readers = SysfsHost.readers.first { file.path.hasPrefix($0.prefix) }?.collectors ?? []
            #expect(!readers.isEmpty, "\(file.path) has no reader")
            for (name, expected) in known where !readers.contains(name) && name != "filesystem" {
                let lost = expected.filter { !lines.contains($0) }
                #expect(lost.isEmpty, "seed \(seed), round \(round), \(file.path): \(name) lost \(lost.prefix(3))")
            }
            host.write(file.path, file.text)
        }
        // What firmware says is read once, names of zones and slots likewise: another collection begins anew.
        let after = Set(sampleLines(of: try host.collection(SysfsHost.flags)))
        for (name, expected) in known where name != "filesystem" {
            #expect(expected.allSatisfy { after.contains($0) }, "seed \(seed): \(name) does not recover")
        }
    }

    @Test("a file of a megabyte without a line end, or of zeros, is no trouble")
    func longFiles() throws {
        let host = FakeHost(SysfsHost.script)
        let collection = try host.collection(SysfsHost.flags)
        let long = [UInt8](repeating: 0x39, count: 1 << 20)
        let zeros = [UInt8](repeating: 0, count: 70_000)
        for (index, file) in host.files.enumerated() where file.path != "proc/loadavg" {
            host.write(file.path, index % 2 == 0 ? long : zeros)
            if index % 20 == 0 { _ = sampleLines(of: collection) }
        }
        #expect(sampleLines(of: collection).contains("node_load1 0.25"))
    }

    private func damaged(_ text: [UInt8], using random: inout SeededRandom) -> [UInt8] {
        var text = text
        switch Int.random(in: 0..<5, using: &random) {
        case 0: text = Array(text.prefix(Int.random(in: 0...text.count, using: &random)))
        case 1:
            for _ in 0..<Int.random(in: 1...8, using: &random) where !text.isEmpty {
                text[Int.random(in: 0..<text.count, using: &random)] = .random(in: 0...255, using: &random)
            }
        case 2:
            let start = Int.random(in: 0...text.count, using: &random)
            let end = Int.random(in: start...text.count, using: &random)
            text.insert(contentsOf: text[start..<end], at: Int.random(in: 0...text.count, using: &random))
        case 3:
            let digits = [UInt8](repeating: 0x39, count: Int.random(in: 1...40, using: &random))
            text.insert(contentsOf: digits, at: Int.random(in: 0...text.count, using: &random))
        default:
            let start = Int.random(in: 0...text.count, using: &random)
            text.removeSubrange(start..<Int.random(in: start...text.count, using: &random))
        }
        return text
    }
}
