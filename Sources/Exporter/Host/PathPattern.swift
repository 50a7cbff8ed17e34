import Glibc

/// Paths by shell patterns (glob(7)).
enum PathPattern {
    /// The paths that match, in the order of their bytes; the pattern itself where nothing does.
    static func expand(_ pattern: String) -> [String] {
        var result = glob_t()
        defer { globfree(&result) }
        guard glob(pattern, GLOB_NOCHECK, nil, &result) == 0, let paths = result.gl_pathv else { return [pattern] }
        return (0..<Int(result.gl_pathc)).compactMap { index in paths[index].map { String(cString: $0) } }
    }
}
