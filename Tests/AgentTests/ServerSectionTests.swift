import Configuration
import Testing
import Web

@testable import Agent

@Suite("The section server")
struct ServerSectionTests {
    private func read(_ server: String) throws -> ServerSection {
        try ConfigurationFile<AgentConfiguration>(Array("server: \(server)\n".utf8), file: "/etc/tocsin/tocsin.yaml")
            .contents.server
    }

    @Test("the web configuration's path is seen from the file's directory")
    func path() throws {
        #expect(try read("{web_config: web.yml}").webConfig == "/etc/tocsin/web.yml")
        #expect(try read("{web_config: /etc/web.yml}").webConfig == "/etc/web.yml")
        #expect(try read("{listen: \":1\"}").webConfig == nil)
    }

    @Test("with a web configuration a command asks through unix sockets only")
    func plainAddresses() throws {
        let listen = "listen: [\"127.0.0.1:1\", \"unix:/run/x.sock?mode=0600\"]"
        let socket = try ListenAddress("unix:/run/x.sock?mode=0600")
        #expect(try read("{\(listen)}").plainAddresses == [.tcp(host: "127.0.0.1", port: 1), socket])
        #expect(try read("{\(listen), web_config: web.yml}").plainAddresses == [socket])
    }

    @Test("a socket's permissions that make no sense are told with their place")
    func permissions() {
        let error = #expect(throws: ConfigurationError.self) { try read("{listen: \"unix:/x?mode=9\"}") }
        #expect(error?.problems.first?.description.contains("tocsin.yaml:1:10: listen: ") == true)
        #expect(error?.problems.first?.message.contains("octal mode such as 0660") == true)
    }
}
