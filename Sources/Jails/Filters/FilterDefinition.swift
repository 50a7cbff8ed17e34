import Configuration

/// A filter of `filter.d` as a jail uses it: its options read, interpolated and its tags replaced; nothing compiled yet.
package struct FilterDefinition: Sendable, Equatable {
    package var name: String
    /// Of the file that begins it.
    package var path: String
    package var failurePatterns: [String]
    package var ignorePatterns: [String]
    package var prefixPattern: String?
    /// Lines that are matched together; 1 for most.
    package var maximumLines = 1
    package var datePatterns: [String]
    /// Lines of `journalctl`'s matches.
    package var journalMatches: [String]
    package var usesDNS: String?
    package var places: OptionPlaces
    /// For how many failures each pattern counts; those beyond the end count for one.
    package var weights: [Int] = []
    /// A date is cut out of a line even where the line's source knows the time.
    package var cutsDates = false

    static let mostLines = 1000
    static let mostPatterns = 10_000

    /// Reads `directory/filter.d/name`.
    ///
    /// - Parameter parameters: what the jail gives in brackets.
    package init(
        name: String, parameters: [(name: String, value: String)] = [], directory: String,
        surroundings: ConfigurationSurroundings = .process
    ) throws(JailConfigurationError) {
        let stem = name.hasPrefix("/") ? name : directory + "/filter.d/" + name
        let layers = try ConfigurationLayers(stem: stem, surroundings: surroundings)
        try self.init(name: name, layers: layers, parameters: parameters)
    }

    /// A filter that no file of fail2ban's describes.
    package init(
        name: String, path: String, failurePatterns: [String], ignorePatterns: [String] = [],
        datePatterns: [String] = []
    ) {
        self.name = name
        self.path = path
        places = OptionPlaces(file: path)
        self.failurePatterns = failurePatterns
        self.ignorePatterns = ignorePatterns
        self.datePatterns = datePatterns
        journalMatches = []
    }

    init(
        name: String, layers: ConfigurationLayers, parameters: [(name: String, value: String)],
        jail: [String: String] = [:]
    ) throws(JailConfigurationError) {
        let options = try DefinitionOptions(layers, parameters: parameters, jail: jail)
        try self.init(name: name, options: options)
    }

    init(name: String, options: DefinitionOptions) throws(JailConfigurationError) {
        self.name = name
        func list(_ option: String) throws(JailConfigurationError) -> [String] {
            (try options.value(of: option) ?? "").lines.filter { !$0.isEmpty }
        }
        failurePatterns = try list("failregex")
        ignorePatterns = try list("ignoreregex")
        datePatterns = try list("datepattern")
        journalMatches = try list("journalmatch")
        let prefix = try options.value(of: "prefregex") ?? ""
        prefixPattern = prefix.isEmpty ? nil : prefix
        usesDNS = try options.value(of: "usedns")
        path = options.origin(of: "failregex").file
        places = OptionPlaces(file: path)
        for option in Self.options {
            let origin = options.origin(of: option)
            places.options[option] = .init(file: origin.file, line: origin.line)
        }
        if let text = try options.value(of: "maxlines"), !text.isEmpty { maximumLines = try lines(text) }
        guard failurePatterns.count + ignorePatterns.count <= Self.mostPatterns else {
            throw places.error("failregex", "more than \(Self.mostPatterns) patterns")
        }
    }

    /// Options by which a jail replaces those of its filter.
    static let options = [
        "failregex", "ignoreregex", "prefregex", "datepattern", "journalmatch", "maxlines", "usedns",
    ]

    private func lines(_ text: String) throws(JailConfigurationError) -> Int {
        guard let number = Int(text.trimmed), (1...Self.mostLines).contains(number) else {
            throw places.error(
                "maxlines", "expected a number from 1 to \(Self.mostLines), found \"\(text.prefix(40))\"")
        }
        return number
    }

    /// Takes what a jail sets itself, by the names of the filter's options.
    mutating func replace(_ options: [String: String], _ jail: OptionPlaces) throws(JailConfigurationError) {
        for option in options.keys { places.options[option] = jail.options[option] }
        func list(_ option: String) -> [String]? { options[option]?.lines.filter { !$0.isEmpty } }
        failurePatterns = list("failregex") ?? failurePatterns
        ignorePatterns = list("ignoreregex") ?? ignorePatterns
        datePatterns = list("datepattern") ?? datePatterns
        journalMatches = list("journalmatch") ?? journalMatches
        if let prefix = options["prefregex"] { prefixPattern = prefix.isEmpty ? nil : prefix }
        usesDNS = options["usedns"] ?? usesDNS
        if let text = options["maxlines"], !text.isEmpty { maximumLines = try lines(text) }
    }
}
