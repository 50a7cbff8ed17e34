import CLinux
import Glibc
import Telemetry

/// What the kubelet's log directories say about pods and their containers by names alone:
/// `/var/log/pods/NAMESPACE_POD_UID` and `/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log`, a link to
/// `…/CONTAINER/RESTARTS.log`. Anybody may read them, so pods have names where runtimes keep theirs to themselves.
final class PodNames {
    struct Pod: Equatable {
        var namespace: String
        var name: String
    }

    struct Container: Equatable {
        var pod: Pod
        var name: String
        var restarts: Int?
    }

    private let podDirectory: HostDirectory
    private let logDirectory: HostDirectory
    /// By uid.
    private(set) var pods: [String: Pod] = [:]
    /// By the container's id.
    private(set) var containers: [String: Container] = [:]

    /// Names taken from each of the two.
    private static let most = 10_000

    init(paths: HostPaths) {
        podDirectory = HostDirectory(paths.root("/var/log/pods"), onlyDirectories: true)
        logDirectory = HostDirectory(paths.root("/var/log/containers"))
    }

    /// Looks again; whether anything came or went.
    func refresh(_ reader: inout HostReader) -> Bool {
        var hasChanged = false
        if Self.isListed(podDirectory, &reader) {
            pods.removeAll()
            for name in podDirectory.names.prefix(Self.most) {
                if let (uid, pod) = Self.pod(name) { pods[uid] = pod }
            }
            hasChanged = true
        }
        if Self.isListed(logDirectory, &reader) {
            var fresh: [String: Container] = [:]
            for name in logDirectory.names.prefix(Self.most) {
                guard let (id, found) = Self.container(name) else { continue }
                var container = found
                // A container's number of restarts never changes: each restart makes a new container.
                container.restarts =
                    containers[id]?.restarts ?? Self.restarts(Self.target("\(logDirectory.path)/\(name)"))
                fresh[id] = container
            }
            containers = fresh
            hasChanged = true
        }
        return hasChanged
    }

    private static func isListed(_ directory: HostDirectory, _ reader: inout HostReader) -> Bool {
        do throws(HostFileError) {
            return try directory.refresh()
        } catch {
            if !error.isAbsent { reader.odd("\(error)") }
            return false
        }
    }

    /// `NAMESPACE_POD_UID`; neither namespaces nor pods have an underscore in their names.
    static func pod(_ name: String) -> (uid: String, pod: Pod)? {
        let parts = name.split(separator: "_", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        return (parts[2], Pod(namespace: parts[0], name: parts[1]))
    }

    /// `POD_NAMESPACE_CONTAINER-ID.log`
    static func container(_ name: String) -> (id: String, container: Container)? {
        guard name.hasSuffix(".log") else { return nil }
        let parts = name.dropLast(4).split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, !parts[1].isEmpty, let dash = parts[2].lastIndex(of: "-") else {
            return nil
        }
        let id = parts[2][parts[2].index(after: dash)...]
        let container = parts[2][..<dash]
        guard id.utf8.count == 64, !container.isEmpty else { return nil }
        let pod = Pod(namespace: String(parts[1]), name: String(parts[0]))
        return (String(id), Container(pod: pod, name: String(container), restarts: nil))
    }

    /// `3` of `/var/log/pods/…/CONTAINER/3.log`
    static func restarts(_ target: String) -> Int? {
        guard target.hasSuffix(".log"), let slash = target.lastIndex(of: "/") else { return nil }
        guard let number = Int(target[target.index(after: slash)...].dropLast(4)), number >= 0 else { return nil }
        return number
    }

    /// What a symbolic link points at; empty where it is none.
    private static func target(_ path: String) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { room in
            guard let start = room.baseAddress else { return "" }
            let length = readlink(path, start, room.count)
            guard length > 0 else { return "" }
            return String(decoding: room[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }
}
