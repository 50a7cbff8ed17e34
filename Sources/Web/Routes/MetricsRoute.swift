import Exporter
import Telemetry

extension Router {
    /// Adds `/metrics`: in the format that the scraper prefers, within the time it allows
    /// (`X-Prometheus-Scrape-Timeout-Seconds`), of the collectors it asks for (`collect[]`, `exclude[]`).
    package mutating func addMetrics(_ metrics: MetricsPage) {
        on(.get, "/metrics") { request in
            let selection = try CollectorSelection(request.query, known: metrics.host?.names ?? [])
            let accept = request.headers.list("Accept")
            // On this host compressing costs more than it saves: a fifth of a scrape's processor time.
            let coding = request.origin == .network ? request.headers.list("Accept-Encoding") : nil
            let timeout = request.scrapeTimeout.map { $0 / .seconds(1) } ?? 10
            let page = try await metrics.rendered(
                accept: accept, acceptEncoding: coding, selection: selection, timeout: min(timeout, 300))
            var response = Response(
                headers: ["Content-Type": page.contentType, "Vary": "Accept, Accept-Encoding"],
                body: .bytes(page.body))
            if let encoding = page.contentEncoding { response.headers.add("Content-Encoding", encoding) }
            return response
        }
    }
}

extension CollectorSelection {
    /// What a query asks for. Throws 400 for a collector that does not run and for both kinds of parameter together,
    /// as node_exporter does.
    init(_ query: Query, known: [String]) throws(HTTPError) {
        let only = query.all("collect[]")
        let without = query.all("exclude[]")
        for name in only + without where !known.contains(name) {
            throw HTTPError(
                400,
                "There is no collector \"\(name)\", or it is not enabled. These are: \(known.joined(separator: ", ")).")
        }
        switch (only.isEmpty, without.isEmpty) {
        case (true, true): self = .all
        case (false, true): self = .only(only)
        case (true, false): self = .without(without)
        case (false, false): throw HTTPError(400, "collect[] and exclude[] exclude each other.")
        }
    }
}
