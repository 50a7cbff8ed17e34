import Bytes
import Configuration
import Glibc
import PushServer
import Synchronization
import Telemetry
import Testing
import Transport

@testable import Jails

@Suite("Block lists")
struct BlockListTests {
    private let files: ConfigurationFiles

    init() throws { files = try ConfigurationFiles([:]) }

    /// What a server says next.
    private final class Script: Sendable {
        private let reply = Mutex<PushServer.Reply>(.status(500))
        func set(_ reply: PushServer.Reply) { self.reply.withLock { $0 = reply } }
        var next: PushServer.Reply { reply.withLock { $0 } }
    }

    private func list(
        _ source: BlockListSettings.Source, own: [String] = [], kind: BlockListSettings.Kind = .block,
        changes: Counter = Counter()
    ) -> BlockList {
        var settings = BlockListSettings(name: "test", source: source)
        settings.kind = kind
        settings.maxSize = 4096
        settings.maxEntries = 50
        let own = own.compactMap { IPNetwork($0) }
        return BlockList(
            settings, directory: files.path + "/lists", userAgent: "tocsin", exempt: { own },
            onChange: { _ in changes.add() })
    }

    private final class Counter: Sendable {
        private let value = Mutex(0)
        func add() { value.withLock { $0 += 1 } }
        var count: Int { value.withLock { $0 } }
    }

    private static func texts(_ list: BlockList) -> [String] { list.networks.networks.map(\.description) }

    @Test("is fetched, kept over a restart and outages, and asked for again only when it has changed")
    func url() throws {
        let script = Script()
        let server = PushServer { request in
            request.headers["if-none-match"] == "\"v1\"" ? .status(304) : script.next
        }
        defer { server.stop() }
        let target = try HTTPTarget(parsing: "http://127.0.0.1:\(server.port)/list.txt")
        script.set(
            .status(
                200, headers: ["ETag: \"v1\"", "Last-Modified: Sat, 28 Nov 2026 12:00:00 GMT"],
                body: "192.0.2.0/30\n192.0.2.1\n127.0.0.1\n0.0.0.0\n::1\n198.51.100.7\n"))
        let changes = Counter()
        let list = list(.url(target), own: ["192.0.2.2"], changes: changes)
        #expect(list.networks.isEmpty)
        #expect(list.refresh(now: 1000, stop: nil))
        #expect(Self.texts(list) == ["192.0.2.0/31", "192.0.2.3", "198.51.100.7"])
        #expect(list.status.lastSuccess == 1000)
        #expect(list.refresh(now: 2000, stop: nil))
        #expect(server.requests.last?.headers["if-modified-since"] == "Sat, 28 Nov 2026 12:00:00 GMT")
        #expect(list.status.lastSuccess == 2000)
        #expect(list.status.entries == 3)
        #expect(changes.count == 1)

        // After a restart the copy is in force before anybody is asked.
        let again = self.list(.url(target))
        #expect(Self.texts(again) == ["192.0.2.0/30", "198.51.100.7"])
        #expect(again.refresh(now: 3000, stop: nil))
        #expect(server.requests.last?.headers["if-none-match"] == "\"v1\"")

        // Of another source it is none.
        let other = try HTTPTarget(parsing: "http://127.0.0.1:\(server.port)/other.txt")
        #expect(self.list(.url(other)).networks.isEmpty)
    }

    @Test(
        "what is no list leaves the last good one in force and is told",
        arguments: [
            (PushServer.Reply.status(503), "answered 503"), (.status(200, body: ""), "is empty"),
            (.status(200, body: "<html>\n"), "is no list of addresses"), (.reset, "127.0.0.1"),
            (.status(200, body: String(repeating: "192.0.2.1\n", count: 500)), "more than 4096 bytes"),
            (.status(200, body: (0..<60).map { "10.0.\($0 * 2).1\n" }.joined()), "more than 50 entries"),
        ])
    func failures(_ reply: PushServer.Reply, _ message: String) throws {
        let script = Script()
        let server = PushServer { _ in script.next }
        defer { server.stop() }
        let list = list(.url(try HTTPTarget(parsing: "http://127.0.0.1:\(server.port)/")))
        script.set(.status(200, body: "192.0.2.1\n"))
        #expect(list.refresh(now: 1, stop: nil))
        script.set(reply)
        #expect(!list.refresh(now: 2, stop: nil))
        #expect(Self.texts(list) == ["192.0.2.1"])
        #expect(list.status.failure?.contains(message) == true, "\(list.status.failure ?? "")")
        #expect(list.status.lastSuccess == 1)
        script.set(.status(200, body: "192.0.2.9\n"))
        #expect(list.refresh(now: 3, stop: nil))
        #expect(list.status.failure == nil)
        #expect(Self.texts(list) == ["192.0.2.9"])
    }

    @Test(
        "an allow list that has nobody or everybody leaves the last good one in force, over a restart too",
        arguments: [
            ("# nobody\n", "has nobody to allow"), ("", "is empty"),
            ("192.0.2.1\n0.0.0.0/0\n", "would allow 0.0.0.0/0"),
            ("::/0\n", "would allow ::/0"), ("12.0.0.0/8\n13.0.0.0/8\n", "would allow 12.0.0.0/7"),
        ])
    func allowing(_ text: String, _ message: String) throws {
        let path = files.path + "/list.txt"
        let list = list(.file(path), own: ["192.0.2.1"], kind: .allow)
        try files.write("list.txt", "192.0.2.0/31\n10.0.0.0/8\n")
        #expect(list.refresh(now: 1, stop: nil))
        // The host's own address is nothing to cut out here.
        #expect(Self.texts(list) == ["10.0.0.0/8", "192.0.2.0/31"])
        try files.write("list.txt", text)
        #expect(!list.refresh(now: 2, stop: nil))
        #expect(list.status.failure?.contains(message) == true, "\(list.status.failure ?? "")")
        #expect(Self.texts(list) == ["10.0.0.0/8", "192.0.2.0/31"])
        #expect(Self.texts(self.list(.file(path), kind: .allow)) == ["10.0.0.0/8", "192.0.2.0/31"])
        // What was good as one kind was not looked at as the other.
        #expect(self.list(.file(path)).networks.isEmpty)
    }

    @Test("a file is read when it has changed; a damaged copy is no copy")
    func file() throws {
        let path = files.path + "/list.txt"
        let list = list(.file(path))
        #expect(!list.refresh(now: 1, stop: nil))
        #expect(list.status.failure?.contains("No such file") == true)
        try files.write("list.txt", "192.0.2.1\n")
        #expect(list.refresh(now: 2, stop: nil))
        #expect(Self.texts(list) == ["192.0.2.1"])
        symlink(path, files.path + "/link")
        try files.write("list.txt", "192.0.2.1\n198.51.100.1\n")
        #expect(list.refresh(now: 3, stop: nil))
        #expect(Self.texts(list) == ["192.0.2.1", "198.51.100.1"])
        let linked = self.list(.file(files.path + "/link"))
        #expect(linked.refresh(now: 3, stop: nil))
        #expect(linked.networks.count == 2)
        for slot in 0...1 { try files.write("lists/test.\(slot)", "damaged") }
        let again = self.list(.file(path))
        #expect(again.networks.isEmpty)
        #expect(again.refresh(now: 4, stop: nil))
        #expect(again.networks.count == 2)
    }

    @Test("lists run until they are told to end")
    func running() throws {
        try files.write("list.txt", "192.0.2.0/24\n")
        let lists = BlockLists([list(.file(files.path + "/list.txt"))])
        lists.start()
        for _ in 0..<500 where lists.states[0].state == .starting { usleep(10_000) }
        #expect(lists.states[0].name == "bans/list/test")
        #expect(lists.states[0].state == .ok)
        #expect(lists.lists(with: IPNetwork(ipv4: 0xc000_0207)).count == 1)
        #expect(lists.lists(with: IPNetwork(ipv4: 1)).isEmpty)
        lists.stop()
    }

    @Test("settings are read, and what is wrong with them is told")
    func settings() throws {
        let settings = try ConfigurationFile<BlockListSettings>(
            Array(
                """
                name: spamhaus-drop
                url: https://www.spamhaus.org/drop/drop_v4.json
                refresh_interval: 12h
                max_entries: 5000
                bearer_token: x
                """.utf8), file: "t.yaml"
        ).contents
        #expect(settings.name == "spamhaus-drop")
        #expect(settings.source.description == "https://www.spamhaus.org/drop/drop_v4.json")
        #expect((settings.refreshInterval, settings.maxEntries) == (43_200, 5000))
        for (yaml, message) in [
            ("name: a", "expected url or file"), ("name: a\nurl: x\nfile: y", "found both"),
            ("name: a/b\nfile: y", "found \"a/b\""), ("file: y", "name is missing"),
            ("name: a\nurl: ftp://x/", "expected http://"),
            ("name: a\nfile: x\nmax_entrie: 5", "did you mean max_entries?"),
        ] {
            let error = #expect(throws: ConfigurationError.self) {
                _ = try ConfigurationFile<BlockListSettings>(Array(yaml.utf8), file: "t.yaml")
            }
            #expect(error.map { "\($0)".contains(message) } == true, "\(yaml): \(error.map { "\($0)" } ?? "")")
        }
    }

    @Test("bans are written as lists that others read")
    func export() throws {
        var bans = ["198.51.100.1", "192.0.2.0/24", "2001:db8::1", "alice", "198.51.100.1", "192.0.2.200"].map {
            Ban(jail: "sshd", target: BanTarget($0), time: 0, duration: 100)
        }
        bans[2].duration = -1
        bans[5].duration = 1
        let plain = String(decoding: BanListExport.plain.document(bans, now: 50), as: UTF8.self)
        #expect(plain == "192.0.2.0/24\n198.51.100.1\n2001:db8::1\n")
        let nginx = String(decoding: BanListExport.nginx.document(bans, now: 200), as: UTF8.self)
        #expect(nginx == "deny 2001:db8::1;\n")
        let document = BanListExport.json.document(bans, now: 50)
        let json = try JSONValue(parsing: document.span.bytes)
        #expect(json.elements.compactMap { $0["target"]?.string }.count == 5)
        #expect(json.elements[2]["expires_at"] == .null)
        #expect(json.elements[3]["target"]?.string == "alice")
    }
}
