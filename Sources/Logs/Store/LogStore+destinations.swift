import Bytes
import Glibc
import Logging
import Synchronization
import Telemetry

extension LogStore {
    struct Destination: Sendable {
        var state: DestinationState
        var isRegistered = false
        /// Not yet saved.
        var isDirty = false
        var saved = Timestamp(nanoseconds: 0)
    }

    /// Saving is put off for so long, in seconds: a crash repeats at most what was delivered meanwhile.
    private static let saveInterval = 1.0

    static func loadDestinations(
        _ directory: StoreDirectory
    ) -> (states: [String: Destination], files: [String: GenerationFile], trouble: [String]) {
        var states: [String: Destination] = [:]
        var files: [String: GenerationFile] = [:]
        var trouble: [String] = []
        let names = Set(((try? directory.names()) ?? []).compactMap(baseName))
        for name in names {
            var file = GenerationFile(directory: directory, name: name, kind: .destination)
            let loaded = file.load()
            trouble += loaded.trouble
            guard let found = loaded.bodies.lazy.compactMap({ DestinationCheckpoint(decoding: $0.span.bytes) }).first,
                DestinationCheckpoint.fileName(found.name) == name
            else { continue }
            states[found.name] = Destination(state: found.state)
            files[found.name] = file
        }
        return (states, files, trouble)
    }

    /// The name without the generation; nil for what is no destination's checkpoint.
    private static func baseName(_ file: String) -> String? {
        let parts = file.split(separator: ".", omittingEmptySubsequences: false)
        guard file.hasPrefix("destination-"), parts.count == 2, parts[0].utf8.count == 28,
            ["0", "1", "note"].contains(parts[1])
        else { return nil }
        return String(parts[0])
    }

    package func register(destination: String) -> DestinationState {
        metrics.expect(destination: destination)
        return state.withLock { state in
            let beginning = state.segments.first?.start ?? RecordLocation(segment: 0, offset: 0)
            var known = state.destinations[destination] ?? Destination(state: DestinationState(cursor: beginning))
            let cursor = known.state.cursor
            if state.index(cursor.segment) == nil,
                let next = state.segments.first(where: { $0.number > cursor.segment })
            {
                known.state.cursor = next.start
            }
            known.state.held.removeAll { state.index($0.record.segment) == nil }
            known.state.waiting.removeAll { $0.cursor >= known.state.cursor }
            known.isRegistered = true
            known.isDirty = true
            state.destinations[destination] = known
            return known.state
        }
    }

    package func unregister(destination: String) {
        state.withLock { _ = $0.destinations.removeValue(forKey: destination) }
        metrics.forget(destination: destination)
        destinationFiles.withLock { files in
            let file = files.removeValue(forKey: destination) ?? Self.file(of: destination, in: checkpointDirectory)
            do throws(SystemError) {
                try file.remove()
            } catch {
                logger.warning("store: \(error)")
            }
        }
        waiters.wake()
    }

    /// Forgets saved destinations that are not among `names`: call after registering all that are configured.
    /// Without it they keep their segments for a minute and their cursor for good.
    package func retain(destinations names: [String]) {
        let gone = state.withLock { state in state.destinations.keys.filter { !names.contains($0) } }
        for name in gone { unregister(destination: name) }
    }

    package func acknowledge(_ new: DestinationState, destination: String) {
        state.withLock { state in
            guard state.destinations[destination]?.isRegistered == true else { return }
            state.destinations[destination]?.state = new
            state.destinations[destination]?.isDirty = true
        }
        note(new, destination: destination)
        saveDestinations(force: false)
        waiters.wake()
    }

    /// Writes a cursor down for the next start after a crash of the process: without it every crash would send up to a
    /// second's blocks again.
    private func note(_ new: DestinationState, destination: String) {
        destinationFiles.withLock { files in
            var file = files[destination] ?? Self.file(of: destination, in: checkpointDirectory)
            do throws(SystemError) {
                try file.note(DestinationCheckpoint(name: destination, state: new).encoded())
                files[destination] = file
            } catch {
                // The durable save that follows reports what is wrong with the disk.
                logger.debug("store: the cursor of \(destination) is not noted: \(error)")
            }
        }
    }

    private static func file(of destination: String, in directory: StoreDirectory) -> GenerationFile {
        GenerationFile(
            directory: directory, name: DestinationCheckpoint.fileName(destination), kind: .destination)
    }

    /// Seconds until a changed cursor is to be saved; nil where none has changed.
    func nextSave() -> Double? {
        let now = Timestamp.monotonic
        return state.withLock { state in
            // The directory is another's then.
            if state.isClosed { return nil }
            return state.destinations.values.filter { $0.isDirty && $0.isRegistered }
                .map { max(0, Self.saveInterval - now.seconds(since: $0.saved)) }.min()
        }
    }

    /// Saves the cursors that changed, each at most once a second unless forced.
    func saveDestinations(force: Bool) {
        guard force || nextSave() == 0 else { return }
        destinationFiles.withLock { files in
            let now = Timestamp.monotonic
            let due = state.withLock { state in
                let due = state.destinations.filter {
                    $0.value.isDirty && (force || now.seconds(since: $0.value.saved) >= Self.saveInterval)
                }
                for name in due.keys {
                    state.destinations[name]?.isDirty = false
                    state.destinations[name]?.saved = now
                }
                return due
            }
            for (name, destination) in due {
                var file = files[name] ?? Self.file(of: name, in: checkpointDirectory)
                do throws(SystemError) {
                    try file.save(DestinationCheckpoint(name: name, state: destination.state).encoded())
                    files[name] = file
                } catch {
                    metrics.writeErrors.add()
                    logger.warning("store: the cursor of \(name) is not saved: \(error)")
                    state.withLock { $0.destinations[name]?.isDirty = true }
                }
            }
        }
    }
}
