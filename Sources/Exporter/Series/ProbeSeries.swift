import Synchronization
import Telemetry

/// What probes found, as series for the sinks. Safe from any thread.
package final class ProbeSeries: Sendable {
    private final class Cache: @unchecked Sendable {
        /// Guards the rest.
        let lock = Mutex(())
        var cache: SeriesCache
        var output = SeriesBatch()

        init() {
            // Probes write `job` and `instance` themselves.
            var rules = SeriesRules(targetLabels: [:])
            rules.honorsLabels = true
            cache = SeriesCache(rules)
        }
    }

    private struct Key: Hashable {
        var job: String
        var name: String
    }

    private let sinks: SampleFanOut
    private let caches = Mutex<[Key: Cache]>([:])

    package init(sinks: SampleFanOut) { self.sinks = sinks }

    /// Takes what a run found.
    package func append(_ configuration: ProbeConfiguration, _ batch: borrowing SampleBatch, at time: Timestamp) {
        guard !sinks.isEmpty else { return }
        let key = Key(job: configuration.job, name: configuration.name)
        let cache = caches.withLock { caches in
            if let cache = caches[key] { return cache }
            let cache = Cache()
            caches[key] = cache
            return cache
        }
        cache.lock.withLock { _ in
            cache.output.removeAll()
            cache.cache.begin()
            do throws(SeriesError) {
                try cache.cache.take(batch, at: time.milliseconds, into: &cache.output)
                cache.cache.finish(at: time.milliseconds, into: &cache.output)
            } catch {
                // As for the host's own: without limits there is nothing to exceed.
                cache.cache.fail(at: time.milliseconds, into: &cache.output)
            }
            sinks.append(cache.output)
        }
    }

    /// Forgets probes that are configured no more; their series get stale markers.
    package func keep(_ configurations: [ProbeConfiguration], at time: Timestamp) {
        let kept = Set(configurations.map { Key(job: $0.job, name: $0.name) })
        let gone = caches.withLock { caches in
            let gone = caches.filter { !kept.contains($0.key) }
            for key in gone.keys { caches[key] = nil }
            return Array(gone.values)
        }
        for cache in gone {
            cache.lock.withLock { _ in
                cache.output.removeAll()
                cache.cache.begin()
                cache.cache.finish(at: time.milliseconds, into: &cache.output)
                sinks.append(cache.output)
            }
        }
    }
}
