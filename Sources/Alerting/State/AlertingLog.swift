import Bytes

/// The state of alerting on disk: alerts, groups, what was told, what is under way, silences. Deleting its file loses these and
/// nothing else.
///
/// What belongs together, such as a look at a group and the notifications that come of it, is one record (`RecordLog`), so that
/// either all of it is known after a crash or nothing. Changes that others learn of are synchronised first. Confined to its owner.
package final class AlertingLog {
    private static let kind = RecordLog.Kind(
        magic: 0x3130_4d4c_4143_4f54, version: 1, name: "alerting.state")  // "TOCALM01"
    /// Changes in one record of a file that is written anew.
    private static let changesPerRecord = 256

    private let log: RecordLog
    /// Whether something has yet to be synchronised.
    private var owes = false
    /// What the last attempt to write failed of; nil when all is written.
    package private(set) var failure: String?
    /// What was wrong with the file when it was read, a sentence each.
    package let trouble: [String]

    /// Reads what is in `directory`, which is made if it is not there, into `state`.
    package init(directory: String, faults: DiskFaults = DiskFaults(), into state: inout AlertingState) {
        log = RecordLog(Self.kind, directory: directory, faults: faults)
        state = AlertingState()
        trouble = log.load { body in
            var reader = StateReader(body)
            guard let changes = reader.changes() else { return false }
            for change in changes { state.apply(change) }
            return true
        }
    }

    /// Writes the changes of a step. A disk that fails is told by `failure` and tried again with the next step.
    ///
    /// - Parameter isLast: false where nobody learns of anything before the next step is written: that one synchronises both.
    package func write(_ step: EngineStep, state: AlertingState, isLast: Bool = true) {
        owes = owes || step.mustBeSynchronised
        let synchronises = owes && isLast
        guard !step.changes.isEmpty || synchronises else { return }
        var writer = StateWriter()
        for change in step.changes { writer.write(change) }
        if step.changes.isEmpty { writer.write(.alive(state.lastAlive)) }
        do throws(SystemError) {
            try log.append(writer.buffer.bytes, durably: synchronises) { add throws(SystemError) in
                var writer = StateWriter()
                var count = 0
                try state.forEachChange { change throws(SystemError) in
                    writer.write(change)
                    count += 1
                    if count % Self.changesPerRecord == 0 {
                        try add(writer.buffer.bytes)
                        writer.removeAll()
                    }
                }
                if !writer.buffer.isEmpty { try add(writer.buffer.bytes) }
            }
            failure = nil
            if synchronises { owes = false }
        } catch {
            failure = error.description
        }
    }
}
