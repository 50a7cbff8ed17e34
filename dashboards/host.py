"""The dashboard of a host: processors, memory, disks, network, time and the collectors themselves."""

from panels import dashboard, graph, rate, row, select, stat, total

DISKS = 'device!~"(loop|ram|zram|fd|sr)[0-9]+"'
LINKS = 'device!~"lo|veth.+|br-.+|docker.*"'
FILES = 'fstype!~"tmpfs|devtmpfs|ramfs|overlay|squashfs|nsfs|iso9660"'


def ratio(part, whole):
    return "(" + part + ") / (" + whole + ")"


def used_memory():
    return select("node_memory_MemTotal_bytes") + " - " + select("node_memory_MemAvailable_bytes")


def to_full(name):
    """Seconds until nothing is left, where it has become less within the last hours."""
    available = select(name, FILES)
    return available + " / (-deriv(" + available + "[3h]) > 0)"


def overview():
    space = ratio(select("node_filesystem_avail_bytes", FILES), select("node_filesystem_size_bytes", FILES))
    return row(
        "At a glance",
        stat("Hosts", "Instances that answer.", ("count(" + select("node_uname_info") + ")", "")),
        stat("Processors busy", "Share of all processors' time that was not idle; the highest of the chosen hosts.",
             ("max(1 - avg by (instance) (" + rate("node_cpu_seconds_total", 'mode="idle"') + "))", ""),
             unit="percentunit", bad_above=0.9),
        stat("Memory used", "What cannot be given to a new program without swapping; the highest of the chosen hosts.",
             ("max(" + ratio(used_memory(), select("node_memory_MemTotal_bytes")) + ")", ""),
             unit="percentunit", bad_above=0.9),
        stat("Least space left", "The fullest file system's share of free space.",
             ("min(" + space + ")", ""), unit="percentunit", bad_below=0.1),
        stat("Clock in step", "1 while the kernel's clock is synchronised on all hosts.",
             ("min(" + select("node_timex_sync_status") + ")", ""), bad_below=1),
        stat("Up since", "When the host that was booted last was booted.",
             ("1000 * max(" + select("node_boot_time_seconds") + ")", ""), unit="dateTimeFromNow"),
    )


def processors():
    return row(
        "Processors",
        graph("By mode", "Cores in use by what for; iowait is idle time in which a disk was waited for.",
              (total(rate("node_cpu_seconds_total", 'mode!="idle"'), "mode"), "{{mode}}"), stacked=True),
        graph("By core", "Share of each core's time that was not idle.",
              ("1 - sum by (instance, cpu) (" + rate("node_cpu_seconds_total", 'mode="idle"') + ")",
               "{{instance}} {{cpu}}"), unit="percentunit"),
        graph("Load", "Tasks that run or wait, on average, against the number of cores.",
              (select("node_load1"), "{{instance}} 1 min"), (select("node_load5"), "{{instance}} 5 min"),
              (select("node_load15"), "{{instance}} 15 min"),
              ("count by (instance) (" + select("node_cpu_seconds_total", 'mode="idle"') + ")", "{{instance}} cores")),
        graph("Pressure", "Share of time in which some task waited for a processor.",
              (rate("node_pressure_cpu_waiting_seconds_total"), "{{instance}} some"), unit="percentunit"),
        graph("Switches and interrupts", "Changes of the running task, interrupts, new processes.",
              (rate("node_context_switches_total"), "{{instance}} switches"),
              (rate("node_intr_total"), "{{instance}} interrupts"), (rate("node_forks_total"), "{{instance}} forks"),
              unit="cps", log=True),
        graph("Tasks", "Tasks that run, and that wait for a disk.",
              (select("node_procs_running"), "{{instance}} running"),
              (select("node_procs_blocked"), "{{instance}} blocked")),
    )


def memory():
    cached = " + ".join(select("node_memory_%s_bytes" % name) for name in ("Cached", "Buffers", "SReclaimable"))
    free = select("node_memory_MemFree_bytes")
    return row(
        "Memory",
        graph("Use", "All memory: used by programs and the kernel, cached from disks, free.",
              (select("node_memory_MemTotal_bytes") + " - " + free + " - (" + cached + ")", "{{instance}} used"),
              (cached, "{{instance}} cached"), (free, "{{instance}} free"), unit="bytes", stacked=True),
        graph("Available", "What programs could still get without swapping, and how much there is at all.",
              (select("node_memory_MemAvailable_bytes"), "{{instance}} available"),
              (select("node_memory_MemTotal_bytes"), "{{instance}} total"), unit="bytes"),
        graph("Swap", "Swap in use and how much there is.",
              (select("node_memory_SwapTotal_bytes") + " - " + select("node_memory_SwapFree_bytes"), "{{instance}} used"),
              (select("node_memory_SwapTotal_bytes"), "{{instance}} total"), unit="bytes"),
        graph("Swapping", "Pages per second from and to swap.",
              (rate("node_vmstat_pswpin"), "{{instance}} in"), (rate("node_vmstat_pswpout"), "{{instance}} out"), unit="cps"),
        graph("Pressure", "Share of time in which some or all tasks waited for memory.",
              (rate("node_pressure_memory_waiting_seconds_total"), "{{instance}} some"),
              (rate("node_pressure_memory_stalled_seconds_total"), "{{instance}} all"), unit="percentunit"),
        graph("Faults and kills", "Page faults that had to read a disk, and processes killed for want of memory.",
              (rate("node_vmstat_pgmajfault"), "{{instance}} major faults"),
              ("increase(" + select("node_vmstat_oom_kill") + "[$__rate_interval])", "{{instance}} kills")),
        graph("To be written", "Changed pages that are not on the disk yet.",
              (select("node_memory_Dirty_bytes"), "{{instance}} dirty"),
              (select("node_memory_Writeback_bytes"), "{{instance}} being written"), unit="bytes", width=12, height=6),
        graph("Kernel", "Memory that the kernel itself uses.",
              (select("node_memory_Slab_bytes"), "{{instance}} slab"),
              (select("node_memory_PageTables_bytes"), "{{instance}} page tables"),
              (select("node_memory_KernelStack_bytes"), "{{instance}} stacks"), unit="bytes", width=12, height=6),
    )


def disks():
    def of(name):
        return rate("node_disk_%s_total" % name, DISKS)

    space = ratio(select("node_filesystem_avail_bytes", FILES), select("node_filesystem_size_bytes", FILES))
    files = ratio(select("node_filesystem_files_free", FILES), select("node_filesystem_files", FILES))
    where = "{{instance}} {{mountpoint}}"
    return row(
        "Disks",
        graph("Throughput", "Bytes per second read and written.",
              (of("read_bytes"), "{{instance}} {{device}} read"),
              (of("written_bytes"), "{{instance}} {{device}} written"), unit="Bps"),
        graph("Operations", "Completed reads and writes per second.",
              (of("reads_completed"), "{{instance}} {{device}} reads"),
              (of("writes_completed"), "{{instance}} {{device}} writes"), unit="iops"),
        graph("Latency", "How long an operation took on average, queue included.",
              (ratio(of("read_time_seconds"), of("reads_completed") + " > 0"), "{{instance}} {{device}} reads"),
              (ratio(of("write_time_seconds"), of("writes_completed") + " > 0"), "{{instance}} {{device}} writes"),
              unit="s"),
        graph("Utilisation", "Share of time in which the device had something to do.",
              (of("io_time_seconds"), "{{instance}} {{device}}"), unit="percentunit"),
        graph("Queue", "Operations under way, on average and now.",
              (of("io_time_weighted_seconds"), "{{instance}} {{device}}"),
              (select("node_disk_io_now", DISKS), "{{instance}} {{device}} now")),
        graph("Pressure", "Share of time in which some or all tasks waited for a disk.",
              (rate("node_pressure_io_waiting_seconds_total"), "{{instance}} some"),
              (rate("node_pressure_io_stalled_seconds_total"), "{{instance}} all"), unit="percentunit"),
        graph("Space left", "Share of a file system's space that users may still fill.", (space, where), unit="percentunit"),
        graph("Files left", "Share of a file system's inodes that are free.", (files, where), unit="percentunit"),
        graph("Time to full", "How long until space or inodes are used up, should it go on as in the last three hours.",
              (to_full("node_filesystem_avail_bytes"), where),
              (to_full("node_filesystem_files_free"), where + " inodes"), unit="s", log=True),
        graph("Read-only and unreachable", "1 for a file system that is mounted read-only or does not answer.",
              (select("node_filesystem_readonly", FILES), where + " read-only"),
              (select("node_filesystem_device_error", FILES), where + " no answer"), width=24, height=6),
    )


def network():
    def of(name):
        return rate("node_network_%s_total" % name, LINKS)

    link = "{{instance}} {{device}}"
    return row(
        "Network",
        graph("Throughput", "Bits per second received and sent.",
              ("8 * " + of("receive_bytes"), link + " received"), ("8 * " + of("transmit_bytes"), link + " sent"), unit="bps"),
        graph("Packets", "Packets per second received and sent.",
              (of("receive_packets"), link + " received"), (of("transmit_packets"), link + " sent"), unit="pps"),
        graph("Errors and drops", "Packets that were damaged, or dropped for want of room or of a taker.",
              (of("receive_errs"), link + " errors received"), (of("transmit_errs"), link + " errors sent"),
              (of("receive_drop"), link + " dropped received"), (of("transmit_drop"), link + " dropped sent"), unit="pps"),
        graph("Links", "1 for a link that is up.", (select("node_network_up", LINKS), link)),
        graph("Connection tracking", "Connections that the firewall keeps, and how many it may.",
              (select("node_nf_conntrack_entries"), "{{instance}} kept"),
              (select("node_nf_conntrack_entries_limit"), "{{instance}} limit"), log=True),
        graph("Packet queues", "Packets that the kernel dropped, and rounds that ended before the queue was empty.",
              (total(rate("node_softnet_dropped_total"), "instance"), "{{instance}} dropped"),
              (total(rate("node_softnet_times_squeezed_total"), "instance"), "{{instance}} squeezed"), unit="cps"),
        graph("TCP retransmits", "Share of sent segments that were sent again.",
              (ratio(rate("node_netstat_Tcp_RetransSegs"), rate("node_netstat_Tcp_OutSegs")), "{{instance}}"),
              unit="percentunit"),
        graph("TCP trouble", "Connections refused by full queues, time-outs, resets, damaged segments.",
              *((rate("node_netstat_" + name), "{{instance}} " + text) for name, text in (
                  ("TcpExt_ListenDrops", "dropped by listeners"), ("TcpExt_TCPTimeouts", "time-outs"),
                  ("Tcp_OutRsts", "resets sent"), ("Tcp_InErrs", "damaged"))), unit="cps"),
        graph("Sockets", "Sockets in use, those that wait after closing, those without an owner.",
              *((select("node_sockstat_" + name), "{{instance}} " + text) for name, text in (
                  ("TCP_inuse", "TCP"), ("TCP_tw", "TCP waiting"), ("TCP_orphan", "TCP orphans"), ("UDP_inuse", "UDP"),
                  ("sockets_used", "all"))), log=True),
        graph("TCP states", "TCP sockets by state; the collector tcpstat has to be enabled.",
              (total(select("node_tcp_connection_states"), "state"), "{{state}}"), width=12),
        graph("UDP errors", "Datagrams that were damaged, had no taker or found no room.",
              *((rate("node_netstat_Udp_" + name), "{{instance}} " + text) for name, text in (
                  ("InErrors", "errors"), ("NoPorts", "no taker"), ("RcvbufErrors", "no room"))), unit="cps", width=12),
    )


def rest():
    return row(
        "Time, temperature, limits",
        graph("Clock offset", "How far the clock is from its source, and how far it may be at most.",
              (select("node_timex_offset_seconds"), "{{instance}} offset"),
              (select("node_timex_maxerror_seconds"), "{{instance}} largest error"), unit="s", low=None),
        graph("Clock in step", "1 while the kernel's clock is synchronised.",
              (select("node_timex_sync_status"), "{{instance}}")),
        graph("Temperatures", "What the sensors of boards, disks and processors tell.",
              (select("node_hwmon_temp_celsius"), "{{instance}} {{chip}} {{sensor}}"),
              (select("node_thermal_zone_temp"), "{{instance}} {{type}} {{zone}}"), unit="celsius"),
        graph("Open files", "Descriptors in use on the whole host, and how many there may be.",
              (select("node_filefd_allocated"), "{{instance}} open"),
              (select("node_filefd_maximum"), "{{instance}} limit"), log=True),
        graph("Processes", "Processes and threads, and how many there may be; the collector processes has to be enabled.",
              (select("node_processes_pids"), "{{instance}} processes"),
              (select("node_processes_threads"), "{{instance}} threads"),
              (select("node_processes_max_processes"), "{{instance}} limit"), log=True),
        graph("Processes by state", "R runs, S sleeps, D waits for a disk, Z has ended and nobody has asked for its exit "
              "code; the collector processes has to be enabled.",
              (total(select("node_processes_state"), "state"), "{{state}}"), stacked=True),
    )


def collectors():
    return row(
        "Collectors",
        graph("Failing", "Collectors whose last run failed; one without anything to tell on this host counts as well.",
              (select("node_scrape_collector_success") + " == 0", "{{instance}} {{collector}}")),
        graph("Duration", "How long the slowest collectors took.",
              ("topk(10, " + select("node_scrape_collector_duration_seconds") + ")", "{{instance}} {{collector}}"), unit="s"),
        graph("Text files", "Age of the textfile collector's files, and 1 where one could not be read.",
              ("time() - " + select("node_textfile_mtime_seconds"), "{{instance}} {{file}}"),
              (select("node_textfile_scrape_error"), "{{instance}} error"), unit="s"),
    )


def build():
    return dashboard(
        "tocsin-host", "Tocsin: host",
        "Processors, memory, disks, network, time and limits of hosts, from node_exporter's metrics.",
        "node_uname_info", overview(), processors(), memory(), disks(), network(), rest(), collectors())
