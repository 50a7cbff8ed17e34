import Bytes
import Glibc
import Telemetry

/// The answer to `/-/ready`: 503 while a part starts or has failed, else 200; the body says which part, since when
/// and why. A degraded part goes on with its work and does not make the agent unready.
struct ReadinessReport {
    private let parts: [Readiness.Part]

    init(_ parts: [Readiness.Part]) { self.parts = parts }

    var isReady: Bool {
        parts.allSatisfy {
            switch $0.state {
            case .ok, .degraded: true
            case .starting, .failed: false
            }
        }
    }

    private var isDegraded: Bool { parts.contains { !$0.state.isReady } }

    var response: Response {
        .json(status: isReady ? 200 : 503) { json in
            json.beginObject()
            json.key("ready")
            json.bool(isReady)
            json.key("degraded")
            json.bool(isDegraded)
            json.key("parts")
            json.beginArray()
            for part in parts { ReadinessReport.write(part, to: &json) }
            json.endArray()
            json.endObject()
        }
    }

    private static func write(_ part: Readiness.Part, to json: inout JSONWriter) {
        let (state, reason) =
            switch part.state {
            case .starting: ("starting", "")
            case .ok: ("ok", "")
            case .degraded(let reason): ("degraded", reason)
            case .failed(let reason): ("failed", reason)
            }
        json.beginObject()
        json.key("name")
        json.string(part.name)
        json.key("state")
        json.string(state)
        json.key("reason")
        json.string(reason)
        json.key("since")
        json.string(rfc3339(part.since))
        json.endObject()
    }

    /// `2026-03-02T08:15:00Z`, to the second.
    static func rfc3339(_ time: Timestamp) -> String {
        var seconds = time_t(time.parts.seconds)
        var date = tm()
        gmtime_r(&seconds, &date)
        func padded(_ value: Int32, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(width - digits.count, 0)) + digits
        }
        return padded(date.tm_year + 1900, 4) + "-" + padded(date.tm_mon + 1, 2) + "-" + padded(date.tm_mday, 2) + "T"
            + padded(date.tm_hour, 2) + ":" + padded(date.tm_min, 2) + ":" + padded(date.tm_sec, 2) + "Z"
    }
}
