import Telemetry
import TestSupport
import Testing

@testable import Logs

@Suite("rotation torture", .serialized)
struct RotationTortureTests {
    /// Writes numbered lines while the file is rotated in every way and the source killed at random commits.
    struct Writer {
        let bench: FileBench
        var random: SeededRandom
        var written = 0
        var partial = ""
        var isCopying: Bool
        var log: [String] = []
        /// Of the file that is written, and each of its lines' first word.
        var name = "app"
        var file: String { name + ".log" }

        mutating func step() {
            switch Int.random(in: 0..<10, using: &random) {
            case 0...4: write()
            case 5: rotate()
            case 6:
                log.append(bench.isRunning ? "kill" : "start")
                bench.isRunning ? bench.kill() : bench.start()
            case 7:
                log.append(bench.isRunning ? "stop" : "start")
                bench.isRunning ? bench.stopSource() : bench.start()
            case 8:
                if bench.isRunning {
                    bench.sink.setCommitLimit(bench.sink.commits + Int.random(in: 0..<3, using: &random))
                }
            default: settle()
            }
        }

        mutating func write() {
            var text = ""
            for _ in 0..<Int.random(in: 1..<40, using: &random) {
                let line = "\(name) \(written) " + String(repeating: "x", count: Int.random(in: 0..<60, using: &random))
                written += 1
                text += line + "\n"
            }
            // In two writes, so that lines are seen unfinished.
            let cut = text.utf8.index(text.startIndex, offsetBy: Int.random(in: 0..<text.utf8.count, using: &random))
            log.append("write to \(written)")
            bench.write(file, String(text[..<cut]))
            bench.write(file, String(text[cut...]))
        }

        mutating func rotate() {
            guard FileBench.exists(bench.path(file)) else { return }
            let isCompressing = Bool.random(using: &random)
            for number in stride(from: 6, to: 0, by: -1) {
                bench.move("\(file).\(number)", "\(file).\(number + 1)")
                bench.move("\(file).\(number).gz", "\(file).\(number + 1).gz")
            }
            if isCopying {
                // Atomic as seen from us only while nothing is written in between, as here.
                bench.copy(file, "\(file).1")
                bench.truncate(file)
            } else {
                bench.move(file, "\(file).1")
                if Bool.random(using: &random) { bench.write(file, "") }
            }
            if isCompressing { bench.gzip("\(file).2") }
            if isCompressing && Bool.random(using: &random) { bench.gzip("\(file).1") }
            log.append("rotate, compressing \(isCompressing)")
        }

        mutating func settle() {
            guard bench.isRunning else { return }
            log.append("settle at \(bench.sink.lines.count)")
            bench.sink.setCommitLimit(.max)
            if bench.failure.text != nil { bench.stopSource() }
            if !bench.isRunning { bench.start() }
            let (wanted, begin) = (written, name + " ")
            // Without an active file nothing says that there is more to come.
            guard FileBench.exists(bench.path(file)) else { return }
            _ = bench.wait(5) { bench.sink.lines.count { $0.text.hasPrefix(begin) } >= wanted }
        }
    }

    @Test("several files at once: every line of each arrives once and in order", arguments: 0..<6)
    func together(_ number: Int) {
        let seed = UInt64(number) &* 104_729 &+ 5
        let bench = FileBench()
        var random = SeededRandom(seed: seed)
        var writers = ["app", "api", "app2", "job-7"].enumerated().map { index, name in
            var writer = Writer(
                bench: bench, random: SeededRandom(seed: seed &+ UInt64(index)), isCopying: index == 1)
            writer.name = name
            writer.write()
            return writer
        }
        bench.start()
        for index in writers.indices { writers[index].finish() }
        for round in 0..<120 {
            let index = Int.random(in: 0..<writers.count, using: &random)
            writers[index].step()
            // No more rotations than generations are kept, and a truncation only of what was seen.
            if writers[index].isCopying || round % 12 == 0 {
                for index in writers.indices { writers[index].finish() }
            }
        }
        for index in writers.indices { writers[index].finish() }
        for writer in writers { judge(writer, seed) }
    }

    @Test("every line arrives once and in order", arguments: 0..<24)
    func torture(_ number: Int) {
        let seed = UInt64(number) &* 7919 &+ 17
        let bench = FileBench()
        bench.pattern = bench.path(number % 3 == 0 ? "app.log*" : "*.log")
        var writer = Writer(bench: bench, random: SeededRandom(seed: seed), isCopying: number % 4 == 1)
        writer.write()
        bench.start()
        writer.settle()
        // At most seven generations are kept: more would lose lines that no one could have read.
        var rotations = 0
        for _ in 0..<40 {
            let before = writer.log.count
            writer.step()
            if writer.log.count > before, writer.log[before...].contains(where: { $0.hasPrefix("rotate") }) {
                rotations += 1
                // A truncation loses what was seen of the file by nobody but its copy, so it is let to be seen.
                if rotations % 4 == 0 || writer.isCopying { writer.finish() }
            }
        }
        writer.finish()
        judge(writer, seed)
    }

    private func judge(_ writer: Writer, _ seed: UInt64) {
        let bench = writer.bench
        let texts = bench.sink.texts.filter { $0.hasPrefix(writer.name + " ") }
        let numbers = texts.compactMap { $0.split(separator: " ").dropFirst().first.flatMap { Int($0) } }
        let isRight = numbers == Array(0..<writer.written)
        if !isRight {
            let wrong = zip(numbers, 0...).first { $0 != $1 }
            Issue.record(
                "seed \(seed), \(writer.name): \(numbers.count) of \(writer.written) lines, first wrong \(String(describing: wrong))"
            )
            print("seed \(seed)", writer.log, FileBench.run("ls", "-la", bench.root))
        }
    }
}

extension RotationTortureTests.Writer {
    /// Runs the source until all lines written so far are stored.
    mutating func finish() {
        if !FileBench.exists(bench.path(file)) { bench.write(file, "") }
        if !bench.isRunning { bench.start() }
        settle()
    }
}
