/// Where in a file something stands; lines and columns count from 1, columns in characters.
package struct SourcePosition: Sendable, Hashable {
    package var line: Int
    package var column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }
}

/// One thing that is wrong in a configuration file, or worth a warning.
package struct ConfigurationProblem: Sendable, Equatable, CustomStringConvertible {
    package var file: String
    package var position: SourcePosition
    /// What was expected, what was found, and the remedy.
    package var message: String

    package init(file: String, position: SourcePosition, message: String) {
        self.file = file
        self.position = position
        self.message = message
    }

    /// `file:line:column: message`, as compilers write it.
    package var description: String { "\(file):\(position.line):\(position.column): \(message)" }
}

/// A configuration file that cannot be used: all that is wrong with it, in the order of the file.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    package var problems: [ConfigurationProblem]

    package init(_ problems: [ConfigurationProblem]) { self.problems = problems }

    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
