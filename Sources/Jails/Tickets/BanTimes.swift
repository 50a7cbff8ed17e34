/// How long a ban lasts, and how much the failures of known offenders weigh: fail2ban's `bantime.increment` (`jail.py`, `observer.py`).
///
/// The final time is known at once. fail2ban bans for the base time first and prolongs seconds later.
struct BanTimes {
    /// Seconds; negative for ever.
    let base: Double
    let increment: BanTimeIncrement
    private let formula: BanTimeFormula?

    /// Throws where the formula cannot be read or worked out.
    init(base: Double, increment: BanTimeIncrement) throws(FormulaError) {
        self.base = base
        self.increment = increment
        formula = try increment.formula.map { text throws(FormulaError) in try BanTimeFormula(text) }
        // A name or a division that fails does so when it is written, not at the first offender's return.
        for count in [1, 20] { _ = try grown(count: count, random: { 0.5 }) }
    }

    /// Seconds of a ban.
    ///
    /// - Parameters:
    ///   - count: of bans before this one.
    ///   - random: 0..<1
    func duration(count: Int, random: @escaping () -> Double) -> Double {
        guard base > 0, increment.isEnabled, count > 0 else { return base }
        // What fails for one count only is as if it did not grow, as with fail2ban.
        return (try? grown(count: count, random: random)) ?? base
    }

    private func grown(count: Int, random: @escaping () -> Double) throws(FormulaError) -> Double {
        var time: Double
        if !increment.multipliers.isEmpty {
            time = base * increment.factor * increment.multipliers[min(count, increment.multipliers.count - 1)]
        } else if let formula {
            let variables = BanTimeFormula.Variables(time: base, count: count, factor: increment.factor, random: random)
            time = max(base, try formula.value(variables).double)
        } else {
            time = max(base, base * Double(1 << min(count, 20)) * increment.factor)
        }
        guard !time.isNaN else { throw FormulaError("a time that is no number") }
        // At random after the limit: it may be passed.
        if let maximum = increment.maximum { time = min(time, maximum) }
        if increment.random > 0 { time += random() * increment.random }
        // A century is as good as for ever to every firewall.
        return min(max(time, 0), 3_155_760_000)
    }

    /// How many failures more each failure counts for of whom so many bans are known: 1, 2, 4, 8.
    func extraFailures(count: Int, maximumRetries: Int) -> Int {
        guard increment.isEnabled, count > 0 else { return 0 }
        return max(0, min(maximumRetries, (1 << min(count, 20)) / 2 + 1) - 1)
    }
}
