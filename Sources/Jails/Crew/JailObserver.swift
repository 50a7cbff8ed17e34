/// Hears of everything that jails do; on the crew's thread, so it does not wait for anything.
package protocol JailObserver: AnyObject, Sendable {
    /// `place` is the jail's name.
    func observed(_ event: JailEvent, in jail: String, now: Double)

    /// How long a line took from its reading to the end of its evaluation does not matter to anybody; how many were read does.
    func read(lines: Int, in jail: String)

    /// What is wrong with what the jails read, by place; all that is wrong at the moment.
    func troubled(_ problems: [String: String])
}
