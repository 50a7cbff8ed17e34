/// Hears of everything that jails do; on the crew's thread, so it does not wait for anything.
package protocol JailObserver: AnyObject, Sendable {
    /// `place` is the jail's name.
    func observed(_ event: JailEvent, in jail: String, now: Double)

    /// So many lines were read for a jail since the last time; `undated` of them had no date that could be read, where they should have.
    func read(lines: Int, undated: Int, in jail: String)

    /// What is wrong with what the jails read, by place; all that is wrong at the moment.
    func troubled(_ problems: [String: String])
}
