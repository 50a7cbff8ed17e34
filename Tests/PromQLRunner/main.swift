import Glibc
import Rules

// Drives the PromQL engine for Benchmarks/promql.py and, without the rest of the agent, for scripts.
//
// promql-runner bench SCRIPT QUERIES SECONDS
//     SCRIPT holds one `load`; each line of QUERIES is `instant TIME QUERY` or `range START END STEP QUERY`, times in seconds.
//     Every query is prepared once and evaluated again and again, an instant one 15 s later each time. Prints a line for each: the
//     CPU microseconds of an evaluation and the samples of the last result; then the resident memory in KiB.
// promql-runner script FILE…
//     As `tocsin test promql`.

enum Runner {
    static func main() -> Int32 {
        let arguments = CommandLine.arguments
        switch arguments.dropFirst().first {
        case "bench" where arguments.count == 5:
            return bench(arguments[2], arguments[3], Double(arguments[4]) ?? 1)
        case "script" where arguments.count > 2: return script(Array(arguments.dropFirst(2)))
        default:
            print("usage: promql-runner bench SCRIPT QUERIES SECONDS | script FILE…")
            return 2
        }
    }

    private static func read(_ path: String) -> String {
        guard let file = fopen(path, "r") else {
            print("\(path): \(String(cString: strerror(errno)))")
            exit(2)
        }
        defer { fclose(file) }
        var contents: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            if count == 0 { return String(decoding: contents, as: UTF8.self) }
            contents += chunk[..<count]
        }
    }

    private static func script(_ files: [String]) -> Int32 {
        var failed = 0
        for file in files {
            let report = PromQLScriptRunner.run(read(file))
            for failure in report.failures { print("\(file):\(failure.line): \(failure.query): \(failure.reason)") }
            print("\(file): \(report.passed) passed, \(report.failures.count) failed")
            failed += report.failures.count
        }
        return failed == 0 ? 0 : 1
    }

    private static func cpu() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func bench(_ script: String, _ queries: String, _ seconds: Double) -> Int32 {
        do {
            let samples = try PromQLScriptRunner.samples(of: read(script))
            let engine = QueryEngine()
            var prepared: [(query: PromQLQuery, times: [Int64])] = []
            for line in read(queries).split(separator: "\n") {
                let count = line.hasPrefix("instant") ? 2 : 4
                let words = line.split(separator: " ", maxSplits: count)
                let times = words[1..<count].compactMap { Int64($0).map { $0 * 1000 } }
                prepared.append((try engine.prepare(String(words[count])), times))
            }
            for (query, times) in prepared {
                var rounds = 0
                var found = 0
                // The first evaluation finds the series; it is not what is measured.
                found = count(try evaluate(query, times, 0, samples))
                let begin = cpu()
                while cpu() - begin < seconds || rounds < 3 {
                    rounds += 1
                    found = count(try evaluate(query, times, Int64(rounds % 20) * 15_000, samples))
                }
                print("\((cpu() - begin) / Double(rounds) * 1e6) \(found)")
            }
            var usage = rusage()
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            print("rss \(usage.ru_maxrss)")
            return 0
        } catch {
            print("\(error)")
            return 1
        }
    }

    private static func evaluate(
        _ query: PromQLQuery, _ times: [Int64], _ later: Int64, _ samples: MemorySamples
    ) throws -> QueryResult {
        if times.count == 1 { return try query.instant(at: times[0] + later, in: samples) }
        return try query.range(from: times[0], through: times[1], step: times[2], in: samples)
    }

    private static func count(_ result: QueryResult) -> Int {
        switch result.value {
        case .scalar, .string: 1
        case .vector(let samples): samples.count
        case .matrix(let series): series.reduce(0) { $0 + $1.points.count }
        }
    }
}

exit(Runner.main())
