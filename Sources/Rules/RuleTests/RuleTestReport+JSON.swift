import Bytes

extension RuleTestReport {
    package func write(into json: inout JSONWriter) {
        json.beginObject()
        json.key("file")
        json.string(path)
        json.key("passed")
        json.bool(hasPassed)
        json.key("tests")
        json.integer(tests)
        json.key("warnings")
        json.beginArray()
        for warning in warnings { json.string(warning) }
        json.endArray()
        json.key("failures")
        json.beginArray()
        for failure in failures {
            json.beginObject()
            json.key("test")
            json.string(failure.test)
            json.key("text")
            json.string(failure.text)
            json.endObject()
        }
        json.endArray()
        json.endObject()
    }
}
