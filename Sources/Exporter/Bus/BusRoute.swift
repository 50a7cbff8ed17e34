import Glibc

/// A way to a peer.
struct BusRoute: Sendable, Equatable {
    /// As D-Bus writes it: `unix:path=/run/dbus/system_bus_socket`.
    var address: String
    /// Whether a message bus is there, or the peer itself.
    var isBus: Bool

    /// The host's message bus: where `DBUS_SYSTEM_BUS_ADDRESS` says, as for every client, or at its usual place.
    static func system(_ paths: HostPaths) -> BusRoute {
        let given = getenv("DBUS_SYSTEM_BUS_ADDRESS").map { String(cString: $0) } ?? ""
        return BusRoute(
            address: given.isEmpty ? "unix:path=\(paths.root("/run/dbus/system_bus_socket"))" : given, isBus: true)
    }

    /// systemd's own socket, for root alone.
    static func systemd(_ paths: HostPaths) -> BusRoute {
        BusRoute(address: "unix:path=\(paths.root("/run/systemd/private"))", isBus: false)
    }
}

/// A method call.
struct BusCall {
    /// The name at the bus; a direct peer has none.
    var destination: String
    var path: String
    var interface: String
    var member: String
    var first: String?
    var second: String?

    init(_ destination: String, _ path: String, _ interface: String, _ member: String) {
        self.destination = destination
        self.path = path
        self.interface = interface
        self.member = member
    }

    /// The call that reads a property.
    init(_ destination: String, _ path: String, property: String, of interface: String) {
        self.init(destination, path, "org.freedesktop.DBus.Properties", "Get")
        first = interface
        second = property
    }
}
