import TestSupport
import Testing

@testable import Jails

@Suite("Reading filters")
struct FilterDefinitionTests {
    private func failures(_ text: String, _ parameters: [(name: String, value: String)] = [], local: String? = nil)
        throws -> [String]
    {
        let files = try ConfigurationFiles(["filter.d/t.conf": text])
        if let local { try files.write("filter.d/t.local", local) }
        return try FilterDefinition(name: "t", parameters: parameters, directory: files.path).failurePatterns
    }

    // What fail2ban 1.0.2's own reader makes of the same files.
    @Test(
        "options are interpolated and tags replaced as fail2ban does",
        arguments: [
            ("[sec]\nb=S-%(a)s\na=sa\n[Definition]\nfailregex=x %(sec/b)s y <sec/b>\n", ["a=p"], "x S-p y S-sa"),
            ("[Definition]\nfailregex=x %(a)s <b>\nb=B%(a)s\na=d\n[Init]\na=i\n", [], "x d Bd"),
            ("[Definition]\nfailregex=x %(a)s\n[Init]\na=i\n", [], "x i"),
            ("[Definition]\nfailregex=x <b>\nb=B<a>\na=d\n[Init]\na=i\n", ["a=p<known/a>"], "x Bpi"),
            ("[Definition]\nfailregex=x <B>\nb=1\n", ["B=upper"], "x upper"),
            ("[Definition]\nfailregex=x %(B)s <b>\nb=1\n", ["B=upper"], "x upper upper"),
            ("[Definition]\nfailregex=x <HOST> <b>\nhost=H\nb=c\n", [], "x H c"),
            ("[Definition]\nfailregex=x <a>\n[Init]\na=1\n[Init?family=inet6]\na=6\n", [], "x 1"),
            ("[Definition]\nfailregex=x <b>\nb=y <sec/z>\n[sec]\nz=%(w)s\n[DEFAULT]\nw=d\n", ["w=p"], "x y d"),
            ("[Definition]\nfailregex=x <default/w> %(default/w)s <no/w>\n[DEFAULT]\nw=d\n", [], "x d d <no/w>"),
            ("[Definition]\nfailregex=x %(sec/w)s <sec/w>\n[sec]\nq=1\n[DEFAULT]\nw=d\n", [], "x d d"),
            ("[Definition]\nfailregex=<re-<mode>>\nre-a=A\nre-b=B\nmode=a\n", ["mode=b"], "B"),
            ("[Definition]\nfailregex=%(__name__)s 100%%\n", [], "Definition 100%"),
        ])
    func substitution(_ text: String, _ options: [String], _ expected: String) throws {
        let parameters = options.map { option in
            let parts = option.split(separator: "=", maxSplits: 1)
            return (name: String(parts[0]), value: String(parts[1]))
        }
        #expect(try failures(text, parameters) == [expected])
    }

    @Test("what was there before the last file is known to it")
    func known() throws {
        let text = "[Definition]\nfailregex=x <b> <known/b>\nb=1\n"
        #expect(try failures(text, local: "[Definition]\nb=2 %(known/b)s\n") == ["x 2 1 1"])
    }

    @Test("files lie over one another: conf, d, local, and what they include")
    func layers() throws {
        let files = try ConfigurationFiles([
            "filter.d/t.conf":
                "[INCLUDES]\nbefore = base.conf\nafter = last.conf\n missing.conf\n[Definition]\nfailregex = %(a)s%(b)s%(c)s%(d)s%(e)s\nb = 1\nc = 1\nd = 1\n",
            "filter.d/base.conf": "[Definition]\na = 0\nb = 0\n", "filter.d/base.local": "[Definition]\na = 9\n",
            "filter.d/last.conf": "[Definition]\ne = 5\nc = 5\n", "filter.d/t.d/10.conf": "[Definition]\nc = 2\n",
            "filter.d/t.d/20.local": "[Definition]\nd = 4\n", "filter.d/t.local": "[Definition]\nd = 3\n",
        ])
        #expect(try FilterDefinition(name: "t", directory: files.path).failurePatterns == ["91245"])
    }

    @Test(
        "errors name file and line",
        arguments: [
            ("[Definition]\nfailregex=1\nfailregex=2\n", 3, "twice"), ("[A]\nx=1\n[A]\n", 3, "twice"),
            ("x=1\n", 1, "section"),
            ("[Definition]\nfailregex=%(nope)s\n", 2, "defined nowhere"),
            ("[Definition]\nfailregex=50% x\n", 2, "expected %%"),
            ("[Definition]\nfailregex=%(a)s\na=%(failregex)s\n", 2, "more than 10 deep"),
            ("[Definition]\nfailregex\n", 2, "option = value"),
            ("[Definition]\nmaxlines=many\n", 2, "maxlines"), ("[Other]\nx=1\n", 0, "[Definition]"),
            ("[Definition]\nfailregex=<b>\nb=<c>\nc=<b>\n", 0, "contains itself"),
        ])
    func errors(_ text: String, _ line: Int, _ message: String) throws {
        do {
            _ = try failures(text)
            Issue.record("no error in \(text)")
        } catch let error as JailConfigurationError {
            #expect(line == 0 || error.line == line)
            #expect(error.description.contains("/filter.d/t.conf"))
            #expect(message.isEmpty || error.message.contains(message), "\(error)")
        }
    }

    @Test("comments, continued lines and blank lines are Python's")
    func values() throws {
        let document = try INIDocument(
            Array("[S]\na=%% a=b ; c\n   #x\n\n   ; y\n  z;k\nB :  q\n\n\n# end\nc=1 # data\n".utf8), file: "f")
        #expect(document.sections.first?.options.map(\.name) == ["a", "b", "c"])
        #expect(document.sections.first?.options.map(\.value) == ["%% a=b\n\nz;k", "q", "1 # data"])
    }

    @Test(
        "lists of parameters",
        arguments: [
            ("sshd", "sshd", []), (#"a[x=1, y="b, c]"]"#, "a", ["x=1", "y=b, c]"]),
            ("a[x=1][y='2']", "a", ["x=1", "y=2"]),
            ("a[]", "a", []), ("a[b?family=inet6=7]", "a", ["b?family=inet6=7"]), (" a[ x = 1 ] ", "a", ["x=1"]),
        ])
    func parameters(_ text: String, _ name: String, _ expected: [String]) throws {
        let list = try ParameterList(text)
        #expect(list.name == name)
        #expect(list.parameters.map { "\($0.name)=\($0.value)" } == expected)
    }

    @Test("broken lists of parameters are refused", arguments: ["", "[x=1]", "a[x=1", "a[x]", "a[x=\"1]", "a[x='1'y]"])
    func brokenParameters(_ text: String) { #expect(throws: ParameterError.self) { try ParameterList(text) } }

    @Test("no bytes bring the reader down")
    func fuzz() throws {
        let seed = SeededRandom.seed()
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        let pieces = [
            "[Definition]\n", "[INCLUDES]\n", "before = t.conf\n", "after=x.conf\n", "failregex = ", "%(failregex)s",
            "<failregex>", "<a", "%(", "%%",
            "\n ", "\n", "=", ";", "#", "[Init?family=inet6]\n", "a = <b>\n", "b = <a><a>\n", "%(known/a)s", "<HOST>",
            "(?P<x>", "[", "\\", "é", "datepattern=",
        ]
        let files = try ConfigurationFiles(["filter.d/x.conf": "[INCLUDES]\nafter = t.conf\n"])
        var read = 0
        for _ in 0..<400 {
            // Half of them begin well: of the others next to none is a filter.
            var bytes = Array((Bool.random(using: &random) ? "[Definition]\nfailregex = no <HOST>\n" : "").utf8)
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                bytes += Array((pieces.randomElement(using: &random) ?? "").utf8)
                if Int.random(in: 0..<12, using: &random) == 0 {
                    bytes.append(UInt8.random(in: 0...255, using: &random))
                }
            }
            try files.write("filter.d/t.conf", bytes: bytes)
            do {
                let definition = try FilterDefinition(name: "t", directory: files.path)
                read += 1
                let filter = try Filter(definition, now: 0)
                _ = filter.failures(in: bytes.span.bytes, now: 0)
            } catch {
                #expect(!"\(error)".isEmpty)
            }
        }
        #expect(read > 0)
        print("\(read) of 400 are filters")
    }
}
