import Configuration
import Telemetry

/// node_exporter's flags, read into a `HostConfiguration`: `--path.procfs=`, `--[no-]collector.NAME`,
/// `--collector.NAME.OPTION=`, `--collector.disable-defaults`.
///
/// In an option's name `-`, `.` and `_` are one and case does not matter, as node_exporter's own flags have all of
/// them (`info.bugs-include`, `priorityStats`).
package enum HostFlags {
    /// Reads `arguments`; `--flag value` is as good as `--flag=value`.
    package static func parse(
        _ arguments: [String], into configuration: inout HostConfiguration
    ) throws(HostConfigurationError) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("--") else {
                throw HostConfigurationError("unexpected argument \"\(argument)\": flags begin with --")
            }
            let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let flag = Flag(name: String(parts[0]), value: parts.count == 2 ? String(parts[1]) : nil)
            try apply(flag, &rest, &configuration)
        }
    }

    private struct Flag {
        var name: String
        var value: String?
    }

    private static func apply(
        _ flag: Flag, _ rest: inout ArraySlice<String>, _ configuration: inout HostConfiguration
    ) throws(HostConfigurationError) {
        func value() throws(HostConfigurationError) -> String {
            if let value = flag.value { return value }
            guard let next = rest.popFirst() else { throw HostConfigurationError("--\(flag.name) wants a value") }
            return next
        }
        switch flag.name {
        case "path.procfs": configuration.paths.proc = HostPaths(proc: try value()).proc
        case "path.sysfs": configuration.paths.sys = HostPaths(sys: try value()).sys
        case "path.rootfs": configuration.paths.root = HostPaths(root: try value()).root
        case "path.udev.data": configuration.paths.udev = HostPaths(udev: try value()).udev
        case "collector.disable-defaults": configuration.disablesDefaults = flag.value != "false"
        default:
            var name = flag.name[...]
            var isOn = flag.value != "false"
            if name.hasPrefix("no-") {
                name = name.dropFirst(3)
                isOn = false
            }
            guard name.hasPrefix("collector.") else { throw unknown(flag.name) }
            name = name.dropFirst("collector.".count)
            if let collector = Collectors.all.first(where: { $0.name == name }) {
                configuration.enabled[collector.name] = isOn
                return
            }
            guard let (collector, option) = find(name) else { throw unknown(flag.name) }
            let text: String
            if option.kind == .bool { text = "\(isOn)" } else { text = try value() }
            do throws(HostConfigurationError) {
                try configuration.set(option, of: collector, to: text)
            } catch {
                throw HostConfigurationError("--\(flag.name): \(error)")
            }
        }
    }

    private static func find(_ name: Substring) -> (CollectorDescription, CollectorOption)? {
        for collector in Collectors.all where name.hasPrefix(collector.name + ".") {
            let wanted = plain(name.dropFirst(collector.name.count + 1))
            if let option = collector.options.first(where: { plain($0.name[...]) == wanted }) {
                return (collector, option)
            }
        }
        return nil
    }

    private static func plain(_ name: Substring) -> String {
        name.filter { $0 != "-" && $0 != "." && $0 != "_" }.lowercased()
    }

    private static func unknown(_ name: String) -> HostConfigurationError {
        let known =
            ["path.procfs", "path.sysfs", "path.rootfs", "path.udev.data", "collector.disable-defaults"]
            + Collectors.all.flatMap { collector in
                ["collector.\(collector.name)"]
                    + collector.options.map {
                        "collector.\(collector.name).\($0.name.replacing("_", with: "-"))"
                    }
            }
        let hint = NearestKey.of(name, among: known).map { "did you mean --\($0)?" } ?? "see tocsin metrics --help"
        return HostConfigurationError("unknown flag --\(name): \(hint)")
    }
}
