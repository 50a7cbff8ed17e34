import Logs
import Telemetry

/// What is read when the configuration says nothing: the journal, containers and the files of /var/log that the
/// journal does not hold already.
enum DefaultScrapes {
    static var all: [ScrapeConfiguration] {
        var journal = JournalConfiguration()
        journal.labels = ["job": "journal"]
        var docker = DockerConfiguration()
        docker.labels = ["job": "docker"]
        var pods = PodLogsConfiguration()
        pods.labels = ["job": "pods"]
        var podman = PodmanConfiguration()
        podman.labels = ["job": "podman"]
        var files = FileTargetConfiguration(path: "/var/log/{*,*/*}.log")
        files.exclude = "/var/log/{syslog,auth,daemon,kern,user,mail,cron,pods,containers,journal,private}{,*,/**}"
        files.labels = ["job": "files"]
        return [
            ScrapeConfiguration(jobName: "journal", source: .journal(journal)),
            ScrapeConfiguration(jobName: "docker", source: .docker(docker)),
            ScrapeConfiguration(jobName: "pods", source: .cri(pods)),
            ScrapeConfiguration(jobName: "podman", source: .podman(podman)),
            ScrapeConfiguration(jobName: "files", source: .files([files])),
        ]
    }
}
