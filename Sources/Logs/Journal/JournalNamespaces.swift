import CLinux
import Glibc
import Logging
import Telemetry

/// `namespace: "*"`: a reader for the default journal and one for each namespace of it, with threads and positions of
/// their own.
///
/// One libsystemd handle for all of them would merge their entries by time and so pass over whatever a namespace
/// logged before an entry that was already read from another: all of a new namespace's first ones. A
/// namespace that is met for the first time after the source's first start is read from its beginning.
final class JournalNamespaces {
    private let name: String
    private let context: SourceContext
    private let root: String
    /// The source for one namespace (empty: the default one), by its name; with `isNew` it reads from the beginning.
    private let make: (_ name: String, _ namespace: String, _ isNew: Bool) -> any LogSource
    private var readers: [String: SourceSupervisor] = [:]
    /// Nothing was read by an earlier run: `max_age` holds for what is there.
    private var isFirstStart: Bool

    /// Behind the kernel's notices: seconds after which namespaces are looked for anyway.
    private static let sweepInterval = 30.0

    init(
        name: String, context: SourceContext, root: String = "",
        make: @escaping (_ name: String, _ namespace: String, _ isNew: Bool) -> any LogSource
    ) {
        self.name = name
        self.context = context
        self.root = root
        self.make = make
        isFirstStart = context.store.positions(prefix: JournalSource.positionKey(name)).isEmpty
    }

    /// Runs until the stop token.
    func run() {
        var watch = NamespaceWatch(root: root)
        while !context.stop.isStopped {
            // First the notices, then the look: what comes after the look gives a notice again.
            watch.renew()
            update()
            watch.wait(seconds: Self.sweepInterval, stop: context.stop)
        }
        for reader in readers.values { reader.requestStop() }
        for reader in readers.values { reader.stop() }
    }

    private func update() {
        let present = Set(JournalAccess.namespaces(root: root))
        for (namespace, reader) in readers where !present.contains(namespace) && !namespace.isEmpty {
            context.logger.info("journal namespace \(namespace) is gone", metadata: ["source": "\(name)"])
            reader.stop()
            readers[namespace] = nil
        }
        // Without any journal the default one's reader says so.
        for namespace in present.isEmpty ? [""] : present where readers[namespace] == nil {
            let child = namespace.isEmpty ? name : "\(name)@\(namespace)"
            let isNew = !isFirstStart && context.store.position(JournalSource.positionKey(child)) == nil
            var own = context
            own.stop = StopToken()
            readers[namespace] = SourceSupervisor(make(child, namespace, isNew), context: own)
        }
        isFirstStart = false
    }
}

/// Tells of directories that appear where journals are.
private struct NamespaceWatch: ~Copyable {
    private let descriptor = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
    private let root: String

    init(root: String) { self.root = root }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Watches what is there by now; until a directory of journals is there, the one in which it would appear.
    mutating func renew() {
        guard descriptor >= 0 else { return }
        let mask = UInt32(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_ONLYDIR)
        for base in JournalAccess.bases where inotify_add_watch(descriptor, root + base, mask) < 0 {
            let parent = String(base.prefix(upTo: base.lastIndex(of: "/") ?? base.startIndex))
            inotify_add_watch(descriptor, root + parent, UInt32(IN_CREATE | IN_MOVED_TO | IN_ONLYDIR))
        }
    }

    /// Waits for a notice, the stop or the time.
    mutating func wait(seconds: Double, stop: StopToken) {
        var polls = [pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0)]
        if descriptor >= 0 { polls.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)) }
        poll(&polls, UInt(polls.count), Int32(seconds * 1000))
        guard descriptor >= 0 else { return }
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
            while read(descriptor, buffer.baseAddress, buffer.count) > 0 {}
        }
    }
}
