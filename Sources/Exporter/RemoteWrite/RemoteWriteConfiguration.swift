import Telemetry
import Transport

/// One `remote_write` of the configuration: Prometheus's keys, and `queue` of ours.
package struct RemoteWriteConfiguration: Sendable, Equatable {
    /// What metrics, readiness and the queue's directory call it; unique.
    package var name: String
    /// As `HTTPTarget` reads it.
    package var url: String
    package var http = HTTPClientConfiguration()
    /// Seconds a request may take. A request over 64 KiB has them from the last byte the server has taken.
    package var remoteTimeout: Double = 30
    package var writeRelabelConfigs: [RelabelRule] = []
    /// Added to every series that has no label of the name, before relabelling.
    package var externalLabels: LabelSet = [:]
    package var sendExemplars = false
    package var message: RemoteWriteMessage = .v1
    package var queueConfig = QueueConfiguration()
    package var metadataConfig = MetadataConfiguration()
    package var queue = DiskQueueConfiguration()

    package init(name: String, url: String) {
        self.name = name
        self.url = url
    }

    /// `queue_config`: how samples become requests.
    package struct QueueConfiguration: Sendable, Equatable {
        /// Samples that may wait in memory to be written to the queue.
        package var capacity = 100_000
        package var maxSamplesPerSend = 2000
        /// Seconds a sample waits at most for others before it is sent.
        package var batchSendDeadline: Double = 5
        /// Seconds before the first retry; it doubles.
        package var minBackoff: Double = 0.03
        /// Seconds; no wait is longer, unless the server asks for it.
        package var maxBackoff: Double = 5
        package var retryOnRateLimit = true
        /// Seconds; batches whose newest sample is older are dropped. 0: none is.
        package var sampleAgeLimit: Double = 0
        package init() {}
    }

    package struct MetadataConfiguration: Sendable, Equatable {
        package var send = true
        /// Seconds between two sendings of all metadata; remote write 1.0 only.
        package var sendInterval: Double = 60
        /// Families in one request.
        package var maxSamplesPerSend = 2000
        package init() {}
    }

    /// `queue`: what is kept on disk for a server that cannot be reached.
    package struct DiskQueueConfiguration: Sendable, Equatable {
        /// Bytes; beyond them the oldest go.
        package var maxSize = 64 << 20
        /// Seconds; what has waited longer is dropped. 0: nothing is.
        package var maxAge: Double = 0
        package init() {}
    }
}

/// The messages of remote write, by the names that Prometheus's `protobuf_message` has for them.
package enum RemoteWriteMessage: String, Sendable, CaseIterable {
    /// Remote write 1.0.
    case v1 = "prometheus.WriteRequest"
    /// Remote write 2.0.
    case v2 = "io.prometheus.write.v2.Request"
}
