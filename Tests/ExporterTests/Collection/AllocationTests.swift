import Bytes
import CAllocations
import Telemetry
import Testing

@testable import Exporter

/// A host with so many of everything.
private func script(_ count: Int) -> String {
    var text = ""
    func file(_ path: String, _ lines: [String]) { text += "--- \(path)\n" + lines.map { $0 + "\n" }.joined() }
    let each = 0..<count
    file(
        "proc/stat",
        ["cpu  300 10 100 5000 40 0 5 1 2 1"] + each.map { "cpu\($0) 100 4 60 2500 20 0 3 1 2 1" }
            + [
                "intr 5000 17", "ctxt 38014", "btime 1418183276", "processes 2644", "procs_running 2",
                "procs_blocked 1",
            ])
    file("proc/schedstat", ["version 15", "timestamp 1"] + each.map { "cpu\($0) 0 0 0 0 0 0 12 13 14" })
    file("proc/net/softnet_stat", each.map { _ in "00001e01 00000000 00000001 00000000 00000000 00000000" })
    file(
        "proc/diskstats",
        each.map { "259 \($0) nvme\($0)n1 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17" })
    file(
        "proc/net/dev", ["Inter-|", " face |"] + each.map { "  eth\($0): 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16" })
    file(
        "proc/net/arp",
        ["IP address HW type Flags HW address Mask Device"]
            + each.map { "10.0.0.\($0) 0x1 0x2 00:00:00:00:00:01 * eth\($0)" })
    file(
        "proc/1/mountinfo",
        ["1 0 8:1 / / rw - ext4 /dev/root rw"]
            + each.map { "\(10 + $0) 1 8:\($0) / /mnt\($0) rw - ext4 /dev/sd\($0) rw" })
    file("proc/buddyinfo", each.map { "Node \($0), zone   DMA 1 2 3 4 5 6 7 8 9 10 11" })
    file("proc/swaps", ["Filename Type Size Used Priority"] + each.map { "/dev/zram\($0) partition 1024 12 -2" })
    file(
        "proc/softirqs",
        ["      " + each.map { "CPU\($0)" }.joined(separator: " ")]
            + ["HI", "TIMER", "NET_TX"].map { name in "\(name): " + each.map { "\($0)" }.joined(separator: " ") })
    file(
        "proc/interrupts",
        ["      " + each.map { "CPU\($0)" }.joined(separator: " ")]
            + each.map { line in
                "\(line): " + each.map { "\($0)" }.joined(separator: " ") + " IO-APIC 2-edge timer\(line)"
            })
    file("proc/loadavg", ["0.1 0.2 0.3 1/2 3"])
    file("proc/meminfo", ["MemTotal: 100 kB", "MemFree: 10 kB", "Active(anon): 3 kB", "HugePages_Total: 0"])
    file("proc/vmstat", ["pgpgin 1", "pgpgout 2", "pswpin 3", "oom_kill 0", "pgfault 5"])
    for index in each {
        text += "--- root/mnt\(index)/file\n"
        file("sys/block/nvme\(index)n1/queue/rotational", ["0"])
        file(
            "udev/b259:\(index)",
            [
                "E:ID_MODEL=m\(index)", "E:ID_SERIAL=s", "E:ID_FS_TYPE=ext4", "E:ID_ATA=1",
                "E:ID_ATA_WRITE_CACHE=1",
            ])
        let cpu = "sys/devices/system/cpu/cpu\(index)"
        file("\(cpu)/cpufreq/scaling_cur_freq", ["1000"])
        file("\(cpu)/cpufreq/scaling_governor", ["performance"])
        file("\(cpu)/topology/physical_package_id", ["0"])
        file("\(cpu)/topology/core_id", ["\(index)"])
        file("\(cpu)/thermal_throttle/core_throttle_count", ["1"])
        file("\(cpu)/thermal_throttle/package_throttle_count", ["1"])
        file("\(cpu)/online", ["1"])
        let net = "sys/class/net/eth\(index)"
        for name in ["carrier", "mtu", "ifindex", "flags", "speed", "type"] { file("\(net)/\(name)", ["1"]) }
        file("\(net)/operstate", ["up"])
        file("\(net)/address", ["00:00:00:00:00:0\(index % 10)"])
        file("\(net)/duplex", ["full"])
        file("sys/class/thermal/thermal_zone\(index)/type", ["acpitz"])
        file("sys/class/thermal/thermal_zone\(index)/temp", ["45000"])
        file("sys/class/hwmon/hwmon\(index)/name", ["chip\(index)"])
        file("sys/class/hwmon/hwmon\(index)/temp1_input", ["45000"])
        file("sys/class/hwmon/hwmon\(index)/temp1_label", ["Core"])
        file("sys/class/power_supply/BAT\(index)/type", ["Battery"])
        file("sys/class/power_supply/BAT\(index)/capacity", ["81"])
        file("sys/class/power_supply/BAT\(index)/status", ["Full"])
        file("sys/class/nvme/nvme\(index)/model", ["m"])
        file("sys/class/nvme/nvme\(index)/serial", ["s"])
        file("sys/class/watchdog/watchdog\(index)/timeout", ["60"])
        file("sys/class/powercap/intel-rapl:\(index)/name", ["package-\(index)"])
        file("sys/class/powercap/intel-rapl:\(index)/energy_uj", ["240422366267"])
        file("sys/devices/system/edac/mc/mc\(index)/ce_count", ["1"])
        file("sys/devices/system/edac/mc/mc\(index)/ue_count", ["1"])
    }
    return text
}

@Suite struct AllocationTests {
    /// Allocations that each collector's part of a page costs once it is in its stride: collecting, adding it to the page,
    /// rendering it. The least of a few pages.
    private func allocations(_ count: Int) throws -> [String: (allocations: UInt, samples: Int)] {
        let host = FakeHost(script(count))
        var configuration = HostConfiguration()
        configuration.paths = HostPaths(
            proc: host.root + "/proc", sys: host.root + "/sys", root: host.root + "/root", udev: host.root + "/udev")
        let names = ["buddyinfo", "swap", "softirqs", "interrupts"]
        try HostFlags.parse(names.map { "--collector.\($0)" }, into: &configuration)
        var found: [String: (allocations: UInt, samples: Int)] = [:]
        for (name, made) in try configuration.makeCollectors() {
            var collector = made
            var reader = HostReader()
            var batch = SampleBatch()
            var page = SampleBatch()
            var exposition = Exposition()
            var buffer = ByteBuffer()
            var least = UInt.max
            for round in 0..<8 {
                let before = callocations_of_this_thread()
                batch.removeAll()
                page.removeAll()
                buffer.removeAll()
                // A collector without its subject throws each time, and costs what that does.
                try? collector.collect(into: &batch, reader: &reader)
                page.append(batch)
                exposition.render(page, as: .text, into: &buffer)
                let spent = callocations_of_this_thread() - before
                if round >= 3 { least = min(least, UInt(spent)) }
            }
            found[name] = (least, batch.samples.count)
        }
        return found
    }

    /// How many more allocations so many more samples may cost: none where the compiler optimises. A debug build has some for
    /// each slice and iterator that it does not see through, up to 70 for a sample of many small files; there the bound only
    /// catches what grows faster than the page.
    private func allowance(for samples: Int) -> UInt {
        #if DEBUG
            UInt(80 * max(samples, 0) + 64)
        #else
            0
        #endif
    }

    @Test("a page costs no more allocations for twice as many devices, in a debug build no more than in proportion")
    func steadyState() throws {
        let few = try allocations(8)
        let many = try allocations(16)
        var grown = 0
        for (name, one) in few.sorted(by: { $0.key < $1.key }) {
            let other = try #require(many[name])
            if other.samples > one.samples { grown += 1 }
            #expect(
                other.allocations <= one.allocations + allowance(for: other.samples - one.samples),
                "\(name): \(one.allocations) for \(one.samples) samples, \(other.allocations) for \(other.samples)")
        }
        // Otherwise the host is not what the collectors look for.
        #expect(grown >= 18, "only \(grown) collectors found more")
    }

    @Test("allocations are counted")
    func counter() {
        let before = callocations_of_this_thread()
        let made = (0..<10).map { [UInt8](repeating: UInt8($0), count: 100) }
        #expect(callocations_of_this_thread() - before >= 10)
        #expect(made.count == 10)
    }
}
