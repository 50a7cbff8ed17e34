import CLinux
import Glibc

/// A directory whose files are opened by their names alone, which spares putting paths together where thousands of
/// devices have a directory each.
package struct OpenDirectory: ~Copyable {
    let descriptor: Int32

    /// Nil where it cannot be opened or is none.
    package init?(_ path: String) {
        descriptor = clinux_open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY, 0)
        if descriptor < 0 { return nil }
    }

    /// The directory `name` in `parent`; nil where it cannot be opened or is none.
    package init?(_ name: String, in parent: borrowing OpenDirectory) {
        descriptor = openat(parent.descriptor, name, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
        if descriptor < 0 { return nil }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// As below, of a name that is a literal: no string is made.
    func open(_ name: StaticString) -> Int32 {
        // A literal ends with a NUL.
        name.withUTF8Buffer { name in
            name.withMemoryRebound(to: CChar.self) { name in
                guard let start = name.baseAddress else { return -1 }
                return openat(descriptor, start, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
            }
        }
    }

    /// Opens the file `name` for reading. Returns a descriptor that the caller closes, or a negative number.
    func open(_ name: String) -> Int32 { openat(descriptor, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
}
