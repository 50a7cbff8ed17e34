import Rules
import Testing

@Suite("Errors of queries")
struct QueryErrorTests {
    @Test("a limit says what was exceeded")
    func limits() {
        #expect("\(QueryError.timeout(limit: 2))".contains("timed out"))
        #expect("\(QueryError.tooManySamples(limit: 1))".contains("too many samples"))
    }
}
