/// `ignorecache`: what was answered lately. At most `capacity` answers; the oldest goes first.
struct IgnoreCache {
    private var answers: [String: (isIgnored: Bool, time: Double)] = [:]
    private let capacity: Int
    private let lifetime: Double

    /// - Parameter lifetime: seconds.
    init(capacity: Int, lifetime: Double) {
        self.capacity = capacity
        self.lifetime = lifetime
    }

    /// `key="<F-USER>@<ip>", max-count=100, max-time=5m`
    static func parse(_ text: String) throws(ParameterError) -> (key: String, cache: IgnoreCache) {
        var key: String?
        var (capacity, lifetime) = (100, 300.0)
        for (name, value) in try ParameterList("ignorecache[\(text)]").parameters {
            switch name {
            case "key": key = value
            case "max-count":
                guard let number = Int(value), (1...1_000_000).contains(number) else {
                    throw ParameterError(
                        message: "ignorecache: expected max-count from 1 to 1000000, found \"\(value)\"")
                }
                capacity = number
            case "max-time":
                guard let seconds = TimeText.seconds(value), seconds >= 0 else {
                    throw ParameterError(message: "ignorecache: expected max-time such as 5m, found \"\(value)\"")
                }
                lifetime = seconds
            default:
                throw ParameterError(message: "ignorecache: expected key, max-count or max-time, found \"\(name)\"")
            }
        }
        guard let key, !key.isEmpty else { throw ParameterError(message: "ignorecache: expected key=\"<ip>\"") }
        return (key, IgnoreCache(capacity: capacity, lifetime: lifetime))
    }

    mutating func value(of key: String, now: Double) -> Bool? {
        guard let answer = answers[key] else { return nil }
        guard now - answer.time <= lifetime, now >= answer.time else {
            answers[key] = nil
            return nil
        }
        return answer.isIgnored
    }

    mutating func set(_ key: String, _ isIgnored: Bool, now: Double) {
        if answers.count >= capacity, answers[key] == nil {
            answers = answers.filter { now - $0.value.time <= lifetime }
            if answers.count >= capacity, let oldest = answers.min(by: { $0.value.time < $1.value.time }) {
                answers[oldest.key] = nil
            }
        }
        answers[key] = (isIgnored, now)
    }
}
