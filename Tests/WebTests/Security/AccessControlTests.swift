import Logging
import Telemetry
import Testing

@testable import Web

@Suite("What the web configuration demands of a request", .timeLimit(.minutes(1)))
struct AccessControlTests {
    private let metrics = WebMetrics()

    private func router(_ yaml: String) throws -> (Router, WebFile) {
        let file = try WebFile(yaml)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let access = try WebAccess(
            path: file.path, metrics: MetricRegistry(), readiness: Readiness(), logger: logger,
            verifier: PasswordVerifier { _, password in password == Array("secret".utf8) })
        var router = Router()
        router.add(AccessControl(access, metrics: metrics))
        router.add(AddressPolicy())
        router.on(.get, "/metrics") { _ in .text("m") }
        router.on(.get, "/who") { .text("\(String(describing: $0.identity))") }
        return (router, file)
    }

    private func request(
        _ path: String, _ origin: Request.Origin, user: String? = nil, identity: Request.Identity? = nil
    ) throws -> Request {
        var request = Request(method: .get, path: path, query: try #require(Query("")), origin: origin)
        request.headers["Authorization"] = user.map { "Basic \($0)" }
        request.identity = identity
        return request
    }

    private static let users = "basic_auth_users: {a: \"$2b$04$\(String(repeating: "a", count: 53))\"}\n"
    /// a:secret, and a:wrong
    private static let right = "YTpzZWNyZXQ="
    private static let wrong = "YTp3cm9uZw=="

    @Test(
        "with users everything wants a password, on loopback too, but for the unix socket",
        arguments: [
            ("/metrics", .network, nil, 401), ("/metrics", .loopback, nil, 401), ("/metrics", .network, wrong, 401),
            ("/metrics", .network, right, 200), ("/who", .network, right, 200), ("/who", .loopback, right, 200),
            ("/who", .unixSocket, nil, 200), ("/nowhere", .network, nil, 401), ("/nowhere", .network, right, 404),
        ] as [(String, Request.Origin, String?, Int)])
    func users(path: String, origin: Request.Origin, user: String?, status: Int) async throws {
        let (router, file) = try router(Self.users)
        defer { file.remove() }
        let response = try await router.respond(to: request(path, origin, user: user))
        #expect(response.status == status)
        #expect((response.headers["WWW-Authenticate"] != nil) == (status == 401))
        #expect(metrics.count(.authentication) == (status == 401 ? 1 : 0))
    }

    @Test("without users, whoever has shown a certificate may ask for everything, others on the network may not")
    func certificates() async throws {
        let (router, file) = try router("")
        defer { file.remove() }
        let known = try request("/who", .network, identity: .certificate("/CN=x"))
        #expect(try await router.respond(to: known).status == 200)
        #expect(try await router.respond(to: request("/who", .network)).status == 403)
        #expect(try await router.respond(to: request("/metrics", .network)).status == 200)
    }

    @Test("over the rate limit is 429 with the time to wait, and the unix socket is not limited")
    func rate() async throws {
        let (router, file) = try router("rate_limit: {interval: 90s, burst: 2}")
        defer { file.remove() }
        for _ in 0..<2 { #expect(try await router.respond(to: request("/metrics", .network)).status == 200) }
        let refused = try await router.respond(to: request("/metrics", .network))
        #expect(refused.status == 429 && metrics.count(.rate) == 1)
        #expect(refused.headers["Retry-After"].flatMap { Int($0) }.map { (1...90).contains($0) } == true)
        #expect(try await router.respond(to: request("/metrics", .unixSocket)).status == 200)
    }

    @Test("every answer carries the headers, a refusal too")
    func headers() async throws {
        let (router, file) = try router(
            Self.users + "http_server_config: {headers: {X-Frame-Options: deny, X-XSS-Protection: '0'}}")
        defer { file.remove() }
        for user in [nil, Self.right] {
            let response = try await router.respond(to: request("/metrics", .network, user: user))
            #expect(response.headers["X-Frame-Options"] == "deny" && response.headers["X-XSS-Protection"] == "0")
        }
    }
}
