/// A small host with every file that the collectors of devices and file systems read, and who reads it.
enum SysfsHost {
    static let flags =
        ["--collector.disable-defaults", "--collector.bcache.priority-stats"]
        + [
            "bcache", "bcachefs", "bonding", "btrfs", "dmi", "dmmultipath", "edac", "fibrechannel", "filesystem",
            "hwmon",
            "infiniband", "ipvs",
            "loadavg", "mdadm", "nfs", "nfsd", "nvme", "powersupplyclass", "rapl", "tapestats", "thermal_zone",
            "watchdog", "xfs",
            "zfs",
        ].map { "--collector.\($0)" }

    /// By the beginnings of paths.
    static let readers: [(prefix: String, collectors: [String])] = [
        ("proc/1/mountinfo", ["filesystem"]), ("proc/mdstat", ["mdadm"]), ("sys/block/md", ["mdadm"]),
        ("sys/block/", ["dmmultipath"]), ("proc/spl", ["zfs"]), ("proc/net/rpc/nfsd", ["nfsd"]),
        ("proc/net/rpc/nfs", ["nfs"]), ("proc/net/ip_vs", ["ipvs"]), ("sys/class/hwmon", ["hwmon"]),
        ("sys/class/thermal", ["thermal_zone"]), ("sys/class/power_supply", ["powersupplyclass"]),
        ("sys/class/nvme", ["nvme"]), ("sys/devices/system/edac", ["edac"]), ("sys/class/powercap", ["rapl"]),
        ("sys/class/net", ["bonding"]), ("sys/class/watchdog", ["watchdog"]), ("sys/class/dmi", ["dmi"]),
        ("sys/fs/btrfs", ["btrfs"]), ("sys/fs/xfs", ["xfs"]), ("sys/fs/bcachefs", ["bcachefs"]),
        ("sys/fs/bcache", ["bcache"]),
        ("sys/class/infiniband", ["infiniband"]), ("proc/loadavg", ["loadavg"]),
        ("sys/class/fc_host", ["fibrechannel"]), ("sys/class/scsi_tape", ["tapestats"]),
    ]

    static let mounts = #"""
        22 1 0:21 / /proc rw,relatime - proc proc rw
        27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard
        30 27 8:1 / /a\040b\134c rw - xfs /dev/sda1 ro
        """#

    static let script = """
        --- proc/loadavg
        0.25 0.5 1.75 2/300 4711
        --- proc/1/mountinfo
        \(mounts)
        --- proc/mdstat
        Personalities : [raid1]
        md6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]
              195310144 blocks [2/1] [U_]
              [=>...................]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec

        unused devices: <none>
        --- sys/block/md6/md/level
        raid1
        --- sys/block/md6/md/raid_disks
        11 (10)
        --- sys/block/md6/md/degraded
        1
        --- sys/block/dm-5/dm/uuid
        mpath-360
        --- sys/block/dm-5/dm/name
        mpathA
        --- sys/block/dm-5/dm/suspended
        0
        --- sys/block/dm-5/size
        2048
        --- sys/block/dm-5/slaves/sdi/dev
        8:128
        --- sys/block/sdi/device/state
        running
        --- proc/spl/kstat/zfs/arcstats
        6 1 0x01 91 4368 5266997922 97951858082072
        name                            type data
        hits                            4    8772612
        some-thing                      3    -4
        words                           7    text
        --- proc/spl/kstat/zfs/pool1/io
        12 3 0x00 1 80 79205351707403 395818011156865
        nread    nwritten reads    writes   wtime    wlentime wupdate  rtime    rlentime rupdate  wcnt     rcnt
        1884160  3206144  22       132      7155162  104112268 792104896 24168078 104112268 792104898 0        0
        --- proc/spl/kstat/zfs/pool1/state
        ONLINE
        --- proc/spl/kstat/zfs/pool1/objset-1
        23 1 0x01 7 2160 221578688875 6665999035587
        name                            type data
        dataset_name                    7    pool1/with  space
        writes                          4    9
        --- proc/net/rpc/nfs
        net 70 69 68 45
        rpc 1218 374 1219
        proc2 3 1 2 3
        proc4 4 5 6 7 8
        unknown 1 2 3
        --- proc/net/rpc/nfsd
        rc 0 6 18622
        fh 3 0 0 0 0
        io 157286400 72864
        th 8 0 0.000 0.000
        ra 32 0 0 0 0 0 0 0 0 0 0 7
        net 18628 55 917 1
        rpc 18647 7 1 2 4
        proc2 3 9 2 3
        proc4ops 6 0 0 0 1098 2 3
        wdeleg_getattr 15
        --- proc/net/ip_vs_stats
           Total Incoming Outgoing         Incoming         Outgoing
           Conns  Packets  Packets            Bytes            Bytes
              A        F       10               20                0
        --- proc/net/ip_vs
        IP Virtual Server version 1.2.1 (size=4096)
        Prot LocalAddress:Port Scheduler Flags
          -> RemoteAddress:Port Forward Weight ActiveConn InActConn
        TCP  C0A80016:0CEA wlc
          -> C0A85216:0CEA      Tunnel  100    248        2
        UDP  [2620:0000:0000:0000:0000:0000:0000:0001]:0050 wlc
          -> [2620:0000:0000:0000:0000:0000:0000:0002]:0050      Tunnel  5    6        7
        FWM  10001000 wlc
          -> C0A8321A:0CEA      Tunnel  20     64         1
        --- sys/class/hwmon/hwmon0/name
        coretemp
        --- sys/class/hwmon/hwmon0/temp1_input
        55000
        --- sys/class/hwmon/hwmon0/temp1_label
        Core 0
        --- sys/class/hwmon/hwmon0/freq1_input
        214000000
        --- sys/class/hwmon/hwmon0/freq1_label
        GFX clock
        --- sys/class/hwmon/hwmon0/pwm1
        130
        --- sys/class/hwmon/hwmon0/beep_enable
        1
        --- sys/class/thermal/thermal_zone0/type
        cpu
        --- sys/class/thermal/thermal_zone0/temp
        12376
        --- sys/class/thermal/cooling_device3/type
        Fan
        --- sys/class/thermal/cooling_device3/cur_state
        -1
        --- sys/class/thermal/cooling_device3/max_state
        50
        --- sys/class/power_supply/BAT0/type
        Battery
        --- sys/class/power_supply/BAT0/energy_now
        36580000
        --- sys/class/power_supply/BAT0/temp
        315
        --- sys/class/nvme/nvme0/model
        Fast
        --- sys/class/nvme/nvme0/state
        live
        --- sys/class/nvme/nvme0/nvme0c1n2/nuse
        3
        --- sys/class/nvme/nvme0/nvme0c1n2/size
        5
        --- sys/class/nvme/nvme0/nvme0c1n2/queue/logical_block_size
        512
        --- sys/devices/system/edac/mc/mc0/ce_count
        1
        --- sys/devices/system/edac/mc/mc0/csrow1/ce_count
        3
        --- sys/devices/system/edac/mc/mc0/csrow1/ch0_ce_count
        2
        --- sys/devices/system/edac/mc/mc0/csrow1/ch0_dimm_label
        mc#0csrow#1channel#0
        --- sys/class/powercap/intel-rapl:0/name
        package-0
        --- sys/class/powercap/intel-rapl:0/energy_uj
        240422366267
        --- sys/class/net/bonding_masters
        bond0
        --- sys/class/net/bond0/bonding/slaves
        eth0 eth1
        --- sys/class/net/bond0/lower_eth0/bonding_slave/mii_status
        up
        --- sys/class/net/bond0/slave_eth1/bonding_slave/mii_status
        down
        --- sys/class/watchdog/watchdog0/timeout
        60
        --- sys/class/watchdog/watchdog0/identity
        Software Watchdog
        --- sys/class/dmi/id/sys_vendor
        Vendor "Inc."
        --- sys/fs/btrfs/7f-1/label
        data
        --- sys/fs/btrfs/7f-1/allocation/global_rsv_size
        16777216
        --- sys/fs/btrfs/7f-1/allocation/data/bytes_reserved
        7
        --- sys/fs/btrfs/7f-1/allocation/data/raid5/used_bytes
        10
        --- sys/fs/btrfs/7f-1/allocation/data/raid5/total_bytes
        20
        --- sys/fs/btrfs/7f-1/devices/loop0/size
        2
        --- sys/fs/btrfs/7f-1/devices/loop1/size
        4
        --- sys/fs/btrfs/7f-1/devices/loop2/size
        4
        --- sys/fs/btrfs/7f-1/commit_stats
        commits 5
        last_commit_ms 1500
        --- sys/fs/xfs/sda1/stats/stats
        extent_alloc 1 872 0 0
        rw 28 3
        --- sys/fs/bcache/de-1/tree_depth
        2
        --- sys/fs/bcache/de-1/bdev0/writeback_rate_debug
        rate:           1.1M/sec
        target:         20.4G
        proportional:   -427.5k
        --- sys/fs/bcache/de-1/bdev0/stats_total/cache_hits
        546
        --- sys/fs/bcache/de-1/cache0/priority_stats
        Unused:\t\t99%
        Metadata:\t0%
        --- sys/class/infiniband/mlx4_0/fw_ver
        2.31
        --- sys/class/infiniband/mlx4_0/ports/1/state
        4: ACTIVE
        --- sys/class/infiniband/mlx4_0/ports/1/rate
        2.5 Gb/sec (1X SDR)
        --- sys/class/infiniband/mlx4_0/ports/1/counters/port_rcv_data
        100
        --- sys/class/infiniband/mlx4_0/ports/1/counters/symbol_error
        N/A (no PMA)
        --- sys/fs/bcachefs/ba-1/btree_cache_size
        2.05G
        --- sys/fs/bcachefs/ba-1/compression_stats
        typetype          compressed    uncompressed     average extent size
        lz4                    48.9G           71.2G                   62.5k
        --- sys/fs/bcachefs/ba-1/btree_write_stats
                           nr        size
        interior:          3035363   1.26k
        --- sys/fs/bcachefs/ba-1/errors
        subvol_missing                                  194     1761076737
        --- sys/fs/bcachefs/ba-1/counters/fsync
        since mount:                   302707
        since filesystem creation:     1515147
        --- sys/fs/bcachefs/ba-1/dev-6/io_done
        read:
        user        :           7
        write:
        user        :           9
        --- sys/fs/bcachefs/ba-1/dev-6/io_errors
        IO errors since filesystem creation
          read:    18828
        IO errors since 8 y ago
          read:    1
        --- sys/class/fc_host/host0/port_id
        0x000002
        --- sys/class/fc_host/host0/statistics/tx_frames
        0x5f
        --- sys/class/fc_host/host0/statistics/rx_frames
        0xffffffffffffffff
        --- sys/class/scsi_tape/st0/stats/io_ns
        1500000000
        --- sys/class/scsi_tape/nst0/stats/io_ns
        1500000000
        """
}
