import Glibc
import Testing

/// fail2ban itself, where it is installed: what it says of the same input is what we are to say.
enum Fail2ban {
    /// Directories with a `jail.conf` of fail2ban's own: the host's, and the one that `TOCSIN_CONFORMANCE` names.
    static var configurations: [String] {
        let named = getenv("TOCSIN_CONFORMANCE").map { String(cString: $0) }
        let folders = [named, "../shared/conformance", "../../../shared/conformance"].compactMap { $0 }
        let shared = folders.map { $0 + "/fail2ban" }.first(where: isThere)
        return ["/etc/fail2ban"].filter(isThere) + [shared].compactMap { $0 }
    }

    private static func isThere(_ folder: String) -> Bool { access(folder + "/jail.conf", R_OK) == 0 }

    /// Runs a script with fail2ban's modules in reach. Nil where there is no fail2ban, which is told.
    ///
    /// - Returns: what it printed, by lines.
    static func run(_ script: String, input: String = "", sourceLocation: SourceLocation = #_sourceLocation) throws
        -> [String]?
    {
        let preamble = "import sys\nsys.path.append('/usr/lib/python3/dist-packages')\n"
        let files = try ConfigurationFiles(["script.py": preamble + script, "input": input])
        guard
            system(
                "python3 -c 'import sys; sys.path.append(\"/usr/lib/python3/dist-packages\"); import fail2ban.server.failmanager' 2>/dev/null"
            ) == 0
        else {
            print("skipped: no fail2ban for python3 here")
            return nil
        }
        let pipe = try #require(
            popen("python3 '\(files.path)/script.py' < '\(files.path)/input'", "r"), sourceLocation: sourceLocation)
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while case let count = fread(&chunk, 1, chunk.count, pipe), count > 0 { output += chunk[..<count] }
        #expect(pclose(pipe) == 0, "the script failed", sourceLocation: sourceLocation)
        return output.split(separator: 0x0a).map { String(decoding: $0, as: UTF8.self) }
    }
}
