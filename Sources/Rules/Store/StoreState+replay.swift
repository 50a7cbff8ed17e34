import Telemetry

/// Takes what a log says as if it were appended again.
extension StoreState: LogReceiver {
    mutating func define(_ id: UInt32, _ labels: LabelSet) -> Int? {
        let place = find(labels) ?? insert(Series(labels: labels, metadata: Self.unknownFamily), id: id)
        // Under another number than here the log will have to say again who it is.
        states[place].isLogged = entries[place]?.id == id
        nextID = max(nextID, id &+ 1)
        return place
    }

    /// What is known of the families of series that were read from disk, until their source names them.
    static let unknownFamily = MetricMetadata(name: "")

    func successor(of place: Int) -> Int? {
        let successor = states[place].successor
        return successor == SeriesState.none ? nil : Int(successor)
    }

    func newest(of place: Int) -> Double { states[place].lastValue }

    mutating func began(_ place: Int, at start: Int64) { states[place].start = start }

    mutating func takeRepeated(_ count: Int, after place: Int, time: Int64, isFirst: Bool) -> Int? {
        var place = UInt32(place)
        var isFirst = isFirst
        var left = count
        while left > 0 {
            if !isFirst, replayRun.time == time { left -= takeSteady(left, &place) }
            guard left > 0 else { break }
            let next = states[Int(place)].successor
            guard next != SeriesState.none else { return nil }
            place = next
            take(Int(place), time: time, value: states[Int(place)].lastValue, isFirst: isFirst)
            isFirst = false
            left -= 1
        }
        return Int(place)
    }

    /// Takes as many as do only what they did the last time, and says how many; `place` is then the last of them.
    @inline(__always)
    private mutating func takeSteady(_ count: Int, _ place: inout UInt32) -> Int {
        let run = replayRun
        var span = states.mutableSpan
        var taken = 0
        while taken < count {
            let next = span[Int(place)].successor
            guard next != SeriesState.none,
                Self.takeRepeated(&span[Int(next)], run, span[Int(next)].lastValue)
            else { break }
            place = next
            taken += 1
        }
        if taken > 0 { log.current = place }
        return taken
    }

    mutating func take(_ place: Int, time: Int64, value: Double, isFirst: Bool) {
        if !isFirst, replayRun.time == time, log.current != SeriesState.none,
            states[Int(log.current)].successor == UInt32(place),
            Self.takeChanged(&states[place], replayRun, value, &arena) != nil
        {
            log.current = UInt32(place)
            return
        }
        // Whether a batch was long enough to share its times is not in the log: it is taken for one that was.
        if isFirst || replayRun.time != time { replayRun = SampleRun(time: time, isShared: true) }
        let isLogged = states[place].isLogged
        var run = replayRun
        take(place, value, start: 0, &run)
        replayRun = run
        states[place].isLogged = isLogged
    }
}
