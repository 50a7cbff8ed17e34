import Bytes
import Rules
import Telemetry
import TestSupport
import Testing

@testable import Alerting

@Suite struct FallbackLedgerTests {
    private static let id = AlertID(of: ["alertname": "A"])
    private static let patience: Int64 = 300_000

    static func notice(
        _ name: String = "A", _ state: AlertNotice.State = .firing, labels: LabelSet = [:]
    ) -> AlertNotice {
        AlertNotice(
            labels: labels.overridden(by: ["alertname": name]), annotations: [:], state: state, startsAt: 1, endsAt: 2,
            generatorURL: "http://p/graph", value: 1)
    }

    private static func offer(
        _ ledger: inout FallbackLedger, _ state: AlertNotice.State = .firing, at seconds: Int64,
        patience: Int64? = patience
    ) -> Bool { ledger.offer(notice("A", state), id, patience: patience, at: seconds * 1000) }

    @Test("an alert that is always taken is never local, however often it is offered")
    func taken() {
        var ledger = FallbackLedger(at: 0)
        for seconds in stride(from: Int64(0), to: 3600, by: 60) {
            #expect(!Self.offer(&ledger, at: seconds))
            ledger.accept([Self.id])
            #expect(ledger.due(patience: Self.patience, at: seconds * 1000 + 59_000).isEmpty)
        }
        #expect(ledger.takeChanges() == [])
        #expect(!Self.offer(&ledger, .resolved, at: 3600))
    }

    @Test("one that nobody takes is local once its time is over, told once, and stays so until its end")
    func fallsBack() {
        var ledger = FallbackLedger(at: 0)
        #expect(!Self.offer(&ledger, at: 0))
        ledger.refuse([Self.id])
        #expect(!Self.offer(&ledger, at: 60))
        #expect(ledger.nextDue(patience: Self.patience) == 300_000)
        #expect(ledger.due(patience: Self.patience, at: 299_999).isEmpty)
        #expect(ledger.due(patience: Self.patience, at: 300_000).map(\.labels) == [["alertname": "A"]])
        #expect(ledger.due(patience: Self.patience, at: 400_000).isEmpty)
        #expect(ledger.nextDue(patience: Self.patience) == nil)
        // Whoever takes it now, its end is told here too.
        ledger.accept([Self.id])
        #expect(Self.offer(&ledger, at: 420))
        #expect(Self.offer(&ledger, .resolved, at: 480))
        #expect(Self.offer(&ledger, .resolved, at: 540))
        // A new trouble waits anew.
        #expect(!Self.offer(&ledger, at: 600))
        #expect(ledger.due(patience: Self.patience, at: 899_000).isEmpty)
        #expect(ledger.due(patience: Self.patience, at: 900_000).count == 1)
    }

    @Test("the wait begins with the first offer that nobody takes")
    func beginsAnew() {
        var ledger = FallbackLedger(at: 0)
        _ = Self.offer(&ledger, at: 0)
        ledger.accept([Self.id])
        _ = Self.offer(&ledger, at: 60)
        _ = Self.offer(&ledger, at: 120)
        #expect(ledger.due(patience: Self.patience, at: 359_999).isEmpty)
        #expect(Self.offer(&ledger, at: 360))
    }

    @Test("one that ends while it waits is nobody's; with `forward` none is ever local")
    func ends() {
        var ledger = FallbackLedger(at: 0)
        _ = Self.offer(&ledger, at: 0)
        #expect(!Self.offer(&ledger, .resolved, at: 60))
        #expect(ledger.counts == (0, 0))
        for seconds in stride(from: Int64(0), to: 7200, by: 60) {
            #expect(!Self.offer(&ledger, at: seconds, patience: nil))
        }
    }

    @Test("killed at any moment it goes on as if it had not been")
    func survives() throws {
        var random = SeededRandom(seed: SeededRandom.seed())
        for _ in 0..<200 {
            let directory = TestDirectory()
            var log = FallbackLog(directory: directory.path)
            var ledger = FallbackLedger(log.saved ?? [], at: 0)
            #expect(log.saved == nil)
            log.write([], all: { [] })
            var firstRefusal: Int64?
            var locals = 0
            for seconds in stride(from: Int64(0), through: 600, by: 60) {
                if Self.offer(&ledger, at: seconds) || !ledger.due(patience: Self.patience, at: seconds * 1000).isEmpty
                {
                    locals += 1
                }
                ledger.refuse([Self.id])
                firstRefusal = firstRefusal ?? seconds
                log.write(ledger.takeChanges(), all: { [ledger] in ledger.all })
                if Bool.random(using: &random) {
                    log = FallbackLog(directory: directory.path)
                    #expect(log.trouble == [] && log.saved != nil)
                    ledger = FallbackLedger(log.saved ?? [], at: seconds * 1000)
                }
                // From its time on it goes to the local dispatcher with every offer.
                #expect(locals == max(0, (seconds - 300) / 60 + 1), "\(seconds) s")
            }
        }
    }

    @Test("what is written reads back; anything else is refused")
    func format() throws {
        let changes: [FallbackLedger.Change] = [
            .init(id: Self.id, standing: .waiting(since: -5)), .init(id: Self.id, standing: .local(seen: 7)),
            .init(id: Self.id, standing: .ended(at: .max)), .init(id: Self.id, standing: nil),
        ]
        #expect(FallbackLog.changes(FallbackLog.bytes(changes).bytes) == changes)
        #expect(FallbackLog.changes(FallbackLog.bytes([]).bytes) == [])
        var random = SeededRandom(seed: SeededRandom.seed())
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...6, using: &random)
            }
            let read = FallbackLog.changes(bytes.span.bytes)
            #expect(read == nil || bytes.count == 1 || read?.count == bytes.count / 17)
        }
    }

    @Test("what nobody speaks of any more is forgotten, and the end of one that is local not too early")
    func forgets() {
        var ledger = FallbackLedger([.init(id: Self.id, standing: .local(seen: 0))], at: 10_000_000)
        let other = Self.notice("B")
        _ = ledger.offer(other, AlertID(of: other.labels), patience: nil, at: 10_000_000)
        ledger.accept([AlertID(of: other.labels)])
        #expect(ledger.counts.local == 1)
        _ = ledger.offer(other, AlertID(of: other.labels), patience: nil, at: 30_000_000)
        #expect(ledger.counts.local == 0)
    }
}
