import Bytes
import Exporter
import Telemetry
import Testing
import Web

private func answer(_ router: Router, _ method: Web.Method, _ path: String, _ query: String = "") async throws -> (
    Int, String
) {
    guard let query = Query(query) else { return (0, "") }
    let response = try await router.respond(to: Request(method: method, path: path, query: query))
    guard case .bytes(let body) = response.body else { return (response.status, "stream") }
    return (response.status, String(decoding: body, as: UTF8.self))
}

@Suite("Routes")
struct RoutesTests {
    @Test(
        "a path finds the handler that fits it best",
        arguments: [
            ("/a", "a"), ("/a/b", "literal"), ("/a/x", "one x"), ("/a/x/y", "two x y"), ("/files/", "rest "),
            ("/files/a/b%2Fc", "rest a/b/c"), ("/a/", nil), ("/", nil), ("/b", nil), ("/a/x/y/z", nil),
        ] as [(String, String?)])
    func matching(path: String, expected: String?) async throws {
        var router = Router()
        router.on(.get, "/a") { _ in .text("a") }
        router.on(.get, "/a/{x}") { .text("one " + ($0.parameters["x"] ?? "")) }
        router.on(.get, "/a/b") { _ in .text("literal") }
        router.on(.get, "/a/{x}/{y}") { .text("two \($0.parameters["x"] ?? "") \($0.parameters["y"] ?? "")") }
        router.on(.get, "/files/{path...}") { .text("rest " + ($0.parameters["path"] ?? "")) }
        let (status, body) = try await answer(router, .get, path)
        if let expected {
            #expect(status == 200 && body == expected)
        } else {
            #expect(status == 404)
        }
    }

    @Test("the first middleware sees the request first and the response last")
    func middleware() async throws {
        struct Marking: Middleware {
            var mark: String
            func respond(to request: Request, next: Handler) async throws -> Response {
                var request = request
                request.headers.add("Mark", mark)
                var response = try await next(request)
                response.headers.add("Mark", mark)
                return response
            }
        }
        var router = Router()
        router.add(Marking(mark: "1"))
        router.add(Marking(mark: "2"))
        router.on(.get, "/") { .text($0.headers.list("mark") ?? "") }
        let query = try #require(Query(""))
        let response = try await router.respond(to: Request(method: .get, path: "/", query: query))
        guard case .bytes(let body) = response.body else { return }
        #expect(String(decoding: body, as: UTF8.self) == "1, 2")
        #expect(response.headers.list("Mark") == "2, 1")
    }

    @Test("a query keeps the order and the repetition of its parameters")
    func query() throws {
        let query = try #require(Query("match[]=a%26b&match%5B%5D=c+d&x&follow=1&off=0&=e"))
        #expect(query.all("match[]") == ["a&b", "c d"])
        #expect(query["x"] == "" && query["none"] == nil && query.flag("x") && query.flag("follow"))
        #expect(!query.flag("off") && !query.flag("none"))
        #expect(Query("a=%f") == nil && Query("%C3=1") == nil)
    }

    @Test(
        "readiness is 503 while a part starts or has failed, and says which and why",
        arguments: [
            (.ok, 200, "{\"ready\":true,\"degraded\":false,", "\"state\":\"ok\",\"reason\":\"\""),
            (.starting, 503, "{\"ready\":false,\"degraded\":true,", "\"state\":\"starting\""),
            (.degraded("a \"b\"\n"), 200, "{\"ready\":true,\"degraded\":true,", "\"reason\":\"a \\\"b\\\"\\n\""),
            (.failed("no"), 503, "{\"ready\":false,\"degraded\":true,", "\"state\":\"failed\",\"reason\":\"no\""),
        ] as [(PartState, Int, String, String)])
    func ready(state: PartState, status: Int, start: String, part: String) async throws {
        let readiness = Readiness()
        readiness.set("source/journal", state)
        var router = Router()
        router.addMetrics(MetricsPage(MetricRegistry()))
        router.addAgentRoutes(readiness: readiness)
        for path in ["/-/ready", "/ready"] {
            let (given, body) = try await answer(router, .get, path)
            #expect(given == status && body.hasPrefix(start) && body.contains(part))
            #expect(body.contains("\"name\":\"source/journal\"") && body.contains("\"since\":\"20"))
        }
    }

    @Test("metrics, health and reload answer")
    func agent() async throws {
        let registry = MetricRegistry()
        registry.counter("tocsin_x_total", help: "X.").add(7)
        var router = Router()
        router.addMetrics(MetricsPage(registry))
        router.addAgentRoutes(readiness: Readiness())
        router.addReload { throw HTTPError(400, "tocsin.yaml:3:1: unknown key") }
        #expect(try await answer(router, .get, "/metrics").1.hasSuffix("tocsin_x_total 7\n"))
        #expect(try await answer(router, .get, "/health").0 == 200)
        #expect(try await answer(router, .post, "/-/reload") == (400, "{\"error\":\"tocsin.yaml:3:1: unknown key\"}\n"))
        #expect(try await answer(router, .get, "/-/reload").0 == 405)
    }

    @Test("a page is compressed for other hosts, and unknown collectors are refused")
    func page() async throws {
        var router = Router()
        let registry = MetricRegistry()
        registry.counter("lines_total", help: "Lines.").add(7)
        router.addMetrics(MetricsPage(registry))
        let query = try #require(Query(""))
        for (origin, coding) in [(Request.Origin.network, "gzip"), (.loopback, nil), (.unixSocket, nil)] {
            let request = Request(
                method: .get, path: "/metrics", query: query, headers: ["Accept-Encoding": "gzip"], origin: origin)
            let response = try await router.respond(to: request)
            #expect(response.headers["Content-Encoding"] == coding)
        }
        let (status, _) = try await answer(router, .get, "/metrics", "collect[]=nothing")
        #expect(status == 400)
    }

    @Test("JSON comes out with its commas and its escapes")
    func json() {
        var json = JSONWriter()
        json.beginObject()
        json.key("a")
        json.beginArray()
        for value in [1.5, .nan, 1e21] { json.number(value) }
        json.integer(-3)
        json.bool(true)
        json.null()
        json.beginObject()
        json.endObject()
        json.string("\u{1}\u{1f}\"\\/ü\u{1F514}\r\t")
        json.endArray()
        json.key("b")
        json.string("")
        json.endObject()
        json.endLine()
        json.integer(UInt64.max)
        #expect(
            String(decoding: json.written(), as: UTF8.self)
                == #"{"a":[1.5,null,1e+21,-3,true,null,{},"\u0001\u001f\"\\/ü🔔\r\t"],"b":""}"#
                + "\n18446744073709551615")
    }
}
