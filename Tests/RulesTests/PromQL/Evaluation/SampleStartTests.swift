import Rules
import Testing

@Suite("Start timestamps of samples")
struct SampleStartTests {
    @Test("a new start is a reset even where the value rises, and a start inside the window counts from 0")
    func starts() throws {
        let script = """
            load 1m
              a_total@st -10s -1m10s -10s
              a_total 5 7 9
              b_total 5 7 9

            # The third sample began after the second.
            eval instant at 2m resets(a_total[5m])
              {} 1

            eval instant at 2m resets(b_total[5m])
              {} 0

            # 7 - 5 since the first start, and 9 since the second.
            eval instant at 2m irate(a_total[5m])
              {} 0.15

            eval instant at 2m start_timestamp(a_total)
              {} 110

            eval instant at 2m start_timestamp(b_total)
              {} 0

            # One sample, which began 10 s before.
            eval instant at 0m increase(a_total[5m])
              {} 5
            """
        let report = PromQLScriptRunner.run(script)
        for failure in report.failures { Issue.record("\(failure.line): \(failure.query): \(failure.reason)") }
        #expect(report.passed == 6)
    }
}
