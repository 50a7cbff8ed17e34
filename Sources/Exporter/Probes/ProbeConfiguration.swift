import Bytes
import Configuration
import Telemetry
import Transport

/// An entry of `metrics.probes`.
package struct ProbeConfiguration: Sendable, Equatable, ConfigurationSection {
    enum Kind: Sendable, Equatable {
        case http(HTTPProbe.Options)
        case tcp(HostAndPort, [TCPProbe.Step])
        case tls(HostAndPort, HTTPClientConfiguration)
        case dns(DNSOptions)
        case icmp(payloadSize: Int)
    }

    struct DNSOptions: Sendable, Equatable {
        var server: HostAndPort?
        var type = DNSMessage.RecordType.a
        var transport = DNSProbe.Transport.udp
        var validCodes = ["NOERROR"]
        var answerPattern: String?
    }

    package var name = ""
    /// What `instance` says.
    package var target = ""
    var kind = Kind.icmp(payloadSize: 28)
    /// Seconds.
    package var interval = 30.0
    package var timeout = 10.0
    package var job = "probe"
    package var labels: LabelSet = [:]
    var preference = AddressPreference.any

    package static let configurationKeys =
        [
            ConfigurationKey("name", "string", "In the label `probe`; the target by default."),
            ConfigurationKey("http", "URL", "Ask for this page."),
            ConfigurationKey("tcp", "host:port", "Open a TCP connection."),
            ConfigurationKey(
                "tls", "host[:port]", "Shake hands over TLS (port 443 by default) and look at the certificate."),
            ConfigurationKey("dns", "domain name", "Ask a name server for this name."),
            ConfigurationKey("icmp", "host", "Send an echo request."),
            ConfigurationKey("interval", "duration", default: "30s", "Time from one run to the next."),
            ConfigurationKey("timeout", "duration", default: "10s", "Time that a run may take, at most `interval`."),
            ConfigurationKey("job", "string", default: "probe", "The label `job` of the probe's series."),
            ConfigurationKey("labels", "mapping of strings", "Further labels."),
            ConfigurationKey("ip", "any, ip4 or ip6", default: "any", "Which addresses of the target are probed."),
            ConfigurationKey("method", "string", default: "GET", "http: the method."),
            ConfigurationKey("body", "string", "http: a body to send."),
            ConfigurationKey(
                "valid_status_codes", "list of numbers", "http: what counts as success; 200 to 299 by default."),
            ConfigurationKey(
                "valid_http_versions", "list of strings", "http: `HTTP/1.1`, `HTTP/2.0`; any by default."),
            ConfigurationKey("fail_if_ssl", "bool", default: "false", "http: fail where the answer comes over TLS."),
            ConfigurationKey("fail_if_not_ssl", "bool", default: "false", "http: fail where it does not."),
            ConfigurationKey(
                "fail_if_body_matches_regexp", "list of regular expressions", "http: fail where the body matches one."),
            ConfigurationKey(
                "fail_if_body_not_matches_regexp", "list of regular expressions",
                "http: fail where the body does not match each."),
            ConfigurationKey(
                "query_response", "list of {expect, send}",
                "tcp: lines to wait for (a regular expression) and to send, in turn."),
            ConfigurationKey("server", "host[:port]", "dns: whom to ask; the host's first name server by default."),
            ConfigurationKey(
                "type", "record type", default: "A", "dns: A, AAAA, CNAME, MX, NS, SOA, SRV, TXT, PTR, CAA or ANY."),
            ConfigurationKey("transport", "udp or tcp", default: "udp", "dns: how to ask."),
            ConfigurationKey(
                "valid_rcodes", "list of strings", default: "[NOERROR]", "dns: response codes that are a success."),
            ConfigurationKey(
                "answer_matches", "regular expression", "dns: must match an answer, written `name TTL IN type data`."),
            ConfigurationKey("payload_size", "integer", default: "28", "icmp: bytes of the request."),
            .refused("oauth2", "a probe has no tokens by OAuth 2; use authorization"),
        ] + HTTPClientConfiguration.configurationKeys.filter { $0.name != "oauth2" }

    package init(_ reader: MappingReader) {
        interval = reader.duration("interval", in: 1...86_400) ?? interval
        timeout = reader.duration("timeout", in: 0.1...3600) ?? min(timeout, interval)
        if timeout > interval { reader.report("timeout: longer than the interval", at: "timeout") }
        job = reader.string("job") ?? job
        for (name, value) in reader.stringMap("labels") ?? [:] {
            if !LabelSet.isValidName(name) { reader.report("labels: \"\(name)\" is no label name", at: "labels") }
            labels[name] = value
        }
        preference = reader.choice("ip") ?? preference
        readKind(reader)
        name = reader.string("name") ?? target
        reader.finish()
    }

    private static let kinds = ["http", "tcp", "tls", "dns", "icmp"]

    private mutating func readKind(_ reader: MappingReader) {
        let given = Self.kinds.filter(reader.has)
        if given.count != 1 {
            reader.report(
                "expected one of \(Self.kinds.joined(separator: ", ")), found "
                    + (given.isEmpty ? "none" : given.joined(separator: " and ")))
        }
        // Every key is read, so that each is checked whatever kind the probe is of.
        let targets = Self.kinds.map { reader.string($0) }
        let client = HTTPClientConfiguration(reader)
        let http = readHTTP(reader, client)
        let steps = readSteps(reader)
        let dns = readDNS(reader)
        let payloadSize = reader.int("payload_size", in: 0...65_000) ?? 28
        guard let first = given.first, let index = Self.kinds.firstIndex(of: first), let target = targets[index] else {
            return
        }
        self.target = target
        switch first {
        case "http":
            do throws(HTTPTargetError) {
                if try HTTPTarget(parsing: target).socketPath.isEmpty == false {
                    reader.report("http: a Unix socket cannot be probed", at: "http")
                }
            } catch {
                reader.report("http: \(error)", at: "http")
            }
            kind = .http(http)
        case "tcp":
            guard let endpoint = HostAndPort(target) else {
                return reader.report("tcp: expected host:port, found \"\(target)\"", at: "tcp")
            }
            kind = .tcp(endpoint, steps)
        case "tls":
            guard let endpoint = HostAndPort(target, defaultPort: 443) else {
                return reader.report("tls: expected host or host:port, found \"\(target)\"", at: "tls")
            }
            kind = .tls(endpoint, client)
        case "dns":
            if DNSMessage.query(target, .a, identity: 0, isRecursive: true) == nil {
                reader.report("dns: \"\(target)\" is no domain name", at: "dns")
            }
            kind = .dns(dns)
        default: kind = .icmp(payloadSize: payloadSize)
        }
    }

    private func readHTTP(_ reader: MappingReader, _ client: HTTPClientConfiguration) -> HTTPProbe.Options {
        var http = HTTPProbe.Options()
        http.client = client
        http.preference = preference
        http.method = reader.string("method") ?? http.method
        http.body = reader.string("body") ?? http.body
        http.validStatusCodes = reader.value("valid_status_codes")?.items()?.compactMap { $0.int(in: 100...999) } ?? []
        http.validHTTPVersions = reader.strings("valid_http_versions") ?? []
        http.failsIfTLS = reader.bool("fail_if_ssl") ?? false
        http.failsIfNotTLS = reader.bool("fail_if_not_ssl") ?? false
        http.failsIfBodyMatches = patterns(reader, "fail_if_body_matches_regexp")
        http.failsIfBodyDoesNotMatch = patterns(reader, "fail_if_body_not_matches_regexp")
        return http
    }

    private func readSteps(_ reader: MappingReader) -> [TCPProbe.Step] {
        let keys = [
            ConfigurationKey("expect", "regular expression", "A line that must come."),
            ConfigurationKey("send", "string", "A line to send then."),
        ]
        return reader.value("query_response")?.items()?.compactMap { item in
            guard let step = item.mapping(keys) else { return nil }
            defer { step.finish() }
            let pattern = step.string("expect")
            if let pattern { check(pattern, "expect", step) }
            return TCPProbe.Step(expect: pattern, send: step.string("send"))
        } ?? []
    }

    private func readDNS(_ reader: MappingReader) -> DNSOptions {
        var dns = DNSOptions()
        if let server = reader.string("server") {
            dns.server = HostAndPort(server, defaultPort: 53)
            if dns.server == nil { reader.report("server: expected host or host:port", at: "server") }
        }
        dns.type = reader.choice("type") ?? dns.type
        dns.transport = reader.choice("transport") ?? dns.transport
        dns.validCodes = reader.strings("valid_rcodes") ?? dns.validCodes
        dns.answerPattern = reader.string("answer_matches")
        if let pattern = dns.answerPattern { check(pattern, "answer_matches", reader) }
        return dns
    }

    private func patterns(_ reader: MappingReader, _ key: String) -> [String] {
        let patterns = reader.strings(key) ?? []
        for pattern in patterns { check(pattern, key, reader) }
        return patterns
    }

    private func check(_ pattern: String, _ key: String, _ reader: MappingReader) {
        do throws(RegexError) {
            _ = try Regex(pattern)
        } catch {
            reader.report("\(key): \(error)", at: key)
        }
    }
}

extension ProbeConfiguration {
    /// The probe itself.
    func makeProbe() throws(RegexError) -> any Probe {
        switch kind {
        case .http(let options): return try HTTPProbe(target: target, options: options)
        case .tcp(let endpoint, let steps):
            return try TCPProbe(target: target, endpoint: endpoint, preference: preference, steps: steps)
        case .tls(let endpoint, let client):
            return TLSProbe(target: target, endpoint: endpoint, preference: preference, client: client)
        case .dns(let options):
            let pattern = try options.answerPattern.map { text throws(RegexError) in try Regex(text) }
            return DNSProbe(
                target: target, server: options.server, type: options.type, transport: options.transport,
                preference: preference, validCodes: options.validCodes, answerPattern: pattern)
        case .icmp(let payloadSize):
            return ICMPProbe(target: target, preference: preference, payloadSize: payloadSize)
        }
    }
}
