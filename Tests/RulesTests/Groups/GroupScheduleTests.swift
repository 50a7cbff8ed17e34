import Rules
import Testing

@Suite("Slots of groups")
struct GroupScheduleTests {
    @Test("slots lie an interval apart at the offset, whatever the time of the start")
    func slots() {
        for start: Int64 in [0, 1, 14_999, 15_000, 1_700_000_000_123] {
            var schedule = GroupSchedule(interval: 15_000, offset: 4000, start: start)
            let first = schedule.next
            #expect(first > start && first <= start + 15_000)
            #expect((first - 4000) % 15_000 == 0)
            #expect(schedule.take(at: first - 1) == nil)
            #expect(schedule.take(at: first)?.slot == first)
            #expect(schedule.take(at: first) == nil)
            #expect(schedule.next == first + 15_000)
        }
    }

    @Test("a group keeps its offset, and groups have different ones")
    func offsets() {
        let offsets = (0..<100).map { GroupSchedule(key: "f;\($0)", interval: 60_000, start: 0).offset }
        #expect(offsets == (0..<100).map { GroupSchedule(key: "f;\($0)", interval: 60_000, start: 99_999).offset })
        #expect(Set(offsets).count > 90)
        #expect(offsets.allSatisfy { (0..<60_000).contains($0) })
    }

    @Test("missed slots are skipped and counted")
    func missed() {
        var schedule = GroupSchedule(interval: 10_000, offset: 0, start: 0)
        #expect(schedule.take(at: 10_000)?.missed == 0)
        let late = schedule.take(at: 47_000)
        #expect(late?.slot == 40_000 && late?.missed == 2)
    }

    @Test("a clock that is set back does not stop evaluation")
    func backwards() {
        var schedule = GroupSchedule(interval: 10_000, offset: 0, start: 1_000_000)
        #expect(schedule.take(at: 1_010_000)?.slot == 1_010_000)
        // A little: the slot has been taken.
        #expect(schedule.take(at: 1_005_000) == nil)
        #expect(schedule.next == 1_020_000)
        #expect(schedule.due(at: 1_005_000) == 1_020_000)
        #expect(schedule.due(at: 500_000) == 500_000)
        #expect(schedule.take(at: 500_000) == nil)
        #expect(schedule.take(at: 510_000)?.slot == 510_000)
    }
}
