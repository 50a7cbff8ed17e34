import Configuration
import Testing

/// A section with a key of every type.
private struct Sample: ConfigurationSection, Equatable {
    var text = "default"
    var flag = false
    var count = 7
    var ratio = 0.5
    var time = 60.0
    var size = 1024
    var list: [String] = []
    var map: [String: String] = [:]
    var color = Color.red
    var inner: [Inner] = []
    var secret: SecretSource?

    enum Color: String, CaseIterable { case red, green }

    struct Inner: ConfigurationSection, Equatable {
        var name: String
        static let configurationKeys = [ConfigurationKey("name", "string", "Its name.")]
        init(_ reader: MappingReader) { name = reader.requiredString("name") }
    }

    static let configurationKeys = [
        ConfigurationKey("text", "string", ""), ConfigurationKey("flag", "bool", ""),
        ConfigurationKey("max_count", "integer", ""), ConfigurationKey("ratio", "number", ""),
        ConfigurationKey("max_age", "duration", ""), ConfigurationKey("size", "size", ""),
        ConfigurationKey("list", "list", ""), ConfigurationKey("map", "mapping", ""),
        ConfigurationKey("color", "color", ""), ConfigurationKey("inner", "list", ""),
        ConfigurationKey("password", "secret", ""), ConfigurationKey("password_file", "secret file", ""),
        .ignored("old", "it is always on"), .refused("oauth2", "use basic_auth"),
    ]

    init(_ reader: MappingReader) {
        text = reader.string("text") ?? text
        flag = reader.bool("flag") ?? flag
        count = reader.int("max_count", in: 1...100) ?? count
        ratio = reader.double("ratio", in: 0...1) ?? ratio
        time = reader.duration("max_age") ?? time
        size = reader.byteCount("size") ?? size
        list = reader.strings("list") ?? list
        map = reader.stringMap("map") ?? map
        color = reader.choice("color") ?? color
        inner = reader.sections("inner") ?? inner
        secret = reader.secret("password", orFile: "password_file")
    }
}

@Suite("Reading mappings")
struct MappingReaderTests {
    @Test("every type of value is read, and what is absent or null keeps its default")
    func values() throws {
        let file = try read(
            Sample.self,
            """
            text: 012
            flag: yes
            max_count: 12
            ratio:
            max_age: 1h30m
            size: 4KiB
            list: [a, 1, 'true']
            map: {a: b, c: }
            color: green
            inner: [{name: x}, {name: y}]
            old: whatever
            """)
        let sample = file.contents
        #expect(sample.text == "012" && sample.flag && sample.count == 12 && sample.ratio == 0.5)
        #expect(sample.time == 5400 && sample.size == 4096 && sample.list == ["a", "1", "true"])
        #expect(sample.map == ["a": "b", "c": ""] && sample.color == .green && sample.inner.map(\.name) == ["x", "y"])
        #expect(file.warnings.map(\.description) == ["/etc/t.yaml:11:1: old is ignored: it is always on"])
    }

    @Test(
        "each wrong value is reported with its place, what was expected and what was found",
        arguments: [
            ("max_cuont: 1", "1:1: unknown key \"max_cuont\"; did you mean max_count?"),
            ("a: 1\nmaxAge: 1h", "2:1: unknown key \"maxAge\"; did you mean max_age?"),
            ("zzzzzz: 1", "known here: text, flag"),
            ("flag: 'true'", "1:7: flag: expected true or false, found the text \"true\""),
            ("flag: maybe", "expected true or false, found \"maybe\""),
            ("max_count: 101", "1:12: max_count: expected a whole number from 1 to 100, found \"101\""),
            ("max_count: 1e1", "found \"1e1\""), ("max_count: '5'", "the text \"5\""),
            ("max_count: 99999999999999999999", "whole number"), ("ratio: nan", "a number from 0.0 to 1.0"),
            ("max_age: 5", "max_age: expected a duration with its unit, such as 5s, found \"5\""),
            ("max_age: soon", "expected a duration such as 1h30m"), ("max_age: 200y", "from 0s to 36500d"),
            ("size: 5XB", "expected a size"), ("list: a", "list: expected a list, found \"a\""),
            ("list: [a, {b: c}]", "1:11: list[1]: expected text, found a mapping"), ("list: [~]", "found nothing"),
            ("map: [a]", "map: expected a mapping of names to values, found a list"),
            ("color: gren", "expected one of red, green, found \"gren\"; did you mean green?"),
            ("inner:\n  - nam: x", "2:5: name is missing: expected string"),
            ("inner: [{name: ''}]", "expected text, found none"),
            ("inner: [x]", "inner[0]: expected a mapping of name"), ("oauth2: {}", "1:1: oauth2: use basic_auth"),
            ("- a", "1:1: the file: expected a mapping of text, flag, max_count, ratio and so on, found a list"),
            ("text: ${NO}", "1:7: text: the environment variable NO is not set"),
        ])
    func wrong(yaml: String, message: String) {
        let found = problems(Sample.self, yaml)
        #expect(found.contains { $0.contains(message) }, "\(found)")
    }

    @Test("all problems of a file are reported, in its order")
    func all() {
        let found = problems(Sample.self, "max_count: x\nflag: x\nbad: 1\nlist: [{}, {}]\n")
        #expect(found.map { $0.prefix(3) } == ["1:1", "2:7", "3:1", "4:8", "4:1"])
    }

    @Test(
        "variables are filled in, and dollars that are none stay",
        arguments: [
            ("${A}", "1"), ("x${A}y${B:-z}", "x1yz"), ("${EMPTY:-z}", "z"), ("${EMPTY}", ""), ("$$A", "$A"),
            ("$1 ${1} $A $", "$1 ${1} $A $"), ("$${A}", "${A}"), ("${B:-}", ""), ("${A", "${A"), ("${A-b}", "${A-b}"),
            ("${B:-a:-b}", "a:-b"),
        ])
    func variables(text: String, expected: String) {
        let variables = ["A": "1", "EMPTY": ""]
        #expect(VariableExpansion.plain.expand(text) { variables[$0] } == .success(expected))
    }

    @Test("in a template groups and doubled dollars stay, and values are taken literally")
    func templates() {
        let template = VariableExpansion.template(keeping: ["group"])
        #expect(template.expand("$$ ${1} ${group} ${A}") { _ in "a$1" } == .success("$$ ${1} ${group} a$$1"))
        #expect(VariableExpansion.pattern.expand("^a$$|${A}$") { _ in "x" } == .success("^a$$|x$"))
    }

    @Test("a variable may stand for a number or a truth value, quoted or not")
    func typedVariables() throws {
        let sample = try read(
            Sample.self, "flag: '${F}'\nmax_count: \"${N}\"\nmax_age: ${N}s\nlist: ['${N}']",
            surroundings(["F": "true", "N": "9"])
        ).contents
        #expect(sample.flag && sample.count == 9 && sample.time == 9 && sample.list == ["9"])
    }

    @Test("secrets come from the file, a file beside it or systemd, and are never printed")
    func secrets() throws {
        let around = surroundings(
            ["P": "hunter2", "CREDENTIALS_DIRECTORY": "/run/credentials/t"],
            files: ["/etc/pass": "hunter2\r\n", "/run/credentials/t/loki": "hunter2", "/abs": "hunter2\n\n"])
        for yaml in [
            "password: hunter2", "password: ${P}", "password_file: pass", "password_file: credential:loki",
            "password_file: /abs",
        ] {
            let sample = try read(Sample.self, yaml, around).contents
            #expect(sample.secret?.secret.value == "hunter2")
            var dumped = "\(sample) \(String(reflecting: sample))"
            dump(sample, to: &dumped)
            #expect(!dumped.contains("hunter2"))
        }
    }

    @Test(
        "a secret that cannot be had is reported without showing any",
        arguments: [
            (
                "password: hunter2\npassword_file: x",
                "2:16: password_file: expected only one of password and password_file"
            ),
            ("password_file: x", "cannot read /etc/x: No such file"), ("password_file: empty", "found an empty file"),
            ("password_file: credential:a", "$CREDENTIALS_DIRECTORY is not set"), ("password: ''", "an empty text"),
            ("password_file: credential:../a", "expected credential:NAME"), ("password: [hunter2]", "expected text"),
        ])
    func noSecret(yaml: String, message: String) {
        let found = problems(Sample.self, yaml, surroundings(files: ["/etc/empty": "\n"]))
        #expect(found.count == 1 && found[0].contains(message) && !found[0].contains("hunter2"), "\(found)")
    }

    @Test("a file that cannot be read is one problem")
    func unreadable() {
        #expect {
            _ = try ConfigurationFile<Sample>(path: "/nowhere.yaml", surroundings: surroundings())
        } throws: { "\($0)" == "/nowhere.yaml:1:1: cannot be read: No such file or directory" }
    }
}

@Suite("Durations and sizes")
struct UnitTests {
    @Test(
        "durations are read as Prometheus and Go write them",
        arguments: [
            ("0", 0), ("1h30m", 5400), ("500ms", 0.5), ("7d", 604800), ("1.5s", 1.5), ("1w", 604800),
            ("1y", 31_536_000),
            ("100us", 1e-4), ("5", nil), ("", nil), ("s", nil), ("1h30", nil), ("-1s", nil), ("1 h", nil), ("1.s", nil),
            (".5s", nil), ("1e3s", nil), ("١s", nil),
        ] as [(String, Double?)])
    func durations(text: String, expected: Double?) {
        #expect(DurationText.seconds(text) == expected)
    }

    @Test(
        "sizes are read with and without unit",
        arguments: [
            ("1GiB", 1 << 30), ("256KB", 256 << 10), ("256kb", 256 << 10), ("1048576", 1 << 20), ("1.5MiB", 3 << 19),
            ("2 MB", 2 << 20), ("10B", 10), ("4k", 4096), ("0", 0), ("99999999999999PB", nil), ("", nil), ("iB", nil),
            ("5iB", nil), ("5X", nil), ("-1", nil), ("1e3", nil), ("9e99", nil), ("1..5M", nil),
        ] as [(String, Int?)])
    func sizes(text: String, expected: Int?) {
        #expect(ByteCountText.bytes(text) == expected)
    }

    @Test("durations and sizes are written as they are read")
    func texts() {
        #expect(DurationText.text(5400) == "1h30m" && DurationText.text(0.5) == "500ms" && DurationText.text(0) == "0s")
        #expect(ByteCountText.text(256 << 10) == "256KiB" && ByteCountText.text(1000) == "1000")
    }
}
