import Bytes
import CNFTables
import Glibc
import Synchronization
import Telemetry

/// Listens to what others change in nf_tables and has the firewall restore its table: a thread of its own.
package final class FirewallMonitor: Sendable {
    private let firewall: Firewall
    private let stop: StopToken
    /// No change is missed from now on.
    let isListening = Atomic<Bool>(false)

    /// Milliseconds that a change is given to be complete: a reload deletes first and loads then.
    private static let patience: Int32 = 100
    /// So many restores within a minute, and the next ones wait: somebody restores as eagerly.
    private static let mostRestores = 10
    private static let rest = 10.0

    package init(_ firewall: Firewall, stop: StopToken) {
        self.firewall = firewall
        self.stop = stop
    }

    /// Returns when it is stopped. To be running before the first jail is started.
    package func run() {
        var failures = 0
        var author: String?
        while !stop.isStopped {
            if listen(author) { failures = 0 } else { failures = min(failures + 1, 6) }
            // What is changed until it listens again is not told.
            author = "another program"
            stop.wait(seconds: Double(1 << failures) / 2)
        }
    }

    /// Until it is stopped or the socket fails.
    private func listen(_ missed: String?) -> Bool {
        guard let port = try? firewall.port() else { return false }
        let descriptor = cnftables_monitor(port)
        guard descriptor >= 0 else { return false }
        isListening.store(true, ordering: .releasing)
        defer {
            isListening.store(false, ordering: .releasing)
            close(descriptor)
        }
        var restores: [Timestamp] = []
        var buffer = ByteBuffer()
        var author = missed
        var isWell = firewall.heal(nil)
        while !stop.isStopped {
            if author != nil || !isWell {
                isWell = firewall.heal(author)
                author = nil
                restores.append(.monotonic)
            }
            restores.removeAll { Timestamp.monotonic.seconds(since: $0) > 60 }
            if restores.count >= Self.mostRestores { stop.wait(seconds: Self.rest) }
            guard wait(descriptor, isWell ? -1 : 1000) else { continue }
            guard let change = read(descriptor, &buffer) else { return true }
            guard change.isOurs else { continue }
            poll(nil, 0, Self.patience)
            // What the reload did meanwhile is seen by the comparison.
            author = change.author ?? read(descriptor, &buffer)?.author ?? "another program"
        }
        return true
    }

    private func wait(_ descriptor: Int32, _ milliseconds: Int32) -> Bool {
        var waiting = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        return poll(&waiting, 2, milliseconds) > 0 && waiting[0].revents != 0
    }

    /// Reads all there is; nil where the socket is of no more use.
    private func read(_ descriptor: Int32, _ buffer: inout ByteBuffer) -> ForeignChange? {
        var change = ForeignChange()
        while true {
            buffer.removeAll()
            var code = 0
            _ = buffer.appendUninitialized(atLeast: 64 << 10) { room in
                code = cnftables_receive(descriptor, room.baseAddress, room.count, 0)
                return max(0, code)
            }
            switch Int32(-code) {
            case 0: return change
            // Something was lost: it may have been about us.
            case ENOBUFS, EMSGSIZE: change.isOurs = true
            case 1...: return nil
            default: change.add(buffer.bytes, table: firewall.settings.table)
            }
        }
    }
}

/// What notes of the kernel say about changes that others made.
struct ForeignChange: Sendable, Equatable {
    /// Our table, or something in it, is concerned.
    var isOurs = false
    /// The program that did it and its process.
    var author: String?

    mutating func add(_ notes: RawSpan, table: String) {
        var messages = NetlinkCursor(notes, sequence: nil)
        while messages.next() {
            guard messages.type >> 8 == UInt16(NFNL_SUBSYS_NFTABLES) else { continue }
            if messages.type & 0xff == UInt16(NFT_MSG_NEWGEN.rawValue) {
                // The end of a transaction.
                if isOurs, author == nil { author = Self.author(messages.payload) }
            } else if KernelTable.isAbout(table, messages.payload) {
                isOurs = true
            }
        }
    }

    private static func author(_ payload: RawSpan) -> String? {
        var (name, process): (String?, UInt32?)
        var attributes = NetlinkAttributes(payload, from: 4)
        while attributes.next() {
            switch UInt32(attributes.kind) {
            case NFTA_GEN_PROC_NAME.rawValue: name = attributes.value.name
            case NFTA_GEN_PROC_PID.rawValue: process = attributes.value.bigEndian()
            default: break
            }
        }
        return name.map { "\($0) (process \(process ?? 0))" }
    }
}
