/// What attributes of ATA are called. The standard names none; these are the names that tools and makers agree on.
enum ATAAttributeNames {
    /// `unknown` for one that is not known.
    static func name(_ id: UInt8) -> StaticString { names[Int(id)] }

    private static let names: [StaticString] = {
        var names = [StaticString](repeating: "unknown", count: 256)
        for (id, name) in known { names[id] = name }
        return names
    }()

    private static let known: [(Int, StaticString)] = [
        (1, "raw_read_error_rate"), (2, "throughput_performance"), (3, "spin_up_time"), (4, "start_stop_count"),
        (5, "reallocated_sectors"), (7, "seek_error_rate"), (8, "seek_time_performance"), (9, "power_on_hours"),
        (10, "spin_retry_count"), (11, "calibration_retry_count"), (12, "power_cycle_count"),
        (13, "soft_read_error_rate"), (22, "helium_level"), (170, "available_reserved_space"),
        (171, "program_fail_count"), (172, "erase_fail_count"), (173, "wear_leveling_count"),
        (174, "unexpected_power_loss_count"), (175, "power_loss_protection_failure"),
        (176, "erase_fail_count_chip"), (177, "wear_leveling_count"), (178, "used_reserved_blocks_chip"),
        (179, "used_reserved_blocks_total"), (180, "unused_reserved_blocks_total"),
        (181, "program_fail_count_total"), (182, "erase_fail_count_total"), (183, "runtime_bad_blocks"),
        (184, "end_to_end_errors"), (187, "reported_uncorrectable_errors"), (188, "command_timeouts"),
        (189, "high_fly_writes"), (190, "airflow_temperature"), (191, "g_sense_error_rate"),
        (192, "power_off_retract_count"), (193, "load_cycle_count"), (194, "temperature"),
        (195, "hardware_ecc_recovered"), (196, "reallocation_events"), (197, "current_pending_sectors"),
        (198, "offline_uncorrectable_sectors"), (199, "udma_crc_errors"), (200, "multi_zone_error_rate"),
        (201, "soft_read_errors"), (202, "data_address_mark_errors"), (220, "disk_shift"), (222, "loaded_hours"),
        (223, "load_retry_count"), (224, "load_friction"), (226, "load_in_time"), (228, "power_off_retract_cycles"),
        (231, "ssd_life_left"), (232, "available_reserved_space"), (233, "media_wearout_indicator"),
        (234, "average_and_maximum_erase_count"), (235, "good_and_system_free_blocks"), (240, "head_flying_hours"),
        (241, "total_lbas_written"), (242, "total_lbas_read"), (250, "read_error_retry_rate"),
        (254, "free_fall_protection"),
    ]
}
