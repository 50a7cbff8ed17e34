import Bytes
import Testing

@testable import Exporter

private func samples(of collector: String, _ flags: String...) throws -> [String] {
    let host = FakeHost(SysfsHost.script)
    return sampleLines(
        of: try host.collection(["--collector.disable-defaults", "--collector.\(collector)"] + flags))
}

@Suite struct StorageCollectorTests {
    @Test("an array that recovers, and how many disks it has while it grows")
    func arrays() throws {
        #expect(
            try samples(of: "mdadm").filter { !$0.contains("md_state") } == [
                #"node_md_blocks{device="md6"} 1.95310144e+08"#, #"node_md_blocks_synced{device="md6"} 1.6775552e+07"#,
                #"node_md_degraded{device="md6"} 1"#, #"node_md_disks{device="md6",state="active"} 1"#,
                #"node_md_disks{device="md6",state="failed"} 1"#, #"node_md_disks{device="md6",state="spare"} 1"#,
                #"node_md_disks_required{device="md6"} 2"#, #"node_md_raid_disks{device="md6"} 11"#,
            ])
        #expect(
            try samples(of: "mdadm").filter { $0.contains("md_state") && $0.hasSuffix(" 1") } == [
                #"node_md_state{device="md6",state="recovering"} 1"#
            ])
    }

    @Test(
        "an array's lines",
        arguments: [
            ("md9 : active raid1 a[0] b[4](F)", "523968 blocks super 1.2 [4/3] [UUU_]", "resync=DELAYED", 4, 3, 0.0),
            ("md0 : active raid0 a[0] b[1]", "100 blocks 64k chunks", "", 2, 2, 100),
            ("md1 : inactive a[0](S)", "7932 blocks super external:imsm", "", 0, 0, 7932),
            ("md2 : active (auto-read-only) raid1 a[0] b[1]", "50 blocks [2/2] [UU]", "bitmap: 0/30 pages", 2, 2, 50),
            ("md3 : active raid5 a[0]", "50 blocks level 5, [3/2] [UU_]", "check = 5.7% (11/50) finish=1", 3, 2, 11),
        ])
    func lines(_ header: String, _ status: String, _ sync: String, _ required: Int, _ active: Int, _ synced: Double) {
        var text = ByteBuffer()
        text.append("\(header)\n   \(status)\n   \(sync)\n")
        var lines = LineCursor(text.bytes)
        guard lines.next(), var array = MDArray(lines.line) else {
            Issue.record("no array")
            return
        }
        while lines.next() { array.take(lines.line) }
        let found = (array.required, array.active, array.syncedBlocks)
        #expect(found == (required, active, synced))
    }

    @Test("ZFS under its own names; text is no sample; a dataset's name may have blanks")
    func zfs() throws {
        let found = try samples(of: "zfs")
        #expect(found.contains("node_zfs_arc_hits 8.772612e+06"))
        #expect(found.contains("node_zfs_arc_some_thing -4"))
        #expect(!found.contains { $0.contains("words") })
        #expect(found.contains(#"node_zfs_zpool_dataset_writes{dataset="pool1/with  space",zpool="pool1"} 9"#))
        #expect(found.contains(#"node_zfs_zpool_nwritten{zpool="pool1"} 3.206144e+06"#))
        #expect(found.contains(#"node_zfs_zpool_state{state="online",zpool="pool1"} 1"#))
        #expect(found.contains(#"node_zfs_zpool_state{state="suspended",zpool="pool1"} 0"#))
    }

    @Test("the NFS client's procedures; what an older kernel lacks of version 4 is 0, an unknown line nothing")
    func nfs() throws {
        let found = try samples(of: "nfs")
        #expect(found.contains(#"node_nfs_requests_total{method="SetAttr",proto="2"} 3"#))
        #expect(found.contains(#"node_nfs_requests_total{method="Commit",proto="4"} 8"#))
        #expect(found.contains(#"node_nfs_requests_total{method="Clone",proto="4"} 0"#))
        #expect(found.contains(#"node_nfs_packets_total{protocol="udp"} 69"#))
        #expect(found.contains("node_nfs_rpc_retransmissions_total 374"))
    }

    @Test("the NFS server's lines")
    func nfsd() throws {
        let found = try samples(of: "nfsd")
        #expect(found.contains(#"node_nfsd_requests_total{method="GetAttr",proto="2"} 2"#))
        #expect(!found.contains { $0.contains("Null") })
        #expect(found.contains(#"node_nfsd_requests_total{method="Close",proto="4"} 2"#))
        #expect(found.contains(#"node_nfsd_requests_total{method="WdelegGetattr",proto="4"} 15"#))
        #expect(found.contains("node_nfsd_read_ahead_cache_not_found_total 7"))
        #expect(found.contains("node_nfsd_server_threads 8"))
        #expect(found.contains(#"node_nfsd_rpc_errors_total{error="cInt"} 4"#))
        #expect(found.contains(#"node_nfsd_rpc_errors_total{error="fmt"} 1"#))
        #expect(found.contains("node_nfsd_server_rpcs_total 18647"))
    }

    @Test("backends of a service by address, by address of version 6, by mark; added up where labels are left out")
    func ipvs() throws {
        let found = try samples(of: "ipvs")
        let mark = #"local_address="",local_mark="10001000",local_port="0",proto="FWM""#
        #expect(
            found.contains(
                "node_ipvs_backend_connections_active{\(mark),"
                    + #"remote_address="192.168.50.26",remote_port="3306"} 64"#))
        #expect(
            found.contains(
                #"node_ipvs_backend_weight{local_address="2620::1",local_mark="",local_port="80",proto="UDP","#
                    + #"remote_address="2620::2",remote_port="80"} 5"#))
        #expect(found.contains("node_ipvs_connections_total 10"))
        #expect(found.contains("node_ipvs_outgoing_packets_total 16"))
        let fewer = try samples(of: "ipvs", "--collector.ipvs.backend-labels=remote_port")
        #expect(fewer.contains(#"node_ipvs_backend_connections_active{remote_port="3306"} 312"#))
        #expect(throws: HostConfigurationError.self) {
            try samples(of: "ipvs", "--collector.ipvs.backend-labels=port")
        }
    }

    @Test("Btrfs: profiles by how much of the devices they take")
    func btrfs() throws {
        let found = try samples(of: "btrfs")
        #expect(
            found.contains(#"node_btrfs_allocation_ratio{block_group_type="data",mode="raid5",uuid="7f-1"} 1.5"#))
        #expect(found.contains(#"node_btrfs_device_size_bytes{device="loop0",uuid="7f-1"} 1024"#))
        #expect(found.contains(#"node_btrfs_last_commit_seconds{uuid="7f-1"} 1.5"#))
        #expect(found.contains(#"node_btrfs_info{label="data",uuid="7f-1"} 1"#))
    }

    @Test("XFS by column")
    func xfs() throws {
        #expect(
            try samples(of: "xfs") == [
                #"node_xfs_extent_allocation_blocks_allocated_total{device="sda1"} 872"#,
                #"node_xfs_extent_allocation_blocks_freed_total{device="sda1"} 0"#,
                #"node_xfs_extent_allocation_extents_allocated_total{device="sda1"} 1"#,
                #"node_xfs_extent_allocation_extents_freed_total{device="sda1"} 0"#,
                #"node_xfs_read_calls_total{device="sda1"} 3"#, #"node_xfs_write_calls_total{device="sda1"} 28"#,
            ])
    }

    @Test(
        "numbers as bcache writes them",
        arguments: [
            ("0", 0), ("512", 512), ("20.4G", 21_894_266_880), ("-427.5k", -437_748), ("1.1M/sec", 1_150_976),
            ("99%", 99), ("", nil), ("-", nil), ("k", nil), ("x1", nil), ("1.xk", nil),
        ] as [(String, Double?)])
    func humanNumbers(_ text: String, _ expected: Double?) {
        var buffer = ByteBuffer()
        buffer.append(text)
        #expect(BcacheCollector.number(buffer.bytes) == expected)
    }

    @Test("bcache: its sets, what is behind and what is before; the costly part only when asked for")
    func bcache() throws {
        let found = try samples(of: "bcache", "--collector.bcache.priorityStats")
        #expect(found.contains(#"node_bcache_tree_depth{uuid="de-1"} 2"#))
        #expect(found.contains(#"node_bcache_cache_hits_total{backing_device="bdev0",uuid="de-1"} 546"#))
        #expect(found.contains(#"node_bcache_priority_stats_unused_percent{cache_device="cache0",uuid="de-1"} 99"#))
        #expect(try samples(of: "bcache").filter { $0.contains("priority") }.isEmpty)
    }

    @Test("a device on several paths")
    func multipath() throws {
        #expect(
            try samples(of: "dmmultipath") == [
                #"node_dmmultipath_device_active{device="mpathA",sysfs_name="dm-5"} 1"#,
                #"node_dmmultipath_device_info{device="mpathA",sysfs_name="dm-5",uuid="mpath-360"} 1"#,
                #"node_dmmultipath_device_paths{device="mpathA",sysfs_name="dm-5"} 1"#,
                #"node_dmmultipath_device_paths_active{device="mpathA",sysfs_name="dm-5"} 1"#,
                #"node_dmmultipath_device_paths_failed{device="mpathA",sysfs_name="dm-5"} 0"#,
                #"node_dmmultipath_device_size_bytes{device="mpathA",sysfs_name="dm-5"} 1.048576e+06"#,
                #"node_dmmultipath_path_state{device="mpathA",path="sdi",state="running"} 1"#,
            ])
    }

    @Test("an adapter's counters are hexadecimal; what it does not count is left out")
    func fibreChannel() throws {
        #expect(
            try samples(of: "fibrechannel") == [
                "node_fibrechannel_info{dev_loss_tmo=\"\",fabric_name=\"\",fc_host=\"host0\",port_id=\"000002\","
                    + "port_name=\"\",port_state=\"\",port_type=\"\",speed=\"\",supported_classes=\"\","
                    + "supported_speeds=\"\",symbolic_name=\"\"} 1",
                #"node_fibrechannel_tx_frames_total{fc_host="host0"} 95"#,
            ])
    }

    @Test("a tape drive counts once, whatever its nodes")
    func tape() throws {
        #expect(try samples(of: "tapestats") == [#"node_tape_io_time_seconds_total{device="st0"} 1.5"#])
    }

    @Test("bcachefs: sizes in words, counters since it was made, what devices did")
    func bcachefs() throws {
        let device = #"device="6",uuid="ba-1""#
        let found = try samples(of: "bcachefs")
        #expect(
            found.contains(#"node_bcachefs_compression_compressed_bytes{algorithm="lz4",uuid="ba-1"} 5.2505975193e+10"#)
        )
        #expect(found.contains(#"node_bcachefs_btree_write_average_size_bytes{type="interior",uuid="ba-1"} 1290"#))
        #expect(found.contains(#"node_bcachefs_errors_total{error_type="subvol_missing",uuid="ba-1"} 194"#))
        #expect(found.contains(#"node_bcachefs_fsync_total{uuid="ba-1"} 1.515147e+06"#))
        #expect(found.contains(#"node_bcachefs_device_info{device="6",label="",state="",uuid="ba-1"} 1"#))
        #expect(
            found.filter { $0.contains("io_") } == [
                "node_bcachefs_device_io_done_bytes_total{data_type=\"user\",device=\"6\",operation=\"read\","
                    + "uuid=\"ba-1\"} 7",
                "node_bcachefs_device_io_done_bytes_total{data_type=\"user\",device=\"6\",operation=\"write\","
                    + "uuid=\"ba-1\"} 9",
                "node_bcachefs_device_io_errors_total{device=\"6\",type=\"read\",uuid=\"ba-1\"} 18828",
            ])
        #expect(!found.contains { $0.contains(device) && $0.contains("buckets") })
    }
}
