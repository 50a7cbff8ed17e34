import Exporter
import TestSupport
import Testing

@Suite struct ProcFuzzTests {
    /// Files cut anywhere, with bytes changed, repeated or made very long: whoever reads the file may lose lines of it,
    /// everyone else reports what was reported before.
    @Test("a damaged file costs its reader lines, and others nothing")
    func damage() throws {
        let seed = SeededRandom.seed()
        var random = SeededRandom(seed: seed)
        let host = FakeHost(WholeHost.script)
        var collection = try host.collection(WholeHost.flags)
        _ = sampleLines(of: collection)
        let known = Dictionary(
            uniqueKeysWithValues: collection.names.map { ($0, sampleLines(of: collection, .only([$0]))) })
        for round in 0..<400 {
            let file = host.files[round % host.files.count]
            host.write(file.path, damaged(file.text, using: &random))
            let lines = Set(sampleLines(of: collection))
            let readers = readers(of: file.path)
            for (name, expected) in known where !readers.contains(name) {
                let lost = expected.filter { !lines.contains($0) }
                #expect(lost.isEmpty, "seed \(seed), round \(round), \(file.path): \(name) lost \(lost.prefix(3))")
            }
            host.write(file.path, file.text)
            // It remembers: times do not go back, and the CPUs' files are looked for when CPUs come and go.
            if readers.contains("cpu") { collection = try host.collection(WholeHost.flags) }
        }
        let after = Set(sampleLines(of: collection))
        for (name, expected) in known {
            #expect(expected.allSatisfy { after.contains($0) }, "seed \(seed): \(name) does not recover")
        }
    }

    @Test("a line of a megabyte costs that line")
    func longLine() throws {
        let host = FakeHost(WholeHost.script)
        let long = String(repeating: "9 ", count: 512 << 10)
        host.write("proc/vmstat", "pgpgin \(long)\npgfault 5\npg\(String(repeating: "x", count: 1 << 20))fault 1\n")
        #expect(try host.samples(of: "vmstat") == "node_vmstat_pgfault 5\nnode_vmstat_pgpgin 9")
        host.write("proc/stat", "intr 7 \(long)\nctxt 8\n")
        #expect(try host.samples(of: "stat") == "node_context_switches_total 8\nnode_intr_total 7")
    }

    private func readers(of path: String) -> [String] {
        if let readers = WholeHost.readers[path] { return readers }
        if path.hasPrefix("sys/class/net") { return ["netclass"] }
        if path.hasPrefix("sys/devices/system/cpu") { return ["cpu", "cpufreq"] }
        if path.hasPrefix("sys/block") { return ["diskstats"] }
        if path.hasPrefix("sys/fs/selinux") { return ["selinux"] }
        return [String(path.dropFirst("proc/".count))]
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
