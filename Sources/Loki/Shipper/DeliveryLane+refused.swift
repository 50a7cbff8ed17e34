import Bytes
import Logging
import Telemetry

extension DeliveryLane {
    /// Compressed bytes from which on a request is split before it is sent.
    var sizeLimit: Int {
        let configured = context.configuration.limits.maxRequestSize
        let learned = refusedSize.until > .monotonic ? refusedSize.bytes : .max
        return min(configured > 0 ? configured + 1 : .max, learned)
    }

    /// Remembers for a minute that the server, or a proxy before it, does not take requests of this size. Not longer, and not
    /// for small ones: a passing fault would cost a request per line.
    func learnRefusedSize(_ bytes: Int) {
        guard bytes >= 16 << 10 else { return }
        refusedSize = (min(bytes, sizeLimit), Timestamp.monotonic.advanced(seconds: 60))
    }

    /// A stream's label string as it is sent: with the external labels it lacks.
    func outgoing(_ labels: String) -> String {
        guard !context.configuration.externalLabels.isEmpty else { return labels }
        if let known = relabeled[labels] { return known }
        let full =
            StreamLabelsReader.read(labels).map { $0.filled(from: context.configuration.externalLabels).description }
            ?? labels
        if relabeled.count >= 4096 { relabeled.removeAll() }
        relabeled[labels] = full
        return full
    }

    /// The entries of `part` that the server has refused, with its reason.
    func refused(
        _ rejections: [PushRejection], _ part: ArraySlice<Int>, _ block: borrowing PushBlock
    ) -> [(entry: Int, reason: String)] {
        var byStream: [Int: [PushRejection]] = [:]
        var result: [(entry: Int, reason: String)] = []
        for entry in part {
            let stream = block.entries[entry].stream
            let own: [PushRejection]
            if let known = byStream[stream] {
                own = known
            } else {
                let labels = StreamLabelsReader.read(outgoing(block.streams[stream].labels))
                // A stream whose labels we cannot read ourselves is the one the server could not read.
                own = rejections.filter { rejection in
                    labels.map(rejection.names) ?? (rejection.stream == nil)
                }
                byStream[stream] = own
            }
            if let rejection = own.first(where: { $0.extent.contains(block.entries[entry]) }) {
                result.append((entry, rejection.reason.rawValue))
            }
        }
        if result.isEmpty {
            context.logger.warning(
                "the server has refused entries that its answer does not identify",
                metadata: ["reason": "\(rejections.first?.reason.rawValue ?? "unknown")"])
        }
        return result
    }

    /// The streams of `part` that `rejections` name.
    func named(by rejections: [PushRejection], _ part: ArraySlice<Int>, _ block: borrowing PushBlock) -> Set<Int> {
        var streams: Set<Int> = []
        for entry in part { streams.insert(block.entries[entry].stream) }
        return streams.filter { stream in
            guard let labels = StreamLabelsReader.read(outgoing(block.streams[stream].labels)) else { return false }
            return rejections.contains { $0.names(labels) }
        }
    }

    /// Puts entries into the quarantine and counts them; where it cannot be written they are counted as dropped.
    func setAside(_ refused: [(entry: Int, reason: String)], _ tenant: String, _ block: borrowing PushBlock) {
        guard !refused.isEmpty else { return }
        var reasons: [String: (entries: Int, bytes: Int)] = [:]
        var problem: String?
        var start = refused.startIndex
        while start < refused.endIndex {
            let end = min(start + 256, refused.endIndex)
            var entries: [Quarantine.Entry] = []
            for (entry, reason) in refused[start..<end] {
                let known = block.entries[entry]
                entries.append(
                    Quarantine.Entry(
                        destination: context.configuration.name, tenant: tenant,
                        stream: outgoing(block.streams[known.stream].labels), time: known.time, reason: reason,
                        line: block.line(entry), metadata: block.metadata(entry)))
                let label = reason.hasPrefix("refused: ") ? "refused" : reason
                reasons[label, default: (0, 0)].entries += 1
                reasons[label, default: (0, 0)].bytes += known.line.count
            }
            problem = quarantine.append(entries) ?? problem
            start = end
        }
        for (reason, count) in reasons {
            if problem == nil {
                context.metrics.quarantined(reason, entries: count.entries)
            } else {
                context.metrics.dropped(reason, entries: count.entries, bytes: count.bytes, tenant: tenant)
            }
        }
        let summary = reasons.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.entries)" }
        context.logger.warning(
            problem == nil ? "entries refused for good are in the quarantine" : "refused entries are lost",
            metadata: [
                "destination": "\(context.configuration.name)", "reasons": "\(summary)",
                "file": "\(quarantine.path)", "problem": "\(problem ?? "none")",
            ])
    }
}
