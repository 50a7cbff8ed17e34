import Glibc
import Logs

/// The one directory with all state.
enum StateDirectory {
    /// Makes it if need be; a sentence with the remedy if it cannot be used.
    static func prepare(_ path: String) throws(StoreError) {
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            made += "/" + part
            if mkdir(made, 0o700) != 0, errno != EEXIST {
                throw StoreError(
                    "state directory \(path) cannot be made: \(String(cString: strerror(errno))); "
                        + "make it for this user, or give another with state_dir or --state-dir")
            }
        }
        guard access(path, R_OK | W_OK | X_OK) == 0 else {
            throw StoreError(
                "state directory \(path) cannot be written: \(String(cString: strerror(errno))); "
                    + "chown it to this user (uid \(getuid())), or give another with state_dir or --state-dir")
        }
    }
}
