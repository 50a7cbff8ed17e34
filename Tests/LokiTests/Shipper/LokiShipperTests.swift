import Bytes
import Glibc
import Logging
import Logs
import PushServer
import Synchronization
import Telemetry
import Testing

@testable import Loki

@Suite("The shipper", .serialized)
struct LokiShipperTests {
    @Test("records arrive in order, as they are stored, with the tenant of their block")
    func delivers() throws {
        let rig = try Rig({ $0.tenantID = "default" }) { _, lines in (.status(204), lines) }
        rig.feed.append(lines("a", 0..<3))
        rig.feed.appendDamaged()
        rig.feed.append([("t1", lines("a", 3..<4)), ("t2", lines("a", 4..<5))])
        rig.run()
        #expect(rig.taken.lines == sent("a", 0..<5))
        let requests = rig.server.requests
        #expect(requests.map { $0.headers["x-scope-orgid"] } == ["default", "t1", "t2"])
        #expect(requests[0].headers["content-type"] == "application/x-protobuf")
        #expect(requests[0].headers["user-agent"] == "tocsin/test")
        #expect(rig.count("tocsin_destination_acknowledged_entries_total") == 5)
        #expect(rig.count("promtail_sent_entries_total", ["host": "127.0.0.1:\(rig.server.port)"]) == 5)
    }

    @Test(
        "what fails for now is sent again, byte for byte, until it is taken",
        arguments: [
            PushServer.Reply.status(500), .status(503), .status(499), .status(260, body: "blocked"), .status(201),
            .status(401), .status(403), .status(404), .status(405),
            .status(301, headers: ["Location: http://x.invalid/"]),
            .status(429, body: "ingestion rate limit exceeded for user fake (limit: 4194304 bytes/sec) while"),
            .status(400, body: "<html>400 Bad Request</html>"), .status(422, body: "strange"), .reset, .stall,
            .halfClose,
            .resetInBody,
        ])
    func retries(reply: PushServer.Reply) throws {
        let failures = Atomic<Int>(0)
        let rig = try Rig { _, lines in
            failures.wrappingAdd(1, ordering: .relaxed).newValue <= 2 ? (reply, []) : (.status(204), lines)
        }
        rig.feed.append(lines("a", 0..<3))
        rig.feed.append(lines("a", 3..<6))
        rig.run()
        #expect(rig.taken.lines.filter { !$0.isEmpty } == sent("a", 0..<6))
        #expect(rig.quarantined.isEmpty)
        #expect(rig.count("tocsin_destination_retries_total") >= 1)
        let full = rig.server.requests.filter { $0.body.count > 1 }
        #expect(full[0].body == full[1].body)
    }

    @Test("readiness names the trouble and its remedy, and forgets it when it is over")
    func readiness() throws {
        let isOpen = Atomic<Bool>(false)
        let rig = try Rig { _, lines in
            isOpen.load(ordering: .relaxed) ? (.status(204), lines) : (.status(401, body: "no org id"), [])
        }
        rig.feed.append(lines("a", 0..<1))
        rig.shipper.start()
        func state() -> PartState? { rig.readiness.all.first { $0.name == "destination/test" }?.state }
        #expect(
            rig.wait {
                if case .failed(let reason)? = state() { reason.contains("tenant_id") } else { false }
            })
        isOpen.store(true, ordering: .relaxed)
        #expect(rig.wait { rig.isDrained && state() == .ok })
        rig.end()
    }

    @Test("after a partial refusal the rest counts as delivered and the refused are kept with the reason")
    func partial() throws {
        let rig = try Rig { _, lines in refusingLongLines(lines) }
        var some = lines("a", 0..<3)
        some[1].text = "too-long-line"
        some[1].metadata = [("k", "v\"")]
        rig.feed.append(some + lines("b", 0..<1))
        rig.feed.append(lines("a", 5..<6))
        rig.run()
        #expect(rig.taken.lines == sent("a", 0..<1) + sent("a", 2..<3) + sent("b", 0..<1) + sent("a", 5..<6))
        #expect(rig.count("tocsin_destination_acknowledged_entries_total") == 4)
        #expect(
            rig.count(
                "tocsin_destination_quarantined_entries_total", ["destination": "test", "reason": "line_too_long"]) == 1
        )
        let kept = rig.quarantined
        #expect(kept.count == 1)
        #expect(kept[0].contains("\"line\":\"too-long-line\""))
        #expect(kept[0].contains("\"structured_metadata\":{\"k\":\"v\\\"\"}"))
    }

    @Test("an entry the server cannot parse is found by halving and kept aside")
    func bisects() throws {
        let rig = try Rig { _, lines in
            lines.contains { $0.hasSuffix("l13") }
                ? (.status(400, body: "proto: illegal tag"), []) : (.status(204), lines)
        }
        rig.feed.append(lines("a", 0..<20))
        rig.run()
        #expect(rig.taken.lines == sent("a", 0..<13) + sent("a", 14..<20))
        #expect(rig.quarantined.count == 1)
    }

    @Test("a request too large is split until it passes")
    func splits() throws {
        let rig = try Rig { request, lines in lines.count > 4 ? (.status(413), []) : (.status(204), lines) }
        rig.feed.append(lines("a", 0..<10) + lines("b", 0..<10))
        rig.feed.append(lines("a", 10..<20))
        rig.run()
        #expect(rig.taken.lines == sent("a", 0..<10) + sent("b", 0..<10) + sent("a", 10..<20))
    }

    @Test("one line too large alone goes shortened, the whole of it is kept aside")
    func shrinks() throws {
        let rig = try Rig { request, lines in request.body.count > 30_000 ? (.status(413), []) : (.status(204), lines) }
        var line = lines("a", 0..<1)[0]
        line.text = noise(100_000)
        rig.feed.append([line])
        rig.run()
        #expect(rig.taken.lines.count == 1)
        #expect(rig.taken.lines[0].utf8.count > 20_000)
        #expect(line.text.hasPrefix(rig.taken.lines[0].dropFirst("{app=\"a\"} ".count)))
        #expect(rig.quarantined.count == 1)
    }

    @Test("what is known to be too large is split before it is sent")
    func splitsAhead() throws {
        let rig = try Rig { request, lines in
            request.body.count > 20_000 ? (.status(413), []) : (.status(204), lines)
        }
        func noisy(_ range: Range<Int>) -> [MemoryFeed.Line] {
            lines("a", range).map { line in
                var line = line
                line.text += noise(1000)
                return line
            }
        }
        for start in stride(from: 0, to: 200, by: 40) { rig.feed.append(noisy(start..<(start + 40))) }
        rig.run()
        #expect(rig.taken.lines.count == 200)
        #expect(rig.server.requests.filter { $0.body.count > 20_000 }.count <= 2)
    }

    @Test("a server that cuts the connection at large requests gets smaller ones")
    func cutsOff() throws {
        let rig = try Rig { request, lines in request.body.count > 100_000 ? (.reset, []) : (.status(204), lines) }
        let all = lines("a", 0..<30).map { line in
            var line = line
            line.text += noise(10_000)
            return line
        }
        rig.feed.append(all)
        rig.run()
        #expect(rig.taken.lines == all.map { $0.labels + " " + $0.text })
        #expect(rig.quarantined.isEmpty)
    }

    @Test("a server that takes no request at all costs no line")
    func tooLargeWhateverIsSent() throws {
        let failures = Atomic<Int>(0)
        let rig = try Rig { _, lines in
            failures.wrappingAdd(1, ordering: .relaxed).newValue < 9 ? (.status(413), []) : (.status(204), lines)
        }
        rig.feed.append(lines("a", 0..<4))
        rig.run()
        #expect(rig.taken.lines == sent("a", 0..<4))
        #expect(rig.quarantined.isEmpty)
    }

    @Test("a stream over its limit waits, in order, while the others go on")
    func holdsStreams() throws {
        let isOpen = Atomic<Bool>(false)
        let rig = try Rig { _, lines in
            let limited = lines.filter { $0.contains("\"b\"") }
            guard !limited.isEmpty, !isOpen.load(ordering: .relaxed) else { return (.status(204), lines) }
            let body =
                #"maximum active stream limit exceeded when trying to create stream {app="b", service_name="b"}, reduce the number of active streams"#
            return (.status(429, body: body), lines.filter { !$0.contains("\"b\"") })
        }
        rig.feed.append(lines("a", 0..<2) + lines("b", 0..<2))
        rig.feed.append(lines("a", 2..<4) + lines("b", 2..<4))
        rig.feed.append(lines("b", 4..<6))
        rig.feed.append(lines("a", 4..<6))
        rig.shipper.start()
        #expect(rig.wait { rig.taken.lines.filter { $0.contains("\"a\"") } == sent("a", 0..<6) })
        #expect(rig.wait { rig.feed.state("test")?.held.count == 3 })
        #expect(rig.taken.lines.filter { $0.contains("\"b\"") }.isEmpty)
        isOpen.store(true, ordering: .relaxed)
        #expect(rig.wait { rig.isDrained })
        rig.end()
        #expect(rig.taken.lines.filter { $0.contains("\"b\"") } == sent("b", 0..<6))
        #expect(rig.taken.lines.filter { $0.contains("\"a\"") } == sent("a", 0..<6))
    }

    @Test("a restart goes on at the cursor, held streams included")
    func restarts() throws {
        let rig = try Rig { _, lines in
            lines.contains { $0.contains("\"b\"") }
                ? (
                    .status(429, body: "trying to create stream {app=\"b\"}, reduce"),
                    lines.filter { $0.contains("\"a\"") }
                )
                : (.status(204), lines)
        }
        rig.feed.append(lines("a", 0..<1) + lines("b", 0..<1))
        rig.run { $0.feed.state("test")?.cursor.offset == 1 }
        let server = PushServer { _ in .status(204) }
        defer { server.stop() }
        var configuration = ClientConfiguration(name: "test", url: server.url)
        configuration.backoff.minPeriod = 0.01
        rig.feed.append(lines("b", 1..<2))
        let again = try LokiShipper(
            configuration: configuration, feed: rig.feed, metrics: MetricRegistry(), readiness: Readiness(),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), quarantineDirectory: "/tmp/none")
        again.start()
        #expect(rig.wait { rig.isDrained })
        again.stop(deadline: 1)
        #expect(server.requests.flatMap { decode($0.body) } == sent("b", 0..<2))
    }

    @Test("external labels are added where a stream has none of that name")
    func externalLabels() throws {
        let rig = try Rig({ $0.externalLabels = ["app": "x", "host": "h"] }) { _, lines in (.status(204), lines) }
        rig.feed.append(lines("a", 0..<2))
        rig.run()
        #expect(rig.taken.lines == ["{app=\"a\", host=\"h\"} l0", "{app=\"a\", host=\"h\"} l1"])
    }

    @Test("configured limits are applied before sending")
    func limits() throws {
        let rig = try Rig({
            $0.limits.maxLineSize = 5
            $0.limits.maxLineSizeTruncate = true
            $0.limits.maxLabelValueLength = 3
        }) { _, lines in (.status(204), lines) }
        var long = lines("a", 0..<1)
        long[0].text = "1234é678"
        rig.feed.append(long + lines("abcd", 0..<1) + lines("b", 0..<1))
        rig.run()
        #expect(rig.taken.lines == ["{app=\"a\"} 1234", "{app=\"b\"} l0"])
        #expect(rig.quarantined.count == 2)
    }

    @Test("what may be dropped by configuration is dropped and counted")
    func drops() throws {
        let rig = try Rig({ $0.backoff.maxRetries = 2 }) { _, lines in
            lines.contains { $0.hasSuffix("l0") } ? (.status(500), []) : (.status(204), lines)
        }
        rig.feed.append(lines("a", 0..<1))
        rig.feed.append(lines("a", 1..<2))
        rig.run()
        #expect(rig.taken.lines == sent("a", 1..<2))
        #expect(
            rig.count("tocsin_destination_dropped_entries_total", ["destination": "test", "reason": "ingester_error"])
                == 1)
    }

    @Test("stopping does not wait for a destination in trouble, and what is not delivered stays")
    func stops() throws {
        let rig = try Rig({
            $0.backoff.minPeriod = 60
            $0.backoff.maxPeriod = 60
        }) { _, _ in (.status(500), []) }
        rig.feed.append(lines("a", 0..<1))
        rig.shipper.start()
        #expect(rig.wait { !rig.server.requests.isEmpty })
        let start = Timestamp.monotonic
        rig.end()
        #expect(Timestamp.monotonic.seconds(since: start) < 3)
        #expect(rig.feed.state("test")?.cursor.offset == 0)
    }
}
