/// The samples that a function over ranges sees at one step: `first..<end` of a series' columns.
struct SampleWindow {
    var first: Int
    var end: Int
    /// Milliseconds since 1970; samples at `from` itself lie outside.
    var from: Int64
    var through: Int64
    /// The time of the step, which `offset` and `@` do not move.
    var time: Int64
    var step: Int

    var count: Int { end - first }
}

/// A function that makes one value of the samples in a window.
protocol WindowFunction {
    /// Whether `check` has to be asked.
    static var checksArguments: Bool { get }

    /// Takes the values of the scalar arguments, of each one for every step.
    mutating func prepare(_ arguments: [[Double]])

    /// Refuses arguments that are out of bounds, at a step where a series has samples.
    func check(_ step: Int) throws(QueryError)

    /// Looks at all samples of the next series.
    mutating func begin(_ columns: borrowing SampleColumns, _ starts: SampleStarts)

    /// `.absent` where the series has no result. The window is not empty.
    mutating func value(_ window: SampleWindow, _ columns: borrowing SampleColumns) -> Double
}

extension WindowFunction {
    static var checksArguments: Bool { false }
    mutating func prepare(_ arguments: [[Double]]) {}
    func check(_ step: Int) throws(QueryError) {}
    mutating func begin(_ columns: borrowing SampleColumns, _ starts: SampleStarts) {}
}
