import Telemetry

/// The numbers that a container has one of, under cAdvisor's names (`metrics/prometheus.go` of cAdvisor): what the
/// readers fill in and the writer puts out.
enum ContainerValue: Int, CaseIterable {
    case cpuTotal, cpuUser, cpuSystem, periods, throttledPeriods, throttledSeconds
    case memory, workingSet, rss, cache, swap, mappedFile, activeFile, inactiveFile, peak, failures
    case faults, majorFaults, allFaults, allMajorFaults, oomKills
    case processes, threads
    case cpuWaiting, cpuStalled, memoryWaiting, memoryStalled, ioWaiting, ioStalled
    case threadsMax, cpuPeriod, cpuQuota, cpuShares, memoryLimit, swapLimit, reservation
    case startTime, lastSeen

    static let count = allCases.count

    /// Those that change only when somebody changes a limit.
    var isLimit: Bool { (Self.threadsMax.rawValue...Self.reservation.rawValue).contains(rawValue) }

    /// Those that the host as a whole has in every hierarchy.
    var isOfRoot: Bool {
        switch self {
        case .periods, .throttledPeriods, .throttledSeconds, .peak, .failures, .oomKills, .processes, .threads: false
        default: !isLimit
        }
    }

    var name: StaticString {
        switch self {
        case .cpuTotal: "container_cpu_usage_seconds_total"
        case .cpuUser: "container_cpu_user_seconds_total"
        case .cpuSystem: "container_cpu_system_seconds_total"
        case .periods: "container_cpu_cfs_periods_total"
        case .throttledPeriods: "container_cpu_cfs_throttled_periods_total"
        case .throttledSeconds: "container_cpu_cfs_throttled_seconds_total"
        case .memory: "container_memory_usage_bytes"
        case .workingSet: "container_memory_working_set_bytes"
        case .rss: "container_memory_rss"
        case .cache: "container_memory_cache"
        case .swap: "container_memory_swap"
        case .mappedFile: "container_memory_mapped_file"
        case .activeFile: "container_memory_total_active_file_bytes"
        case .inactiveFile: "container_memory_total_inactive_file_bytes"
        case .peak: "container_memory_max_usage_bytes"
        case .failures: "container_memory_failcnt"
        case .faults, .majorFaults, .allFaults, .allMajorFaults: "container_memory_failures_total"
        case .oomKills: "container_oom_events_total"
        case .processes: "container_processes"
        case .threads: "container_threads"
        case .cpuWaiting: "container_pressure_cpu_waiting_seconds_total"
        case .cpuStalled: "container_pressure_cpu_stalled_seconds_total"
        case .memoryWaiting: "container_pressure_memory_waiting_seconds_total"
        case .memoryStalled: "container_pressure_memory_stalled_seconds_total"
        case .ioWaiting: "container_pressure_io_waiting_seconds_total"
        case .ioStalled: "container_pressure_io_stalled_seconds_total"
        case .threadsMax: "container_threads_max"
        case .cpuPeriod: "container_spec_cpu_period"
        case .cpuQuota: "container_spec_cpu_quota"
        case .cpuShares: "container_spec_cpu_shares"
        case .memoryLimit: "container_spec_memory_limit_bytes"
        case .swapLimit: "container_spec_memory_swap_limit_bytes"
        case .reservation: "container_spec_memory_reservation_limit_bytes"
        case .startTime: "container_start_time_seconds"
        case .lastSeen: "container_last_seen"
        }
    }

    var type: MetricType {
        switch self {
        case .cpuTotal, .cpuUser, .cpuSystem, .periods, .throttledPeriods, .throttledSeconds, .failures, .faults,
            .majorFaults, .allFaults, .allMajorFaults, .oomKills, .cpuWaiting, .cpuStalled, .memoryWaiting,
            .memoryStalled, .ioWaiting, .ioStalled:
            .counter
        default: .gauge
        }
    }

    var help: StaticString {
        switch self {
        case .cpuTotal: "CPU time that the container has used, in seconds."
        case .cpuUser: "CPU time of the container in user mode, in seconds."
        case .cpuSystem: "CPU time of the container in the kernel, in seconds."
        case .periods: "Periods in which the CPU quota was enforced."
        case .throttledPeriods: "Periods in which the quota was used up and the container had to wait."
        case .throttledSeconds: "Time that the container had to wait because its CPU quota was used up, in seconds."
        case .memory: "Memory that the kernel accounts to the container, caches included."
        case .workingSet: "Memory in use without the file pages that have not been used lately."
        case .rss: "Anonymous memory of the container, in bytes."
        case .cache: "Page cache of the container, in bytes."
        case .swap: "Swap that the container uses, in bytes."
        case .mappedFile: "Mapped file pages, in bytes."
        case .activeFile: "File pages that were used lately, in bytes."
        case .inactiveFile: "File pages that were not used lately, in bytes."
        case .peak: "The most memory that the container ever had in use, in bytes."
        case .failures: "How often the container has reached its memory limit."
        case .faults, .majorFaults, .allFaults, .allMajorFaults: "Page faults, without and with those of cgroups below."
        case .oomKills: "Processes of the container that the kernel killed for want of memory."
        case .processes: "Processes in the container."
        case .threads: "Threads in the container."
        case .cpuWaiting: "Time in which some task of the container waited for a CPU, in seconds."
        case .cpuStalled: "Time in which all tasks of the container waited for a CPU, in seconds."
        case .memoryWaiting: "Time in which some task of the container waited for memory, in seconds."
        case .memoryStalled: "Time in which all tasks of the container waited for memory, in seconds."
        case .ioWaiting: "Time in which some task of the container waited for I/O, in seconds."
        case .ioStalled: "Time in which all tasks of the container waited for I/O, in seconds."
        case .threadsMax: "Threads that the container may have; 0 for no limit."
        case .cpuPeriod: "Length of a period of the CPU quota, in microseconds."
        case .cpuQuota: "CPU time that the container may use in a period, in microseconds."
        case .cpuShares: "Weight of the container when CPU time is short."
        case .memoryLimit: "Memory that the container may use, in bytes; 0 for no limit."
        case .swapLimit: "Limit of swap, in cgroup v1 of memory and swap together, in bytes; 0 for none."
        case .reservation: "Memory that the container is to keep when memory is short, in bytes."
        case .startTime: "When the container was started, in seconds since 1970."
        case .lastSeen: "When the container was last seen, in seconds since 1970."
        }
    }
}
