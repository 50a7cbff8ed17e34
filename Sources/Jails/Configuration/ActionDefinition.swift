import Configuration

/// An action of `action.d` as a jail uses it: its commands with everything but the ban's own tags filled in.
package struct ActionDefinition: Sendable, Equatable {
    package var name: String
    /// A name with `actname=` tells two uses of an action apart.
    package var parameters: [String: String]
    /// `actionban` and its like; also options of another kind, such as `timeout`. For one family alone: `actionban?family=inet6`.
    package var options: [String: String] = [:]
    /// Written in Python, which we do not run.
    package var isPython: Bool

    static let families = ["family=inet4", "family=inet6"]

    init(_ list: ParameterList, directory: String, surroundings: ConfigurationSurroundings)
        throws(JailConfigurationError)
    {
        name = list.name
        parameters = [:]
        for (name, value) in list.parameters { parameters[name] = value }
        isPython = list.name.hasSuffix(".py")
        guard !isPython else { return }
        let stem = name.hasPrefix("/") ? name : directory + "/action.d/" + name
        let layers = try ConfigurationLayers(stem: stem, surroundings: surroundings)
        let definition = try DefinitionOptions(layers, parameters: list.parameters)
        for option in definition.ownNames {
            guard let value = try definition.value(of: option) else { continue }
            options[option] = value
            for family in Self.families {
                guard let other = try definition.value(of: option, condition: family), other != value else { continue }
                options[option + "?" + family] = other
            }
        }
    }
}
