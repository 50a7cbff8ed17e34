import Bytes
import Logging
import Telemetry

/// Keeps one source running: on a thread of its own, run again after a pause when it fails, its state shown in
/// readiness and its failures counted.
package final class SourceSupervisor: Sendable {
    /// Pauses between attempts, in seconds: doubled from the first to the last, and back to the first after a run
    /// that lasted.
    package struct Pauses: Sendable {
        package var first: Double = 1
        package var last: Double = 60
        package init() {}
    }

    package let source: any LogSource
    private let context: SourceContext
    private let pauses: Pauses
    private let thread: WorkerThread

    /// Starts at once. `context.stop` ends it.
    package init(_ source: any LogSource, context: SourceContext, pauses: Pauses = Pauses()) {
        self.source = source
        self.context = context
        self.pauses = pauses
        thread = WorkerThread(name: source.name) {
            Self.keepRunning(source, context, pauses)
        }
    }

    /// Tells the source to end, without waiting: several then end side by side.
    package func requestStop() { context.stop.stop() }

    /// Tells the source to commit what it holds and end, and waits for it.
    package func stop() {
        context.stop.stop()
        thread.join()
        context.readiness.remove("source/\(source.name)")
        context.metrics.removeAll(matching: ["source": source.name])
    }

    private static func keepRunning(_ source: any LogSource, _ context: SourceContext, _ pauses: Pauses) {
        let part = "source/\(source.name)"
        let failures = context.metrics.counter(
            "tocsin_source_errors_total", help: "Times a source failed and was opened again.",
            ["source": source.name])
        var pause = pauses.first
        // What was logged already: a failure that stays the same is logged once, and shown in readiness all the time.
        var known: String?
        context.readiness.set(part, .ok)
        while !context.stop.isStopped {
            let began = Timestamp.monotonic
            do {
                try source.run(context)
                if context.stop.isStopped { return }
                context.logger.warning("source ended by itself", metadata: ["source": "\(source.name)"])
            } catch {
                failures.add()
                context.readiness.set(part, .failed(error.description))
                let hasLasted = Timestamp.monotonic.seconds(since: began) > pauses.last
                context.logger.log(
                    level: hasLasted || known != error.description ? .error : .debug,
                    "source failed; it is opened again after a pause, and again while it fails",
                    metadata: ["source": "\(source.name)", "error": "\(error)", "pause": "\(pause)s"])
                known = error.description
            }
            if Timestamp.monotonic.seconds(since: began) > pauses.last { pause = pauses.first }
            context.stop.wait(seconds: pause)
            pause = min(pause * 2, pauses.last)
        }
    }
}
