/// What is wrong with a file of fail2ban's configuration, or with what became of it.
package struct JailConfigurationError: Error, Equatable, CustomStringConvertible {
    package var file: String
    /// From 1; 0 where no line is to blame.
    package var line: Int
    /// What was expected, what was found.
    package var message: String

    package init(file: String, line: Int = 0, message: String) {
        self.file = file
        self.line = line
        self.message = message
    }

    /// `file:line: message`
    package var description: String { line > 0 ? "\(file):\(line): \(message)" : "\(file): \(message)" }
}
