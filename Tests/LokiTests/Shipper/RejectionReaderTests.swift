import Bytes
import Telemetry
import TestSupport
import Testing
import Transport

@testable import Loki

@Suite("Loki's answers")
struct RejectionReaderTests {
    private static let day: Int64 = 1_767_225_600  // 2026-01-01T00:00:00Z

    @Test(
        "each refusal is understood: reason, stream and extent",
        arguments: [
            (
                #"entry for stream '{app="a"}' has timestamp too old: 2025-12-01T00:00:00Z, oldest acceptable timestamp is: 2026-01-01T00:00:00Z"#,
                PushRejection.Reason.tooOld, PushRejection.Extent.before(Timestamp(seconds: day + 1))
            ),
            (
                #"entry for stream '{app="a"}' has timestamp too new: 2026-01-01T01:00:00+01:00"#, .tooFarInFuture,
                .from(Timestamp(seconds: day))
            ),
            (
                #"max entry size '262144' bytes exceeded for stream '{app="a"}' while adding an entry with length '300000' bytes"#,
                .lineTooLong, .linesLonger(than: 262_144)
            ),
            (#"entry for stream '{app="a"}' has 16 label names; limit 15"#, .tooManyLabelNames, .all),
            (#"stream '{app="a"}' has label name too long: 'x'"#, .labelNameTooLong, .all),
            (#"stream '{app="a"}' has label value too long: 'x'"#, .labelValueTooLong, .all),
            (#"stream '{app="a"}' has duplicate label name: 'x'"#, .duplicateLabelNames, .all),
            (
                #"stream '{app="a"}' includes structured metadata, but this feature is disallowed. Please see `limits_config.allow_structured_metadata` or contact your Loki administrator to enable it"#,
                .metadataDisallowed, .all
            ),
            (
                #"stream '{app="a"}' has structured metadata too large: '70000' bytes, limit: '65536' bytes. Please see `limits_config.max_structured_metadata_size` or contact your Loki administrator to increase it"#,
                .metadataTooLarge, .metadataLarger(than: 65536)
            ),
            (
                #"stream '{app="a"}' has too many structured metadata labels: '129', limit: '128'. Please see"#,
                .metadataTooMany, .metadataEntriesMore(than: 128)
            ),
            (
                #"missing required labels 'team' for user 'fake' for stream '{app="a"}' (policy: '')"#,
                .missingEnforcedLabels, .all
            ),
            (
                """
                entry with timestamp 2025-12-31 20:00:00.5 +0000 UTC ignored, reason: 'entry too far behind, entry \
                timestamp is: 2025-12-31T20:00:00Z, oldest acceptable timestamp is: 2026-01-01T00:00:00Z',
                user 'fake', total ignored: 1 out of 3 for stream: {app="a"}
                """, .tooFarBehind, .before(Timestamp(seconds: day + 1))
            ),
            (
                """
                entry with timestamp 2026-01-01 00:00:00.5 +0000 UTC ignored, reason: 'entry out of order',
                user 'fake', total ignored: 1 out of 3 for stream: {app="a"}
                """, .outOfOrder, .at(Timestamp(nanoseconds: day * 1_000_000_000 + 500_000_000))
            ),
            (
                #"maximum active stream limit exceeded when trying to create stream {app="a"}, reduce the number of active streams (reduce labels or reduce label values), or contact your Loki administrator to see if the limit can be increased, user: 'fake'"#,
                .streamLimit, .all
            ),
            (
                """
                entry with timestamp 2026-01-01 00:00:00 +0000 UTC ignored, reason: 'Per stream rate limit exceeded \
                (limit: 3MB/sec) while attempting to ingest for stream '{app="a"}' totaling 1MB, consider splitting a \
                stream via additional labels or contact your Loki administrator to see if the limit can be increased',
                user 'fake', total ignored: 1 out of 1 for stream: {app="a"}
                """, .streamRateLimit, .all
            ),
        ])
    func single(body: String, reason: PushRejection.Reason, extent: PushRejection.Extent) {
        let found = RejectionReader.read(Array(body.utf8))
        #expect(found == [PushRejection(reason: reason, stream: ["app": "a"], extent: extent)])
    }

    @Test("several refusals in one answer, and labels that look like messages, are told apart")
    func several() {
        let body = #"""
            3 errors like: max entry size '10' bytes exceeded for stream '{a="entry for stream '{x=\"1\"}' has 16 label names; limit 15"}' while adding an entry with length '20' bytes; 1 errors like: entry for stream '{b="2"}' has timestamp too new: 2026-01-01T00:00:00Z
            """#
        let found = RejectionReader.read(Array(body.utf8))
        #expect(found.map(\.reason) == [.lineTooLong, .tooFarInFuture])
        #expect(found.last?.stream == ["b": "2"])
    }

    @Test("the labels a server adds do not hide which stream is meant")
    func serverLabels() {
        let rejection = PushRejection(
            reason: .streamLimit, stream: ["a": "1", "service_name": "x", "__stream_shard__": "2"], extent: .all)
        #expect(rejection.names(["a": "1"]))
        #expect(rejection.names(["a": "1", "service_name": "x"]))
        #expect(!rejection.names(["a": "2"]))
        #expect(!rejection.names(["a": "1", "b": "1"]))
        #expect(!rejection.names([:]))
    }

    @Test(
        "each status has its consequence",
        arguments: [
            (200, "", "delivered"), (202, "", "delivered"), (204, "", "delivered"), (260, "blocked", "held"),
            (201, "", "held"), (206, "", "held"), (301, "", "held"), (307, "", "held"),
            (400, "couldn't parse labels: 1:2: parse error", "refused certainly"),
            (400, "<html>The plain HTTP request was sent to HTTPS port", "refused"),
            (400, #"entry for stream '{a="1"}' has 16 label names; limit 15"#, "partial"), (401, "no org id", "held"),
            (403, "", "held"), (404, "", "held"), (405, "", "held"), (408, "", "retry"), (413, "", "too large"),
            (415, "", "held"), (422, "error at least one valid stream is required for ingestion", "refused"),
            (429, #"maximum active stream limit exceeded when trying to create stream {a="1"}, reduce"#, "streams"),
            (
                429,
                "ingestion rate limit exceeded for user fake (limit: 4194304 bytes/sec) while attempting to ingest '5' lines totaling '77' bytes, reduce log volume",
                "rate 4194304 77"
            ),
            (200, "\n <!DOCTYPE HTML><html>", "held"), (200, "<HTML lang=x>", "held"), (200, "{}", "delivered"),
            (407, "", "held"),
            (429, "too many requests", "rate nil nil"), (499, "", "retry"), (500, "", "retry"), (502, "", "retry"),
            (503, "", "retry"), (529, "", "retry"), (0, "", "retry"),
        ])
    func statuses(status: Int, body: String, expected: String) {
        let found =
            switch PushVerdict(HTTPResponse(status: status, body: Array(body.utf8))) {
            case .delivered: "delivered"
            case .retry: "retry"
            case .cutOff: "cut off"
            case .held: "held"
            case .unusable: "unusable"
            case .partial: "partial"
            case .refused(_, let isCertain): isCertain ? "refused certainly" : "refused"
            case .tooLarge: "too large"
            case .streamsLimited: "streams"
            case .rateLimited(let limit, let requested):
                "rate \(limit.map(String.init) ?? "nil") \(requested.map(String.init) ?? "nil")"
            }
        #expect(found == expected)
    }

    @Test("no body makes the reader fail or take long")
    func fuzz() {
        var generator = SeededRandom(seed: SeededRandom.seed())
        func random(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &generator) }
        let pieces = [
            "{", "}", "\"", "'", "\\", "a", "=", ", ", "{a=\"b\"}", "entry for stream '", "' has timestamp too old: ",
            "oldest acceptable timestamp is: ", "9999-99-99T99:99:99Z", "2026-01-01T00:00:00.123456789123Z",
            "max entry size '", "99999999999999999999", "bytes exceeded for stream '", "for stream: ", "out of order",
            "entry with timestamp ", "limit: '", "\u{0}", "é", "\\u", "\\xz", "trying to create stream ", "; ", "\n",
        ]
        for _ in 0..<2000 {
            let body = (0..<random(40)).map { _ in pieces[random(pieces.count)] }.joined()
            _ = RejectionReader.read(Array(body.utf8))
            _ = RejectionReader.read((0..<random(200)).map { _ in UInt8(random(256)) })
        }
        let start = Timestamp.monotonic
        for piece in ["{", "{a=\"", "{a=\"b\\", "for stream: {a=\"b\"}"] {
            _ = RejectionReader.read(Array(String(repeating: piece, count: (64 << 10) / piece.utf8.count).utf8))
        }
        #expect(Timestamp.monotonic.seconds(since: start) < 30)
    }
}
