import Glibc
import Telemetry
import Testing

/// What a command prints, and its exit code. Blocks: to be used inside `offThread`.
func shell(_ command: String) -> (code: Int32, output: String) {
    guard let pipe = popen("(\(command)) 2>&1 </dev/null", "r") else { return (-1, "") }
    var output: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = fread(&buffer, 1, buffer.count, pipe)
        if count == 0 { break }
        output += buffer[..<count]
    }
    return (pclose(pipe) >> 8, String(decoding: output, as: UTF8.self))
}

/// A directory with an authority, a server's certificate (`server`), a second one (`second`), clients' certificates
/// (`client`, with the names client.example and 10.1.2.3) and one of a stranger (`stranger`), made by openssl once.
enum Certificates {
    static let directory: String = {
        var template = Array("/tmp/tocsin-tls-XXXXXX\0".utf8).map { CChar(bitPattern: $0) }
        let path = mkdtemp(&template).map { String(cString: $0) } ?? "/tmp"
        func make(_ name: String, by authority: String?, _ names: String) -> String {
            let key = "openssl ecparam -name prime256v1 -genkey -noout -out \(name).key"
            guard let authority else {
                return key + "&& openssl req -new -x509 -key \(name).key -subj /CN=\(name) -days 2 -out \(name).pem"
            }
            return key
                + "&& openssl req -new -key \(name).key -subj /CN=\(name) -out \(name).csr"
                + "&& echo 'subjectAltName=\(names)' > \(name).ext"
                + "&& openssl x509 -req -in \(name).csr -CA \(authority).pem -CAkey \(authority).key -CAcreateserial"
                + " -days 2 -extfile \(name).ext -out \(name).pem"
        }
        let commands = [
            "cd \(path)", make("ca", by: nil, ""), make("otherca", by: nil, ""),
            make("server", by: "ca", "DNS:localhost,IP:127.0.0.1"),
            make("second", by: "ca", "DNS:localhost,IP:127.0.0.1"),
            make("client", by: "ca", "DNS:client.example,IP:10.1.2.3,URI:spiffe://a/b,email:a@b.example"),
            make("stranger", by: "otherca", "DNS:client.example"),
            "openssl ec -in server.key -aes128 -passout pass:x -out locked.key",
        ]
        let (code, output) = shell("bash -c \"\(commands.joined(separator: " && "))\"")
        if code != 0 { Issue.record("openssl made no certificates: \(output)") }
        atexit { _ = shell("rm -rf '\(Certificates.directory)'") }
        return path
    }()
}

/// A directory for one test, with `web.yml` in it.
struct WebFile {
    let directory: String
    var path: String { directory + "/web.yml" }

    init(_ contents: String = "") throws {
        var template = Array("/tmp/tocsin-web-XXXXXX\0".utf8).map { CChar(bitPattern: $0) }
        directory = mkdtemp(&template).map { String(cString: $0) } ?? "/tmp"
        try write(contents)
    }

    func write(_ contents: String, to name: String = "web.yml") throws {
        let file = try #require(fopen(directory + "/" + name, "w"))
        fputs(contents, file)
        fclose(file)
    }

    func remove() { _ = shell("rm -rf '\(directory)'") }

    /// The section with the server's certificate and these keys more.
    static func tls(_ more: String = "", certificate: String = "server") -> String {
        """
        tls_server_config:
          cert_file: \(Certificates.directory)/\(certificate).pem
          key_file: \(Certificates.directory)/\(certificate).key
        \(more.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))

        """
    }
}
