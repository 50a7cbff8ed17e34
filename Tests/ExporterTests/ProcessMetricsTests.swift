import Bytes
import Exporter
import Glibc
import Telemetry
import Testing

private func bytes(_ text: String) -> ByteBuffer {
    var buffer = ByteBuffer()
    buffer.append(text)
    return buffer
}

@Suite("The process's own metrics")
struct ProcessMetricsTests {
    @Test("a program's name with spaces and parentheses does not shift the fields of stat")
    func stat() {
        let text = bytes(
            "123 (a) b (c) S 1 123 123 0 -1 4194560 1 2 3 4 250 150 5 6 20 0 4 0 7777 44040192 900 18446744073709551615"
        )
        var reading = ProcessReading()
        let taken = reading.takeStat(text.bytes, ticksPerSecond: 100)
        #expect(taken)
        #expect(reading.cpuSeconds == 4 && reading.startTicks == 7777 && reading.virtualBytes == 44_040_192)
    }

    @Test("the parts of resident memory come from status")
    func status() {
        let text = bytes(
            "Name:\tx\nVmHWM:\t 9 kB\nVmRSS:\t 10 kB\nRssAnon:\t 3 kB\nRssFile:\t 6 kB\nRssShmem:\t 1 kB\n")
        var reading = ProcessReading()
        let taken = reading.takeStatus(text.bytes)
        #expect(taken)
        #expect(reading.residentBytes == 10_240 && reading.anonymousBytes == 3072)
        #expect(reading.fileBytes == 6144 && reading.sharedBytes == 1024)
    }

    @Test(
        "what is no stat or status is refused",
        arguments: ["", ")", "1 (x", "VmRSS:", "VmRSS: x", "btime", "1 (x) S 1"])
    func refused(text: String) {
        let buffer = bytes(text)
        var reading = ProcessReading()
        let stat = reading.takeStat(buffer.bytes, ticksPerSecond: 100)
        let status = reading.takeStatus(buffer.bytes)
        #expect(!stat && !status && ProcessReading.bootTime(buffer.bytes) == nil)
    }

    @Test("this process has all its series with plausible values")
    func live() throws {
        let registry = MetricRegistry()
        ProcessMetrics().register(in: registry)
        BuildDescription(version: "0.1.0", revision: "abc").register(in: registry)
        var values: [String: Double] = [:]
        for family in registry.snapshot() {
            for (labels, value) in family.series {
                let name = family.name + (labels.isEmpty ? "" : "\(labels)")
                switch value {
                case .computed(let read): values[name] = read()
                case .gauge(let gauge): values[name] = gauge.current
                default: break
                }
            }
        }
        let now = Timestamp.now.seconds(since: Timestamp(seconds: 0))
        let start = try #require(values["process_start_time_seconds"])
        #expect(start > now - 86_400 && start < now + 5)
        for name in [
            "process_cpu_seconds_total", "process_resident_memory_bytes", "process_virtual_memory_bytes",
            "process_open_fds", "process_max_fds", "process_virtual_memory_max_bytes", "tocsin_memory_heap_bytes",
            "tocsin_memory_resident_bytes{part=\"anonymous\"}", "tocsin_memory_resident_bytes{part=\"file\"}",
        ] {
            #expect(try #require(values[name], "\(name)") > 0, "\(name)")
        }
        #expect(values.keys.contains { $0.hasPrefix("tocsin_build_info{") })
    }

    @Test("a part that is gone from readiness is gone from the metrics")
    func readiness() {
        let readiness = Readiness()
        let registry = MetricRegistry()
        ReadinessMetrics(readiness).register(in: registry)
        readiness.set("source/journal", .ok)
        readiness.set("destination/a", .degraded("slow"))
        func page() -> String {
            let body = MetricsPage(registry).render(accept: nil, acceptEncoding: nil).body
            return String(decoding: body, as: UTF8.self)
        }
        let both = page()
        #expect(both.contains("tocsin_part_ready{part=\"source/journal\"} 1\n"))
        #expect(both.contains("tocsin_part_ready{part=\"destination/a\"} 0\n"))
        readiness.remove("destination/a")
        #expect(!page().contains("destination/a"))
    }
}
