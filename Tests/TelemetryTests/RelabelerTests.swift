import Telemetry
import Testing

/// A rule, described by what differs from the defaults.
private func rule(_ action: RelabelAction = .replace, _ change: (inout RelabelRule) -> Void = { _ in }) -> RelabelRule {
    var rule = RelabelRule()
    rule.action = action
    change(&rule)
    return rule
}

@Suite("Relabelling")
struct RelabelerTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var rules: [RelabelRule]
        var labels: LabelSet
        var expected: LabelSet?
        var testDescription: String { name }
    }

    static let base: LabelSet = ["a": "foo", "b": "bar", "c": "baz"]
    static let cases: [Case] = [
        Case(
            name: "replace joins its sources and fills in groups",
            rules: [
                rule {
                    $0.sourceLabels = ["a", "b"]
                    $0.regex = "f(.*);(.*)r"
                    $0.targetLabel = "d"
                    $0.replacement = "ch${1}-$2"
                }
            ], labels: base, expected: ["a": "foo", "b": "bar", "c": "baz", "d": "choo-ba"]),
        Case(
            name: "a value that does not match whole changes nothing",
            rules: [
                rule {
                    $0.sourceLabels = ["a"]
                    $0.regex = "o"
                    $0.targetLabel = "b"
                }
            ], labels: base, expected: base),
        Case(
            name: "an empty replacement removes the target",
            rules: [
                rule {
                    $0.sourceLabels = ["a"]
                    $0.regex = "(f).*"
                    $0.targetLabel = "b"
                    $0.replacement = ""
                }
            ], labels: base, expected: ["a": "foo", "c": "baz"]),
        Case(
            name: "no source with the default regex sets a constant",
            rules: [
                rule {
                    $0.targetLabel = "d"
                    $0.replacement = "const"
                }
            ], labels: [:], expected: ["d": "const"]),
        Case(
            name: "the target may be made of groups",
            rules: [
                rule {
                    $0.sourceLabels = ["a"]
                    $0.regex = "some-([^-]+)-([^,]+)"
                    $0.targetLabel = "${1}"
                    $0.replacement = "${2}"
                }
            ], labels: ["a": "some-name-value"], expected: ["a": "some-name-value", "name": "value"]),
        Case(
            name: "a target that is no label name changes nothing",
            rules: [
                rule {
                    $0.sourceLabels = ["a"]
                    $0.regex = "some-([^-]+)-([^,]+)"
                    $0.targetLabel = "${3}"
                    $0.replacement = "${1}"
                }
            ], labels: ["a": "some-name-value"], expected: ["a": "some-name-value"]),
        Case(
            name: "a dot of the regex takes newlines",
            rules: [
                rule {
                    $0.sourceLabels = ["a"]
                    $0.targetLabel = "b"
                }
            ], labels: ["a": "x\ny"], expected: ["a": "x\ny", "b": "x\ny"]),
        Case(
            name: "keep needs the whole value",
            rules: [
                rule(.keep) {
                    $0.sourceLabels = ["a"]
                    $0.regex = "f"
                }
            ], labels: base, expected: nil),
        Case(
            name: "keep keeps",
            rules: [
                rule(.keep) {
                    $0.sourceLabels = ["a"]
                    $0.regex = "f|foo"
                }
            ], labels: base, expected: base),
        Case(
            name: "drop drops, and no rule after it runs",
            rules: [
                rule(.drop) {
                    $0.sourceLabels = ["a"]
                    $0.regex = ".*o.*"
                }, rule { $0.targetLabel = "x" },
            ], labels: base, expected: nil),
        Case(
            name: "drop of an absent label by the empty value",
            rules: [
                rule(.drop) {
                    $0.sourceLabels = ["absent"]
                    $0.regex = ""
                }
            ], labels: base, expected: nil),
        Case(
            name: "hashmod is the tail of the MD5",
            rules: [
                rule(.hashmod) {
                    $0.sourceLabels = ["c"]
                    $0.targetLabel = "d"
                    $0.separator = ";"
                    $0.modulus = 1000
                }
            ], labels: base, expected: ["a": "foo", "b": "bar", "c": "baz", "d": "976"]),
        Case(
            name: "labelmap copies by name",
            rules: [
                rule(.labelmap) {
                    $0.regex = "__meta_(my.*)"
                    $0.replacement = "${1}"
                }
            ], labels: ["__meta_my_bar": "aaa", "__meta_other": "b"],
            expected: ["__meta_my_bar": "aaa", "__meta_other": "b", "my_bar": "aaa"]),
        Case(
            name: "labeldrop removes by name",
            rules: [rule(.labeldrop) { $0.regex = "(b|c.*)" }], labels: base, expected: ["a": "foo"]),
        Case(
            name: "labelkeep keeps by name",
            rules: [rule(.labelkeep) { $0.regex = "a|b" }], labels: base, expected: ["a": "foo", "b": "bar"]),
        Case(
            name: "lowercase and uppercase",
            rules: [
                rule(.lowercase) {
                    $0.sourceLabels = ["a"]
                    $0.targetLabel = "low"
                },
                rule(.uppercase) {
                    $0.sourceLabels = ["a"]
                    $0.targetLabel = "up"
                },
            ], labels: ["a": "bAr123é"], expected: ["a": "bAr123é", "low": "bar123é", "up": "BAR123É"]),
        Case(
            name: "keepequal keeps equals",
            rules: [
                rule(.keepequal) {
                    $0.sourceLabels = ["a"]
                    $0.targetLabel = "b"
                }
            ], labels: ["a": "1", "b": "1"], expected: ["a": "1", "b": "1"]),
        Case(
            name: "keepequal drops what differs",
            rules: [
                rule(.keepequal) {
                    $0.sourceLabels = ["a"]
                    $0.targetLabel = "b"
                }
            ], labels: base, expected: nil),
        Case(
            name: "dropequal drops equals",
            rules: [
                rule(.dropequal) {
                    $0.sourceLabels = ["a"]
                    $0.targetLabel = "b"
                }
            ], labels: ["a": "1", "b": "1"], expected: nil),
        Case(
            name: "dropequal keeps what differs",
            rules: [
                rule(.dropequal) {
                    $0.sourceLabels = ["a"]
                    $0.targetLabel = "b"
                }
            ], labels: base, expected: base),
    ]

    @Test("every action does what Prometheus's does", arguments: cases)
    func actions(_ test: Case) throws {
        #expect(try Relabeler(test.rules).apply(test.labels) == test.expected)
    }

    @Test(
        "rules that Prometheus refuses are refused with the reason",
        arguments: [
            (rule(), "target_label"),
            (rule { $0.targetLabel = "0a" }, "0a"),
            (rule { $0.targetLabel = "a-$1" }, "a-$1"),
            (rule(.hashmod) { $0.targetLabel = "a" }, "modulus"),
            (rule(.labelmap) { $0.replacement = "a-b" }, "a-b"),
            (rule(.labeldrop) { $0.sourceLabels = ["a"] }, "only regex"),
            (rule(.lowercase) { $0.targetLabel = "$1" }, "$1"),
            (
                rule(.keepequal) {
                    $0.targetLabel = "a"
                    $0.regex = "x"
                }, "only source_labels"
            ),
            (rule(.keep) { $0.regex = "(" }, "byte 1"),
        ])
    func refusals(rule: RelabelRule, reason: String) {
        #expect {
            _ = try Relabeler([RelabelRule(), rule].suffix(1))
        } throws: { "\($0)".contains(reason) && "\($0)".contains("rule 1") }
    }

    @Test("the labels that a relabeler reads are told")
    func reads() throws {
        let relabeler = try Relabeler([
            rule {
                $0.sourceLabels = ["__journal_priority", "x"]
                $0.targetLabel = "level"
            }, rule(.labelmap) { $0.regex = "__meta_(.+)" }, rule(.labeldrop) { $0.regex = "tmp.*" },
        ])
        #expect(relabeler.sourceNames == ["__journal_priority", "x"])
        #expect(relabeler.reads("x") && relabeler.reads("__meta_a"))
        #expect(!relabeler.reads("__meta_") && !relabeler.reads("tmp_1"))
    }
}
