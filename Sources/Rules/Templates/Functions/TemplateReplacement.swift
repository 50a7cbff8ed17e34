import Bytes

/// `regexp.ReplaceAllString`.
package enum TemplateReplacement {
    package static func all(of regex: Regex, in text: String, by replacement: String) -> String {
        let template = RegexTemplate(replacement, for: regex)
        let bytes = Array(text.utf8)
        var output = ByteBuffer(capacity: bytes.count + 64)
        var matcher = Matcher(regex)
        var search = 0
        var copied = 0
        // Whether the last match, empty or not, ended where the search goes on: an empty match there is none.
        var lastEnd = -1
        while search <= bytes.count, matcher.match(bytes.span.bytes, from: search), let range = matcher.range(of: 0) {
            if range.isEmpty, range.lowerBound == lastEnd {
                search = next(after: range.lowerBound, in: bytes)
                continue
            }
            output.append(bytes.span.bytes.extracting(copied..<range.lowerBound))
            template.expand(matcher, of: bytes.span.bytes, into: &output)
            copied = range.upperBound
            lastEnd = range.upperBound
            search = range.isEmpty ? next(after: range.upperBound, in: bytes) : range.upperBound
            // What no template may print need not be made.
            if output.count > TemplateLimits().output { break }
        }
        output.append(bytes.span.bytes.extracting(copied..<bytes.count))
        return String(lossy: output.bytes)
    }

    /// The beginning of the next code point.
    private static func next(after offset: Int, in bytes: [UInt8]) -> Int {
        var offset = offset + 1
        while offset < bytes.count, bytes[offset] & 0xc0 == 0x80 { offset += 1 }
        return offset
    }
}
