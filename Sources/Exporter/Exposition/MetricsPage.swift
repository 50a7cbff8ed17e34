import Bytes
import Synchronization
import Telemetry

/// The body of `/metrics`, in whatever format and coding the scraper wants. Safe from any thread; one page is made at a
/// time.
package final class MetricsPage: Sendable {
    /// A rendered page and what its headers say.
    package struct Rendered: Sendable {
        package var body: [UInt8]
        package var contentType: String
        /// `gzip`, or nil for a body as it is.
        package var contentEncoding: String?
    }

    /// What is made again for each page; the memory is kept.
    private struct Scratch: ~Copyable {
        var batch = SampleBatch(sampleLimit: 2_000_000, textLimit: 256 << 20)
        var exposition = Exposition()
        var buffer = ByteBuffer()
        var gzip: GzipEncoder?
    }

    /// A closure by itself in a Mutex would be wrapped once more by each access.
    private struct Additions: Sendable {
        var add: @Sendable (inout SampleBatch) -> Void = { _ in }
    }

    private let registry: MetricRegistry
    private let collection = Mutex<HostCollection?>(nil)
    private let others = Mutex(Additions())
    private let worker = SerialWorker(name: "metrics")
    private let scratch = Mutex(Scratch())
    private let duplicates: Counter
    /// What was said to be duplicate last, so that it is said once.
    private let lastExamples = Mutex<[String]>([])
    private let onDuplicates: @Sendable ([String]) -> Void

    /// - Parameter onDuplicates: told a few samples that stood twice on a page, when they are others than the last
    ///   time.
    package init(_ registry: MetricRegistry, onDuplicates: @escaping @Sendable ([String]) -> Void = { _ in }) {
        self.registry = registry
        self.onDuplicates = onDuplicates
        duplicates = registry.counter(
            "tocsin_metrics_duplicate_samples_total",
            help: "Samples left out of a page because one of the same name and labels stood before them.")
    }

    /// The host's collectors, beside the agent's own metrics.
    package var host: HostCollection? {
        get { collection.withLock { $0 } }
        set { collection.withLock { $0 = newValue } }
    }

    /// Adds what is neither the host's nor the agent's, such as what probes found.
    package func onRender(_ add: @escaping @Sendable (inout SampleBatch) -> Void) { others.withLock { $0.add = add } }

    /// As the function below, on a thread of the page's own.
    package func rendered(
        accept: String?, acceptEncoding: String?, selection: CollectorSelection, timeout: Double
    ) async throws -> Rendered {
        try await worker.run {
            self.render(
                accept: accept, acceptEncoding: acceptEncoding, selection: selection, timeout: timeout)
        }
    }

    /// Renders everything there is now for a client with these headers. Blocks while the host is read, for at most
    /// `timeout` seconds.
    package func render(
        accept: String?, acceptEncoding: String?, selection: CollectorSelection = .all, timeout: Double = 10
    ) -> Rendered {
        let format = ExpositionFormat.negotiated(accept: accept)
        let wantsGzip = ExpositionFormat.acceptsGzip(acceptEncoding)
        return scratch.withLock { scratch in
            scratch.batch.removeAll()
            scratch.buffer.removeAll()
            host?.collect(selection, timeout: timeout, into: &scratch.batch)
            if case .all = selection {
                registry.write(into: &scratch.batch)
                others.withLock { $0 }.add(&scratch.batch)
            }
            scratch.exposition.render(scratch.batch, as: format, into: &scratch.buffer)
            report(scratch.exposition.duplicates, scratch.exposition.duplicateExamples)
            let encoder = wantsGzip ? scratch.gzip ?? GzipEncoder() : nil
            if let encoder { scratch.gzip = encoder }
            if let compressed = encoder?.compressed(scratch.buffer.bytes) {
                return Rendered(body: compressed, contentType: format.contentType, contentEncoding: "gzip")
            }
            return Rendered(
                body: [UInt8](scratch.buffer.bytes), contentType: format.contentType, contentEncoding: nil)
        }
    }

    private func report(_ count: Int, _ examples: [String]) {
        duplicates.add(count)
        let isNew = lastExamples.withLock { last in
            defer { last = examples }
            return last != examples
        }
        if isNew, !examples.isEmpty { onDuplicates(examples) }
    }
}
