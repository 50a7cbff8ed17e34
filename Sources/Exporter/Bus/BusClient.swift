import Bytes
import CBus
import Glibc
import Telemetry

/// Asks a peer on D-Bus, many questions at a time, and waits for no longer than it is told.
///
///     try client.begin(until: deadline)
///     try client.send(call, tag: 1)
///     while let answer = try client.receive(&reader, until: deadline) { use(answer.tag, BusValues(reader.text)) }
///     client.finish()
///
/// A connection to a bus is kept; one that breaks is made anew by the next `begin`. A peer that did not answer in time is
/// not asked again before it has: the next pages wait for it a tenth of a second, and however long it hangs, no second
/// question is in its queue. A direct connection lasts one page, as systemd sends every signal it has over it.
final class BusClient {
    struct Answer {
        /// As given to `send`.
        var tag: Int
        /// The name of the error where the peer refused.
        var error: String?
    }

    /// Questions that go out before the first answer is in: more would only lie in buffers.
    static let window = 64
    /// Seconds for a peer that owes an answer from an earlier page.
    private static let brief = 0.1
    /// Bytes of an answer; D-Bus itself allows 128 MiB.
    private static let mostRoom = 64 << 20

    private let routes: [BusRoute]
    private var route: BusRoute
    private var handle: OpaquePointer?
    /// Sent and not answered, in the order in which they were sent.
    private var pending: [(cookie: UInt64, tag: Int)] = []
    private var room = 4 << 10
    /// Whether the connection was made by the last `begin`. One that was kept may have been closed by its peer meanwhile.
    private(set) var isFresh = false

    /// - Parameter routes: at least one; the first that can be taken is.
    init(_ routes: [BusRoute]) {
        precondition(!routes.isEmpty, "a client without a route")
        self.routes = routes
        route = routes[0]
    }

    deinit { cbus_close(handle) }

    /// How many questions have no answer yet.
    var pendingCount: Int { pending.count }

    /// Connects unless connected. Throws where an answer to an earlier page's question is still owed.
    func begin(_ reader: inout HostReader, until deadline: Timestamp) throws(BusError) {
        isFresh = false
        if handle != nil, !pending.isEmpty {
            let brief = min(deadline, Timestamp.monotonic.adding(seconds: Self.brief))
            do throws(BusError) {
                while try receive(&reader, until: brief) != nil {}
            } catch .lost {}
        }
        if handle == nil { try open() }
    }

    private func open() throws(BusError) {
        var problem: BusError?
        for route in routes {
            let code = cbus_open(route.address, route.isBus ? 1 : 0, &handle)
            if code >= 0 {
                self.route = route
                isFresh = true
                return
            }
            handle = nil
            let isAbsent = code == -ENOENT || code == -ECONNREFUSED
            // What the first route has to say is told, unless it is not there and another is.
            if case .lost? = problem { continue }
            if !isAbsent {
                problem = .lost(address: route.address, code: -code)
            } else if problem == nil {
                problem = .absent("\(route.address): nobody is there")
            }
        }
        if let problem { throw problem }
    }

    func send(_ call: BusCall, tag: Int) throws(BusError) {
        var cookie: UInt64 = 0
        let code = cbus_call(
            handle, route.isBus ? call.destination : nil, call.path, call.interface, call.member, call.first,
            call.second,
            &cookie)
        guard code == 0 else { throw lose(code) }
        pending.append((cookie, tag))
    }

    /// Makes the values of the next answer the reader's text; nil when all questions are answered.
    func receive(_ reader: inout HostReader, until deadline: Timestamp) throws(BusError) -> Answer? {
        while !pending.isEmpty {
            let left = max(0, deadline.seconds(since: .monotonic))
            var answer: OpaquePointer?
            let code = cbus_next(handle, UInt64(left * 1e6), &answer)
            guard code >= 0 else { throw lose(code) }
            guard let answer else { throw .silent(address: route.address) }
            defer { cbus_answer_free(answer) }
            let cookie = cbus_answer_cookie(answer)
            // Peers answer in order, so it is mostly the first.
            guard let index = pending.firstIndex(where: { $0.cookie == cookie }) else { continue }
            let tag = pending.remove(at: index).tag
            if let error = cbus_answer_error(answer) { return Answer(tag: tag, error: String(cString: error)) }
            try load(answer, into: &reader)
            return Answer(tag: tag, error: nil)
        }
        return nil
    }

    private func load(_ answer: OpaquePointer, into reader: inout HostReader) throws(BusError) {
        while true {
            do throws(HostFileError) {
                try reader.load(route.address, room: room) {
                    Int(cbus_answer_values(answer, $0.baseAddress, $0.count))
                }
                return
            } catch {
                guard error.code == ENOBUFS, room < Self.mostRoom else { throw lose(-error.code) }
                room *= 2
            }
        }
    }

    /// Ends a page.
    func finish() {
        if pending.isEmpty, !route.isBus { close() }
    }

    private func lose(_ code: Int32) -> BusError {
        close()
        return .lost(address: route.address, code: -code)
    }

    private func close() {
        cbus_close(handle)
        handle = nil
        pending.removeAll(keepingCapacity: true)
    }
}
