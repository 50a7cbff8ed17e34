import Glibc
import Logging
import Synchronization
import Telemetry
import Testing

@testable import Logs

@Suite("docker API source")
struct DockerAPISourceTests {
    private let tree = TemporaryTree()
    private let store = CommitRecorder()

    private var socket: String { "\(tree.path)/docker.sock" }

    /// Runs the source until `isDone` or ten seconds have passed; returns what it failed with.
    private func run(_ socket: String, until isDone: @escaping @Sendable () -> Bool) -> String? {
        var configuration = DockerConfiguration()
        configuration.host = "unix://\(socket)"
        configuration.dataRoot = tree.path
        let source = DockerAPISource(name: "docker-api", configuration: configuration) { labels in
            [
                "container": String((labels["__meta_docker_container_name"] ?? "").dropFirst()),
                "stream": labels["__meta_docker_container_log_stream"] ?? "",
            ]
        }
        let stop = StopToken()
        var context = SourceContext(
            store: store, metrics: MetricRegistry(), readiness: Readiness(), logger: Logger(label: "test"), stop: stop)
        context.commitInterval = 0.02
        let failure = Mutex<String?>(nil)
        let finished = StopToken()
        let shared = context
        let thread = WorkerThread(name: "source") { [shared] in
            do throws(SourceError) {
                try source.run(shared)
            } catch {
                failure.withLock { $0 = error.description }
            }
            finished.stop()
        }
        let limit = Timestamp.monotonic.nanoseconds + 10_000_000_000
        while !isDone(), !finished.wait(seconds: 0.01), Timestamp.monotonic.nanoseconds < limit {}
        stop.stop()
        thread.join()
        return failure.withLock { $0 }
    }

    private static func config(_ id: String, driver: String, running: Bool) -> FakeDocker.Answer {
        FakeDocker.json(
            """
            {"Id":"\(id)","Name":"/\(id)","State":{"Running":\(running),"StartedAt":"2026-11-21T00:00:00Z"},
            "Config":{"Tty":false,"Labels":{}},"HostConfig":{"LogConfig":{"Type":"\(driver)"},"NetworkMode":"none"}}
            """)
    }

    private static func log(_ frames: [UInt8], staysOpen: Bool) -> FakeDocker.Answer {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(String(frames.count, radix: 16))\r\n"
        let end = staysOpen ? "\r\n" : "\r\n0\r\n\r\n"
        return FakeDocker.Answer(bytes: Array(head.utf8) + frames + Array(end.utf8), staysOpen: staysOpen)
    }

    @Test("containers are read, live and ended ones, and a restart goes on where it was")
    func follows() {
        tree.directory("containers")
        // The description on disk is what says that the API is needed.
        tree.write("containers/live/config.v2.json", #"{"ID":"live","Name":"/live","State":{"Running":true}}"#)
        tree.write("containers/live/hostconfig.json", #"{"LogConfig":{"Type":"local"}}"#)
        let first =
            DockerAPIFormatTests.frame(1, "2026-11-21T00:00:01.5Z one\n")
            + DockerAPIFormatTests.frame(2, "2026-11-21T00:00:01.5Z two\n")
        let more = DockerAPIFormatTests.frame(1, "2026-11-21T00:00:02Z three\n")
        let isSecond = Mutex(false)
        let server = FakeDocker(path: socket) { target in
            switch target {
            case "/containers/json?all=1": return FakeDocker.json(#"[{"Id":"live"},{"Id":"ended"},{"Id":"file"}]"#)
            case "/containers/live/json": return Self.config("live", driver: "local", running: true)
            case "/containers/ended/json": return Self.config("ended", driver: "local", running: false)
            case "/containers/file/json": return Self.config("file", driver: "json-file", running: true)
            case _ where target.hasPrefix("/containers/live/logs"):
                return Self.log(isSecond.withLock { $0 } ? first + more : first, staysOpen: true)
            case _ where target.hasPrefix("/containers/ended/logs"):
                return Self.log(DockerAPIFormatTests.frame(1, "2026-11-21T00:00:01Z last words"), staysOpen: false)
            default: return FakeDocker.Answer(bytes: Array("HTTP/1.1 404 Not Found\r\n\r\n".utf8))
            }
        }
        defer { server.end() }
        let store = store
        #expect(run(socket) { store.lines.count >= 3 } == nil)
        #expect(
            store.lines.sorted {
                $0.nanoseconds == $1.nanoseconds ? $0.text < $1.text : $0.nanoseconds < $1.nanoseconds
            }
            .map { "\($0.labels) \($0.text)" } == [
                #"{container="ended", stream="stdout"} last words"#, #"{container="live", stream="stdout"} one"#,
                #"{container="live", stream="stderr"} two"#,
            ])
        #expect(!server.targets.contains { $0.hasPrefix("/containers/file/logs") })

        store.clear()
        isSecond.withLock { $0 = true }
        #expect(run(socket) { store.lines.count >= 1 } == nil)
        #expect(store.texts == ["three"])
        let since = server.targets.last { $0.hasPrefix("/containers/live/logs") }
        #expect(since?.hasSuffix("&since=1795219201.500000000") == true)
    }

    @Test("a log that ends while its container lives is read on after a pause")
    func reconnects() {
        let count = Mutex(0)
        let server = FakeDocker(path: socket) { target in
            switch target {
            case "/containers/json?all=1": return FakeDocker.json(#"[{"Id":"live"}]"#)
            case "/containers/live/json": return Self.config("live", driver: "local", running: true)
            default:
                let isFirst = count.withLock { count in
                    count += 1
                    return count == 1
                }
                let full = String(repeating: "x", count: 16384)
                let one = DockerAPIFormatTests.frame(1, "2026-11-21T00:00:01Z one\n")
                let cut = one + DockerAPIFormatTests.frame(1, "2026-11-21T00:00:02Z \(full)")
                return Self.log(
                    isFirst ? cut : cut + DockerAPIFormatTests.frame(1, "2026-11-21T00:00:02Z y\n"), staysOpen: !isFirst
                )
            }
        }
        defer { server.end() }
        let store = store
        #expect(run(socket) { store.lines.count >= 2 } == nil)
        #expect(store.texts == ["one", String(repeating: "x", count: 16384) + "y"])
    }

    @Test("a socket that is not docker's and one that is not there get one clear sentence")
    func strangers() {
        let server = FakeDocker(path: socket) { _ in FakeDocker.Answer(bytes: Array("220 mail ESMTP\r\n".utf8)) }
        let message = run(socket) { false }
        server.end()
        #expect(message?.contains("is not docker: expected an HTTP answer, found \"220 mail ESMTP..\"") == true)
        // Without docker's directory and socket there is nothing to ask for.
        let store = store
        #expect(run("\(tree.path)/absent.sock") { store.positions(prefix: "").isEmpty } == nil)
        tree.write("containers/a/config.v2.json", #"{"ID":"a","Name":"/a"}"#)
        tree.write("containers/a/hostconfig.json", #"{"LogConfig":{"Type":"local"}}"#)
        #expect(run("\(tree.path)/absent.sock") { false }?.contains("is docker running?") == true)
    }

    @Test(
        "a real dockerd's containers are read once, however often the agent starts",
        .enabled(
            if: getenv("TOCSIN_DOCKER_SOCKET") != nil, "TOCSIN_DOCKER_SOCKET names no dockerd with quiet containers"))
    func real() throws {
        let socket = String(cString: try #require(getenv("TOCSIN_DOCKER_SOCKET")))
        let store = store
        let begin = Timestamp.monotonic
        #expect(run(socket) { Timestamp.monotonic.seconds(since: begin) > 3 } == nil)
        #expect(!store.lines.isEmpty)
        for line in store.lines.prefix(20) { print(line.labels, line.nanoseconds, line.text.prefix(60)) }
        store.clear()
        let again = Timestamp.monotonic
        #expect(run(socket) { Timestamp.monotonic.seconds(since: again) > 2 } == nil)
        #expect(store.lines.isEmpty)
    }
}
