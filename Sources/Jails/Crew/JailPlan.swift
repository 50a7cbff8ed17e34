import Logs
import Telemetry

/// A jail that is to run: what it reads, with which filter, and what it does with whom it catches. Nothing is compiled or opened yet.
package struct JailPlan: Sendable {
    package var settings: JailSettings
    package var sources: [JailSource]
    /// Changes with whatever else of the jail changes: a jail that is the same keeps its counts over a reload.
    package var fingerprint: String
    /// Makes the filter; once for each set of logs that the jail shares with others. `now` is in seconds since 1970.
    package var makeFilter: @Sendable (_ now: Double) throws(JailConfigurationError) -> any LineFilter
    /// Made anew with each start; see `BanAction`.
    package var actions: [JailAction]
    /// What the alert of its bans has for labels; nil for none.
    package var alert: LabelSet?
    /// Seconds without a line after which something is wrong; nil for never.
    package var silentAfter: Double?
    /// It is one of fail2ban's files, which are no part of the agent's configuration file.
    package var comesFromFail2ban = false

    package init(
        settings: JailSettings, fingerprint: String, sources: [JailSource],
        makeFilter: @escaping @Sendable (_ now: Double) throws(JailConfigurationError) -> any LineFilter,
        actions: [JailAction]
    ) {
        self.settings = settings
        self.fingerprint = fingerprint
        self.sources = sources
        self.makeFilter = makeFilter
        self.actions = actions
    }
}

/// What a jail does with bans.
package enum JailAction: Sendable {
    /// The agent's own firewall.
    case firewall
    /// An action of fail2ban's `action.d`.
    case shell(ActionDefinition)
    /// The name is unique among the agent's actions.
    case other(name: String, @Sendable (ActionContext) -> any BanAction)

    package var isFirewall: Bool { if case .firewall = self { true } else { false } }
}
