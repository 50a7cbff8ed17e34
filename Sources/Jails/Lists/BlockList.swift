import Bytes
import CLinux
import Glibc
import Synchronization
import Telemetry
import Transport

/// A list of networks by URL or file, looked at again and again. What was good last stays in force, over restarts too, while the
/// source is away or is something else than a list.
///
/// `run` belongs on a thread of its own; the rest is safe from any thread.
package final class BlockList: Sendable {
    package let settings: BlockListSettings
    private let userAgent: String
    private let exempt: @Sendable () -> [IPNetwork]
    private let onChange: @Sendable (BlockList) -> Void
    private let state: Mutex<State>

    private struct State {
        var file: GenerationFile?
        var copy: BlockListCopy?
        /// Of a block list, without what must not be blocked.
        var networks = NetworkList()
        var status = Status()
        var stamp: FileStamp?
    }

    private struct FileStamp: Equatable {
        var inode: UInt64
        var size: UInt64
        var modified: Int64
    }

    /// How it is doing: for metrics, readiness and `bans lists`.
    package struct Status: Sendable, Equatable {
        /// Networks in force.
        package var entries = 0
        /// Lines of the last document that have no network.
        package var strangeLines = 0
        /// The first of them, `line 7: "text"`; nil where there is none.
        package var firstStrange: String?
        /// Networks that were refused because they are wider than /8 or, of IPv6, /16.
        package var tooWide = 0
        /// When the source was last read or said that nothing has changed. Seconds since 1970; 0 for never.
        package var lastSuccess = 0.0
        package var attempts = 0
        package var failures = 0
        /// What the last attempt failed of; nil when it was good.
        package var failure: String?
        /// Why the last good copy is not on disk, where it is not.
        package var copyFailure: String?
    }

    /// What no list blocks, whatever it says: nobody, and this host to itself.
    static let neverBlocked: [IPNetwork] = [
        IPNetwork(ipv4: 0), IPNetwork(ipv4: 127 << 24, length: 8), IPNetwork(high: 0, low: 0),
        IPNetwork(high: 0, low: 1),
    ]

    /// - Parameters:
    ///   - directory: of the copies, `bans/lists` of the state directory; nil keeps none.
    ///   - exempt: what is not in `networks` though it is in the list: own addresses, `ignoreip`. Asked at every look at the source.
    ///   - onChange: called on the thread of `run` when `networks` has changed, and once for the copy.
    package init(
        _ settings: BlockListSettings, directory: String?, userAgent: String,
        exempt: @escaping @Sendable () -> [IPNetwork],
        onChange: @escaping @Sendable (BlockList) -> Void
    ) {
        self.settings = settings
        self.userAgent = userAgent
        self.exempt = exempt
        self.onChange = onChange
        var state = State()
        if let directory {
            var file = GenerationFile(directory: StoreDirectory(path: directory), name: settings.name, kind: .blockList)
            // A damaged copy is fetched again.
            let copies = file.load().bodies.compactMap { BlockListCopy($0.span.bytes) }
            let source = Self.origin(settings)
            state.copy = copies.first { $0.source == source }
            state.file = file
        }
        if let copy = state.copy {
            state.networks =
                settings.kind == .allow ? copy.networks : copy.networks.subtracting(Self.neverBlocked + exempt())
            state.status.entries = state.networks.count
            state.status.lastSuccess = copy.fetched
        }
        self.state = Mutex(state)
    }

    /// What its copy is of: one of a block list was not looked at as one of an allow list is.
    private static func origin(_ settings: BlockListSettings) -> String {
        (settings.kind == .allow ? "allow " : "") + settings.source.description
    }

    package var networks: NetworkList { state.withLock { $0.networks } }
    package var status: Status { state.withLock { $0.status } }

    /// Keeps it up to date until it is stopped.
    package func run(stop: StopToken) {
        if !networks.isEmpty { onChange(self) }
        var backoff = Backoff(minimum: min(15, settings.refreshInterval), maximum: max(15, settings.refreshInterval))
        while !stop.isStopped {
            let isGood = refresh(now: Timestamp.now.secondsSince1970, stop: stop)
            if isGood { backoff.reset() }
            // Hosts that started together do not ask together.
            stop.wait(seconds: isGood ? settings.refreshInterval * .random(in: 0.95...1.05) : backoff.next())
        }
    }

    /// Looks at the source once; whether it was good.
    @discardableResult
    package func refresh(now: Double, stop: StopToken?) -> Bool {
        let failure: String?
        do throws(NetworkListText.Failure) {
            switch settings.source {
            case .url(let target): try fetch(target, now: now, stop: stop)
            case .file(let path): try read(path, now: now)
            }
            failure = nil
        } catch {
            // The end of the agent is no failure.
            if stop?.isStopped == true { return false }
            failure = "the list \(settings.name) (\(settings.source.description)) \(error.description)"
        }
        if failure == nil { enforce() }
        state.withLock { state in
            state.status.attempts += 1
            state.status.failure = failure
            if failure == nil { state.status.lastSuccess = now } else { state.status.failures += 1 }
        }
        return failure == nil
    }

    private func fetch(_ target: HTTPTarget, now: Double, stop: StopToken?) throws(NetworkListText.Failure) {
        var headers = [HTTPHeader("Accept", "text/plain, application/json;q=0.9, */*;q=0.5")]
        let known = state.withLock { $0.copy }
        if let known, !known.entityTag.isEmpty { headers.append(HTTPHeader("If-None-Match", known.entityTag)) }
        if let known, !known.lastModified.isEmpty {
            headers.append(HTTPHeader("If-Modified-Since", known.lastModified))
        }
        var body = ByteBuffer()
        let copy: BlockListCopy
        do throws(HTTPFailure) {
            var client = try HTTPClient(target, configuration: settings.http, userAgent: userAgent)
            let document = try client.get(
                headers: headers, timeout: 120, bodyLimit: settings.maxSize, stop: stop, into: &body)
            if document.status == 304, known != nil { return }
            guard document.status == 200 else {
                throw .configuration("answered \(document.status) where 200 was expected")
            }
            if document.isTooLong {
                throw .configuration("has more than \(settings.maxSize) bytes, the limit (max_size)")
            }
            copy = BlockListCopy(
                source: Self.origin(settings),
                entityTag: Self.sendable(client.responseHeader("ETag")),
                lastModified: Self.sendable(client.responseHeader("Last-Modified")), fetched: now,
                networks: NetworkList())
        } catch {
            throw NetworkListText.Failure(description: error.description)
        }
        try take(body.bytes, copy)
    }

    /// What a server said and may be sent back to it.
    private static func sendable(_ header: String?) -> String {
        guard let header, header.utf8.count <= 256, header.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
            return ""
        }
        return header
    }

    private func read(_ path: String, now: Double) throws(NetworkListText.Failure) {
        var body = ByteBuffer()
        let stamp: FileStamp
        do throws(SystemError) {
            // An administrator's file may well be a link, which `StoreFile` does not open.
            let resolved = realpath(path, nil)
            defer { free(resolved) }
            guard let resolved else { throw SystemError(call: "open", path: path, code: errno) }
            let file = try StoreFile(path: String(cString: resolved), flags: O_RDONLY | O_NONBLOCK)
            var status = clinux_file_status()
            _ = clinux_status_of_descriptor(file.descriptor, &status)
            stamp = FileStamp(inode: status.inode, size: status.size, modified: status.modification_time)
            if state.withLock({ $0.stamp == stamp && $0.copy != nil }) { return }
            let size = try file.size()
            guard size <= UInt64(settings.maxSize) else {
                throw SystemError(call: "read", path: path, code: EFBIG)
            }
            try file.read(at: 0, length: Int(size), into: &body)
        } catch {
            throw NetworkListText.Failure(description: "cannot be read: \(error.description)")
        }
        try take(body.bytes, BlockListCopy(source: Self.origin(settings), fetched: now, networks: NetworkList()))
        state.withLock { $0.stamp = stamp }
    }

    private func take(_ text: RawSpan, _ empty: BlockListCopy) throws(NetworkListText.Failure) {
        let text = try NetworkListText(parsing: text, limit: settings.maxEntries)
        var copy = empty
        copy.networks = NetworkList(text.networks)
        if settings.kind == .allow { try Self.check(copy.networks, text) }
        state.withLock { state in
            state.status.strangeLines = text.strangeLines
            state.status.firstStrange = text.firstStrange.map { "line \($0.number): \"\($0.text)\"" }
            state.status.tooWide = text.tooWide
            let isNew =
                state.copy?.networks != copy.networks || state.copy?.entityTag != copy.entityTag
                || state.copy?.lastModified != copy.lastModified
            if isNew { save(copy, &state) }
            state.copy = copy
        }
    }

    /// Somebody who can write to an allow list could open the host to everybody, and an empty one lets nobody pass who did before.
    private static func check(_ networks: NetworkList, _ text: NetworkListText) throws(NetworkListText.Failure) {
        if let wide = text.firstTooWide ?? networks.networks.first(where: \.isTooWideForLists) {
            throw NetworkListText.Failure(
                description: "would allow \(wide): expected no network wider than /8, of IPv6 /16")
        }
        if networks.isEmpty {
            throw NetworkListText.Failure(description: "has nobody to allow: expected an address or a network")
        }
    }

    /// Puts the list in force, a block list without what is exempt now.
    private func enforce() {
        let excluded = settings.kind == .allow ? [] : Self.neverBlocked + exempt()
        let isChanged = state.withLock { state in
            let networks = state.copy?.networks.subtracting(excluded) ?? NetworkList()
            defer {
                state.networks = networks
                state.status.entries = networks.count
            }
            return state.networks != networks
        }
        if isChanged { onChange(self) }
    }

    private func save(_ copy: BlockListCopy, _ state: inout State) {
        guard state.file != nil else { return }
        var body = ByteBuffer(capacity: 64 + 8 * copy.networks.count)
        copy.write(into: &body)
        do throws(SystemError) {
            try state.file?.directory.create()
            try state.file?.save(body)
            state.status.copyFailure = nil
        } catch {
            state.status.copyFailure = error.description
        }
    }
}
