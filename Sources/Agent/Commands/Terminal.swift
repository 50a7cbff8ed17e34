import Glibc

/// What commands say to people beside their output.
enum Terminal {
    /// One line, or several, to standard error.
    static func complain(_ text: String) {
        let bytes = Array((text + "\n").utf8)
        _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
