import ArgumentParser
import Bytes
import Configuration
import Telemetry

/// A time as options take it: so long ago, or a date.
enum TimeOption {
    static func time(_ text: String, _ option: String) throws -> Timestamp {
        if let seconds = DurationText.seconds(text) {
            return Timestamp(nanoseconds: Timestamp.now.nanoseconds - Int64(seconds * 1e9))
        }
        let bytes = Array(text.utf8)
        if let time = RFC3339.parse(bytes.span.bytes) { return Timestamp(nanoseconds: time) }
        throw ValidationError("\(option): expected a duration such as 1h or a time such as 2026-01-31T12:00:00Z")
    }
}
