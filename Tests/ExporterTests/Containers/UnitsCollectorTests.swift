import Telemetry
import Testing

@testable import Exporter

@Suite("The units collector")
struct UnitsCollectorTests {
    private func fixture(_ layout: CgroupFixture.Layout) -> CgroupFixture {
        let fixture = CgroupFixture(layout)
        let units = [
            "/system.slice/nginx.service", "/system.slice/system-getty.slice/getty@tty1.service",
            "/system.slice/run-r1234.service", "/system.slice/docker-\(identifier(1)).scope",
            "/user.slice/user-1000.slice",
        ]
        for unit in units {
            fixture.write(unit, .init())
            if layout != .v2 { fixture.tree.write("sys/fs/cgroup/systemd\(unit)/cgroup.procs", "") }
        }
        return fixture
    }

    @Test(
        "services and users have what they use, containers and transient units are left out",
        arguments: CgroupFixture.Layout.allCases)
    func units(layout: CgroupFixture.Layout) throws {
        let fixture = fixture(layout)
        var run = try CollectorRun(UnitsCollector.description, fixture.tree)
        let page = try run.page()
        #expect(
            page.names(with: "tocsin_unit_tasks") == [
                #"tocsin_unit_tasks{unit="getty@tty1.service"}"#, #"tocsin_unit_tasks{unit="nginx.service"}"#,
                #"tocsin_unit_tasks{unit="user-1000.slice"}"#,
            ])
        let labels = #"{unit="nginx.service"}"#
        #expect(page["tocsin_unit_cpu_seconds_total\(labels)"] == 12.5)
        #expect(page["tocsin_unit_memory_bytes\(labels)"] == 10_000_000)
        #expect(page["tocsin_unit_memory_working_set_bytes\(labels)"] == 8_000_000)
        #expect(page["tocsin_unit_tasks\(labels)"] == 7)
        #expect(page["tocsin_unit_io_read_bytes_total\(labels)"] == 8192)
        #expect(page["tocsin_unit_io_written_bytes_total\(labels)"] == 0)
        #expect(page["tocsin_unit_oom_kills_total\(labels)"] == 2)
        fixture.remove("/system.slice/nginx.service")
        fixture.tree.remove("sys/fs/cgroup/systemd/system.slice/nginx.service")
        #expect(try run.page().names(with: "nginx").isEmpty)
    }

    @Test("devices made of others are not counted twice")
    func stacked() throws {
        let fixture = fixture(.v2)
        fixture.tree.write(
            "sys/fs/cgroup/system.slice/nginx.service/io.stat", "8:0 rbytes=100 wbytes=1\n253:0 rbytes=100 wbytes=1\n")
        fixture.tree.directory("sys/devices/virtual/block/dm-0/slaves/sda")
        fixture.tree.link("sys/dev/block/253:0", to: "../../devices/virtual/block/dm-0")
        var run = try CollectorRun(UnitsCollector.description, fixture.tree)
        #expect(try run.page()[#"tocsin_unit_io_read_bytes_total{unit="nginx.service"}"#] == 100)
    }

    @Test("units have a cap and a filter")
    func capped() throws {
        let fixture = fixture(.v2)
        var run = try CollectorRun(UnitsCollector.description, fixture.tree, options: ["limit": "2"])
        let page = try run.page()
        #expect(page.names(with: "tocsin_unit_tasks").count == 2)
        #expect(page.oddity == "1 units are beyond the limit of 2")
        var chosen = try CollectorRun(UnitsCollector.description, fixture.tree, options: ["unit_include": "^nginx"])
        #expect(try chosen.page().names(with: "tocsin_unit_tasks").count == 1)
    }

    @Test("a host without systemd lacks the subject")
    func absent() throws {
        var run = try CollectorRun(UnitsCollector.description, CgroupFixture(.v2).tree)
        do {
            _ = try run.page()
            Issue.record("no error")
        } catch CollectorError.absent {}
    }
}
