import Bytes
import Telemetry

/// `sys/devices/system/cpu/cpu*/cpufreq` (Documentation/admin-guide/pm/cpufreq.rst); the kernel counts in kHz.
struct CPUFrequencyCollector: Collector {
    static let description = CollectorDescription("cpufreq", "Frequencies and governors of the CPUs.") {
        CPUFrequencyCollector($0)
    }

    private struct CPU {
        var number: String
        var path: String
    }

    private static let frequencies: [(family: StaticString, file: String, help: StaticString)] = [
        ("node_cpu_frequency_hertz", "cpuinfo_cur_freq", "Frequency that the hardware reports."),
        ("node_cpu_frequency_avg_hertz", "cpuinfo_avg_freq", "Average frequency that the hardware reports."),
        ("node_cpu_frequency_min_hertz", "cpuinfo_min_freq", "Lowest frequency that the hardware can run at."),
        ("node_cpu_frequency_max_hertz", "cpuinfo_max_freq", "Highest frequency that the hardware can run at."),
        ("node_cpu_scaling_frequency_hertz", "scaling_cur_freq", "Frequency that the kernel asked for."),
        ("node_cpu_scaling_frequency_min_hertz", "scaling_min_freq", "Lowest frequency that the policy allows."),
        ("node_cpu_scaling_frequency_max_hertz", "scaling_max_freq", "Highest frequency that the policy allows."),
    ]

    private let directory: HostDirectory
    /// Those with a directory `cpufreq`.
    private var cpus: [CPU] = []

    init(_ context: CollectorContext) { directory = HostDirectory(context.paths.sys("devices/system/cpu")) }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        // A driver may be loaded while no CPU comes or goes.
        if try directory.refresh() || cpus.isEmpty {
            cpus = directory.names.compactMap { name in
                guard name.hasPrefix("cpu"), let number = UInt(name.dropFirst(3)) else { return nil }
                let path = "\(directory.path)/\(name)/cpufreq"
                return OpenDirectory(path) == nil ? nil : CPU(number: "\(number)", path: path)
            }
        }
        if cpus.isEmpty { return }
        let families = Self.frequencies.map { batch.family($0.family, .gauge, $0.help) }
        let governor = batch.family(
            "node_cpu_scaling_governor", .gauge, "Which of the governors that a CPU could have it has.")
        for cpu in cpus {
            guard let directory = OpenDirectory(cpu.path) else { continue }
            let labels = batch.labels("cpu", cpu.number)
            for (index, frequency) in Self.frequencies.enumerated() {
                guard reader.loadAttribute(frequency.file, in: directory), let value = reader.text.number else {
                    continue
                }
                batch.sample(families[index], labels, value * 1000)
            }
            guard reader.loadAttribute("scaling_governor", in: directory), reader.text.byteCount > 0 else { continue }
            let current = String(lossy: reader.text)
            guard reader.loadAttribute("scaling_available_governors", in: directory) else { continue }
            var names = FieldCursor(reader.text)
            while names.next() {
                batch.startLabels()
                batch.label("cpu", cpu.number)
                batch.label("governor", names.field)
                batch.sample(governor, batch.endLabels(), names.field.equals(current) ? 1 : 0)
            }
        }
    }
}
