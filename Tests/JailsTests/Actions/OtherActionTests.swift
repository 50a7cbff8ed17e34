import Bytes
import Configuration
import Glibc
import PushServer
import Synchronization
import Telemetry
import Testing

@testable import Jails

@Suite("Actions beside the firewall")
struct OtherActionTests {
    private func ban(_ target: String, jail: String = "sshd") -> Ban {
        var ban = ShellActionTests.ban(target, ["user": "ro\"ot"])
        ban.jail = jail
        return ban
    }

    private func read(_ yaml: String) throws -> (ActionConfiguration?, [String]) {
        let context = ReadingContext(file: "t.yaml", surroundings: .process)
        let root = try YAMLDocument(Array(yaml.utf8), file: "t.yaml").root
        let section: ActionConfiguration? = ValueReader(node: root, name: "actions", context: context).section()
        return (section, context.problems.map(\.description))
    }

    // MARK: Web hook

    private func webhook(_ server: PushServer, _ context: ActionContext, _ more: String = "") throws -> WebhookAction {
        let (section, problems) = try read("webhook: {url: '\(server.url)', batch_time: 0s\(more)}")
        #expect(problems == [])
        guard case .webhook(let settings)? = section?.kind else { throw BanActionError("no web hook") }
        return WebhookAction(settings, host: "h", userAgent: "test", context: context)
    }

    @Test("a web hook gets batches of bans and unbans, and none of a restored one")
    func webhookBatches() throws {
        let server = PushServer { _ in .status(200) }
        defer { server.stop() }
        let action = try webhook(server, ActionContext(name: "w"), ", batch_size: 2, matches: true")
        var old = ban("192.0.2.9")
        old.isRestored = true
        action.start(restoring: [old], now: 0)
        action.apply([.ban(old), .ban(ban("192.0.2.1")), .unban(ban("2001:db8::1")), .ban(ban("192.0.2.3"))], now: 0)
        var next = action.wake(now: 0)
        #expect(next == 0)
        next = action.wake(now: 0)
        #expect(next == nil)
        let bodies = server.requests.map { String(decoding: $0.body, as: UTF8.self) }
        try #require(bodies.count == 2)
        let first =
            #"{"change":"ban","jail":"sshd","target":"192.0.2.1","time":1700000000.0,"end":1700000600.0,"count":1,"failures":5,"#
            + #""origin":"failures","user":"ro\"ot","matches":["one","two"]}"#
        #expect(bodies[0].hasPrefix(#"{"version":1,"host":"h","changes":["# + first + #",{"change":"unban","#))
        #expect(bodies[1].contains(#""192.0.2.3""#) && !bodies.joined().contains("192.0.2.9"))
    }

    @Test("a web hook that fails is tried again so many times, later each time; one that refuses is not")
    func webhookFailures() throws {
        let statuses = Mutex([500, 503, 500, 400])
        let server = PushServer { _ in .status(statuses.withLock { $0.isEmpty ? 200 : $0.removeFirst() }) }
        defer { server.stop() }
        let context = ActionContext(name: "w")
        let action = try webhook(server, context, ", tries: 3")
        action.apply([.ban(ban("192.0.2.1"))], now: 0)
        let first = try #require(action.wake(now: 0))
        #expect(first >= 1 && first <= 2 && context.problem == "status 500")
        #expect(action.wake(now: 0.5) == first)
        let second = try #require(action.wake(now: first))
        #expect(second - first >= 2)
        #expect(action.wake(now: second) == nil)
        #expect(context.takeFailures() == [.ban: 1] && server.requests.count == 3)
        action.apply([.ban(ban("192.0.2.2"))], now: 100)
        #expect(action.wake(now: 100) == nil)
        #expect(context.takeFailures() == [.ban: 1] && server.requests.count == 4)
        action.apply([.ban(ban("192.0.2.3"))], now: 200)
        #expect(action.wake(now: 200) == nil && context.takeFailures().isEmpty && context.problem == nil)
    }

    // MARK: File

    @Test(
        "a file of what is banned",
        arguments: [
            ("plain", "192.0.2.1\n198.51.100.0/24\n2001:db8::1\n"),
            ("nginx-deny", "deny 192.0.2.1;\ndeny 198.51.100.0/24;\ndeny 2001:db8::1;\n"),
            ("nginx-map", "192.0.2.1 1;\n198.51.100.0/24 1;\n2001:db8::1 1;\n"),
        ])
    func file(_ format: String, _ expected: String) throws {
        let files = try ConfigurationFiles(["list": "old\n"])
        let recorder = ShellRecorder(files: files)
        let text =
            "name: edge\nfile: {path: '\(files.path)/list', format: \(format), mode: '0640', command: [/bin/sh, -c, 'echo run >>\(files.path)/log']}"
        let (section, problems) = try read(text)
        #expect(problems == [] && section?.name == "edge")
        guard case .file(let settings)? = section?.kind else { throw BanActionError("no file") }
        let action = FileAction(settings, context: ActionContext(name: "f"))
        action.start(restoring: [ban("2001:db8::1"), ban("192.0.2.1"), ban("192.0.2.1", jail: "other")], now: 0)
        #expect(action.wake(now: 0) == nil)
        // The user is in no list; the address stays as long as one jail bans it; changes within a second wait.
        action.apply(
            [.ban(ban("198.51.100.0/24")), .ban(ban("some user")), .unban(ban("192.0.2.1", jail: "other"))], now: 0.2)
        #expect(action.wake(now: 0.2) == 1)
        #expect(action.wake(now: 1) == nil)
        #expect(try recorder.text(of: "list") == expected)
        #expect(try recorder.text(of: "log") == "run\nrun\n")
        var status = stat()
        #expect(stat(files.path + "/list", &status) == 0 && status.st_mode & 0o777 == 0o640)
        // Nothing new: nothing is run.
        action.apply([.ban(ban("192.0.2.1", jail: "third"))], now: 5)
        #expect(action.wake(now: 5) == nil)
        action.stop(isRemoved: false)
        #expect(try recorder.text(of: "log") == "run\nrun\n")
        #expect(try recorder.text(of: "list") == expected)
        action.stop(isRemoved: true)
        #expect(try recorder.text(of: "list") == "" && access(files.path + "/list.new", F_OK) != 0)
    }

    @Test("a file that cannot be written is tried again, and said")
    func unwritable() throws {
        let files = try ConfigurationFiles([:])
        let context = ActionContext(name: "f")
        let action = FileAction(FileActionSettings(path: files.path + "/none/list"), context: context)
        action.start(restoring: [ban("192.0.2.1")], now: 0)
        #expect(action.wake(now: 0) == 10)
        #expect(context.problem?.contains("No such file or directory") == true)
        mkdir(files.path + "/none", 0o700)
        #expect(action.wake(now: 10) == nil && context.problem == nil)
    }

    // MARK: Lists of services

    private func list(_ server: PushServer, _ files: ConfigurationFiles, _ context: ActionContext) throws
        -> HTTPListAction
    {
        let base = "http://127.0.0.1:\(server.port)"
        let text = """
            http_list:
              add: {url: '\(base)/rules?jail={{ jail }}', body: '{"value": "{{ip}}", "kind": "{{kind}}", "user": "{{user}}"}'}
              remove: {url: '\(base)/rules/{{id}}'}
              id_path: result.0.id
              rate: 10
            """
        let (section, problems) = try read(text)
        #expect(problems == [])
        guard case .httpList(let settings)? = section?.kind else { throw BanActionError("no list") }
        return HTTPListAction(
            settings, path: files.path + "/ids", host: "h", userAgent: "test", context: context)
    }

    @Test(
        "a service's list gets what is banned, so many in a second, and loses it by the id that the service gave, restarts or not"
    )
    func serviceList() throws {
        let files = try ConfigurationFiles([:])
        let server = PushServer { request in
            let body = String(decoding: request.body, as: UTF8.self)
            return .status(200, body: #"{"result": [{"id": "id/\#(body.utf8.count)"}]}"#)
        }
        defer { server.stop() }
        let action = try list(server, files, ActionContext(name: "l"))
        try action.start(restoring: [ban("192.0.2.1", jail: "a b")], now: 0)
        action.apply([.ban(ban("2001:db8::1")), .ban(ban("192.0.2.7")), .unban(ban("192.0.2.7"))], now: 0)
        #expect(action.wake(now: 0) == 0.1)
        #expect(action.wake(now: 0.05) == 0.1)
        #expect(action.wake(now: 0.1) == nil)
        action.stop(isRemoved: false)
        let again = try list(server, files, ActionContext(name: "l"))
        try again.start(restoring: [ban("2001:db8::1"), ban("192.0.2.9")], now: 10)
        #expect(again.wake(now: 10) == 10.1)
        #expect(again.wake(now: 10.1) == nil)
        again.stop(isRemoved: true)
        let first = #"{"value": "192.0.2.1", "kind": "ip", "user": "ro\"ot"}"#
        let second = #"{"value": "2001:db8::1", "kind": "ip6", "user": "ro\"ot"}"#
        let third = #"{"value": "192.0.2.9", "kind": "ip", "user": "ro\"ot"}"#
        let found = server.requests.map { "\($0.line.dropLast(9)) \(String(decoding: $0.body, as: UTF8.self))" }
        let expected = [
            "POST /rules?jail=a%20b " + first, "POST /rules?jail=sshd " + second,
            "DELETE /rules/id%2F\(first.utf8.count) ", "POST /rules?jail=sshd " + third,
            "DELETE /rules/id%2F\(third.utf8.count) ", "DELETE /rules/id%2F\(second.utf8.count) ",
        ]
        #expect(found == expected)
    }

    @Test("a service that fails is waited for, and what it refuses is given up and counted")
    func serviceFailures() throws {
        let files = try ConfigurationFiles([:])
        let replies = Mutex<[PushServer.Reply]>([
            .status(429, headers: ["Retry-After: 30"]), .status(200, body: "{}"), .status(403, body: "no"),
        ])
        let server = PushServer { _ in replies.withLock { $0.removeFirst() } }
        defer { server.stop() }
        let context = ActionContext(name: "l")
        let action = try list(server, files, context)
        try action.start(restoring: [], now: 0)
        action.apply([.ban(ban("192.0.2.1")), .ban(ban("192.0.2.2"))], now: 0)
        #expect(action.wake(now: 0) == 30)
        // No id in the answer: it cannot be removed, so it does not count as done.
        _ = action.wake(now: 30)
        #expect(context.problem == "192.0.2.1: the answer has no result.0.id")
        _ = action.wake(now: 100)
        #expect(context.problem == "192.0.2.2: status 403: no")
        #expect(context.takeFailures() == [.ban: 2] && action.wake(now: 200) == nil)
    }

    @Test(
        "what is wrong with an action's settings is said with its place",
        arguments: [
            ("{}", "expected one of webhook, file, http_list, found none"),
            ("{webhook: {}}", "url is missing"), ("{webhook: {url: 'ftp://x'}}", "url: expected http"),
            ("{webhook: {url: 'http://x', bath_size: 3}}", "did you mean batch_size?"),
            ("{file: {}}", "path is missing"), ("{file: {path: /x, mode: '999'}}", "mode: expected permissions"),
            ("{file: {path: /x, command: [true]}}", "expected a program's whole path"),
            ("{file: {path: /x, format: csv}}", "csv"), ("{file: {path: /x, value: '1; }'}}", "value: expected a word"),
            ("{http_list: {add: {url: 'http://x/{{who}}'}, remove: {url: 'http://x'}}}", "found \"who\""),
            ("{http_list: {add: {url: 'http://x/'}, remove: {url: 'http://x/{{id}}'}}}", "expected id_path"),
            ("{http_list: {add: {url: 'http://x/{{ip'}, remove: {url: 'http://x/'}}}", "expected }} after {{"),
            ("{http_list: {add: {url: 'x'}, remove: {}}}", "begins with http://"),
        ])
    func wrong(_ yaml: String, _ expected: String) throws {
        let (_, problems) = try read(yaml)
        #expect(problems.contains { $0.contains(expected) && $0.hasPrefix("t.yaml:1:") }, "\(problems)")
    }

    // MARK: What the firewall can do itself

    private func equivalent(_ action: String) throws -> NativeEquivalent? {
        var files: [String: String] = [:]
        for (name, command) in [
            ("iptables-multiport", "iptables -I"), ("iptables-allports", "<iptables> -I"),
            ("nftables", "nft add element"), ("iptables-multiport-log", "iptables -I"), ("mail", "mail"),
            ("iptables-ipset-proto6", "ipset add"), ("nftables-mine", "echo"),
        ] {
            files["action.d/\(name).conf"] =
                "[Definition]\nactionban = \(command) <ip>\n[Init]\nblocktype = REJECT --reject-with x\nport = ssh\n"
        }
        let made = try ShellActionTests.configuration(action, files)
        let definition = try #require(try JailsConfiguration(directory: made.path).jails.first?.actions.first)
        return NativeEquivalent(definition)
    }

    @Test("actions that close ports are recognised, with ports, protocol and how they refuse")
    func native() throws {
        let all = try equivalent("iptables-allports[iptables=iptables]")
        #expect(all?.ports == PortSelection(ranges: []) && all?.rejects == true)
        let some = try equivalent("iptables-multiport[port=\"ssh,80,1000:2000\", blocktype=DROP, protocol=\"tcp,udp\"]")
        #expect(some?.ports == PortSelection(ranges: [22...22, 80...80, 1000...2000], isTCP: true, isUDP: true))
        #expect(some?.rejects == false)
        #expect(try equivalent("nftables[type=allports]")?.ports?.ranges == [])
        #expect(try equivalent("nftables[type=multiport, port=\"443\"]")?.ports?.ranges == [443...443])
        #expect(try equivalent("iptables-ipset-proto6[protocol=all]") == NativeEquivalent(ports: nil, rejects: true))
        for other in [
            "mail", "iptables-multiport-log", "nftables-mine", "iptables-multiport[port=nowhere]",
            "iptables-multiport[protocol=sctp]", "iptables-multiport[blocktype=MARK]",
            "iptables-multiport[port=\"9:1\"]",
        ] { #expect(try equivalent(other) == nil, "\(other)") }
    }
}
