/// Who makes containers. The raw value is the label `runtime`.
enum ContainerRuntime: String, Equatable {
    case docker, podman, containerd, nerdctl, lxc, nspawn
    case crio = "cri-o"
    /// A container for sure, but its path does not say whose.
    case unknown = ""
}

/// What the name of a cgroup's directory says about it.
enum CgroupKind: Equatable {
    /// Not a container; there may be some below.
    case plain
    /// A monitor of a container or the like: nothing of interest, nor below.
    case ignored
    /// A pod of Kubernetes, by its uid.
    case pod(uid: String)
    /// By its id, or its name where the runtime has no ids.
    case container(ContainerRuntime, id: String)
    /// A unit of systemd, by its name.
    case unit(String)

    /// Whether nothing below is looked for.
    var isLeaf: Bool {
        switch self {
        case .container, .unit, .ignored: true
        case .plain, .pod: false
        }
    }

    /// - Parameters:
    ///   - name: the last part of the path.
    ///   - parent: the part before it; empty at the top.
    init(_ name: String, parent: String, parentKind: CgroupKind) {
        if case .pod = parentKind {
            self = Self.inPod(name)
        } else {
            self = Self.podSlice(name, parent) ?? Self.scope(name) ?? Self.bare(name, parent) ?? .plain
        }
    }

    /// Below a pod: `cri-containerd-ID.scope`, `crio-ID.scope`, `docker-ID.scope`; with the cgroupfs driver just `ID`.
    private static func inPod(_ name: String) -> CgroupKind {
        if let kind = scope(name) { return kind }
        return isIdentifier(name) ? .container(.unknown, id: name) : .plain
    }

    /// `kubepods-burstable-podUID.slice` with `_` for `-`, or `podUID` below `kubepods`, `burstable` or `besteffort`.
    private static func podSlice(_ name: String, _ parent: String) -> CgroupKind? {
        let uid: Substring
        if name.hasSuffix(".slice") {
            guard name.contains("kubepods"), let start = rangeEnd(of: "-pod", in: name) else { return nil }
            uid = name[start...].dropLast(6)
        } else {
            guard name.hasPrefix("pod"), ["kubepods", "burstable", "besteffort"].contains(parent) else { return nil }
            uid = name.dropFirst(3)
        }
        let plain = String(uid.map { $0 == "_" ? "-" : $0 })
        let isUID = (32...36).contains(plain.utf8.count) && plain.utf8.allSatisfy { isHexadecimal($0) || $0 == 0x2d }
        return isUID ? .pod(uid: plain) : nil
    }

    private static let prefixes: [(String, ContainerRuntime)] = [
        ("docker-", .docker), ("libpod-payload-", .podman), ("libpod-", .podman), ("crio-", .crio),
        ("cri-containerd-", .containerd), ("nerdctl-", .nerdctl),
    ]

    /// systemd's form, `RUNTIME-ID.scope`, and what a cgroupfs driver makes of it, `SLICE:RUNTIME:ID` and `RUNTIME-ID`.
    private static func scope(_ name: String) -> CgroupKind? {
        if name.hasPrefix("libpod-conmon-") || name.hasPrefix("crio-conmon-") { return .ignored }
        var base = name.hasSuffix(".scope") ? name.dropLast(6) : name[...]
        if base.contains(":") {
            let parts = base.split(separator: ":")
            guard parts.count == 3 else { return nil }
            base = "\(parts[1])-\(parts[2])"
        }
        for (prefix, runtime) in prefixes where base.hasPrefix(prefix) {
            let id = String(base.dropFirst(prefix.count))
            if isIdentifier(id) { return .container(runtime, id: id) }
        }
        return nil
    }

    /// cgroupfs drivers' `docker/ID`, `libpod_parent/ID`, `NAMESPACE/ID`; LXC and systemd-nspawn go by names.
    private static func bare(_ name: String, _ parent: String) -> CgroupKind? {
        if isIdentifier(name) {
            switch parent {
            case "docker": return .container(.docker, id: name)
            case "libpod_parent": return .container(.podman, id: name)
            default: return .container(.unknown, id: name)
            }
        }
        if name.hasPrefix("lxc.monitor") || name.hasPrefix("lxc.pivot") { return .ignored }
        if name.hasPrefix("lxc.payload.") { return .container(.lxc, id: String(name.dropFirst(12))) }
        if parent == "lxc" { return .container(.lxc, id: name) }
        guard parent == "machine.slice" else { return nil }
        if name.hasPrefix("systemd-nspawn@"), name.hasSuffix(".service") {
            return .container(.nspawn, id: unescaped(name.dropFirst(15).dropLast(8)))
        }
        if name.hasPrefix("machine-"), name.hasSuffix(".scope"), !name.hasPrefix("machine-qemu") {
            return .container(.nspawn, id: unescaped(name.dropFirst(8).dropLast(6)))
        }
        return nil
    }

    /// 64 hexadecimal digits in lower case.
    private static func isIdentifier(_ text: String) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy(isHexadecimal)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }

    private static func rangeEnd(of needle: String, in text: String) -> String.Index? {
        text.ranges(of: needle).last?.upperBound
    }

    /// Without systemd's escapes, `\x2d` for `-` (systemd.unit(5)).
    static func unescaped(_ name: Substring) -> String {
        let bytes = Array(name.utf8)
        var result: [UInt8] = []
        var offset = 0
        while offset < bytes.count {
            if bytes[offset] == 0x5c, offset + 3 < bytes.count, bytes[offset + 1] == 0x78,
                let value = UInt8(String(decoding: bytes[(offset + 2)...(offset + 3)], as: UTF8.self), radix: 16)
            {
                result.append(value)
                offset += 4
            } else {
                result.append(bytes[offset])
                offset += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
