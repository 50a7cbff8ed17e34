import Bytes
import Telemetry

// `/api/v1/status/tsdb`: what fills the store.
extension QueryAPI {
    private struct Tally {
        var series = 0
        var byName: [String: Int] = [:]
        var byPair: [String: Int] = [:]
        var values: [String: Set<String>] = [:]
        var bytes: [String: Int] = [:]
        var newest = Int64.min
        var head = HeadExtent(chunks: 0, oldest: nil)
    }

    func tsdbStatus(_ parameters: APIParameters) throws(APIError) -> APIResponse {
        var limit = 10
        if !parameters["limit"].isEmpty {
            guard let number = Int(parameters["limit"]), number >= 1 else {
                throw APIError(.badData, "limit must be a positive number")
            }
            guard number <= 10_000 else { throw APIError(.badData, "limit must not exceed 10000") }
            limit = number
        }
        let tally = source.read(QueryAPI.tally(of:))
        let newest = tally.newest == .min ? 0 : tally.newest
        return .success { json in
            json.beginObject()
            json.key("headStats")
            json.beginObject()
            for (name, value) in [
                ("numSeries", Int64(tally.series)), ("numLabelPairs", Int64(tally.byPair.count)),
                ("chunkCount", Int64(tally.head.chunks)), ("minTime", tally.head.oldest ?? newest),
                ("maxTime", newest),
            ] {
                json.key(name)
                json.integer(value)
            }
            json.endObject()
            for (name, counts) in [
                ("seriesCountByMetricName", tally.byName),
                ("labelValueCountByLabelName", tally.values.mapValues(\.count)),
                ("memoryInBytesByLabelName", tally.bytes),
                ("seriesCountByLabelValuePair", tally.byPair),
            ] {
                json.key(name)
                json.beginArray()
                for (name, count) in QueryAPI.highest(counts, limit) {
                    json.beginObject()
                    json.key("name")
                    json.string(name)
                    json.key("value")
                    json.integer(count)
                    json.endObject()
                }
                json.endArray()
            }
            json.endObject()
        }
    }

    private static func tally(of reader: any SampleReader) -> Tally {
        var tally = Tally()
        tally.head = reader.head
        for series in reader.series(matching: []) {
            tally.series += 1
            for label in reader.labels(of: series).labels {
                if label.name == "__name__" { tally.byName[label.value, default: 0] += 1 }
                tally.byPair[label.name + "=" + label.value, default: 0] += 1
                if tally.values[label.name, default: []].insert(label.value).inserted {
                    tally.bytes[label.name, default: 0] += label.value.utf8.count
                }
            }
            if let newest = reader.newest(of: series, after: Selection.earliest, through: Selection.latest) {
                tally.newest = max(tally.newest, newest.timestamp)
            }
        }
        return tally
    }

    private static func highest(_ counts: [String: Int], _ limit: Int) -> [(String, Int)] {
        counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(limit).map { ($0.key, $0.value) }
    }
}
