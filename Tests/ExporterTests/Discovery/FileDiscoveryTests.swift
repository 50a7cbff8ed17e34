import Glibc
import Telemetry
import Testing

@testable import Exporter

private func groups(_ text: String, _ name: String) throws -> [TargetGroup] {
    try TargetFile.groups(Array(text.utf8), name)
}

@Suite("Targets in files")
struct FileDiscoveryTests {
    private static let expected = [
        TargetGroup(
            targets: [["__address__": "a:1"], ["__address__": "b:2"]],
            labels: ["env": "x", "__meta_filepath": "f.yml"]),
        TargetGroup(targets: [["__address__": "c:3"]], labels: ["__meta_filepath": "f.yml"]),
    ]

    @Test("YAML and JSON are read")
    func formats() throws {
        #expect(
            try groups("- targets: ['a:1', b:2]\n  labels: {env: x}\n- targets: [c:3]\n", "f.yml") == Self.expected)
        let json = try groups(
            "[\n\t{\"targets\": [\"a:1\", \"b:2\"], \"labels\": {\"env\": \"x\"}}, {\"targets\": [\"c:3\"]}]", "f.json")
        #expect(json.map(\.targets) == Self.expected.map(\.targets))
        #expect(json[0].labels == ["env": "x", "__meta_filepath": "f.json"])
        #expect(try groups("", "f.yml").isEmpty)
    }

    @Test(
        "what is no list of groups is refused",
        arguments: [
            ("{targets: [a]}", "f.yml"), ("- a", "f.yml"), ("- {target: [a]}", "f.yml"),
            ("- {targets: [[a]]}", "f.yml"), ("- {targets: [a], labels: {\"1x\": y}}", "f.yml"), ("{}", "f.json"),
            ("[{\"targets\": [1]}]", "f.json"), ("[{\"targets\"", "f.json"),
        ])
    func refused(_ text: String, _ name: String) {
        #expect(throws: DiscoveryError.self) { try groups(text, name) }
    }

    @Test("files are read when they come, change and go; one that is broken keeps its last targets")
    func changes() throws {
        let files = TemporaryFiles()
        let discovery = FileDiscovery(FileDiscoveryConfiguration(files: ["\(files.path)/*.yml"]))
        #expect(try discovery.look() == nil)
        files.write("a.yml", "- targets: [a:1]\n")
        #expect(try discovery.look()?.flatMap(\.targets) == [["__address__": "a:1"]])
        #expect(try discovery.look() == nil)
        files.write("b.yml", "- targets: [b:1]\n")
        #expect(try discovery.look()?.flatMap(\.targets) == [["__address__": "a:1"], ["__address__": "b:1"]])
        files.write("a.yml", "nonsense: [")
        #expect(throws: DiscoveryError.self) { try discovery.look() }
        files.write("b.yml", "- targets: [b:2222]\n")
        #expect(try discovery.look()?.flatMap(\.targets) == [["__address__": "a:1"], ["__address__": "b:2222"]])
        unlink("\(files.path)/b.yml")
        #expect(try discovery.look()?.flatMap(\.targets) == [["__address__": "a:1"]])
    }
}
