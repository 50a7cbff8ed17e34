import Glibc
import Logging
import Testing
import Web

private func router() -> Router {
    var router = Router()
    router.add(AddressPolicy())
    for path in ["/metrics", "/health", "/api/v1/logs"] { router.on(.get, path) { _ in .text("here") } }
    return router
}

private func temporaryDirectory() -> String {
    var template = Array("/tmp/tocsin-web-XXXXXX\0".utf8).map { CChar(bitPattern: $0) }
    return mkdtemp(&template).map { String(cString: $0) } ?? "/tmp"
}

private func status(_ address: ListenAddress, _ text: String) async -> Int? {
    await offThread {
        let client = RawClient(address)
        client?.send(text)
        return client?.reply()?.status
    }
}

@Suite("Where the server listens", .timeLimit(.minutes(1)))
struct ListenTests {
    @Test("a socket file is made with its mode, answers, and goes with the server")
    func unixSocket() async throws {
        let directory = temporaryDirectory()
        defer { system("rm -rf '\(directory)'") }
        let path = directory + "/x.sock"
        try await withServer(router(), configure: { $0.addresses = [try ListenAddress("unix:" + path)] }) { address in
            #expect(await status(address, request("GET /api/v1/logs")) == 200)
            var file = stat()
            #expect(lstat(path, &file) == 0 && file.st_mode & 0o777 == 0o660)
        }
        #expect(access(path, F_OK) != 0)
    }

    @Test("a socket file that nobody answers is replaced, one that is answered is not, other files never are")
    func staleSocket() async throws {
        let directory = temporaryDirectory()
        let path = directory + "/x.sock"
        defer {
            unlink(path)
            system("rm -rf '\(directory)'")
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        withUnsafePointer(to: &name) {
            _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        close(descriptor)
        #expect(access(path, F_OK) == 0)
        let listening = try ListenAddress("unix:" + path)
        try await withServer(router(), configure: { $0.addresses = [listening] }) { address in
            #expect(await status(address, request("GET /health")) == 200)
            await #expect(throws: WebServerError.self) {
                try await withServer(router(), configure: { $0.addresses = [listening] }) { _ in }
            }
            #expect(await status(address, request("GET /health")) == 200)
        }
        let file = creat(path, 0o600)
        close(file)
        await #expect(throws: WebServerError.self) {
            try await withServer(router(), configure: { $0.addresses = [listening] }) { _ in }
        }
        #expect(access(path, F_OK) == 0)
    }

    @Test("a socket file gets the mode and the group that the address names")
    func permissions() async throws {
        let directory = temporaryDirectory()
        defer { system("rm -rf '\(directory)'") }
        let path = directory + "/x.sock"
        let address = try ListenAddress("unix:\(path)?mode=0600&group=\(getgid())")
        try await withServer(router(), configure: { $0.addresses = [address] }) { address in
            #expect(await status(address, request("GET /health")) == 200)
            var file = stat()
            #expect(lstat(path, &file) == 0 && file.st_mode & 0o777 == 0o600 && file.st_gid == getgid())
        }
        let nobody = try ListenAddress("unix:\(path)?group=no-such-group")
        let error = await #expect(throws: WebServerError.self) {
            try await withServer(router(), configure: { $0.addresses = [nobody] }) { _ in }
        }
        #expect(error?.description.contains("no-such-group") == true && access(path, F_OK) != 0)
    }

    @Test("a port in use is named, with the remedy")
    func portInUse() async throws {
        try await withServer(router()) { address in
            let error = await #expect(throws: WebServerError.self) {
                try await withServer(router(), configure: { $0.addresses = [address] }) { _ in }
            }
            #expect(error?.description.contains("\(address)") == true)
            #expect(error?.description.contains("another process listens there") == true)
        }
    }

    @Test("one server listens on several addresses")
    func several() async throws {
        let directory = temporaryDirectory()
        defer { system("rm -rf '\(directory)'") }
        let socket = try ListenAddress("unix:" + directory + "/x.sock")
        try await withServer(
            router(), configure: { $0.addresses = [try ListenAddress(":0"), socket] }
        ) { address in
            #expect(await status(address, request("GET /health")) == 200)
            #expect(await status(socket, request("GET /health")) == 200)
        }
    }

    @Test(
        "an address is read as it is written",
        arguments: [
            ("127.0.0.1:9464", .tcp(host: "127.0.0.1", port: 9464)), ("[::1]:9464", .tcp(host: "::1", port: 9464)),
            (":9464", .tcp(host: nil, port: 9464)), ("localhost:0", .tcp(host: "localhost", port: 0)),
            ("unix:/run/tocsin.sock", .unix(path: "/run/tocsin.sock")),
            (
                "unix:/x?mode=0600&group=adm",
                .unix(path: "/x", permissions: SocketPermissions(mode: 0o600, group: "adm"))
            ),
        ] as [(String, ListenAddress)])
    func addresses(text: String, expected: ListenAddress) throws {
        #expect(try ListenAddress(text) == expected)
        #expect(expected.description == text)
    }

    @Test(
        "what is no address is refused",
        arguments: [
            "", "9464", "host", "host:", "host:99999", "host:-1", "::1:9464", "unix:", "unix:relative",
            "unix:/" + String(repeating: "x", count: 200), "unix:/x?mode=rw", "unix:/x?mode=1777", "unix:/x?owner=me",
            "unix:/x?mode", "unix:/x?mode=066x",
        ])
    func badAddresses(text: String) {
        #expect(throws: WebServerError.self) { try ListenAddress(text) }
    }
}

@Suite("Who may ask for what")
struct AddressPolicyTests {
    private func status(_ path: String, _ origin: Request.Origin, host: String?) async throws -> Int {
        guard let query = Query("") else { return 0 }
        var asked = Request(method: .get, path: path, query: query, origin: origin)
        asked.headers["Host"] = host
        return try await router().respond(to: asked).status
    }

    @Test(
        "on other addresses only the metrics and the health answer",
        arguments: [
            ("/metrics", .network, 200), ("/health", .network, 200), ("/api/v1/logs", .network, 403),
            ("/nowhere", .network, 403), ("/api/v1/logs", .loopback, 200), ("/api/v1/logs", .unixSocket, 200),
        ] as [(String, Request.Origin, Int)])
    func origins(path: String, origin: Request.Origin, expected: Int) async throws {
        #expect(try await status(path, origin, host: "localhost") == expected)
    }

    @Test(
        "on loopback a name that a web page could have chosen is refused",
        arguments: [
            (nil, 200), ("localhost", 200), ("localhost:9464", 200), ("127.0.0.1:9464", 200), ("[::1]:9464", 200),
            ("LOCALHOST", 200), ("evil.example", 403), ("evil.example:9464", 403), ("127.0.0.1.evil.example", 403),
            ("localhost.evil.example", 403),
        ] as [(String?, Int)])
    func rebinding(host: String?, expected: Int) async throws {
        #expect(try await status("/api/v1/logs", .loopback, host: host) == expected)
        #expect(try await status("/metrics", .loopback, host: host) == 200)
    }
}
