/// A small host with every file that the collectors of /proc read, and who reads it.
enum WholeHost {
    /// Collectors to switch on; without those that look at the machine the test runs on.
    static let flags =
        [
            "buddyinfo", "cgroups", "interrupts", "processes", "softirqs", "swap", "no-time", "no-timex",
            "no-uname", "no-containers", "no-units",
        ].map { $0.hasPrefix("no-") ? "--no-collector.\($0.dropFirst(3))" : "--collector.\($0)" } + [
            "--collector.cpu.info", "--collector.cpu.info.flags-include=^(fpu|aes)$", "--collector.stat.softirq",
        ]

    /// Which collectors read a file; those not named are read by the collector of the same name or by none.
    static let readers: [String: [String]] = [
        "proc/stat": ["cpu", "stat"], "proc/cpuinfo": ["cpu"], "proc/net/netstat": ["netstat"],
        "proc/net/snmp": ["netstat"], "proc/net/snmp6": ["netstat"], "proc/net/sockstat": ["sockstat"],
        "proc/net/sockstat6": ["sockstat"], "proc/net/softnet_stat": ["softnet"], "proc/net/udp": ["udp_queues"],
        "proc/net/dev": ["netdev"], "proc/net/arp": ["arp"], "proc/net/stat/nf_conntrack": ["conntrack"],
        "proc/sys/net/netfilter/nf_conntrack_count": ["conntrack"],
        "proc/sys/net/netfilter/nf_conntrack_max": ["conntrack"], "proc/sys/fs/file-nr": ["filefd"],
        "proc/sys/kernel/random/entropy_avail": ["entropy"], "proc/sys/kernel/random/poolsize": ["entropy"],
        "proc/sys/kernel/hung_task_detect_count": ["kernel_hung"], "proc/pressure/cpu": ["pressure"],
        "proc/pressure/io": ["pressure"], "proc/pressure/irq": ["pressure"], "proc/swaps": ["swap"],
        "proc/sys/kernel/threads-max": ["processes"], "proc/sys/kernel/pid_max": ["processes"],
        "proc/7/stat": ["processes"], "proc/7/task/7/stat": ["processes"], "proc/7/task/8/stat": ["processes"],
        "udev/b8:0": ["diskstats"], "root/etc/os-release": ["os"], "root/etc/selinux/config": ["selinux"],
        "proc/loadavg": ["loadavg"], "proc/meminfo": ["meminfo"],
    ]

    static let script = """
        --- proc/stat
        cpu  300 10 100 5000 40 0 5 1 2 1
        cpu0 100 4 60 2500 20 0 3 1 2 1
        cpu1 200 6 40 2500 20 0 2 0 0 0
        intr 5000 17 0 0 4
        ctxt 38014
        btime 1418183276
        processes 2644
        procs_running 2
        procs_blocked 1
        softirq 550 10 100 20 30 40 50 60 70 80 90
        --- proc/cpuinfo
        processor\t: 0
        vendor_id\t: AuthenticAMD
        cpu family\t: 25
        model\t\t: 1
        model name\t: AMD EPYC 7003 "Milan"
        stepping\t: 1
        microcode\t: 0xa0011d1
        cpu MHz\t\t: 2450.5
        cache size\t: 512 KB
        physical id\t: 0
        core id\t\t: 3
        flags\t\t: fpu vme aes avx
        bugs\t\t: spectre_v1 mds

        processor\t: 1
        vendor_id\t: AuthenticAMD
        physical id\t: 0
        core id\t\t: 4
        --- proc/loadavg
        0.25 0.5 1.75 2/300 4711
        --- proc/meminfo
        MemTotal:        2048 kB
        Active(anon):     512 kB
        HugePages_Total:    3
        --- proc/vmstat
        nr_free_pages 97
        pgpgin 100
        pgfault 4000
        pswpin 3
        oom_kill 1
        --- proc/net/netstat
        TcpExt: SyncookiesSent ListenDrops Unwanted
        TcpExt: 1 2 3
        IpExt: InNoRoutes InOctets
        IpExt: 0 6286396970
        --- proc/net/snmp
        Tcp: RtoMin MaxConn InSegs CurrEstab
        Tcp: 200 -1 57252008 7
        --- proc/net/snmp6
        Ip6InReceives                   \t7
        Ip6InOctets                     \t460
        Icmp6InMsgs                     \t9
        --- proc/net/sockstat
        sockets: used 229
        TCP: inuse 4 orphan 0 tw 4 alloc 17 mem 1
        FRAG: inuse 0 memory 0
        --- proc/net/sockstat6
        TCP6: inuse 17
        --- proc/net/softnet_stat
        00000010 00000001 00000002 00000000 00000000 00000000 00000000 00000000 00000003 00000004 00000005 00000006 00000000
        00000020 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000002
        --- proc/net/udp
          sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
           0: 00000000:0016 00000000:0000 0A 00000015:00000002 00:00000000 00000000     0        0 2740 1
           1: 00000000:0017 00000000:0000 0A 00000001:00000000 00:00000000 00000000     0        0 2741 1
        --- proc/net/dev
        Inter-|   Receive                                                |  Transmit
         face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
            lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
        veth:1:17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
        --- proc/net/arp
        IP address       HW type     Flags       HW address            Mask     Device
        192.168.1.1      0x1         0x2         cc:aa:dd:ee:aa:bb     *        eth0
        192.168.1.2      0x1         0x2         bb:cc:dd:ee:ff:aa     *        eth0
        10.0.0.1         0x1         0x2         de:ad:be:ef:00:00     *        eth1
        --- proc/sys/net/netfilter/nf_conntrack_count
        123
        --- proc/sys/net/netfilter/nf_conntrack_max
        65536
        --- proc/net/stat/nf_conntrack
        entries  clashres found invalid insert_failed drop
        00000021 00000001 00000002 00000003 00000000 0000000a
        00000021 00000001 00000002 0000000f 00000000 00000000
        --- proc/sys/fs/file-nr
        1024\t0\t1631329
        --- proc/sys/kernel/random/entropy_avail
        256
        --- proc/sys/kernel/random/poolsize
        4096
        --- proc/sys/kernel/hung_task_detect_count
        42
        --- proc/pressure/cpu
        some avg10=0.00 avg60=0.00 avg300=0.00 total=14036781
        full avg10=0.00 avg60=0.00 avg300=0.00 total=5
        --- proc/pressure/io
        some avg10=0.18 avg60=0.34 avg300=0.10 total=2000000
        full avg10=0.18 avg60=0.34 avg300=0.10 total=1000000
        --- proc/pressure/irq
        full avg10=0.00 avg60=0.00 avg300=0.00 total=8494
        --- proc/schedstat
        version 15
        timestamp 15819019232
        cpu0 498494191 0 3533438552 2553969831 3853684107 2465731542 2500000000 1500000000 47
        domain0 00000000,00000003 212499247
        --- proc/diskstats
           7       0 loop0 0 0 0 0 0 0 0 0 0 0 0
           8       0 sda 10 1 20 3000 40 5 60 7000 8 9000 10000 11 12 13 14000 15 16000
           8       1 sda1 1 2 3 4
         259       0 nvme0n1 1 2 3 4 5 6 7 8 9 10 11
        --- udev/b8:0
        S:disk/by-id/ata-X
        E:ID_ATA=1
        E:ID_MODEL=TOSHIBA_X
        E:ID_SERIAL=TOSHIBA_X_LONG
        E:ID_SERIAL_SHORT=2160A0
        E:ID_ATA_WRITE_CACHE=1
        E:ID_ATA_ROTATION_RATE_RPM=7200
        E:ID_FS_TYPE=ext4
        E:ID_FS_VERSION=1.0
        E:DM_NAME=vg-root
        E:DM_VG_NAME=vg
        --- sys/block/sda/queue/rotational
        1
        --- proc/interrupts
                   CPU0       CPU2
          1:      17960        105  IR-IO-APIC-edge      i8042
         16:          1          2  IR-IO-APIC-fasteoi   ehci_hcd:usb1, mmc0
        NMI:         47       5031   Non-maskable interrupts
        IPI0:9  8       Rescheduling interrupts
        ERR:          0
        --- proc/softirqs
                            CPU0       CPU2
                  HI:          7          1
              NET_RX:      43066     104508
        --- proc/buddyinfo
        Node 0, zone      DMA      1      0      3
        --- proc/cgroups
        #subsys_name\thierarchy\tnum_cgroups\tenabled
        cpuset\t5\t47\t1
        rdma\t4\t1\t0
        --- proc/swaps
        Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority
        /dev/zram0                              partition\t8388604\t\t76\t\t-2
        --- proc/sys/kernel/threads-max
        7801
        --- proc/sys/kernel/pid_max
        32768
        --- proc/7/stat
        7 (a (b) c) S 2 0 0 0 -1 2129984 0 0 0 0 14 0 0 0 20 0 2 0 24 0 0 18446744073709551615
        --- proc/7/task/7/stat
        7 (a (b) c) S 2 0 0 0 -1 2129984 0 0 0 0 14 0 0 0 20 0 2 0 24 0 0 18446744073709551615
        --- proc/7/task/8/stat
        8 (d) D 2 0 0 0 -1 2129984 0 0 0 0 14 0 0 0 20 0 2 0 24 0 0 18446744073709551615
        --- proc/self/stat
        not a process
        --- root/etc/os-release
        # a comment
        NAME="Debian GNU/Linux"
        ID=debian
        VERSION_ID="12.5.1"
        PRETTY_NAME='Debian "12"'
        VARIANT=a\\ b
        SUPPORT_END=2028-06-30
        --- root/etc/selinux/config
        # SELINUX=enforcing
        SELINUX=permissive
        --- sys/fs/selinux/enforce
        1
        --- sys/devices/system/cpu/online
        0-1
        --- sys/devices/system/cpu/isolated
        1
        --- sys/devices/system/cpu/cpu0/online
        1
        --- sys/devices/system/cpu/cpu0/topology/physical_package_id
        0
        --- sys/devices/system/cpu/cpu0/topology/core_id
        3
        --- sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count
        5
        --- sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count
        30
        --- sys/devices/system/cpu/cpu1/online
        0
        --- sys/devices/system/cpu/cpu1/topology/physical_package_id
        0
        --- sys/devices/system/cpu/cpu1/topology/core_id
        3
        --- sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count
        6
        --- sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq
        1699981
        --- sys/devices/system/cpu/cpu0/cpufreq/scaling_governor
        powersave
        --- sys/devices/system/cpu/cpu0/cpufreq/scaling_available_governors
        performance powersave
        --- sys/devices/system/cpu/cpu0/cpufreq/scaling_setspeed
        <unsupported>
        --- sys/devices/system/clocksource/clocksource0/available_clocksource
        tsc hpet
        --- sys/devices/system/clocksource/clocksource0/current_clocksource
        tsc
        --- sys/class/net/bonding_masters
        bond0
        --- sys/class/net/eth0/address
        01:02:03:04:05:06
        --- sys/class/net/eth0/flags
        0x1003
        --- sys/class/net/eth0/mtu
        1500
        --- sys/class/net/eth0/operstate
        up
        --- sys/class/net/eth0/speed
        -1
        --- sys/class/net/eth0/carrier_up_count
        2
        """
}
