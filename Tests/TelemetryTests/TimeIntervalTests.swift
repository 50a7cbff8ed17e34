import Bytes
import Configuration
import Telemetry
import Testing

@Suite("Time intervals")
struct TimeIntervalTests {
    private func interval(_ yaml: String) throws -> TimeInterval {
        try ConfigurationFile<TimeInterval>(Array(yaml.utf8), file: "t.yaml").contents
    }

    private func time(_ text: String) throws -> Int64 {
        let bytes = Array(text.utf8)
        let nanoseconds = RFC3339.parse(bytes.span.bytes)
        return try #require(nanoseconds) / 1_000_000_000
    }

    @Test(
        "a time is inside when every field says so",
        arguments: [
            ("{}", "2026-03-01T00:00:00Z", true),
            ("times: [{start_time: '09:00', end_time: '17:00'}]", "2026-03-02T09:00:00Z", true),
            ("times: [{start_time: '09:00', end_time: '17:00'}]", "2026-03-02T16:59:59Z", true),
            ("times: [{start_time: '09:00', end_time: '17:00'}]", "2026-03-02T17:00:00Z", false),
            ("times: [{start_time: '20:00', end_time: '24:00'}]", "2026-03-02T23:59:59Z", true),
            ("weekdays: ['monday:friday']", "2026-03-02T12:00:00Z", true),
            ("weekdays: ['monday:friday']", "2026-03-01T12:00:00Z", false),
            ("weekdays: [sunday, Wednesday]", "2026-03-04T12:00:00Z", true),
            ("days_of_month: ['-1']", "2026-02-28T12:00:00Z", true),
            ("days_of_month: ['-1']", "2024-02-28T12:00:00Z", false),
            ("days_of_month: ['29:31']", "2026-02-28T12:00:00Z", false),
            ("days_of_month: ['25:31']", "2026-02-28T12:00:00Z", true),
            ("days_of_month: ['1:5', '-3:-1']", "2026-04-28T12:00:00Z", true),
            ("days_of_month: ['1:5', '-3:-1']", "2026-04-27T12:00:00Z", false),
            ("days_of_month: ['10:-1']", "2026-04-30T12:00:00Z", true),
            ("months: ['1:3', december]", "2026-12-31T12:00:00Z", true),
            ("months: ['january:march']", "2026-04-01T00:00:00Z", false),
            ("years: ['2026:2027']", "2027-12-31T23:59:59Z", true),
            ("years: ['2026']", "2027-01-01T00:00:00Z", false),
            ("{weekdays: [monday], months: [march]}", "2026-04-06T12:00:00Z", false),
        ])
    func inside(_ yaml: String, _ moment: String, _ expected: Bool) throws {
        #expect(try interval(yaml).contains(try time(moment)) == expected)
    }

    /// Oslo goes from 02:00 to 03:00 on 29 March 2026 at 01:00 UTC, and from 03:00 to 02:00 on 25 October at 01:00 UTC.
    @Test(
        "times are those of the zone's clocks, over their changes too",
        arguments: [
            ("2026-03-28T07:59:59Z", false), ("2026-03-28T08:00:00Z", true), ("2026-03-29T06:59:59Z", false),
            ("2026-03-29T07:00:00Z", true), ("2026-10-24T15:00:00Z", false), ("2026-10-25T15:59:59Z", true),
            ("2026-10-25T16:00:00Z", false),
        ])
    func zoned(_ moment: String, _ expected: Bool) throws {
        let work = try interval("{location: Europe/Oslo, times: [{start_time: '09:00', end_time: '17:00'}]}")
        #expect(work.contains(try time(moment)) == expected)
    }

    @Test("an hour that comes twice is inside twice, one that does not come never")
    func edges() throws {
        let night = try interval("{location: Europe/Oslo, times: [{start_time: '02:00', end_time: '03:00'}]}")
        #expect(night.contains(try time("2026-10-25T00:30:00Z")))
        #expect(night.contains(try time("2026-10-25T01:30:00Z")))
        #expect(!night.contains(try time("2026-10-25T02:30:00Z")))
        var minutes = 0
        let start = try time("2026-03-28T23:00:00Z")
        for minute in 0..<1440 where night.contains(start + Int64(minute) * 60) { minutes += 1 }
        #expect(minutes == 0)
    }

    @Test(
        "what is wrong is told with its place",
        arguments: [
            ("times: [{start_time: '17:00', end_time: '09:00'}]", "expected start_time before end_time"),
            ("times: [{start_time: '9:00', end_time: '10:00'}]", "expected a time such as 08:30"),
            ("times: [{start_time: '09:00'}]", "end_time is missing"),
            ("weekdays: [mon]", "expected a weekday"), ("weekdays: ['saturday:sunday']", "weeks begin on sunday"),
            ("days_of_month: ['0']", "expected a day"), ("days_of_month: ['5:1']", "earlier day first"),
            ("months: ['13']", "expected a month"), ("location: Europe/Olso", "knows no time zone"),
            ("weekday: [monday]", "did you mean weekdays?"),
        ])
    func refused(_ yaml: String, _ message: String) {
        let error = #expect(throws: ConfigurationError.self) { try self.interval(yaml) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
        #expect(error?.description.hasPrefix("t.yaml:1:") == true)
    }
}
