import Telemetry
import Testing

@testable import Exporter

private let web = identifier(0xa1)
private let database = identifier(0xa2)

@Suite("The containers collector")
struct ContainersCollectorTests {
    private func collector(_ fixture: CgroupFixture, _ options: [String: String] = [:]) throws -> CollectorRun {
        try CollectorRun(ContainersCollector.description, fixture.tree, options: options)
    }

    private func fixture(_ layout: CgroupFixture.Layout) -> CgroupFixture {
        let fixture = CgroupFixture(layout)
        fixture.docker(
            web, name: "web",
            labels: #"{"com.docker.compose.project":"shop","com.docker.compose.service":"w\"1","x":"y"}"#)
        fixture.docker(database, name: "db", image: "postgres:16")
        fixture.write("/docker/\(web)", .init())
        fixture.write(
            "/docker/\(database)", .init(memoryLimit: nil, quota: nil, threadsMax: nil, processes: [200, 201]))
        return fixture
    }

    @Test("the same containers give the same samples on v1, v2 and both")
    func layouts() throws {
        func page(_ layout: CgroupFixture.Layout) throws -> Page {
            let fixture = fixture(layout)
            var run = try collector(fixture)
            return try run.page()
        }
        // Time goes on between pages.
        let fixed = { (page: Page) in page.filtered { !$0.hasPrefix("container_last_seen") } }
        let unified = fixed(try page(.v2))
        let hybrid = fixed(try page(.hybrid))
        let legacy = fixed(try page(.v1))
        #expect(unified.oddity == "" && hybrid.oddity == "" && legacy.oddity == "")
        #expect(Set(unified.samples.keys) == Set(hybrid.samples.keys))
        // A weight of 39 is 998 shares: the two scales do not meet in whole numbers.
        let shares = { (name: String) in name.hasPrefix("container_spec_cpu_shares") }
        #expect(unified.filtered { !shares($0) } == hybrid.filtered { !shares($0) })
        #expect(unified.samples.values.contains(998))
        let withoutPressure = unified.filtered { !$0.hasPrefix("container_pressure") }
        #expect(Set(withoutPressure.samples.keys) == Set(legacy.samples.keys))
        #expect(unified.samples.count > 120)
    }

    @Test(
        "docker's container has cAdvisor's families with its name, image and chosen labels",
        arguments: CgroupFixture.Layout.allCases)
    func docker(layout: CgroupFixture.Layout) throws {
        let fixture = fixture(layout)
        var run = try collector(fixture)
        let page = try run.page()
        let first =
            #"container_label_com_docker_compose_project="shop",container_label_com_docker_compose_service="w\"1""#
        let last = #"id="/docker/\#(web)",image="nginx:1",name="web""#
        let all = "{\(first),\(last)}"
        #expect(page[#"container_cpu_usage_seconds_total{\#(first),cpu="total",\#(last)}"#] == 12.5)
        #expect(page["container_cpu_user_seconds_total\(all)"] == 10)
        #expect(page["container_cpu_system_seconds_total\(all)"] == 2.5)
        #expect(page["container_cpu_cfs_periods_total\(all)"] == 30)
        #expect(page["container_cpu_cfs_throttled_periods_total\(all)"] == 4)
        #expect(page["container_cpu_cfs_throttled_seconds_total\(all)"] == 1.5)
        #expect(page["container_memory_usage_bytes\(all)"] == 10_000_000)
        #expect(page["container_memory_working_set_bytes\(all)"] == 8_000_000)
        #expect(page["container_memory_rss\(all)"] == 5_000_000)
        #expect(page["container_memory_cache\(all)"] == 3_000_000)
        #expect(page["container_memory_swap\(all)"] == 4096)
        #expect(page["container_memory_max_usage_bytes\(all)"] == 20_000_000)
        #expect(page["container_memory_failcnt\(all)"] == 3)
        #expect(
            page[#"container_memory_failures_total{\#(first),failure_type="pgmajfault",\#(last),scope="hierarchy"}"#]
                == 6)
        #expect(page["container_oom_events_total\(all)"] == 2)
        #expect(page["container_processes\(all)"] == 1 && page["container_threads\(all)"] == 7)
        #expect(page["container_threads_max\(all)"] == 50)
        #expect(page["container_spec_cpu_quota\(all)"] == 50_000 && page["container_spec_cpu_period\(all)"] == 100_000)
        #expect(page["container_spec_memory_limit_bytes\(all)"] == Double(64 << 20))
        #expect(page["container_spec_memory_swap_limit_bytes\(all)"] == 0)
        #expect(page["container_spec_memory_reservation_limit_bytes\(all)"] == 0)
        #expect(page["container_start_time_seconds\(all)"] == 1_767_323_045.5)
        #expect(page[#"container_fs_reads_bytes_total{\#(first),device="/dev/sda",\#(last)}"#] == 8192)
        #expect(
            page[
                #"container_blkio_device_usage_total{\#(first),device="/dev/sda",id="/docker/\#(web)",image="nginx:1","#
                    + #"major="8",minor="0",name="web",operation="Read"}"#] == 8192)
        let interface = #"{\#(first),id="/docker/\#(web)",image="nginx:1",interface="eth0",name="web"}"#
        #expect(page["container_network_receive_bytes_total\(interface)"] == 1000)
        #expect(page["container_network_transmit_packets_dropped_total\(interface)"] == 4)
        #expect(page["container_network_transmit_errors_total\(interface)"] == 3)
        if layout != .v1 { #expect(page["container_pressure_memory_stalled_seconds_total\(all)"] == 1) }
        #expect(page.names(with: "TOKEN").isEmpty && page.names(with: "container_label_x").isEmpty)
    }

    @Test("no limit is 0, and no quota has no sample", arguments: CgroupFixture.Layout.allCases)
    func unlimited(layout: CgroupFixture.Layout) throws {
        let fixture = fixture(layout)
        var run = try collector(fixture)
        let page = try run.page()
        let labels = #"{id="/docker/\#(database)",image="postgres:16",name="db"}"#
        #expect(page["container_spec_memory_limit_bytes\(labels)"] == 0)
        #expect(page["container_threads_max\(labels)"] == 0)
        #expect(page["container_spec_cpu_quota\(labels)"] == nil)
        #expect(page["container_processes\(labels)"] == 2)
    }

    @Test("the host is the container /", arguments: CgroupFixture.Layout.allCases)
    func root(layout: CgroupFixture.Layout) throws {
        let fixture = fixture(layout)
        var run = try collector(fixture)
        let page = try run.page()
        #expect(page["machine_cpu_cores"] == 2 && page["machine_memory_bytes"] == 8_192_000)
        #expect(page[#"container_memory_usage_bytes{id="/"}"#] == 5_120_000)
        #expect(page[#"container_memory_working_set_bytes{id="/"}"#] == 3_120_000)
        #expect(page[#"container_memory_swap{id="/"}"#] == 51_200)
        #expect(page[#"container_start_time_seconds{id="/"}"#] == 1_700_000_000)
        #expect(page[#"container_network_receive_bytes_total{id="/",interface="eth0"}"#] == 900)
        #expect(page.names(with: #"interface="lo""#).isEmpty && page.names(with: "veth").isEmpty)
    }

    @Test("a container in the host's network has no interfaces, and of those that share one the first has them")
    func networks() throws {
        let fixture = fixture(.v2)
        fixture.process(100, namespace: 4_026_531_840)
        let (first, second) = (identifier(0xb1), identifier(0xb2))
        fixture.write("/system.slice/docker-\(first).scope", .init(processes: [300]))
        fixture.write("/system.slice/docker-\(second).scope", .init(processes: [301]))
        fixture.process(301, namespace: 300)
        fixture.docker(identifier(0xb3), name: "joined", network: "container:\(first)")
        fixture.write("/docker/\(identifier(0xb3))", .init(processes: [302]))
        var run = try collector(fixture)
        let names = try run.page().names(with: "container_network_receive_bytes_total")
        #expect(names.count == 3)
        #expect(names.contains { $0.contains(#"id="/""#) } && names.contains { $0.contains(#"name="db""#) })
        #expect(names.contains { $0.contains(first) })
    }

    @Test("containers come and go, and their names and limits change while they run")
    func changes() throws {
        let fixture = fixture(.v2)
        var run = try collector(fixture)
        _ = try run.page()
        fixture.remove("/docker/\(database)")
        fixture.write("/docker/\(identifier(0xc1))", .init())
        fixture.docker(
            web, name: "renamed", state: #""Running":true,"Pid":100,"Health":{"Status":"unhealthy"}"#, restarts: 4)
        let second = try run.page()
        #expect(second.names(with: #"container_memory_rss{id="/docker/\#(database)""#).isEmpty)
        #expect(second[#"container_memory_rss{id="/docker/\#(identifier(0xc1))"}"#] == 5_000_000)
        let labels = #"{id="/docker/\#(web)",image="nginx:1",name="renamed"}"#
        #expect(second["container_memory_rss\(labels)"] == 5_000_000)
        #expect(second["container_health_state\(labels)"] == 0)
        let status = #"container_id="\#(web)",image="nginx:1",name="renamed",runtime="docker""#
        #expect(second["tocsin_container_restarts_total{\(status)}"] == 4)
        #expect(second[#"tocsin_container_health{\#(status),state="unhealthy"}"#] == 1)
        #expect(second[#"tocsin_container_health{\#(status),state="healthy"}"#] == 0)
        // The one without a cgroup is known still.
        #expect(
            second[
                #"tocsin_container_running{container_id="\#(database)",image="postgres:16",name="db",runtime="docker"}"#
            ] == 1)
        // A container whose name is only written later.
        fixture.docker(identifier(0xc1), name: "late")
        #expect(try run.page().names(with: #"name="late""#).contains { $0.hasPrefix("container_memory_rss") })
        fixture.tree.remove("root/var/lib/docker/containers/\(web)")
        let last = try run.page()
        #expect(last[#"container_memory_rss{id="/docker/\#(web)"}"#] == 5_000_000)
        #expect(last.names(with: "renamed").isEmpty)
    }

    @Test("what crashed for want of memory and stays down is told")
    func killed() throws {
        let fixture = CgroupFixture(.v2)
        fixture.docker(
            web, name: "web",
            state: #""Running":false,"OOMKilled":true,"ExitCode":137,"StartedAt":"2026-01-02T03:04:05Z""#)
        var run = try collector(fixture)
        let page = try run.page()
        let labels = #"{container_id="\#(web)",image="nginx:1",name="web",runtime="docker"}"#
        #expect(page["tocsin_container_running\(labels)"] == 0)
        #expect(page["tocsin_container_oom_killed\(labels)"] == 1)
        #expect(page["tocsin_container_exit_code\(labels)"] == 137)
    }

    @Test("names choose containers, patterns choose labels and variables")
    func options() throws {
        let fixture = fixture(.v2)
        var some = try collector(fixture, ["name_exclude": "^d", "label_include": "^x$", "env_include": "^A$"])
        let page = try some.page()
        #expect(page.names(with: #"name="db""#).isEmpty)
        let labels = #"{container_env_a="1",container_label_x="y",id="/docker/\#(web)",image="nginx:1",name="web"}"#
        #expect(page["container_memory_rss\(labels)"] == 5_000_000)
        #expect(page.names(with: "compose").isEmpty)
        var none = try collector(fixture, ["label_include": ""])
        #expect(try none.page().names(with: "container_label").isEmpty)
        var one = try collector(fixture, ["limit": "1"])
        let limited = try one.page()
        #expect(limited.names(with: "container_memory_rss").count == 2)
        #expect(limited.oddity == "1 containers are beyond the limit of 1")
    }

    @Test("a host without cgroups lacks the subject")
    func absent() throws {
        let tree = HostTree()
        tree.write("proc/1/mountinfo", "22 1 0:20 / / rw - ext4 /dev/sda1 rw\n")
        var run = try CollectorRun(ContainersCollector.description, tree)
        do {
            _ = try run.page()
            Issue.record("no error")
        } catch CollectorError.absent {}
    }
}
