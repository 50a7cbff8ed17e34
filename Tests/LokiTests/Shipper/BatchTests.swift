import Logs
import PushServer
import Synchronization
import Telemetry
import Testing

@testable import Loki

@Suite("A backlog of small records", .serialized)
struct BatchTests {
    private func fill(_ rig: Rig, _ streams: [String], _ range: Range<Int>) {
        for number in range {
            for stream in streams { rig.feed.append(lines(stream, number..<(number + 1))) }
        }
    }

    private func taken(_ rig: Rig, _ stream: String) -> [String] {
        rig.taken.lines.filter { $0.contains("\"\(stream)\"") }
    }

    @Test("goes in few requests, in order, each stream once in a request")
    func joins() throws {
        let rig = try Rig { _, lines in (.status(204), lines) }
        fill(rig, ["a", "b"], 0..<1000)
        rig.run()
        #expect(taken(rig, "a") == sent("a", 0..<1000))
        #expect(taken(rig, "b") == sent("b", 0..<1000))
        // The first record after a start goes alone.
        #expect(rig.server.requests.count == 1 + (1999 + Batch.recordLimit - 1) / Batch.recordLimit)
        for request in rig.server.requests {
            var block = PushBlock()
            try block.load(request.body.span.bytes)
            #expect(block.streams.count <= 2)
        }
        #expect(rig.count("tocsin_destination_acknowledged_entries_total") == 2000)
    }

    @Test("is cut at a megabyte, and a record as large goes as it is stored")
    func limits() throws {
        let rig = try Rig { _, lines in (.status(204), lines) }
        let text = String(repeating: "x", count: 100_000)
        for number in 0..<40 {
            rig.feed.append([
                MemoryFeed.Line(labels: "{a=\"b\"}", time: 1_767_225_600_000_000_000 + Int64(number), text: text)
            ])
        }
        rig.run()
        #expect(rig.taken.lines.count == 40)
        #expect(rig.server.requests.count == 1 + 4)
    }

    @Test("a tenant has its own requests, external labels are added")
    func tenants() throws {
        let rig = try Rig({ $0.externalLabels = ["host": "h"] }) { _, lines in (.status(204), lines) }
        for number in 0..<30 { rig.feed.append(lines("x", number..<(number + 1)), tenant: "t\(number % 3)") }
        rig.run()
        #expect(rig.server.requests.count == 4)
        let expected = (0..<30).map { "{app=\"x\", host=\"h\"} l\($0)" }
        #expect(Set(rig.taken.lines) == Set(expected))
    }

    @Test("a refusal of some entries concerns only these")
    func partial() throws {
        let rig = try Rig { _, lines in refusingLongLines(lines) }
        fill(rig, ["a", "b"], 0..<20)
        var long = lines("a", 20..<21)
        long[0].text = "too-long-line"
        rig.feed.append(long)
        fill(rig, ["a", "b"], 21..<40)
        rig.run()
        #expect(taken(rig, "a") == sent("a", 0..<20) + sent("a", 21..<40))
        #expect(taken(rig, "b") == sent("b", 0..<20) + sent("b", 21..<40))
        #expect(rig.quarantined.count == 1)
        #expect(rig.server.requests.count == 2)
    }

    @Test("an entry the server cannot parse is found by halving")
    func bisects() throws {
        let rig = try Rig { _, lines in
            lines.contains { $0.hasSuffix("l13") }
                ? (.status(400, body: "proto: illegal tag"), []) : (.status(204), lines)
        }
        fill(rig, ["a"], 0..<50)
        rig.run()
        #expect(rig.taken.lines == sent("a", 0..<13) + sent("a", 14..<50))
        #expect(rig.quarantined.count == 1)
    }

    @Test("what the server finds too large is split, in order")
    func splits() throws {
        let rig = try Rig { _, lines in lines.count > 4 ? (.status(413), []) : (.status(204), lines) }
        fill(rig, ["a", "b"], 0..<30)
        rig.run()
        #expect(taken(rig, "a") == sent("a", 0..<30))
        #expect(taken(rig, "b") == sent("b", 0..<30))
    }

    @Test("a stream over its limit is held record by record and arrives in order")
    func holdsStreams() throws {
        let isOpen = Atomic<Bool>(false)
        let rig = try Rig { _, lines in
            let limited = lines.filter { $0.contains("\"b\"") }
            guard !limited.isEmpty, !isOpen.load(ordering: .relaxed) else { return (.status(204), lines) }
            return (
                .status(429, body: "trying to create stream {app=\"b\"}, reduce"),
                lines.filter { !$0.contains("\"b\"") }
            )
        }
        fill(rig, ["a", "b"], 0..<30)
        rig.shipper.start()
        #expect(rig.wait { taken(rig, "a") == sent("a", 0..<30) })
        #expect(rig.wait { rig.feed.state("test")?.held.count == 30 })
        isOpen.store(true, ordering: .relaxed)
        #expect(rig.wait { rig.isDrained })
        rig.end()
        #expect(taken(rig, "b") == sent("b", 0..<30))
    }

    @Test("a request under way when the process is killed is sent again byte for byte, whatever has been stored since")
    func replay() throws {
        let count = Atomic<Int>(0)
        let rig = try Rig { _, lines in
            count.add(1, ordering: .relaxed).newValue == 1 ? (.status(204), lines) : (.stall, lines)
        }
        fill(rig, ["a", "b"], 0..<20)
        rig.shipper.start()
        #expect(rig.wait { rig.server.requests.count == 2 })
        let state = try #require(rig.feed.state("test"))
        #expect(state.batchEnd?.offset == 40)
        rig.end()
        // As the killed process has left it.
        rig.feed.acknowledge(state, destination: "test")
        fill(rig, ["a"], 20..<30)
        let server = PushServer { _ in .status(204) }
        defer { server.stop() }
        let again = try rig.another(to: server)
        again.start()
        #expect(rig.wait { rig.isDrained })
        again.stop(deadline: 1)
        #expect(server.requests.first?.body == rig.server.requests[1].body)
        #expect(server.requests.dropFirst().flatMap { decode($0.body) } == sent("a", 20..<30))
    }
}
