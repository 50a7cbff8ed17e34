import Bytes
import Glibc
import Testing

@testable import Exporter

private func samples(of collector: String, _ flags: String...) throws -> [String] {
    let host = FakeHost(SysfsHost.script)
    let collection = try host.collection(["--collector.disable-defaults", "--collector.\(collector)"] + flags)
    return sampleLines(of: collection).map { $0.replacing(host.root, with: "") }
}

@Suite struct DeviceCollectorTests {
    @Test("a chip's files become families by kind and limit; frequencies go by their labels")
    func hwmon() throws {
        #expect(
            try samples(of: "hwmon") == [
                #"node_hwmon_beep_enabled{chip="coretemp",sensor="beep_enable0"} 1"#,
                #"node_hwmon_chip_names{chip="coretemp",chip_name="coretemp"} 1"#,
                #"node_hwmon_freq_freq_mhz{chip="coretemp",sensor="gfx_clock"} 214"#,
                #"node_hwmon_pwm{chip="coretemp",sensor="pwm1"} 130"#,
                #"node_hwmon_sensor_label{chip="coretemp",label="Core 0",sensor="temp1"} 1"#,
                #"node_hwmon_sensor_label{chip="coretemp",label="GFX clock",sensor="freq1"} 1"#,
                #"node_hwmon_temp_celsius{chip="coretemp",sensor="temp1"} 55"#,
            ])
        #expect(try samples(of: "hwmon", "--collector.hwmon.chip-exclude=core").isEmpty)
        let some = try samples(of: "hwmon", "--collector.hwmon.sensor-include=coretemp;temp1$")
        #expect(some.contains(#"node_hwmon_temp_celsius{chip="coretemp",sensor="temp1"} 55"#))
        #expect(!some.contains { $0.contains("pwm1") })
    }

    @Test("chips of one device are told apart by their names, else by their nodes; a chip that goes takes its samples")
    func chipsOfOneDevice() throws {
        let host = FakeHost(
            """
            --- sys/devices/platform/board.1/id
            x
            """)
        var links: [String] = []
        for (node, name) in [("hwmon0", "fan"), ("hwmon1", "wmi"), ("hwmon2", "wmi")] {
            host.write("sys/class/hwmon/\(node)/name", name)
            host.write("sys/class/hwmon/\(node)/fan1_input", "7")
            let link = "\(host.root)/sys/class/hwmon/\(node)/device"
            symlink("../../../devices/platform/board.1", link)
            links.append(link)
        }
        defer { for link in links { unlink(link) } }
        let collection = try host.collection(["--collector.disable-defaults", "--collector.hwmon"])
        let found = sampleLines(of: collection).filter { $0.hasPrefix("node_hwmon_fan_rpm") }
        #expect(
            found == [
                #"node_hwmon_fan_rpm{chip="platform_board_1_fan",sensor="fan1"} 7"#,
                #"node_hwmon_fan_rpm{chip="platform_board_1_hwmon1",sensor="fan1"} 7"#,
                #"node_hwmon_fan_rpm{chip="platform_board_1_hwmon2",sensor="fan1"} 7"#,
            ])
        host.remove("sys/class/hwmon/hwmon2/name")
        host.remove("sys/class/hwmon/hwmon2/fan1_input")
        unlink(links[2])
        rmdir("\(host.root)/sys/class/hwmon/hwmon2")
        let later = sampleLines(of: collection).filter { $0.hasPrefix("node_hwmon_fan_rpm") }
        #expect(
            later == [
                #"node_hwmon_fan_rpm{chip="platform_board_1_fan",sensor="fan1"} 7"#,
                #"node_hwmon_fan_rpm{chip="platform_board_1_wmi",sensor="fan1"} 7"#,
            ])
    }

    @Test(
        "each kind of sensor has its unit",
        arguments: [
            ("in0_input", "node_hwmon_in_volts", 0.001), ("in0_alarm", "node_hwmon_in_alarm", 1),
            ("in0_beep", "node_hwmon_in_beep_enabled", 1), ("cpu0_vid", "node_hwmon_cpu_vid_volts", 0.001),
            ("temp2_crit_alarm", "node_hwmon_temp_crit_alarm_celsius", 0.001),
            ("temp1_type", "node_hwmon_temp_type", 1),
            ("curr1_max", "node_hwmon_curr_max_amps", 0.001), ("energy1_input", "node_hwmon_energy_joule_total", 1e-6),
            ("power1_average", "node_hwmon_power_average_watt", 1e-6),
            ("power1_accuracy", "node_hwmon_power_accuracy", 1e-6),
            ("power1_average_interval", "node_hwmon_power_average_interval_seconds", 0.001),
            ("humidity1_input", "node_hwmon_humidity", 1e-6), ("fan3_target", "node_hwmon_fan_target_rpm", 1),
            ("fan3_pulses", "node_hwmon_fan_pulses", 1), ("vrm", "node_hwmon_voltage_regulator_version", 1),
            ("update_interval", "node_hwmon_update_interval_seconds", 0.001),
            ("pwm1_auto_point1_pwm", "node_hwmon_pwm_auto_point1_pwm", 1),
        ])
    func units(_ file: String, _ family: String, _ factor: Double) {
        let sensors = HwmonSensors(files: [("/x/\(file)", file)]) { _ in true }
        #expect(sensors.readings.map(\.family) == [family])
        #expect(sensors.readings.map(\.factor) == [factor])
    }

    @Test(
        "files that are no sensor's are none",
        arguments: ["name", "1_input", "temp1x", "temp1_", "power", "bogus1_max"])
    func noSensor(_ file: String) {
        let sensors = HwmonSensors(files: [("/x/\(file)", file)]) { _ in true }
        #expect(sensors.readings.count == (file == "power" ? 1 : 0))
    }

    @Test("zones and cooling devices; a state may be negative")
    func thermal() throws {
        #expect(
            try samples(of: "thermal_zone") == [
                #"node_cooling_device_cur_state{name="3",type="Fan"} -1"#,
                #"node_cooling_device_max_state{name="3",type="Fan"} 50"#,
                #"node_thermal_zone_temp{type="cpu",zone="0"} 12.376"#,
            ])
    }

    @Test("a battery's numbers are in whole units; labels that it lacks are left out")
    func powerSupply() throws {
        #expect(
            try samples(of: "powersupplyclass") == [
                #"node_power_supply_energy_watthour{power_supply="BAT0"} 36.58"#,
                #"node_power_supply_info{power_supply="BAT0",type="Battery"} 1"#,
                #"node_power_supply_temp_celsius{power_supply="BAT0"} 31.5"#,
            ])
        #expect(try samples(of: "powersupplyclass", "--collector.powersupplyclass.ignored-supplies=BAT").isEmpty)
    }

    @Test("a namespace behind several paths; what a controller lacks is empty")
    func nvme() throws {
        #expect(
            try samples(of: "nvme") == [
                #"node_nvme_info{cntlid="",device="nvme0",firmware_revision="",model="Fast",serial="",state="live"} 1"#,
                #"node_nvme_namespace_capacity_bytes{device="nvme0",nsid="2"} 2560"#,
                #"node_nvme_namespace_info{ana_state="unknown",device="nvme0",nsid="2"} 1"#,
                #"node_nvme_namespace_logical_block_size_bytes{device="nvme0",nsid="2"} 512"#,
                #"node_nvme_namespace_size_bytes{device="nvme0",nsid="2"} 2560"#,
                #"node_nvme_namespace_used_bytes{device="nvme0",nsid="2"} 1536"#,
            ])
    }

    @Test("memory errors by controller, row and slot; a file that is not there costs its sample")
    func memoryErrors() throws {
        #expect(
            try samples(of: "edac") == [
                "node_edac_channel_correctable_errors_total"
                    + #"{channel="0",controller="0",csrow="1",dimm_label="mc0_csrow1_channel0"} 2"#,
                #"node_edac_correctable_errors_total{controller="0"} 1"#,
                #"node_edac_csrow_correctable_errors_total{controller="0",csrow="1"} 3"#,
            ])
    }

    @Test("energy by zone, each zone a family or a label")
    func energy() throws {
        let path = "/sys/class/powercap/intel-rapl:0"
        #expect(
            try samples(of: "rapl") == [#"node_rapl_package_joules_total{index="0",path="\#(path)"} 240422.366267"#])
        #expect(
            try samples(of: "rapl", "--collector.rapl.enable-zone-label") == [
                #"node_rapl_joules_total{index="0",path="\#(path)",rapl_zone="package"} 240422.366267"#
            ])
    }

    @Test("links of a bond, under their new names and their old")
    func bonds() throws {
        #expect(
            try samples(of: "bonding") == [
                #"node_bonding_active{master="bond0"} 1"#, #"node_bonding_slaves{master="bond0"} 2"#,
            ])
    }

    @Test("a watchdog's numbers and words")
    func watchdog() throws {
        #expect(
            try samples(of: "watchdog") == [
                "node_watchdog_info{identity=\"Software Watchdog\",name=\"watchdog0\",options=\"\","
                    + "pretimeout_governor=\"\",state=\"\",status=\"\"} 1",
                #"node_watchdog_timeout_seconds{name="watchdog0"} 60"#,
            ])
    }

    @Test("what firmware says is escaped")
    func firmware() throws {
        #expect(try samples(of: "dmi") == [#"node_dmi_info{system_vendor="Vendor \"Inc.\""} 1"#])
    }

    @Test("ports of an adapter: words of four bytes, and counters that it has not")
    func infiniband() throws {
        #expect(
            try samples(of: "infiniband") == [
                #"node_infiniband_info{board_id="",device="mlx4_0",firmware_version="2.31",hca_type=""} 1"#,
                #"node_infiniband_port_data_received_bytes_total{device="mlx4_0",port="1"} 400"#,
                #"node_infiniband_rate_bytes_per_second{device="mlx4_0",port="1"} 3.125e+08"#,
                #"node_infiniband_state_id{device="mlx4_0",port="1"} 4"#,
            ])
    }
}
