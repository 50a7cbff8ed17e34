import Bytes
import Glibc
import Synchronization
import Telemetry

/// What the store's thread does; each of it can be called by a test in its stead.
extension SeriesStore {
    private static let maintenanceSeconds = 60.0

    func run() {
        while true {
            let deadline = nextDeadline()
            let isStopped = signal.wait(until: deadline) { signal -> Bool? in
                if signal.isStopped { return true }
                guard signal.hasSamples else { return nil }
                signal.hasSamples = false
                return false
            }
            if isStopped == true { return }
            // The first samples after a rest: more come in the same second.
            if isStopped == false,
                signal.wait(
                    until: .monotonic.adding(seconds: configuration.writeInterval), { $0.isStopped ? true : nil })
                    != nil
            {
                return
            }
            tick(now: .monotonic)
        }
    }

    private func nextDeadline() -> Timestamp {
        writer.withLock { writer in
            var next = writer.maintained.adding(seconds: Self.maintenanceSeconds)
            if let since = writer.unsynchronized { next = min(next, since.adding(seconds: configuration.syncInterval)) }
            if let retry = writer.retry { next = min(next, retry) }
            if let retry = writer.blockRetry.next, locked.state.withLock({ !$0.sealed.isEmpty }) {
                next = min(next, retry)
            }
            return next
        }
    }

    /// Does what is due.
    func tick(now: Timestamp) {
        let isDue = writer.withLock { writer in
            (
                sync: writer.unsynchronized.map { now.seconds(since: $0) >= configuration.syncInterval } ?? false,
                block: now.seconds(since: writer.windowStart) >= configuration.blockInterval,
                retry: writer.blockRetry.isDue(now),
                maintenance: now.seconds(since: writer.maintained) >= Self.maintenanceSeconds
            )
        }
        flush(durable: isDue.sync)
        let mustSeal = locked.state.withLock { $0.mustSeal }
        if isDue.block || mustSeal {
            makeBlock()
        } else if isDue.retry {
            writer.withLock { writeSealed(&$0) }
        }
        guard isDue.maintenance else { return }
        // Until it is known what rules want nothing goes for its age.
        if isRetentionKnown.load(ordering: .relaxed) { maintain(now: .now) } else { measure() }
    }

    /// Writes what was appended to the log, and with `durable` makes it durable.
    func flush(durable: Bool) {
        writer.withLock { writer in
            let number = locked.state.withLock { state in
                take(&state, &writer)
                return state.window.number
            }
            write(&writer, log: number, durable: durable)
        }
    }

    /// Takes over what the log's encoder has.
    private func take(_ state: inout StoreState, _ writer: inout StoreWriter) {
        if writer.waiting.isEmpty {
            swap(&writer.waiting, &state.log.bytes)
        } else {
            writer.waiting.append(state.log.bytes.bytes)
        }
        state.log.bytes.removeAll()
        state.log.bytes.release(downTo: 64 << 10)
    }

    private func write(_ writer: inout StoreWriter, log number: UInt64, durable: Bool) {
        guard writer.directory != nil else { return writer.waiting.removeAll() }
        do throws(SystemError) {
            metrics.writtenBytes.add(try writer.write(log: number))
            logBytes.store(writer.logBytes, ordering: .relaxed)
            if durable { try writer.synchronize() }
            writer.retry = nil
            setTrouble("log", nil)
        } catch {
            metrics.writeErrors.add()
            writer.retry = .monotonic.adding(seconds: StoreWriter.retrySeconds)
            setTrouble(
                "log", "samples are kept in memory alone, for the series store's log cannot be written: \(error)")
            if writer.waiting.count > StoreWriter.waitingLimit {
                // Operations build on those before: with these gone the log ends. Its window becomes a block now.
                metrics.lostBytes.add(writer.waiting.count)
                writer.waiting.removeAll()
                writer.waiting.release()
                locked.state.withLock { state in
                    state.mustSeal = true
                    state.log.bytes.removeAll()
                    state.log.isKept = false
                }
            }
        }
    }

    /// Ends the window and makes blocks of all that have ended.
    package func makeBlock() {
        writer.withLock { writer in
            locked.state.withLock { state in
                take(&state, &writer)
            }
            let number = locked.state.withLock { $0.window.number }
            write(&writer, log: number, durable: false)
            locked.state.withLock { state in
                // What came since the lock was given back is of the same log.
                take(&state, &writer)
                _ = state.seal()
                state.log.isKept = configuration.directory != nil
            }
            write(&writer, log: number, durable: false)
            // Of the log that ended nothing can be added any more; the block will have it.
            writer.waiting.removeAll()
            writer.windowStart = .monotonic
            writeSealed(&writer)
        }
        bound()
    }

    /// Makes blocks of the windows that have ended.
    private func writeSealed(_ writer: inout StoreWriter) {
        while let window = locked.state.withLock({ $0.sealed.first }) {
            let starts = locked.state.withLock { state in state.states.map(\.start) }
            guard let block = block(of: window, starts: starts, &writer) else { break }
            locked.state.withLock { state in
                state.sealed.removeFirst()
                state.blocks.append(block)
            }
            if let directory = writer.directory {
                for number in writer.logs.keys where number <= block.numbers.upperBound {
                    remove(LogFormat.fileName(number), in: directory)
                    writer.logs[number] = nil
                }
                logBytes.store(writer.logBytes, ordering: .relaxed)
            }
            writer.mustTrim = true
            metrics.blocks.add()
        }
    }

    private func block(of window: Window, starts: [Int64], _ writer: inout StoreWriter) -> Block? {
        makeBlock(numbers: window.number...window.number, &writer) { block throws(SystemError) in
            try block.add(window, starts: starts)
        }
    }

    /// Makes a block that `fill` fills: a durable file, or in memory. Nil where the disk does not take it.
    func makeBlock(
        numbers: ClosedRange<UInt64>, _ writer: inout StoreWriter,
        _ fill: (inout BlockWriter) throws(SystemError) -> Void
    ) -> Block? {
        guard let directory = writer.directory else {
            let bytes = CollectedBytes()
            do throws(SystemError) {
                var block = BlockWriter { bytes.append($0) }
                try fill(&block)
                try block.finish()
            } catch {
                return nil
            }
            return Block(bytes: bytes.bytes, numbers: numbers)
        }
        let name = BlockFormat.fileName(numbers)
        let temporary = name + ".new"
        do throws(SystemError) {
            let file = try StoreFile(path: directory.file(temporary), flags: O_WRONLY | O_CREAT | O_TRUNC)
            let position = CollectedBytes()
            let faults = writer.faults
            var block = BlockWriter { span throws(SystemError) in
                try file.write(span, RawSpan(), at: UInt64(position.count), faults: faults)
                position.count += span.byteCount
            }
            try fill(&block)
            try block.finish()
            try file.synchronize(faults: faults)
            metrics.writtenBytes.add(position.count)
            if rename(directory.file(temporary), directory.file(name)) != 0 {
                throw SystemError(call: "rename", path: directory.file(temporary), code: errno)
            }
            try directory.synchronize()
            let mapped = try MappedFile(path: directory.file(name))
            guard let result = Block(file: mapped, numbers: numbers) else {
                throw SystemError(call: "read back", path: directory.file(name), code: EIO)
            }
            writer.blockRetry.succeeded()
            setTrouble("block", nil)
            return result
        } catch {
            writer.blockRetry.failed()
            unlink(directory.file(temporary))
            metrics.writeErrors.add()
            setTrouble("block", "samples are kept in memory, for the series store cannot write a block: \(error)")
            return nil
        }
    }

    func remove(_ name: String, in directory: StoreDirectory) {
        if configuration.isReadOnly { return }
        do throws(SystemError) { try directory.remove(name) } catch {
            metrics.writeErrors.add()
            setTrouble("delete", "the series store cannot delete a file that it no longer needs: \(error)")
        }
    }
}

/// What a block's writer puts out.
private final class CollectedBytes {
    var bytes: [UInt8] = []
    var count = 0

    func append(_ span: RawSpan) { bytes.append(contentsOf: [UInt8](span)) }
}
