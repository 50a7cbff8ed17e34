import Rules
import TestSupport
import Testing

@testable import Alerting

@Suite struct TemplateFuzzTests {
    private static let pieces = [
        "{{", "}}", "{{-", "-}}", " . ", ".Alerts", ".Alerts.Firing", ".GroupLabels", ".SortedPairs", ".Values",
        ".Nope", "$x", ":=",
        "|", "(", ")", "range ", "end", "if ", "else", "with ", "define ", "template ", "block ", "break", "continue",
        "\"a\"", "`b`", "1",
        "-1", "1e400", "nil", "true", "index ", "slice ", "printf ", "\"%999d%v%*d\"", "toJson ", "join ", "tz ",
        "date ", "toDate ", "since ",
        "dict ", "list ", "append ", "reReplaceAll ", "\"(a*)*b\"", "base64decode ", "urlUnescape ", "\"%zz\"",
        "safeHtml ", "title ",
        "humanizeDuration ", "len ", "eq ", "lt ", "call ", "html ", "urlquery ", "routeLabels ", "stringSlice ",
        "<a href=\"", "\">", "<script>",
        "</script>", "<!--", "-->", "'", " ", "\n", "é", "\0", "\"__subject\"", ".StartsAt", ".Add ", ".Format ", "now",
        ".Remove ",
    ]

    @Test("no template makes it crash, as text or as HTML")
    func random() throws {
        let seed = SeededRandom.seed()
        var random = SeededRandom(seed: seed)
        let templates = try NotificationTemplates()
        let data = NotificationData(SampleNotifications.mixed)
        var (parsed, expanded) = (0, 0)
        for round in 0..<5000 {
            var text = ""
            if round % 2 == 0 {
                // Whole actions, so that more than the parser is met.
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let inner = (0..<Int.random(in: 1...4, using: &random)).map { _ in Self.pick(&random) }
                    text += "<p title=\"{{ " + inner.joined(separator: " ") + " }}\">"
                }
            } else {
                for _ in 0..<Int.random(in: 1...12, using: &random) { text += Self.pick(&random) }
            }
            guard let template = try? MessageTemplate(text) else { continue }
            parsed += 1
            for form in [NotificationTemplates.Form.text, .html]
            where (try? templates.expand(template, data, as: form)) != nil {
                expanded += 1
            }
        }
        #expect(parsed > 100 && expanded > 100, "\(parsed) parsed, \(expanded) expanded")
    }

    private static func pick(_ random: inout SeededRandom) -> String {
        pieces[Int.random(in: 0..<pieces.count, using: &random)]
    }
}
