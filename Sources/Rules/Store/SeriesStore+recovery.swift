import Bytes
import CLinux
import Glibc
import Synchronization
import Telemetry

/// What a start finds on disk. No damage is an error: it costs what is damaged, and is counted and told.
extension SeriesStore {
    func recover() {
        writer.withLock { writer in
            guard let directory = writer.directory else { return }
            // Files are mapped from here on.
            clinux_guard_mappings()
            var names: [String]
            do throws(SystemError) { names = try directory.names() } catch {
                return setTrouble("start", "the series store cannot read its directory: \(error)")
            }
            for name in names where name.hasSuffix(".new") { remove(name, in: directory) }
            var troubles: [String] = []
            names = setAsideOtherVersions(names, directory, &troubles)
            locked.state.withLock { state in
                readBlocks(names, directory, &state, &troubles)
                readLogs(names, directory, &state, &writer, &troubles)
            }
            logBytes.store(writer.logBytes, ordering: .relaxed)
            if !troubles.isEmpty {
                setTrouble("start", "the series store lost samples: " + troubles.joined(separator: ", "))
            }
        }
    }

    // MARK: Blocks

    private func readBlocks(
        _ names: [String], _ directory: StoreDirectory, _ state: inout StoreState, _ troubles: inout [String]
    ) {
        // Wider ones first: what they have in them is in their place.
        let found = names.compactMap { BlockFormat.numbers(ofFileNamed: $0) }.sorted {
            ($0.lowerBound, $1.upperBound) < ($1.lowerBound, $0.upperBound)
        }
        var blocks: [Block] = []
        for numbers in found {
            let name = BlockFormat.fileName(numbers)
            if let last = blocks.last, last.numbers.upperBound >= numbers.upperBound {
                remove(name, in: directory)
                continue
            }
            do throws(SystemError) {
                let file = try MappedFile(path: directory.file(name))
                if let block = Block(file: file, numbers: numbers) {
                    blocks.append(block)
                    continue
                }
                setAside(name, directory, &troubles)
            } catch {
                metrics.damagedFiles.add()
                troubles.append(error.description)
            }
        }
        var places: [UInt32: Int] = [:]
        var labels = LabelCoder()
        var kept: [Block] = []
        var read: Block?
        // The newest first, for it has most of the series.
        for block in blocks.reversed() {
            if let read, block.hasSameSeries(as: read) {
                kept.append(block)
                continue
            }
            var coder = LabelCoder()
            coder.strings = labels.strings
            let isWhole = block.forEachSeries(&coder) { id, start, set in
                if let place = places[id] {
                    if state.states[place].start == .min { state.states[place].start = start }
                    return
                }
                places[id] = place(of: id, set, start, &state)
            }
            labels.strings = coder.strings
            guard isWhole else {
                setAside(BlockFormat.fileName(block.numbers), directory, &troubles)
                continue
            }
            kept.append(block)
            read = block
        }
        state.blocks = kept.reversed()
        readTimes(state.blocks, places, &state)
    }

    private func place(of id: UInt32, _ labels: LabelSet, _ start: Int64, _ state: inout StoreState) -> Int {
        if let known = state.find(labels) { return known }
        let place = state.insert(Series(labels: labels, metadata: StoreState.unknownFamily), id: id)
        state.states[place].start = start
        return place
    }

    /// The newest time of each series, and whether its chunks lie across one another, as they do where samples came late.
    private func readTimes(_ blocks: [Block], _ places: [UInt32: Int], _ state: inout StoreState) {
        for block in blocks {
            block.forEachChunk { chunk, first, last in
                guard let place = places[chunk.series] else { return }
                if first <= state.states[place].lastTime { state.states[place].hasLate = true }
                state.states[place].lastTime = max(state.states[place].lastTime, last)
            }
        }
    }

    /// A damaged file is kept beside, the last one of them, for who wants to look into it.
    private func setAside(_ name: String, _ directory: StoreDirectory, _ troubles: inout [String]) {
        metrics.damagedFiles.add()
        if configuration.isReadOnly { return troubles.append("\(directory.file(name)) is damaged") }
        troubles.append("\(directory.file(name)) is damaged and was set aside as damaged")
        if rename(directory.file(name), directory.file("damaged")) != 0 { remove(name, in: directory) }
    }

    // MARK: Logs

    private func readLogs(
        _ names: [String], _ directory: StoreDirectory, _ state: inout StoreState, _ writer: inout StoreWriter,
        _ troubles: inout [String]
    ) {
        let covered = state.blocks.last?.numbers.upperBound ?? 0
        let numbers = names.compactMap { LogFormat.number(ofFileNamed: $0) }.sorted()
        state.window = Window(number: max(covered, numbers.last ?? 0) + 1)
        state.isReplaying = true
        state.log.isKept = false
        defer {
            state.isReplaying = false
            state.log.isKept = true
            state.tally = StoreTally()
        }
        for number in numbers {
            guard number > covered else {
                remove(LogFormat.fileName(number), in: directory)
                continue
            }
            // One that is not the last has ended.
            _ = state.seal()
            state.window = Window(number: number)
            do throws(SystemError) {
                try readLog(number, directory, &state, &writer, &troubles)
            } catch {
                metrics.damagedFiles.add()
                troubles.append(error.description)
                _ = state.seal()
                state.window = Window(number: number + 1)
            }
        }
    }

    private func readLog(
        _ number: UInt64, _ directory: StoreDirectory, _ state: inout StoreState, _ writer: inout StoreWriter,
        _ troubles: inout [String]
    ) throws(SystemError) {
        let path = directory.file(LogFormat.fileName(number))
        let file = try MappedFile(path: path)
        var decoder = LogDecoder()
        var end = 0
        var isWhole = true
        var isUnderstood = true
        file.withBytes { bytes in
            guard LogFormat.isHeader(bytes, number: number) else { return isWhole = false }
            end = LogFormat.headerSize
            while end < bytes.byteCount {
                var next = end
                guard let operations = LogFormat.record(bytes, &next, log: number) else { return isWhole = false }
                isUnderstood = decoder.read(operations, &state)
                guard isUnderstood else { return isWhole = false }
                end = next
            }
        }
        state.log.resume(decoder)
        state.window.samples = decoder.samples
        if !isWhole {
            metrics.damagedFiles.add()
            metrics.tornBytes.add(file.count - end)
            // A torn end is what kill -9 and power failures leave; it costs seconds.
            if file.count - end > 64 << 10 { troubles.append("\(path) ends after \(end) of \(file.count) bytes") }
        }
        if configuration.isReadOnly {
            if !isUnderstood { _ = state.seal() }
            return
        }
        let log = try StoreFile(path: path, flags: O_RDWR)
        try log.truncate(to: UInt64(end))
        writer.logs[number] = end
        if end < LogFormat.headerSize { return }
        guard isUnderstood else {
            // Half a record was taken: the log cannot be gone on with.
            _ = state.seal()
            return
        }
        writer.file = log
        writer.number = number
        writer.end = UInt64(end)
    }
}
