import Testing

@testable import Transport

@Suite("URLs of destinations")
struct HTTPTargetTests {
    @Test(
        "their parts are found",
        arguments: [
            ("http://loki:3100/loki/api/v1/push", "loki", 3100, "/loki/api/v1/push", "loki:3100"),
            ("https://Logs.example.org", "logs.example.org", 443, "/", "logs.example.org"),
            ("http://[::1]:3100/p?a=b", "[::1]", 3100, "/p?a=b", "[::1]:3100"),
            ("https://user:secret@logs.example.org/p", "logs.example.org", 443, "/p", "logs.example.org"),
            ("unix:/run/l.sock:/push", "localhost", 80, "/push", "/run/l.sock"),
            ("unix:/run/l.sock", "localhost", 80, "/", "/run/l.sock"),
        ])
    func parses(text: String, host: String, port: Int, path: String, authority: String) throws {
        let target = try HTTPTarget(parsing: text)
        #expect(target.host == host)
        #expect(target.port == port)
        #expect(target.path == path)
        #expect(target.authority == authority)
        #expect(!target.description.contains("secret"))
    }

    @Test(
        "what is none is refused",
        arguments: [
            "", "loki:3100", "ftp://x/", "http://", "http://:80/", "http://h:0/", "http://h:99999/", "http://[::1/",
            "unix:run/l.sock", "unix:/run/l.sock:push", "http://h/a b", "http://h/\r\nX: y",
        ])
    func refuses(text: String) {
        #expect(throws: HTTPTargetError.self) { try HTTPTarget(parsing: text) }
    }

    @Test("credentials may go to the same server and to its TLS side only")
    func credentials() throws {
        let target = try HTTPTarget(parsing: "http://a/x")
        #expect(target.sharesCredentials(with: try HTTPTarget(parsing: "http://A:80/y")))
        #expect(target.sharesCredentials(with: try HTTPTarget(parsing: "https://a/x")))
        #expect(!target.sharesCredentials(with: try HTTPTarget(parsing: "http://b/x")))
        #expect(!target.sharesCredentials(with: try HTTPTarget(parsing: "http://a:81/x")))
        #expect(!(try HTTPTarget(parsing: "https://a/")).sharesCredentials(with: target))
    }

    @Test("waits double from the minimum to the maximum, with jitter, until reset")
    func backoff() {
        var backoff = Backoff(minimum: 0.5, maximum: 5)
        #expect((0..<5).map { _ in backoff.next(jitter: 0) } == [0.5, 1, 2, 4, 5])
        #expect(backoff.attempts == 5)
        backoff.reset()
        #expect(backoff.next(jitter: 0.5) == 0.75)
        for _ in 0..<100 { #expect(backoff.next() <= 5) }
    }
}
