/// What stands in a directory that is listed again and again, each entry prepared once: the devices of a class.
package final class DeviceList<Device> {
    private let directory: HostDirectory
    private let make: (_ name: String, _ path: String) -> Device?
    /// As of the last `refresh`, in order of their names' bytes.
    package private(set) var devices: [Device] = []

    /// - Parameter make: prepares the entry of this name and path; nil for one that is no device.
    package init(_ path: String, make: @escaping (_ name: String, _ path: String) -> Device?) {
        directory = HostDirectory(path)
        self.make = make
    }

    /// Lists the directory; returns whether names came or went.
    @discardableResult
    package func refresh() throws(HostFileError) -> Bool {
        guard try directory.refresh() else { return false }
        devices = directory.names.compactMap { make($0, "\(directory.path)/\($0)") }
        return true
    }

    /// As `refresh`; false where there is no such directory, and `devices` then is what it was.
    package func refreshIfPresent() throws(HostFileError) -> Bool {
        do throws(HostFileError) {
            try refresh()
            return true
        } catch {
            if error.isAbsent { return false }
            throw error
        }
    }
}

extension String {
    /// What stands after `prefix` if that is a number or begins with a digit, as in `cooling_device12`.
    package func number(after prefix: String) -> String? {
        guard hasPrefix(prefix) else { return nil }
        let rest = utf8.dropFirst(prefix.utf8.count)
        guard let first = rest.first, (0x30...0x39).contains(first) else { return nil }
        return String(rest)
    }
}
