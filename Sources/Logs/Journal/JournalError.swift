import Glibc

/// A call of libsystemd that failed.
package struct JournalError: Error, Equatable, CustomStringConvertible {
    /// What was attempted, as a phrase that follows "cannot".
    var operation: String
    /// A positive errno.
    var code: Int32

    /// A file lost its end while it was read: what was read last may be zeros.
    var isTruncation = false

    init(_ operation: String, _ result: Int32) {
        self.operation = operation
        code = result == .min ? EIO : abs(result)
    }

    static func truncated(_ operation: String) -> JournalError {
        var error = JournalError(operation, EBADMSG)
        error.isTruncation = true
        return error
    }

    /// A short fixed word for the metrics' `reason` label.
    var reason: String {
        if isTruncation { return "truncated" }
        return switch code {
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

    package var description: String {
        let found =
            switch code {
            case EBADMSG where isTruncation: "a journal file was truncated while it was read"
            case EBADMSG: "the file is damaged"
            case EPROTONOSUPPORT: "the file has a format or compression this libsystemd does not know"
            default: String(cString: strerror(code))
            }
        return "cannot \(operation): \(found)"
    }
}
