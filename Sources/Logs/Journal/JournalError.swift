import Glibc

/// A call of libsystemd that failed.
struct JournalError: Error, Equatable, CustomStringConvertible {
    /// What was attempted, as a phrase that follows "cannot".
    var operation: String
    /// A positive errno.
    var code: Int32

    init(_ operation: String, _ result: Int32) {
        self.operation = operation
        code = result == .min ? EIO : abs(result)
    }

    /// A short fixed word for the metrics' `reason` label.
    var reason: String {
        switch code {
        case EBADMSG: "bad_message"
        case ENODATA: "no_data"
        case EADDRNOTAVAIL: "not_positioned"
        case E2BIG: "too_big"
        case ENOENT: "not_found"
        case EIO: "io"
        case EACCES, EPERM: "permission"
        case ENOMEM: "no_memory"
        case EMFILE, ENFILE: "too_many_files"
        case EPROTONOSUPPORT: "unsupported_format"
        case ESTALE: "stale"
        default: "other"
        }
    }

    var description: String {
        let found =
            switch code {
            case EBADMSG: "the file is damaged"
            case EPROTONOSUPPORT: "the file has a format or compression this libsystemd does not know"
            default: String(cString: strerror(code))
            }
        return "cannot \(operation): \(found)"
    }
}
