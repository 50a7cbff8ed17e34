import Bytes
import Exporter
import Glibc
import Telemetry
import Testing

/// What the collector makes of directories, without `node_textfile_mtime_seconds`, and how many oddities it told.
private func collect(
    _ directories: [String], maxAge: Double? = nil
) throws -> (lines: [String], files: [String], oddities: Int, first: String) {
    let description = try #require(Collectors.all.first { $0.name == "textfile" })
    let options = CollectorOptions(
        description.options, values: maxAge.map { ["max_age": "\($0)"] } ?? [:], lists: ["directory": directories])
    var collector = try description.make(CollectorContext(paths: HostPaths(), options: options))
    var batch = SampleBatch()
    var reader = HostReader()
    try collector.collect(into: &batch, reader: &reader)
    let lines = dump(batch).filter { !$0.contains("node_textfile_mtime_seconds") && !$0.hasPrefix("#") }
    let files = dump(batch).filter { $0.hasPrefix("node_textfile_mtime_seconds{") }
    return (lines, files, reader.oddities, reader.firstOddity)
}

@Suite("Text files")
struct TextfileCollectorTests {
    @Test("files of all directories are taken, other names are not")
    func files() throws {
        let files = TemporaryFiles()
        files.write("one/a.prom", "a{x=\"1\"} 1\n", age: 1000)
        files.write("two/b.prom", "b 2\n")
        files.write("two/c.txt", "c 3\n")
        let found = try collect(["\(files.path)/*/."])
        #expect(found.lines == [#"a{x="1"} 1.0"#, "b{} 2.0", "node_textfile_scrape_error{} 0.0"])
        #expect(found.files.count == 2)
        #expect(found.files[0].hasPrefix("node_textfile_mtime_seconds{file=\"\(files.path)/one/a.prom\"} "))
    }

    @Test("a sample that lacks a label of its family has it with an empty value, a summary its sum and count")
    func padding() throws {
        let files = TemporaryFiles()
        files.write(
            "a.prom",
            "a{y=\"1\"} 1\na{x=\"1\",\"z.z\"=\"2\"} 2\n# TYPE s summary\ns{quantile=\"0.5\",h=\"f\"} 1\ns{quantile=\"0.9\"} 2\ns_sum 3\n"
        )
        #expect(
            try collect([files.path]).lines == [
                #"a{x="",y="1","z.z"=""} 1.0"#, #"a{x="1",y="","z.z"="2"} 2.0"#,
                #"s{h="f",quantile="0.5"} 1.0"#, #"s{h="",quantile="0.9"} 2.0"#, #"s_sum{h=""} 3.0"#,
                #"s_sum{h="f"} 0.0"#, #"s_count{h="f"} 0.0"#, #"s_count{h=""} 0.0"#,
                "node_textfile_scrape_error{} 0.0",
            ])
    }

    @Test(
        "a file that cannot be taken costs itself and is told",
        arguments: [
            ("a 1 1441205977284\n", "timestamps"), ("a 1", "line feed"), ("a{\n", "a label's name"),
            ("# TYPE a nonsense\n", "counter, gauge"), ("a{x=\"1\",x=\"2\"} 1\n", "a label twice"),
        ])
    func broken(_ text: String, _ reason: String) throws {
        let files = TemporaryFiles()
        files.write("a.prom", text)
        files.write("b.prom", "b 1\n")
        let found = try collect([files.path])
        #expect(found.lines == ["b{} 1.0", "node_textfile_scrape_error{} 1.0"])
        #expect(found.oddities == 1)
        #expect(found.first.contains(reason), "\(found.first)")
    }

    @Test("a family whose help or type differs from an earlier file's is left out")
    func inconsistent() throws {
        let files = TemporaryFiles()
        files.write("a.prom", "# HELP a One.\na{f=\"1\"} 1\n")
        files.write("b.prom", "# HELP a Other.\na{f=\"2\"} 1\n# TYPE c gauge\nc 1\n")
        files.write("c.prom", "# HELP a One.\na{f=\"3\"} 1\n# TYPE c counter\n")
        let found = try collect([files.path])
        #expect(
            found.lines == [#"a{f="1"} 1.0"#, "c{} 1.0", #"a{f="3"} 1.0"#, "node_textfile_scrape_error{} 1.0"])
        #expect(found.files.count == 3)
    }

    @Test("a file of a greater age loses its samples, not the time it was changed")
    func age() throws {
        let files = TemporaryFiles()
        files.write("old.prom", "a 1\n", age: 1000)
        files.write("new.prom", "b 1\n")
        let found = try collect([files.path], maxAge: 500)
        #expect(found.lines == ["b{} 1.0", "node_textfile_scrape_error{} 0.0"])
        #expect(found.files.count == 2)
    }

    @Test("a directory that is not there, a pipe and a directory named as a file are problems")
    func odd() throws {
        let files = TemporaryFiles()
        #expect(try collect(["\(files.path)/none"]).lines == ["node_textfile_scrape_error{} 1.0"])
        #expect(try collect([]).lines == ["node_textfile_scrape_error{} 0.0"])
        mkfifo("\(files.path)/p.prom", 0o644)
        mkdir("\(files.path)/d.prom", 0o755)
        let found = try collect([files.path])
        #expect(found.lines == ["node_textfile_scrape_error{} 1.0"])
        #expect(found.oddities == 2)
    }
}
