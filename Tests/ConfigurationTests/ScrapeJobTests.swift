import Configuration
import Logs
import Telemetry
import TestSupport
import Testing

private func job(_ yaml: String, _ around: ConfigurationSurroundings = surroundings()) throws -> ScrapeJob {
    try read(ScrapeJob.self, yaml, around).contents
}

@Suite("Scrape jobs")
struct ScrapeJobTests {
    @Test("a journal job with every key")
    func journal() throws {
        let read = try job(
            """
            job_name: journal
            journal:
              max_age: 12h
              labels: {job: journal, host: "${HOSTNAME}"}
              namespace: "*"
              json: false
              matches: _TRANSPORT=kernel PRIORITY=3 + _SYSTEMD_UNIT=ssh.service
              exclude_matches: [_COMM=cron]
              units: [ssh, "docker*.service", a.timer]
              exclude_units: [noisy]
              identifiers: [sshd]
              exclude_identifiers: [cron]
              priority: warning
              use_source_time: true
              structured_metadata: [_PID, _BOOT_ID]
            relabel_configs:
              - {source_labels: [__journal__systemd_unit], target_label: unit}
              - {action: Drop, source_labels: [unit], regex: "cron\\\\.service"}
            """, surroundings(["HOSTNAME": "h1"]))
        var expected = JournalConfiguration()
        expected.maxAge = 12 * 3600
        expected.labels = ["job": "journal", "host": "h1"]
        expected.namespace = "*"
        expected.matches = "_TRANSPORT=kernel PRIORITY=3 + _SYSTEMD_UNIT=ssh.service"
        expected.excludeMatches = ["_COMM=cron"]
        expected.units = ["ssh.service", "docker*.service", "a.timer"]
        expected.excludeUnits = ["noisy.service"]
        expected.identifiers = ["sshd"]
        expected.excludeIdentifiers = ["cron"]
        expected.maxPriority = 4
        expected.useSourceTime = true
        expected.structuredMetadata = ["_PID", "_BOOT_ID"]
        #expect(read.configurations.map(\.source) == [.journal(expected)])
        let rules = try #require(read.configurations[0].relabelRules)
        #expect(rules.map(\.action) == [.replace, .drop])
        #expect(rules[1].regex == "cron\\.service")
    }

    @Test("an encoding that is not known is refused where it stands")
    func unknownEncoding() throws {
        let yaml = "job_name: x\nstatic_configs: [{targets: [localhost], labels: {__path__: /x, job: x}}]\nencoding: "
        #expect(try job(yaml + "utf-16le").configurations.map(\.encoding) == ["utf-16le"])
        let found = problems(ScrapeJob.self, yaml + "klingon")
        #expect(found.count == 1 && found[0].contains("3:11") && found[0].contains("iconv -l"), "\(found)")
    }

    @Test("a docker job with every key, and one with none")
    func docker() throws {
        let read = try job(
            """
            job_name: docker
            docker_sd_configs:
              - {}
              - host: unix:///run/docker.sock
                data_root: /srv/docker
                events: true
                refresh_interval: 5s
                filters: [{name: label, values: [a=b, c]}]
                host_networking_host: h
                match_first_network: false
                labels: {x: y}
                port: 80
            """)
        var expected = DockerConfiguration()
        expected.host = "unix:///run/docker.sock"
        expected.dataRoot = "/srv/docker"
        expected.useEvents = true
        expected.refreshInterval = 5
        expected.filters = [.init(name: "label", values: ["a=b", "c"])]
        expected.hostNetworkingHost = "h"
        expected.matchFirstNetwork = false
        expected.labels = ["x": "y"]
        #expect(read.configurations.map(\.source) == [.docker(DockerConfiguration()), .docker(expected)])
    }

    @Test("a job of files, with their format, encoding and limits")
    func files() throws {
        let read = try job(
            """
            job_name: nginx
            static_configs:
              - {targets: [localhost], labels: {job: nginx, __path__: "/var/log/nginx/*.log", __path_exclude__: "/x/*.gz"}}
              - labels: {__path__: "{/a,/b}/*"}
            pipeline_stages: [cri: {}]
            encoding: utf-16le
            limits: {max_line_size: 64KB, max_joined_size: 1MiB}
            """)
        var first = FileTargetConfiguration(path: "/var/log/nginx/*.log")
        first.exclude = "/x/*.gz"
        first.labels = ["job": "nginx"]
        let configuration = try #require(read.configurations.first)
        #expect(configuration.source == .files([first, FileTargetConfiguration(path: "{/a,/b}/*")]))
        #expect(configuration.format == .cri && configuration.encoding == "utf-16le")
        #expect(configuration.limits.maxLineSize == 64 << 10 && configuration.limits.maxJoinedSize == 1 << 20)
    }

    @Test("each source of a job becomes a configuration of its own")
    func several() throws {
        let read = try job(
            "job_name: all\njournal:\ncri: {path: /p}\npodman: {paths: [/c], labels: {a: b}}\npipeline_stages: []\n")
        var pods = PodLogsConfiguration()
        pods.path = "/p"
        var podman = PodmanConfiguration()
        podman.paths = ["/c"]
        podman.labels = ["a": "b"]
        #expect(
            read.configurations.map(\.source) == [.journal(JournalConfiguration()), .cri(pods), .podman(podman)])
    }

    @Test("relabel rules keep their own dollars and take variables")
    func relabelDollars() throws {
        let read = try job(
            """
            job_name: j
            journal: {}
            relabel_configs:
              - source_labels: [a, b]
                separator: ""
                regex: "(?P<name>x$|y$$)(.*)"
                target_label: "${1}_l"
                replacement: "$1 ${2} ${name} $$ ${HOST}"
              - {target_label: host, replacement: "${HOST}"}
              - {action: hashmod, source_labels: [a], target_label: shard, modulus: 4}
            """, surroundings(["HOST": "h$1"]))
        let rules = try #require(read.configurations[0].relabelRules)
        #expect(rules[0].regex == "(?P<name>x$|y$$)(.*)" && rules[0].targetLabel == "${1}_l")
        #expect(rules[0].replacement == "$1 ${2} ${name} $$ h$$1" && rules[0].separator == "")
        #expect(try Relabeler([rules[1]]).apply([:]) == ["host": "h$1"])
        #expect(rules[2].modulus == 4)
    }

    static let mistakes: [(String, String)] = [
        ("journal: {}", "1:1: job_name is missing"), ("job_name: j", "1:1: job \"j\": expected a source"),
        ("job_name: j\nstatic_config: []", "2:1: unknown key \"static_config\"; did you mean static_configs?"),
        ("job_name: j\njournal: {max_agee: 1h}", "2:11: unknown key \"max_agee\"; did you mean max_age?"),
        ("job_name: j\njournal: {matches: a=b}", "expected FIELD=value terms"),
        ("job_name: j\njournal: {matches: A=b + }", "expected a + only between"),
        ("job_name: j\njournal: {exclude_matches: [x]}", "exclude_matches[0]: expected FIELD=value"),
        ("job_name: j\njournal: {priority: loud}", "expected a number from 0 to 7"),
        ("job_name: j\njournal: {structured_metadata: [pid]}", "a journal field such as _PID"),
        ("job_name: j\njournal: {path: /x, namespace: y}", "only one of path and namespace"),
        ("job_name: j\njournal: {labels: {a-b: c}}", "2:20: labels: expected a label name"),
        ("job_name: j\ndocker_sd_configs: [{host: ssh://x}]", "host: expected unix:///PATH"),
        ("job_name: j\ndocker_sd_configs: [{filters: [{name: ancestor, values: [x]}]}]", "one of name, id, label"),
        ("job_name: j\ndocker_sd_configs: [{filters: [{name: id}]}]", "values is missing: expected list of strings"),
        ("job_name: j\ndocker_sd_configs: {}", "expected a list, found a mapping"),
        ("job_name: j\nstatic_configs: [{labels: {a: b}}]", "2:19: expected a label __path__"),
        ("job_name: j\nstatic_configs: [{labels: {__path__: var/log}}]", "expected an absolute path"),
        ("job_name: j\npodman: {paths: [x]}", "expected an absolute path"),
        ("job_name: j\nsyslog: {}", "not supported yet"),
        ("job_name: j\ncri:\npipeline_stages: [json: {}]", "3:19: pipeline stage \"json\" is not supported yet"),
        ("job_name: j\ncri:\npipeline_stages: [cri: {}, docker: {}]", "after another stage is not supported yet"),
        ("job_name: j\ncri:\npipeline_stages: [{cri: {}, docker: {}}]", "expected one stage"),
        ("job_name: j\ncri:\npipeline_stages: [cri: {max_partial_lines: 1}]", "options of the stage cri"),
        ("job_name: j\ncri:\nrelabel_configs: [{regex: '('}]", "3:20: regex: regular expression \"(\""),
        ("job_name: j\ncri:\nrelabel_configs: [{}]", "3:19: action replace needs a target_label"),
        ("job_name: j\ncri:\nrelabel_configs: [{action: replce}]", "did you mean replace?"),
        ("job_name: j\ncri:\nrelabel_configs: [{target_label: a, replacement: '${NO}'}]", "NO is not set"),
        ("job_name: j\ncri:\nlimits: {max_line_size: 2MiB, max_joined_size: 1MiB}", "at least max_line_size (2MiB)"),
        ("job_name: j\ncri:\nlimits: {max_line_size: 1}", "from 1KiB to 64MiB"),
    ]

    @Test("what is wrong in a job is told with its place and remedy", arguments: mistakes)
    func wrong(yaml: String, message: String) {
        let found = problems(ScrapeJob.self, yaml)
        #expect(found.contains { $0.contains(message) }, "\(found)")
    }

    private struct Logs: ConfigurationSection {
        var jobs: [ScrapeConfiguration]
        static let configurationKeys = [ConfigurationKey("scrape_configs", "list", "")]
        init(_ reader: MappingReader) { jobs = reader.scrapeConfigurations("scrape_configs") ?? [] }
    }

    @Test("the jobs of a file are read in order, and their names differ")
    func jobs() throws {
        let yaml = "scrape_configs:\n- {job_name: a, cri: {}, journal: {}}\n- {job_name: b, podman: {}}\n"
        #expect(try read(Logs.self, yaml).contents.jobs.map(\.jobName) == ["a", "a", "b"])
        let found = problems(Logs.self, yaml + "- {job_name: a, cri: {}}\n")
        #expect(found == ["4:3: scrape_configs[2]: expected each job_name once, found \"a\" again"])
    }

    @Test("the store's sizes fit one another")
    func store() throws {
        let small = try read(StoreConfiguration.self, "max_size: 8MiB\nretention: 3d").contents
        #expect(small.maxSize == 8 << 20 && small.retention == 3 * 86400 && small.segmentSize == 2 << 20)
        #expect(try read(StoreConfiguration.self, "").contents == StoreConfiguration())
        let found = problems(StoreConfiguration.self, "max_size: 8MiB\nsegment_size: 5MiB")
        #expect(found == ["2:1: segment_size: expected at most half of max_size (8MiB), found 5MiB"])
    }

    @Test("random edits of a configuration never crash the decoder")
    func fuzz() {
        let seed = SeededRandom.seed()
        var random = SeededRandom(seed: seed)
        let sample = """
            job_name: j
            journal: {max_age: 12h, labels: {job: x}, priority: 4, matches: "A=b + C=d", units: [ssh]}
            docker_sd_configs: [{host: "unix:///x", refresh_interval: 5s, filters: [{name: id, values: [a]}]}]
            static_configs: [{targets: [localhost], labels: {__path__: "/a/*"}}]
            relabel_configs: [{source_labels: [a], regex: "(.*)", target_label: "b", replacement: "${A:-x}", modulus: 1}]
            pipeline_stages: [docker: {}]
            limits: {max_line_size: 64KB}
            """
        let words = [
            "{}", "[]", "~", "-1", "99999999999999999999", "1e308", "${A", "$$", "''", "&a", "*a", ":", "\u{e9}", "(",
            "9223372036854775807h", "0.1", "<<: *a", "12PB",
        ]
        let tokens = sample.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        for _ in 0..<1500 {
            var edited = tokens
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<edited.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: edited[place] = words.randomElement(using: &random) ?? ""
                case 1: edited.swapAt(place, Int.random(in: 0..<edited.count, using: &random))
                default: edited[place] += words.randomElement(using: &random) ?? ""
                }
            }
            for problem in problems(ScrapeJob.self, edited.joined(separator: " ")) { #expect(!problem.isEmpty) }
        }
    }
}
