extension JailSettings {
    /// The options of a jail of `jail.conf`. Throws with the jail's name and the option at fault.
    package init(_ definition: JailDefinition) throws(JailConfigurationError) {
        do throws(ParameterError) {
            try self.init(options: definition)
        } catch {
            throw definition.places.error(naming: error.message)
        }
    }

    private init(options definition: JailDefinition) throws(ParameterError) {
        self.init(name: definition.name)
        let options = Options(all: definition.options)
        maximumRetries = definition.maximumRetries
        findTime = definition.findTime
        banTime = definition.banTime
        guard findTime > 0 else {
            throw ParameterError(message: "findtime: expected a time above 0, found \(findTime)")
        }
        maximumMatches = maximumRetries
        if let text = options["maxmatches"] {
            guard let number = Int(text), number >= 0 else {
                throw ParameterError(message: "maxmatches: expected a number, found \"\(text)\"")
            }
            maximumMatches = number
        }
        increment = try BanTimeIncrement(options, base: banTime)
        ignoring.ignoresSelf = options["ignoreself"].map(JailDefinition.isTrue) ?? true
        ignoring.entries = (options["ignoreip"] ?? "").utf8.split { $0 == 0x2c || ASCII.isSpace($0) }.map { String($0) }
        ignoring.command = options["ignorecommand"]
        ignoring.cache = options["ignorecache"]
        if let cache = ignoring.cache {
            do throws(ParameterError) {
                _ = try IgnoreCache.parse(cache)
            } catch {
                throw ParameterError(message: "ignorecache: \(error.message)")
            }
        }
        usesDNS = try options["usedns"].map { text throws(ParameterError) in try NameUse(text) } ?? .warn
        // What closes ports is the first action that is told which; without one, the jail's own option.
        let action = definition.actions.first { $0.parameters["port"] != nil }
        ports = try PortSelection(
            ports: action?.parameters["port"] ?? options["port"] ?? "",
            protocols: (action ?? definition.actions.first { $0.parameters["protocol"] != nil })?.parameters["protocol"]
                ?? options["protocol"] ?? (options["port"] == nil && action == nil ? "all" : "tcp"))
    }

    /// Those that say something.
    fileprivate struct Options {
        let all: [String: String]
        subscript(name: String) -> String? { all[name].flatMap { $0.trimmed.isEmpty ? nil : $0.trimmed } }

        func seconds(_ name: String) throws(ParameterError) -> Double? {
            guard let text = self[name] else { return nil }
            guard let value = TimeText.seconds(text) else {
                throw ParameterError(message: "\(name): expected a time such as 10m or 1d12h, found \"\(text)\"")
            }
            return value
        }
    }
}

extension JailSettings.NameUse {
    /// `usedns`, also by Python's names for true and false.
    init(_ text: String) throws(ParameterError) {
        switch text.trimmed.lowercasedASCII {
        case "yes", "true", "1", "on": self = .resolve
        case "warn": self = .warn
        case "no", "false", "0", "off": self = .ignore
        case "raw": self = .raw
        default: throw ParameterError(message: "usedns: expected yes, warn, no or raw, found \"\(text)\"")
        }
    }
}

extension BanTimeIncrement {
    fileprivate init(_ options: JailSettings.Options, base: Double) throws(ParameterError) {
        self.init()
        isEnabled = options["bantime.increment"].map(JailDefinition.isTrue) ?? false
        countsAllJails = options["bantime.overalljails"].map(JailDefinition.isTrue) ?? false
        maximum = try options.seconds("bantime.maxtime")
        random = try options.seconds("bantime.rndtime") ?? 0
        formula = options["bantime.formula"]
        if let text = options["bantime.factor"] {
            do throws(FormulaError) {
                factor = try BanTimeFormula(text).value(.init()).double
            } catch {
                throw ParameterError(message: "bantime.factor: \(error) in \"\(text)\"")
            }
        }
        for item in (options["bantime.multipliers"] ?? "").utf8.split(whereSeparator: ASCII.isSpace) {
            let text: String = String(item)
            guard let number = Double(text), number.isFinite, number >= 0 else {
                throw ParameterError(message: "bantime.multipliers: expected numbers, found \"\(text)\"")
            }
            multipliers.append(number)
        }
        do throws(FormulaError) {
            _ = try BanTimes(base: base, increment: self)
        } catch {
            let text = formula ?? ""
            throw ParameterError(message: "bantime.formula: \(error) in \"\(text)\"")
        }
    }
}
