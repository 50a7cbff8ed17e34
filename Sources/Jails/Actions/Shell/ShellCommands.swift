/// The commands of one action, and what fail2ban remembers between them: which families of addresses are started, which have bans,
/// which command has run for another family already.
///
/// For the thread of one lane.
final class ShellCommands {
    let jail: String
    let isNotForRestored: Bool
    private let definition: ActionDefinition
    private let facts: ActionFacts
    private let runner: CommandRunner
    private let context: ActionContext
    private let startsOnDemand: Bool
    private let timeout: Double

    private struct Flags {
        var isStarted = false
        var hasBans = false
        var isAny: Bool { isStarted || hasBans }
    }

    /// By family, `inet4`, `inet6` or empty, as they came.
    private var families: [(name: String, flags: Flags)] = []
    /// By option, what has run for which family.
    private var executed: [String: [(family: String, command: String)]] = [:]
    private var ready: [String: String] = [:]
    /// What has been banned since bans were found to be lost last.
    private var banned: Set<BanTarget> = []
    private var isLost = false
    /// How often that was found.
    private(set) var epoch = 0
    /// Of the last command that failed.
    private(set) var problem: String?

    init(
        _ definition: ActionDefinition, jail: String, facts: ActionFacts, runner: CommandRunner, context: ActionContext
    ) {
        self.definition = definition
        self.jail = jail
        self.facts = facts
        self.runner = runner
        self.context = context
        isNotForRestored = definition.isOn("norestored")
        startsOnDemand =
            definition.options["actionstart_on_demand"] == nil
            ? definition.hasFamilies : definition.isOn("actionstart_on_demand")
        timeout = definition.options["timeout"].flatMap { TimeText.seconds($0) } ?? 60
    }

    // MARK: What a jail asks for

    var isStarted: Bool { families.contains { $0.flags.isAny } }
    var canFlush: Bool { hasCommand("actionflush") }
    var unbans: Bool { hasCommand("actionunban") }

    func start() {
        guard !startsOnDemand else { return }
        var names = [""]
        if let given = definition.options["families"] {
            names = given.split { $0 == "," || $0.isWhitespace }.map { String($0) }
        } else if definition.hasFamilies {
            names = facts.hasIPv6 ? ["inet4", "inet6"] : ["inet4"]
        }
        start(names)
    }

    func ban(_ ban: Ban, isAgain: Bool) -> Bool {
        let family = BanTags(ban: ban, facts: facts).family
        if startsOnDemand, !flags(family).isAny, !start([family]) { return false }
        let option = isAgain && hasCommand("actionreban") ? "actionreban" : "actionban"
        guard process(option, ban, family) else { return false }
        change(family) { ($0.isStarted, $0.hasBans) = (true, true) }
        if epoch > 0 { banned.insert(ban.target) }
        return true
    }

    func prolong(_ ban: Ban) -> Bool {
        guard !(ban.isRestored && isNotForRestored),
            let command = definition.options["actionprolong"], !command.trimmed.isEmpty
        else { return true }
        return process("actionprolong", ban, BanTags(ban: ban, facts: facts).family)
    }

    func unban(_ ban: Ban) -> Bool {
        banned.remove(ban.target)
        let family = BanTags(ban: ban, facts: facts).family
        return flags(family).hasBans ? process("actionunban", ban, family) : true
    }

    /// All bans at once. Where that fails, it is seen whether there is anything left to take them from.
    func flush() {
        let names = families.filter { $0.flags.isStarted && $0.flags.hasBans }.map(\.name)
        guard !names.isEmpty else { return }
        let isDone = execute("actionflush", names) { family, isDone in
            if isDone, flags(family).isAny { change(family) { $0.hasBans = false } }
        }
        if !isDone { checkConsistency(repairs: definition.isOn("actionrepair_on_unban")) }
    }

    func reload() { execute("actionreload", families.filter { $0.flags.isAny }.map(\.name)) { _, _ in } }

    func stop() {
        let names = families.filter { $0.flags.isAny }.map(\.name)
        families = []
        if !names.isEmpty { stop(names) }
    }

    func checkConsistency(repairs: Bool) {
        guard hasCommand("actioncheck") else { return }
        for (family, flags) in families where flags.isAny && check(family, repairs: repairs, force: true) == .broken {
            change(family) { $0 = Flags() }
            note("actionstart", family, nil)
        }
    }

    /// Whether bans were found to be lost since this was last asked.
    func takeLoss() -> Bool {
        defer { isLost = false }
        return isLost
    }

    func hasBanned(since target: BanTarget) -> Bool { banned.contains(target) }

    // MARK: How it is done

    private enum Sanity { case sane, broken, left }

    /// Runs a command about a ban; where it fails, once more, after what it depends on has been looked after.
    private func process(_ option: String, _ ban: Ban, _ family: String) -> Bool {
        for attempt in 0..<2 {
            if attempt > 0, hasCommand("actioncheck") {
                let isUnban = option == "actionunban"
                let repairs = !isUnban || definition.isOn("actionrepair_on_unban")
                guard check(family, repairs: repairs, force: !isUnban) == .sane else { return false }
            }
            let script = BanTags(ban: ban, facts: facts).tags.script(command(option, family))
            if run(script, option) { return true }
        }
        return false
    }

    private func check(_ family: String, repairs: Bool, force: Bool) -> Sanity {
        if !force, !families.contains(where: { $0.name == family }) { return .sane }
        let check = operation("actioncheck", family)
        if run(ShellScript(text: check), "actioncheck") { return .sane }
        guard repairs else { return .left }
        epoch += 1
        isLost = true
        banned = []
        let repair = operation("actionrepair", family)
        if repair.isEmpty {
            if families.contains(where: { $0.name == family }) {
                change(family) { $0 = Flags() }
                stop([family])
            }
            if force || !startsOnDemand { start([family]) }
        } else {
            guard run(ShellScript(text: repair), "actionrepair") else {
                change(family) { $0 = Flags() }
                return .broken
            }
            change(family) { $0 = Flags(isStarted: true) }
        }
        if flags(family).isAny, !run(ShellScript(text: check), "actioncheck") { return .broken }
        return .sane
    }

    @discardableResult
    private func start(_ names: [String]) -> Bool {
        execute("actionstart", names) { family, isDone in
            guard isDone else { return }
            note("actionstop", family, nil)
            change(family) { $0 = Flags(isStarted: true) }
        }
    }

    private func stop(_ names: [String]) {
        execute("actionstop", names) { family, isDone in if isDone { note("actionstart", family, nil) } }
    }

    /// Runs a command for families; not twice where it is the same for both.
    @discardableResult
    private func execute(_ option: String, _ names: [String], then: (String, Bool) -> Void) -> Bool {
        var isAllDone = true
        for family in names {
            let command = operation(option, family)
            var isDone = true
            let others = executed[option, default: []].filter { $0.family != family }
            if !command.isEmpty, !others.contains(where: { $0.command == command }) {
                var nobody = Ban(jail: jail, target: .text(""), time: facts.now(), duration: facts.banTime)
                nobody.count = 0
                let tags = BanTags(ban: nobody, facts: facts, familyName: family).tags
                isDone = run(tags.script(command), option)
                isAllDone = isAllDone && isDone
            }
            then(family, isDone)
            note(option, family, isDone ? command : nil)
        }
        return isAllDone
    }

    /// Remembers a command of a family; without one forgets it, and the same one of others.
    private func note(_ option: String, _ family: String, _ command: String?) {
        var list = executed[option, default: []]
        let old = list.first { $0.family == family }?.command
        if let command, !command.isEmpty {
            list.removeAll { $0.family == family }
            list.append((family, command))
        } else if let old {
            list.removeAll { $0.command == old }
        }
        executed[option] = list
    }

    private func flags(_ family: String) -> Flags { families.first { $0.name == family }?.flags ?? Flags() }

    private func change(_ family: String, _ body: (inout Flags) -> Void) {
        let index = families.firstIndex { $0.name == family } ?? families.count
        if index == families.count { families.append((family, Flags())) }
        body(&families[index].flags)
    }

    private func hasCommand(_ option: String) -> Bool { !(definition.options[option] ?? "").isEmpty }

    /// A command with all filled in that does not depend on a ban.
    private func command(_ option: String, _ family: String) -> String {
        let key = option + "?family=" + family
        if let text = ready[key] { return text }
        let text = definition.options[key] ?? definition.options[option] ?? ""
        let bytes = ShellTags.replacing(Array(text.utf8)) { tag in
            if tag == "timeout" { return Array(Self.number(timeout).utf8) }
            return BanTags.general(tag, facts).map { Array($0.utf8) }
        }
        ready[key] = String(bytes)
        return ready[key] ?? ""
    }

    /// A command about no ban.
    private func operation(_ option: String, _ family: String) -> String {
        let text = command(option, family)
        guard !family.isEmpty, text.utf8.contains(0x3c) else { return text }
        return ShellTags(value: { $0 == "family" ? family : nil }).script(text).text
    }

    private static func number(_ value: Double) -> String {
        Int64(exactly: value).map { String($0) } ?? value.description
    }

    private func run(_ script: ShellScript, _ option: String) -> Bool {
        guard !script.text.isEmpty else { return true }
        let arguments = ["/bin/sh", "-c", script.text] + script.parameters
        guard
            let reason = runner.run(arguments, timeout: timeout, context: context).problem(timeout: timeout)
        else {
            context.trouble(nil)
            return true
        }
        problem = "\(option): \(reason)"
        // A check that fails is no failure yet.
        if option != "actioncheck" { context.trouble(problem) }
        return false
    }
}
