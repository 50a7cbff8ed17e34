/// A date in UTC, of seconds since 1970.
struct UTCDate {
    let year: Int64
    /// 1…12
    let month: Int64
    /// 1…31
    let day: Int64
    /// 1…366
    let dayOfYear: Int64
    /// 0 is Sunday.
    let dayOfWeek: Int64
    let hour: Int64
    let minute: Int64
    let second: Int64

    /// Howard Hinnant's civil-from-days: eras of 400 years that begin on 1 March.
    init(seconds: Int64) {
        // Far enough for any date that means something, and no sum below overflows.
        let seconds = min(max(seconds, -(1 << 56)), 1 << 56)
        let days = UTCDate.floorDivide(seconds, 86400)
        let rest = seconds - days * 86400
        hour = rest / 3600
        minute = rest % 3600 / 60
        second = rest % 60
        dayOfWeek = (days % 7 + 11) % 7
        let shifted = days + 719_468
        let era = UTCDate.floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayFromMarch = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayFromMarch + 2) / 153
        day = dayFromMarch - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let isLeap = UTCDate.isLeap(year)
        dayOfYear = monthFromMarch < 10 ? dayFromMarch + 60 + (isLeap ? 1 : 0) : dayFromMarch - 305
    }

    var daysInMonth: Int64 {
        switch month {
        case 2: UTCDate.isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// `2006-01-02T15:04:05Z`
    var rfc3339: String {
        func padded(_ number: Int64, _ width: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T"
            + "\(padded(hour, 2)):\(padded(minute, 2)):\(padded(second, 2))Z"
    }

    private static func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private static func floorDivide(_ a: Int64, _ b: Int64) -> Int64 { a >= 0 ? a / b : (a - b + 1) / b }
}

/// The functions of dates, of samples that are seconds since 1970.
enum DateFunction: String, CaseIterable {
    case minute, hour, month, year
    case dayOfWeek = "day_of_week"
    case dayOfMonth = "day_of_month"
    case dayOfYear = "day_of_year"
    case daysInMonth = "days_in_month"

    func value(_ seconds: Double) -> Double {
        let limit = 9.2e18
        let whole = seconds.isNaN ? Int64.min : Int64(min(max(seconds.rounded(.towardZero), -limit), limit))
        let date = UTCDate(seconds: whole)
        let part =
            switch self {
            case .minute: date.minute
            case .hour: date.hour
            case .month: date.month
            case .year: date.year
            case .dayOfWeek: date.dayOfWeek
            case .dayOfMonth: date.day
            case .dayOfYear: date.dayOfYear
            case .daysInMonth: date.daysInMonth
            }
        return Double(part)
    }
}

/// `hour(v)`, `hour()`, …
final class DateNode: PlanNode {
    private let function: DateFunction
    private let node: PlanNode

    init(_ function: DateFunction, _ node: PlanNode) {
        self.function = function
        self.node = node
        super.init(isInvariant: node.isInvariant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        var frame = try node.evaluateFloats(grid, evaluation)
        frame.shape = frame.shape.removingNames
        let function = function
        frame.map { function.value($0) }
        return frame
    }
}
