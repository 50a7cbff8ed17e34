import Configuration
import Telemetry
import Transport

/// What one discovered target is to be scraped with, or why it is not scraped.
package struct ResolvedTarget: Sendable, Equatable {
    /// As discovered, before relabelling.
    package var discovered: LabelSet
    /// What series get: after relabelling, without names in `__`.
    package var labels: LabelSet
    package var endpoint: HTTPTarget
    /// Seconds.
    package var interval: Double
    package var timeout: Double
    /// As it is shown and told apart: the URL, or the socket's.
    package var url: String
}

/// Labels of targets as Prometheus makes them (`scrape/target.go`, `PopulateLabels`).
package enum TargetLabels {
    package enum Outcome: Sendable, Equatable {
        case target(ResolvedTarget)
        /// By relabelling; with the labels as discovered.
        case dropped(LabelSet)
        /// With what is wrong.
        case refused(LabelSet, String)
    }

    /// What becomes of a target of `group` in `job`.
    package static func resolve(
        _ target: LabelSet, of group: TargetGroup, in job: MetricScrapeJob, _ relabeler: Relabeler
    ) -> Outcome {
        var labels = target.filled(from: group.labels)
        for (name, value) in [
            ("job", job.jobName), ("__scrape_interval__", duration(job.scrapeInterval)),
            ("__scrape_timeout__", duration(job.scrapeTimeout)), ("__metrics_path__", job.metricsPath),
            ("__scheme__", job.scheme.rawValue),
        ] where labels[name] == nil {
            labels[name] = value
        }
        for (name, values) in job.params where !values.isEmpty && labels["__param_\(name)"] == nil {
            labels["__param_\(name)"] = values[0]
        }
        let discovered = labels
        guard let relabelled = relabeler.apply(labels) else { return .dropped(discovered) }
        do throws(TargetProblem) {
            return .target(try resolved(relabelled, discovered, job))
        } catch {
            return .refused(discovered, error.description)
        }
    }

    private static func resolved(
        _ relabelled: LabelSet, _ discovered: LabelSet, _ job: MetricScrapeJob
    ) throws(TargetProblem) -> ResolvedTarget {
        let scheme = relabelled["__scheme__"] ?? "http"
        guard scheme == "http" || scheme == "https" else {
            throw TargetProblem("__scheme__ is \"\(scheme)\", expected http or https")
        }
        let socket = relabelled["__unix_socket__"] ?? ""
        guard let given = relabelled["__address__"] ?? (socket.isEmpty ? nil : "localhost") else {
            throw TargetProblem("no address: relabelling leaves no __address__")
        }
        if given.hasPrefix(":"), let container = relabelled["__meta_docker_container_name"] {
            let mode = relabelled["__meta_docker_container_network_mode"] ?? ""
            throw TargetProblem("the container \(container) has no address on its network \"\(mode)\"")
        }
        if let problem = TargetAddress.problem(of: given) { throw TargetProblem("__address__: \(problem)") }
        let interval = try seconds(relabelled, "__scrape_interval__")
        let timeout = try seconds(relabelled, "__scrape_timeout__")
        if timeout > interval { throw TargetProblem("the scrape's timeout is longer than its interval") }

        let path = (relabelled["__metrics_path__"] ?? "") + query(relabelled, job)
        let url = socket.isEmpty ? "\(scheme)://\(given)\(path)" : "unix:\(socket):\(path)"
        let endpoint: HTTPTarget
        do throws(HTTPTargetError) { endpoint = try HTTPTarget(parsing: url) } catch {
            throw TargetProblem("\(url): \(error.description)")
        }
        var labels = LabelSet(relabelled.labels.filter { !$0.name.hasPrefix("__") })
        if labels["instance"] == nil { labels["instance"] = given }
        return ResolvedTarget(
            discovered: discovered, labels: labels, endpoint: endpoint, interval: interval, timeout: timeout, url: url)
    }

    /// As Prometheus writes durations; milliseconds where there is a fraction.
    static func duration(_ seconds: Double) -> String {
        let milliseconds = Int((seconds * 1000).rounded())
        return milliseconds % 1000 == 0 ? DurationText.text(seconds) : "\(milliseconds)ms"
    }

    private static func seconds(_ labels: LabelSet, _ name: String) throws(TargetProblem) -> Double {
        guard let text = labels[name], let seconds = DurationText.seconds(text), seconds > 0 else {
            throw TargetProblem("\(name) is \"\(labels[name] ?? "")\", expected a duration such as 15s")
        }
        return seconds
    }

    /// `?a=b&…` or nothing: the job's parameters, the first value of each as relabelling left it.
    private static func query(_ labels: LabelSet, _ job: MetricScrapeJob) -> String {
        var values = job.params
        for label in labels.labels where label.name.hasPrefix("__param_") {
            let name = String(label.name.dropFirst("__param_".count))
            var list = values[name] ?? []
            if list.isEmpty { list = [label.value] } else { list[0] = label.value }
            values[name] = list
        }
        let pairs = values.sorted { $0.key < $1.key }.flatMap { name, values in
            values.map { "\(escaped(name))=\(escaped($0))" }
        }
        return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
    }

    static func escaped(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e:
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                result += byte < 16 ? "%0" : "%"
                result += String(byte, radix: 16, uppercase: true)
            }
        }
        return result
    }
}

/// Why a target cannot be scraped.
struct TargetProblem: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
