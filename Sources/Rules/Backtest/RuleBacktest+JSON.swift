import Bytes
import Telemetry

extension RuleBacktest.Event {
    package func write(into json: inout JSONWriter) {
        json.beginObject()
        json.key("time")
        json.time(transition.time)
        for (name, text) in [
            ("group", group), ("alert", rule), ("from", transition.from), ("to", transition.to),
            ("reason", transition.reason), ("value", AlertValue.text(transition.value)),
        ] {
            json.key(name)
            json.string(text)
        }
        json.key("labels")
        json.labels(transition.labels.labels)
        json.endObject()
    }
}

extension RuleBacktest.Summary {
    package func write(into json: inout JSONWriter) {
        json.beginObject()
        json.key("evaluations")
        json.integer(evaluations)
        json.key("failures")
        json.integer(failures)
        json.key("incomplete")
        json.bool(isIncomplete)
        json.key("errors")
        json.beginArray()
        for (rule, error) in errors {
            json.beginObject()
            json.key("rule")
            json.string(rule)
            json.key("error")
            json.string(error)
            json.endObject()
        }
        json.endArray()
        json.endObject()
    }
}

extension RuleBacktest {
    /// A run as JSON, a line for each change and one for the whole.
    package func report(
        from start: Int64, through end: Int64, isStopped: () -> Bool = { false }
    ) -> [UInt8] {
        var json = JSONWriter()
        let summary = run(from: start, through: end, isStopped: isStopped) { event in
            // A rule that flaps at every evaluation for days; nobody reads more.
            guard json.buffer.count < 16 << 20 else { return }
            event.write(into: &json)
            json.endLine()
        }
        summary.write(into: &json)
        json.endLine()
        return json.written()
    }
}
