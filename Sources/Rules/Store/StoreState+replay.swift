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

    mutating func takeRepeated(_ count: Int, after place: Int) -> Int? {
        var place = place
        for _ in 0..<count {
            let next = states[place].successor
            guard next != SeriesState.none else { return nil }
            place = Int(next)
            let value = states[place].lastValue
            if Self.takeRepeated(&states[place], replayRun, value) {
                log.current = next
            } else {
                take(place, time: replayRun.time, value: value, isFirst: false)
            }
        }
        return place
    }

    mutating func take(_ place: Int, time: Int64, value: Double, isFirst: Bool) {
        // Whether a batch was long enough to share its times is not in the log: it is taken for one that was.
        if isFirst || replayRun.time != time { replayRun = SampleRun(time: time, isShared: true) }
        let isLogged = states[place].isLogged
        var run = replayRun
        take(place, value, start: 0, &run)
        replayRun = run
        states[place].isLogged = isLogged
    }
}
