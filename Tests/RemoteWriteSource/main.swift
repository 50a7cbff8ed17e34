// Drives remote write for tests: makes samples, hands them over, and says what it has handed over.
//
// remote-write-source CONFIG DIRECTORY [--series N] [--interval S] [--ticks N] [--ago S] [--step S] [--deadline S]
//                     [--journal FILE] [--metrics FILE] [--idle]
//
// A tick's time goes to the journal when it has been handed over. SIGINT and SIGTERM end it as the agent would be ended.
import Configuration
import Exporter
import Glibc
import Logging
import Telemetry

/// What came on the command line.
struct Arguments {
    var configuration = ""
    var directory = ""
    var series = 100
    /// Seconds between ticks.
    var interval = 1.0
    var ticks = Int.max
    /// Seconds before now at which time begins, and seconds of that time between ticks; 0 for the real one.
    var ago = 0.0
    var step = 0.0
    var deadline = 5.0
    var journal = ""
    var metrics = ""
    /// Makes nothing, sends what is there.
    var isIdle = false

    init(_ arguments: [String]) {
        var rest = arguments[...]
        var places: [String] = []
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("--") else {
                places.append(argument)
                continue
            }
            if argument == "--idle" {
                isIdle = true
                continue
            }
            guard let value = rest.popFirst() else { stop("\(argument) wants a value") }
            switch argument {
            case "--series": series = Int(value) ?? series
            case "--interval": interval = Double(value) ?? interval
            case "--ticks": ticks = Int(value) ?? ticks
            case "--ago": ago = Double(value) ?? ago
            case "--step": step = Double(value) ?? step
            case "--deadline": deadline = Double(value) ?? deadline
            case "--journal": journal = value
            case "--metrics": metrics = value
            default: stop("unknown argument \(argument)")
            }
        }
        guard places.count == 2 else { stop("remote-write-source CONFIG DIRECTORY [options]") }
        (configuration, directory) = (places[0], places[1])
    }
}

func stop(_ text: String) -> Never {
    write("\(text)\n", to: STDERR_FILENO)
    exit(2)
}

func text(_ registry: MetricRegistry) -> String {
    var text = ""
    for family in registry.snapshot() {
        for (labels, value) in family.series {
            let number: Double
            switch value {
            case .counter(let counter): number = Double(counter.current)
            case .gauge(let gauge): number = gauge.current
            case .computed(let read): number = read()
            case .histogram(let histogram): number = Double(histogram.current.counts.reduce(0, +))
            }
            text += "\(family.name)\(labels) \(number)\n"
        }
    }
    return text
}

func write(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    _ = Glibc.write(descriptor, bytes, bytes.count)
}

func configuration(_ path: String) -> RemoteWriteConfiguration {
    do throws(ConfigurationError) {
        guard case .success(let bytes) = ConfigurationSurroundings.process.read(path) else {
            stop("cannot read \(path)")
        }
        return try ConfigurationFile<RemoteWriteConfiguration>(
            bytes, file: path, surroundings: .process
        ).contents
    } catch {
        stop(error.problems.map(\.description).joined(separator: "\n"))
    }
}

func run(_ arguments: Arguments) throws {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGINT)
    sigaddset(&signals, SIGTERM)
    pthread_sigmask(SIG_BLOCK, &signals, nil)

    let registry = MetricRegistry()
    let writer = try RemoteWriter(
        configuration: configuration(arguments.configuration), directory: arguments.directory, metrics: registry,
        readiness: Readiness(), logger: Logger(label: "source"), userAgent: "tocsin/0.0.0")
    writer.start()
    let journal =
        arguments.journal.isEmpty
        ? -1 : fopen(arguments.journal, "a").map { fileno($0) } ?? -1
    let began = Timestamp.now.milliseconds - Int64(arguments.ago * 1000)
    var source = SampleSource(series: arguments.series, began: began)
    var batch = SeriesBatch()
    var next = Timestamp.monotonic
    var tick = 0
    while true {
        if !arguments.isIdle, tick < arguments.ticks {
            let time =
                arguments.step > 0
                ? began + Int64(Double(tick) * arguments.step * 1000)
                : Timestamp.now.milliseconds - Int64(arguments.ago * 1000)
            source.fill(&batch, tick: tick, time: time)
            writer.append(batch)
            if journal >= 0 { write("\(time)\n", to: journal) }
            tick += 1
        }
        next.nanoseconds += Int64(arguments.interval * 1e9)
        let wait = max(0, next.nanoseconds - Timestamp.monotonic.nanoseconds)
        var time = timespec(tv_sec: Int(wait / 1_000_000_000), tv_nsec: Int(wait % 1_000_000_000))
        if sigtimedwait(&signals, nil, &time) > 0 { break }
        if !arguments.metrics.isEmpty, let file = fopen(arguments.metrics + ".new", "w") {
            fputs(text(registry), file)
            fclose(file)
            rename(arguments.metrics + ".new", arguments.metrics)
        }
    }
    writer.stop(deadline: arguments.deadline)
    if !arguments.metrics.isEmpty, let file = fopen(arguments.metrics, "w") {
        fputs(text(registry), file)
        fclose(file)
    }
}

do {
    try run(Arguments(Array(CommandLine.arguments.dropFirst())))
} catch {
    stop("\(error)")
}
