import Configuration

/// The options of a file of `filter.d` or `action.d` for one use of it: parameters before `[Init]` before `[Definition]` before `[DEFAULT]`,
/// everything interpolated and all tags that are defined replaced.
struct DefinitionOptions {
    let layers: ConfigurationLayers
    /// What the jail gives, and then what [Init] has.
    private var initial: [String: String] = [:]
    /// For `%(…)s` in [Definition].
    private var variables = InterpolationVariables()
    /// Tags that stay, even if an option has their name.
    private let given: Set<String>

    /// - Parameters:
    ///   - jail: variables of the jail, which count less than the parameters; names in small letters.
    ///   - given: tags that something else fills in, even if an option has their name.
    init(
        _ layers: ConfigurationLayers, parameters: [(name: String, value: String)], jail: [String: String] = [:],
        given: Set<String> = []
    ) throws(JailConfigurationError) {
        self.layers = layers
        self.given = given
        guard layers.sections["Definition"] != nil else {
            throw JailConfigurationError(
                file: layers.files.first ?? layers.stem, message: "expected a section [Definition]")
        }
        variables.first = jail
        for (name, value) in parameters {
            initial[name] = value
            variables.first[name.lowercasedASCII] = value
        }
        for name in (layers.sections["Init"] ?? [:]).keys.sorted() {
            guard let value = try layers.value(of: name, in: "Init") else { continue }
            // A parameter may be made of what it replaces: `chain = <known/chain>`.
            initial["known/" + name] = value
            if initial[name] == nil { initial[name] = value }
            variables.last[name] = value
        }
    }

    /// An option of [Definition] as it is to be used; nil where nothing defines it.
    ///
    /// - Parameter condition: `family=inet6`, under which `option?family=inet6` comes before `option`.
    func value(of option: String, condition: String = "") throws(JailConfigurationError) -> String? {
        guard let text = try plain(option, condition) else { return nil }
        let substitution = TagSubstitution(
            lookUp: { tag throws(JailConfigurationError) in try tagValue(tag, condition) },
            file: origin(option))
        return try substitution.apply(to: text, of: option)
    }

    /// The file and line that an option comes from.
    func origin(of option: String) -> (file: String, line: Int) {
        let value =
            layers.sections["Definition"]?[option] ?? layers.sections["Init"]?[option] ?? layers.defaults[option]
        return (value?.file ?? layers.files.first ?? layers.stem, value?.line ?? 0)
    }

    /// All options that [Definition] and [Init] have themselves.
    var ownNames: [String] {
        Set(initial.keys).union((layers.sections["Definition"] ?? [:]).keys).filter {
            !$0.contains("/") && !$0.contains("?")
        }.sorted()
    }

    /// Whether a parameter or an option of [Init] is for one family of addresses.
    var hasFamilies: Bool { initial.keys.contains { !$0.hasPrefix("known/") && $0.contains("?family=") } }

    private func origin(_ option: String) -> String { origin(of: option).file }

    private func plain(_ option: String, _ condition: String) throws(JailConfigurationError) -> String? {
        // What an option was before is known without a condition.
        if !condition.isEmpty, !option.hasPrefix("known/") {
            let name = option + "?" + condition
            if let value = initial[name] { return value }
            if layers.sections["Definition"]?[name] != nil {
                return try layers.value(of: name, in: "Definition", variables: variables)
            }
        }
        if let value = initial[option] { return value }
        return try layers.value(of: option, in: "Definition", variables: variables)
    }

    private func tagValue(_ tag: String, _ condition: String) throws(JailConfigurationError) -> String? {
        if given.contains(tag) { return nil }
        if let value = try plain(tag, condition) { return value }
        guard let slash = tag.utf8.firstIndex(of: 0x2f) else { return nil }
        let section = String(tag[..<slash])
        let option = String(tag[tag.utf8.index(after: slash)...]).lowercasedASCII
        switch section.lowercasedASCII {
        case "known":
            guard let value = layers.known["Definition"]?[option] else {
                // Without the parameters: `chain = <known/chain>` would stand for itself.
                return try layers.value(of: option, in: "Definition")
            }
            return value.text
        case "default": return try layers.value(of: option, in: "DEFAULT")
        default:
            guard layers.sections[section] != nil else { return nil }
            return try layers.value(of: option, in: section)
        }
    }
}
