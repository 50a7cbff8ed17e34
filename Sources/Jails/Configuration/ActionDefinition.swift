import Configuration

/// An action of `action.d` as a jail uses it: its commands with everything but the ban's own tags filled in.
package struct ActionDefinition: Sendable, Equatable {
    /// Of the file.
    package var name: String
    /// Unique within the jail: `actname=`, or the file's name, followed by `name=` where that is not the jail's.
    package var identifier: String
    /// A name with `actname=` tells two uses of an action apart.
    package var parameters: [String: String]
    /// `actionban` and its like; also options of another kind, such as `timeout`. For one family alone: `actionban?family=inet6`.
    package var options: [String: String] = [:]
    /// Whether any option differs by family; by itself `actionstart` then waits for the first ban of one.
    package var hasFamilies = false
    /// Written in Python, which we do not run.
    package var isPython: Bool

    static let families = ["family=inet4", "family=inet6"]
    /// What stays a tag whatever an option of that name says: a ban gives it, or, for `timeout`, the seconds of it.
    private static let given: Set<String> = ["matches", "ipmatches", "ipjailmatches", "bantime", "timeout"]
    /// Options that [DEFAULT] may give as well.
    static let commandOptions = [
        "actionstart", "actionstart_on_demand", "actionstop", "actionflush", "actionreload", "actioncheck",
        "actionrepair", "actionrepair_on_unban", "actionban", "actionprolong", "actionreban", "actionunban",
        "norestored",
    ]

    /// - Parameter jailOptions: what `%(findtime)s` or `<maxretry>` stand for.
    init(
        _ list: ParameterList, jail: String, jailOptions: [String: String] = [:], directory: String,
        surroundings: ConfigurationSurroundings
    ) throws(JailConfigurationError) {
        name = list.name
        parameters = [:]
        for (name, value) in list.parameters { parameters[name] = value }
        isPython = list.name.hasSuffix(".py")
        let own = parameters["name"] ?? jail
        var identifier = isPython ? String(name.dropLast(3)) : name
        if own != jail, !isPython { identifier += own.hasPrefix(jail) ? String(own.dropFirst(jail.count)) : "-" + own }
        self.identifier = parameters["actname"] ?? identifier
        guard !isPython else { return }
        // Actions name their chains and sets by the jail.
        let all =
            list.parameters + (parameters["name"] == nil ? [("name", jail)] : [])
            + (parameters["actname"] == nil ? [("actname", identifier)] : [])
        let stem = name.hasPrefix("/") ? name : directory + "/action.d/" + name
        let layers = try ConfigurationLayers(stem: stem, surroundings: surroundings)
        let definition = try DefinitionOptions(layers, parameters: all, jail: jailOptions, given: Self.given)
        hasFamilies = definition.hasFamilies
        for option in Set(definition.ownNames).union(Self.commandOptions) {
            guard let value = try definition.value(of: option) else { continue }
            options[option] = value
            for family in Self.families {
                guard let other = try definition.value(of: option, condition: family), other != value else { continue }
                options[option + "?" + family] = other
            }
        }
    }

    /// Whether an option is one of Python's spellings of true.
    func isOn(_ option: String) -> Bool { options[option].map { JailDefinition.isTrue($0) } ?? false }
}
