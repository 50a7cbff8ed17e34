import Rules
import Telemetry

/// What the series of a host do from one sample to the next.
enum HostKind: String {
    /// The shares that were measured: 83 of 100 series constant, the rest counters of bytes, of CPU time in hundredths of a
    /// second and of events, gauges of memory, and a few that are any number.
    case quiet
    /// Half of the series constant, a fifth counters, three twentieths buckets of histograms, the rest gauges.
    case busy
}

/// Samples of a host.
struct Host {
    let kind: HostKind
    var series: [[Series]] = []
    var values: [[Double]] = []
    private var state: UInt64 = 0x5eed

    init(_ kind: HostKind = .quiet, count: Int, sources: Int) {
        self.kind = kind
        for source in 0..<sources {
            let metadata = (0..<60).map { MetricMetadata(name: "host_family_\($0)_total", type: .counter) }
            var own: [Series] = []
            for number in 0..<(count / sources) {
                let family = metadata[number % metadata.count]
                own.append(
                    Series(
                        labels: [
                            "__name__": family.name, "job": "node", "instance": "host-\(source).example.org:9100",
                            "device": "device-\(number / metadata.count)",
                        ], metadata: family))
            }
            series.append(own)
            values.append(own.indices.map { Double($0 * 4096) })
        }
    }

    private mutating func random(_ bound: UInt64) -> Double {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return Double((z ^ (z >> 31)) % bound)
    }

    private mutating func next(_ old: Double, _ number: Int) -> Double {
        let place = number % 100
        switch kind {
        case .quiet:
            switch place {
            case 0..<5: return bytes(old)
            case 5..<9: return ((old * 100).rounded() + random(150)) / 100
            case 9..<13: return old + (random(3) == 0 ? random(40) : 0)
            case 13..<16: return memory(old)
            case 16: return random(1 << 50) / 0x1p50
            default: return old
            }
        case .busy:
            switch place {
            case 0..<10: return bytes(old)
            case 10..<15: return ((old * 100).rounded() + random(150)) / 100
            case 15..<20: return old + (random(3) == 0 ? random(40) : 0)
            // A bucket counts what the narrower ones do, and more.
            case 20..<35: return old + (random(UInt64(place - 18)) > 2 ? random(UInt64(place)) : 0)
            case 35..<45: return memory(old)
            case 45..<48: return max(0, (old * 100).rounded() + random(41) - 20) / 100
            case 48..<50: return random(1 << 50) / 0x1p50
            default: return old
            }
        }
    }

    private mutating func bytes(_ old: Double) -> Double { old + 10_000 + random(5000) }

    private mutating func memory(_ old: Double) -> Double { max(0, old + (random(2001) - 1000) * 4096) }

    /// The next batch of a source.
    mutating func fill(_ batch: inout SeriesBatch, source: Int, time: Int64) {
        batch.removeAll()
        for number in series[source].indices {
            values[source][number] = next(values[source][number], number)
            batch.samples.append(
                SeriesSample(series: series[source][number], timestamp: time, value: values[source][number]))
        }
    }
}
