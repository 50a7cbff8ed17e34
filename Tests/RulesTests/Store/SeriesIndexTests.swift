import Telemetry
import TestSupport
import Testing

@testable import Rules

struct SeriesIndexTests {
    private func places(_ index: inout SeriesIndex, _ matchers: [LabelMatcher]) -> [UInt32] {
        let query = SeriesQuery(matchers: matchers)
        var answers: [SeriesQuery.Question] = []
        while true {
            switch query.ask(&index, answers: answers) {
            case .series(let found): return found
            case .questions(let questions):
                answers = questions
                for place in answers.indices { answers[place].answer(matchers[answers[place].matcher]) }
            }
        }
    }

    @Test("selectors find what looking at every series finds, in order, while series come and go")
    func agreesWithLooking() throws {
        var random = SeededRandom(seed: SeededRandom.seed())
        var index = SeriesIndex()
        var there: [UInt32: LabelSet] = [:]
        let names = ["__name__", "job", "mode", "path"]
        for round in 0..<400 {
            if Int.random(in: 0..<3, using: &random) > 0 || there.isEmpty {
                var labels = LabelSet()
                for name in names where Int.random(in: 0..<4, using: &random) > 0 {
                    labels[name] = "\(name.prefix(1))\(Int.random(in: 0..<12, using: &random))"
                }
                if there.values.contains(labels) { continue }
                let place = (0 as UInt32..<500).first { there[$0] == nil } ?? 0
                index.insert(place, labels)
                there[place] = labels
            } else if let place = there.keys.sorted().randomElement(using: &random), let labels = there[place] {
                index.remove(place, labels)
                var gone = SeriesSet(capacity: 500)
                gone.insert(place)
                index.drop(gone)
                there[place] = nil
            }
            guard round % 3 == 0 else { continue }
            let matchers = try (0..<Int.random(in: 0...3, using: &random)).map { _ -> LabelMatcher in
                let name = (names + ["absent"]).randomElement(using: &random) ?? ""
                let operation = LabelMatcher.Operation.allCases.randomElement(using: &random) ?? .equal
                let letter = name.prefix(1)
                let value =
                    ["", "\(letter)1", "\(letter)3", "\(letter)1|\(letter)2", "\(letter)1.*", ".*", ".+", ".*0"]
                    .randomElement(using: &random) ?? ""
                return try LabelMatcher(name, operation, value)
            }
            let expected = there.filter { entry in matchers.allSatisfy { $0.matches(entry.value) } }
                .sorted { LabelSet.isOrdered($0.value, $1.value) }.map(\.key)
            #expect(places(&index, matchers) == expected, "\(matchers)")
        }
    }

    @Test("a table finds what is in it after others were taken out")
    func table() {
        var random = SeededRandom(seed: SeededRandom.seed())
        var table = IndexTable()
        var hashes: [Int: Int] = [:]
        for place in 0..<3000 {
            // Few homes, so that runs are long.
            let hash = Int.random(in: 0..<200, using: &random) << 32 | Int.random(in: 0..<4, using: &random)
            table.insert(place, hash: hash)
            hashes[place] = hash
            if place % 2 == 0, let gone = hashes.keys.sorted().randomElement(using: &random), let hash = hashes[gone] {
                table.remove(gone, hash: hash)
                hashes[gone] = nil
            }
        }
        for place in 0..<3000 {
            let hash = hashes[place]
            let found = table.find(hash ?? 5 << 32) { $0 == place }
            #expect(found == (hash == nil ? nil : place))
        }
    }
}
