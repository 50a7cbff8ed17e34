/// Where options stand, for what is wrong with them. Its description is empty: where something stands is no part of what it is, and a
/// comment more in a file restarts no jail.
package struct OptionPlaces: Sendable, Equatable, CustomStringConvertible {
    struct Place: Sendable, Equatable {
        var file: String
        /// From 1; 0 where no line is to blame.
        var line: Int
    }

    var options: [String: Place] = [:]
    /// Of what is not there.
    var file: String
    var line = 0
    /// Stands before each message.
    var prefix = ""

    package var description: String { "" }

    package func error(_ option: String, _ message: String) -> JailConfigurationError {
        let place = options[option] ?? Place(file: file, line: line)
        return JailConfigurationError(file: place.file, line: place.line, message: "\(prefix)\(option): \(message)")
    }

    /// - Parameter message: begins with the option's name and a colon.
    func error(naming message: String) -> JailConfigurationError {
        let option = String(message.prefix { $0 != ":" })
        return error(option, String(message.dropFirst(option.count + 1)).trimmed)
    }
}
