import Configuration
import Glibc
import Testing

@testable import Alerting

/// The tables of docs/receivers.md are those of the code. `TOCSIN_UPDATE_DOCS=1` writes them.
@Suite struct ReceiversDocumentTests {
    @Test("the document has every key")
    func keys() throws {
        let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        // The sources may be seen through a link.
        let real = try #require(realpath("/" + folder, nil))
        defer { free(real) }
        let path = String(cString: real) + "/../../../docs/receivers.md"
        let file = try #require(fopen(path, "r"))
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
        fclose(file)
        let text = String(decoding: bytes, as: UTF8.self)
        let sections =
            [
                ("global", GlobalConfiguration.configurationKeys), ("receiver", ReceiverDefinition.configurationKeys),
                ("http_config", ReceiverHTTP.configurationKeys),
            ] + ReceiverKinds.all.map { ($0.kind, $0.configurationKeys) }
        let (expected, strangers) = ConfigurationDocument.filled(text, with: sections)
        if getenv("TOCSIN_UPDATE_DOCS") != nil, let output = fopen(path, "w") {
            fputs(expected, output)
            fclose(output)
            return
        }
        #expect(strangers == [])
        #expect(text == expected, "TOCSIN_UPDATE_DOCS=1 swift test --filter ReceiversDocument writes the tables")
    }
}
