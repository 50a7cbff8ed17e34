import Exporter
import Synchronization
import Telemetry
import Testing

@Suite struct ProcCollectorTests {
    private let host = FakeHost(WholeHost.script)

    /// A row: the collector, its flags, and what it reports of `WholeHost`.
    @Test(
        "a collector reports what its files say",
        arguments: [
            (
                "cpu", ["--no-collector.cpu.guest"],
                """
                node_cpu_core_throttles_total{core="3",package="0"} 5
                node_cpu_isolated{cpu="1"} 1
                node_cpu_online{cpu="0"} 1
                node_cpu_online{cpu="1"} 0
                node_cpu_package_throttles_total{package="0"} 30
                node_cpu_seconds_total{cpu="0",mode="idle"} 25
                node_cpu_seconds_total{cpu="0",mode="iowait"} 0.2
                node_cpu_seconds_total{cpu="0",mode="irq"} 0
                node_cpu_seconds_total{cpu="0",mode="nice"} 0.04
                node_cpu_seconds_total{cpu="0",mode="softirq"} 0.03
                node_cpu_seconds_total{cpu="0",mode="steal"} 0.01
                node_cpu_seconds_total{cpu="0",mode="system"} 0.6
                node_cpu_seconds_total{cpu="0",mode="user"} 1
                node_cpu_seconds_total{cpu="1",mode="idle"} 25
                node_cpu_seconds_total{cpu="1",mode="iowait"} 0.2
                node_cpu_seconds_total{cpu="1",mode="irq"} 0
                node_cpu_seconds_total{cpu="1",mode="nice"} 0.06
                node_cpu_seconds_total{cpu="1",mode="softirq"} 0.02
                node_cpu_seconds_total{cpu="1",mode="steal"} 0
                node_cpu_seconds_total{cpu="1",mode="system"} 0.4
                node_cpu_seconds_total{cpu="1",mode="user"} 2
                """
            ),
            (
                "cpufreq", [],
                """
                node_cpu_scaling_frequency_hertz{cpu="0"} 1.699981e+09
                node_cpu_scaling_governor{cpu="0",governor="performance"} 0
                node_cpu_scaling_governor{cpu="0",governor="powersave"} 1
                """
            ),
            (
                "stat", ["--collector.stat.softirq"],
                """
                node_boot_time_seconds 1.418183276e+09
                node_context_switches_total 38014
                node_forks_total 2644
                node_intr_total 5000
                node_procs_blocked 1
                node_procs_running 2
                node_softirqs_total{vector="block"} 40
                node_softirqs_total{vector="block_iopoll"} 50
                node_softirqs_total{vector="hi"} 10
                node_softirqs_total{vector="hrtimer"} 80
                node_softirqs_total{vector="net_rx"} 30
                node_softirqs_total{vector="net_tx"} 20
                node_softirqs_total{vector="rcu"} 90
                node_softirqs_total{vector="sched"} 70
                node_softirqs_total{vector="tasklet"} 60
                node_softirqs_total{vector="timer"} 100
                """
            ),
            (
                "meminfo", [],
                """
                node_memory_Active_anon_bytes 524288
                node_memory_HugePages_Total 3
                node_memory_MemTotal_bytes 2.097152e+06
                """
            ),
            (
                "vmstat", [],
                """
                node_vmstat_oom_kill 1
                node_vmstat_pgfault 4000
                node_vmstat_pgpgin 100
                node_vmstat_pswpin 3
                """
            ),
            ("vmstat", ["--collector.vmstat.fields=^nr_"], "node_vmstat_nr_free_pages 97"),
            (
                "netstat", [],
                """
                node_netstat_Icmp6_InMsgs 9
                node_netstat_Ip6_InOctets 460
                node_netstat_IpExt_InOctets 6.28639697e+09
                node_netstat_TcpExt_ListenDrops 2
                node_netstat_TcpExt_SyncookiesSent 1
                node_netstat_Tcp_CurrEstab 7
                node_netstat_Tcp_InSegs 5.7252008e+07
                """
            ),
            ("netstat", ["--collector.netstat.fields=MaxConn"], "node_netstat_Tcp_MaxConn -1"),
            (
                "softnet", [],
                """
                node_softnet_backlog_len{cpu="0"} 6
                node_softnet_backlog_len{cpu="2"} 0
                node_softnet_cpu_collision_total{cpu="0"} 3
                node_softnet_cpu_collision_total{cpu="2"} 0
                node_softnet_dropped_total{cpu="0"} 1
                node_softnet_dropped_total{cpu="2"} 0
                node_softnet_flow_limit_count_total{cpu="0"} 5
                node_softnet_flow_limit_count_total{cpu="2"} 0
                node_softnet_processed_total{cpu="0"} 16
                node_softnet_processed_total{cpu="2"} 32
                node_softnet_received_rps_total{cpu="0"} 4
                node_softnet_received_rps_total{cpu="2"} 0
                node_softnet_times_squeezed_total{cpu="0"} 2
                node_softnet_times_squeezed_total{cpu="2"} 0
                """
            ),
            (
                "udp_queues", [],
                """
                node_udp_queues{ip="v4",queue="rx"} 2
                node_udp_queues{ip="v4",queue="tx"} 22
                """
            ),
            (
                "arp", ["--collector.arp.device-exclude=eth1"], "node_arp_entries{device=\"eth0\"} 2"
            ),
            (
                "conntrack", [],
                """
                node_nf_conntrack_entries 123
                node_nf_conntrack_entries_limit 65536
                node_nf_conntrack_stat_drop 10
                node_nf_conntrack_stat_found 4
                node_nf_conntrack_stat_insert_failed 0
                node_nf_conntrack_stat_invalid 18
                """
            ),
            ("filefd", [], "node_filefd_allocated 1024\nnode_filefd_maximum 1.631329e+06"),
            ("entropy", [], "node_entropy_available_bits 256\nnode_entropy_pool_size_bits 4096"),
            ("kernel_hung", [], "node_kernel_hung_tasks_total 42"),
            (
                "pressure", [],
                """
                node_pressure_cpu_waiting_seconds_total 14.036781000000001
                node_pressure_io_stalled_seconds_total 1
                node_pressure_io_waiting_seconds_total 2
                node_pressure_irq_stalled_seconds_total 0.008494
                """
            ),
            (
                "schedstat", [],
                """
                node_schedstat_running_seconds_total{cpu="0"} 2.5
                node_schedstat_timeslices_total{cpu="0"} 47
                node_schedstat_waiting_seconds_total{cpu="0"} 1.5
                """
            ),
            (
                "netclass", [],
                """
                node_network_carrier_up_changes_total{device="eth0"} 2
                node_network_flags{device="eth0"} 4099
                node_network_info{address="01:02:03:04:05:06",adminstate="up",broadcast="",device="eth0",duplex="",ifalias="",operstate="up"} 1
                node_network_mtu_bytes{device="eth0"} 1500
                node_network_speed_bytes{device="eth0"} -125000
                node_network_up{device="eth0"} 1
                """
            ),
            ("netclass", ["--collector.netclass.ignored-devices=eth"], ""),
            (
                "os", [],
                """
                node_os_info{build_id="",id="debian",id_like="",image_id="",image_version="",name="Debian GNU/Linux",pretty_name="Debian \\"12\\"",variant="a b",variant_id="",version="",version_codename="",version_id="12.5.1"} 1
                node_os_support_end_timestamp_seconds 1.845936e+09
                node_os_version{id="debian",id_like="",name="Debian GNU/Linux"} 12.5
                """
            ),
            (
                "selinux", [],
                """
                node_selinux_config_mode 0
                node_selinux_current_mode 1
                node_selinux_enabled 1
                """
            ),
            (
                "interrupts", ["--collector.interrupts.name-exclude=^(NMI|16);"],
                """
                node_interrupts_total{cpu="0",devices="",info="Rescheduling interrupts",type="IPI0"} 9
                node_interrupts_total{cpu="0",devices="i8042",info="IR-IO-APIC-edge",type="1"} 17960
                node_interrupts_total{cpu="2",devices="",info="Rescheduling interrupts",type="IPI0"} 8
                node_interrupts_total{cpu="2",devices="i8042",info="IR-IO-APIC-edge",type="1"} 105
                """
            ),
            (
                "softirqs", [],
                """
                node_softirqs_functions_total{cpu="0",type="HI"} 7
                node_softirqs_functions_total{cpu="0",type="NET_RX"} 43066
                node_softirqs_functions_total{cpu="2",type="HI"} 1
                node_softirqs_functions_total{cpu="2",type="NET_RX"} 104508
                """
            ),
            (
                "buddyinfo", [],
                """
                node_buddyinfo_blocks{node="0",size="0",zone="DMA"} 1
                node_buddyinfo_blocks{node="0",size="1",zone="DMA"} 0
                node_buddyinfo_blocks{node="0",size="2",zone="DMA"} 3
                """
            ),
            (
                "cgroups", [],
                """
                node_cgroups_cgroups{subsys_name="cpuset"} 47
                node_cgroups_cgroups{subsys_name="rdma"} 1
                node_cgroups_enabled{subsys_name="cpuset"} 1
                node_cgroups_enabled{subsys_name="rdma"} 0
                """
            ),
            (
                "swap", [],
                """
                node_swap_priority{device="/dev/zram0",swap_type="partition"} -2
                node_swap_size_bytes{device="/dev/zram0",swap_type="partition"} 8.589930496e+09
                node_swap_used_bytes{device="/dev/zram0",swap_type="partition"} 77824
                """
            ),
            (
                "processes", [],
                """
                node_processes_max_processes 32768
                node_processes_max_threads 7801
                node_processes_pids 1
                node_processes_state{state="S"} 1
                node_processes_threads 2
                node_processes_threads_state{thread_state="D"} 1
                node_processes_threads_state{thread_state="S"} 1
                """
            ),
        ])
    func report(_ collector: String, _ flags: [String], _ expected: String) throws {
        let collection = try host.collection(["--collector.disable-defaults", "--collector.\(collector)"] + flags)
        let lines = sampleLines(of: collection)
        #expect(lines.joined(separator: "\n") == expected)
        #expect(sampleLines(of: collection) == lines, "the second collection is as the first")
    }

    @Test("sockstat counts memory in pages and in bytes")
    func sockstat() throws {
        let samples = try host.samples(of: "sockstat").split(separator: "\n")
        #expect(samples.contains("node_sockstat_TCP_mem 1"))
        #expect(samples.contains("node_sockstat_TCP6_inuse 17"))
        #expect(samples.contains("node_sockstat_FRAG_memory 0"))
        #expect(samples.contains("node_sockstat_sockets_used 229"))
        #expect(samples.contains { $0.hasPrefix("node_sockstat_TCP_mem_bytes ") && !$0.hasSuffix(" 1") })
        #expect(samples.count == 10)
    }

    @Test("all that cpuinfo says is labels, with flags and bugs only on demand")
    func cpuInformation() throws {
        let samples = try host.samples(of: "cpu", "--collector.cpu.info.bugs-include=mds").split(separator: "\n")
        #expect(
            samples.contains(
                #"node_cpu_info{cachesize="512 KB",core="3",cpu="0",family="25",microcode="0xa0011d1",model="1","#
                    + #"model_name="AMD EPYC 7003 \"Milan\"",package="0",stepping="1",vendor="AuthenticAMD"} 1"#))
        #expect(samples.contains { $0.hasPrefix(#"node_cpu_info{cachesize="",core="4",cpu="1""#) })
        #expect(samples.contains(#"node_cpu_frequency_hertz{core="3",cpu="0",package="0"} 2.4505e+09"#))
        #expect(samples.contains(#"node_cpu_bug_info{bug="mds"} 1"#))
        #expect(!samples.contains { $0.contains("spectre") || $0.contains("flag_info") })
        #expect(samples.contains(#"node_cpu_guest_seconds_total{cpu="0",mode="user"} 0.02"#))
    }

    @Test("disks have their counters, with as many columns as the kernel writes, and what udev knows")
    func disks() throws {
        let collection = try host.collection(["--collector.disable-defaults", "--collector.diskstats"])
        let samples = sampleLines(of: collection)
        for line in [
            #"node_disk_read_bytes_total{device="sda"} 10240"#, #"node_disk_read_time_seconds_total{device="sda"} 3"#,
            #"node_disk_written_bytes_total{device="nvme0n1"} 3584"#, #"node_disk_io_now{device="sda"} 8"#,
            #"node_disk_io_time_weighted_seconds_total{device="sda"} 10"#,
            #"node_disk_flush_requests_time_seconds_total{device="sda"} 16"#,
            #"node_disk_ata_rotation_rate_rpm{device="sda"} 7200"#, #"node_disk_ata_write_cache{device="sda"} 1"#,
            #"node_disk_filesystem_info{device="sda",type="ext4",usage="",uuid="",version="1.0"} 1"#,
            #"node_disk_device_mapper_info{device="sda",lv_layer="",lv_name="",name="vg-root",uuid="",vg_name="vg"} 1"#,
            #"node_disk_info{device="sda",major="8",minor="0",model="TOSHIBA_X",path="",revision="",rotational="1","#
                + #"serial="2160A0",wwn=""} 1"#,
        ] { #expect(samples.contains(line), "\(line)") }
        #expect(!samples.contains { $0.contains("loop0") || $0.contains("sda1") })
        #expect(!samples.contains { $0.contains("discard") && $0.contains("nvme") })
        // A partition of an old kernel, whose disk was excluded by default until it was asked for by name.
        let partition = try host.samples(of: "diskstats", "--collector.diskstats.device-include=^sda1$")
        #expect(partition.contains(#"node_disk_written_bytes_total{device="sda1"} 2048"#))
        #expect(partition.split(separator: "\n").count == 5)
        // A disk goes and another comes in its place.
        host.write("proc/diskstats", " 8 16 sdb 1 2 3 4 5 6 7 8 9 10 11\n")
        let later = sampleLines(of: collection)
        #expect(later.contains { $0.hasPrefix(#"node_disk_info{device="sdb",major="8",minor="16""#) })
        #expect(!later.contains { $0.contains("sda") })
    }

    @Test("devices of /proc/net/dev are taken with colons in their names, and filtered")
    func netDev() throws {
        let samples = try host.samples(of: "netdev", "--collector.netdev.device-exclude=^lo$").split(separator: "\n")
        #expect(samples.count == 16)
        #expect(samples.contains(#"node_network_receive_bytes_total{device="veth:1"} 17"#))
        #expect(samples.contains(#"node_network_transmit_compressed_total{device="veth:1"} 32"#))
        #expect(samples.contains(#"node_network_receive_frame_total{device="veth:1"} 22"#))
    }

    @Test("where /proc is another's, netlink is asked only on demand")
    func netlinkOnDemand() throws {
        #expect(try !host.samples(of: "netdev").contains("nohandler"))
        let samples = try host.samples(
            of: "netdev", "--collector.netdev.netlink", "--collector.netdev.device-include=^lo$")
        #expect(samples.split(separator: "\n").count == 17)
        #expect(samples.contains(#"node_network_receive_nohandler_total{device="lo"} "#))
    }

    @Test("a speed that the device does not know can be left out")
    func invalidSpeed() throws {
        let samples = try host.samples(of: "netclass", "--collector.netclass.ignore-invalid-speed")
        #expect(!samples.contains("speed"))
        host.write("sys/class/net/eth0/speed", "1000\n")
        #expect(
            try host.samples(of: "netclass", "--collector.netclass.ignore-invalid-speed")
                .contains(#"node_network_speed_bytes{device="eth0"} 1.25e+08"#))
    }

    @Test("devices beyond the cap on samples are not even read, and that is told")
    func deviceCap() throws {
        for index in 1...5 { host.write("sys/class/net/eth\(index)/mtu", "1500\n") }
        let told = Mutex("")
        let metrics = MetricRegistry()
        let collection = try host.collection(
            ["--collector.disable-defaults", "--collector.netclass"], sampleLimit: 9, metrics: metrics,
            onProblem: { _, problem in told.withLock { $0 = problem } })
        let samples = sampleLines(of: collection)
        // Six of the first device, three each of the others.
        #expect(samples.count == 9)
        #expect(!samples.contains { $0.contains("eth2") })
        #expect(told.withLock { $0 }.contains("more samples than metrics.collector_sample_limit (9)"))
        let lost = metrics.counter("tocsin_collector_dropped_samples_total", help: "")
        #expect(lost.current > 0)
    }

    @Test("clock sources are numbered in their order")
    func clockSources() throws {
        let samples = try host.samples(of: "time").split(separator: "\n")
        #expect(samples.contains(#"node_time_clocksource_available_info{clocksource="hpet",device="0"} 1"#))
        #expect(samples.contains(#"node_time_clocksource_current_info{clocksource="tsc",device="0"} 1"#))
        #expect(samples.contains { $0.hasPrefix("node_time_zone_offset_seconds{time_zone=") })
    }

    @Test("without selinuxfs SELinux is off, and nothing else is said")
    func noSELinux() throws {
        host.remove("sys/fs/selinux/enforce")
        #expect(try host.samples(of: "selinux") == "node_selinux_enabled 0")
    }
}
