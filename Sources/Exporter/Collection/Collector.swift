import Telemetry

/// Reads one subject of the host and writes its samples.
///
/// A collector lives as long as the agent and is called for each page by one thread at a time; it keeps files open and
/// decisions made. What every collector needs beside (duration, success, a deadline, options, a cap) the runner gives.
package protocol Collector {
    /// Writes what there is now. A line or value that cannot be understood is left out and told to `reader.odd`.
    /// Throws `CollectorError.absent` where the host lacks the subject, any other error where it could not be read;
    /// what was written before the error stays.
    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws
}

/// Why a collector has nothing, or not all.
package enum CollectorError: Error, CustomStringConvertible {
    /// The host lacks the hardware, the module or the file.
    case absent(String)
    case failed(String)

    package var description: String {
        switch self {
        case .absent(let what): "not on this host: \(what)"
        case .failed(let why): why
        }
    }
}

/// What a collector is made with.
package struct CollectorContext: Sendable {
    package var paths: HostPaths
    package var options: CollectorOptions

    package init(paths: HostPaths, options: CollectorOptions) {
        self.paths = paths
        self.options = options
    }

    /// Whether the option `netlink` holds, in place of files below `path`.
    ///
    /// Netlink speaks of the network that this process is in; files that are mounted elsewhere than `usual` may be of
    /// another. There it is asked only where that was said by name.
    func asksNetlink(insteadOf path: String, usually usual: String) -> Bool {
        options.bool("netlink") && (options.values["netlink"] != nil || path == usual)
    }
}

/// A row of `Collectors.all`.
package struct CollectorDescription: Sendable {
    /// As node_exporter calls it: in `collect[]`, in the configuration and in the label `collector`.
    package var name: String
    /// One sentence.
    package var summary: String
    package var isEnabledByDefault: Bool
    package var options: [CollectorOption]
    package var make: @Sendable (CollectorContext) throws -> any Collector

    package init(
        _ name: String, _ summary: String, isEnabledByDefault: Bool = true, options: [CollectorOption] = [],
        make: @escaping @Sendable (CollectorContext) throws -> any Collector
    ) {
        self.name = name
        self.summary = summary
        self.isEnabledByDefault = isEnabledByDefault
        self.options = options
        self.make = make
    }
}
