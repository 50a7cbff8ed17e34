import Bytes
import Rules
import Telemetry

/// Alerts as Alertmanager's API v2 takes them (`postableAlerts` of `api/v2/openapi.yaml`), as Prometheus's notifier writes them.
enum PostableAlerts {
    static func json(_ alerts: some Sequence<AlertNotice>) -> [UInt8] {
        var json = JSONWriter(capacity: 4096)
        json.beginArray()
        for alert in alerts {
            json.beginObject()
            write("annotations", alert.annotations, &json)
            for (name, text) in [
                ("endsAt", APITime.text(alert.endsAt)), ("startsAt", APITime.text(alert.startsAt)),
                ("generatorURL", alert.generatorURL),
            ] {
                json.key(name)
                json.string(text)
            }
            write("labels", alert.labels, &json)
            json.endObject()
        }
        json.endArray()
        return json.written()
    }

    private static func write(_ key: String, _ labels: LabelSet, _ json: inout JSONWriter) {
        json.key(key)
        json.beginObject()
        for label in labels.labels {
            json.key(label.name)
            json.string(label.value)
        }
        json.endObject()
    }
}
