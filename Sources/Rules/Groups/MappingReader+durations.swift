import Configuration

extension MappingReader {
    /// Milliseconds of a duration as Prometheus takes it: whole numbers, the longest unit first, each once. `1.5h` is none.
    func milliseconds(_ key: String, least: Int64) -> Int64? {
        guard let value = value(key), let text = value.literal() else { return nil }
        do throws(PrometheusDuration.Failure) {
            let milliseconds = try PrometheusDuration.milliseconds(text)
            guard milliseconds >= least else {
                value.report("expected at least \(PrometheusDuration.text(least)), found \"\(text)\"")
                return nil
            }
            return milliseconds
        } catch {
            guard Double(text) == nil else {
                value.report("expected a duration with its unit, such as \(text)s, found \"\(text)\"")
                return nil
            }
            value.report(
                "expected a duration such as 1h30m, 7d or 500ms, in whole numbers and with the longest unit first: \(error)"
            )
            return nil
        }
    }
}
