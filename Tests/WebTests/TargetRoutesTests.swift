import Bytes
import Exporter
import Telemetry
import Testing

@testable import Web

@Suite("Routes of targets")
struct TargetRoutesTests {
    private static func report() -> TargetsReport {
        var up = TargetsReport.Active(
            discovered: ["__address__": "h:1"], labels: ["instance": "h:1", "job": "j"], pool: "j",
            url: "http://h:1/metrics", interval: 15, timeout: 10)
        up.health = .up
        up.lastScrape = Timestamp(nanoseconds: 1_700_000_000_000_000_000)
        up.lastDuration = 0.25
        up.metadata = [
            MetricMetadata(name: "a", type: .counter, help: "Of a.", unit: "seconds"), MetricMetadata(name: "b"),
        ]
        let new = TargetsReport.Active(
            discovered: [:], labels: ["instance": "h:2", "job": "k"], pool: "k", url: "http://h:2/metrics",
            interval: 1.5, timeout: 1)
        return TargetsReport(
            active: [up, new], dropped: [TargetsReport.Dropped(discovered: ["__address__": "d"], pool: "j")],
            droppedCounts: [("j", 1), ("k", 0)])
    }

    private func get(_ path: String, _ query: String = "") async throws -> (status: Int, body: String) {
        var router = Router()
        router.addTargets { Self.report() }
        let response = try await router.respond(
            to: Request(method: .get, path: path, query: try #require(Query(query))))
        guard case .bytes(let bytes) = response.body else { return (response.status, "") }
        return (response.status, String(decoding: bytes, as: UTF8.self))
    }

    @Test("the targets are told as Prometheus tells them")
    func targets() async throws {
        let (status, body) = try await get("/api/v1/targets")
        #expect(status == 200)
        let data = try JSONValue(parsing: Array(body.utf8).span.bytes)["data"]
        let up = try #require(data?["activeTargets"]?.elements.first)
        #expect(up["discoveredLabels"]?["__address__"]?.string == "h:1")
        #expect(up["labels"]?["job"]?.string == "j")
        #expect(up["scrapePool"]?.string == "j")
        #expect(up["scrapeUrl"]?.string == "http://h:1/metrics")
        #expect(up["globalUrl"]?.string == "http://h:1/metrics")
        #expect(up["lastError"]?.string == "")
        #expect(up["lastScrape"]?.string == "2023-11-14T22:13:20.000000000Z")
        #expect(up["lastScrapeDuration"]?.number == 0.25)
        #expect(up["health"]?.string == "up")
        #expect(up["scrapeInterval"]?.string == "15s")
        #expect(up["scrapeTimeout"]?.string == "10s")
        let new = try #require(data?["activeTargets"]?.elements.last)
        #expect(new["health"]?.string == "unknown")
        #expect(new["lastScrape"]?.string == "0001-01-01T00:00:00Z")
        #expect(new["scrapeInterval"]?.string == "1500ms")
        #expect(data?["droppedTargets"]?.elements.first?["discoveredLabels"]?["__address__"]?.string == "d")
        #expect(data?["droppedTargetCounts"]?["j"]?.number == 1)
    }

    @Test("state and scrapePool choose")
    func selection() async throws {
        #expect(try await get("/api/v1/targets", "state=active").body.contains("\"droppedTargets\":[]"))
        #expect(try await get("/api/v1/targets", "state=dropped").body.contains("\"activeTargets\":[]"))
        #expect(try await !get("/api/v1/targets", "scrapePool=k").body.contains("h:1"))
        #expect(try await get("/api/v1/targets", "state=all").status == 400)
    }

    @Test("jobs are listed, those without a target too")
    func pools() async throws {
        #expect(
            try await get("/api/v1/scrape_pools").body
                == #"{"status":"success","data":{"scrapePools":["j","k"]}}"# + "\n")
    }

    @Test("errors below /api/v1 have Prometheus's fields")
    func errors() async throws {
        let (status, body) = try await get("/api/v1/targets/metadata", "limit=x")
        #expect(status == 400)
        #expect(body == #"{"status":"error","errorType":"bad_data","error":"limit must be a number"}"# + "\n")
        #expect(
            try await get("/api/v1/nothing").body.hasPrefix(
                #"{"status":"error","errorType":"not_found","error":"There"#))
        #expect(try await get("/nothing").body.hasPrefix(#"{"error":"There"#))
    }

    @Test("a selector's text stands in quotes of any kind", arguments: ["'k'", "`k`", "%22k%22"])
    func quotes(text: String) async throws {
        let body = try await get("/api/v1/targets/metadata", "match_target=%7Bjob=\(text)%7D").body
        #expect(body.contains("\"data\":[]"), "\(body)")
    }

    @Test("metadata can be asked for by metric, target and number")
    func metadata() async throws {
        let all = try await get("/api/v1/targets/metadata").body
        #expect(
            all == #"{"status":"success","data":[{"target":{"instance":"h:1","job":"j"},"metric":"a","type":"counter","#
                + #""help":"Of a.","unit":"seconds"},{"target":{"instance":"h:1","job":"j"},"metric":"b","#
                + #""type":"unknown","help":"","unit":""}]}"# + "\n")
        #expect(try await !get("/api/v1/targets/metadata", "limit=1").body.contains("\"b\""))
        #expect(try await !get("/api/v1/targets/metadata", "metric=a").body.contains("\"metric\""))
        let path = "/api/v1/targets/metadata"
        #expect(try await get(path, "match_target=%7Bjob%3D%22k%22%7D").body.contains("\"data\":[]"))
        #expect(try await get(path, "match_target=%7Bjob%3D~%22j.*%22,x!%3D%22y%22%7D").body == all)
        #expect(try await get(path, "match_target=job").status == 400)
        #expect(try await get(path, "match_target=%7Bjob%3D~%22(%22%7D").status == 400)
        #expect(try await get(path, "limit=x").status == 400)
    }
}
