import Testing

@testable import Exporter

@Suite("Directories that are listed again and again")
struct HostDirectoryTests {
    @Test("a listing that has not changed is said not to have, whatever was in the memory before")
    func unchanged() throws {
        let tree = HostTree()
        let directory = HostDirectory("\(tree.path)/d")
        for number in 0..<300 { tree.write("d/a-rather-long-name-\(number)", "") }
        #expect(try directory.refresh())
        for number in 0..<300 { tree.remove("d/a-rather-long-name-\(number)") }
        for number in 0..<300 { tree.write("d/\(number)", "") }
        #expect(try directory.refresh())
        #expect(directory.names.count == 300)
        // Read into the memory that the long names were in.
        #expect(try !directory.refresh())
        #expect(try !directory.refresh())
    }

    @Test("an empty directory is listed once")
    func empty() throws {
        let tree = HostTree()
        tree.directory("d")
        let directory = HostDirectory("\(tree.path)/d")
        #expect(try directory.refresh())
        #expect(try !directory.refresh())
        #expect(directory.names.isEmpty)
    }

    @Test("only directories where only they are asked for")
    func directories() throws {
        let tree = HostTree()
        tree.write("d/file", "")
        tree.directory("d/below")
        let directory = HostDirectory("\(tree.path)/d", onlyDirectories: true)
        _ = try directory.refresh()
        #expect(directory.names == ["below"])
        // Files may come and go.
        tree.write("d/other", "")
        #expect(try !directory.refresh())
    }
}
