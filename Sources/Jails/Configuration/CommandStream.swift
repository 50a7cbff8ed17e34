import Bytes

/// The enabled jails as the commands that `fail2ban-client -d` prints, to be compared with those: what our reader has understood.
///
/// Each command is a JSON array on a line of its own. Other than there, times are in seconds, paths of logs are patterns still,
/// every pattern of a filter and every option of an action is a command of its own, and actions have all tags filled in that do not
/// depend on a ban, for a family of addresses alone as `option?family=inet6`.
package struct CommandStream {
    private let configuration: JailsConfiguration

    package init(_ configuration: JailsConfiguration) { self.configuration = configuration }

    package func write(into writer: inout JSONWriter) {
        let jails = configuration.jails.filter(\.isEnabled)
        for (_, error, _) in configuration.problems { put(["config-error", error.description], &writer) }
        for jail in jails { write(jail, &writer) }
        for jail in jails { put(["start", jail.name], &writer) }
    }

    private func write(_ jail: JailDefinition, _ writer: inout JSONWriter) {
        put(["add", jail.name, jail.backend], &writer)
        func set(_ words: String...) { put(["set", jail.name] + words, &writer) }
        if let filter = jail.filter {
            if let usesDNS = filter.usesDNS { set("usedns", usesDNS) }
            if let prefix = filter.prefixPattern { set("prefregex", prefix) }
            set("maxlines", String(filter.maximumLines))
            for pattern in filter.failurePatterns { set("addfailregex", pattern) }
            for pattern in filter.ignorePatterns { set("addignoreregex", pattern) }
            if !filter.datePatterns.isEmpty { set("datepattern", filter.datePatterns.joined(separator: "\n")) }
            for match in filter.journalMatches { set("addjournalmatch", match) }
        }
        set("maxretry", String(jail.maximumRetries))
        set("findtime", number(jail.findTime))
        set("bantime", number(jail.banTime))
        for option in jail.options.keys.sorted() where option != "usedns" || jail.filter == nil {
            set(option, jail.options[option] ?? "")
        }
        for path in jail.logPaths { set("addlogpath", path.pattern, path.isFromTail ? "tail" : "head") }
        for action in jail.actions {
            set("addaction", action.identifier)
            for option in action.options.keys.sorted() {
                set("action", action.identifier, option, action.options[option] ?? "")
            }
        }
    }

    private func number(_ value: Double) -> String { Int64(exactly: value).map { String($0) } ?? value.description }

    private func put(_ words: [String], _ writer: inout JSONWriter) {
        writer.beginArray()
        for word in words { writer.string(word) }
        writer.endArray()
        writer.endLine()
    }
}
