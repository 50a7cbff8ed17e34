import Bytes
import Synchronization
import Telemetry

/// The body of `/metrics`, in whatever format and coding the scraper wants. Safe from any thread.
package final class MetricsPage: Sendable {
    /// A rendered page and what its headers say.
    package struct Rendered: Sendable {
        package var body: [UInt8]
        package var contentType: String
        /// `gzip`, or nil for a body as it is.
        package var contentEncoding: String?
    }

    private let registry: MetricRegistry
    /// Kept from scrape to scrape, so that rendering allocates only what it returns.
    private let scratch = Mutex(ByteBuffer(capacity: 16 << 10))

    package init(_ registry: MetricRegistry) { self.registry = registry }

    /// Renders everything there is now for a client with these headers.
    package func render(accept: String?, acceptEncoding: String?) -> Rendered {
        let format = ExpositionFormat.negotiated(accept: accept)
        let wantsGzip = ExpositionFormat.acceptsGzip(acceptEncoding)
        let families = registry.snapshot()
        return scratch.withLock { buffer in
            buffer.removeAll()
            Exposition.render(families, as: format, into: &buffer)
            if wantsGzip, let compressed = Gzip.compressed(buffer.bytes) {
                return Rendered(body: compressed, contentType: format.contentType, contentEncoding: "gzip")
            }
            let body = buffer.bytes.withUnsafeBytes { Array($0) }
            return Rendered(body: body, contentType: format.contentType, contentEncoding: nil)
        }
    }
}
