import Bytes
import Loki
import Telemetry

extension FoundEntry {
    /// `{"timestamp":"…","labels":{…},"line":"…","metadata":{…}}` and a newline.
    func write(to json: inout JSONWriter) {
        json.beginObject()
        json.key("timestamp")
        json.string(RFC3339.text(timestamp.nanoseconds))
        json.key("labels")
        json.beginObject()
        for label in labels.labels {
            json.key(label.name)
            json.string(label.value)
        }
        json.endObject()
        json.key("line")
        json.string(line)
        json.key("metadata")
        json.beginObject()
        for label in metadata {
            json.key(label.name)
            json.string(label.value)
        }
        json.endObject()
        if !tenant.isEmpty {
            json.key("tenant")
            json.string(tenant)
        }
        json.endObject()
        json.endLine()
    }
}

extension FoundEntry {
    /// Reads what `write(to:)` wrote; nil where it is something else.
    init?(json: [UInt8]) {
        let bytes = json.span.bytes
        var offset = 0
        var timestamp: Timestamp?
        var labels = LabelSet()
        var metadata: [Label] = []
        var line = ""
        var tenant = ""
        guard JSONScanner.take(0x7b, bytes, &offset) else { return nil }
        repeat {
            guard let key = Self.text(bytes, &offset), JSONScanner.take(0x3a, bytes, &offset) else { return nil }
            switch key {
            case "timestamp":
                guard let text = Self.text(bytes, &offset) else { return nil }
                let digits = Array(text.utf8)
                timestamp = RFC3339.parse(digits.span.bytes).map { Timestamp(nanoseconds: $0) }
            case "line": line = Self.text(bytes, &offset) ?? ""
            case "tenant": tenant = Self.text(bytes, &offset) ?? ""
            case "labels": labels = LabelSet(Self.pairs(bytes, &offset) ?? [])
            case "metadata": metadata = Self.pairs(bytes, &offset) ?? []
            default: guard JSONScanner.skipValue(bytes, &offset) else { return nil }
            }
        } while JSONScanner.take(0x2c, bytes, &offset)
        guard let timestamp else { return nil }
        self.init(timestamp: timestamp, labels: labels, line: line, metadata: metadata, tenant: tenant)
    }

    private static func text(_ json: RawSpan, _ offset: inout Int) -> String? {
        var buffer = ByteBuffer()
        guard JSONScanner.take(0x22, json, &offset), buffer.append(jsonString: json, from: &offset) else {
            return nil
        }
        return String(lossy: buffer.bytes)
    }

    private static func pairs(_ json: RawSpan, _ offset: inout Int) -> [Label]? {
        guard JSONScanner.take(0x7b, json, &offset) else { return nil }
        var pairs: [Label] = []
        if JSONScanner.take(0x7d, json, &offset) { return pairs }
        repeat {
            guard let name = text(json, &offset), JSONScanner.take(0x3a, json, &offset),
                let value = text(json, &offset)
            else { return nil }
            pairs.append(Label(name, value))
        } while JSONScanner.take(0x2c, json, &offset)
        return JSONScanner.take(0x7d, json, &offset) ? pairs : nil
    }
}
