import Rules
import Telemetry
import TestSupport
import Testing

@testable import Alerting

@Suite struct HTMLEscaperTests {
    private let templates: NotificationTemplates

    init() throws { templates = try NotificationTemplates() }

    /// `{{ . }}`-like actions are written `{{ $x }}` with this for `$x`.
    private func expand(_ text: String, _ value: String) throws -> String {
        var notification = SampleNotifications.firing
        notification.alerts[0].annotations = ["x": value]
        let template = try MessageTemplate("{{ $x := .CommonAnnotations.x }}" + text)
        return try templates.expand(template, NotificationData(notification), as: .html)
    }

    @Test(
        "a value is made safe for where it stands",
        arguments: [
            ("<p>{{ $x }}</p>", "<script>'\"&+", "<p>&lt;script&gt;&#39;&#34;&amp;&#43;</p>"),
            ("<p>{{ safeHtml $x }}</p>", "<b>x</b>", "<p><b>x</b></p>"),
            ("<p>{{ $x | html }}</p>", "<b>", "<p>&lt;b&gt;</p>"),
            (#"<p title="{{ $x }}">"#, "\"><b>", #"<p title="&#34;&gt;&lt;b&gt;">"#),
            ("<p title='{{ $x }}'>", "' onclick='x", "<p title='&#39; onclick=&#39;x'>"),
            ("<p title={{ $x }}>", "a b=`>", "<p title=a&#32;b&#61;&#96;&gt;>"),
            ("<p title={{ $x }} class=a>", "", "<p title=ZgotmplZ class=a>"),
            (#"<a href="{{ $x }}">"#, "javascript:alert(1)", "<a href=\"#ZgotmplZ\">"),
            (#"<a href="{{ $x }}">"#, " javascript:alert(1)", "<a href=\"#ZgotmplZ\">"),
            (#"<a href="{{ $x }}">"#, "https://h/a?b=c&d='\"", "<a href=\"https://h/a?b=c&amp;d=%27%22\">"),
            (#"<a href="{{ safeUrl $x }}">"#, "tel:1", "<a href=\"tel:1\">"),
            (#"<a href="/p/{{ $x }}">"#, "a b\"<c", "<a href=\"/p/a%20b%22%3cc\">"),
            (#"<a href="/p?q={{ $x }}">"#, "a b&c=d/e", "<a href=\"/p?q=a%20b%26c%3dd%2fe\">"),
            (#"<a href="/p?q={{ $x | urlquery }}">"#, "a b&c", "<a href=\"/p?q=a&#43;b%26c\">"),
            (#"<p onclick="f('{{ $x }}')">"#, "');evil('", "<p onclick=\"f('ZgotmplZ')\">"),
            (#"<p style="color: {{ $x }}">"#, "#ff0000", "<p style=\"color: #ff0000\">"),
            (#"<p style="color: {{ $x }}">"#, "red;background:url(//e)", "<p style=\"color: ZgotmplZ\">"),
            (
                "<script>x = {{ $x }};</script>{{ $x }}", "</script><b>",
                "<script>x = ZgotmplZ;</script>&lt;/script&gt;&lt;b&gt;"
            ),
            ("<style>p { width: {{ $x }} }</style>", "10px", "<style>p { width: 10px }</style>"),
            ("<title>{{ $x }}</title>", "</title><b>", "<title>&lt;/title&gt;&lt;b&gt;</title>"),
            ("a<!-- {{ $x }} -->b{{ $x }}", "--><b>", "ab--&gt;&lt;b&gt;"),
            ("<{{ $x }}>", "script src=//e", "<ZgotmplZ>"),
            ("<p {{ $x }}=\"1\">", "onclick", "<p ZgotmplZ=\"1\">"),
            ("1 < 2 {{ $x }}", "<", "1 < 2 &lt;"),
            ("<img src={{ $x }}>", "javascript:x", "<img src=#ZgotmplZ>"),
            ("<br/>{{ $x }}", "<", "<br/>&lt;"),
            ("<!DOCTYPE html>{{ $x }}", "<", "<!DOCTYPE html>&lt;"),
        ])
    func places(text: String, value: String, expected: String) throws {
        #expect(try expand(text, value) == expected)
    }

    @Test("no value, wherever it stands, adds a tag or ends an attribute")
    func random() throws {
        var random = SeededRandom(seed: 7)
        let shells = [
            "<p>{{ $x }}</p>", #"<a href="{{ $x }}">t</a>"#, "<a title='{{ $x }}'>t</a>", "<a title={{ $x }}>t</a>",
            "<script>{{ $x }}</script>", #"<p onclick="{{ $x }}">t</p>"#, "<textarea>{{ $x }}</textarea>",
            #"<a href="/a?b={{ $x }}#{{ $x }}">t</a>"#,
        ]
        let signs = Array("<>\"'&= /`:#?-!abjs%\n\0é".unicodeScalars)
        for _ in 0..<2000 {
            let shell = shells[Int.random(in: 0..<shells.count, using: &random)]
            var value = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...8, using: &random) {
                value.append(signs[Int.random(in: 0..<signs.count, using: &random)])
            }
            let text = try expand(shell, String(value))
            let count = { (character: Character, text: String) in text.filter { $0 == character }.count }
            let bare = shell.split(separator: "{{ $x }}", omittingEmptySubsequences: false).joined()
            for character in "<>\"" as String {
                #expect(count(character, text) == count(character, bare), "\(shell) with \(value)")
            }
        }
    }
}
