import Bytes

extension PromQLScriptReport {
    package func write(file: String, into json: inout JSONWriter) {
        json.beginObject()
        json.key("file")
        json.string(file)
        json.key("passed")
        json.integer(passed)
        json.key("failed")
        json.integer(failures.count)
        json.key("failures")
        json.beginArray()
        for failure in failures {
            json.beginObject()
            json.key("line")
            json.integer(failure.line)
            json.key("query")
            json.string(failure.query)
            json.key("reason")
            json.string(failure.reason)
            json.endObject()
        }
        json.endArray()
        json.endObject()
    }
}
