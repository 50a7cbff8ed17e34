import Telemetry

/// An action of fail2ban's `action.d`: shell commands, run when and as fail2ban 1.0.2 runs them (`server/action.py`).
///
/// `actionstart` runs at the start, or before the first ban of a family of addresses where options differ by family;
/// a command that fails runs `actioncheck` and, where that fails too, `actionrepair` or `actionstop` and `actionstart`, and then once
/// more. What fail2ban does not: bans are run again at once, not when their address is seen again, where a check found
/// that they were lost, and a ban that failed is tried again twice within the minute.
package final class ShellAction: WakingBanAction, CheckingBanAction, @unchecked Sendable {
    package let name: String
    private let commands: ShellCommands
    private let facts: ActionFacts
    private let context: ActionContext

    // Only the lane's thread, which calls one method at a time, touches these.
    private var isBegun = false
    /// What is banned as far as this action is concerned.
    private var done: Set<BanTarget> = []
    /// Bans from before, or that have to be made again, last one first; those no longer in `awaited` are void.
    private var waiting: [Ban] = []
    private var awaited: Set<BanTarget> = []
    private var failures: [BanTarget: Failure] = [:]
    private var lastCheck = -Double.infinity

    private struct Failure {
        var ban: Ban
        var attempts = 1
        var nextTime: Double

        /// A clock that was set back must not keep it waiting.
        func isDue(at now: Double) -> Bool { nextTime <= now || nextTime - now > 60 }
    }

    /// Seconds from one attempt to the next.
    private static let retryDelays = [5.0, 45.0]
    private static let mostFailures = 1000
    /// Of the lines and groups of those.
    private static let mostBytes = 2 << 20
    private static let checkInterval = 3.0
    /// Of one `wake`, in seconds.
    private static let workTime = 1.0

    package init(
        _ definition: ActionDefinition, jail: String, facts: ActionFacts, runner: CommandRunner, context: ActionContext
    ) {
        name = context.name
        self.facts = facts
        self.context = context
        commands = ShellCommands(definition, jail: jail, facts: facts, runner: runner, context: context)
    }

    package func start(restoring bans: [Ban], now: Double) {
        if !isBegun {
            isBegun = true
            commands.start()
        }
        // After the lane has dropped changes: what is gone meanwhile is unbanned, what came is banned.
        let targets = Set(bans.map(\.target))
        for target in done where !targets.contains(target) {
            unban(Ban(jail: commands.jail, target: target, time: now, duration: 0))
        }
        failures = failures.filter { targets.contains($0.key) }
        renew(bans.filter { !done.contains($0.target) && failures[$0.target] == nil })
    }

    package func apply(_ changes: [BanChange], now: Double) {
        for change in changes where !context.isEnding {
            switch change {
            case .ban(let ban):
                awaited.remove(ban.target)
                if !done.contains(ban.target) { self.ban(ban, isAgain: false, now) }
            case .prolong(let ban):
                if done.contains(ban.target), !commands.prolong(ban) { fail(.prolong, ban) }
            case .unban(let ban): unban(ban)
            }
        }
        noteLoss()
    }

    package func wake(now: Double) -> Double? {
        let limit = Timestamp.monotonic.adding(seconds: Self.workTime)
        while Timestamp.monotonic < limit, !context.isEnding, let ban = waiting.popLast() {
            guard awaited.remove(ban.target) != nil else { continue }
            self.ban(ban, isAgain: commands.epoch > 0, now)
        }
        for (target, failure) in failures
        where failure.isDue(at: now) && Timestamp.monotonic < limit && !context.isEnding {
            failures[target] = nil
            self.ban(failure.ban, isAgain: true, attempts: failure.attempts + 1, now)
        }
        noteLoss()
        guard !context.isEnding else { return nil }
        if !waiting.isEmpty { return now }
        return failures.values.map(\.nextTime).min()
    }

    package func check(now: Double) {
        guard now - lastCheck > Self.checkInterval else { return }
        lastCheck = now
        commands.checkConsistency(repairs: true)
        noteLoss()
    }

    package func reload(now: Double) { commands.reload() }

    package func stop(isRemoved: Bool) {
        guard commands.isStarted else { return }
        if commands.canFlush {
            commands.flush()
        } else if commands.unbans {
            // Where not all fits into the time, actionstop has to do.
            let time = context.deadline.seconds(since: Timestamp.monotonic) * 0.6
            let limit = Timestamp.monotonic.adding(seconds: time)
            for ban in facts.holding() where done.contains(ban.target) && Timestamp.monotonic < limit {
                _ = commands.unban(ban)
            }
        }
        commands.stop()
        done = []
    }

    private func renew(_ bans: [Ban]) {
        for ban in bans.reversed() where awaited.insert(ban.target).inserted { waiting.append(ban) }
    }

    private func ban(_ ban: Ban, isAgain: Bool, attempts: Int = 1, _ now: Double) {
        done.insert(ban.target)
        if ban.isRestored, commands.isNotForRestored { return }
        guard !commands.ban(ban, isAgain: isAgain) else {
            failures[ban.target] = nil
            return
        }
        // Of one that is tried again the first failure counts.
        attempts == 1 ? fail(.ban, ban) : context.trouble(commands.problem)
        // Broken off at the end, it is none.
        guard !context.isEnding, attempts <= Self.retryDelays.count, failures.count < Self.mostFailures else { return }
        let change = BanChange.ban(ban)
        let room = Self.mostBytes - failures.values.reduce(0) { $0 + BanChange.ban($1.ban).textSize }
        let kept = change.fitting(room)
        if kept.textSize < change.textSize { context.cut() }
        failures[ban.target] = Failure(
            ban: kept.ban, attempts: attempts, nextTime: now + Self.retryDelays[attempts - 1])
    }

    private func unban(_ ban: Ban) {
        awaited.remove(ban.target)
        failures[ban.target] = nil
        guard done.remove(ban.target) != nil else { return }
        if !commands.unban(ban) { fail(.unban, ban) }
    }

    private func fail(_ kind: BanChange.Kind, _ ban: Ban) {
        context.failed(kind, "\(ban.target): \(commands.problem ?? "failed")")
    }

    /// A check has found that what enforces the bans was not there: what was done has to be done again.
    private func noteLoss() {
        guard commands.takeLoss(), !context.isEnding else { return }
        let again = facts.holding().filter { done.contains($0.target) && !commands.hasBanned(since: $0.target) }
        for ban in again { done.remove(ban.target) }
        renew(again)
    }
}
