import Bytes
import Telemetry

/// `/sys/fs/xfs/DEVICE/stats/stats` (kernel, admin-guide/xfs; the columns are those of fs/xfs/xfs_stats.h).
struct XFSCollector: Collector {
    static let description = CollectorDescription("xfs", "XFS file systems.") { XFSCollector($0) }

    private static let rows: [(name: StaticString, columns: [(family: StaticString, help: StaticString)])] = [
        (
            "extent_alloc",
            [
                ("node_xfs_extent_allocation_extents_allocated_total", "Extents allocated."),
                ("node_xfs_extent_allocation_blocks_allocated_total", "Blocks allocated."),
                ("node_xfs_extent_allocation_extents_freed_total", "Extents freed."),
                ("node_xfs_extent_allocation_blocks_freed_total", "Blocks freed."),
            ]
        ),
        (
            "abt",
            [
                ("node_xfs_allocation_btree_lookups_total", "Look-ups in trees of free space."),
                ("node_xfs_allocation_btree_compares_total", "Comparisons in trees of free space."),
                ("node_xfs_allocation_btree_records_inserted_total", "Records put into trees of free space."),
                ("node_xfs_allocation_btree_records_deleted_total", "Records taken from trees of free space."),
            ]
        ),
        (
            "blk_map",
            [
                ("node_xfs_block_mapping_reads_total", "Block maps asked for reads."),
                ("node_xfs_block_mapping_writes_total", "Block maps asked for writes."),
                ("node_xfs_block_mapping_unmaps_total", "Blocks unmapped."),
                ("node_xfs_block_mapping_extent_list_insertions_total", "Extents put into lists."),
                ("node_xfs_block_mapping_extent_list_deletions_total", "Extents taken from lists."),
                ("node_xfs_block_mapping_extent_list_lookups_total", "Look-ups in lists of extents."),
                ("node_xfs_block_mapping_extent_list_compares_total", "Comparisons in lists of extents."),
            ]
        ),
        (
            "bmbt",
            [
                ("node_xfs_block_map_btree_lookups_total", "Look-ups in trees of block maps."),
                ("node_xfs_block_map_btree_compares_total", "Comparisons in trees of block maps."),
                ("node_xfs_block_map_btree_records_inserted_total", "Records put into trees of block maps."),
                ("node_xfs_block_map_btree_records_deleted_total", "Records taken from trees of block maps."),
            ]
        ),
        (
            "dir",
            [
                ("node_xfs_directory_operation_lookup_total", "Names looked up that the cache of names lacked."),
                ("node_xfs_directory_operation_create_total", "Names created in directories."),
                ("node_xfs_directory_operation_remove_total", "Names removed from directories."),
                ("node_xfs_directory_operation_getdents_total", "Directories listed."),
            ]
        ),
        (
            "ig",
            [
                ("node_xfs_inode_operation_attempts_total", "Inodes looked for in the cache."),
                ("node_xfs_inode_operation_found_total", "Inodes found in the cache."),
                ("node_xfs_inode_operation_recycled_total", "Inodes found in the cache while being recycled."),
                ("node_xfs_inode_operation_missed_total", "Inodes not found in the cache."),
                ("node_xfs_inode_operation_duplicates_total", "Inodes that another had put into the cache meanwhile."),
                ("node_xfs_inode_operation_reclaims_total", "Inodes taken from the cache for their memory."),
                ("node_xfs_inode_operation_attribute_changes_total", "Changes of inodes' attributes."),
            ]
        ),
        (
            "rw",
            [
                ("node_xfs_write_calls_total", "Writes to files."),
                ("node_xfs_read_calls_total", "Reads of files."),
            ]
        ),
        (
            "vnodes",
            [
                ("node_xfs_vnode_active_total", "Vnodes in use."),
                ("node_xfs_vnode_allocate_total", "Vnodes allocated."),
                ("node_xfs_vnode_get_total", "Vnodes got."),
                ("node_xfs_vnode_hold_total", "Vnodes held."),
                ("node_xfs_vnode_release_total", "Vnodes released."),
                ("node_xfs_vnode_reclaim_total", "Vnodes reclaimed."),
                ("node_xfs_vnode_remove_total", "Vnodes removed."),
            ]
        ),
    ]

    private let fileSystems: DeviceList<(name: String, file: HostFile)>

    init(_ context: CollectorContext) {
        fileSystems = DeviceList(context.paths.sys("fs/xfs")) { name, path in
            // Beside the devices there is `stats`, their sum.
            name == "stats" || name == "debug" ? nil : (name, HostFile("\(path)/stats/stats"))
        }
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        // A host without such file systems is no failure.
        guard try fileSystems.refreshIfPresent() else { return }
        for (name, file) in fileSystems.devices {
            guard try reader.loadIfPresent(file) else { continue }
            let labels = batch.labels("device", name)
            var lines = LineCursor(reader.text)
            while lines.next() {
                var fields = FieldCursor(lines.line)
                guard fields.next() else { continue }
                for row in Self.rows where fields.field.equals(row.name) {
                    for column in row.columns {
                        guard let value = fields.nextNumber() else { break }
                        batch.sample(batch.family(column.family, .counter, column.help), labels, value)
                    }
                    break
                }
            }
        }
    }
}
