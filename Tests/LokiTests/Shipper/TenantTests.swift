import Logs
import PushServer
import Synchronization
import Telemetry
import Testing

@testable import Loki

private let rateRefusal = PushServer.Reply.status(
    429, body: "ingestion rate limit exceeded for user t (limit: 4194304 bytes/sec) while attempting to ingest")

@Suite("Tenants of one destination", .serialized)
struct TenantTests {
    /// Records of one line, the tenants in turn.
    private func fill(_ rig: Rig, _ tenants: [String], _ range: Range<Int>) {
        for number in range {
            for tenant in tenants { rig.feed.append(lines(tenant, number..<(number + 1)), tenant: tenant) }
        }
    }

    private func taken(_ rig: Rig, _ stream: String) -> [String] {
        rig.taken.lines.filter { $0.contains("\"\(stream)\"") }
    }

    @Test(
        "a tenant that the server does not serve waits alone and loses nothing",
        arguments: [
            rateRefusal, .status(401, body: "no"), .status(403), .status(404), .status(260, body: "blocked"),
            .status(405), .status(422, body: "strange"),
        ])
    func waitsAlone(reply: PushServer.Reply) throws {
        let isOpen = Atomic<Bool>(false)
        let rig = try Rig { request, lines in
            request.headers["x-scope-orgid"] == "b" && !isOpen.load(ordering: .relaxed)
                ? (reply, []) : (.status(204), lines)
        }
        rig.feed.append([("b", lines("b", 0..<2)), ("a", lines("a", 0..<2))])
        fill(rig, ["b", "a", "c"], 2..<40)
        rig.shipper.start()
        #expect(rig.wait { taken(rig, "a") == sent("a", 0..<40) && taken(rig, "c") == sent("c", 2..<40) })
        #expect(rig.wait { rig.feed.state("test")?.waiting.map(\.tenant) == ["b"] })
        #expect(taken(rig, "b").isEmpty)
        let state = rig.feed.state("test")
        #expect(state?.waiting.first?.cursor.offset == 0)
        #expect(state?.oldest.offset == 0)
        fill(rig, ["b", "a"], 40..<50)
        #expect(rig.wait { taken(rig, "a") == sent("a", 0..<50) })
        isOpen.store(true, ordering: .relaxed)
        #expect(rig.wait { rig.isDrained })
        rig.end()
        #expect(taken(rig, "b") == sent("b", 0..<50))
        #expect(taken(rig, "a") == sent("a", 0..<50))
        #expect(rig.quarantined.isEmpty)
    }

    @Test("readiness names the tenant, and is well only when every tenant is served")
    func readiness() throws {
        let isOpen = Atomic<Bool>(false)
        let rig = try Rig { request, lines in
            request.headers["x-scope-orgid"] == "b" && !isOpen.load(ordering: .relaxed)
                ? (.status(403, body: "no"), []) : (.status(204), lines)
        }
        fill(rig, ["b", "a"], 0..<5)
        rig.shipper.start()
        func state() -> PartState? { rig.readiness.all.first { $0.name == "destination/test" }?.state }
        #expect(rig.wait { taken(rig, "a").count == 5 })
        guard case .failed(let reason)? = state() else {
            Issue.record("readiness is \(String(describing: state()))")
            return rig.end()
        }
        #expect(reason.hasPrefix("tenant b: the server forbids it (403)"))
        isOpen.store(true, ordering: .relaxed)
        #expect(rig.wait { rig.isDrained && state() == .ok })
        rig.end()
    }

    @Test("after a crash a waiting tenant goes on where it stood, the others where they were")
    func crash() throws {
        let rig = try Rig { request, lines in
            request.headers["x-scope-orgid"] == "b" ? (.status(403), []) : (.status(204), lines)
        }
        fill(rig, ["b", "a"], 0..<20)
        rig.run { $0.feed.state("test")?.cursor.offset == 40 }
        #expect(taken(rig, "a") == sent("a", 0..<20))
        fill(rig, ["b", "a"], 20..<25)
        let server = PushServer { _ in .status(204) }
        defer { server.stop() }
        let again = try rig.another(to: server)
        again.start()
        #expect(rig.wait { rig.isDrained })
        again.stop(deadline: 1)
        let received = server.requests.flatMap { decode($0.body) }
        #expect(received.filter { $0.contains("\"b\"") } == sent("b", 0..<25))
        #expect(received.filter { $0.contains("\"a\"") } == sent("a", 20..<25))
    }

    @Test("what retention has taken from a waiting tenant is passed over, nothing comes twice")
    func retention() throws {
        let isOpen = Atomic<Bool>(false)
        let rig = try Rig { request, lines in
            request.headers["x-scope-orgid"] == "b" && !isOpen.load(ordering: .relaxed)
                ? (.status(403), []) : (.status(204), lines)
        }
        fill(rig, ["b", "a"], 0..<20)
        rig.shipper.start()
        #expect(rig.wait { rig.feed.state("test")?.cursor.offset == 40 })
        rig.feed.drop(before: 45)
        fill(rig, ["b", "a"], 20..<25)
        #expect(rig.wait { rig.feed.state("test")?.cursor.offset == 50 })
        isOpen.store(true, ordering: .relaxed)
        #expect(rig.wait { rig.isDrained })
        rig.end()
        #expect(taken(rig, "b") == sent("b", 23..<25))
        #expect(taken(rig, "a") == sent("a", 0..<20) + sent("a", 22..<25))
    }

    @Test("the part of a block that was taken before the refusal is not sent again")
    func halfDone() throws {
        let refusals = Atomic<Int>(0)
        let rig = try Rig { request, lines in
            if lines.count > 4 { return (.status(413), []) }
            if lines.contains(where: { $0.hasSuffix("l9") }), refusals.add(1, ordering: .relaxed).newValue <= 3 {
                return (rateRefusal, [])
            }
            return (.status(204), lines)
        }
        rig.feed.append([("b", lines("b", 0..<16)), ("a", lines("a", 0..<2))])
        rig.run()
        #expect(taken(rig, "b") == sent("b", 0..<16))
        #expect(rig.count("tocsin_destination_acknowledged_entries_total") == 18)
    }

    @Test("a stream over its limit does not hold another tenant's stream of the same labels")
    func sameLabels() throws {
        let isOpen = Atomic<Bool>(false)
        let rig = try Rig { request, lines in
            let tenant = request.headers["x-scope-orgid"] ?? ""
            guard tenant == "b", !isOpen.load(ordering: .relaxed) else {
                return (.status(204), lines.map { tenant + $0 })
            }
            return (.status(429, body: "trying to create stream {app=\"x\"}, reduce"), [])
        }
        for number in 0..<5 {
            rig.feed.append(lines("x", number..<(number + 1)), tenant: "b")
            rig.feed.append(lines("x", number..<(number + 1)), tenant: "a")
        }
        rig.shipper.start()
        #expect(rig.wait { rig.taken.lines == sent("x", 0..<5).map { "a" + $0 } })
        isOpen.store(true, ordering: .relaxed)
        #expect(rig.wait { rig.isDrained })
        rig.end()
        #expect(rig.taken.lines.filter { $0.hasPrefix("b") } == sent("x", 0..<5).map { "b" + $0 })
    }

    @Test("a tenant with more held than may be remembered waits itself, not the others")
    func heldLimit() throws {
        let isOpen = Atomic<Bool>(false)
        let rig = try Rig { request, lines in
            guard request.headers["x-scope-orgid"] == "b", !isOpen.load(ordering: .relaxed) else {
                return (.status(204), lines)
            }
            return (.status(429, body: "trying to create stream {app=\"b\"}, reduce"), [])
        }
        fill(rig, ["b", "a"], 0..<1500)
        rig.shipper.start()
        #expect(rig.wait { taken(rig, "a").count == 1500 })
        #expect(rig.wait { rig.feed.state("test")?.cursor.offset == 3000 })
        #expect((rig.feed.state("test")?.held.count ?? 0) <= DeliveryLane.heldLimit + Batch.recordLimit)
        isOpen.store(true, ordering: .relaxed)
        #expect(rig.wait { rig.isDrained })
        rig.end()
        #expect(taken(rig, "b") == sent("b", 0..<1500))
    }

    @Test("with more waiting tenants than may be remembered nothing is lost and nothing overtakes")
    func manyTenants() throws {
        let count = DeliveryLane.waitingLimit + 40
        let isOpen = Atomic<Bool>(false)
        let rig = try Rig { request, lines in
            request.headers["x-scope-orgid"] != "t0" && !isOpen.load(ordering: .relaxed)
                ? (rateRefusal, []) : (.status(204), lines)
        }
        let tenants = (0..<count).map { "t\($0)" }
        fill(rig, tenants, 0..<3)
        rig.shipper.start()
        #expect(rig.wait { rig.feed.state("test")?.waiting.count == DeliveryLane.waitingLimit })
        isOpen.store(true, ordering: .relaxed)
        #expect(rig.wait { rig.isDrained })
        rig.end()
        for tenant in tenants { #expect(taken(rig, tenant) == sent(tenant, 0..<3)) }
    }
}
