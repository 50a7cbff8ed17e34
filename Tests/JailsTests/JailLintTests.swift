import Testing

@testable import Jails

@Suite("Lint of patterns")
struct JailLintTests {
    @Test(
        "patterns that nobody can turn against others are passed",
        arguments: [
            #"^Failed \S+ for <user> from <ip> port \d+ ssh2$"#, #"^<ip> \S+ [^"]*"(?:[^"\\]|\\.)*" 401 "#,
            #"^login of "[^"]*" from <ip> failed.*"#, #"^(?i)denied \S+ <ip>: .*$"#, #"^a (?:\w+, )*<ip>$"#,
            #"(?:^x <HOST>)"#, #"^user <F-USER>\S+</F-USER> from <HOST>$"#, #"^<ip> .*$"#,
        ])
    func good(_ pattern: String) { #expect(JailLint.remarks(on: pattern) == []) }

    @Test(
        "what is found anywhere in a line is told",
        arguments: [#"from <ip>$"#, #"<ip> denied"#, #".*x <HOST>$"#])
    func unanchored(_ pattern: String) {
        #expect(JailLint.remarks(on: pattern).contains { $0.hasPrefix("begin it with ^") })
    }

    @Test(
        "an address behind free text, before a free end, can be another's",
        arguments: [
            #"^Failed for <user> from <ip>"#, #"^Failed for .* from <ip> port \d+.*$"#, #"^Failed for .*? from <HOST>"#,
            #"^user "[^,]*" from <ip>(?: .*)?$"#, #"^a (?:b|.*) <ip>"#,
        ])
    func injection(_ pattern: String) {
        #expect(JailLint.remarks(on: pattern).contains { $0.hasPrefix("who chooses the text") }, "\(pattern)")
    }

    @Test(
        "loops within loops are told",
        arguments: [#"^(?:a+)+ <ip>$"#, #"^(?:.*x?)* <ip>$"#, #"^(\w|\d)+ <ip>$"#, #"^((?:a*)b?)+ <ip>$"#])
    func loops(_ pattern: String) {
        #expect(JailLint.remarks(on: pattern).contains { $0.hasPrefix("a repeated group") })
    }

    @Test(
        "loops whose rounds are kept apart are passed",
        arguments: [#"^(?:[^,]+,)+ <ip>$"#, #"^(?:[^"\\]|\\.)* <ip>$"#, #"^(?:\d+\.)* <ip>$"#])
    func separated(_ pattern: String) { #expect(JailLint.loops(of: pattern) == []) }

    @Test("filters of fail2ban are looked through as well, their prefix taken for an anchor")
    func fail2ban() {
        var filter = FilterDefinition(
            name: "f", path: "f.conf", failurePatterns: ["^a <HOST>$", "b <HOST>$", "^.* from <HOST>"])
        #expect(
            JailLint.remarks(on: filter).map { $0.prefix(21) } == ["failregex \"b <HOST>$\"", "failregex \"^.* from <"])
        filter.prefixPattern = "^x <F-CONTENT>.*</F-CONTENT>$"
        #expect(JailLint.remarks(on: filter).count == 1)
    }

    @Test("nothing that is written as a pattern does harm to the lint")
    func fuzz() {
        var state: UInt64 = 7
        let pieces = [
            "(", ")", "[", "]", "^", "$", "|", "*", "+", "?", "{2,}", "\\", "<ip>", "<", ">", "a", "-", ".", "(?",
            "(?:", "(?<",
        ]
        for _ in 0..<2000 {
            var text = ""
            for _ in 0..<12 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text += pieces[Int(state >> 33) % pieces.count]
            }
            _ = JailLint.remarks(on: text)
        }
    }
}
