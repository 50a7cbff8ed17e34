import Bytes
import Telemetry

/// The text format of the Kubernetes container runtime interface, which podman's `k8s-file` driver writes too:
/// `<RFC3339Nano> <stdout|stderr> <P|F>[:tags] <content>` (kubernetes `pkg/kubelet/kuberuntime/logs`).
package enum CRIDecoder {
    /// Appends the content of one line, given without its newline, to `text`. Nil, with `text` as it was, where the
    /// line is not of this format.
    @inline(__always)
    package static func decode(_ line: RawSpan, into text: inout ByteBuffer) -> ContainerRecord? {
        // The shortest time stamp has 20 bytes, the longest 35.
        guard line.byteCount >= 29, let timeEnd = space(line, from: 20, limit: 36),
            let time = RFC3339.parse(line.slice(0, timeEnd)), line.byteCount >= timeEnd &+ 9
        else { return nil }
        let stream: ContainerStream
        switch line.load(littleEndian: timeEnd, as: UInt64.self) {
        case 0x2074_756f_6474_7320: stream = .stdout  // " stdout "
        case 0x2072_7265_6474_7320: stream = .stderr  // " stderr "
        default: return nil
        }
        let isPartial: Bool
        switch line.byte(at: timeEnd &+ 8) {
        case 0x46: isPartial = false
        case 0x50: isPartial = true
        default: return nil
        }
        var content = timeEnd &+ 9
        if content < line.byteCount {
            if line.byte(at: content) == 0x3a {
                content = line.firstIndex(of: 0x20, from: content) ?? line.byteCount
            }
            if content < line.byteCount {
                guard line.byte(at: content) == 0x20 else { return nil }
                content &+= 1
            }
        }
        text.append(line.slice(content, line.byteCount))
        return ContainerRecord(time: Timestamp(nanoseconds: time), stream: stream, isPartial: isPartial)
    }

    @inline(__always)
    private static func space(_ line: RawSpan, from start: Int, limit: Int) -> Int? {
        var index = start
        let end = min(limit, line.byteCount)
        while index < end {
            if line.byte(at: index) == 0x20 { return index }
            index &+= 1
        }
        return nil
    }
}
