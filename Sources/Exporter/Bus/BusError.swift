import Glibc

/// Why a peer on D-Bus gave no answer.
enum BusError: Error, CustomStringConvertible {
    /// No such socket, or nobody at the bus has the name.
    case absent(String)
    /// The connection could not be made or broke: an errno.
    case lost(address: String, code: Int32)
    /// No answer in time.
    case silent(address: String)
    /// The answer was an error; its name.
    case refused(call: String, error: String)
    /// The answer is not what was asked for.
    case unreadable(call: String)

    var description: String {
        switch self {
        case .absent(let what): what
        case .lost(let address, let code): "\(address): \(String(cString: strerror(code)))"
        case .silent(let address): "\(address): no answer in time; it is not asked again before it answers"
        case .refused(let call, let error): "\(call): refused with \(error)"
        case .unreadable(let call): "\(call): the answer is not as expected"
        }
    }

    /// For the runner of collectors.
    var collectorError: CollectorError {
        if case .absent(let what) = self { .absent(what) } else { .failed(description) }
    }

    /// Errors that say that nobody has the name that was called.
    static let namelessErrors: Set<String> = [
        "org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner",
    ]
}
